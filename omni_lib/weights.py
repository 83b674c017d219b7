"""Reading a checkpoint. No code in the file is run, and every checksum and every shape is checked.

The file is a dictionary of tensors and plain values (`REQUIRED` names its keys); `training/checkpoint.py`
writes it.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from omni_lib.config import Config, config_from_dict
from omni_lib.errors import UserError
from omni_lib.text import Vocabulary

Module = TypeVar("Module", bound=nn.Module)

REQUIRED = ("enc", "head", "config", "vocabulary", "feature_stats", "step", "metrics")


class DamagedCheckpoint(UserError):
    """A checkpoint file was changed or cut short after it was written."""

    def __init__(self, path: Path, reason: str) -> None:
        remedy = "name another audio_enc_….pt of a run"
        super().__init__(f"{path} is damaged or not a checkpoint ({reason}): {remedy}")
        self.path, self.reason = path, reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.reason)  # pickle would call the class with the message alone


class ForeignFile(DamagedCheckpoint):
    """A file of another program is in the place of a checkpoint."""

    def __init__(self, path: Path, form: str) -> None:
        remedy = "name an audio_enc_….pt of a run"
        UserError.__init__(self, f"{path} is {form}, not a checkpoint of omni train: {remedy}")
        self.path, self.reason = path, form


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint on the CPU.

    `weights_only=True` refuses anything but tensors and plain values, so that an untrusted file cannot run
    code. The archive's checksums are checked first, because `torch.load` accepts a weight with a flipped bit.

    Raises:
        UserError: the file is missing, damaged (`DamagedCheckpoint`), or not a checkpoint of omni train.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder: name a checkpoint in it, such as {path / 'audio_enc_best.pt'}")
    if not path.is_file():
        raise UserError(f"{path} does not exist: train first ('omni train'), or name a checkpoint")
    if foreign := _foreign(path):
        raise ForeignFile(path, foreign)
    if reason := damage(path):
        raise DamagedCheckpoint(path, reason)
    try:
        contents: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle and torch raise many types; each means that the file is damaged
        raise DamagedCheckpoint(path, type(error).__name__) from None
    missing = [key for key in REQUIRED if not isinstance(contents, dict) or key not in contents]
    if missing:
        raise UserError(f"{path} is not a checkpoint of omni train: it lacks {', '.join(missing)}")
    kinds = {"config": dict, "vocabulary": list, "feature_stats": dict, "step": int, "metrics": dict}
    if wrong := [key for key, kind in kinds.items() if not isinstance(contents[key], kind)]:
        found = type(contents[wrong[0]]).__name__
        raise UserError(f"{path} is not a checkpoint of omni train: its {wrong[0]} is of the type {found}")
    if tuple(contents["vocabulary"]) != Vocabulary().symbols:
        raise UserError(f"{path} has other symbols than <blank>, space, a to z and <eos>: train again")
    return contents


def _foreign(path: Path) -> str:
    """What a file is whose first bytes are those of another format; "" for any other."""
    with open(path, "rb") as file:
        start = file.read(512)
    known = (  # of the first bytes, and what such a file is
        (rb".{8}\{", "a file of safetensors"),
        (rb"GGUF|ggml|lmgg", "a model of GGML"),
        (rb"\x89HDF", "an HDF5 file, as Keras writes it"),
        (rb"\x93NUMPY", "an array of NumPy"),
        (rb"\x08[\x01-\x0f][\x12\x1a:]", "a model of ONNX"),
        (rb"version https://git-lfs", "a pointer of Git LFS (fetch the file with git lfs pull)"),
        (rb"\s*<(?:!doctype|html|\?xml)", "a web page"),
        (rb"\x1f\x8b|BZh|\xfd7zXZ", "packed (unpack it)"),
        (rb".{257}ustar", "an archive, as NeMo writes it"),
        (rb"\x80[\x02-\x05]", "a pickle, as other programs and PyTorch before 1.6 write it"),
        (rb"RIFF|fLaC|OggS|ID3", "sound"),
    )
    if form := next((form for first, form in known if re.match(first, start, re.DOTALL | re.IGNORECASE)), ""):
        return form
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # zipfile raises a dozen types
        return ""
    if any(name.endswith("/constants.pkl") for name in names):
        return "a model of TorchScript"
    return "" if any(name.endswith("/data.pkl") for name in names) else "a ZIP archive of something else"


def damage(path: Path) -> str | None:
    """What is wrong with the bytes of a checkpoint according to its checksums; None if they are intact."""
    try:
        with zipfile.ZipFile(path) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                return "compressed, which torch never does: it may unpack to any size"
            changed = archive.testzip()
    except Exception as error:  # zipfile raises a dozen types
        return type(error).__name__
    return f"checksum of {changed}" if changed else None


def checkpoint_config(contents: dict[str, Any], path: str | Path) -> Config:
    """The settings that the checkpoint `path` was trained with; missing ones get their defaults.

    Raises:
        UserError: a setting is unknown to this version, or its value is wrong.
    """
    try:
        return config_from_dict(contents["config"])
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def filled(make: Callable[[], Module], state: dict[str, Tensor], path: str | Path) -> Module:
    """The module that `make()` builds, with the weights of `state`.

    It is first built without memory (on torch's device "meta") to compare shapes, because the settings in an
    untrusted file may describe a model of any size.

    Raises:
        UserError: names, shapes or types differ from the module's.
    """
    with torch.device("meta"):
        shapes = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that nothing is copied to "meta"
        load_weights(shapes, state, path)
    module = make()
    load_weights(module, state, path)
    return module


def load_weights(module: nn.Module, state: dict[str, Tensor], path: str | Path) -> None:
    """Fill `module` with weights of any floating type.

    Raises:
        UserError: names, shapes or types differ from the module's, or a weight is not a finite number.
    """
    try:
        for name, expected in module.state_dict().items():
            if name in state and not _same_kind(state[name], expected):
                raise TypeError(f"{name} is not a plain tensor of numbers like {expected.dtype}")
            if name in state and not state[name].isfinite().all():
                raise UserError(
                    f"{path} holds values in {name} that are not finite numbers: use an earlier checkpoint,"
                    " or train again with a lower learning_rate"
                )
        module.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        reason = reason if len(reason) <= 200 else f"{reason[:199]}…"
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
