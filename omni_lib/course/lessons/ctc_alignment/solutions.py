"""Lesson 03: one way to write each exercise. The docstrings are also those of the blanks in the notebook."""

from __future__ import annotations

import math
from collections import defaultdict

import torch
from torch import Tensor

from omni_lib.decoding import log_add
from omni_lib.encoder import embedding_lengths


def collapse(path: list[int]) -> list[int]:
    """Merge what repeats, then drop the blanks (index 0).

    Compared exactly, as class indices: a list, a tuple, or a tensor with one axis.

    Args:
        path: one class index for each CTC frame; it may be empty.
    """
    text, previous = [], 0
    for symbol in path:
        if symbol != previous and symbol != 0:
            text.append(symbol)
        previous = symbol
    return text


def count_alignments(target: list[int], frames: int) -> int:
    """The number of paths of `frames` symbols that collapse to `target`.

    Compared exactly, however large: whole numbers of Python, not floats and not int64.

    Args:
        target: class indices, without blanks; it may be empty.
        frames: the length of the paths, at least 1.
    """
    states = [0]
    for symbol in target:
        states += [symbol, 0]
    ways = [1] + [0] * (len(states) - 1)  # before the first frame, every path is in the first blank
    for _ in range(frames):
        after = list(ways)  # stay
        for s in range(1, len(states)):
            after[s] += ways[s - 1]  # move on
            if s >= 2 and states[s] != 0 and states[s] != states[s - 2]:
                after[s] += ways[s - 2]  # skip the blank between two unlike symbols
        ways = after
    return sum(ways[-2:])


def forward_recursion(log_probs: Tensor, target: list[int]) -> Tensor:
    """log alpha of one utterance.

    Compared in every cell, to four digits, in the precision of `log_probs` (float32 or float64) or a higher
    one.

    Args:
        log_probs: (T, symbols), natural logarithms; T may be too small for `target`.
        target: L class indices, without blanks; at least one.

    Returns:
        (T, 2 L + 1), natural logarithms; -inf in a state that no path can have reached by that frame.
    """
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
    """Whether a clip of `mel_frames` (10 ms each) has a path to `target`.

    Compared exactly: True or False (a bool of Python, NumPy or torch).

    Args:
        target: class indices, without blanks; it may be empty. The empty text needs no frame.
        mel_frames: at least 1. The encoder makes `embedding_lengths(mel_frames)` embeddings of them.
        frames_per_embedding: k, the CTC frames that the head makes of each embedding.
    """
    needed = len(target) + sum(left == right for left, right in zip(target, target[1:], strict=False))
    return int(embedding_lengths(mel_frames)) * frames_per_embedding >= needed


def backward_recursion(log_probs: Tensor, target: list[int]) -> Tensor:
    """log beta of one utterance: in each cell all ways to go on from there to the end.

    Compared in every cell, to four digits, in the precision of `log_probs` (float32 or float64) or a higher
    one. The probability of the cell's own frame is not part of beta.

    Args:
        log_probs: (T, symbols), natural logarithms; T may be too small for `target`.
        target: L class indices, without blanks; at least one.

    Returns:
        (T, 2 L + 1), natural logarithms; -inf in a state from which no path can still reach the end.
    """
    states = torch.zeros(2 * len(target) + 1, dtype=torch.long)
    states[1::2] = torch.tensor(target, dtype=torch.long)
    may_skip = torch.zeros(len(states), dtype=torch.bool)
    may_skip[:-2] = (states[2:] != 0) & (states[2:] != states[:-2])  # out of a state, not into it
    emitted = log_probs[:, states]  # (T, S)
    beta = torch.full_like(emitted, -math.inf)
    beta[-1, -2:] = 0.0
    outside = beta.new_full((2,), -math.inf)
    for t in range(len(beta) - 2, -1, -1):
        after = torch.cat([emitted[t + 1] + beta[t + 1], outside])
        stay, move, skip = after[:-2], after[1:-1], after[2:].masked_fill(~may_skip, -math.inf)
        beta[t] = torch.stack([stay, move, skip]).logsumexp(dim=0)
    return beta


