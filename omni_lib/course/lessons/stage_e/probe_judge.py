"""Lesson 06: how the learner's linear probe is judged."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from omni_lib.course.exercises.expectations import expect_close, result_of
from omni_lib.course.exercises.sandbox import Attempt
from omni_lib.course.lessons.stage_e.judges import slip_of
from omni_lib.course.probing import fit, with_ones


def linear_probe(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(0)
    line = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    wide, tall = torch.randn(5, 12, generator=generator), torch.randn(60, 6, generator=generator)
    classes = nn.functional.one_hot(tall[:, 0].gt(0).long() + tall[:, 1].gt(0).long(), 3).float()
    for x, targets, penalty, case, why in (
        (
            line,
            2 * line + 1,
            0.0,
            "Four points on a line",
            "The slope comes first, and then the bias, which multiplies the ones. All four points lie on one "
            "line.",
        ),
        (line, 2 * line + 1, 1.0, "A penalty", "It is on every weight, the last row too."),
        (tall, classes, 0.5, "Three classes", "They have one column each, and the penalty is a half."),
        (
            wide,
            torch.randn(5, 2, generator=generator),
            0.1,
            "More channels than rows",
            "Without the penalty there are many solutions.",
        ),
    ):
        given, wanted = (x, targets, penalty), fit(x, targets, penalty)
        why = slip_of(result_of(attempt, given, case), wanted, _other_penalties(*given)) or why
        expect_close(attempt, given, wanted, why, "channels K", 1e-3, case)


def _other_penalties(x: Tensor, targets: Tensor, penalty: float) -> Iterator[tuple[Tensor, str]]:
    """What ridge regression gives with another penalty, and the words for it."""
    ones = with_ones(x).double()
    products, size = ones.T @ ones, ones.shape[1]
    identity = torch.eye(size, dtype=torch.float64)
    without_bias = identity.clone()
    without_bias[-1, -1] = 0
    for added, why in (
        (0 * identity, "The penalty is missing. It is on every weight, the last row too."),
        (penalty * without_bias, "The penalty is on every weight, the last row too."),
        (penalty**2 * identity, "Your penalty is squared."),
        (penalty**0.5 * identity, "You take the root of the penalty; it is added as it is."),
        (
            torch.full((size, size), penalty, dtype=torch.float64),
            "The penalty is added to every entry; it belongs on the diagonal: penalty · I.",
        ),
        (len(x) * penalty * identity, "Your error is the mean over the rows; the sum is wanted."),
        (penalty / 2 * identity, "Your penalty is half of what it should be."),
        (2 * penalty * identity, "Your penalty is twice what it should be."),
        (penalty / len(x) * identity, "You divide the penalty by the number of rows; it is added as it is."),
        (-penalty * identity, "The sign of the penalty is wrong: it is added."),
    ):
        yield torch.linalg.pinv(products + added) @ (ones.T @ targets.double()), why
