"""Processes that go on after the kernel that started them has ended."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from omni_lib.runs.lock import has_ended

# Started by this kernel: only of its own children does the system report the exit code.
_children: dict[int, subprocess.Popen[bytes]] = {}
# Started by a process in between. A number alone may by now be that of another process.
_grandchildren: dict[int, psutil.Process] = {}


def exit_code(pid: int) -> int | None:
    """The exit code of a process that this kernel started; None while it runs, and for any other process."""
    child = _children.get(pid)
    return child.poll() if child else None


def is_alive(pid: int) -> bool:
    """Whether the process still runs."""
    if child := _children.get(pid):
        return child.poll() is None
    try:
        process = _grandchildren.get(pid) or psutil.Process(pid)
        return process.is_running() and not has_ended(process)
    except psutil.Error:
        return False


def kill(process: psutil.Process) -> None:
    """End the process at once, and wait until it has ended. It may have ended by itself meanwhile.

    A child is waited for through its `Popen`: if psutil collected the exit code, `exit_code` would report 0.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()
    if child := _children.get(process.pid):
        child.wait(10)
    else:
        process.wait(10)


def spawn(command: Sequence[str], directory: Path, console: Path) -> int:
    """Start a process that goes on when the kernel ends or is interrupted.

    Returns:
        its process id.
    """
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    environment.pop("MPLBACKEND", None)  # the notebook's
    if os.name == "nt":
        return spawn_detached(command, directory, console, environment)
    with open(console, "ab") as file:
        child = subprocess.Popen(
            list(command),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    _children[child.pid] = child
    return child.pid


def spawn_detached(
    command: Sequence[str], directory: Path, console: Path, environment: dict[str, str]
) -> int:
    """As `spawn`, for Windows, where a kernel that is shut down ends its children and their children.

    A process in between starts the process and ends, so that the process has no living parent.
    """
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    code = (
        "import subprocess, sys\n"
        "with open(sys.argv[1], 'ab') as file:\n"
        "    child = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL, stdout=file,\n"
        "                             stderr=subprocess.STDOUT, creationflags=int(sys.argv[2]))\n"
        "print(child.pid)\n"
        "child.returncode = 0  # so that Python does not warn that nobody waits for it\n"
    )
    intermediate = subprocess.run(
        [sys.executable, "-c", code, str(console), str(flags), *command],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        creationflags=flags,
        check=True,
    )
    pid = int(intermediate.stdout)
    with contextlib.suppress(psutil.NoSuchProcess):
        _grandchildren[pid] = psutil.Process(pid)
    return pid
