"""One training a folder: a lock that the operating system holds, and a note of who holds it.

Two trainings into one folder would overwrite each other's checkpoints. So a run holds `run.lock` for as long as it lasts. The lock
belongs to the process, not to the file: however the process ends, a kill and a power cut included, the system lets go of it, and
the file that stays behind locks nothing.

`run.json` beside it says which process that is and how it was started, for the message to whoever comes second, and for a notebook
that looks for its training after a restart.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from omni_lib.errors import UserError
from omni_lib.machine.files import write_atomically
from omni_lib.runs.interruption import clear_stop
from omni_lib.training.checkpoint import remove_half_written

LOCK = "run.lock"
RECORD = "run.json"


@dataclass(frozen=True)
class RunRecord:
    """The process of a run, and how to start it again."""

    pid: int
    started: float  # seconds since 1970: with the pid it names one process for good, as pids are used again
    host: str
    command: list[str]
    directory: str  # in which the command was given

    @property
    def is_command(self) -> bool:
        """Whether it is `omni train`, which ends with its run; else somebody trains inside a longer program, such as a kernel."""
        return "--config" in self.command

    @classmethod
    def of(cls, pid: int, command: list[str], directory: str | Path) -> RunRecord:
        """The record of a process of this machine that is alive, or at least not yet forgotten by the system."""
        return cls(pid, psutil.Process(pid).create_time(), socket.gethostname(), command, str(directory))

    def process(self) -> psutil.Process | None:
        """The process, if it still runs, on this machine."""
        if self.host != socket.gethostname():
            return None
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 2  # the system rounds, and corrects its clock
            return process if same and not has_ended(process) else None
        except psutil.Error:
            return None

    def write(self, folder: Path) -> None:
        write_atomically(folder / RECORD, json.dumps(asdict(self), indent=1).encode())


def has_ended(process: psutil.Process) -> bool:
    """Whether nothing of the process runs any more. Its locks last as long as its last thread, which a kill ends after its first one.

    Raises:
        psutil.Error: the system has forgotten the process.
    """
    return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1


def read_record(folder: Path) -> RunRecord | None:
    """The record of the latest run in `folder`; None where there is none that can be read."""
    try:
        return RunRecord(**json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


class RunLock:
    """Inside `with RunLock(folder):` no other process trains into `folder`.

    Raises:
        UserError: another one does, named by its process id; or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = FileLock(folder / LOCK, timeout=0)

    def __enter__(self) -> RunLock:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout:
            raise UserError(_taken(self.folder)) from None
        except OSError as error:
            raise UserError(
                f"{self.folder} cannot be written ({error.strerror or error}): choose another save_dir"
            ) from None
        try:
            clear_stop(self.folder)  # asked of a run before this one
            remove_half_written(self.folder)
            self._record = RunRecord.of(os.getpid(), [sys.executable, *sys.orig_argv[1:]], Path.cwd())
            self._record.write(self.folder)
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if (
            exception[0]
            and self.folder.is_dir()
            and {path.name for path in self.folder.iterdir()} <= {LOCK, RECORD}
        ):
            # Refused before anything was trained: leave no folder that looks like a run.
            with contextlib.suppress(OSError):
                (self.folder / RECORD).unlink(missing_ok=True)
                self._lock.release()
                (self.folder / LOCK).unlink(missing_ok=True)
                self.folder.rmdir()
        elif not self._record.is_command:
            with contextlib.suppress(OSError):
                (self.folder / RECORD).unlink(missing_ok=True)  # this process goes on, but not with this run
        self._lock.release()


def _taken(folder: Path) -> str:
    holder = read_record(folder)
    who = f"process {holder.pid} on {holder.host}" if holder else "another process"
    return f"{who} is training into {folder}: let it end, stop it by creating a file named stop in that folder, or choose another save_dir"
