"""Lesson 03: what usual mistakes in the forward recursion compute, and the replies to them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from omni_lib.course import trellis
from omni_lib.course.exercises.sandbox import NotYet

WRAPPED = (
    "A negative index does not fail in Python: it reads from the end of the list. Nothing stands before the "
    "first state."
)


def best_beginnings(log_probs: Tensor, target: list[int]) -> Tensor:
    """The logarithm of the likeliest beginning that is in each state at each frame, (T, 2 L + 1)."""
    states = trellis.states_of(target)
    emitted = log_probs[:, states]
    best = torch.full_like(emitted, -math.inf)
    best[0, :2] = emitted[0, :2]
    for t in range(1, len(best)):
        for s, symbol in enumerate(states):
            first = s - 2 if s > 1 and symbol not in (0, states[s - 2]) else max(0, s - 1)
            best[t, s] = emitted[t, s] + best[t - 1, first : s + 1].max()
    return best


def expect_infinities(got: Any, wanted: Tensor, case: str) -> None:
    """Replies to the usual mistakes about the logarithm of zero, in a matrix of the shape of `wanted`.

    Raises:
        NotYet: `got` has a large negative number in place of -inf, or NaN.
    """
    try:
        mine = torch.as_tensor(got).detach()
    except (TypeError, ValueError, RuntimeError):
        return  # `compare` says what is wrong with it
    if mine.is_complex() or mine.shape != wanted.shape:
        return
    unreachable = mine[wanted == -math.inf]
    if bool((unreachable.isfinite() & (unreachable < -1e4)).any()):
        raise NotYet(
            f"{case}: where nothing can be, your function has a large negative number. The logarithm of zero "
            "is -inf (`-math.inf`), which `logaddexp` and `logsumexp` can compute with"
        )
    if bool(mine.isnan().any()):
        raise NotYet(
            f"{case}: some values are NaN. Where all terms are -inf, a `logsumexp` of your own takes -inf "
            "from -inf; torch's `logsumexp` and `logaddexp` give -inf there"
        )


def expect_logarithms(got: Any, wanted: Tensor, case: str) -> None:
    """Replies to right values that are not logarithms, or whose frames are in the wrong order.

    Raises:
        NotYet: `got` has probabilities, or its frames are the wrong way round.
    """
    try:
        mine = torch.as_tensor(got).detach().double()
    except (TypeError, ValueError, RuntimeError):
        return  # `compare` says what is wrong with it
    if same_cells(mine, wanted):
        return
    if same_cells(mine.log(), wanted):
        raise NotYet(f"{case}: your function returns probabilities; their logarithms are wanted")
    if mine.ndim and same_cells(mine.flip(0), wanted):
        raise NotYet(f"{case}: your frames are the wrong way round: row 0 is the first frame")


def why_not_close(got: Any, wanted: Tensor) -> str:
    """Why the values of a long clip may differ, although those of short ones were right."""
    try:
        mine = torch.as_tensor(got).detach()
    except (TypeError, ValueError, RuntimeError):
        return ""
    if mine.shape == wanted.shape and bool((mine.isfinite() != wanted.isfinite()).any()):
        return "Do not multiply probabilities, since such products underflow: add their logarithms."
    return "Rounding adds up over many frames: compute in the precision of `log_probs`, or in a higher one."


SKIPS = (
    "some paths skip a letter, from blank to blank, or the blank between two equal letters. Only the blank "
    "between two unlike letters may be skipped."
)


def skips_everywhere(log_probs: Tensor, target: list[int]) -> Tensor:
    """log alpha of a recursion in which every state may be skipped."""
    emitted = log_probs[:, trellis.states_of(target)]
    alpha = torch.full_like(emitted, -math.inf)
    alpha[0, :2] = emitted[0, :2]
    outside = alpha.new_full((2,), -math.inf)
    for t in range(1, len(alpha)):
        before = torch.cat([outside, alpha[t - 1]])
        alpha[t] = emitted[t] + torch.stack([before[2:], before[1:-1], before[:-2]]).logsumexp(dim=0)
    return alpha


def same_cells(got: Any, wanted: Tensor) -> bool:
    """Whether an answer is a tensor, an array or a list of these values."""
    try:
        mine = torch.as_tensor(got).detach()
    except (TypeError, ValueError, RuntimeError):
        return False
    if mine.is_complex() or mine.shape != wanted.shape:
        return False
    return bool(torch.allclose(mine.double(), wanted.double(), atol=1e-4))


def wrapped_forward(log_probs: Tensor, target: list[int]) -> Tensor:
    """log alpha of a recursion whose s-1 and s-2 read from the end for the first states."""
    states = torch.tensor(trellis.states_of(target))
    skips = (states != 0) & (states != states.roll(2))
    emitted = log_probs[:, states]
    alpha = torch.full_like(emitted, -math.inf)
    alpha[0, :2] = emitted[0, :2]
    for t in range(1, len(alpha)):
        before = alpha[t - 1]
        ways = [before, before.roll(1), before.roll(2).masked_fill(~skips, -math.inf)]
        alpha[t] = emitted[t] + torch.stack(ways).logsumexp(dim=0)
    return alpha
