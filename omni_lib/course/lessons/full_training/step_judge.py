"""Lesson 05: how the learner's `train_step` is judged: by the weights that it leaves, beside the library's.

Both train the same small recogniser on the same three batches of the course's clips.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from omni_lib.config import load_config
from omni_lib.course.exercises.expectations import require
from omni_lib.course.exercises.sandbox import Attempt, NotAttempted, NotYet, TooSlow, call, described
from omni_lib.course.lessons.full_training.step_slips import SLIPS, Step
from omni_lib.machine.clone import ROOT
from omni_lib.trainer import Trainer
from omni_lib.training.batching import Batch
from omni_lib.training.objective import Loss
from omni_lib.training.optimizer import Optimizers, averaged_copy, schedule

STEPS = 3
LARGE, SMALL = 1e3, 0.05  # norms that no gradient here exceeds, and that every gradient exceeds
MIDDLE = 4.3  # the first two exceed it: a factor that all gradients share, AdamW and Muon do not notice
# Relative to how far the steps move the weights. Rounding makes 1e-3 where a learner clips in another way:
# Adam divides each gradient by its own size, and so enlarges differences in the smallest. A slip makes 0.1.
TOLERANCE = 1e-2


@dataclass(frozen=True)
class Left:
    """What some steps leave: all weights and their moving average, each as one vector."""

    weights: Tensor
    averaged: Tensor
    statistics: Tensor  # the buffers, which a forward pass changes
    gradients: bool  # whether any are there
    reordered: str  # a weight whose gradient lies in memory in another order; empty if there is none


@cache
def _bench() -> tuple[Trainer, list[Batch]]:
    """A small trainer before its first step, and three batches for it."""
    config = load_config(ROOT / "configs" / "lesson_short.json")
    config = replace(
        config,
        data_path=str(ROOT / config.data_path),
        d_model=16,
        n_layers=2,
        n_heads=2,
        d_ff=16,
        blocks_before_pool=1,
        alignment_entropy=0.6,  # so that `share` matters to the loss, too
        warmup_steps=2 * STEPS,
        average_decay=0.9,
        mixed_precision=False,
    )
    with _own_random_numbers():
        trainer = Trainer(config, Path("nowhere"), report=lambda line: None)  # it writes nothing
        batches = list(islice((batch for epoch in (1, 2) for batch in trainer.batches.epoch(epoch)), STEPS))
    return trainer, batches


@contextmanager
def _own_random_numbers() -> Iterator[None]:
    """Inside the `with` block, the caller's random numbers are not touched."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        yield


def _fresh(largest_norm: float) -> Trainer:
    """The small trainer with weights, optimisers and average of its own, before its first step."""
    trainer = copy.copy(_bench()[0])
    trainer.config = replace(trainer.config, gradient_clip=largest_norm)
    trainer.model = copy.deepcopy(trainer.model)
    trainer.recogniser, trainer.parallel = trainer.model.recogniser, trainer.model
    trainer.floats = [value for value in trainer.model.state_dict().values() if value.is_floating_point()]
    trainer.optimizers = Optimizers(trainer.recogniser.encoder.blocks, trainer.model, trainer.config)
    trainer.averaged = averaged_copy(trainer.recogniser, trainer.config.average_decay)
    trainer.model.train()
    return trainer


def _left_by(trainer: Trainer) -> Left:
    gradients = any(parameter.grad is not None for parameter in trainer.model.parameters())
    buffers = [value.flatten().double() for value in trainer.model.buffers()]
    averaged = _as_vector(trainer.averaged.module)
    reordered = _reordered(trainer.model)
    return Left(_as_vector(trainer.model), averaged, torch.cat(buffers), gradients, reordered)


def _reordered(model: nn.Module) -> str:
    """The name of a weight whose gradient lies in memory in another order than the weight; else empty."""
    for name, weight in model.named_parameters():
        if weight.grad is not None and weight.grad.shape == weight.shape:
            axes = [axis for axis, size in enumerate(weight.shape) if size > 1]
            if any(weight.grad.stride(axis) != weight.stride(axis) for axis in axes):
                return name
    return ""


def _as_vector(module: nn.Module) -> Tensor:
    return torch.cat([value.detach().flatten().clone() for value in module.parameters()])


@cache
def _library(largest_norm: float, steps: int) -> Left:
    """What the library's own steps leave."""
    trainer = _fresh(largest_norm)
    with _own_random_numbers():
        for batch in _bench()[1][:steps]:
            trainer.train_step(batch)
    return _left_by(trainer)


def _taken(step: Step, largest_norm: float, steps: int) -> tuple[Left, list[Any]]:
    """What `step` leaves, and what each call returned."""
    trainer = _fresh(largest_norm)
    returned = []
    with _own_random_numbers():
        for number, batch in enumerate(_bench()[1][:steps]):
            share = schedule(number, trainer.total_steps, trainer.config)
            given = trainer.model, batch, trainer.optimizers, trainer.averaged, share, largest_norm
            returned.append(step(*given))
    return _left_by(trainer), returned


