"""Lesson 03, second half: wrong answers, each with words of its reply, and other right ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omni_lib.course import trellis
from omni_lib.course.lessons.ctc_alignment import solutions


def _backward(
    log_probs: Tensor, target: list[int], skips: Tensor | None = None, ends: int = 2, best: bool = False
) -> Tensor:
    states = torch.tensor(trellis.states_of(target))
    into = torch.tensor(trellis.may_skip(states.tolist())) if skips is None else skips
    out_of = torch.cat([into[2:], torch.zeros(2, dtype=torch.bool)])
    emitted = log_probs[:, states]
    beta = torch.full_like(emitted, -math.inf)
    beta[-1, -ends:] = 0.0
    outside = beta.new_full((2,), -math.inf)
    for t in range(len(beta) - 2, -1, -1):
        after = torch.cat([emitted[t + 1] + beta[t + 1], outside])
        ways = torch.stack([after[:-2], after[1:-1], after[2:].masked_fill(~out_of, -math.inf)])
        beta[t] = ways.amax(dim=0) if best else ways.logsumexp(dim=0)
    return beta


def _with_its_own_frame(log_probs: Tensor, target: list[int]) -> Tensor:
    return _backward(log_probs, target) + log_probs[:, trellis.states_of(target)]


def _emits_where_it_leaves(log_probs: Tensor, target: list[int]) -> Tensor:
    states, skips = trellis.states_of(target), trellis.may_skip(trellis.states_of(target))
    beta = torch.full((len(log_probs), len(states)), -math.inf, dtype=torch.float64)
    beta[-1, -2:] = 0.0
    for t in range(len(beta) - 2, -1, -1):
        for s, symbol in enumerate(states):
            ways = [s] + [s + 1] * (s + 1 < len(states)) + [s + 2] * (s + 2 < len(states) and skips[s + 2])
            beta[t, s] = log_probs[t + 1, symbol] + beta[t + 1, ways].logsumexp(dim=0)
    return beta


def _backward_skips_between_equals(log_probs: Tensor, target: list[int]) -> Tensor:
    states = torch.tensor(trellis.states_of(target))
    return _backward(log_probs, target, (states != 0) & (torch.arange(len(states)) >= 2))


def _backward_wraps(log_probs: Tensor, target: list[int]) -> Tensor:
    states = trellis.states_of(target)
    beta = torch.full((len(log_probs), len(states)), -math.inf, dtype=torch.float64)
    beta[-1, -2:] = 0.0
    for t in range(len(beta) - 2, -1, -1):
        for s, symbol in enumerate(states):
            ways = [s, (s + 1) % len(states)]
            after = (s + 2) % len(states)
            ways += [after] * (states[after] not in (0, symbol))
            on = [log_probs[t + 1, states[r]] + beta[t + 1, r] for r in ways]
            beta[t, s] = torch.stack(on).logsumexp(dim=0)
    return beta


def _ends_in_the_blank_only(log_probs: Tensor, target: list[int]) -> Tensor:
    return _backward(log_probs, target, ends=1)


def _backward_takes_the_best(log_probs: Tensor, target: list[int]) -> Tensor:
    return _backward(log_probs, target, best=True)


def _forward_again(log_probs: Tensor, target: list[int]) -> Tensor:
    return trellis.forward_mass(log_probs, target)


def _not_mirrored_back(log_probs: Tensor, target: list[int]) -> Tensor:
    return trellis.forward_mass(log_probs.flip(0), target[::-1])


def _backward_multiplies(log_probs: Tensor, target: list[int]) -> Tensor:
    states = trellis.states_of(target)
    skips = torch.tensor([*trellis.may_skip(states)[2:], False, False])
    shares = log_probs.exp()[:, states]
    beta = torch.zeros_like(shares)
    beta[-1, -2:] = 1.0
    outside = beta.new_zeros(2)
    for t in range(len(beta) - 2, -1, -1):
        after = torch.cat([shares[t + 1] * beta[t + 1], outside])
        beta[t] = after[:-2] + after[1:-1] + after[2:] * skips
    return beta.log()


def _by_two_forwards(log_probs: Tensor, target: list[int]) -> Tensor:
    mirrored = solutions.forward_recursion(log_probs.flip(0), target[::-1]).flip(0, 1)
    return mirrored - log_probs[:, trellis.states_of(target)]


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


WRONG: dict[str, list[tuple[Any, str]]] = {
    "backward_recursion": [
        (lambda *given: trellis.backward_mass(*given).exp(), "returns probabilities"),
        (lambda *given: trellis.backward_mass(*given).flip(0), "frames are the wrong way round"),
        (lambda *given: trellis.backward_mass(*given) / math.log(10), "as decimal logarithms are"),
        (_with_its_own_frame, "which alpha contains already"),
        (_emits_where_it_leaves, "the symbol of the next state"),
        (_backward_skips_between_equals, "Between two equal letters the blank must not be skipped"),
        (_backward_wraps, "Nothing comes after the last"),
        (
            lambda log_probs, target: _backward(
                log_probs, target, torch.ones(2 * len(target) + 1, dtype=torch.bool)
            ),
            "from blank to blank",
        ),
        (_ends_in_the_blank_only, "in the last two states"),
        (_backward_takes_the_best, "logaddexp"),
        (_forward_again, "After the last frame nothing is left"),
        (_not_mirrored_back, "After the last frame nothing is left"),
        (_backward_multiplies, "such products underflow"),
        (lambda log_probs, target: _backward(log_probs, target).clamp(min=-1e9), "a large negative number"),
    ],
    "occupancy": [
        (_not_normalised, "the states of one frame add up to one"),
        (_over_frames, "the states of one frame add up to one"),
        (_forward_only, "the states of one frame add up to one"),
        (_still_in_logarithms, "the states of one frame add up to one"),
        (_underflows, "Take the differences of logarithms"),
        (lambda alpha, beta: torch.softmax((alpha + beta).float(), dim=1), "compute in float64"),
    ],
    "ctc_gradient": [
        (_occupancy_alone, "Softmax minus occupancy"),
        (_wrong_sign, "-1 times what it should be: the sign is wrong"),
        (lambda x, text, gamma: _gradient_at_once(x, text, gamma) / len(text), "by the number of letters"),
        (lambda x, text, gamma: _gradient_at_once(x, text, gamma) / len(x), "by the number of frames"),
        (_last_state_wins, "add their occupancies"),
        (_forgets_softmax, "Softmax minus occupancy"),
        (_subtracts_states_from_symbols, "raises RuntimeError"),
    ],
}

OTHER_RIGHT: dict[str, list[Any]] = {
    "backward_recursion": [
        trellis.backward_mass,
        _by_two_forwards,
        lambda log_probs, target: _backward(log_probs.double(), target).tolist(),
    ],
    "occupancy": [
        _occupancy_by_numpy,
        lambda alpha, beta: torch.exp(_still_in_logarithms(alpha, beta)).float(),
    ],
    "ctc_gradient": [_gradient_at_once],
}
