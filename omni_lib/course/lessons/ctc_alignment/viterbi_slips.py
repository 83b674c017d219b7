"""Lesson 03: what the usual mistakes in a forced alignment compute, each with the reply to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from omni_lib.course import trellis
from omni_lib.course.exercises.sandbox import Attempt, NotYet
from omni_lib.course.lessons.ctc_alignment.examples import indices, posteriors
from omni_lib.course.lessons.ctc_alignment.recursion_slips import SKIPS, WRAPPED


@dataclass(frozen=True)
class Rules:
    """A search for the best path with a mistake in it; as it stands, without one."""

    may_skip: Callable[[int, int], bool] = lambda symbol, left: symbol not in (0, left)  # from s-2 to s
    ends: tuple[int | None, int | None] = (-2, None)  # the states in which a path may end
    wraps: bool = False  # s-1 and s-2 read from the end of the list for the first states
    begins: int = 2  # the number of states in which a path may begin
    emits: bool = True  # whether the probabilities of the later frames count

    def path(self, log_probs: Tensor, target: list[int]) -> list[int]:
        """What such a function returns for log_probs (T, symbols): one class index for each frame."""
        states = trellis.states_of(target)
        first = log_probs[0].tolist()
        score = [first[symbol] if s < self.begins else -math.inf for s, symbol in enumerate(states)]
        came_from: list[list[int]] = []
        for frame in log_probs[1:].tolist():
            origins = []
            for s, symbol in enumerate(states):
                reach = [s, s - 1] + [s - 2] * self.may_skip(symbol, states[s - 2])
                reach = [origin for origin in reach if origin >= 0 or self.wraps]
                origins.append(max(reach, key=lambda candidate: score[candidate]))
            score = [
                score[origin] + frame[symbol] * self.emits
                for origin, symbol in zip(origins, states, strict=True)
            ]
            came_from.append(origins)
        state = max(range(len(states))[slice(*self.ends)], key=lambda candidate: score[candidate])
        path = [states[state]]
        for origins in reversed(came_from):
            state = origins[state]
            path.append(states[state])
        return path[::-1]


_BEGINNING = "a path begins in the first blank or in the first letter."
_END = "a path ends in the last letter or in the last blank, whichever of the two is likelier."
SLIPS: tuple[tuple[Rules, str], ...] = (
    (Rules(wraps=True), WRAPPED),
    (
        Rules(may_skip=lambda symbol, left: False),
        "Your paths never skip a blank: between two unlike letters they may.",
    ),
    (
        Rules(may_skip=lambda symbol, left: symbol != 0),
        "Your paths also skip the blank between two equal letters, which then merge into one.",
    ),
    (Rules(may_skip=lambda symbol, left: True), f"With your function, {SKIPS}"),
    (Rules(begins=1), f"Your paths begin in the first blank only: {_BEGINNING}"),
    (Rules(begins=10**6), f"Your paths may begin in any state: {_BEGINNING}"),
    (
        Rules(emits=False),
        "Your scores contain the first frame only: in each frame, add the log-probability of the state's "
        "symbol.",
    ),
    (Rules(ends=(None, None)), f"You go back from the likeliest of all states: {_END}"),
    (Rules(ends=(-1, None)), f"You always go back from the last blank: {_END}"),
    (Rules(ends=(-2, -1)), f"You always go back from the last letter: {_END}"),
)
# Inputs for which each two of these mistakes give different paths, and none gives the best in all of them.
TELLING = tuple((posteriors(frames, seed), indices("hello")) for frames, seed in ((12, 3), (20, 57), (12, 0)))


def slip_of(attempt: Attempt) -> str:
    """The words for a usual mistake, if it alone explains what the learner's function returns."""
    try:
        mine = [[int(symbol) for symbol in attempt(*given)] for given in TELLING]
    except (TypeError, ValueError, OverflowError, NotYet):
        return ""
    return next((words for slip, words in SLIPS if [slip.path(*given) for given in TELLING] == mine), "")
