"""Lesson 03: wrong answers to the best path, and other right ones."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omni_lib.course import trellis
from omni_lib.course.lessons.ctc_alignment import solutions
from omni_lib.course.lessons.ctc_alignment.viterbi_slips import Rules as ViterbiRules
from omni_lib.ctc import frames_needed


def _greedy(log_probs: Tensor, target: list[int]) -> list[int]:
    return log_probs.argmax(dim=1).tolist()


def _numbers_of_states(log_probs: Tensor, target: list[int]) -> list[int]:
    return [state + 29 for state in trellis.best_states(solutions.viterbi_path(log_probs, target))]


def _backwards(log_probs: Tensor, target: list[int]) -> list[int]:
    return solutions.viterbi_path(log_probs, target)[::-1]


def _without_repeats(log_probs: Tensor, target: list[int]) -> list[int]:
    return [symbol for symbol, _ in itertools.groupby(solutions.viterbi_path(log_probs, target))]


def _viterbi_wraps(log_probs: Tensor, target: list[int]) -> list[int]:
    states = trellis.states_of(target)
    score = [float(log_probs[0, symbol]) if s < 2 else -math.inf for s, symbol in enumerate(states)]
    paths = [[symbol] for symbol in states]
    for frame in log_probs[1:].tolist():
        origins = [
            max([s, s - 1] + [s - 2] * (symbol not in (0, states[s - 2])), key=lambda each: score[each])
            for s, symbol in enumerate(states)
        ]
        paths = [[*paths[origin], symbol] for origin, symbol in zip(origins, states, strict=True)]
        score = [score[origin] + frame[symbol] for origin, symbol in zip(origins, states, strict=True)]
    return max(paths[-2:], key=lambda path: score[-1] if path is paths[-1] else score[-2])


def _best_state_of_each_frame(log_probs: Tensor, target: list[int]) -> list[int]:
    return [max(trellis.states_of(target), key=lambda symbol: float(frame[symbol])) for frame in log_probs]


def _even_shares(log_probs: Tensor, target: list[int]) -> list[int]:
    return trellis.random_alignment(target, len(log_probs), seed=0)


def _always_ends_in_the_blank(log_probs: Tensor, target: list[int]) -> list[int]:
    if len(log_probs) <= frames_needed(target):
        return solutions.viterbi_path(log_probs, target)
    return [*solutions.viterbi_path(log_probs[:-1], target), 0]


def _by_torchaudio(log_probs: Tensor, target: list[int]) -> Any:
    from torchaudio.functional import forced_align

    return forced_align(log_probs[None].float(), torch.tensor([target]), blank=0)[0][0]


def _notes_of_the_frame_before(log_probs: Tensor, target: list[int]) -> list[int]:
    """On the way back, it reads the note of the frame before."""
    states = [0] + [each for symbol in target for each in (symbol, 0)]
    score = [float(log_probs[0, symbol]) if s < 2 else -math.inf for s, symbol in enumerate(states)]
    notes = [[0] * len(states)]
    for frame in log_probs[1:].tolist():
        reach = [
            [s] + [s - 1] * (s > 0) + [s - 2] * (s > 1 and symbol not in (0, states[s - 2]))
            for s, symbol in enumerate(states)
        ]
        notes.append([max(each, key=lambda s: score[s]) for each in reach])
        score = [score[s] + frame[symbol] for s, symbol in zip(notes[-1], states, strict=True)]
    state = max(len(states) - 1, len(states) - 2, key=lambda s: score[s])
    path = []
    for t in range(len(notes) - 1, -1, -1):
        path.append(states[state])
        state = notes[t - 1][state]
    return path[::-1]


WRONG: list[tuple[Any, str]] = [
    (_greedy, "the likeliest symbol of each frame"),
    (_notes_of_the_frame_before, "Stay or move on"),
    (_numbers_of_states, "not the numbers of the states"),
    (_backwards, "the wrong way round: reverse it"),
    (
        lambda *given: [str(symbol) for symbol in solutions.viterbi_path(*given)],
        "a list of class indices",
    ),
    (_without_repeats, "one symbol for each frame"),
    (
        lambda *given: [symbol + 0.5 for symbol in solutions.viterbi_path(*given)],
        "a list of class indices",
    ),
    (lambda *given: [-symbol for symbol in solutions.viterbi_path(*given)], "they begin at 0"),
    (_viterbi_wraps, "A negative index does not fail"),
    (_best_state_of_each_frame, "collapses to 'aa'. Stay or move on"),
    (_even_shares, "there is one of"),
    (_always_ends_in_the_blank, "there is one of"),
    (ViterbiRules(may_skip=lambda symbol, left: False).path, "never skip a blank"),
    (ViterbiRules(may_skip=lambda symbol, left: symbol != 0).path, "between two equal letters, which"),
    (ViterbiRules(may_skip=lambda symbol, left: True).path, "some paths skip a letter"),
    (ViterbiRules(ends=(None, None)).path, "from the likeliest of all states"),
    (ViterbiRules(ends=(-1, None)).path, "always go back from the last blank"),
    (ViterbiRules(ends=(-2, -1)).path, "always go back from the last letter"),
    (ViterbiRules(begins=1).path, "begin in the first blank only"),
    (ViterbiRules(begins=99).path, "may begin in any state"),
    (ViterbiRules(emits=False).path, "contain the first frame only"),
]

OTHER_RIGHT: list[Any] = [
    _by_torchaudio,
    lambda log_probs, target: np.array(solutions.viterbi_path(log_probs, target)),
]
