"""Processes that outlive the kernel which started them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from omni_lib.runs.lock import has_ended

_children: dict[
    int, subprocess.Popen[bytes]
] = {}  # started by this kernel: of those, and only of those, the system tells the exit code


def exit_code(pid: int) -> int | None:
    """The exit code of a process that this kernel started; None while it runs, and for every other process."""
    child = _children.get(pid)
    return child.poll() if child else None


def lives(pid: int) -> bool:
    """Whether the process still runs."""
    if child := _children.get(pid):
        return child.poll() is None
    try:
        return not has_ended(psutil.Process(pid))
    except psutil.Error:
        return False


def spawn(command: Sequence[str], directory: Path, console: Path) -> int:
    """The id of a process that neither the kernel's end nor an interrupt of the kernel reaches."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    environment.pop("MPLBACKEND", None)  # the notebook's
    if os.name == "nt":
        return spawn_through_a_go_between(command, directory, console, environment)
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


def spawn_through_a_go_between(
    command: Sequence[str], directory: Path, console: Path, environment: dict[str, str]
) -> int:
    """Windows knows no sessions, and a kernel that is shut down there ends all its children and theirs: so this process is nobody's."""
    flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW if os.name == "nt" else 0
    code = (
        "import subprocess, sys\n"
        "with open(sys.argv[1], 'ab') as file:\n"
        "    child = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,\n"
        "                             creationflags=int(sys.argv[2]))\n"
        "print(child.pid)\n"
        "child.returncode = 0  # nobody waits for it, and that is meant\n"
    )
    go_between = subprocess.run(
        [sys.executable, "-c", code, str(console), str(flags), *command],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        creationflags=flags,
        check=True,
    )
    return int(go_between.stdout)
