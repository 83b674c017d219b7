"""Checkpoints: written whole or not at all, read without running any code that they may carry."""

from __future__ import annotations

import contextlib
import io
import os
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from omni_lib.config import Config, config_from_dict
from omni_lib.errors import UserError
from omni_lib.text import Vocabulary

REQUIRED = ("enc", "head", "config", "vocabulary", "feature_stats", "step", "metrics")
PARTIAL = ".partial"  # behind the name of a file that is being written
BEST = "audio_enc_best.pt"
_PERIODIC = re.compile(r"audio_enc_step_(\d+)\.pt")


def write_atomically(path: Path, contents: bytes) -> None:
    """Put `contents` in the place of the file `path` in one step.

    A process killed at any instant leaves the old file or the new one, never half of either.

    Raises:
        UserError: the disk is full or the folder read-only; an older file of that name is still whole then.
    """
    partial = path.with_name(path.name + PARTIAL)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise UserError(f"{path} cannot be written ({error.strerror or error}): free some space or choose another save_dir") from None


def _sync_folder(folder: Path) -> None:
    """After a power cut the folder shows the new file; Windows has no such call, and needs none."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def save_checkpoint(path: Path, contents: dict[str, Any]) -> None:
    """Write a dictionary of tensors and plain values.

    Raises:
        UserError: it cannot be written; see `write_atomically`.
    """
    buffer = io.BytesIO()  # serialised in memory first: torch's own writer reports a full disk as a bug of its own
    torch.save(contents, buffer)
    write_atomically(path, buffer.getvalue())


class Damaged(UserError):
    """A checkpoint whose bytes cannot be believed."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is damaged or no checkpoint ({reason}): use the previous checkpoint")
        self.reason = reason


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint on the CPU.

    `weights_only=True` refuses anything but tensors and plain values, so that a stranger's file runs no code; and the
    archive's checksums are tested first, because `torch.load` accepts a weight with a flipped bit.

    Raises:
        UserError: the file is missing, damaged (`Damaged`), or no checkpoint of ours.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} does not exist: train first ('omni train'), or name a checkpoint")
    if reason := damage(path):
        raise Damaged(path, reason)
    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle and torch each have their own; the file is at fault in every case
        raise Damaged(path, type(error).__name__) from None
    missing = [key for key in REQUIRED if not isinstance(contents, dict) or key not in contents]
    if missing:
        raise UserError(f"{path} is no checkpoint of omni train: it lacks {', '.join(missing)}")
    kinds = {"config": dict, "vocabulary": list, "feature_stats": dict, "step": int, "metrics": dict}
    if wrong := [key for key, kind in kinds.items() if not isinstance(contents[key], kind)]:
        raise UserError(f"{path} is no checkpoint of omni train: its {wrong[0]} is of the type {type(contents[wrong[0]]).__name__}")
    if tuple(contents["vocabulary"]) != Vocabulary().symbols:
        raise UserError(f"{path} writes with other symbols than <blank>, space, a to z and <eos>: train again")
    return contents


def damage(path: Path) -> str | None:
    """What is wrong with the bytes of a checkpoint, by their checksums; None when they are as they were written."""
    try:
        with zipfile.ZipFile(path) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                return "compressed, which torch never does: it may unpack to any size"
            changed = archive.testzip()
    except Exception as error:  # zipfile has a dozen of them
        return type(error).__name__
    return f"checksum of {changed}" if changed else None


def load_newest(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The checkpoint of a run to go on from, and what it holds; None where the folder has none.

    Raises:
        UserError: it is damaged; the message offers the newest one that is not.
    """
    paths = periodic_checkpoints(folder)
    if not paths:
        return None
    try:
        return paths[-1], load_checkpoint(paths[-1])
    except Damaged as error:
        raise UserError(f"{paths[-1]} is damaged ({error.reason}): {_way_back(folder, paths[:-1])}") from None


def _way_back(folder: Path, earlier: list[Path]) -> str:
    """How to go on with a run whose newest checkpoint is damaged."""
    spoilt: list[str] = []
    for path in reversed(earlier):
        if not damage(path):
            return f"delete {' and '.join(['it', *spoilt])} to go on from {path.name}"
        spoilt.append(path.name)
    if (folder / BEST).exists() and not damage(folder / BEST):
        step = load_checkpoint(folder / BEST)["step"]
        return f"delete {' and '.join(['it', *spoilt])}, and copy {BEST} to audio_enc_step_{step}.pt to go on from there"
    return "no other checkpoint of this run is whole: train into another save_dir"


def checkpoint_config(contents: dict[str, Any], path: str | Path) -> Config:
    """The settings that the checkpoint `path` was trained with; those it does not name are at their defaults.

    Raises:
        UserError: it holds a setting that this version does not know.
    """
    try:
        return config_from_dict(contents["config"])
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def filled(make: Callable[[], nn.Module], state: dict[str, Tensor], path: str | Path) -> nn.Module:
    """The module that `make()` builds, with the weights of `state`.

    It is built without memory first (torch's device "meta"), to compare shapes: the settings in a stranger's file may ask for any
    number of gigabytes, its weights hold what they hold.

    Raises:
        UserError: names, shapes or types differ from the module's.
    """
    with torch.device("meta"):
        outline = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that nothing is copied into an outline
        load_weights(outline, state, path)
    module = make()
    load_weights(module, state, path)
    return module


def load_weights(module: nn.Module, state: dict[str, Tensor], path: str | Path) -> None:
    """Fill `module` with weights of any floating type.

    Raises:
        UserError: names, shapes or types differ from the module's.
    """
    try:
        for name, expected in module.state_dict().items():
            if name in state and not _same_kind(state[name], expected):
                raise TypeError(f"{name} is no plain tensor of numbers like {expected.dtype}")
        module.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} does not fit this version of {type(module).__name__} ({reason}): train again") from None


def _same_kind(found: Any, expected: Tensor) -> bool:
    return (
        isinstance(found, Tensor)
        and found.layout == torch.strided
        and found.is_floating_point() == expected.is_floating_point()
        and found.is_complex() == expected.is_complex()
    )


def periodic_checkpoints(folder: Path) -> list[Path]:
    """The `audio_enc_step_N.pt` of a run folder, oldest first."""
    found = [(int(match[1]), path) for path in folder.glob("audio_enc_step_*.pt") if (match := _PERIODIC.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def rotate(folder: Path, keep: int = 3) -> None:
    """Delete all but the newest `keep` periodic checkpoints; `audio_enc_best.pt` is a file of its own and stays.

    While none of those `keep` is whole, the newest older one that is stays too.
    """
    paths = periodic_checkpoints(folder)
    older, kept = paths[:-keep], paths[-keep:]
    if older and all(damage(path) for path in reversed(kept)):
        kept = [path for path in reversed(older) if not damage(path)][:1]
    for path in older:
        if path not in kept:
            path.unlink(missing_ok=True)


def remove_half_written(folder: Path) -> None:
    """Delete what a killed run was writing; only for whoever holds the run's lock."""
    with contextlib.suppress(OSError):  # a folder that cannot be written is refused by the first write
        for path in folder.glob(f"*{PARTIAL}"):
            path.unlink(missing_ok=True)
