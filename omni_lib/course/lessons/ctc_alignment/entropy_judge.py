"""Lesson 03: how the learner's loss with a bonus for entropy is judged."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from omni_lib.course import trellis
from omni_lib.course.exercises.expectations import compare, result_of, slow_or_endless
from omni_lib.course.exercises.sandbox import Attempt, NotYet
from omni_lib.course.lessons.ctc_alignment.examples import indices, posteriors
from omni_lib.course.lessons.ctc_alignment.recursion_slips import best_beginnings
from omni_lib.ctc import entropic_ctc_loss

TOLERANCE = 1e-4
_Given = tuple[Tensor, list[int], float]


def entropic_loss(attempt: Attempt) -> None:
    for number, (text, frames, weight, clear, case, why) in enumerate(
        (
            ("hi", 3, 0.0, 0, "'hi' in three frames, without a bonus", "Without a bonus it is the CTC loss."),
            ("hi", 3, 0.6, 0, "'hi' in three frames", "Give the recursion the logarithms of all p^β."),
            ("hello", 9, 0.6, 0, "'hello'", "Give the recursion the logarithms of all p^β."),
            ("hello", 9, 3.0, 0, "'hello', a large weight", ""),
            ("the cat sat on the mat", 40, 0.25, 0, "A sentence", ""),
            ("hi", 2, 0.6, 8, "'hi' in two frames, with little doubt", ""),  # rounding shows in a small loss
        )
    ):
        log_probs, target = posteriors(frames, 80 + number), indices(text)
        if clear:  # the logit by which the letter of each frame is likelier
            letters = torch.nn.functional.one_hot(torch.tensor(target), log_probs.shape[1])
            log_probs = (log_probs + clear * letters).log_softmax(dim=-1)
        wanted = _entropic(log_probs, target, weight)
        with slow_or_endless(case):
            got = result_of(attempt, (log_probs, target, weight), case)
        if isinstance(got, Tensor) and got.numel() == 1:
            got = got.reshape(())
        slip = _slip(attempt, got, (log_probs, target, weight))
        compare(got, wanted, slip or why, tolerance=TOLERANCE, case=case)


def _slip(attempt: Attempt, got: Any, given: _Given) -> str:
    """The usual mistake that gives `got` and a second result, in words; "" if none does, or several do."""
    telling = (posteriors(9, 99), indices("hello"), 0.6)
    if not (found := _mistakes(got, given)):
        return ""
    try:
        found = [reply for reply in _mistakes(attempt(*telling), telling) if reply in found]
    except NotYet:
        return ""
    return found[0] if len(found) == 1 else ""


def _mistakes(got: Any, given: _Given) -> list[str]:
    """The replies to all usual mistakes that give `got`."""
    try:
        value = float(got)
    except (TypeError, ValueError, RuntimeError):
        return []
    return [
        reply
        for reply, mistaken in _SLIPS.items()
        if abs(value - (wrong := float(mistaken(*given)))) < TOLERANCE * abs(wrong)
    ]


def _log_sum(log_probs: Tensor, target: list[int], factor: float) -> Tensor:
    """The logarithm of the sum of all p^factor, p being the probabilities of the paths."""
    return trellis.forward_mass(factor * log_probs, target)[-1, -2:].logsumexp(dim=0)


def _entropic(log_probs: Tensor, target: list[int], weight: float) -> Tensor:
    return entropic_ctc_loss(log_probs[None], torch.tensor([len(log_probs)]), [target], weight)[0]


def _with_shannon(log_probs: Tensor, target: list[int], weight: float) -> Tensor:
    log_sum = _log_sum(log_probs, target, 1.0)
    shares = trellis.occupancy(log_probs, target)  # of each state in each frame
    entropy = log_sum - (shares * log_probs[:, trellis.states_of(target)]).sum()
    return -log_sum - weight * entropy


def _normalised(log_probs: Tensor, target: list[int], weight: float) -> Tensor:
    beta = 1 / (1 + weight)
    return -_log_sum((beta * log_probs).log_softmax(dim=-1), target, 1.0) / beta


_SLIPS: dict[str, Callable[[Tensor, list[int], float], Tensor]] = {
    "That is the CTC loss without the bonus.": lambda p, y, w: -_log_sum(p, y, 1.0),
    "That is the loss of the likeliest path: add up all paths, also in the recursion.": lambda p, y, w: (
        -best_beginnings(p, y)[-1, -2:].max()
    ),
    "That is a logarithm to base two; the natural one is wanted.": lambda p, y, w: (
        _entropic(p, y, w) / math.log(2)
    ),
    "That is a decimal logarithm; the natural one is wanted.": lambda p, y, w: (
        _entropic(p, y, w) / math.log(10)
    ),
    "That is a probability; minus its logarithm is wanted.": lambda p, y, w: (-_entropic(p, y, w)).exp(),
    "That is -ln Σ p^β: divide it by β.": lambda p, y, w: -_log_sum(p, y, 1 / (1 + w)),
    "Divide by β at the end; you multiply by it.": lambda p, y, w: -_log_sum(p, y, 1 / (1 + w)) / (1 + w),
    "β is the inverse of one plus w, and not one plus w.": lambda p, y, w: -_log_sum(p, y, 1 + w) / (1 + w),
    "β is the inverse of one plus w, and not w.": lambda p, y, w: -_log_sum(p, y, w) / w,
    "That is divided by the number of letters, torch's default (`reduction='mean'`). The loss of the whole "
    "utterance is wanted.": lambda p, y, w: _entropic(p, y, w) / len(y),
    "That is divided by the number of frames. The loss of the whole utterance is wanted.": lambda p, y, w: (
        _entropic(p, y, w) / len(p)
    ),
    "A path ends in one of the last two states: add up these two, and not all states.": lambda p, y, w: (
        -trellis.forward_mass(p / (1 + w), y)[-1].logsumexp(dim=0) * (1 + w)
    ),
    "Probabilities are added, not logarithms: `logsumexp` of the last two states, and not `sum`.": (
        lambda p, y, w: -trellis.forward_mass(p / (1 + w), y)[-1, -2:].sum() * (1 + w)
    ),
    "The sign is wrong: a loss is minus a logarithm.": lambda p, y, w: -_entropic(p, y, w),
    "The bonus is subtracted from the loss, and not added.": lambda p, y, w: (
        -2 * _log_sum(p, y, 1.0) - _entropic(p, y, w)
    ),
    "The p^β of a frame need not add up to one: do not normalise them.": _normalised,
    "That is Shannon's entropy. The text uses Rényi's, which leads to -ln(Σ p^β) / β.": _with_shannon,
    "A path may also end in the last blank: add up the last two states.": lambda p, y, w: (
        -trellis.forward_mass(p / (1 + w), y)[-1, -2] * (1 + w)
    ),
    "A path may also end in the last letter: add up the last two states.": lambda p, y, w: (
        -trellis.forward_mass(p / (1 + w), y)[-1, -1] * (1 + w)
    ),
}
