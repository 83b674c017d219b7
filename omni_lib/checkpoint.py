"""Checkpoints: written whole or not at all, read without running any code that they may carry."""

from __future__ import annotations

import contextlib
import io
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from omni_lib.config import Config, config_from_dict
from omni_lib.errors import UserError

REQUIRED = ("enc", "head", "config", "vocabulary", "feature_stats", "step", "metrics")
BEST = "audio_enc_best.pt"
_PERIODIC = re.compile(r"audio_enc_step_(\d+)\.pt")


def write_atomically(path: Path, contents: bytes) -> None:
    """Put `contents` in the place of the file `path` in one step.

    A process killed at any instant leaves the old file or the new one, never half of either.

    Raises:
        UserError: the disk is full or the folder read-only; an older file of that name is still whole then.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise UserError(f"{path} cannot be written ({error.strerror or error}): free some space or choose another save_dir") from None


def save_checkpoint(path: Path, contents: dict[str, Any]) -> None:
    """Write a dictionary of tensors and plain values.

    Raises:
        UserError: it cannot be written; see `write_atomically`.
    """
    buffer = io.BytesIO()  # serialised in memory first: torch's own writer reports a full disk as a bug of its own
    torch.save(contents, buffer)
    write_atomically(path, buffer.getvalue())


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint on the CPU.

    `weights_only=True` refuses anything but tensors and plain values, so that a stranger's file runs no code; and the
    archive's checksums are tested first, because `torch.load` accepts a weight with a flipped bit.

    Raises:
        UserError: the file is missing, damaged, or no checkpoint of ours.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} does not exist: train first ('omni train'), or name a checkpoint")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged:
            raise UserError(f"{path} is damaged (checksum of {damaged}): use the previous checkpoint")
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except Exception as error:  # zipfile, pickle and torch each have their own; the file is at fault in every case
        raise UserError(f"{path} is damaged or no checkpoint ({type(error).__name__}): use the previous checkpoint") from None
    missing = [key for key in REQUIRED if not isinstance(contents, dict) or key not in contents]
    if missing:
        raise UserError(f"{path} is no checkpoint of omni train: it lacks {', '.join(missing)}")
    if not isinstance(contents["config"], dict):
        raise UserError(f"{path} is no checkpoint of omni train: its config holds no settings")
    return contents


def checkpoint_config(contents: dict[str, Any], path: str | Path) -> Config:
    """The settings that the checkpoint `path` was trained with; those it does not name are at their defaults.

    Raises:
        UserError: it holds a setting that this version does not know.
    """
    try:
        return config_from_dict(contents["config"])
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def load_weights(module: nn.Module, state: dict[str, Tensor], path: str | Path) -> None:
    """Fill `module` with weights of any floating type.

    Raises:
        UserError: names or shapes differ from the module's.
    """
    try:
        module.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} does not fit this version of {type(module).__name__} ({reason}): train again") from None


def periodic_checkpoints(folder: Path) -> list[Path]:
    """The `audio_enc_step_N.pt` of a run folder, oldest first."""
    found = [(int(match[1]), path) for path in folder.glob("audio_enc_step_*.pt") if (match := _PERIODIC.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def rotate(folder: Path, keep: int = 3) -> None:
    """Delete all but the newest `keep` periodic checkpoints; `audio_enc_best.pt` is a file of its own and stays."""
    for path in periodic_checkpoints(folder)[:-keep]:
        path.unlink(missing_ok=True)
