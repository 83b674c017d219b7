"""What the tests of trainings from a cell share."""

import contextlib
import time
from pathlib import Path

import psutil

from omni_lib.course.training_run import TrainingRun


@contextlib.contextmanager
def suspended(run: TrainingRun):
    """Suspend the process of the run inside the block; it may be killed there."""
    process = run.process()
    process.suspend()
    try:
        yield
    finally:
        with contextlib.suppress(psutil.Error):
            process.resume()


def until(condition, seconds: float = 120.0):
    """Wait for what `condition` returns to be true, and return it."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return value


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
