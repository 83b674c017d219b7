"""Lesson 03, second half: wrong answers, each with words of its reply, and other right ones."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omni_lib.course import trellis
from omni_lib.course.lessons import ctc_alignment_solutions as solutions


def _not_normalised(alpha: Tensor, beta: Tensor) -> Tensor:
    return (alpha + beta).exp()


def _over_frames(alpha: Tensor, beta: Tensor) -> Tensor:
    return torch.softmax(alpha + beta, dim=0)


def _forward_only(alpha: Tensor, beta: Tensor) -> Tensor:
    return torch.softmax(alpha, dim=1)


def _still_in_logarithms(alpha: Tensor, beta: Tensor) -> Tensor:
    return alpha + beta - torch.logsumexp(alpha + beta, dim=1, keepdim=True)


def _underflows(alpha: Tensor, beta: Tensor) -> Tensor:
    mass = alpha.exp() * beta.exp()
    return mass / mass.sum(dim=1, keepdim=True)


def _occupancy_by_numpy(alpha: Tensor, beta: Tensor) -> Any:
    mass = (alpha + beta).numpy()
    shares = np.exp(mass - mass.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def _by_symbol(gamma: Tensor, target: list[int], symbols: int = 29) -> Tensor:
    return gamma.new_zeros(len(gamma), symbols).index_add(1, torch.tensor(trellis.states_of(target)), gamma)


def _occupancy_alone(logits: Tensor, target: list[int], gamma: Tensor) -> Tensor:
    return -_by_symbol(gamma, target)


def _wrong_sign(logits: Tensor, target: list[int], gamma: Tensor) -> Tensor:
    return _by_symbol(gamma, target) - torch.softmax(logits, dim=1)


def _last_state_wins(logits: Tensor, target: list[int], gamma: Tensor) -> Tensor:
    gradient = torch.softmax(logits, dim=1)
    gradient[:, trellis.states_of(target)] -= gamma
    return gradient


def _forgets_softmax(logits: Tensor, target: list[int], gamma: Tensor) -> Tensor:
    return logits - _by_symbol(gamma, target)


def _subtracts_states_from_symbols(logits: Tensor, target: list[int], gamma: Tensor) -> Tensor:
    return torch.softmax(logits, dim=1) - gamma


def _gradient_at_once(logits: Tensor, target: list[int], gamma: Tensor) -> Tensor:
    return torch.softmax(logits, dim=1) - _by_symbol(gamma, target)


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


def _even_shares(log_probs: Tensor, target: list[int]) -> list[int]:
    return trellis.random_alignment(target, len(log_probs), seed=0)


def _by_torchaudio(log_probs: Tensor, target: list[int]) -> Any:
    from torchaudio.functional import forced_align

    return forced_align(log_probs[None].float(), torch.tensor([target]), blank=0)[0][0]


WRONG: dict[str, list[tuple[Any, str]]] = {
    "occupancy": [
        (_not_normalised, "the states of one frame add up to one"),
        (_over_frames, "the states of one frame add up to one"),
        (_forward_only, "the states of one frame add up to one"),
        (_still_in_logarithms, "the states of one frame add up to one"),
        (_underflows, "Take the differences of logarithms"),
    ],
    "ctc_gradient": [
        (_occupancy_alone, "Softmax minus occupancy"),
        (_wrong_sign, "-1 times what it should be"),
        (_last_state_wins, "add their occupancies"),
        (_forgets_softmax, "Softmax minus occupancy"),
        (_subtracts_states_from_symbols, "raises RuntimeError"),
    ],
    "viterbi_path": [
        (_greedy, "your path collapses to"),
        (_numbers_of_states, "not the numbers of the states"),
        (_backwards, "your path"),
        (_without_repeats, "one for each of the"),
        (_viterbi_wraps, "A negative index does not fail"),
        (_even_shares, "there is one of"),
    ],
}

OTHER_RIGHT: dict[str, list[Any]] = {
    "occupancy": [
        _occupancy_by_numpy,
        lambda alpha, beta: torch.exp(_still_in_logarithms(alpha, beta)).float(),
    ],
    "ctc_gradient": [_gradient_at_once],
    "viterbi_path": [
        _by_torchaudio,
        lambda log_probs, target: np.array(solutions.viterbi_path(log_probs, target)),
    ],
}
