"""Lesson 03, the forward recursion: wrong answers, each with words of its reply, and other right ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omni_lib.course import trellis
from omni_lib.course.lessons.ctc_alignment import solutions


def _forward(
    log_probs: Tensor, target: list[int], skips: Tensor | None = None, start: int = 2, best: bool = False
) -> Tensor:
    states = torch.tensor(trellis.states_of(target))
    skips = torch.tensor(trellis.may_skip(states.tolist())) if skips is None else skips
    emitted = log_probs[:, states]
    alpha = torch.full_like(emitted, -math.inf)
    alpha[0, :start] = emitted[0, :start]
    outside = alpha.new_full((2,), -math.inf)
    for t in range(1, len(alpha)):
        before = torch.cat([outside, alpha[t - 1]])
        steps = torch.stack([before[2:], before[1:-1], before[:-2].masked_fill(~skips, -math.inf)])
        alpha[t] = emitted[t] + (steps.amax(dim=0) if best else steps.logsumexp(dim=0))
    return alpha


def _forward_skips_between_equals(log_probs: Tensor, target: list[int]) -> Tensor:
    states = torch.tensor(trellis.states_of(target))
    skips = (states != 0) & (torch.arange(len(states)) >= 2)
    return _forward(log_probs, target, skips)


def _forward_skips_everything(log_probs: Tensor, target: list[int]) -> Tensor:
    return _forward(log_probs, target, torch.ones(2 * len(target) + 1, dtype=torch.bool))


def _forward_wraps(log_probs: Tensor, target: list[int]) -> Tensor:
    states = trellis.states_of(target)
    alpha = torch.full((len(log_probs), len(states)), -math.inf, dtype=torch.float64)
    alpha[0, :2] = log_probs[0, states[:2]]
    for t in range(1, len(alpha)):
        for s, symbol in enumerate(states):
            total = torch.logaddexp(alpha[t - 1, s], alpha[t - 1, s - 1])
            if symbol not in (0, states[s - 2]):
                total = torch.logaddexp(total, alpha[t - 1, s - 2])
            alpha[t, s] = total + log_probs[t, symbol]
    return alpha


def _forward_begins_in_blank_only(log_probs: Tensor, target: list[int]) -> Tensor:
    return _forward(log_probs, target, start=1)


def _forward_takes_the_best(log_probs: Tensor, target: list[int]) -> Tensor:
    return _forward(log_probs, target, best=True)


def _forward_multiplies(log_probs: Tensor, target: list[int]) -> Tensor:
    states = trellis.states_of(target)
    skips = torch.tensor(trellis.may_skip(states))
    probabilities = log_probs.exp()[:, states]
    alpha = torch.zeros_like(probabilities)
    alpha[0, :2] = probabilities[0, :2]
    outside = alpha.new_zeros(2)
    for t in range(1, len(alpha)):
        before = torch.cat([outside, alpha[t - 1]])
        alpha[t] = probabilities[t] * (before[2:] + before[1:-1] + before[:-2] * skips)
    return alpha.log()


def _forward_by_own_logsumexp(log_probs: Tensor, target: list[int]) -> Tensor:
    states = trellis.states_of(target)
    skips = torch.tensor(trellis.may_skip(states))
    emitted = log_probs[:, states]
    alpha = torch.full_like(emitted, -math.inf)
    alpha[0, :2] = emitted[0, :2]
    outside = alpha.new_full((2,), -math.inf)
    for t in range(1, len(alpha)):
        before = torch.cat([outside, alpha[t - 1]])
        steps = torch.stack([before[2:], before[1:-1], before[:-2].masked_fill(~skips, -math.inf)])
        largest = steps.amax(dim=0)
        alpha[t] = emitted[t] + largest + (steps - largest).exp().sum(dim=0).log()
    return alpha


def _forward_in_one_row(log_probs: Tensor, target: list[int]) -> Tensor:
    """One row that is overwritten from the left, so that it holds new values where old ones are read."""
    states, skips = trellis.states_of(target), trellis.may_skip(trellis.states_of(target))
    row = torch.full((len(states),), -math.inf, dtype=log_probs.dtype)
    row[:2] = log_probs[0, states[:2]]
    rows = [row.clone()]
    for frame in log_probs[1:]:
        for s, symbol in enumerate(states):
            first = max(0, s - 2 if skips[s] else s - 1)
            row[s] = row[first : s + 1].logsumexp(dim=0) + frame[symbol]
        rows.append(row.clone())
    return torch.stack(rows)


def _forward_without_the_first_frame(log_probs: Tensor, target: list[int]) -> Tensor:
    return _forward(torch.cat([torch.zeros_like(log_probs[:1]), log_probs[1:]]), target)


def _forward_other_way_round(log_probs: Tensor, target: list[int]) -> Tensor:
    return _forward(log_probs, target).T


def _forward_only_the_end(log_probs: Tensor, target: list[int]) -> Tensor:
    return _forward(log_probs, target)[-1, -2:].logsumexp(dim=0)


def _forward_in_loops(log_probs: np.ndarray, target: list[int]) -> np.ndarray:
    frames, states = np.asarray(log_probs, dtype=float), trellis.states_of(target)
    skips = trellis.may_skip(states)
    alpha = np.full((len(frames), len(states)), -np.inf)
    alpha[0, :2] = frames[0, states[:2]]
    for t in range(1, len(frames)):
        for s, symbol in enumerate(states):
            total = alpha[t - 1, s]
            if s >= 1:
                total = np.logaddexp(total, alpha[t - 1, s - 1])
            if skips[s]:
                total = np.logaddexp(total, alpha[t - 1, s - 2])
            alpha[t, s] = total + frames[t, symbol]
    return alpha


WRONG: list[tuple[Any, str]] = [
    (lambda log_probs, target: _forward(log_probs, target).exp(), "returns probabilities"),
    (lambda log_probs, target: _forward(log_probs, target).flip(0), "frames are the wrong way round"),
    (lambda log_probs, target: _forward(log_probs, target) / math.log(2), "logarithms to base two"),
    (_forward_skips_between_equals, "Between two equal letters the blank must not be skipped"),
    (_forward_wraps, "A negative index does not fail"),
    (_forward_begins_in_blank_only, "A path begins in the first blank or in the first letter"),
    (_forward_takes_the_best, "logaddexp"),
    (_forward_multiplies, "such products underflow"),
    (lambda log_probs, target: _forward(log_probs, target).clamp(min=-1e9), "a large negative number"),
    (_forward_by_own_logsumexp, "takes -inf from -inf"),
    (_forward_in_one_row, "Stay or move on"),
    (_forward_without_the_first_frame, "A path begins in the first blank"),
    (_forward_other_way_round, "(T, states) is wanted"),
    (lambda log_probs, target: list(_forward(log_probs, target)), "`torch.stack` makes one of a list"),
    (_forward_only_the_end, "(T, states) is wanted"),
    (_forward_skips_everything, "from blank to blank"),
    (lambda log_probs, target: _forward(log_probs.half(), target), "float16 has too few digits"),
]


def _by_a_matrix(log_probs: Tensor, target: list[int]) -> Tensor:
    """The ways into each state as a matrix of 0 and -inf."""
    states = torch.tensor(trellis.states_of(target))
    place = torch.arange(len(states))
    step = place[None] - place[:, None]  # from each state (row) to each (column)
    skip = torch.tensor(trellis.may_skip(states.tolist()))
    may_go = (step == 0) | (step == 1) | ((step == 2) & skip)
    ways = torch.zeros_like(step, dtype=log_probs.dtype).masked_fill(~may_go, -math.inf)
    emitted = log_probs[:, states]
    rows = [torch.where(place < 2, emitted[0], -math.inf)]
    for frame in emitted[1:]:
        rows.append(frame + (rows[-1][:, None] + ways).logsumexp(dim=0))
    return torch.stack(rows)


OTHER_RIGHT: list[Any] = [
    _by_a_matrix,
    trellis.forward_mass,
    _forward_in_loops,
    lambda log_probs, target: _forward(log_probs.double(), target),
    lambda log_probs, target: solutions.forward_recursion(log_probs, target).tolist(),
]
