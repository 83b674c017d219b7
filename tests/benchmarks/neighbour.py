"""Seconds per training step, alone and beside a busy program, for each number of threads.

    python tests/benchmarks/neighbour.py [--config configs/audio_enc_tiny.json] [--rounds 4]

Each row is a real `omni train` of the config in a temporary folder. The figure is the median of `--rounds`
log lines of 15 steps; the first two lines are left out, because kernels are compiled there. The neighbour is
one Python process that counts. The first row is what a training does by itself: in brackets stand the numbers
of threads that it chose alone and beside the neighbour. In the other rows the number and the waiting are set
by the user; "awake" is libgomp's own default. The rows are printed as those of the table in README.md. Run it
on a machine that is otherwise idle, after `omni data synth --out data/audio`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from record import RESULTS, provenance

from omni_lib.machine.files import write_atomically
from omni_lib.machine.thread_plan import POLICY, own_cores
from omni_lib.runs.log import FILE_NAME, read_log
from omni_lib.training.checkpoint import periodic_checkpoints
from omni_lib.weights import load_checkpoint

LINE = 15  # steps
UNCOUNTED = 2  # log lines
WAYS = {"awake": {"GOMP_SPINCOUNT": "300000"}, "asleep": {POLICY: "PASSIVE"}}


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    """Keep `count` cores busy."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def measured(config: Path, settings: dict[str, str], rounds: int) -> tuple[float, int]:
    """A training in a process of its own.

    Args:
        settings: environment variables; there are no others about threads.

    Returns:
        seconds a step, the median over the counted log lines, and the number of threads.
    """
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_", "KMP_"))
    }
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "omni_lib.train", "--config", str(config)]
            + ["--set", f"save_dir={folder}", "--set", f"log_every={LINE}"]
            + ["--max-steps", str(LINE * (rounds + UNCOUNTED))],
            env={**environment, **settings},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        lines = [entry for entry in read_log(Path(folder) / FILE_NAME)["entries"] if entry["type"] == "step"]
        threads = load_checkpoint(periodic_checkpoints(Path(folder))[-1])["resume"]["threads"]
    return statistics.median(line["seconds_per_step"] for line in lines[UNCOUNTED:]), threads


def rows_to_measure(cores: int) -> list[tuple[str, str, dict[str, str]]]:
    """How the threads of each row are named and wait, and the environment variables that make it so."""
    rows: list[tuple[str, str, dict[str, str]]] = [("by load", "by load", {})]
    for threads in sorted({1, 2, cores // 2, cores} & set(range(1, cores + 1))):
        number = {"OMP_NUM_THREADS": str(threads)}
        if threads == 1:
            rows.append(("1", "–", number))  # one thread waits for nobody
        else:
            rows += [(str(threads), name, {**number, **way}) for name, way in WAYS.items()]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=Path("configs/audio_enc_tiny.json"))
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    rows = []
    for threads, waiting, settings in rows_to_measure(len(own_cores())):
        figures, used = [], []
        for busy in (0, 1):
            with neighbours(busy):
                time.sleep(1)
                seconds, number = measured(options.config, settings, options.rounds)
            figures.append(round(seconds, 3))
            used.append(number)
        if not settings:
            threads = f"{threads} ({used[0]}, {used[1]})"
        rows.append({"threads": threads, "waiting": waiting, "beside_0": figures[0], "beside_1": figures[1]})
        alone, beside = figures
        print(f"| {threads} | {waiting} | {alone:.3f} | {beside:.3f} | {beside / alone:.1f} |", flush=True)
    write_atomically(
        RESULTS / "neighbour.json", (json.dumps({"rows": rows, **provenance()}, indent=1) + "\n").encode()
    )


if __name__ == "__main__":
    main()
