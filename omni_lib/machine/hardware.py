"""The device and the number format that are fast on this machine, and settings that make torch faster."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from omni_lib.errors import UserError
from omni_lib.machine.distributed import local_rank, world_size

# mallopt's names for its settings, from glibc's malloc.h
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3


def choose_device(wanted: str = "auto") -> torch.device:
    """Where this process computes: "cuda", "mps" (Apple's graphics processor), "cpu", or "auto".

    "auto" is cuda where there is one, else cpu.

    MPS is used only if it is named, because this code has not been tested on it. The environment variable
    OMNI_DEVICE, if it is set, replaces "auto". Of several processes on one machine, each uses its own
    GPU. Several processes cannot train together on MPS.

    Raises:
        UserError: the device does not exist, or this machine has fewer cards than processes.
    """
    setting = "device"
    if wanted == "auto" and (answer := os.environ.get("OMNI_DEVICE")):
        setting, wanted = "the environment variable OMNI_DEVICE", answer
    cards = torch.cuda.device_count()
    there = {"cuda": cards > 0, "mps": torch.backends.mps.is_available() and world_size() == 1, "cpu": True}
    kind = ("cuda" if there["cuda"] else "cpu") if wanted == "auto" else wanted
    if kind not in there:
        raise UserError(f"{setting} is {wanted!r}: it must be auto, cuda, mps or cpu")
    if not there[kind]:
        why = (
            "processes that train together cannot use it"
            if kind == "mps" and world_size() > 1
            else "torch finds none here"
        )
        raise UserError(f"{setting} is {wanted}, and {why}: set it to auto or cpu")
    if kind == "cuda" and local_rank() >= cards:
        raise UserError(
            f"more processes on this machine than its {cards} GPUs: start one process per GPU, "
            "or set device to cpu"
        )
    if kind == "cuda":
        torch.cuda.set_device(local_rank())
        return torch.device("cuda", local_rank())
    return torch.device(kind)


def fast_type(device: torch.device) -> torch.dtype | None:
    """bfloat16 where `device` multiplies it natively, else None: some processors only emulate it, slowly.

    Apple's MPS counts as one that does not: whether bfloat16 is faster there was not measured.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else None
    native = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return torch.bfloat16 if native.get("avx512_bf16") or native.get("amx_bf16") else None


def autocast(device: torch.device, mixed_precision: bool) -> torch.autocast:
    """A context in which products are computed in `fast_type`, where that is wanted and there is one."""
    fast = fast_type(device) if mixed_precision else None
    return torch.autocast(device.type, dtype=fast, enabled=fast is not None)


def compile_blocks(
    blocks: Iterable[nn.Module], left_alone: type[nn.Module], backend: str = "inductor"
) -> None:
    """Compile each block once for all lengths and batch sizes. The names in checkpoints stay the same.

    This is meant for GPUs; the gain there was not measured. On a CPU torch compiles C++ and needs a
    C++ compiler: the first step takes minutes, the code of a depthwise convolution fits a single length, and
    torch compiles it for at most eight lengths.

    Args:
        left_alone: modules inside that are not compiled. A masked batch norm picks the valid frames, so that
            no shape is known before, and it exchanges its statistics with other processes.
    """
    for block in blocks:
        for module in block.modules():
            if isinstance(module, left_alone):
                disable: Callable[..., Any] = torch.compiler.disable  # has no type hints
                module.forward = disable(module.forward)
        block.compile(dynamic=True, backend=backend)


def remember_kernels(kernels: int = 16_384) -> None:
    """Let oneDNN keep as many compiled kernels as a training has shapes: its usual 1024 are too few.

    It has an effect only if oneDNN has not computed anything yet. A value that the user has set stays.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(kernels))


def keep_freed_memory() -> bool:
    """Let the C library keep the memory that tensors free, for the next ones; false if it is not glibc.

    A step frees and allocates hundreds of megabytes in pieces. By default glibc returns the large ones to
    the kernel, which must fill every page with zeros when they are allocated again.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        library = ctypes.CDLL("libc.so.6")
        settings = {_MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 1 << 30, _TOP_PAD: 64 << 20}
        return all(library.mallopt(name, value) == 1 for name, value in settings.items())
    except (OSError, AttributeError):
        return False