def _same(mine: Tensor, theirs: Tensor, before: Tensor) -> bool:
    """Whether two vectors of weights are the same, compared with how far the steps have moved them."""
    moved = float((theirs - before).norm())
    return mine.shape == theirs.shape and float((mine - theirs).norm()) <= TOLERANCE * max(moved, 1e-12)


def train_step(attempt: Attempt) -> None:
    def step(*arguments: Any) -> Any:
        try:
            got, _ = call(attempt.function, arguments, 3 * attempt.seconds, "a model and a batch")
        except TooSlow:
            raise
        except NotYet as found:
            raise NotYet(f"{found}. {_CALLS}") from found
        return got

    before = _left_by(_fresh(LARGE))
    for largest_norm, steps, case in (
        (LARGE, 1, "One step, with a gradient that need not be clipped"),
        (LARGE, STEPS, "Three steps, with gradients that need not be clipped"),
        (SMALL, STEPS, "Three steps, with gradients that are too large"),
        (MIDDLE, STEPS, "Three steps, of which only the last has a gradient that need not be clipped"),
    ):
        left, returned = _taken(step, largest_norm, steps)
        _expect_loss(returned[0])
        wanted = _library(largest_norm, steps)
        if _same(left.weights, wanted.weights, before.weights):
            # the first update copies the weights, whatever they are
            if steps == 1 or _same(left.averaged, wanted.averaged, before.averaged):
                once = _same(left.statistics, wanted.statistics, before.statistics)
                require(once, f"{case}: {_ONE_FORWARD}")
                continue
            what, why = "the weights are the library's, but their moving average is not", _ONE_UPDATE
        elif torch.equal(left.weights, before.weights):
            what, why = "the weights have not moved", _NO_STEP if left.gradients else _NO_GRADIENT
            raise NotYet(f"{case}: {what}. {why}")
        else:
            what, why = (
                "the weights differ from the library's",
                {LARGE: _ORDER, SMALL: _CLIPPING, MIDDLE: _AS_IT_IS}[largest_norm],
            )
        if left.reordered:
            why = _REORDERED.format(left.reordered)
        # The other norms have shown that nothing is wrong with the order, or with the clipping.
        slip = "" if largest_norm == MIDDLE else _slip(left, before, largest_norm, steps)
        raise NotYet(f"{case}: {what}. {slip or why}")


_CALLS = (
    "The parts of a step are `model(batch, share)`, `loss.objective.backward()`, `optimizers.step(share)` "
    "and `averaged.update_parameters(model.recogniser)`"
)
_ORDER = "The order is: forward and loss, clear the gradients, backward, clip, step, average."
_CLIPPING = (
    "Where nothing had to be clipped, they were the same. Clip once, all gradients together, after "
    "`backward`: "
    "`nn.utils.clip_grad_norm_(model.parameters(), largest_norm)`."
)
_AS_IT_IS = (
    "Where all of them or none had to be clipped, they were the same. The gradient must be that of "
    "`loss.objective` as it is: not divided by anything, from one `backward`, and clipped to `largest_norm` "
    "itself."
)
_ONE_FORWARD = (
    "the weights are the library's, but the running statistics of the norms are not. Each forward pass "
    "changes them: call `model(batch, share)` once, in training mode."
)
_ONE_UPDATE = (
    "In each step it is updated once, after the weights: `averaged.update_parameters(model.recogniser)`."
)
_REORDERED = (
    "The gradient of `{}` lies in memory in another order than the weight (its `stride()`), and the fused "
    "AdamW of torch then gives each weight the gradient of another. `backward` keeps the order. With "
    "`torch.autograd.grad`, copy each gradient into one that is laid out like its weight: "
    "`torch.empty_like(weight).copy_(gradient)`."
)
_NO_STEP = "The gradients are there: `optimizers.step(share)` changes the weights with them."
_NO_GRADIENT = (
    "The optimisers find no gradient. `loss.objective.backward()` computes it. Clear the gradients before "
    "`backward`: after it, nothing is left for the step."
)


def _expect_loss(got: Any) -> None:
    if got is ...:
        raise NotAttempted
    require(got is not None, "your function returns None: is the `return` missing?")
    if not isinstance(got, Loss):
        raise NotYet(
            f"your function returns {described(got)}; the log needs everything that `model(batch, share)` "
            "returned"
        )


def _slip(left: Left, before: Left, largest_norm: float, steps: int) -> str:
    """What the learner has probably done, recognised by the weights that the same slip leaves; or empty."""
    for step, words in SLIPS:
        other = _left_by_slip(step, largest_norm, steps)
        if _same(left.weights, other.weights, before.weights) and _same(
            left.averaged, other.averaged, before.averaged
        ):
            return words
    return ""


@cache
def _left_by_slip(step: Step, largest_norm: float, steps: int) -> Left:
    return _taken(step, largest_norm, steps)[0]
