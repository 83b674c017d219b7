"""Lesson 05: how the learner's functions are judged."""

from __future__ import annotations

import math
from typing import Any

import torch

from omni_lib.config import Config
from omni_lib.course.exercises.expectations import compare, expect_close, require, result_of
from omni_lib.course.exercises.sandbox import Attempt, NotYet, described, same_values
from omni_lib.course.lessons.full_training import solutions
from omni_lib.training.optimizer import schedule


def training_time(attempt: Attempt) -> None:
    for utterances, batch_size, epochs, seconds, case, why in (
        (1000, 8, 20, 3.25, "The chapter's run", "It has 125 batches an epoch, and many epochs."),
        (8, 8, 1, 3600.0, "One batch, one epoch, an hour a step", ""),
        (1001, 8, 20, 1.0, "One utterance more", "The one that is left over is a batch, too: 126 an epoch."),
        (1007, 8, 3, 2.0, "A last batch that is nearly full", ""),
        (3, 8, 10, 1.0, "Fewer utterances than a batch holds", "They are one small batch."),
        (28_539, 16, 3, 0.5, "LibriSpeech's 100 hours", ""),
    ):
        got = result_of(attempt, (utterances, batch_size, epochs, seconds), case)
        try:
            found = [float(number) for number in got if not isinstance(number, str)]
        except (TypeError, ValueError, RuntimeError):
            found = []
        if len(found) != 2:
            texts = (
                [entry for entry in got if isinstance(entry, str)] if isinstance(got, (list, tuple)) else []
            )
            what = f"{described(got)}{f' with the text {texts[0]!r}' if texts else ''}"
            raise NotYet(f"your function returns {what}; two numbers are wanted: (steps, hours)")
        steps, hours = solutions.training_time(utterances, batch_size, epochs, seconds)
        if found[0] == (utterances // batch_size + 1) * epochs != steps:
            why = "`// + 1` adds a batch where nothing is left over: use `math.ceil`."
        if found[0] == round(utterances / batch_size) * epochs != steps:
            why = f"`//` and `round` drop a last batch that is not even half full: use `math.ceil`. {why}"
        if abs(found[0] - hours) < 1e-6 * hours and found[1] == steps:
            why = "The steps come first, then the hours."
        require(
            found[0] == steps,
            f"{case}: your function returns {found[0]:g} steps, and it should be {steps}. {why}".rstrip(),
        )
        slip = "multiply the steps by the seconds of one; an hour has 3600 s"
        if abs(found[1] - hours) < 0.5 and found[1] in (round(hours, digits) for digits in range(5)):
            slip = "do not round the hours"
        elif found[1] == hours // 1:
            slip = "`//` leaves out the fraction of an hour"
        elif found[1] == math.ceil(hours):
            slip = "do not round the hours up"
        require(
            abs(found[1] - hours) < 1e-6 * hours,
            f"{case}: your function returns {found[1]:.6g} hours, and it should be {hours:.6g}: {slip}.",
        )


def learning_rate(attempt: Attempt) -> None:
    cases = (
        (0, 100, 1.0, 10, "The first step", "The warm-up begins above zero, at a tenth of the peak."),
        (4, 100, 1.0, 10, "A step of the warm-up", "It is halfway up."),
        (9, 100, 1.0, 10, "The last step of the warm-up", "It is at the peak."),
        (
            10,
            100,
            1.0,
            10,
            "The first step after the warm-up",
            "The cosine begins where the warm-up ends: at the peak.",
        ),
        (
            55,
            100,
            1.0,
            10,
            "Halfway between the end of the warm-up and the end of the run",
            "There it is half the peak.",
        ),
        (
            30,
            90,
            1.0,
            10,
            "A quarter of the way down",
            "There the cosine has fallen less than a straight line.",
        ),
        (99, 100, 1.0, 10, "The last step", "It is at zero, or nearly."),
        (0, 50, 3e-3, 0, "The first step of a run without a warm-up", "It begins at the peak."),
        (
            30,
            50,
            3e-3,
            0,
            "A later step of a run without a warm-up",
            "The cosine spans all steps, from step 0 on.",
        ),
        (1000, 2000, 3e-3, 100, "The embedded corpus' own settings, halfway", ""),
        (7, 40, 0.5, 20, "A long warm-up", ""),
        (
            49,
            50,
            3e-3,
            0,
            "The last step of a run with a small peak",
            "No smallest rate is wanted: it falls on.",
        ),
    )
    first, last = _ends_of_cosine(attempt)
    for step, total, peak, warmup, case, why in cases:
        wanted = _rate(step, total, peak, warmup, first, last)
        got = result_of(attempt, (step, total, peak, warmup), case)
        for value, slip in _HALFWAY if step == 55 else ():
            if isinstance(got, (int, float)) and abs(got - value) < 1e-6:
                why = slip
        if not within(got, wanted, 1e-6 * peak):
            compare(got, wanted, why, tolerance=1e-6, case=case)


def within(got: Any, wanted: float, distance: float) -> bool:
    """Whether `got` is one number, at most `distance` away from `wanted`."""
    try:
        return (
            not isinstance(got, str) and getattr(got, "ndim", 0) == 0 and abs(float(got) - wanted) <= distance
        )
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return False


_HALFWAY = (  # what usual mistakes compute halfway between the warm-up and the end
    (
        math.cos(math.pi / 4),
        "That is a quarter of a cosine. Half of one falls from one to minus one; add one, and halve it.",
    ),
    (
        (1 + math.cos(math.pi * 45 / 100)) / 2,
        "The share of the cosine that is over is (step - warmup) / (total - warmup).",
    ),
    ((1 + math.cos(90)) / 2, "`math.cos` takes radians: half a turn is π."),
)


def _rate(step: int, total: int, peak: float, warmup: int, first: int, last: int) -> float:
    """The library's rate, with the cosine from step `warmup + first` to step `total + last`."""
    config = Config(learning_rate=peak, warmup_steps=warmup, schedule="cosine")
    if step < warmup:
        return peak * schedule(step, total, config)
    return peak * schedule(step - first, total + last - first, config)


def _ends_of_cosine(attempt: Attempt) -> tuple[int, int]:
    """Where the answer's cosine begins and ends: one step earlier is right too, if it is so throughout."""
    ends = ((0, 0), (0, -1), (-1, 0), (-1, -1))
    try:
        rates = [float(attempt(step, 100, 1.0, 10)) for step in (11, 98)]
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return ends[0]
    for first, last in ends:
        wanted = [_rate(step, 100, 1.0, 10, first, last) for step in (11, 98)]
        if all(abs(mine - right) < 1e-6 for mine, right in zip(rates, wanted, strict=True)):
            return first, last
    return ends[0]


_FIFTH = "Their norm, the root of the sum of all squares, is five. A fifth of each is left."


def clip_gradient(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(0)
    for gradients, largest, case, why in (
        ([torch.tensor([3.0, 4.0])], 1.0, "A norm five times too large", _FIFTH),
        ([torch.tensor([0.3, 0.4])], 1.0, "A norm that is allowed", "There is nothing to do."),
        (
            [torch.tensor([0.3, 0.4])],
            0.1,
            "A small norm, five times too large",
            "A fifth of each is left.",
        ),
        ([torch.tensor([3.0, 4.0])], 2.5, "A norm twice too large", "Half of each is left."),
        (
            [torch.tensor([3.0]), torch.tensor([[4.0]])],
            1.0,
            "Two tensors",
            "The norm is that of all parameters together, the root of the sum of all squares.",
        ),
        ([torch.zeros(2, 2), torch.zeros(3)], 1.0, "Gradients of zero", "They stay zero."),
        (
            [torch.randn(4, 3, generator=generator), torch.randn(5, generator=generator) * 10],
            0.5,
            "Two tensors of different size",
            "All become shorter by one factor.",
        ),
    ):
        parameters = [torch.nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.clone()
        torch.nn.utils.clip_grad_norm_(parameters, largest)
        got = result_of(attempt, (gradients, largest), case)
        if not isinstance(got, (list, tuple)) or len(got) != len(gradients):
            raise NotYet(
                f"{case}: your function returns {described(got)}; a list of as many tensors is wanted as it "
                "was given"
            )
        too_large = float(torch.cat([gradient.flatten() for gradient in gradients]).norm()) > largest
        if too_large and all(
            isinstance(mine, torch.Tensor) and same_values(value, mine)
            for value, mine in zip(gradients, got, strict=True)
        ):
            why = (
                "They are as they were. The factor is `largest_norm / norm`, where that is below one; and "
                "`nn.utils.clip_grad_norm_` takes parameters, not gradients."
            )
        for parameter, clipped in zip(parameters, got, strict=True):
            wanted = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
            compare(clipped, wanted, why, tolerance=1e-4, case=case)


def average_weights(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(0)
    old, new = torch.randn(3, 2, generator=generator), torch.randn(3, 2, generator=generator)
    zero, one = torch.tensor([0.0]), torch.tensor([1.0])
    cases: tuple[tuple[Any, Any, int, float, str, str], ...] = (
        (
            zero,
            one,
            1_000_000,
            0.9,
            "Late in a run",
            "It keeps the share `decay` of itself, and takes the rest from the new weights.",
        ),
        (
            zero,
            one,
            0,
            0.9,
            "The first update",
            "There was none before it: it keeps a tenth of the random start. The share grows with `updates`.",
        ),
        (old, new, 8, 0.99, "After eight updates", "It keeps half of itself."),
        (old, new, 10_000, 0.99, "After many updates", "It keeps the share `decay`, the smaller of the two."),
        (old, new, 50, 0.0, "A decay of zero", "It takes the new weights as they are."),
    )
    for averaged, current, updates, decay, case, why in cases:
        kept = min(decay, (1 + updates) / (10 + updates))
        wanted = averaged.lerp(current, 1 - kept)
        expect_close(attempt, (averaged, current, updates, decay), wanted, why, case=case)
