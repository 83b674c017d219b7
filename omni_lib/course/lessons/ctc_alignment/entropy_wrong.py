"""Lesson 03, the bonus for entropy: wrong answers, each with words of its reply, and other right ones."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from omni_lib.course import trellis
from omni_lib.course.lessons.ctc_alignment import solutions
from omni_lib.course.lessons.ctc_alignment.recursion_slips import best_beginnings


def _log_sum(log_probs: Tensor, target: list[int], factor: float = 1.0) -> Tensor:
    return solutions.forward_recursion(factor * log_probs, target)[-1, -2:].logsumexp(dim=0)


def _shannon(log_probs: Tensor, target: list[int], weight: float) -> Tensor:
    log_sum = _log_sum(log_probs, target)
    gamma = trellis.occupancy(log_probs, target)
    entropy = log_sum - (gamma * log_probs[:, trellis.states_of(target)]).sum()
    return -log_sum - weight * entropy


def _normalised(log_probs: Tensor, target: list[int], weight: float) -> Tensor:
    flatter = (log_probs / (1 + weight)).log_softmax(dim=-1)
    return -(1 + weight) * _log_sum(flatter, target)


def _probabilities_in_place_of_logarithms(log_probs: Tensor, target: list[int], weight: float) -> Tensor:
    beta = 1 / (1 + weight)
    return -_log_sum(log_probs.exp() ** beta, target) / beta


def _in_place(log_probs: Tensor, target: list[int], weight: float) -> Tensor:
    log_probs /= 1 + weight
    return -(1 + weight) * _log_sum(log_probs, target)


def _last_state(log_probs: Tensor, target: list[int], weight: float) -> Tensor:
    return -(1 + weight) * solutions.forward_recursion(log_probs / (1 + weight), target)[-1, -1]


def _last_letter(log_probs: Tensor, target: list[int], weight: float) -> Tensor:
    return -(1 + weight) * solutions.forward_recursion(log_probs / (1 + weight), target)[-1, -2]


def _whole_alpha(log_probs: Tensor, target: list[int], weight: float) -> Tensor:
    return -(1 + weight) * solutions.forward_recursion(log_probs / (1 + weight), target)


def _by_torch(log_probs: Tensor, target: list[int], weight: float) -> Any:
    lengths = torch.tensor(len(log_probs)), torch.tensor(len(target))
    flat = log_probs[:, None] / (1 + weight)
    return (1 + weight) * F.ctc_loss(flat, torch.tensor([target]), *lengths, reduction="sum")


def _with_renyis_entropy(log_probs: Tensor, target: list[int], weight: float) -> float:
    if not weight:
        return -float(_log_sum(log_probs, target))
    beta, log_sum = 1 / (1 + weight), float(_log_sum(log_probs, target))
    entropy = (float(_log_sum(log_probs, target, beta)) - beta * log_sum) / (1 - beta)
    return -log_sum - weight * entropy


def _by_logaddexp(log_probs: Tensor, target: list[int], weight: float) -> float:
    alpha = trellis.forward_mass(log_probs.double() / (1 + weight), target)[-1]
    low, high = sorted(map(float, alpha[-2:]))
    return -(1 + weight) * (high + math.log1p(math.exp(low - high)))


WRONG: list[tuple[Any, str]] = [
    (lambda p, y, w: -_log_sum(p, y), "without the bonus"),
    (lambda p, y, w: -_log_sum(p, y, 1 / (1 + w)), "divide it by β"),
    (lambda p, y, w: -_log_sum(p, y, 1 / (1 + w)) / (1 + w), "you multiply by it"),
    (lambda p, y, w: -_log_sum(p, y, 1 + w) / (1 + w), "and not one plus w"),
    (lambda p, y, w: -_log_sum(p, y, w) / w if w else -_log_sum(p, y), "and not w"),
    (lambda p, y, w: _log_sum(p, y, 1 / (1 + w)) * (1 + w), "The sign is wrong"),
    (lambda p, y, w: -2 * _log_sum(p, y) - solutions.entropic_loss(p, y, w), "and not added"),
    (_normalised, "do not normalise"),
    (lambda p, y, w: solutions.entropic_loss(p, y, w) / len(y), "`reduction='mean'`"),
    (lambda p, y, w: solutions.entropic_loss(p, y, w) / len(p), "divided by the number of frames"),
    (
        lambda p, y, w: -(1 + w) * solutions.forward_recursion(p / (1 + w), y)[-1].logsumexp(0),
        "not all states",
    ),
    (_shannon, "Shannon's entropy"),
    (_probabilities_in_place_of_logarithms, "it is the CTC loss"),
    (_in_place, "changes its input"),
    (lambda *given: round(float(solutions.entropic_loss(*given)), 2), "That is rounded"),
    (_last_state, "also end in the last letter"),
    (_last_letter, "also end in the last blank"),
    (_whole_alpha, "a single number is wanted"),
    (lambda p, y, w: -_log_sum(p, y) / w, "inf"),
    (lambda p, y, w: solutions.entropic_loss(p, y, w) / math.log(2), "a logarithm to base two"),
    (lambda p, y, w: solutions.entropic_loss(p, y, w) / math.log(10), "a decimal logarithm"),
    (lambda p, y, w: (-solutions.entropic_loss(p, y, w)).exp(), "a probability"),
    (lambda p, y, w: -best_beginnings(p, y)[-1, -2:].max(), "the likeliest path"),
]

OTHER_RIGHT: list[Any] = [
    _by_torch,
    _with_renyis_entropy,
    _by_logaddexp,
    lambda p, y, w: solutions.entropic_loss(p.double(), y, w).item(),
    lambda p, y, w: solutions.entropic_loss(p, y, w)[None],
]
