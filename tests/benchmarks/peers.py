"""Word error rate against time: ours and three peers, on the same data, machine and budget, in one run.

    python tests/benchmarks/peers.py                   everything: about three hours on one core
    python tests/benchmarks/peers.py --minutes 5       one budget
    python tests/benchmarks/peers.py --systems ours    one system; several such processes may run in parallel
    python tests/benchmarks/peers.py --config configs/an4_long.json    all systems on other batch settings
    python tests/benchmarks/peers.py --smoke           seconds per budget: only checks that the script runs
    python tests/benchmarks/peers.py --draw            the figure again, from the results

The script makes its own venv (.venv-peers) for the peers. Every peer first tries four peak rates for
`--screen` minutes each; the best rate is used for the budgets. A budget is seconds of training on one core:
every system computes in one thread, and the clock is the processor time of the process, which equals the
wall-clock time of an idle core whatever else the machine does. The learning rate schedule follows that clock,
and evaluation stops it. Rows that are already in the result file are not run again, so an interrupted script
continues where it stopped. The rates are tried once, with the batches of the config that is run first.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VENV = ROOT / ".venv-peers"
CURVE_POINTS = 8  # evaluations on the way
TIMED_STEPS = 20  # from then on the schedule follows the clock
FIRST_GUESS = 1_000_000  # steps of the schedule before that


def enter_venv() -> None:
    """Go on in the peers' venv, made at the first call."""
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = (HERE / "peers-requirements.txt").read_text() + (ROOT / "constraints.txt").read_text()
    stamp = VENV / "ready"
    if not stamp.exists() or stamp.read_text() != wanted:
        print("making .venv-peers: some minutes and 6 GB the first time", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        install = [
            "install",
            "-q",
            "-c",
            "constraints.txt",
            "-r",
            str(HERE / "peers-requirements.txt"),
            "-e",
            ".",
        ]
        subprocess.run([str(python), "-m", "pip", *install], cwd=ROOT, check=True)
        stamp.write_text(wanted)
    sys.exit(subprocess.run([str(python), *sys.argv], env=os.environ | {"OMNI_PEERS": "inside"}).returncode)


def measure(name: str, rate: float | None, seconds: float, corpus: Any, config: Any) -> dict[str, Any]:
    """Train one system for `seconds` and evaluate it on dev."""
    import torch
    from peer_systems import SYSTEMS, is_finite

    from omni_lib.inference.evaluation import evaluate
    from omni_lib.training.batching import TrainingBatches

    batches = TrainingBatches(corpus.training, config, corpus.mean.float())

    def stream():
        for epoch in range(1, 1_000_000):
            yield from batches.epoch(epoch)

    torch.manual_seed(config.seed)
    system, source = SYSTEMS[name](config, corpus, rate), stream()
    spent, number, curve, total = 0.0, 0, [], FIRST_GUESS
    while spent < seconds:
        began = time.process_time()
        system.step(next(source), number, total)
        spent += time.process_time() - began
        number += 1
        if number >= TIMED_STEPS:
            total = max(
                number + 1, round(number * seconds / spent)
            )  # so that the rate is at its end when the time is
        if spent >= (len(curve) + 1) * seconds / CURVE_POINTS and spent < seconds:
            curve.append([spent, evaluate(system.evaluated, corpus.dev).wer])
    result = evaluate(system.evaluated, corpus.dev)
    return {
        "seconds": spent,
        "steps": number,
        "epochs": number / len(batches),
        "parameters": system.parameters,
        "finite": is_finite(system.model),
        "wer": result.wer,
        "wer_ci95": list(result.interval()),
        "cer": result.cer,
        "curve": [*curve, [spent, result.wer]],
    }


def identity(stage: str, system: str, rate: float | None, seconds: float, config: str) -> dict[str, Any]:
    """What tells a row of the result file from the others."""
    named = {"stage": stage, "system": system, "rate": rate, "budget_seconds": seconds}
    return named if stage == "screening" else named | {"config": config}


def known(rows: list[dict[str, Any]], wanted: dict[str, Any]) -> dict[str, Any] | None:
    """The row of that identity, if it has been measured."""
    return next((row for row in rows if wanted.items() <= row.items()), None)


def load(data: Path, config: Any) -> Any:
    """Training and dev features, and the statistics of the former."""
    from peer_systems import Corpus

    from omni_lib.audio import feature_statistics
    from omni_lib.manifest import read_manifest
    from omni_lib.training.audit import readable, trainable
    from omni_lib.training.batching import FeatureCache

    manifest = read_manifest(data / "asr.csv")
    cache = FeatureCache(trainable(manifest, config, print), config.speeds, "training features")
    dev = FeatureCache(readable(manifest, config, "dev", print), title="dev features")
    return Corpus(cache, dev, *feature_statistics([cache.features(row) for row in range(len(cache))]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[5, 10, 20])
    parser.add_argument(
        "--systems",
        nargs="+",
        metavar="NAME",
        help="of ours, parakeet_8x, parakeet_4x, torchaudio_conformer; all",
    )
    parser.add_argument("--screen", type=float, default=3, help="minutes for each rate that a peer tries")
    parser.add_argument("--data", type=Path, default=ROOT / "data/an4")
    parser.add_argument("--config", default=str(ROOT / "configs/an4.json"))
    parser.add_argument("--out", type=Path, default=HERE / "results/peers.json")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--draw", action="store_true")
    options = parser.parse_args()
    sys.path.insert(0, str(HERE))
    if options.draw:
        from peers_figure import draw

        print(draw(options.out))
        return
    if os.environ.get("OMNI_PEERS") != "inside":
        enter_venv()
    compare(options)


def compare(options: argparse.Namespace) -> None:
    """Every system, screened and at every budget; a row of the result file each."""
    import torch
    from peer_systems import RATES, SYSTEMS
    from record import add_row, provenance, read_rows

    from omni_lib.config import load_config
    from omni_lib.machine.hardware import keep_freed_memory, remember_kernels

    torch.set_num_threads(1)  # before anything is computed
    remember_kernels()
    keep_freed_memory()
    config = load_config(options.config, [f"data_path={options.data / 'asr.csv'}"])
    corpus = load(options.data, config)
    rates = RATES[:2] if options.smoke else RATES
    minutes, screen = ([0.1], 0.05) if options.smoke else (options.minutes, options.screen)

    def row(stage: str, name: str, rate: float | None, budget: float) -> dict[str, Any]:
        wanted = identity(stage, name, rate, 60 * budget, Path(options.config).stem)
        if done := known(read_rows(options.out), wanted):
            return done
        fresh = wanted | measure(name, rate, 60 * budget, corpus, config) | provenance()
        add_row(options.out, fresh)
        print(
            f"{stage} {name} rate {rate} {budget} min: dev WER {fresh['wer']:.1%}, {fresh['steps']} steps, "
            f"{fresh['seconds']:.0f} s",
            flush=True,
        )
        return fresh

    best: dict[str, float | None] = {"ours": None}  # its rate stands in the config
    names = options.systems or list(SYSTEMS)
    if unknown := set(names) - set(SYSTEMS):
        sys.exit(f"no such system: {', '.join(sorted(unknown))}; there are {', '.join(SYSTEMS)}")
    for name in names:
        if name not in best:
            best[name] = min(
                (row("screening", name, rate, screen) for rate in rates), key=lambda result: result["wer"]
            )["rate"]
    for budget in minutes:
        for name in names:
            row("budget", name, best[name], budget)


if __name__ == "__main__":
    main()
