"""Reading a checkpoint: nothing in the file runs, every checksum is tested, and every weight has the shape it should have.

The file is a dictionary of tensors and plain values (`REQUIRED` names its keys); `training.checkpoint` writes it.
"""

from __future__ import annotations

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
        raise UserError(
            f"{path} is no checkpoint of omni train: its {wrong[0]} is of the type {type(contents[wrong[0]]).__name__}"
        )
    if tuple(contents["vocabulary"]) != Vocabulary().symbols:
        raise UserError(
            f"{path} writes with other symbols than <blank>, space, a to z and <eos>: train again"
        )
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
        raise UserError(
            f"{path} does not fit this version of {type(module).__name__} ({reason}): train again"
        ) from None


def _same_kind(found: Any, expected: Tensor) -> bool:
    return (
        isinstance(found, Tensor)
        and found.layout == torch.strided
        and found.is_floating_point() == expected.is_floating_point()
        and found.is_complex() == expected.is_complex()
    )
