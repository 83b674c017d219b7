"""Finds settings and runs in the working directory and in the project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from omni_lib.machine.clone import ROOT
from omni_lib.runs.lock import RECORD, read_record


@dataclass(frozen=True)
class OtherRun:
    """A training that another process runs."""

    folder: Path
    pid: int


def bases() -> tuple[Path, Path]:
    """Where relative paths are looked for: the working directory, then the project."""
    return Path.cwd(), ROOT


def locate(config: str | Path) -> tuple[Path, Path]:
    """A file of settings, and the directory where it was found: the working directory or the project."""
    path = Path(config)
    directory = Path.cwd() if (Path.cwd() / path).exists() else ROOT
    return path, directory


def run_records() -> Iterator[Path]:
    """The `run.json` of each run in `checkpoints/`, in the working directory and in the project."""
    for base in set(bases()):
        yield from base.glob(f"checkpoints/*/{RECORD}")


def latest_first(files: Iterable[Path]) -> list[Path]:
    """The files in the order of their last change."""
    return sorted(files, key=lambda path: path.stat().st_mtime, reverse=True)


def runs_going_on(apart_from: Path) -> list[OtherRun]:
    """The runs in `checkpoints/` that are going on now, without the one in the folder `apart_from`."""
    folders = [path.parent for path in run_records() if path.parent.resolve() != apart_from.resolve()]
    records = [(folder, record) for folder in folders if (record := read_record(folder))]
    return [OtherRun(folder, record.pid) for folder, record in records if record.process()]
