"""CTC's trellis: which paths spell a text, how many they are, and where their probability flows.

A row of the trellis is a state: the text with a blank before, between and after its symbols. A column is a CTC frame. From one
frame to the next a path stays, moves on by one, or skips the blank between two unlike symbols (Graves et al. 2006, section 4).
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from omni_lib.ctc import collapse, frames_needed
from omni_lib.errors import UserError
from omni_lib.text import BLANK, Vocabulary

BLANK_SIGN = "_"
VOCABULARY = Vocabulary()
SHOWN = {
    BLANK: BLANK_SIGN,
    VOCABULARY.encode(" ")[0]: "␣",
}  # in a picture; the other symbols are shown as they are


def states_of(target: Sequence[int]) -> list[int]:
    """The class index that each of the 2 L + 1 states emits: blank, first symbol, blank, …, blank."""
    states = [BLANK] * (2 * len(target) + 1)
    states[1::2] = target
    return states


def may_skip(states: Sequence[int]) -> list[bool]:
    """Whether a path may enter each state from two below: only a symbol, and only past a blank between unlike symbols."""
    return [s >= 2 and states[s] != BLANK and states[s] != states[s - 2] for s in range(len(states))]


def count_alignments(target: Sequence[int], frames: int) -> int:
    """How many paths of `frames` CTC frames collapse to `target`, exactly: 0 where it is infeasible."""
    return sum(_counts(target, frames)[-1][-2:])


def _counts(target: Sequence[int], frames: int) -> list[list[int]]:
    """[t][s]: how many beginnings of t frames end in state s; before the first frame all paths stand in the first state."""
    skip = may_skip(states_of(target))
    row = [1] + [0] * (len(skip) - 1)
    rows = [row]
    for t in range(frames):
        allowed = skip if t else [False] * len(skip)  # nothing was said yet, so nothing can be skipped
        row = [
            row[s] + (row[s - 1] if s else 0) + (row[s - 2] if allowed[s] else 0) for s in range(len(skip))
        ]
        rows.append(row)
    return rows


def random_alignment(target: Sequence[int], frames: int, seed: int) -> list[int]:
    """One of the paths that collapse to `target`, each as likely as any other.

    Raises:
        UserError: there is none.
    """
    if frames < frames_needed(target):
        raise UserError(f"{frames} CTC frames are too few for this text, which needs {frames_needed(target)}")
    rng, states, rows = random.Random(seed), states_of(target), _counts(target, frames)
    skip, last = may_skip(states), len(states) - 1
    ends = [s for s in (last - 1, last) if s >= 0]
    state = _drawn(ends, [rows[frames][s] for s in ends], rng)
    path = []
    for t in range(frames, 0, -1):
        path.append(states[state])
        before = [s for s in (state, state - 1, state - 2 if skip[state] and t > 1 else -1) if s >= 0]
        state = _drawn(before, [rows[t - 1][s] for s in before], rng)
    return path[::-1]


def _drawn(options: Sequence[int], weights: Sequence[int], rng: random.Random) -> int:
    """As random.choices, but exact where the weights are integers that no float can hold."""
    mark = rng.randrange(sum(weights))
    for option, weight in zip(options, weights, strict=True):
        if mark < weight:
            return option
        mark -= weight
    raise AssertionError("the mark lies below the sum")


@dataclass(frozen=True)
class Region:
    """Which cells (states, frames) of the trellis a path can reach from the start, and from which it can reach the end."""

    from_start: np.ndarray  # (2 L + 1, T), bool
    to_end: np.ndarray  # (2 L + 1, T), bool

    @property
    def feasible(self) -> np.ndarray:
        """Cells on at least one path that spells the text; empty where there are too few frames."""
        return self.from_start & self.to_end


def region(target: Sequence[int], frames: int) -> Region:
    """What can be reached in the trellis of `target` in `frames` CTC frames."""
    states = states_of(target)
    zeros = torch.zeros(frames, max(states, default=0) + 1)
    forward, backward = forward_mass(zeros, target), backward_mass(zeros, target)
    return Region(np.isfinite(forward.numpy()).T, np.isfinite(backward.numpy()).T)


def forward_mass(log_probs: Tensor, target: Sequence[int]) -> Tensor:
    """log α: [t, s] sums all beginnings of a path that stand in state s at frame t, that frame included (equation 6).

    Args:
        log_probs: (T, symbols), natural logarithms, of one utterance without padding.
        target: class indices.

    Returns:
        (T, 2 L + 1), natural logarithms, float64.
    """
    states = torch.tensor(states_of(target))
    emitted = log_probs[:, states].double()  # (T, S)
    closed = ~torch.tensor(may_skip(states.tolist()))
    alpha = torch.full(emitted.shape, -math.inf, dtype=torch.float64)
    if len(alpha):
        alpha[0, :2] = emitted[0, :2]
    nowhere = alpha.new_full((2,), -math.inf)
    for t in range(1, len(alpha)):
        before = torch.cat([nowhere, alpha[t - 1]])
        steps = torch.stack(
            [before[2:], before[1:-1], before[:-2].masked_fill(closed, -math.inf)]
        )  # stay, move on, skip
        alpha[t] = emitted[t] + steps.logsumexp(dim=0)
    return alpha


def backward_mass(log_probs: Tensor, target: Sequence[int]) -> Tensor:
    """log β: [t, s] sums all ways from state s at frame t to the end, that frame not included; shapes as `forward_mass`.

    Then α + β is the mass of all whole paths through a cell (the paper counts the frame in both and divides it out again).
    """
    mirrored = forward_mass(log_probs.flip(0), list(target)[::-1]).flip(0, 1)
    return mirrored - log_probs[:, torch.tensor(states_of(target))].double()


def occupancy(log_probs: Tensor, target: Sequence[int]) -> Tensor:
    """The share of the text's probability that passes through each cell: (T, 2 L + 1), each frame's sum is 1.

    Raises:
        UserError: there are too few frames for any path.
    """
    if len(log_probs) < frames_needed(target):
        raise UserError(
            f"{len(log_probs)} CTC frames are too few for this text, which needs {frames_needed(target)}"
        )
    mass = forward_mass(log_probs, target) + backward_mass(log_probs, target)
    return (mass - mass.logsumexp(dim=1, keepdim=True)).exp()


def best_states(path: Sequence[int]) -> list[int]:
    """The state, by number, in which a path stands at each of its frames, in the trellis of the text that it spells."""
    visited, written = [], 0
    for symbol, run in groupby(path):
        written += symbol != BLANK
        visited += [2 * written - (symbol != BLANK)] * sum(1 for _ in run)
    return visited


def read_path(text: str) -> list[int]:
    """Class indices of a path as one types it: a-z, space, and _ for blank.

    Raises:
        UserError: another character is in it.
    """
    unknown = sorted(
        {
            character
            for character in text.lower()
            if character not in " abcdefghijklmnopqrstuvwxyz" + BLANK_SIGN
        }
    )
    if unknown:
        raise UserError(
            f"a path is written with a-z, space and _ for blank: {' '.join(map(repr, unknown))} is none of them"
        )
    return [
        BLANK if character == BLANK_SIGN else VOCABULARY.encode(character)[0] for character in text.lower()
    ]


def write_path(path: Sequence[int]) -> str:
    """A path as one types it: the inverse of `read_path`."""
    return "".join(BLANK_SIGN if index == BLANK else VOCABULARY.symbols[index] for index in path)


@dataclass(frozen=True)
class Collapse:
    """A path on its way to a text, step by step."""

    path: list[int]

    @property
    def runs(self) -> list[tuple[int, int]]:
        """After the first step: (symbol, how many frames it lasts)."""
        return [(symbol, sum(1 for _ in run)) for symbol, run in groupby(self.path)]

    @property
    def text(self) -> str:
        """After the second: the runs that are not blank."""
        return VOCABULARY.decode(collapse(self.path))


def frame_notes(log_probs: Tensor, seconds_per_frame: float) -> list[str]:
    """What each of the T frames hears, in words: its likeliest symbols, three at most; log_probs (T, symbols)."""
    top = log_probs.exp().topk(3, dim=-1)
    notes = []
    for t, (shares, symbols) in enumerate(zip(top.values.tolist(), top.indices.tolist(), strict=True)):
        heard = [
            f"{name_of(symbol)} {share:.0%}"
            for share, symbol in zip(shares, symbols, strict=True)
            if share >= 0.005
        ]
        notes.append(f"{t * seconds_per_frame:.2f} s, frame {t}: {' · '.join(heard)}")
    return notes


def name_of(symbol: int) -> str:
    """How a class index is called in a sentence: its letter, or its name where that cannot be seen."""
    return {" ": "space", "<blank>": "blank", "<eos>": "eos"}.get(
        VOCABULARY.symbols[symbol], VOCABULARY.symbols[symbol]
    )
