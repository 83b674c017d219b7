"""Ways to write the exercises of lesson 05; yours may differ."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def initial_loss(frames: int, letters: int, repeats: int, symbols: int = 29) -> float:
    """CTC loss in nats of a model that gives each of `symbols` the same probability in each of `frames` CTC frames.

    The text has `letters` symbols, of which `repeats` are the same as the one before. inf where no path exists.
    """
    if frames < letters + repeats:
        return math.inf
    paths = math.comb(frames + letters - repeats, 2 * letters)
    return frames * math.log(symbols) - math.log(paths)


def training_time(
    utterances: int, batch_size: int, epochs: int, seconds_per_step: float
) -> tuple[int, float]:
    """Steps of a whole training, the last batch of an epoch being as small as it must, and the hours that they take."""
    steps = math.ceil(utterances / batch_size) * epochs
    return steps, steps * seconds_per_step / 3600


def learning_rate(step: int, total_steps: int, peak: float, warmup_steps: int) -> float:
    """The rate of `step`, counted from 0: a straight line up to `peak` at the last step of the warm-up, then half a cosine down to 0."""
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / (total_steps - warmup_steps)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))


def clip_gradient(gradients: list[Tensor], largest_norm: float) -> list[Tensor]:
    """The gradients of all parameters, made shorter together where their common norm exceeds `largest_norm`."""
    norm = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    scale = min(1.0, largest_norm / max(float(norm), 1e-12))
    return [gradient * scale for gradient in gradients]


def average_weights(averaged: Tensor, current: Tensor, updates: int, decay: float) -> Tensor:
    """The moving average after one more step: it keeps min(decay, (1 + updates) / (10 + updates)) of itself."""
    kept = min(decay, (1 + updates) / (10 + updates))
    return kept * averaged + (1 - kept) * current
