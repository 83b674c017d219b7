"""Whether the time and memory of a training step stay constant from 1,000 to 100,000 rows.

    python tests/benchmarks/growth.py [--rows 1000 10000 100000] [--steps 60] [--memory 0]

The clips are one second of tones. They are hard links to a few hundred files, so that 100,000 of them take
little space. Each size runs in its own process, which opens the manifest, audits it, computes the features
(with --memory 0 all of them are stored on disk), and takes the first steps of epochs 1 and 2. Then it opens
everything again, as --resume would. Draws results/growth.svg from results/growth.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from record import RESULTS, ROOT, add_row, provenance, read_rows

VOICES, WORDS = 300, "one two three four five six seven eight nine ten".split()


def make_corpus(folder: Path, rows: int) -> Path:
    """`rows` clips of a second, 1% of them dev, as `asr.csv`."""
    import soundfile

    from omni_lib.manifest import Utterance, write_manifest

    rng, utterances = random.Random(0), []
    time_axis = np.arange(16_000) / 16_000
    for voice in range(VOICES):
        (folder / "voices").mkdir(exist_ok=True)
        tone = 0.2 * np.sin(2 * np.pi * rng.uniform(100, 3000) * time_axis) + 0.01 * np.random.default_rng(
            voice
        ).standard_normal(16_000)
        soundfile.write(folder / "voices" / f"{voice}.wav", tone, 16_000, subtype="PCM_16")
    for row in range(rows):
        path = folder / f"{row // 1000:03}" / f"{row}.wav"
        path.parent.mkdir(exist_ok=True)
        os.link(folder / "voices" / f"{row % VOICES}.wav", path)
        utterances.append(
            Utterance(
                path,
                " ".join(rng.choices(WORDS, k=2)),
                f"s{row % VOICES}",
                "dev" if row % 100 == 0 else "train",
            )
        )
    write_manifest(folder / "asr.csv", utterances)
    return folder / "asr.csv"


def measure(csv: Path, steps: int) -> dict[str, Any]:
    """In this process: seconds to open, seconds a step, and memory."""
    from omni_lib.config import Config
    from omni_lib.manifest import read_manifest
    from omni_lib.trainer import Trainer

    process, result = psutil.Process(), {}
    began = time.perf_counter()
    read_manifest(csv)
    result["manifest_seconds"] = time.perf_counter() - began
    config = Config(
        data_path=str(csv), ctc_frames_per_embedding=3, save_dir=str(csv.parent / "run"), muon_rate=0.02
    )
    began = time.perf_counter()
    trainer = Trainer(config, Path(config.save_dir), report=lambda line: None)
    result["open_seconds"] = time.perf_counter() - began
    for epoch in (1, 2):
        batches, taken = iter(trainer.batches.epoch(epoch)), []
        began = time.perf_counter()
        trainer.train_step(next(batches))
        result[f"epoch_{epoch}_first_step_seconds"] = (
            time.perf_counter() - began
        )  # with the plan of the epoch
        for _ in range(steps):
            began = time.perf_counter()
            trainer.train_step(next(batches))
            taken.append(time.perf_counter() - began)
        own, mapped = memory_mb(process)
        result |= {
            f"epoch_{epoch}_step_seconds": statistics.median(taken),
            f"epoch_{epoch}_own_mb": own,
            f"epoch_{epoch}_mapped_mb": mapped,
        }
    began = time.perf_counter()
    Trainer(config, Path(config.save_dir), report=lambda line: None)
    result["open_again_seconds"] = time.perf_counter() - began
    result["on_disk"] = trainer.batches.cache.on_disk
    return result


def memory_mb(process: psutil.Process) -> tuple[float, float]:
    """The private memory of the process, and its mapped file pages, which the system can reclaim."""
    memory = process.memory_info()
    mapped = getattr(memory, "shared", 0)  # Linux alone tells
    return (memory.rss - mapped) / 1e6, mapped / 1e6


def draw(results: Path) -> Path:
    """Median step time and private memory over rows, of the newest run only: other runs had other load."""
    import matplotlib.pyplot as plt

    from omni_lib.course.figures import page_style
    from omni_lib.course.palette import BLUE, ORANGE

    rows = read_rows(results)
    newest = {row["rows"]: row for row in rows if row["command"] == rows[-1]["command"]}
    sizes = sorted(newest)
    with page_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
        for epoch, colour, marker in ((1, ORANGE, "s"), (2, BLUE, "o")):
            style = {"color": colour, "marker": marker, "label": f"epoch {epoch}"}
            left.plot(sizes, [newest[size][f"epoch_{epoch}_step_seconds"] * 1e3 for size in sizes], **style)
            told = [size for size in sizes if f"epoch_{epoch}_own_mb" in newest[size]]
            right.plot(told, [newest[size][f"epoch_{epoch}_own_mb"] for size in told], **style)
        for axes in (left, right):
            axes.set_ylim(0, 1.2 * axes.dataLim.ymax)
        left.set(xscale="log", xlabel="rows", ylabel="median step (ms)")
        right.set(xscale="log", xlabel="rows", ylabel="memory of its own (MB)")
        left.legend()
        out = results.with_suffix(".svg")
        figure.savefig(out, metadata={"Date": None})
    plt.close(figure)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--steps", type=int, default=60, help="of each epoch")
    parser.add_argument("--memory", default="0", metavar="GB", help="of features that may stay in memory")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.steps)))
        return
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            csv = make_corpus(Path(folder), rows)
            command = [sys.executable, __file__, "--measure", str(csv), "--steps", str(options.steps)]
            environment = {
                **os.environ,
                "OMNI_CACHE": str(Path(folder) / "cache"),
                "OMNI_FEATURE_MEMORY": options.memory,
            }
            told = subprocess.run(
                command, capture_output=True, text=True, check=True, env=environment, cwd=ROOT
            )
        result = json.loads(told.stdout.splitlines()[-1])
        load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
        add_row(
            RESULTS / "growth.json",
            {"rows": rows, **result, "steps": options.steps, "load": load, **provenance()},
        )
        print(rows, json.dumps(result), flush=True)
    print(draw(RESULTS / "growth.json"))


if __name__ == "__main__":
    main()
