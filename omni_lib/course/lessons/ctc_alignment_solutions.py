"""Solutions of lesson 03. Each is one way among several; its source stands in the notebook's blank when the tests run it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from omni_lib.encoder import embedding_lengths


def collapse(path: list[int]) -> list[int]:
    """Merge what repeats, then drop the blanks (index 0)."""
    text, previous = [], 0
    for symbol in path:
        if symbol != previous and symbol != 0:
            text.append(symbol)
        previous = symbol
    return text


def count_alignments(target: list[int], frames: int) -> int:
    """How many paths of `frames` symbols collapse to `target`."""
    states = [0]
    for symbol in target:
        states += [symbol, 0]
    ways = [1] + [0] * (len(states) - 1)  # before the first frame, every path waits in the first blank
    for _ in range(frames):
        after = list(ways)  # stay
        for s in range(1, len(states)):
            after[s] += ways[s - 1]  # move on
            if s >= 2 and states[s] != 0 and states[s] != states[s - 2]:
                after[s] += ways[s - 2]  # skip the blank between two unlike symbols
        ways = after
    return sum(ways[-2:])


def forward_recursion(log_probs: Tensor, target: list[int]) -> Tensor:
    """log alpha: log_probs (T, symbols), target of L class indices → (T, 2 L + 1)."""
    states = torch.zeros(2 * len(target) + 1, dtype=torch.long)
    states[1::2] = torch.tensor(target, dtype=torch.long)
    may_skip = torch.zeros(len(states), dtype=torch.bool)
    may_skip[2:] = (states[2:] != 0) & (states[2:] != states[:-2])
    emitted = log_probs[:, states]  # (T, S)
    alpha = torch.full_like(emitted, -math.inf)
    alpha[0, :2] = emitted[0, :2]
    outside = alpha.new_full((2,), -math.inf)
    for t in range(1, len(alpha)):
        before = torch.cat([outside, alpha[t - 1]])
        stay, move, skip = before[2:], before[1:-1], before[:-2].masked_fill(~may_skip, -math.inf)
        alpha[t] = emitted[t] + torch.stack([stay, move, skip]).logsumexp(dim=0)
    return alpha


def feasible(target: list[int], mel_frames: int, frames_per_embedding: int) -> bool:
    """Whether a clip of `mel_frames` has a path to `target`."""
    needed = len(target) + sum(left == right for left, right in zip(target, target[1:], strict=False))
    return embedding_lengths(mel_frames) * frames_per_embedding >= needed


def occupancy(alpha: Tensor, beta: Tensor) -> Tensor:
    """The share of the text's probability that stands in each state: alpha, beta (T, S) → (T, S), each frame's sum is 1."""
    return torch.softmax(alpha + beta, dim=1)


def ctc_gradient(logits: Tensor, target: list[int], gamma: Tensor) -> Tensor:
    """The gradient of the loss: logits (T, symbols), gamma (T, 2 L + 1) → (T, symbols)."""
    gradient = torch.softmax(logits, dim=1)
    states = [0]
    for symbol in target:
        states += [symbol, 0]
    for s, symbol in enumerate(states):
        gradient[:, symbol] -= gamma[:, s]
    return gradient


def viterbi_path(log_probs: Tensor, target: list[int]) -> list[int]:
    """The likeliest of all paths that collapse to `target`: log_probs (T, symbols) → T class indices."""
    states = [0]
    for symbol in target:
        states += [symbol, 0]
    score = [float(log_probs[0, symbol]) if s < 2 else -math.inf for s, symbol in enumerate(states)]
    came_from = []
    for frame in log_probs[1:].tolist():
        origins, scores = [], []
        for s, symbol in enumerate(states):
            reach = [s] + [s - 1] * (s >= 1) + [s - 2] * (s >= 2 and symbol != 0 and symbol != states[s - 2])
            origin = max(reach, key=lambda candidate: score[candidate])
            origins.append(origin)
            scores.append(score[origin] + frame[symbol])
        came_from.append(origins)
        score = scores
    state = max(range(max(len(states) - 2, 0), len(states)), key=lambda candidate: score[candidate])
    path = [states[state]]
    for origins in reversed(came_from):
        state = origins[state]
        path.append(states[state])
    return path[::-1]
