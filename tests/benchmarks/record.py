"""Result files: the command, the commit and the machine of each result, and writing rows safely."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import torch
from filelock import FileLock

from omni_lib.machine.files import write_atomically

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).resolve().parent / "results"


def commit() -> str:
    """The commit that is checked out, marked when the library or the configs differ from it."""
    head = _git("rev-parse", "--short", "HEAD")
    return head + ("+changes" if _git("status", "--porcelain", "--", "omni_lib", "configs") else "")


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def machine() -> dict[str, Any]:
    """Processor, cores in use, memory, and the versions that decide how fast a step is."""
    return {
        "processor": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def provenance() -> dict[str, Any]:
    """Command, commit and machine of this process."""
    script = Path(sys.argv[0]).resolve()
    shown = script.relative_to(ROOT).as_posix() if script.is_relative_to(ROOT) else script.name
    return {"command": " ".join(["python", shown, *sys.argv[1:]]), "commit": commit(), "machine": machine()}


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a result file; an empty list if there is no file yet."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def add_row(path: Path, row: dict[str, Any]) -> None:
    """Append one row; the file is always complete, and benchmarks run in parallel lose no rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        write_atomically(path, (json.dumps([*read_rows(path), row], indent=1) + "\n").encode())
