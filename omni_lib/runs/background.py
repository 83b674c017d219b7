"""A training in a process that does not end with the kernel: start, find, stop and resume it, or wait for it.

    run = BackgroundRun.start("configs/audio_enc_tiny.json")
    run.wait()                      # or, in an event loop: await run.ended()

The process is `omni train --resume`: the same loop in the same folder. The folder alone connects the caller
and the process: its files tell how the run stands (`run_folder.py`), and a file named `stop` requests that it
save and end. So `BackgroundRun.attach()` finds a run whoever started it. `course.training_run.TrainingRun`
adds a panel with buttons for the notebook.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from omni_lib.config import load_config
from omni_lib.errors import UserError
from omni_lib.runs.command import overrides, repeated
from omni_lib.runs.console import CONSOLE, append_line
from omni_lib.runs.discovery import bases, latest_first, locate, run_records
from omni_lib.runs.interruption import ask_to_stop
from omni_lib.runs.launch import Launch
from omni_lib.runs.lock import RECORD, read_record, settings_of
from omni_lib.runs.log import FILE_NAME
from omni_lib.runs.preflight import refuse_another_run, refuse_early
from omni_lib.runs.process import kill
from omni_lib.runs.run_folder import RunFolder
from omni_lib.runs.status import KILLED, State
from omni_lib.training.checkpoint import periodic_checkpoints


class BackgroundRun(RunFolder):
    """The run in one folder, which can be started, stopped and resumed. Make one with `start` or `attach`."""

    # Starting and finding

    @classmethod
    def start(
        cls, config: str | Path, *, set: Mapping[str, Any] | None = None, folder: str | Path | None = None
    ) -> Self:  # `set`: as on the command line
        """Train in a process of its own. A run that was stopped in that folder goes on.

        What the training would refuse is refused before the process starts; then nothing on the disk has
        changed.

        Args:
            config: a file of settings, relative to the working directory or to the project.
            set: settings that differ from it, as in `{"num_epochs": 5}`.
            folder: where the run is kept, instead of `save_dir`.

        Raises:
            UserError: a bad setting, settings that differ from those of the run in the folder, data that
                cannot be trained on, a run that is going on in that folder already, or a process that ended
                at once.
        """
        path, directory = locate(config)
        changes = overrides(set, folder)
        run = cls(directory / load_config(directory / path, changes).save_dir)
        arguments = [word for change in changes for word in ("--set", change)]
        run.launch(
            [sys.executable, "-m", "omni_lib.train", "--config", str(path), *arguments, "--resume"], directory
        )
        return run

    @classmethod
    def attach(cls, where: str | Path | None = None) -> Self:
        """The run in a folder, whoever started it: this kernel, an earlier one, or a terminal.

        Args:
            where: the folder, or a file of settings whose `save_dir` it is. If not given, the run in
                `checkpoints/` that is going on, or else the latest.

        Raises:
            UserError: such a run does not exist.
        """
        if where is None:
            found = [cls(path.parent) for path in latest_first(run_records())]
            if not found:
                raise UserError(
                    "there is no training run in checkpoints/: start one with TrainingRun.start(config), "
                    "or name its folder"
                )
            return next((run for run in found if run.process()), found[0])
        if str(where).endswith(".json"):
            path, directory = locate(where)
            folder = directory / load_config(directory / path).save_dir
        else:
            found_in = (base / where for base in bases())
            folder = next((folder for folder in found_in if folder.is_dir()), Path(where))
        holds_a_run = any((folder / name).exists() for name in (RECORD, FILE_NAME))
        if not (holds_a_run or periodic_checkpoints(folder)):
            raise UserError(f"{folder} holds no training: start one with TrainingRun.start(config)")
        return cls(folder)

    @classmethod
    def start_or_attach(
        cls, config: str | Path, *, set: Mapping[str, Any] | None = None, folder: str | Path | None = None
    ) -> Self:
        """The run with these settings if it is going on or finished, else as `start`. A cell may repeat it.

        Raises:
            UserError: as `start`; or the run that is going on in that folder has other settings.
        """
        path, directory = locate(config)
        settings = load_config(directory / path, overrides(set, folder))
        run = cls(directory / settings.save_dir)
        if run.process():
            if (going_on := run.settings()) is not None:
                refuse_another_run(run.folder, going_on, settings, directory)
            return run
        if run.status().state is State.FINISHED and run.trained_with(settings):
            return run
        return cls.start(config, set=set, folder=folder)

    # Waiting

    def wait(self, timeout: float | None = None) -> State:
        """Wait for the end, however long that takes. Interrupting the wait does not stop the run.

        In a notebook, `await run.ended()` is better: while this function waits, the kernel cannot handle the
        buttons.

        Args:
            timeout: seconds.

        Raises:
            UserError: the run ended early (the message says why), or the time was not enough.
        """
        began, looked = time.monotonic(), 0.0
        while self._goes_on(began, timeout):
            if time.monotonic() - looked >= 2:
                self._notify()
                looked = time.monotonic()
            time.sleep(0.2)
        return self._outcome()

    async def ended(self, timeout: float | None = None) -> State:
        """`await run.ended()`: as `wait`, while the rest of the event loop goes on, such as buttons."""
        began = time.monotonic()
        while self._goes_on(began, timeout):
            await asyncio.sleep(0.2)
        return self._outcome()

    # Steering

    def stop(self) -> None:
        """Request that the run save and end after the current step (exit code 130).

        Raises:
            UserError: it is not running, or its folder cannot be written.
        """
        if self.process() is None:
            finished = self.status().state is State.FINISHED
            rest = "the run is finished" if finished else "run.resume() goes on with it"
            raise UserError(f"nothing is running in {self.folder}: {rest}")
        ask_to_stop(self.folder)

    def resume(self) -> None:
        """Go on from the newest checkpoint, with the command that started the run.

        Raises:
            UserError: it is running, its command is unknown, or the training would refuse to go on.
        """
        self.launch(*self._command())

    def train_again(self) -> None:
        """Train again with the same command, in a new folder beside this one; this object becomes that run.

        The old folder stays as it is.

        Raises:
            UserError: it is running, its command is unknown, or the training would refuse to start.
        """
        command, directory = self._command()
        if process := self.process():
            raise UserError(f"process {process.pid} is still training into {self.folder}: stop it first")
        names = (self.folder.with_name(f"{self.folder.name}_{number}") for number in itertools.count(2))
        again = BackgroundRun(next(folder.resolve() for folder in names if not folder.exists()))
        again.launch([*command, "--set", f"save_dir={json.dumps(str(again.folder))}"], directory)
        super().__init__(again.folder)
        self._pid = again._pid
        self._notify()

    def kill(self) -> None:
        """End the process at once. The steps since its newest checkpoint are lost.

        Raises:
            UserError: this very kernel is training.
        """
        if process := self.process():
            if process.pid == os.getpid():
                raise UserError(
                    "this kernel itself is training, in `train(…)`: interrupt the cell, and it saves first"
                )
            kill(process)
            append_line(self.folder, KILLED)  # for `status`, in any kernel

    def launch(self, command: list[str], directory: Path) -> None:
        """Start a process that trains into this folder, and return when it holds the lock on the folder.

        Args:
            command: the command line, whose `--config` and `--set` lead to this folder.
            directory: its working directory.

        Raises:
            UserError: the run is going on already, or the training refuses to start.
        """
        if process := self.process():
            raise UserError(
                f"process {process.pid} is training into {self.folder}: "
                f"TrainingRun.attach({str(self.folder)!r}) finds it, or choose another folder"
            )
        refuse_early(settings_of(command, directory), directory)
        self._warn_of_others()
        launch = Launch.of(command, directory, self.folder)
        self._pid = launch.pid
        if refusal := launch.refusal():
            self._pid = None
            raise UserError(refusal)
        self._notify()

    # Inside

    def _command(self) -> tuple[list[str], Path]:
        """The command that resumes the run, and the working directory of it."""
        record = read_record(self.folder)
        if record is None or not record.is_command:
            raise UserError(
                f"{self.folder} does not record how its run was started: use TrainingRun.start(config)"
            )
        return repeated(record.command), Path(record.directory)

    def _warn_of_others(self) -> None:
        """Warn if another run that can be found is going on: both share the processor."""
        for other in self.others_going_on():
            warnings.warn(
                f"another training is going on in {other.folder} (process {other.pid}): each slows the other "
                f"down; TrainingRun.attach({str(other.folder)!r}).stop() saves and ends it",
                stacklevel=4,  # the cell that called `start`
            )

    def _goes_on(self, began: float, timeout: float | None) -> bool:
        """Whether the run is still going on.

        Args:
            began: when the wait began, in seconds of the monotonic clock.
        """
        if self.process() is None:
            return False
        if timeout is not None and time.monotonic() - began > timeout:
            raise UserError(
                f"the training in {self.folder} is not over after {timeout:.0f} s: it goes on, so wait longer"
            )
        return True

    def _outcome(self) -> State:
        """How the run ended; called by `wait` and `ended`."""
        self._notify()
        status = self.status()
        if status.state is State.DIED:
            console = self.folder / CONSOLE
            printed = f"; its whole output: {console}" if console.exists() else ""
            raise UserError(f"the training in {self.folder} ended early: {status.reason}{printed}")
        return status.state

    def _notify(self) -> None:
        """Called when the run may have changed; a subclass that shows the run overrides it."""
