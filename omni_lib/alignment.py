"""Forced alignment: the best path of a known text, and the times of its words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, SAMPLE_RATE
from omni_lib.config import Config
from omni_lib.ctc import frames_needed
from omni_lib.errors import UserError
from omni_lib.text import BLANK, Vocabulary

PAUSE = 1.0  # seconds without a letter after which a word has ended


@dataclass(frozen=True)
class Word:
    """A word and when it was said, in seconds from the start of the clip."""

    word: str
    start: float
    end: float


def seconds_per_ctc_frame(config: Config) -> float:
    """The duration of a CTC frame: 0.08 s with the chapter's settings, half of it with two per embedding."""
    return config.downsample_time * HOP_LENGTH / SAMPLE_RATE / config.ctc_frames_per_embedding


def best_path(log_probs: Tensor, target: Sequence[int]) -> list[int]:
    """The most probable of all paths that collapse to `target`, by the Viterbi algorithm.

    This is the forward recursion of Graves et al. (2006, section 4.1) with a maximum in place of the sum. The
    states are the symbols of the target, with a blank before, between and after them. From one frame to the
    next, a path stays in its state, moves on by one state, or skips the blank between two different symbols.

    Args:
        log_probs: (T, symbols), natural logarithms, of one utterance without padding, on the CPU.
        target: class indices.

    Returns:
        One class index for each of the T frames.

    Raises:
        UserError: there are too few frames for any path.
    """
    frames = len(log_probs)
    if frames < frames_needed(target):
        raise UserError(f"{frames} CTC frames are too few for this text, which needs {frames_needed(target)}")
    if frames == 0:
        return []

    # the states, and for each one whether a path may enter it by skipping a blank
    states = torch.full((2 * len(target) + 1,), BLANK)  # (S,)
    states[1::2] = torch.tensor(target, dtype=torch.long)
    may_skip = torch.zeros(len(states), dtype=torch.bool)
    may_skip[2:] = (states[2:] != BLANK) & (states[2:] != states[:-2])

    # forward: the best score of each state, and the move that led to it
    emitted = log_probs[:, states].double()  # (T, S)
    score = torch.full((len(states),), -math.inf, dtype=torch.float64)
    score[:2] = emitted[0, :2]
    came_from = torch.zeros(frames, len(states), dtype=torch.long)  # 0 stay, 1 move on, 2 skip a blank
    nowhere = score.new_full((2,), -math.inf)
    for t in range(1, frames):
        before = torch.cat([nowhere, score])
        steps = torch.stack([score, before[1:-1], before[:-2].masked_fill(~may_skip, -math.inf)])  # (3, S)
        best, came_from[t] = steps.max(dim=0)
        score = best + emitted[t]

    # backward: from the better of the last two states to the first frame
    state = len(states) - 1
    if len(states) > 1 and score[-2] > score[-1]:
        state -= 1
    visited = [state]
    for t in range(frames - 1, 0, -1):
        state -= int(came_from[t, state])
        visited.append(state)
    return [int(states[state]) for state in reversed(visited)]


def word_times(path: Sequence[int], vocabulary: Vocabulary, seconds_per_frame: float) -> list[Word]:
    """The words of a path, each from the first frame of its first letter to the last frame of its last.

    A word ends at a space, or if no letter follows for `PAUSE` seconds. Long pauses are rare in the training
    data, so a model may omit the space between two words that are far apart.
    """
    words: list[Word] = []
    letters, start, end, previous = "", 0, 0, BLANK
    for frame, index in enumerate([*path, vocabulary.encode(" ")[0]]):
        symbol = vocabulary.decode([index])
        is_letter = bool(symbol.strip())
        if letters and (symbol == " " or is_letter and (frame - end) * seconds_per_frame > PAUSE):
            words.append(
                Word(letters, round(start * seconds_per_frame, 3), round(end * seconds_per_frame, 3))
            )
            letters = ""
        if is_letter:
            if not letters:
                start = frame
            if index != previous:
                letters += symbol
            end = frame + 1
        previous = index
    return words
