"""Finds settings and runs in the working directory and in the project."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from omni_lib.errors import UserError
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
    """A file of settings, and the directory where it was found: the working directory or the project.

    Raises:
        UserError: `config` is not a path.
    """
    if not isinstance(config, (str, os.PathLike)):
        raise UserError(
            f"config is of the type {type(config).__name__}: give the path of a file of settings, such as "
            "'configs/audio_enc_tiny.json', and settings that differ from it as set={'num_epochs': 5}"
        )
    path = Path(config)
    directory = Path.cwd() if (Path.cwd() / path).exists() else ROOT
    return path, directory


def run_records() -> Iterator[Path]:
    """The `run.json` of each run in `checkpoints/`, in the working directory and in the project."""
    for base in set(bases()):
        yield from base.glob(f"checkpoints/*/{RECORD}")


def latest_first(files: Iterable[Path]) -> list[Path]:
    """The files, the most recently changed first."""
    changed: dict[Path, float] = {}
    for path in files:
        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile, as a run's record is at its end
            changed[path] = path.stat().st_mtime
    return sorted(changed, key=changed.__getitem__, reverse=True)


def runs_going_on(apart_from: Path) -> list[OtherRun]:
    """The runs in `checkpoints/` and beside the folder `apart_from` that are going on, but not its own."""
    records = [*run_records(), *apart_from.parent.glob(f"*/{RECORD}")]
    folders = {path.parent.resolve(): path.parent for path in records}
    folders.pop(apart_from.resolve(), None)
    found = [(folder, record) for folder in folders.values() if (record := read_record(folder))]
    return [OtherRun(folder, record.pid) for folder, record in found if record.process()]
