"""The checkpoints of one run: saving, finding the newest, deleting old ones. `weights.py` reads them."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import torch

from omni_lib.errors import UserError
from omni_lib.machine.files import PARTIAL, write_atomically
from omni_lib.weights import DamagedCheckpoint, damage, load_checkpoint

BEST = "audio_enc_best.pt"
_PERIODIC = re.compile(r"audio_enc_step_\d+\.pt")


def save_checkpoint(path: Path, contents: dict[str, Any]) -> None:
    """Write a dictionary of tensors and plain values.

    Raises:
        UserError: it cannot be written; see `write_atomically`.
    """
    buffer = io.BytesIO()  # in memory first: torch's own writer reports a full disk as an internal error
    torch.save(contents, buffer)
    write_atomically(path, buffer.getvalue(), "free some space or choose another save_dir")


def load_newest(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The path and the contents of the newest checkpoint of a run; None where the folder has none.

    Raises:
        UserError: it is damaged; the message names the newest one that is not.
    """
    paths = periodic_checkpoints(folder)
    if not paths:
        return None
    try:
        return paths[-1], load_checkpoint(paths[-1])
    except DamagedCheckpoint as error:
        raise UserError(f"{paths[-1]} is damaged ({error.reason}): {_way_back(folder, paths[:-1])}") from None


def _way_back(folder: Path, earlier: list[Path]) -> str:
    """How to go on with a run whose newest checkpoint is damaged."""
    damaged: list[str] = []
    for path in reversed(earlier):
        if not damage(path):
            return f"delete {' and '.join(['it', *damaged])} to go on from {path.name}"
        damaged.append(path.name)
    if (folder / BEST).exists() and not damage(folder / BEST):
        step = load_checkpoint(folder / BEST)["step"]
        delete = f"delete {' and '.join(['it', *damaged])}"
        copy = checkpoint_path(folder, step).name
        return f"{delete}, and copy {BEST} to {copy} to go on from there"
    return "no other checkpoint of this run is undamaged: train into another save_dir"


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the periodic checkpoint of a step is saved."""
    return folder / f"audio_enc_step_{step}.pt"


def step_of(path: Path) -> int:
    """The step of a periodic checkpoint, by its name."""
    return int(path.stem.rpartition("_")[2])


def periodic_checkpoints(folder: Path) -> list[Path]:
    """The `audio_enc_step_N.pt` of a run folder, oldest first."""
    found = (path for path in folder.glob("audio_enc_step_*.pt") if _PERIODIC.fullmatch(path.name))
    return sorted(found, key=step_of)


def delete_old_checkpoints(folder: Path, keep: int = 3) -> None:
    """Delete all but the newest `keep` periodic checkpoints; `audio_enc_best.pt` always stays.

    If all of those `keep` are damaged, the newest older one that is not stays too. One that cannot be deleted
    now, because another program on Windows reads it, is deleted at a later save.
    """
    paths = periodic_checkpoints(folder)
    older, kept = paths[:-keep], paths[-keep:]
    if older and all(damage(path) for path in reversed(kept)):
        kept = [path for path in reversed(older) if not damage(path)][:1]
    for path in older:
        if path not in kept:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def remove_half_written(folder: Path) -> None:
    """Delete the unfinished file of a killed run; only for the process that holds the run's lock."""
    with contextlib.suppress(OSError):  # the first write refuses a folder that cannot be written
        for path in folder.glob(f"*{PARTIAL}"):
            path.unlink(missing_ok=True)
