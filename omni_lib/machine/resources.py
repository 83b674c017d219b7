"""How much memory this process has used and may still use, in bytes. Needs no torch."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import psutil

STATUS = Path("/proc/self/status")  # where Linux says what this process holds
CONTAINER = Path("/sys/fs/cgroup")  # where Linux says what this container (cgroup, version 2) may use


def peak_memory() -> int | None:
    """The most memory that this process has held, in bytes; None on Windows, which has no `resource`."""
    # On Linux, `resource` also counts what the parent process held, for example a notebook, before it started
    # this one.
    try:
        # as bytes: the name of the process stands there too, in any encoding
        if held := re.search(rb"VmHWM:\s+(\d+) kB", STATUS.read_bytes()):
            return int(held[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def free_memory() -> int:
    """Bytes that this process can still take without swapping: of the machine, or of its container."""
    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (
            int((CONTAINER / f"memory.{name}").read_text(encoding="ascii")) for name in ("max", "current")
        )
        return max(0, min(free, limit - used + _reclaimable()))
    except (OSError, ValueError):  # not a container of Linux, or one whose limit is the word "max"
        return free


def _reclaimable() -> int:
    """Bytes of cached files that the container's `memory.current` counts, and the kernel gives up first."""
    try:
        statistics = (CONTAINER / "memory.stat").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"^inactive_file (\d+)$", statistics, re.MULTILINE)
    return int(found[1]) if found else 0
