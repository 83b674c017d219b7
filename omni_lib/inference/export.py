"""Export of a trained model to a small file for others to use.

The file holds either the recogniser in half precision, with its measured error rate but without the state of
the optimisers, or the encoder alone, as safetensors.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from omni_lib.errors import UserError
from omni_lib.machine.files import write_atomically
from omni_lib.stage_e import load_encoder
from omni_lib.training.checkpoint import save_checkpoint
from omni_lib.weights import REQUIRED, checkpoint_config, load_checkpoint


def export_for_inference(checkpoint: str | Path, out: str | Path) -> Path:
    """Write the averaged weights of `checkpoint` to `out`, with matrices in half precision.

    The file is about a tenth as large as the checkpoint. Vectors stay in single precision, because they take
    little space, and half precision is too coarse for the statistics of a batch norm or of the features. When
    the file is loaded, all weights become single precision.

    Raises:
        UserError: the checkpoint cannot be read, or `out` cannot be written.
    """
    contents = load_checkpoint(checkpoint)
    kept = {key: contents[key] for key in REQUIRED}
    kept["enc"], kept["head"] = _halved(contents["enc"]), _halved(contents["head"])
    # Empty, because the metrics were measured with the full-precision weights; `record` writes new ones.
    kept["metrics"] = {}
    save_checkpoint(Path(out), kept)
    return Path(out)


def export_encoder(checkpoint: str | Path, out: str | Path) -> Path:
    """Write only the encoder of `checkpoint`, in single precision, as a safetensors file.

    `stage_e.load_encoder(out)` returns the same encoder. The tensors have the names and shapes of
    `AudioEncoder`. Its settings are in the file's metadata, as JSON under "config".

    Raises:
        UserError: the checkpoint cannot be read, or `out` cannot be written.
    """
    contents = load_checkpoint(checkpoint)
    settings = json.dumps(checkpoint_config(contents, checkpoint).to_dict())
    weights = {name: tensor.contiguous() for name, tensor in load_encoder(checkpoint).state_dict().items()}
    metadata = {"format": "pt", "config": settings, "step": str(contents["step"])}
    write_atomically(Path(out), safetensors.torch.save(weights, metadata))
    return Path(out)


def record(path: str | Path, measured: dict[str, Any], limits: str) -> None:
    """Add the measured error rates and the limits of the model to an exported file.

    Args:
        measured: JSON-like figures, such as `Evaluation.summary()`.
        limits: a sentence or two about what the model should not be used for.

    Raises:
        UserError: `path` is not an exported file.
    """
    contents = load_checkpoint(path)
    if "resume" in contents:
        raise UserError(f"{path} is a checkpoint of a training: export it first ('omni export')")
    save_checkpoint(Path(path), contents | {"metrics": measured, "limits": limits})


def _halved(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.to(torch.float16) if tensor.ndim >= 2 else tensor for name, tensor in state.items()}
