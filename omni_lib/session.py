"""One session of a run: lock its folder, load its newest checkpoint, train, and say how it ended.

    train(load_config("configs/audio_enc_tiny.json"), resume=True)

A run has several sessions if it is stopped and resumed. `omni train`, the tests and scripts call this
function; the loop is in `trainer.py`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from omni_lib.config import Config
from omni_lib.errors import UserError
from omni_lib.machine import distributed
from omni_lib.machine.thread_plan import ThreadPlan
from omni_lib.machine.threads import threads, threads_of_run
from omni_lib.runs.lock import RunLock
from omni_lib.runs.log import FILE_NAME
from omni_lib.trainer import Trainer
from omni_lib.training.checkpoint import checkpoint_path, delete_old_checkpoints, periodic_checkpoints
from omni_lib.training.resumption import load_to_resume


@dataclass(frozen=True)
class TrainingResult:
    """How a session of a run ended."""

    folder: Path
    checkpoint: Path  # the last one saved
    step: int
    total_steps: int
    interrupted: bool  # by Ctrl-C, SIGTERM, the stop file or max_steps
    seconds: float  # loading and evaluation included


def train(
    config: Config,
    *,
    resume: bool = False,
    max_steps: int | None = None,
    report: Callable[[str], None] = tqdm.write,
    plan: ThreadPlan | None = None,
) -> TrainingResult:
    """Train to the end of the schedule, or to the global step `max_steps`, or until interrupted.

    Args:
        resume: continue from the newest checkpoint in `config.save_dir`, if there is one.
        report: called with each line that the user should see.
        plan: how many threads a new run uses; None: as many as torch uses now. A resumed run uses as many as
            before.

    Raises:
        UserError: another process is training in the folder; the folder holds a run and `resume` is false;
            its newest checkpoint is damaged, or was trained with other settings or other data; the data
            cannot be used for training; a step would not fit into memory; the disk is full; or the loss is
            not finite.
    """
    began = time.monotonic()
    folder = Path(config.save_dir)
    with distributed.process_group(), distributed.on_writer(RunLock(folder)):
        if not resume and (periodic_checkpoints(folder) or (folder / FILE_NAME).exists()):
            raise UserError(
                f"{folder} holds a run already: add --resume to continue it, or choose another save_dir"
            )
        earlier = load_to_resume(folder, config)
        delete_old_checkpoints(folder)  # an earlier process may have been killed before it deleted them
        distributed.agree(
            earlier and earlier.step,
            f"not all processes see the same checkpoints in {folder}: "
            "choose a save_dir that all machines share",
        )
        if earlier and earlier.is_finished:
            earlier.report_changed_data(config, report)
            seconds = time.monotonic() - began
            return TrainingResult(folder, earlier.path, earlier.step, earlier.step, False, seconds)
        if earlier and earlier.threads is None:
            plan = None  # a checkpoint without a number of threads: so many as torch chooses, as before
        number, why = threads_of_run(plan, earlier.threads if earlier else None)
        with threads(number):
            trainer = Trainer(config, folder, report, earlier)
            if why:
                trainer.report(why)
            with contextlib.closing(trainer.journal):
                interrupted = trainer.run(max_steps)
    seconds = time.monotonic() - began
    path = checkpoint_path(folder, trainer.step)
    return TrainingResult(folder, path, trainer.step, trainer.total_steps, interrupted, seconds)
