"""`console.log`: what the process of a run prints, and a line before each start."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

CONSOLE = "console.log"
_SESSION = "--- "  # begins the line that is written before each start
_READ = 64_000  # bytes at the end of the file that are looked at


def begin_session(folder: Path, command: Sequence[str]) -> None:
    """Write the line before a start: the time and the command.

    Raises:
        OSError: the file cannot be written.
    """
    header = f"{_SESSION}{time.strftime('%Y-%m-%d %H:%M:%S')} {subprocess.list2cmdline(command)}"
    append_line(folder, header)


def append_line(folder: Path, line: str) -> None:
    """Write a line of our own behind what the process has printed.

    Raises:
        OSError: the file cannot be written.
    """
    with open(folder / CONSOLE, "ab") as file:
        file.write(f"\n{line}\n".encode())


def last_lines(folder: Path, lines: int) -> str:
    """The last lines that the process has printed since its start; "" if it has no console file."""
    try:
        with open(folder / CONSOLE, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _READ))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    session = text.rpartition("\n" + _SESSION)[2] if "\n" + _SESSION in text else text
    # of a progress bar, which returns to the beginning of its line, only the last state
    return "\n".join(line.rpartition("\r")[2] for line in session.rstrip().splitlines()[1:][-lines:])
