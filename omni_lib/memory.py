"""How much memory there is, and how much a training step will take: said before it is taken, not by a machine that swaps."""

from __future__ import annotations

from pathlib import Path

import psutil

_LIMIT, _USED = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")  # of a container, where Linux has them


def available() -> int:
    """Bytes that can be had without swapping: of the machine, or of the container that this process is held to."""
    free = psutil.virtual_memory().available
    try:
        return min(free, int(_LIMIT.read_text()) - int(_USED.read_text()))
    except (OSError, ValueError):  # no such file, or the word "max"
        return free
