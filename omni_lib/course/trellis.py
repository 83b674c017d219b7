"""The trellis of CTC: which paths spell a text, how many there are, and the probability of each cell.

A row of the trellis is a state: the symbols of the text with a blank before, between and after them. A column
is a CTC frame. From one frame to the next a path stays in its state, moves on by one, or skips the blank
between two different symbols (Graves et al. 2006, section 4).
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
_VISIBLE = {BLANK: BLANK_SIGN, VOCABULARY.encode(" ")[0]: "␣"}
# Short texts with made-up probabilities: in each frame those of the blank and of each letter, in tenths.
SHORT_TEXTS = {
    "ab": ("_ab", ((5, 4, 1), (2, 7, 1), (3, 3, 4), (4, 1, 5))),
    "aa": ("_a", ((3, 7), (4, 6), (8, 2), (3, 7), (6, 4))),
    "bee": ("_be", ((4, 5, 1), (2, 4, 4), (1, 1, 8), (6, 1, 3), (2, 1, 7), (5, 1, 4))),
}


def states_of(target: Sequence[int]) -> list[int]:
    """The class index of each of the 2 L + 1 states: blank, first symbol, blank, …, last symbol, blank."""
    states = [BLANK] * (2 * len(target) + 1)
    states[1::2] = target
    return states


def may_skip(states: Sequence[int]) -> list[bool]:
    """Whether a path may enter each state from two before it: only past a blank between different symbols."""
    return [s >= 2 and states[s] != BLANK and states[s] != states[s - 2] for s in range(len(states))]


def short_log_probs(text: str) -> Tensor:
    """Made-up log-probabilities (T, 29) for one of `SHORT_TEXTS`; the symbols not named there have none."""
    symbols, rows = SHORT_TEXTS[text]
    log_probs = torch.full((len(rows), len(VOCABULARY)), -math.inf, dtype=torch.float64)
    log_probs[:, read_path(symbols)] = (torch.tensor(rows, dtype=torch.float64) / 10).log()
    return log_probs


def count_alignments(target: Sequence[int], frames: int) -> int:
    """How many paths of `frames` CTC frames collapse to `target`: an exact integer, 0 where there is none."""
    return sum(_counts(target, frames)[-1][-2:])


def _counts(target: Sequence[int], frames: int) -> list[list[int]]:
    """[t][s]: how many partial paths of t frames end in state s. With 0 frames there is one, in state 0."""
    skip = may_skip(states_of(target))
    row = [1] + [0] * (len(skip) - 1)
    rows = [row]
    for t in range(frames):
        allowed = skip if t else [False] * len(skip)  # the first frame is in state 0 or 1
        row = [
            row[s] + (row[s - 1] if s else 0) + (row[s - 2] if allowed[s] else 0) for s in range(len(skip))
        ]
        rows.append(row)
    return rows


def random_alignment(target: Sequence[int], frames: int, seed: int) -> list[int]:
    """A random path of `frames` CTC frames that collapses to `target`, drawn uniformly.

    Raises:
        UserError: `frames` is too small for `target`.
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
    """Like `random.choices`, but exact for integer weights that are too large for a float."""
    mark = rng.randrange(sum(weights))
    for option, weight in zip(options, weights, strict=True):
        if mark < weight:
            return option
        mark -= weight
    raise AssertionError("the mark is less than the sum of the weights")


@dataclass(frozen=True)
class Region:
    """The cells (states, frames) reachable from the start, and those from which the end can be reached."""

    from_start: np.ndarray  # (2 L + 1, T), bool
    to_end: np.ndarray  # (2 L + 1, T), bool

    @property
    def feasible(self) -> np.ndarray:
        """The cells on at least one path that spells the text; none where there are too few frames."""
        on_a_path: np.ndarray = self.from_start & self.to_end
        return on_a_path


