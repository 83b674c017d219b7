"""Lesson 05: one way to write each exercise. The docstrings are also those of the blanks in the notebook."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from omni_lib.training.batching import Batch
from omni_lib.training.objective import Loss, ModelWithLoss
from omni_lib.training.optimizer import Optimizers


def initial_loss(frames: int, letters: int, repeats: int, symbols: int = 29) -> float:
    """The CTC loss, in nats, of a model that gives each of `symbols` the same probability in every CTC frame.

    The text has `letters` symbols, of which `repeats` are the same as the one before. The clip has `frames`
    CTC frames. inf where no path exists. Compared with a relative tolerance of 1e-5.
    """
    if frames < letters + repeats:
        return math.inf
    paths = math.comb(frames + letters - repeats, 2 * letters)
    return frames * math.log(symbols) - math.log(paths)


def training_time(
    utterances: int, batch_size: int, epochs: int, seconds_per_step: float
) -> tuple[int, float]:
    """(steps, hours) of a whole training.

    The last batch of each epoch holds what is left of it, and is a step like any other. The steps are
    compared exactly, the hours with a relative tolerance of 1e-6.
    """
    steps = math.ceil(utterances / batch_size) * epochs
    return steps, steps * seconds_per_step / 3600


def learning_rate(step: int, total_steps: int, peak: float, warmup_steps: int) -> float:
    """The learning rate of step `step`; steps are counted from 0.

    The warm-up is a straight line from `peak / warmup_steps` in step 0 to `peak` in step `warmup_steps - 1`;
    `warmup_steps` may be 0. Half a cosine follows, from `peak` in step `warmup_steps` to 0 in step
    `total_steps`, one after the last. The cosine may also begin one step earlier, or end one step earlier, or
    both. Compared with an absolute tolerance of 1e-6 of the peak.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / (total_steps - warmup_steps)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))


def clip_gradient(gradients: list[Tensor], largest_norm: float) -> list[Tensor]:
    """The gradients of all parameters, scaled down by one factor if their common norm exceeds `largest_norm`.

    The common norm is the root of the sum of all squares of all tensors. Gradients of zero stay zero.
    New tensors of the same shapes, compared to four digits; the ones that were given stay as they are.
    """
    norm = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    scale = min(1.0, largest_norm / max(float(norm), 1e-12))
    return [gradient * scale for gradient in gradients]


def orthogonalise(matrix: Tensor, steps: int) -> Tensor:
    """The Newton-Schulz iteration with Jordan's coefficients, for one matrix that is not taller than wide.

    First the matrix is divided by its Frobenius norm, the root of the sum of all squares, plus 1e-7. Then
    each step replaces X by 3.4445 X - 4.7750 (X Xᵀ) X + 2.0315 (X Xᵀ)² X. A new tensor, compared to three
    digits.
    """
    x: Tensor = matrix / (matrix.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x - 4.7750 * gram @ x + 2.0315 * gram @ gram @ x
    return x


def average_weights(averaged: Tensor, current: Tensor, updates: int, decay: float) -> Tensor:
    """The moving average of the weights after one more step.

    It keeps min(decay, (1 + updates) / (10 + updates)) of itself, `updates` being the number of updates
    before this one, and takes the rest from `current`. A new tensor, compared to four digits.
    """
    kept = min(decay, (1 + updates) / (10 + updates))
    return kept * averaged + (1 - kept) * current


def train_step(
    model: ModelWithLoss,
    batch: Batch,
    optimizers: Optimizers,
    averaged: AveragedModel,
    share: float,
    largest_norm: float,
) -> Loss:
    """One step of a training. The result is what `model` returned.

    Compared with the library's step, after one step and after three: all weights, their average, and the
    running statistics of the norms, to a hundredth of what the steps change.

    Args:
        model: `model(batch, share)` is the forward pass and the loss; minimise its `objective`.
        batch: some utterances, padded.
        optimizers: as one: `zero_grad()`, and `step(share)` with that share of their peak learning rates.
        averaged: `averaged.update_parameters(model.recogniser)` is one update of the moving average.
        share: the learning rate of this step as a share of its peak.
        largest_norm: to which the gradients of `model.parameters()` are clipped, all together.
    """
    loss: Loss = model(batch, share)
    optimizers.zero_grad()
    loss.objective.backward()
    nn.utils.clip_grad_norm_(model.parameters(), largest_norm)
    optimizers.step(share)
    averaged.update_parameters(model.recogniser)
    return loss
