"""Ways to write the exercises of lesson 06; yours may differ."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from omni_lib.config import config_from_dict
from omni_lib.encoder import AudioEncoder, valid_frames


def load_encoder(path: Path) -> AudioEncoder:
    """The encoder that a checkpoint holds below 'enc', of the shape that its 'config' describes, in evaluation mode."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    encoder = AudioEncoder.from_config(config_from_dict(checkpoint["config"]))
    encoder.load_state_dict(checkpoint["enc"])
    return encoder.eval()


def freeze(encoder: AudioEncoder) -> AudioEncoder:
    """The same encoder, which training can no longer change: neither its weights nor its running statistics."""
    for parameter in encoder.parameters():
        parameter.requires_grad_(False)
    return encoder.eval()


def thinker_input(embeddings: Tensor, lengths: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """embeddings (B, T, 192), lengths (B,), weight (256, 192), bias (256,) → (B, T, 256), zero beyond each length."""
    projected = embeddings @ weight.T + bias
    return projected * valid_frames(lengths, embeddings.shape[1])[..., None]


def linear_probe(x: Tensor, targets: Tensor, penalty: float) -> Tensor:
    """x (N, D), targets (N, K) → the W (D + 1, K) with the least |[x 1] W - targets|² + penalty · |W|²; its last row meets the ones."""
    x = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    return torch.linalg.solve(x.T @ x + penalty * torch.eye(x.shape[1]), x.T @ targets)