def region(target: Sequence[int], frames: int) -> Region:
    """Which cells of the trellis of `target` can be reached in `frames` CTC frames."""
    states = states_of(target)
    zeros = torch.zeros(frames, max(states, default=0) + 1)
    forward, backward = forward_mass(zeros, target), backward_mass(zeros, target)
    return Region(np.isfinite(forward.numpy()).T, np.isfinite(backward.numpy()).T)


def forward_mass(log_probs: Tensor, target: Sequence[int]) -> Tensor:
    """log α: [t, s] sums all partial paths that are in state s at frame t, that frame included (equation 6).

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
        stay, move_on, skip = before[2:], before[1:-1], before[:-2].masked_fill(closed, -math.inf)
        alpha[t] = emitted[t] + torch.stack([stay, move_on, skip]).logsumexp(dim=0)
    return alpha


def backward_mass(log_probs: Tensor, target: Sequence[int]) -> Tensor:
    """log β: [t, s] sums all ways from state s at frame t to the end, that frame not included.

    So α · β is the probability of all complete paths through a cell. (In the paper both include the frame,
    and one of them is divided out again.) Arguments and shapes are those of `forward_mass`.
    """
    mirrored = forward_mass(log_probs.flip(0), list(target)[::-1]).flip(0, 1)
    return mirrored - log_probs[:, torch.tensor(states_of(target))].double()


def occupancy(log_probs: Tensor, target: Sequence[int]) -> Tensor:
    """The share of the probability of the text in each cell: (T, 2 L + 1), where each frame sums to 1.

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
    """The index of the state of a path in each of its frames, in the trellis of the text that it spells."""
    visited, written = [], 0
    for symbol, run in groupby(path):
        written += symbol != BLANK
        visited += [2 * written - (symbol != BLANK)] * sum(1 for _ in run)
    return visited


def read_path(text: str) -> list[int]:
    """The class indices of a path as it is typed: a-z, space, and _ for blank.

    Raises:
        UserError: it contains another character.
    """
    text = text.lower()
    unknown = sorted(set(text) - set(f" abcdefghijklmnopqrstuvwxyz{BLANK_SIGN}"))
    if unknown:
        raise UserError(
            f"write a path with a-z, space and _ for blank, without {' '.join(map(repr, unknown))}"
        )
    return [BLANK if character == BLANK_SIGN else VOCABULARY.encode(character)[0] for character in text]


def write_path(path: Sequence[int]) -> str:
    """A path as it is typed: the inverse of `read_path`."""
    return "".join(BLANK_SIGN if index == BLANK else VOCABULARY.symbols[index] for index in path)


@dataclass(frozen=True)
class Collapse:
    """The two steps in which a path becomes a text."""

    path: list[int]

    @property
    def runs(self) -> list[tuple[int, int]]:
        """After the first step, which merges repeated symbols: (symbol, number of frames)."""
        return [(symbol, sum(1 for _ in run)) for symbol, run in groupby(self.path)]

    @property
    def text(self) -> str:
        """After the second step, which removes blanks."""
        return VOCABULARY.decode(collapse(self.path))


def frame_notes(log_probs: Tensor, seconds_per_frame: float) -> list[str]:
    """The most probable symbols of each of the T frames in words, three at most; log_probs (T, symbols)."""
    top = log_probs.exp().topk(3, dim=-1)
    notes = []
    for t, (shares, symbols) in enumerate(zip(top.values.tolist(), top.indices.tolist(), strict=True)):
        pairs = zip(symbols, shares, strict=True)
        likely = [f"{name_of(symbol)} {share:.0%}" for symbol, share in pairs if share >= 0.005]
        notes.append(f"{t * seconds_per_frame:.2f} s, frame {t}: {' · '.join(likely)}")
    return notes


def name_of(symbol: int) -> str:
    """A symbol in a sentence: its letter, or its name where it has no visible sign."""
    name = VOCABULARY.symbols[symbol]
    return {" ": "space", "<blank>": "blank", "<eos>": "eos"}.get(name, name)


def sign_of(symbol: int) -> str:
    """A symbol in a picture: its letter, _ for blank, ␣ for the space."""
    return _VISIBLE.get(symbol, VOCABULARY.symbols[symbol])
