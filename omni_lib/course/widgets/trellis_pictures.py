"""Pictures of the CTC and trellis explorers: a path that collapses, the feasible region, and trellises."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap, to_rgba
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import Normal, Stroke
from torch import Tensor

from omni_lib.course.figures import MATRIX, page_style
from omni_lib.course.palette import BLUE, GREEN, GREY, INK, ORANGE
from omni_lib.course.trellis import VOCABULARY, Collapse, Region, name_of, sign_of, states_of
from omni_lib.course.widgets.explorer import DPI, Canvas, label_rows, table
from omni_lib.course.widgets.trellis_drawing import ShortTrellis
from omni_lib.text import BLANK

DEEPEST = 12.0  # nats below the best cell of a frame: cells below e^-12 are drawn black
LONGEST_LABEL = 24  # characters of a word on the axis
MOST_LETTERS = 26  # labels of states that fit on the axis; of a longer text only the words are labelled
COLLAPSE_ROWS = (
    "path, one symbol for each frame",
    "step 1: merge repeated symbols",
    "step 2: remove the blanks",
    "the text",
)
NAMES, BOX, LINE = (
    260,
    30,
    44,
)  # pixels: the names of the rows, the widest box of a symbol, the height of a row


def collapse_table(path: Collapse, step: int) -> str:
    """A table of the path, its runs, its runs without blanks, and the text, up to row `step` (0 to 3)."""
    runs, width = path.runs, 22 if len(path.path) <= 20 else 12
    text = html.escape(path.text) or "(nothing)"
    cells = [
        [_cell(symbol, 1, width) for symbol in path.path],
        [_cell(symbol, frames, width) for symbol, frames in runs],
        [_cell(symbol, frames, width, dropped=symbol == BLANK) for symbol, frames in runs],
        [f'<td colspan="{max(len(path.path), 1)}" style="padding: 4px 8px"><b>{text}</b></td>'],
    ]
    style = "text-align: left; padding-right: 12px; white-space: nowrap; font-weight: normal"
    header = f'<th scope="row" style="{style}">{{}}</th>'
    rows = [
        f"<tr>{header.format(name)}{''.join(row)}</tr>"
        for name, row in zip(COLLAPSE_ROWS, cells, strict=True)
    ]
    return table(rows[: step + 1], f"a path of {len(path.path)} frames collapses to '{path.text}'")


def _cell(symbol: int, frames: int, width: int, dropped: bool = False) -> str:
    colour = GREY if symbol == BLANK else BLUE
    line = "dashed" if dropped else "solid"
    sign = "" if dropped else html.escape(sign_of(symbol))
    title = "blank, removed" if dropped else name_of(symbol)
    style = f"border: 2px {line} {colour}; text-align: center; min-width: {width}px; height: 26px; "
    style += "padding: 0 3px; font-family: monospace"
    return f'<td colspan="{frames}" title="{title}" style="{style}">{sign}</td>'


class CollapseCanvas(Canvas):
    """The table of `collapse_table` with all its rows, as a picture for places without a kernel."""

    def __init__(self) -> None:
        super().__init__(9.6, (LINE * len(COLLAPSE_ROWS) + 12) / DPI)
        with page_style():
            self.axes = self.figure.add_axes((0, 0, 1, 1))

    def draw(self, path: Collapse) -> bytes:
        """The picture of one path as a PNG."""
        width = min(BOX, (960 - NAMES - 12) / max(len(path.path), 1))
        with page_style():
            self.axes.clear()
            self.axes.axis("off")
            self.axes.set(xlim=(0, 960), ylim=(LINE * len(COLLAPSE_ROWS) + 12, 0))  # a unit is a pixel
            for row, name in enumerate(COLLAPSE_ROWS):
                self.axes.text(12, _middle(row), name, va="center", color=INK)
            for row, runs in enumerate([[(symbol, 1) for symbol in path.path], path.runs, path.runs]):
                left = float(NAMES)
                for symbol, frames in runs:
                    self._box(row, left, frames * width, symbol)
                    left += frames * width
            text = path.text or "(nothing)"
            self.axes.text(NAMES + 4, _middle(3), text, va="center", color=INK, weight="bold")
        return self.png()

    def _box(self, row: int, left: float, width: float, symbol: int) -> None:
        """A symbol and its frames; from row 2 on, a blank is a dashed and empty box."""
        colour, dropped = GREY if symbol == BLANK else BLUE, row == 2 and symbol == BLANK
        corner, line = (left + 1, _middle(row) - 14), "--" if dropped else "-"
        style: dict[str, Any] = {"fill": False, "edgecolor": colour, "linestyle": line, "linewidth": 1.5}
        self.axes.add_patch(Rectangle(corner, width - 2, 28, **style))
        if not dropped:
            place: dict[str, Any] = {"va": "center", "ha": "center", "family": "monospace"}
            self.axes.text(left + width / 2, _middle(row), sign_of(symbol), color=INK, **place)


def _middle(row: int) -> float:
    """The middle of a row of the picture, in pixels from its top."""
    return 6 + (row + 0.5) * LINE


def state_labels(target: Sequence[int]) -> list[tuple[int, str]]:
    """(state, label) for the axis of states: each letter, or each word where the letters are too many."""
    letters = [sign_of(symbol) for symbol in target]
    if len(letters) <= MOST_LETTERS:
        return [(2 * index + 1, letter) for index, letter in enumerate(letters)]
    labels, start = [], 0
    for word in VOCABULARY.decode(target).split(" "):
        label = word if len(word) <= LONGEST_LABEL else f"{word[: LONGEST_LABEL - 1]}…"
        labels.append((2 * start + 1, label))
        start += len(word) + 1
    return labels


class RegionCanvas(Canvas):
    """The cells of the trellis that are reachable from the start, that reach the end, or both."""

    def __init__(self) -> None:
        super().__init__(9.6, 4.2)
        kinds = (
            ("from the start only", BLUE, 0.35),
            ("to the end only", ORANGE, 0.35),
            ("on a valid path", GREEN, 1.0),
        )
        colours = ListedColormap([(0, 0, 0, 0), *(to_rgba(colour, alpha) for _, colour, alpha in kinds)])
        with page_style():
            self.axes = self.figure.add_axes((0.09, 0.13, 0.69, 0.83))
            self.image = self.axes.imshow([[0]], cmap=colours, vmin=0, vmax=3, **MATRIX)
            self.axes.grid(False)
            self.axes.set(xlabel="CTC frame", ylabel="state: the text with blanks between")
            handles = [Patch(color=to_rgba(colour, alpha), label=label) for label, colour, alpha in kinds]
            self.axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)

    def draw(self, cells: Region, target: Sequence[int]) -> bytes:
        """The picture of `cells` as a PNG."""
        states, frames = cells.from_start.shape
        self.image.set_data(
            cells.from_start.astype(int) + 2 * cells.to_end.astype(int) if frames else np.zeros((states, 1))
        )
        self.image.set_extent((-0.5, max(frames, 1) - 0.5, -0.5, states - 0.5))
        marks = state_labels(target)
        with page_style():
            self.axes.set_yticks([state for state, _ in marks], [label for _, label in marks])
            self.fit_labels(self.axes)
            step = max(1, frames // 12)
            self.axes.set_xticks(range(0, max(frames, 1), step))
        return self.png()


class TrellisCanvas(Canvas):
    """The trellis of a clip with its best path, above the posteriors of the symbols of its text."""

    def __init__(self) -> None:
        super().__init__(9.6, 6.4)
        with page_style():
            self.axes = self.figure.add_axes((0.1, 0.46, 0.78, 0.5))
            self.below = self.figure.add_axes((0.1, 0.09, 0.78, 0.31))
            self.mass = self.axes.imshow([[0.0]], cmap="viridis", vmin=-DEEPEST, vmax=0, **MATRIX)
            self.posteriors = self.below.imshow([[0.0]], cmap="viridis", vmin=0, vmax=1, **MATRIX)
            outlined: dict[str, Any] = {"path_effects": [Stroke(linewidth=3.5, foreground="white"), Normal()]}
            (self.path,) = self.axes.plot([], [], color="black", linewidth=1.5, label="best path", **outlined)
            shade: dict[str, Any] = {"frameon": True, "facecolor": "black", "framealpha": 0.6}
            self.legend = self.axes.legend(loc="upper left", labelcolor="white", **shade)
            for axes in (self.axes, self.below):
                axes.grid(False)
            self.axes.set(ylabel="state")
            self.below.set(xlabel="time (s)", ylabel="posterior of")
            above, under = (
                self.figure.add_axes((0.9, bottom, 0.015, height))
                for bottom, height in ((0.46, 0.5), (0.09, 0.31))
            )
            self.figure.colorbar(self.mass, cax=above, label="relative to the frame's best (nats)")
            self.figure.colorbar(self.posteriors, cax=under, label="probability")

    def time_span(self) -> tuple[float, float]:
        """The left and right edge of the time axis as fractions of the width of the picture."""
        return self.span(self.axes)

    def draw(
        self,
        mass: Tensor,
        log_probs: Tensor,
        target: Sequence[int],
        states: Sequence[int] | None,
        seconds: float,
    ) -> bytes:
        """The picture as a PNG.

        Args:
            mass: (T, 2 L + 1), natural logarithms.
            log_probs: (T, symbols).
            target: class indices, L of them.
            states: of the best path, one for each frame; None leaves the path out.
            seconds: duration of a CTC frame.
        """
        frames, end = len(log_probs), len(log_probs) * seconds
        relative = (mass - mass.amax(dim=1, keepdim=True)).clamp_min(-DEEPEST).T.numpy()  # (S, T)
        self.mass.set_data(relative)
        self.mass.set_extent((0, end, -0.5, len(states_of(target)) - 0.5))
        self.path.set_data((np.arange(frames) + 0.5) * seconds if states else [], states or [])
        self.path.set_visible(bool(states))
        self.legend.set_visible(bool(states))
        symbols = [BLANK, *sorted(set(target))]
        self.posteriors.set_data(log_probs[:, symbols].exp().T.numpy())
        self.posteriors.set_extent((0, end, -0.5, len(symbols) - 0.5))
        marks = state_labels(target)
        with page_style():
            self.axes.set_yticks([state for state, _ in marks], [label for _, label in marks])
            label_rows(self.below, [sign_of(symbol) for symbol in symbols])
            self.fit_labels(self.axes, self.below)
        return self.png()


class AlphaCanvas(Canvas):
    """Alpha of a clip, filled in up to some frame."""

    def __init__(self) -> None:
        super().__init__(9.6, 4.6)
        with page_style():
            self.axes = self.figure.add_axes((0.1, 0.13, 0.78, 0.83))
            self.mass = self.axes.imshow([[0.0]], cmap="viridis", vmin=-DEEPEST, vmax=0, **MATRIX)
            self.now = self.axes.axvline(0, color=ORANGE, linewidth=2)
            self.axes.grid(False)
            self.axes.set(xlabel="time (s)", ylabel="state")
            beside = self.figure.add_axes((0.9, 0.13, 0.015, 0.83))
            self.figure.colorbar(self.mass, cax=beside, label="ln α relative to the frame's best (nats)")

    def draw(self, alpha: Tensor, target: Sequence[int], frames: int, seconds: float) -> bytes:
        """The picture as a PNG.

        Args:
            alpha: (T, 2 L + 1), natural logarithms.
            target: class indices, L of them.
            frames: how many frames are filled in.
            seconds: duration of a CTC frame.
        """
        relative = (alpha - alpha.amax(dim=1, keepdim=True)).T.numpy()  # (S, T)
        empty = np.isinf(relative) | (np.arange(len(alpha)) >= frames)
        self.mass.set_data(np.ma.masked_array(relative, empty))
        self.mass.set_extent((0, len(alpha) * seconds, -0.5, alpha.shape[1] - 0.5))
        self.now.set_xdata([frames * seconds, frames * seconds])
        marks = state_labels(target)
        with page_style():
            self.axes.set_yticks([state for state, _ in marks], [label for _, label in marks])
            self.fit_labels(self.axes)
        return self.png()


class ShortTrellisCanvas(Canvas):
    """The drawing of a short trellis for places without a kernel."""

    def __init__(self, trellis: ShortTrellis) -> None:
        super().__init__(trellis.width / DPI, trellis.height / DPI)
        with page_style():
            self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.trellis = trellis

    def draw(self, position: int) -> bytes:
        """The trellis with `position` cells computed, as a PNG."""
        with page_style():
            self.trellis.paint(self.axes, position)
        return self.png()