def occupancy(alpha: Tensor, beta: Tensor) -> Tensor:
    """The share of the text's probability that goes through each state at each frame.

    Compared in every cell, with an absolute tolerance of 1e-6.

    Args:
        alpha, beta: (T, 2 L + 1) in float64, natural logarithms; some are -inf. Only one of the two contains
            the probability of the frame itself, so that their sum counts it once.

    Returns:
        (T, 2 L + 1), shares: each frame's sum is 1.
    """
    return torch.softmax(alpha + beta, dim=1)


def ctc_gradient(logits: Tensor, target: list[int], gamma: Tensor) -> Tensor:
    """The gradient of the CTC loss (nats, of one utterance, not averaged) with respect to `logits`.

    Compared with autograd's in every cell, with an absolute tolerance of 1e-6.

    Args:
        logits: (T, symbols) in float64, before the softmax.
        target: L class indices, without blanks.
        gamma: (T, 2 L + 1), occupancies of the states: blank, first symbol, blank, …, blank.

    Returns:
        (T, symbols)
    """
    gradient = torch.softmax(logits, dim=1)
    states = [0]
    for symbol in target:
        states += [symbol, 0]
    for s, symbol in enumerate(states):
        gradient[:, symbol] -= gamma[:, s]
    return gradient


def entropic_loss(log_probs: Tensor, target: list[int], weight: float) -> Tensor:
    """-ln P - w H of one utterance, in nats: its CTC loss with a bonus for the entropy of its paths.

    A number or a tensor of one number, compared with the library's to four digits.

    Args:
        log_probs: (T, symbols), natural logarithms; T is large enough for `target`.
        target: L class indices, without blanks; at least one.
        weight: w, at least 0; with 0 the result is the CTC loss.
    """
    beta = 1 / (1 + weight)
    alpha = forward_recursion(beta * log_probs, target)
    return -torch.logsumexp(alpha[-1, -2:], dim=0) / beta


def prefix_search(log_probs: Tensor, beam: int) -> tuple[list[int], float]:
    """The likeliest text of one utterance, and ln of its probability, summed over its paths.

    The text is compared exactly: a list, a tuple, or a tensor with one axis. The logarithm is compared to
    four digits where `beam` is large enough for all prefixes. With a smaller beam, paths are lost: then the
    logarithm may be a little lower than that of all paths of the text, but not higher.

    Args:
        log_probs: (T, symbols), natural logarithms; some may be -inf. Class 0 is the blank, and all other
            classes are letters.
        beam: the number of prefixes kept after each frame: those whose two endings together are likeliest.
    """
    # prefix → ln of the probability of its paths that end in a blank, and of those that end in a letter
    beams: dict[tuple[int, ...], list[float]] = {(): [0.0, -math.inf]}
    for frame in log_probs.tolist():
        following: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [-math.inf, -math.inf])
        for prefix, (blank, letter) in beams.items():
            both = log_add(blank, letter)
            stays = following[prefix]
            stays[0] = log_add(stays[0], both + frame[0])
            if prefix:
                stays[1] = log_add(stays[1], letter + frame[prefix[-1]])  # its last run goes on
            for symbol in range(1, len(frame)):
                begins = blank if prefix[-1:] == (symbol,) else both  # "ll" needs a blank between its letters
                longer = following[(*prefix, symbol)]
                longer[1] = log_add(longer[1], begins + frame[symbol])
        ranked = sorted(following.items(), key=lambda entry: log_add(*entry[1]), reverse=True)
        beams = dict(ranked[:beam])
    prefix, ends = next(iter(beams.items()))  # the likeliest
    return list(prefix), log_add(*ends)


def viterbi_path(log_probs: Tensor, target: list[int]) -> list[int]:
    """The likeliest of all paths that collapse to `target`.

    Any path will do that collapses to `target` and is as likely as the best.

    Args:
        log_probs: (T, symbols), natural logarithms; T is large enough for `target`.
        target: L class indices, without blanks; at least one.

    Returns:
        One class index for each of the T frames.
    """
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
    state = max(len(states) - 2, len(states) - 1, key=lambda candidate: score[candidate])
    path = [states[state]]
    for origins in reversed(came_from):
        state = origins[state]
        path.append(states[state])
    return path[::-1]
