"""For the next stage, Stage E: the encoder alone, and a projection to the Thinker's channels."""

from __future__ import annotations

import json
import os
from pathlib import Path

import safetensors
from torch import nn

from omni_lib.config import config_from_dict
from omni_lib.encoder import AudioEncoder
from omni_lib.errors import UserError
from omni_lib.weights import checkpoint_config, filled, load_checkpoint


def load_encoder(path: str | Path) -> AudioEncoder:
    """The trained encoder from a checkpoint, in evaluation mode; its state includes the feature statistics.

    Args:
        path: a checkpoint, or a file that `omni export --safetensors` wrote.

    Raises:
        UserError: the file is missing, is damaged or has another format.
    """
    if not isinstance(path, str | os.PathLike):  # None, where a run has saved no checkpoint yet
        raise UserError(f"load_encoder was given {path!r}: name the file of a checkpoint")
    if Path(path).suffix == ".safetensors":
        return _load_safetensors(Path(path))
    contents = load_checkpoint(path)
    config = checkpoint_config(contents, path)
    return filled(lambda: AudioEncoder.from_config(config), contents["enc"], path).eval()


def _load_safetensors(path: Path) -> AudioEncoder:
    if not path.is_file():
        raise UserError(f"{path} does not exist: make it with 'omni export --safetensors'")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            settings = json.loads((file.metadata() or {})["config"])
            weights = {name: file.get_tensor(name) for name in file.keys()}
        config = config_from_dict(settings)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except (
        safetensors.SafetensorError,
        OSError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise UserError(
            f"{path} is damaged, or not an encoder of omni export ({type(error).__name__}): export it again"
        ) from None
    return filled(lambda: AudioEncoder.from_config(config), weights, path).eval()


class AudioProjector(nn.Linear):
    """Linear map from the encoder's channels to the Thinker's: embeddings (B, T', 192) → (B, T', 256)."""

    def __init__(self, d_model: int = 192, d_thinker: int = 256) -> None:
        super().__init__(d_model, d_thinker)
