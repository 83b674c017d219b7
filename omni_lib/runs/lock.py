"""One training per folder: a lock that the operating system holds, and a record of the process that holds it.

Two trainings in one folder would overwrite each other's checkpoints. So a run holds `run.lock` while it
lasts. The lock belongs to the process, not to the file: when the process ends, even by a kill or a power cut,
the system releases it. The file that remains locks nothing.

`run.json` beside it holds the process id and the command of the run. It names the holder of the lock in the
message to a second process, and a notebook finds its training by it after a restart. If a run is refused
before it has trained, the record of the run before it is restored.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from filelock import BaseFileLock, FileLock, Timeout

from omni_lib.config import Config, load_config
from omni_lib.errors import UserError
from omni_lib.machine.files import write_atomically
from omni_lib.runs.interruption import clear_stop
from omni_lib.runs.log import FILE_NAME
from omni_lib.runs.progress import FILE_NAME as PROGRESS
from omni_lib.training.checkpoint import remove_half_written

LOCK = "run.lock"
RECORD = "run.json"


@dataclass(frozen=True)
class RunRecord:
    """The process of a run, and how to start it again."""

    pid: int
    started: float  # seconds since 1970; pids are used again: only pid and time together name one process
    host: str
    command: list[str]
    directory: str  # the working directory of the command

    @property
    def is_command(self) -> bool:
        """Whether it is `omni train`, whose process ends with the run, and not a kernel, which goes on."""
        return any(word.split("=")[0] == "--config" for word in self.command)

    @property
    def settings(self) -> Config:
        """The settings that its command names.

        Raises:
            UserError: the config file was removed or is not valid any more.
        """
        return settings_of(self.command, Path(self.directory))

    @classmethod
    def of(cls, pid: int, command: list[str], directory: str | Path) -> RunRecord:
        """The record of a process of this machine that is running, or that has ended only just now."""
        return cls(pid, psutil.Process(pid).create_time(), socket.gethostname(), command, str(directory))

    def process(self) -> psutil.Process | None:
        """The process, if it is still running on this machine."""
        if self.host != socket.gethostname():
            return None
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 2  # the system rounds, and corrects its clock
            return process if same and not has_ended(process) else None
        except psutil.Error:
            return None

    def write(self, folder: Path) -> None:
        """Write `run.json`.

        Raises:
            UserError: the folder cannot be written.
        """
        write_atomically(folder / RECORD, json.dumps(asdict(self), indent=1).encode())


def settings_of(command: list[str], directory: Path) -> Config:
    """The settings that a command line of `omni train` names.

    Raises:
        UserError: as `load_config`.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config", required=True)
    parser.add_argument("--set", action="append", default=[])
    options, _ = parser.parse_known_args(command)
    return load_config(directory / options.config, options.set)


def has_ended(process: psutil.Process) -> bool:
    """Whether no thread of the process runs any more.

    A process keeps its locks until its last thread has ended, and a kill ends that one after the first.

    Raises:
        psutil.Error: the process no longer exists.
    """
    return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1


def read_record(folder: Path) -> RunRecord | None:
    """The record of the latest run in `folder`; None if there is none that can be read."""
    try:
        record = RunRecord(**json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    kinds = (int, float, str, list, str)
    right = all(type(value) is kind for value, kind in zip(vars(record).values(), kinds, strict=True))
    return record if right and all(type(word) is str for word in record.command) else None


def refuse_if_held(folder: Path) -> None:
    """Check that no process trains into `folder`. Nothing in it changes.

    Raises:
        UserError: a process trains into it.
    """
    if (folder / LOCK).exists():
        try:
            with FileLock(folder / LOCK, timeout=0):
                pass
        except Timeout:
            raise UserError(_held(folder)) from None
        except OSError as error:
            raise UserError(not_writable(folder, error)) from None


class RunLock:
    """Inside `with RunLock(folder):` no other process trains into `folder`.

    Raises:
        UserError: another process does, which the message names by its id; or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = FileLock(folder / LOCK, timeout=0)

    def __enter__(self) -> RunLock:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout:
            raise UserError(_held(self.folder)) from None
        except OSError as error:
            raise UserError(not_writable(self.folder, error)) from None
        try:
            clear_stop(self.folder)  # a request to an earlier run
            remove_half_written(self.folder)
            self._results = _results(self.folder)
            self._previous = read_record(self.folder)
            self._record = RunRecord.of(os.getpid(), [sys.executable, *sys.orig_argv[1:]], Path.cwd())
            self._record.write(self.folder)
        except BaseException:  # also Ctrl-C: no lock may remain without its run
            self._lock.release()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        # These are small repairs: if they fail, the exception of the run itself is the one to report.
        with contextlib.suppress(OSError, UserError):
            refused = exception[0] is not None and _results(self.folder) == self._results
            names = {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else {""}
            if refused and self._previous is None and names <= {LOCK, RECORD, PROGRESS}:
                # Refused before anything was trained: leave no folder that looks like a run.
                (self.folder / RECORD).unlink(missing_ok=True)
                (self.folder / PROGRESS).unlink(missing_ok=True)
                _remove(self.folder, self._lock)
            elif refused and self._previous and self._previous.command != self._record.command:
                self._previous.write(self.folder)  # the run before is still the latest
            elif not self._record.is_command:
                (self.folder / RECORD).unlink(missing_ok=True)  # this process goes on, but not with this run
        self._lock.release()


def remove_unused(folder: Path) -> None:
    """Delete a folder that holds the file of the lock at most, unless a process holds the lock."""
    if _is_unused(folder):
        # OSError: the lock is held (`Timeout` is one too), or the folder cannot be written
        with contextlib.suppress(OSError), FileLock(folder / LOCK, timeout=0) as lock:
            if _is_unused(folder):  # still: a process may have held the lock meanwhile
                _remove(folder, lock)


def _is_unused(folder: Path) -> bool:
    return folder.is_dir() and {path.name for path in folder.iterdir()} <= {LOCK}


def _remove(folder: Path, lock: BaseFileLock) -> None:
    """Delete the file of the lock, which this process holds, then the folder if nothing else is in it.

    Whoever took the lock between its release and the deletion would hold a file without a name, and the next
    process would lock another file. So it is deleted first. Windows deletes no file that is open, neither by
    this process nor by the next one, so there it is released first.
    """
    if os.name == "nt":
        lock.release()
    (folder / LOCK).unlink(missing_ok=True)
    folder.rmdir()


def _results(folder: Path) -> dict[str, int]:
    """When each checkpoint and the log were written, in nanoseconds since 1970."""
    files = [*folder.glob("*.pt"), *folder.glob(FILE_NAME)]
    return {path.name: path.stat().st_mtime_ns for path in files}


def _held(folder: Path) -> str:
    """The message to a process that finds the folder locked."""
    holder = read_record(folder)
    if holder and holder.host == socket.gethostname() and holder.process() is None:
        holder = None  # the record of an earlier run: the new one has not written its own yet
    who = f"process {holder.pid} on {holder.host}" if holder else "another process"
    return (
        f"{who} is training into {folder}: let it end, stop it by creating a file named stop in that folder, "
        "or choose another save_dir"
    )


def not_writable(folder: Path, error: OSError) -> str:
    """The message where a run cannot write into its folder."""
    return f"{folder} cannot be written ({error.strerror or error}): choose another save_dir"
