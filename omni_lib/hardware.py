"""What this machine does fast, and how to let it."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import psutil
import torch

# mallopt's names for its settings, from glibc's malloc.h
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3


def fast_type(device: torch.device) -> torch.dtype | None:
    """bfloat16 where `device` multiplies it natively, else None: laptops' processors may only emulate it, slowly."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else None
    native = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return torch.bfloat16 if native.get("avx512_bf16") or native.get("amx_bf16") else None


def autocast(device: torch.device, mixed_precision: bool) -> torch.autocast:
    """A context in which products are computed in `fast_type`, where that is wanted and there is one."""
    fast = fast_type(device) if mixed_precision else None
    return torch.autocast(device.type, dtype=fast, enabled=fast is not None)


def remember_kernels(kernels: int = 16_384) -> None:
    """Have oneDNN keep as many compiled kernels as a training has shapes: of its usual 1024 it would soon lose those it needs again.

    Heeded where oneDNN has not computed anything yet; a setting of your own stays.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(kernels))


def peak_memory() -> int | None:
    """The most memory that this process has held, in bytes; None on Windows, which has no `resource`."""
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


def keep_freed_memory() -> bool:
    """Have the C library keep the memory that tensors free, for the next ones; false where it cannot be told (not glibc).

    A step frees and asks for hundreds of megabytes in pieces. By default glibc hands the large ones back to the kernel, which
    zeroes every page of them again a moment later.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        library = ctypes.CDLL("libc.so.6")
        settings = {_MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 1 << 30, _TOP_PAD: 64 << 20}
        return all(library.mallopt(name, value) == 1 for name, value in settings.items())
    except (OSError, AttributeError):
        return False
