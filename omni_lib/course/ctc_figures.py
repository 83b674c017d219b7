"""Figures of lesson 03: the posteriors of a CTC head over time, and the words that forced alignment finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from omni_lib.alignment import Word
from omni_lib.course.figures import MATRIX, page_style
from omni_lib.course.palette import BLUE, GREEN, INK, ORANGE, PURPLE
from omni_lib.course.trellis import VOCABULARY, sign_of, states_of
from omni_lib.text import BLANK

LINES = ("-", "--", "-.", ":")


def posterior_curves(log_probs: Tensor, seconds_per_frame: float, text: str) -> Figure:
    """The probability of the blank and of each symbol of `text` over time.

    Every peak is labelled with its symbol.

    Args:
        log_probs: (T, symbols), natural logarithms, of one utterance.
    """
    shares, path = log_probs.exp().numpy(), log_probs.argmax(dim=1).tolist()
    time = (np.arange(len(shares)) + 0.5) * seconds_per_frame
    with page_style():
        figure, axes = plt.subplots(figsize=(10, 2.8), layout="constrained")
        axes.fill_between(
            time, shares[:, BLANK], step="mid", color=INK, alpha=0.25, linewidth=0, label="blank"
        )
        for number, symbol in enumerate(dict.fromkeys(VOCABULARY.encode(text))):
            colour, line = (BLUE, ORANGE, GREEN, PURPLE)[number % 4], LINES[number // 4 % 4]
            axes.plot(time, shares[:, symbol], color=colour, linestyle=line, linewidth=1.6)
        style: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "fontsize": 11}
        for t, symbol in _first_frames(path):
            axes.annotate(sign_of(symbol), (time[t], shares[t, symbol]), (0, 3), **style)
        end = len(shares) * seconds_per_frame
        axes.set(xlabel="time (s)", ylabel="probability", ylim=(0, 1.18), xlim=(0, end))
        axes.legend(loc="upper right", bbox_to_anchor=(1.0, 1.18))
    return figure


def occupancy_map(gamma: Tensor, target: Sequence[int], seconds_per_frame: float) -> Figure:
    """Occupancies (T, 2 L + 1) as an image.

    Rows of letters have labels; the rows between them are the blanks.
    """
    states = states_of(target)
    with page_style():
        figure, axes = plt.subplots(figsize=(10, 3.6), layout="constrained")
        end = len(gamma) * seconds_per_frame
        extent = (0, end, -0.5, len(states) - 0.5)
        image = axes.imshow(gamma.T.numpy(), extent=extent, cmap="viridis", vmin=0, vmax=1, **MATRIX)
        axes.set_yticks(range(1, len(states), 2), [sign_of(symbol) for symbol in target])
        axes.grid(False)
        axes.set(xlabel="time (s)", ylabel="state")
        figure.colorbar(image, ax=axes, label="occupancy")
    return figure


def words_over_spectrogram(
    log_mel: Tensor, words: Sequence[Word], path: Sequence[int], seconds_per_frame: float
) -> Figure:
    """The log-mel of a clip with its words as boxes, and the letters of `path` at their first frames.

    Args:
        log_mel: (frames of 10 ms, filters).
        path: the class index of each CTC frame.
    """
    seconds = len(log_mel) / 100
    with page_style():
        figure, axes = plt.subplots(figsize=(10, 3.6), layout="constrained")
        top = log_mel.shape[1]
        image = axes.imshow(log_mel.T.numpy(), extent=(0, seconds, 0, top), cmap="magma", **MATRIX)
        for number, word in enumerate(words):
            axes.axvspan(word.start, word.end, facecolor="none", edgecolor="white", linewidth=1.6)
            middle, height = (word.start + word.end) / 2, top + 3 + 9 * (number % 2)
            axes.text(middle, height, word.word, ha="center", va="bottom", fontsize=11)
        style: dict[str, Any] = {"ha": "center", "color": "white", "fontsize": 9, "family": "monospace"}
        for t, symbol in _first_frames(path):
            axes.text((t + 0.5) * seconds_per_frame, 4, sign_of(symbol), **style)
        axes.set(xlabel="time (s)", ylabel="mel filter", xlim=(0, seconds), ylim=(0, top))
        axes.set_title(" ", fontsize=20)  # room for the words
        axes.grid(False)
        figure.colorbar(image, ax=axes, label="log-mel energy")
    return figure


def _first_frames(path: Sequence[int]) -> list[tuple[int, int]]:
    """(frame, symbol) where each symbol of a path begins; blanks are left out."""
    before = [BLANK, *path]
    return [(t, symbol) for t, symbol in enumerate(path) if symbol not in (BLANK, before[t])]
