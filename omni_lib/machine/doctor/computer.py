"""The computer: disk, memory, load, and the folders of the project."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omni_lib.machine.doctor import packages
from omni_lib.machine.doctor.finding import Finding
from omni_lib.machine.files import refused_write

GIGABYTE = 10**9
DISK_TO_INSTALL = 6 * GIGABYTE  # torch and the CUDA libraries that its Linux wheel brings along
DISK_TO_WORK = 1 * GIGABYTE  # the embedded corpus, its features, and the checkpoints of a few trainings
MEMORY = 5 * GIGABYTE  # a training of configs/audio_enc_tiny.json takes 4.3 at its peak


def disk_and_memory(root: Path) -> Iterator[Finding]:
    """Whether there is room to install and to train."""
    needed = DISK_TO_WORK if packages.installed("torch") else DISK_TO_INSTALL
    free = shutil.disk_usage(root).free
    if free < needed:
        yield Finding(
            "wrong",
            "disk",
            f"{_size(free)} free, {_size(needed)} needed",
            "delete something, or move the project to another disk",
        )
    else:
        yield Finding("ok", "disk", f"{_size(free)} free")

    memory = _memory()
    if memory is not None:
        if memory < MEMORY:
            yield Finding(
                "wrong",
                "memory",
                f"{_size(memory)} available, {_size(MEMORY)} needed",
                "close other programs",
            )
        else:
            yield Finding("ok", "memory", f"{_size(memory)} available")


def threads_and_load(torch: dict[str, Any] | str) -> Iterator[Finding]:
    """How many threads a training would use beside the other programs that run now."""
    try:
        from omni_lib.machine.thread_plan import busy_cores, plan_threads
    except ImportError:  # psutil is missing, which is reported elsewhere
        return
    cores, busy = usable_cores(), busy_cores()
    plan = plan_threads(os.environ, cores, lambda: busy)
    if not isinstance(torch, str):
        yield Finding("ok", "a training that begins now uses", plan.describe(torch["threads"]))
    if busy > cores / 2:
        detail = f"other programs use {busy:.1f} of {cores} cores; a training beside them takes longer"
        yield Finding("note", "busy", detail, "train when the other programs have ended")


def _memory() -> int | None:
    """Bytes that a new process may take; None where psutil is missing."""
    try:
        from omni_lib.machine.resources import free_memory
    except ImportError:
        return None
    return free_memory()


def usable_cores() -> int:
    """Cores this process may use, which in a container or a class are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _size(count: int) -> str:
    return f"{count / GIGABYTE:.1f} GB"


def folders(root: Path) -> Iterator[Finding]:
    """Whether the folders to which the project writes can be written."""
    remedies = {
        "data": "choose a folder that you can write to with `omni data … --out FOLDER`",
        "checkpoints": "train with `--set save_dir=FOLDER`",
        "notebooks/my": "use `omni lab --workspace FOLDER`",
    }
    refused = [name for name in remedies if refused_write(root / name)]
    for name in refused:
        yield Finding("wrong", name, "cannot be written", remedies[name])
    if not refused:
        yield Finding("ok", "folders", f"{', '.join(remedies)} can be written")


def corpus(root: Path) -> Iterator[Finding]:
    """Whether the embedded corpus has been made."""
    corpus = Path("data") / "audio" / "asr.csv"
    if (root / corpus).is_file():
        with (root / corpus).open("rb") as file:
            rows = max(0, sum(1 for _ in file) - 1)
        yield Finding("ok", "corpus", f"{corpus.as_posix()}, {rows} rows")
    else:
        yield Finding(
            "note",
            "corpus",
            f"{corpus.as_posix()} does not exist yet",
            "make it, in under a minute: omni data synth --out data/audio",
        )
