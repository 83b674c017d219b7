"""Lesson 05: the usual slips in `train_step`, for its judge to recognise by the weights that they leave."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import nn

from omni_lib.course.lessons.full_training import solutions
from omni_lib.training.batching import Batch

Step = Callable[..., Any]


def _without_clearing(
    model: Any, batch: Batch, optimizers: Any, averaged: Any, share: float, n: float
) -> Any:
    loss = model(batch, share)
    loss.objective.backward()
    nn.utils.clip_grad_norm_(model.parameters(), n)
    optimizers.step(share)
    averaged.update_parameters(model.recogniser)
    return loss


def _without_clipping(
    model: Any, batch: Batch, optimizers: Any, averaged: Any, share: float, n: float
) -> Any:
    return solutions.train_step(model, batch, optimizers, averaged, share, float("inf"))


def _clipped_to_one(model: Any, batch: Batch, optimizers: Any, averaged: Any, share: float, n: float) -> Any:
    return solutions.train_step(model, batch, optimizers, averaged, share, 1.0)


def _averaged_twice(model: Any, batch: Batch, optimizers: Any, averaged: Any, share: float, n: float) -> Any:
    loss = solutions.train_step(model, batch, optimizers, averaged, share, n)
    averaged.update_parameters(model.recogniser)
    return loss


def _not_averaged(model: Any, batch: Batch, optimizers: Any, averaged: Any, share: float, n: float) -> Any:
    return solutions.train_step(model, batch, optimizers, copy.deepcopy(averaged), share, n)


def _averaged_before(model: Any, batch: Batch, optimizers: Any, averaged: Any, share: float, n: float) -> Any:
    averaged.update_parameters(model.recogniser)
    return _not_averaged(model, batch, optimizers, averaged, share, n)


def _at_the_peak(model: Any, batch: Batch, optimizers: Any, averaged: Any, share: float, n: float) -> Any:
    loss = model(batch, share)
    optimizers.zero_grad()
    loss.objective.backward()
    nn.utils.clip_grad_norm_(model.parameters(), n)
    optimizers.step(1.0)
    averaged.update_parameters(model.recogniser)
    return loss


def _loss_without_share(
    model: Any, batch: Batch, optimizers: Any, averaged: Any, share: float, n: float
) -> Any:
    loss = model(batch)
    optimizers.zero_grad()
    loss.objective.backward()
    nn.utils.clip_grad_norm_(model.parameters(), n)
    optimizers.step(share)
    averaged.update_parameters(model.recogniser)
    return loss


def _uphill(model: Any, batch: Batch, optimizers: Any, averaged: Any, share: float, n: float) -> Any:
    loss = model(batch, share)
    optimizers.zero_grad()
    (-loss.objective).backward()
    nn.utils.clip_grad_norm_(model.parameters(), n)
    optimizers.step(share)
    averaged.update_parameters(model.recogniser)
    return loss


def _stepped_twice(model: Any, batch: Batch, optimizers: Any, averaged: Any, share: float, n: float) -> Any:
    loss = model(batch, share)
    optimizers.zero_grad()
    loss.objective.backward()
    nn.utils.clip_grad_norm_(model.parameters(), n)
    optimizers.step(share)
    optimizers.step(share)
    averaged.update_parameters(model.recogniser)
    return loss


def _in_evaluation(model: Any, batch: Batch, optimizers: Any, averaged: Any, share: float, n: float) -> Any:
    model.eval()
    loss = solutions.train_step(model, batch, optimizers, averaged, share, n)
    model.train()
    return loss


SLIPS: tuple[tuple[Step, str], ...] = (
    (
        _without_clearing,
        "`backward` adds to the gradients that are there already: clear those of the last step before it "
        "(`optimizers.zero_grad()`).",
    ),
    (
        _without_clipping,
        "Your gradients are not clipped: after `backward` and before the step, "
        "`nn.utils.clip_grad_norm_(model.parameters(), largest_norm)`.",
    ),
    (_clipped_to_one, "Clip to `largest_norm`, whatever it is; you seem to clip to a norm of 1."),
    (_averaged_twice, "You update the average twice in each step; once is wanted."),
    (_not_averaged, "The average has to follow: `averaged.update_parameters(model.recogniser)`."),
    (_averaged_before, "Update the average after the step, so that it contains the new weights."),
    (
        _at_the_peak,
        "The optimisers take this step with a share of their peak rates: `optimizers.step(share)`.",
    ),
    (_uphill, "Your steps make the loss larger: minimise `loss.objective` itself, without a minus sign."),
    (_stepped_twice, "The optimisers take two steps with one gradient; call `optimizers.step(share)` once."),
    (
        _in_evaluation,
        "A step is taken in training mode, in which the model is already: `eval()` belongs to evaluation.",
    ),
    (_loss_without_share, "The loss depends on `share` too: `model(batch, share)`."),
)
