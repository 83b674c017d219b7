"""The cost of the training panel: processor time of the kernel that watches a run, in shares of one core.

    python tests/benchmarks/panel.py [--seconds 60] [--lines-every 2]

The training run is a substitute that only writes log lines. Processor time is measured, not wall-clock time,
so that other load on the machine does not matter. By default a line is written every two seconds, ten times
as often as training on the embedded corpus writes them on two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from record import provenance

from omni_lib.course.training_run import TrainingRun

WRITER = """
import sys, time
from pathlib import Path
from omni_lib.runs.lock import RunLock
from omni_lib.runs.log import TrainingLog
from omni_lib.runs.progress import ProgressFile
folder, every, lines = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
heard = [{"said": "turn on the light in the kitchen", "heard": "turn on the liht in the kichen"}] * 3
with RunLock(folder):
    log, progress = TrainingLog(folder, {}), ProgressFile(folder)
    progress.add(begin=0, total_steps=100_000, steps_per_epoch=5, frames_per_step=900.0, first_loss=110.0)
    for step in range(1, 100_000):
        figures = {"ctc_loss": 100 / step, "wer": 1 / step, "blank_rate": 0.8, "peakiness": 0.5,
                   "entropy": 0.5, "learning_rate": 1e-3, "seconds_per_step": 0.2}
        log.add(type="step", step=step, epoch=1, **figures, total_steps=100_000)
        for tenth in range(9, -1, -1):  # ten points to a line of the log, as in a real training
            progress.add(step=10 * step - tenth, **figures, frames=900, steps=1)
        if step % 5 == 0:
            log.add(type="epoch", step=step, epoch=step // 5, dev_wer=1 / step, dev_cer=0.5 / step,
                    transcripts=heard)
        if step > lines:  # a run that has gone on for a while
            time.sleep(every)
"""


async def watch(folder: Path, seconds: float) -> tuple[float, int]:
    """Processor seconds of this process while a panel is up, and how often it drew curves."""
    run = TrainingRun.attach(folder)
    panel = run.panel()
    drawn = 0

    def count(_: object) -> None:
        nonlocal drawn
        drawn += 1

    panel._charts.observe(count, names="value")
    await asyncio.sleep(3)
    before, drawn = time.process_time(), 0
    await asyncio.sleep(seconds)
    return time.process_time() - before, drawn


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--lines-every", type=float, default=2.0, help="seconds between two log lines")
    parser.add_argument(
        "--lines",
        type=int,
        default=25,
        help="lines that are there already: 25 are a whole run of the embedded corpus",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        command = [sys.executable, "-c", WRITER, str(folder), str(options.lines_every), str(options.lines)]
        writer = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
        try:
            while not (folder / "training_log.json").exists():
                assert writer.poll() is None
                time.sleep(0.1)
            spent, drawn = asyncio.run(watch(folder, options.seconds))
        finally:
            writer.kill()
            writer.wait()
    share = spent / options.seconds
    print(
        json.dumps(
            {
                "share_of_a_core": round(share, 5),
                "curves_drawn": drawn,
                "seconds": options.seconds,
                **provenance(),
            },
            indent=1,
        )
    )
    print(f"{share:.2%} of one core; curves drawn {drawn} times in {options.seconds:.0f} s")


if __name__ == "__main__":
    main()
