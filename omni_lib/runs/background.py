"""A training in a process of its own, which belongs to no kernel: started, found again, watched, stopped and resumed.

    run = BackgroundRun.start("configs/audio_enc_tiny.json")
    run.wait()                      # or, where an event loop runs: await run.ended()

It is `omni train --resume`, the same loop in the same folder. Only the folder connects the caller and the process: `run.json` says which
process it is, `training_log.json` how far it is, `console.log` what it prints, and a file named `stop` asks it to save and end. So
`BackgroundRun.attach()` finds a run whoever started it. `course.training_run.TrainingRun` adds a panel with buttons for the notebook.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import psutil

from omni_lib.config import Config, load_config
from omni_lib.errors import UserError
from omni_lib.machine.clone import ROOT
from omni_lib.runs.interruption import ask_to_stop
from omni_lib.runs.lock import RECORD, read_record
from omni_lib.runs.log import FILE_NAME, read_log
from omni_lib.runs.process import exit_code, lives, spawn
from omni_lib.runs.status import State, Status, how_it_ended

CONSOLE = "console.log"
_SESSION = "--- "  # begins the line that start() writes above what the process says


class BackgroundRun:
    """The run in one folder. Make one with `start` or `attach`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries: list[dict[str, Any]] = []
        self._read: tuple[int, int] | None = None  # time and size of the log that was read last

    def __repr__(self) -> str:
        status = self.status()
        return f"{type(self).__name__}({str(self.folder)!r}: {status.state.value}, step {status.step}/{status.total_steps or '?'})"

    # Starting and finding

    @classmethod
    def start(
        cls, config: str | Path, *, set: Mapping[str, Any] | None = None, folder: str | Path | None = None
    ) -> Self:  # `set`: as on the command line
        """Train in a process of its own; a run that was stopped in that folder goes on.

        Args:
            config: a file of settings, relative to the working directory or to the project.
            set: settings that differ from it, as in `{"num_epochs": 5}`.
            folder: where the run is kept, instead of `save_dir`.

        Raises:
            UserError: a bad setting, a run that is going on in that folder already, or a process that ended at once.
        """
        path, directory = _locate(config)
        overrides = _overrides(set, folder)
        run = cls(directory / load_config(directory / path, overrides).save_dir)
        arguments = [word for override in overrides for word in ("--set", override)]
        run._launch(
            [sys.executable, "-m", "omni_lib.train", "--config", str(path), *arguments, "--resume"], directory
        )
        return run

    @classmethod
    def attach(cls, where: str | Path | None = None) -> Self:
        """The run in a folder, whoever started it, this kernel, one before it, or a terminal.

        Args:
            where: the folder, or a file of settings whose `save_dir` it is; if not given, the run in `checkpoints/` that is going on,
                or else the latest.

        Raises:
            UserError: there is none.
        """
        if where is None:
            found = [
                cls(path.parent)
                for path in sorted(_records(), key=lambda path: path.stat().st_mtime, reverse=True)
            ]
            if not found:
                raise UserError(
                    "no training is to be found in checkpoints/: start one with TrainingRun.start(config), or name its folder"
                )
            return next((run for run in found if run.process()), found[0])
        if str(where).endswith(".json"):
            path, directory = _locate(where)
            folder = directory / load_config(directory / path).save_dir
        else:
            folder = next(
                (base / where for base in (Path.cwd(), ROOT) if (base / where).is_dir()), Path(where)
            )
        if not (folder / RECORD).exists() and not (folder / FILE_NAME).exists():
            raise UserError(f"{folder} holds no training: start one with TrainingRun.start(config)")
        return cls(folder)

    @classmethod
    def start_or_attach(
        cls, config: str | Path, *, set: Mapping[str, Any] | None = None, folder: str | Path | None = None
    ) -> Self:
        """The run of these settings if it is going on or over, else as `start`: for cells that may be run again at any time.

        Raises:
            UserError: as `start`.
        """
        path, directory = _locate(config)
        settings = load_config(directory / path, _overrides(set, folder))
        run = cls(directory / settings.save_dir)
        if run.process() or (run.status().state is State.FINISHED and run.trained_with(settings)):
            return run
        return cls.start(config, set=set, folder=folder)

    # Watching

    def process(self) -> psutil.Process | None:
        """The process of the run, as long as there is one."""
        record = read_record(self.folder)
        if record is None:
            return None
        return (
            record.process() if exit_code(record.pid) is None else None
        )  # of a child the system knows for sure

    def status(self) -> Status:
        """How the run stands; cheap enough to be asked every second."""
        process = self.process()
        entries, age = self._log()
        if process:
            return Status(State.RUNNING, None, "", entries, age)
        return how_it_ended(self._exit_code(), self.console(40), entries)

    def trained_with(self, settings: Config) -> bool:
        """Whether the run has these settings, apart from its folder."""
        mine = read_log(self.folder / FILE_NAME).get("config", {})
        return mine | {"save_dir": ""} == settings.to_dict() | {"save_dir": ""}

    def console(self, lines: int = 20) -> str:
        """The last lines that the process has said since it was started; all of it is in `console.log`."""
        try:
            with open(self.folder / CONSOLE, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 64_000))
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        session = text.rpartition("\n" + _SESSION)[2] if "\n" + _SESSION in text else text
        return "\n".join(line.rpartition("\r")[2] for line in session.rstrip().splitlines()[1:][-lines:])

    def wait(self, timeout: float | None = None) -> State:
        """Wait for the end, however long that takes; to interrupt the waiting stops nothing.

        In a notebook `await run.ended()` is better: while this waits, the kernel cannot hear a button.

        Args:
            timeout: seconds.

        Raises:
            UserError: the run died, and why; or the time was not enough.
        """
        began, looked = time.monotonic(), 0.0
        while self._goes_on(began, timeout):
            if time.monotonic() - looked >= 2:
                self._notify()
                looked = time.monotonic()
            time.sleep(0.2)
        return self._outcome()

    async def ended(self, timeout: float | None = None) -> State:
        """`await run.ended()`: as `wait`, and whatever else runs in the event loop, such as buttons, goes on meanwhile."""
        began = time.monotonic()
        while self._goes_on(began, timeout):
            await asyncio.sleep(0.2)
        return self._outcome()

    # Steering

    def stop(self) -> None:
        """Ask the run to save and end after the step at hand (exit code 130).

        Raises:
            UserError: it is not running.
        """
        if self.process() is None:
            raise UserError(f"nothing is running in {self.folder}: run.resume() goes on with it")
        ask_to_stop(self.folder)

    def resume(self) -> None:
        """Go on from the newest checkpoint, with the command that the run was started with.

        Raises:
            UserError: it is running, or nobody knows how it was started.
        """
        record = read_record(self.folder)
        if record is None or not record.is_command:
            raise UserError(
                f"{self.folder} does not say how its run was started: use TrainingRun.start(config)"
            )
        command = list(record.command)
        if "--max-steps" in command:
            del command[command.index("--max-steps") :][:2]
        self._launch(command if "--resume" in command else [*command, "--resume"], Path(record.directory))

    def kill(self) -> None:
        """End the process at once: what it did since its last checkpoint is lost. For a run that does not heed `stop`.

        Raises:
            UserError: this very kernel is training.
        """
        if process := self.process():
            if process.pid == os.getpid():
                raise UserError(
                    "this kernel itself is training, in `train(…)`: interrupt the cell, and it saves first"
                )
            process.kill()
            process.wait(10)

    # Inside

    def _launch(self, command: Sequence[str], directory: Path) -> None:
        """Start the process, and return once it holds the lock on the folder."""
        if process := self.process():
            raise UserError(
                f"process {process.pid} is training into {self.folder}: TrainingRun.attach({str(self.folder)!r}) finds it, "
                "or choose another folder"
            )
        before = read_record(self.folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(self.folder / CONSOLE, "ab") as console:
                console.write(
                    f"\n{_SESSION}{time.strftime('%Y-%m-%d %H:%M:%S')} {subprocess.list2cmdline(command)}\n".encode()
                )
            pid = spawn(command, directory, self.folder / CONSOLE)
        except OSError as error:
            raise UserError(
                f"{self.folder} cannot be written ({error.strerror or error}): choose another folder"
            ) from None
        while lives(pid) and read_record(self.folder) == before:
            time.sleep(0.05)
        self._notify()
        if read_record(self.folder) == before:  # it never had the folder
            said = self.console(5).splitlines() or ["it said nothing"]
            raise UserError(f"the training ended at once: {said[-1].removeprefix('omni: ')}")

    def _goes_on(self, began: float, timeout: float | None) -> bool:
        """Whether there is still something to wait for, since the monotonic time `began`."""
        if self.process() is None:
            return False
        if timeout is not None and time.monotonic() - began > timeout:
            raise UserError(
                f"the training in {self.folder} is not over after {timeout:.0f} s: it goes on, wait longer"
            )
        return True

    def _outcome(self) -> State:
        """How the run ended, once it has; called by `wait` and `ended`."""
        self._notify()
        status = self.status()
        if status.state is State.DIED:
            raise UserError(
                f"the training in {self.folder} died, {status.reason}; all it said: {self.folder / CONSOLE}"
            )
        return status.state

    def _exit_code(self) -> int | None:
        record = read_record(self.folder)
        return exit_code(record.pid) if record else None

    def _log(self) -> tuple[list[dict[str, Any]], float]:
        """The entries of the log, read again only when it has changed, and the seconds since it did."""
        try:
            stat = (self.folder / FILE_NAME).stat()
        except FileNotFoundError:
            return [], 0.0
        if self._read != (stat.st_mtime_ns, stat.st_size):
            self._entries = read_log(self.folder / FILE_NAME)["entries"]
            self._read = (stat.st_mtime_ns, stat.st_size)
        return self._entries, max(0.0, time.time() - stat.st_mtime)

    def _notify(self) -> None:
        """Called when the run may have changed: the place for whoever shows it."""


def _locate(config: str | Path) -> tuple[Path, Path]:
    """A file of settings, and the directory from which its paths start: the working directory if it is found there, else the project."""
    path = Path(config)
    directory = Path.cwd() if (Path.cwd() / path).exists() else ROOT
    return path, directory


def _overrides(set: Mapping[str, Any] | None, folder: str | Path | None) -> list[str]:
    """What the command line calls `--set`, word for word."""
    overrides = [f"{key}={json.dumps(value)}" for key, value in (set or {}).items()]
    return (
        overrides if folder is None else [*overrides, f"save_dir={json.dumps(str(Path(folder).resolve()))}"]
    )


def _records() -> Iterator[Path]:
    for base in {Path.cwd(), ROOT}:
        yield from base.glob(f"checkpoints/*/{RECORD}")
