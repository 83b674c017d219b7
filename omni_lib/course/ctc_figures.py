"""Pictures of what a CTC head says in every frame, and of where forced alignment finds the words."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from omni_lib.alignment import Word
from omni_lib.course.figures import page_style
from omni_lib.course.palette import BLUE, GREEN, INK, ORANGE, PURPLE
from omni_lib.course.trellis import SHOWN, VOCABULARY, states_of
from omni_lib.text import BLANK

LINES = ("-", "--", "-.", ":")


def posterior_curves(log_probs: Tensor, seconds_per_frame: float, text: str) -> Figure:
    """The probability of the blank and of each symbol of `text` over time; every peak has its symbol written above it.

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
        for t, symbol in enumerate(path):
            if symbol != BLANK and (t == 0 or path[t - 1] != symbol):
                axes.annotate(
                    _shown(symbol),
                    (time[t], shares[t, symbol]),
                    (0, 3),
                    textcoords="offset points",
                    ha="center",
                    fontsize=11,
                )
        axes.set(
            xlabel="time (s)", ylabel="probability", ylim=(0, 1.18), xlim=(0, len(shares) * seconds_per_frame)
        )
        axes.legend(loc="upper right", bbox_to_anchor=(1.0, 1.18))
    return figure


def occupancy_map(gamma: Tensor, target: Sequence[int], seconds_per_frame: float) -> Figure:
    """Occupancies (T, 2 L + 1) as an image: each letter of the text is a row, the blanks between them are the rows without a name."""
    states = states_of(target)
    with page_style():
        figure, axes = plt.subplots(figsize=(10, 3.6), layout="constrained")
        end = len(gamma) * seconds_per_frame
        options = {
            "aspect": "auto",
            "origin": "lower",
            "interpolation": "nearest",
            "cmap": "viridis",
            "vmin": 0,
            "vmax": 1,
        }
        image = axes.imshow(gamma.T.numpy(), extent=(0, end, -0.5, len(states) - 0.5), **options)
        axes.set_yticks(range(1, len(states), 2), [_shown(symbol) for symbol in target])
        axes.grid(False)
        axes.set(xlabel="time (s)", ylabel="state")
        figure.colorbar(image, ax=axes, label="occupancy")
    return figure


def words_over_spectrogram(
    log_mel: Tensor, words: Sequence[Word], path: Sequence[int], seconds_per_frame: float
) -> Figure:
    """A clip's log-mel (frames of 10 ms, filters), its words as boxes over it, and below it the letter of each frame of `path`."""
    seconds = len(log_mel) / 100
    with page_style():
        figure, axes = plt.subplots(figsize=(10, 3.6), layout="constrained")
        options = {"aspect": "auto", "origin": "lower", "cmap": "magma", "interpolation": "nearest"}
        image = axes.imshow(log_mel.T.numpy(), extent=(0, seconds, 0, log_mel.shape[1]), **options)
        top = log_mel.shape[1]
        for number, word in enumerate(words):
            axes.axvspan(word.start, word.end, facecolor="none", edgecolor="white", linewidth=1.6)
            axes.text(
                (word.start + word.end) / 2,
                top + 3 + 9 * (number % 2),
                word.word,
                ha="center",
                va="bottom",
                fontsize=11,
            )
        for t, symbol in enumerate(path):
            if symbol != BLANK and (t == 0 or path[t - 1] != symbol):
                axes.text(
                    (t + 0.5) * seconds_per_frame,
                    4,
                    _shown(symbol),
                    ha="center",
                    color="white",
                    fontsize=9,
                    family="monospace",
                )
        axes.set(xlabel="time (s)", ylabel="mel filter", xlim=(0, seconds), ylim=(0, top))
        axes.set_title(" ", fontsize=20)  # room for the words
        axes.grid(False)
        figure.colorbar(image, ax=axes, label="log-mel energy")
    return figure


def _shown(symbol: int) -> str:
    return SHOWN.get(symbol, VOCABULARY.symbols[symbol])
