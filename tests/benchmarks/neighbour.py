"""Seconds per training step, alone and beside a busy program, for each number of threads.

    python tests/benchmarks/neighbour.py [--config configs/audio_enc_tiny.json] [--rounds 4]

Each row is a real `omni train` of the config in a temporary folder. The figure is the median of `--rounds`
log lines of 15 steps; the first two lines are left out, because kernels are compiled there. The neighbour is
one Python process that counts. "always awake" is libgomp's own default, which the training used before it
chose by load. Run it on a machine that is otherwise idle, after `omni data synth --out data/audio`.
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
from omni_lib.machine.waiting import POLICY, own_cores
from omni_lib.runs.log import FILE_NAME, read_log

LINE = 15  # steps
UNCOUNTED = 2  # log lines
WAYS = {
    "chosen by load": {},
    "always awake": {"GOMP_SPINCOUNT": "300000"},
    "always asleep": {POLICY: "PASSIVE"},
}


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


def seconds_per_step(config: Path, threads: int, way: dict[str, str], rounds: int) -> float:
    """The median over the counted log lines of a training in a process of its own."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_", "KMP_"))
    }
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "omni_lib.train", "--config", str(config)]
            + ["--set", f"save_dir={folder}", "--set", f"log_every={LINE}"]
            + ["--max-steps", str(LINE * (rounds + UNCOUNTED))],
            env={**environment, "OMP_NUM_THREADS": str(threads), **way},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        lines = [entry for entry in read_log(Path(folder) / FILE_NAME)["entries"] if entry["type"] == "step"]
    return statistics.median(line["seconds_per_step"] for line in lines[UNCOUNTED:])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=Path("configs/audio_enc_tiny.json"))
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    cores = len(own_cores())
    rows = []
    for threads in sorted({1, 2, cores // 2, cores} & set(range(1, cores + 1))):
        for name, way in WAYS.items():
            if threads == 1 and way:
                continue  # one thread waits for nobody
            row = {"threads": threads, "waiting": name}
            for busy in (0, 1):
                with neighbours(busy):
                    time.sleep(1)
                    row[f"beside_{busy}"] = round(
                        seconds_per_step(options.config, threads, way, options.rounds), 3
                    )
            rows.append(row)
            print(
                f"{threads} threads, {name}: {row['beside_0']} s alone, {row['beside_1']} s beside one",
                flush=True,
            )
    write_atomically(
        RESULTS / "neighbour.json", (json.dumps({"rows": rows, **provenance()}, indent=1) + "\n").encode()
    )


if __name__ == "__main__":
    main()
