"""Figures of lesson 03: the posteriors of a CTC head over time, the occupancies of the states, the gradient.

The diagram of prefix search is in `prefix_figure.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from torch import Tensor

from omni_lib.course.clip_reading import STRIP_COLOURS
from omni_lib.course.figures import MATRIX, page_style
from omni_lib.course.palette import GREY, INK, ORANGE, PAPER, PURPLE, SKY_BLUE
from omni_lib.course.trellis import VOCABULARY, occupancy, sign_of, states_of
from omni_lib.text import BLANK


def posterior_strips(log_probs: Tensor, seconds_per_frame: float, text: str) -> Figure:
    """The probability of the blank and of each symbol of `text` over time, as strips: opaque where it is 1.

    Above the strips each symbol is written where it is first the most probable one.

    Args:
        log_probs: (T, symbols), natural logarithms, of one utterance.
    """
    shares, path = log_probs.exp().numpy(), log_probs.argmax(dim=1).tolist()
    symbols = [BLANK, *sorted(set(VOCABULARY.encode(text)))]
    pixels = np.zeros((len(symbols), len(shares), 4))
    for row, symbol in enumerate(symbols):
        pixels[row, :, :3] = to_rgb(
            GREY if symbol == BLANK else STRIP_COLOURS[(row - 1) % len(STRIP_COLOURS)]
        )
        pixels[row, :, 3] = np.clip(shares[:, symbol], 0, 1)
    end = len(shares) * seconds_per_frame
    with page_style():
        figure, axes = plt.subplots(figsize=(9.8, 3.4), layout="constrained")
        axes.imshow(pixels, extent=(0, end, len(symbols) - 0.5, -0.5), **MATRIX | {"origin": "upper"})
        axes.set_yticks(range(len(symbols)), ["blank", *map(sign_of, symbols[1:])])
        for t, symbol in _first_frames(path):
            axes.annotate(
                sign_of(symbol),
                ((t + 0.5) * seconds_per_frame, -0.5),
                (0, 4),
                textcoords="offset points",
                ha="center",
            )
        axes.set_title(" ", fontsize=12)  # room for the letters
        axes.set(xlabel="time (s)", ylabel="symbol")
        axes.grid(False)
    return figure


def occupancy_maps(gammas: dict[str, Tensor], target: Sequence[int], seconds_per_frame: float) -> Figure:
    """Occupancies as images side by side, one for each encoder.

    Rows of letters have labels; the rows between them are the blanks.

    Args:
        gammas: name of the encoder → occupancies (T, 2 L + 1).
        target: class indices, L of them.
    """
    states = states_of(target)
    with page_style():
        figure, row = plt.subplots(
            1, len(gammas), figsize=(9.8, 3.6), layout="constrained", sharey=True, squeeze=False
        )
        for axes, (name, gamma) in zip(row[0], gammas.items(), strict=True):
            extent = (0, len(gamma) * seconds_per_frame, -0.5, len(states) - 0.5)
            image = axes.imshow(gamma.T.numpy(), extent=extent, cmap="viridis", vmin=0, vmax=1, **MATRIX)
            axes.grid(False)
            axes.set(xlabel="time (s)", title=name)
        row[0][0].set_yticks(range(1, len(states), 2), [sign_of(symbol) for symbol in target])
        row[0][0].set_ylabel("state")
        figure.colorbar(image, ax=row[0], label="occupancy")
    return figure


def softmax_minus_occupancy(log_probs: Tensor, target: Sequence[int]) -> Figure:
    """Softmax, occupancy and their difference, the gradient of the CTC loss, of a short text, as tables.

    A row is a symbol: the blank, or one of the text. The occupancy of a symbol is that of all its states.

    Args:
        log_probs: (T, symbols), natural logarithms: the logits after the softmax.
        target: class indices, L of them.
    """
    symbols, states = [BLANK, *sorted(set(target))], torch.tensor(states_of(target))
    gamma = occupancy(log_probs, target)
    wanted = torch.stack([gamma[:, states == symbol].sum(dim=1) for symbol in symbols])
    softmax = log_probs.exp()[:, symbols].T.to(wanted.dtype)
    gradient = softmax - wanted  # (symbols, T)
    tables = (
        (r"softmax $p_t(j)$", softmax, SKY_BLUE, SKY_BLUE, 1.0, ".2f"),
        (r"occupancy $\gamma_t(j)$", wanted, SKY_BLUE, SKY_BLUE, 1.0, ".2f"),
        (r"gradient $p_t(j) - \gamma_t(j)$", gradient, ORANGE, PURPLE, float(gradient.abs().max()), "+.2f"),
    )
    with page_style():
        figure, row = plt.subplots(
            1, 3, figsize=(9.6, 2.3), layout="constrained", sharey=True, width_ratios=(1, 1, 1.25)
        )
        for axes, (title, values, above, below, largest, digits) in zip(row, tables, strict=True):
            pixels = np.zeros((*values.shape, 4))
            pixels[..., :3] = np.where((values < 0)[..., None], to_rgb(below), to_rgb(above))
            pixels[..., 3] = 0.8 * values.abs() / largest  # dark text must be legible on it
            axes.imshow(pixels, **MATRIX | {"origin": "upper"})
            for (place, frame), value in np.ndenumerate(values.numpy()):
                number = f"{value:{digits}}".replace("-", "−")
                axes.text(frame, place, number, ha="center", va="center", fontsize=9.5, color=INK)
            axes.set(xlabel="frame", title=title, xticks=range(values.shape[1]))
            axes.set_xticks(np.arange(0.5, len(log_probs) - 1), minor=True)
            axes.set_yticks(np.arange(0.5, len(symbols) - 1), minor=True)
            axes.tick_params(which="both", length=0)
            axes.grid(False)
            axes.grid(which="minor", color=PAPER, alpha=1, linewidth=2)  # a gap between the cells
        row[0].set_yticks(range(len(symbols)), ["blank", *map(sign_of, symbols[1:])])
        row[0].set_ylabel("symbol")
    return figure


def _first_frames(path: Sequence[int]) -> list[tuple[int, int]]:
    """(frame, symbol) where each symbol of a path begins; blanks are left out."""
    before = [BLANK, *path]
    return [(t, symbol) for t, symbol in enumerate(path) if symbol not in (BLANK, before[t])]
