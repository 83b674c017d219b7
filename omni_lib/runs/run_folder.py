"""The run in one folder, as its files and its process show it. Nothing here changes the run.

    run = RunFolder(Path("checkpoints/audio_enc_tiny"))
    run.status()

Nobody needs to know who started the run: `run.json` holds the id of its process, `training_log.json` and
`progress.jsonl` hold its figures, and `console.log` holds what it prints.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any, Self

import psutil

from omni_lib.config import Config, config_from_dict
from omni_lib.errors import UserError
from omni_lib.runs.console import last_lines
from omni_lib.runs.discovery import OtherRun, latest_first, runs_going_on
from omni_lib.runs.interruption import asked_to_stop
from omni_lib.runs.lock import read_record
from omni_lib.runs.log import FILE_NAME, read_log
from omni_lib.runs.process import exit_code, is_alive
from omni_lib.runs.progress import ProgressReader
from omni_lib.runs.status import State, Status, how_it_ended
from omni_lib.training.checkpoint import periodic_checkpoints, step_of


class RunFolder:
    """The run in one folder: its process, its status, its settings and its output."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pid: int | None = None  # of the process that this object has started
        self._entries: list[dict[str, Any]] = []
        self._log_version: tuple[int, int] | None = None  # time and size of the log when it was last read
        self._progress = ProgressReader(folder)

    def __repr__(self) -> str:
        try:
            status = self.status()
            state = f"{status.state.value}, step {status.step}/{status.total_steps or '?'}"
        except UserError as error:  # its log is damaged
            state = str(error)
        return f"{type(self).__name__}({str(self.folder)!r}: {state})"

    def process(self) -> psutil.Process | None:
        """The process of the run, while there is one."""
        # A process that is refused restores the record of the run before it, and ends a moment later.
        if self._pid is not None and is_alive(self._pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                return psutil.Process(self._pid)
        record = read_record(self.folder)
        # Of a child of this kernel the system reports the end at once.
        return record.process() if record and exit_code(record.pid) is None else None

    def status(self) -> Status:
        """How the run stands. It is cheap enough to be called every second."""
        process = self.process()
        entries, age = self._log()
        checkpoints = periodic_checkpoints(self.folder)
        saved = step_of(checkpoints[-1]) if checkpoints else None
        progress = self._progress.read()
        if process:
            if progress.written:
                age = max(0.0, time.time() - progress.written)
            return Status(State.RUNNING, None, "", entries, age, saved, progress)
        return how_it_ended(self._exit_code(), self.console(40), entries, saved, progress)

    def settings(self) -> Config | None:
        """The settings of the run, from its log or else from its command; None if both are missing."""
        record = read_record(self.folder)
        if (self.folder / FILE_NAME).exists():
            return config_from_dict(read_log(self.folder / FILE_NAME)["config"])
        return record.settings if record and record.is_command else None

    def trained_with(self, settings: Config) -> bool:
        """Whether the run has these settings, apart from its folder."""
        mine: dict[str, Any] = read_log(self.folder / FILE_NAME)["config"]
        return mine | {"save_dir": ""} == settings.to_dict() | {"save_dir": ""}

    def others_going_on(self) -> list[OtherRun]:
        """The other trainings in `checkpoints/` and beside this one that are going on now."""
        return runs_going_on(apart_from=self.folder)

    def finished_beside(self) -> list[Self]:
        """The finished runs in the folders beside this one, the latest first."""
        logs = latest_first(self.folder.parent.glob(f"*/{FILE_NAME}"))
        runs = [type(self)(log.parent) for log in logs if log.parent != self.folder]
        return [run for run in runs if run.status().state is State.FINISHED]

    def stop_requested(self) -> bool:
        """Whether the run has been told to save and end after the current step."""
        return asked_to_stop(self.folder)

    def console(self, lines: int = 20) -> str:
        """The last lines that the process has printed since its start; `console.log` holds all of them."""
        return last_lines(self.folder, lines)

    def _exit_code(self) -> int | None:
        if self._pid is not None:
            return exit_code(self._pid)
        record = read_record(self.folder)
        return exit_code(record.pid) if record else None

    def _log(self) -> tuple[list[dict[str, Any]], float]:
        """The entries of the log, read again only when it has changed, and the seconds since it did."""
        try:
            stat = (self.folder / FILE_NAME).stat()
        except FileNotFoundError:
            return [], 0.0
        if self._log_version != (stat.st_mtime_ns, stat.st_size):
            self._entries = read_log(self.folder / FILE_NAME)["entries"]
            self._log_version = (stat.st_mtime_ns, stat.st_size)
        return self._entries, max(0.0, time.time() - stat.st_mtime)
