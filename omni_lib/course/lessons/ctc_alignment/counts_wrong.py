"""Lesson 03: wrong answers to the number of paths, and other right ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from omni_lib.course import trellis
from omni_lib.course.lessons.ctc_alignment import solutions
from omni_lib.ctc import frames_needed


def _brute_force(target: list[int], frames: int) -> int:
    sequences = itertools.product(sorted({0, *target}), repeat=frames)
    return sum(solutions.collapse(list(sequence)) == target for sequence in sequences)


def _count(
    target: list[int],
    frames: int,
    skips: Callable[[list[int], int], bool],
    ends: int = 2,
    start: tuple[int, ...] = (1,),
) -> int:
    states = trellis.states_of(target)
    ways = [*start, *[0] * (len(states) - len(start))]
    for _ in range(frames):
        ways = [
            ways[s] + (ways[s - 1] if s else 0) + (ways[s - 2] if s >= 2 and skips(states, s) else 0)
            for s in range(len(states))
        ]
    return sum(ways[-ends:])


def _may_skip(states: list[int], s: int) -> bool:
    return states[s] != 0 and states[s] != states[s - 2]


def _skips_between_equals(target: list[int], frames: int) -> int:
    return _count(target, frames, lambda states, s: states[s] != 0)


def _never_skips(target: list[int], frames: int) -> int:
    return _count(target, frames, lambda states, s: False)


def _must_end_in_blank(target: list[int], frames: int) -> int:
    return _count(target, frames, _may_skip, ends=1)


def _uncached(target: list[int], frames: int) -> int:
    states = trellis.states_of(target)

    def ways(s: int, left: int) -> int:
        if left == 0:
            return int(s >= len(states) - 2)
        steps = [s, s + 1] + [s + 2] * (s + 2 < len(states) and _may_skip(states, s + 2))
        return sum(ways(step, left - 1) for step in steps if step < len(states))

    return ways(0, frames - 1) + ways(1, frames - 1) if len(states) > 1 else 1


def _count_wraps(target: list[int], frames: int) -> int:
    states = trellis.states_of(target)
    ways = [1] + [0] * (len(states) - 1)
    for _ in range(frames):
        ways = [
            ways[s] + ways[s - 1] + (ways[s - 2] if states[s] not in (0, states[s - 2]) else 0)
            for s in range(len(states))
        ]
    return sum(ways[-2:])


def _in_int64(target: list[int], frames: int) -> Any:
    states = trellis.states_of(target)
    skips = np.array([s >= 2 and _may_skip(states, s) for s in range(len(states))])
    ways = np.array([1] + [0] * (len(states) - 1))
    for _ in range(frames):
        before = np.concatenate([[0, 0], ways])
        ways = before[2:] + before[1:-1] + np.where(skips, before[:-2], 0)
    return ways[-2:].sum()


def _in_floats(target: list[int], frames: int) -> float:
    return float(trellis.count_alignments(target, frames))


WRONG: list[tuple[Any, str]] = [
    (_brute_force, "takes too long. Is one of its loops endless? If none is"),
    (
        lambda text, frames: solutions.count_alignments([each for each in text if each != 1], frames),
        "spaces",
    ),
    (_uncached, "takes too long. Is one of its loops endless? If none is"),
    (lambda *given: min(trellis.count_alignments(*given), 2**63 - 1), "int64"),
    (lambda *given: trellis.count_alignments(*given) or None, "in 2 frames: your function returns None"),
    (_count_wraps, "A negative index does not fail"),
    (_in_int64, "int64"),
    (lambda *given: torch.tensor(trellis.count_alignments(*given)), "int64"),
    (_skips_between_equals, "without the blank in the middle"),
    (_never_skips, "a blank may stand, but it need not"),
    (_must_end_in_blank, "One frame, one letter"),
    (_in_floats, "a float does not have enough digits"),
    (lambda *given: str(trellis.count_alignments(*given)), "a whole number is wanted"),
    (lambda *given: trellis.count_alignments(*given) + Fraction(1, 2), "a whole number is wanted"),
]

OTHER_RIGHT: list[Any] = [
    trellis.count_alignments,
    lambda target, frames: Fraction(trellis.count_alignments(target, frames)),
    lambda target, frames: math.comb(frames + 2 * len(target) - frames_needed(target), 2 * len(target)),
]
