"""How much memory this process has used and may still use, in bytes. Needs no torch."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import psutil


def peak_memory() -> int | None:
    """The most memory that this process has held, in bytes; None on Windows, which has no `resource`."""
    try:  # Linux' `resource` counts what the parent held, a notebook for instance, before it started this process
        return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
    except (OSError, TypeError):
        pass
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def free_memory() -> int:
    """Bytes that can be had without swapping: of the machine, or of the container that this process is held to."""
    free = psutil.virtual_memory().available
    try:
        limit, used = (int(Path(f"/sys/fs/cgroup/memory.{name}").read_text()) for name in ("max", "current"))
        return max(0, min(free, limit - used))
    except (OSError, ValueError):  # no container of Linux, or one whose limit is the word "max"
        return free
