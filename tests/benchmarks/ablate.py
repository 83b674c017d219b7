"""Train with any setting changed, and compare with the config itself.

    python tests/benchmarks/ablate.py --config configs/an4.json --seeds 0 1 2   # the config itself
    python tests/benchmarks/ablate.py --config configs/an4.json --seeds 0 1 2 --set muon_rate=0   # no Muon
    python tests/benchmarks/ablate.py --table   # all rows so far

Each seed is a full training run by `omni_lib.train`, evaluated on dev with the averaged weights of its last
step. A row holds the mean and the standard deviation of the WER over the seeds, the seconds until the dev WER
first fell to 12.3% (the chapter's headline), the median seconds per step, and where it was measured. Rows are
only ever added: a rejected setting keeps its figures and names the commit that had it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from record import RESULTS, add_row, provenance, read_rows

from omni_lib.config import Config, load_config
from omni_lib.inference.evaluation import evaluate
from omni_lib.manifest import read_manifest
from omni_lib.recogniser import load_recogniser
from omni_lib.runs.log import FILE_NAME, read_log
from omni_lib.session import train

FILE = RESULTS / "ablations.json"
HEADLINE = 0.123


def measure(config: Config, seed: int) -> dict[str, Any]:
    """Train once with `seed` and evaluate on dev."""
    with tempfile.TemporaryDirectory() as folder:
        seeded = Config(**{**config.to_dict(), "seed": seed, "save_dir": str(Path(folder) / "run")})
        lines: list[tuple[float, str]] = []
        began = time.monotonic()
        result = train(seeded, report=lambda line: lines.append((time.monotonic() - began, line)))
        recogniser, _ = load_recogniser(result.checkpoint)
        dev = evaluate(recogniser, read_manifest(config.data_path).split("dev"))
        entries = read_log(result.folder / FILE_NAME)["entries"]
    dev_wers = [entry["dev_wer"] for entry in entries if entry["type"] == "epoch"]
    times = [moment for moment, line in lines if " dev: wer=" in line]
    return {
        "seed": seed,
        "wer": dev.wer,
        "cer": dev.cer,
        "wer_ci95": list(dev.interval()),
        "seconds": result.seconds,
        "seconds_to_headline": first_below(HEADLINE, dev_wers, times),
        "seconds_per_step": statistics.median(
            entry["seconds_per_step"] for entry in entries if entry["type"] == "step"
        ),
    }


def first_below(limit: float, rates: list[float], times: list[float]) -> float | None:
    """The time of the first rate at or below `limit`."""
    return next((moment for rate, moment in zip(rates, times, strict=True) if rate <= limit), None)


def summary(config_path: str, overrides: list[str], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """One row of the result file."""
    rates = [run["wer"] for run in runs]
    return {
        "config": config_path,
        "set": overrides,
        "wer_mean": statistics.mean(rates),
        "wer_sd": statistics.stdev(rates) if len(rates) > 1 else None,
        "runs": runs,
    } | provenance()


def table(rows: list[dict[str, Any]]) -> str:
    """All rows as markdown."""
    lines = [
        "| config | changed | seeds | dev WER | seconds a step | seconds to 12.3% | commit |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        spread = f" ± {row['wer_sd']:.1%}" if row["wer_sd"] is not None else ""
        reached = [run["seconds_to_headline"] for run in row["runs"]]
        to_headline = (
            f"{statistics.mean(reached):.0f}" if None not in reached else "not reached by every seed"
        )
        step = statistics.median(run["seconds_per_step"] for run in row["runs"])
        lines.append(
            f"| {Path(row['config']).stem} | {', '.join(row['set']) or '–'} | {len(row['runs'])} | "
            f"{row['wer_mean']:.1%}{spread} | "
            f"{step:.2f} | {to_headline} | {row['commit']} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="configs/an4.json")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        print(table(read_rows(FILE)))
        return
    config = load_config(options.config, options.set)
    runs = []
    for seed in options.seeds:
        runs.append(measure(config, seed))
        print(f"seed {seed}: dev WER {runs[-1]['wer']:.1%}, {runs[-1]['seconds']:.0f} s", flush=True)
    row = summary(options.config, options.set, runs)
    add_row(FILE, row)
    print(table([row]))


if __name__ == "__main__":
    main()
