"""Lesson 05, the learning rate: wrong answers, each with words of its reply, and other right ones."""

from __future__ import annotations

import math
from typing import Any

import torch

from omni_lib.course.lessons.full_training import solutions


def _from_zero(step: int, total_steps: int, peak: float, warmup_steps: int) -> Any:
    if step < warmup_steps:
        return peak * step / warmup_steps
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / (total_steps - warmup_steps)))


def _from_the_last_of_the_warmup(step: int, total_steps: int, peak: float, warmup_steps: int) -> Any:
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    share = (step + 1 - warmup_steps) / (total_steps - warmup_steps)  # 0 in the last step of the warm-up
    return peak * (1 + math.cos(math.pi * share)) / 2


def _cosine_of_everything(step: int, total_steps: int, peak: float, warmup_steps: int) -> Any:
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * 0.5 * (1 + math.cos(math.pi * step / total_steps))


def _full_cosine(step: int, total_steps: int, peak: float, warmup_steps: int) -> Any:
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * math.cos(math.pi * (step - warmup_steps) / (total_steps - warmup_steps))


def _by_warmup_always(step: int, total_steps: int, peak: float, warmup_steps: int) -> Any:
    rise = (step + 1) / warmup_steps
    return peak * min(
        rise, 0.5 * (1 + math.cos(math.pi * max(0, step - warmup_steps) / (total_steps - warmup_steps)))
    )


def _quarter_of_a_cosine(step: int, total_steps: int, peak: float, warmup_steps: int) -> Any:
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * math.cos(math.pi / 2 * (step - warmup_steps) / (total_steps - warmup_steps))


def _straight_down(step: int, total_steps: int, peak: float, warmup_steps: int) -> Any:
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * (total_steps - step) / (total_steps - warmup_steps)


def _over_all_steps(step: int, total_steps: int, peak: float, warmup_steps: int) -> Any:
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / total_steps))


def _in_degrees(step: int, total_steps: int, peak: float, warmup_steps: int) -> Any:
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * 0.5 * (1 + math.cos(180 * (step - warmup_steps) / (total_steps - warmup_steps)))


WRONG: list[tuple[Any, str]] = [
    (_from_zero, "The warm-up begins above zero"),
    (_cosine_of_everything, "cosine begins where the warm-up ends"),
    (_full_cosine, "half the peak"),
    (_by_warmup_always, "ZeroDivisionError"),
    (_quarter_of_a_cosine, "a quarter of a cosine"),
    (_straight_down, "less than a straight line"),
    (lambda *given: max(1e-5, solutions.learning_rate(*given)), "No smallest rate is wanted"),
    (_over_all_steps, "(step - warmup) / (total - warmup)"),
    (_in_degrees, "radians"),
    (
        lambda step, total, peak, warmup: solutions.learning_rate(step, total, peak, max(1, warmup)),
        "from step 0 on",
    ),
]

OTHER_RIGHT: list[Any] = [
    lambda step, total, peak, warmup: solutions.learning_rate(step, total - 1, peak, warmup),
    _from_the_last_of_the_warmup,
    lambda step, total, peak, warmup: torch.tensor(
        peak * (step + 1) / warmup
        if step < warmup
        else peak * math.cos(math.pi / 2 * (step - warmup) / (total - warmup)) ** 2
    ),
    lambda step, total, peak, warmup: (
        peak * (step + 1) / warmup
        if step < warmup
        else peak * math.cos(math.pi / 2 * (step - warmup) / (total - 1 - warmup)) ** 2  # not quite 0
    ),
    lambda step, total, peak, warmup: (
        peak * (step + 1) / warmup
        if step < warmup
        else 0.5 * peak * (1 + torch.cos(torch.tensor(math.pi * (step - warmup) / (total - warmup))))
    ),
]
