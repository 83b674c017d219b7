"""A trained recogniser as a small file to hand on: half precision, no optimiser, its measured error rate inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from omni_lib.checkpoint import REQUIRED, load_checkpoint, save_checkpoint
from omni_lib.errors import UserError


def export_for_inference(checkpoint: str | Path, out: str | Path) -> Path:
    """Write the averaged weights of `checkpoint` to `out`, matrices in half precision: about a tenth of the file.

    Vectors stay in single precision: the statistics of a batch norm or of the features may span more than half precision can
    tell apart, and they take hardly any room. Loaded again, everything is single precision.

    Raises:
        UserError: the checkpoint cannot be read, or `out` cannot be written.
    """
    contents = load_checkpoint(checkpoint)
    kept = {key: contents[key] for key in REQUIRED}
    kept["enc"], kept["head"] = _halved(contents["enc"]), _halved(contents["head"])
    kept["metrics"] = {}  # what the full-precision weights reached is not what these reach: `record` puts it here
    save_checkpoint(Path(out), kept)
    return Path(out)


def record(path: str | Path, measured: dict[str, Any], limits: str) -> None:
    """Write into an exported file what it was measured to reach, and on what it should not be trusted.

    Args:
        measured: JSON-like figures, such as `Evaluation.summary()`.
        limits: a sentence or two for whoever uses it.

    Raises:
        UserError: `path` is no exported file.
    """
    contents = load_checkpoint(path)
    if "resume" in contents:
        raise UserError(f"{path} is a training's checkpoint: export it first ('omni export')")
    save_checkpoint(Path(path), contents | {"metrics": measured, "limits": limits})


def _halved(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.to(torch.float16) if tensor.ndim >= 2 else tensor for name, tensor in state.items()}
