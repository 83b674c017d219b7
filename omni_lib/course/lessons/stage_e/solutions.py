"""Lesson 06: one way to write each exercise. The docstrings are also those of the blanks in the notebook."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from omni_lib.config import config_from_dict
from omni_lib.encoder import AudioEncoder, valid_frames


def load_encoder(path: Path) -> AudioEncoder:
    """The encoder that a checkpoint holds under 'enc', in evaluation mode; its 'config' describes the shape.

    A file that holds objects of other classes must be refused (`weights_only=True`): building them runs code.
    Compared: every parameter and buffer exactly, in float32, the mode of every module in it, and the
    embeddings of a clip.
    """
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    encoder = AudioEncoder.from_config(config_from_dict(checkpoint["config"]))
    encoder.load_state_dict(checkpoint["enc"])
    return encoder.eval()


def freeze(encoder: AudioEncoder) -> AudioEncoder:
    """The encoder in a state that training cannot change: neither its weights nor its running statistics.

    Compared: the weights are those that were given, no parameter requires a gradient, no module in the
    encoder is in training mode, and a forward pass leaves every parameter and buffer as it was.
    """
    for parameter in encoder.parameters():
        parameter.requires_grad_(False)
    return encoder.eval()


def thinker_input(embeddings: Tensor, lengths: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """embeddings (B, T, 192), lengths (B,), weight (256, 192), bias (256,) → (B, T, 256).

    A linear map, then a mask. Compared everywhere, to four digits: beyond the length of each clip all must
    be zero.
    """
    projected = embeddings @ weight.T + bias
    return projected * valid_frames(lengths, embeddings.shape[1])[..., None]


def linear_probe(x: Tensor, targets: Tensor, penalty: float) -> Tensor:
    """x (N, D), targets (N, K) → the weights W (D + 1, K) of ridge regression.

    x gets a last column of ones, so that the last row of W is the bias. W minimises
    |[x 1] W - targets|² + penalty · |W|²; both are sums of squares over all rows and columns, bias included.
    `penalty` is 0 or more. Compared to three digits.
    """
    x = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    weights: Tensor = torch.linalg.solve(x.T @ x + penalty * torch.eye(x.shape[1]), x.T @ targets)
    return weights
