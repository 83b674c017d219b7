"""The start of a run in a process of its own, until it holds the lock on its folder or is refused it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from omni_lib.errors import UserError
from omni_lib.runs.console import CONSOLE, begin_session, last_lines
from omni_lib.runs.lock import RunRecord, read_record, remove_unused
from omni_lib.runs.process import is_alive, spawn


@dataclass(frozen=True)
class Launch:
    """A process that was started to train into a folder, and how the folder was before."""

    pid: int
    folder: Path
    record_before: RunRecord | None
    console_size_before: int | None  # bytes; None: there was no console file
    folder_was_there: bool

    @classmethod
    def of(cls, command: list[str], directory: Path, folder: Path) -> Self:
        """Start the process.

        Args:
            directory: the working directory of the command.

        Raises:
            UserError: the folder cannot be written.
        """
        record_before, folder_was_there = read_record(folder), folder.exists()
        console = folder / CONSOLE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            size = console.stat().st_size if console.exists() else None
            begin_session(folder, command)
            pid = spawn(command, directory, console)
        except OSError as error:
            raise UserError(
                f"{folder} cannot be written ({error.strerror or error}): choose another folder"
            ) from None
        return cls(pid, folder, record_before, size, folder_was_there)

    def refusal(self) -> str | None:
        """Wait until the process holds the lock on the folder; if the training refuses to start, the reason.

        What a refused start has written is removed.

        Raises:
            UserError: it has ended at once, without a reason for the user.
        """
        while is_alive(self.pid) and read_record(self.folder) == self.record_before:
            time.sleep(0.05)
        if read_record(self.folder) != self.record_before:
            return None
        # it was refused the folder, or has released it
        said = last_lines(self.folder, 20).splitlines() or ["it printed nothing"]
        refusal = next((line for line in reversed(said) if line.startswith("omni: ")), None)
        if refusal is None:
            raise UserError(f"the training ended at once: {said[-1]}")
        self._forget()
        return refusal.removeprefix("omni: ")

    def _forget(self) -> None:
        """Remove this start's part of the console, and the folder if it is new."""
        console = self.folder / CONSOLE
        if self.console_size_before is not None:
            os.truncate(console, self.console_size_before)
            return
        console.unlink(missing_ok=True)
        if not self.folder_was_there:
            remove_unused(self.folder)
