"""The prefixes of a prefix search as a diagram, for lesson 03: which paths are added up, and to what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import product
from math import prod
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from omni_lib.course.figures import page_style
from omni_lib.course.palette import BLUE, GREY, INK
from omni_lib.course.trellis import BLANK_SIGN, Collapse, read_path

Row = tuple[str, bool]  # a prefix, and whether the paths of this row end in a blank
Sums = dict[Row, tuple[list[str], float]]  # the paths of each row, and their summed probability

TEXT: dict[str, Any] = {"va": "center", "color": INK, "fontsize": 10}
FIRST, WIDTH, GAP = 1.28, 2.25, 0.38  # inches: the first column, the others, and between two columns
LINE, BOX_GAP = 0.25, 0.3  # inches: height of a line of text, and between two boxes
VALUE = 1.2  # inches from the left edge of a box to the end of its numbers


def prefix_sums(shares: Mapping[str, float], frames: int) -> list[Sums]:
    """After 0, 1, … `frames` frames: the rows that a prefix search keeps if its beam is large enough.

    Args:
        shares: the probability of each symbol, the same in every frame; the blank is `_`.
    """
    after: list[Sums] = [{("", True): ([""], 1.0)}]
    for count in range(1, frames + 1):
        found: dict[Row, list[str]] = defaultdict(list)
        for path in map("".join, product(shares, repeat=count)):
            found[_row_of(path)].append(path)
        after.append(
            {
                row: (paths, sum(prod(shares[sign] for sign in path) for path in paths))
                for row, paths in found.items()
            }
        )
    return after


def _row_of(path: str) -> Row:
    """Where a path belongs: the text that it spells, and whether it ends in a blank."""
    return Collapse(read_path(path)).text, path[-1:] in ("", BLANK_SIGN)


def prefix_tree(shares: Mapping[str, float], frames: int) -> Figure:
    """A column of boxes after each frame: a box for each prefix, and in it the paths that are added up.

    Arrows lead from the rows of a frame to those of the next one, solid for a blank and dashed for a letter.

    Args:
        shares: the probability of each symbol in tenths, the same in every frame; the blank is `_`.
    """
    after = prefix_sums(shares, frames)
    tops, bottom = _tops(after)
    with page_style():
        right = _left(frames) + WIDTH
        figure, axes = plt.subplots(figsize=(right + 0.45, 1.1 - bottom), layout="constrained")
        axes.set_axis_off()
        axes.set(xlim=(-0.1, right + 0.1), ylim=(bottom - 0.45, 0.4), aspect="equal")
        for count, sums in enumerate(after):
            _draw_column(axes, count, sums, tops)
        for count, sums in enumerate(after[:-1]):
            for row, (paths, _) in sums.items():
                for sign in shares:
                    _draw_arrow(axes, count, (sums, row), (after[count + 1], _row_of(paths[0] + sign)), tops)
        for sign, share in shares.items():
            name = "a blank" if sign == BLANK_SIGN else f"the letter {sign}"
            axes.plot([], [], label=f"the next frame is {name} ({share:g})", **_line_of(sign == BLANK_SIGN))
        axes.legend(loc="lower center", ncols=len(shares), borderaxespad=0)
    return figure


def _tops(after: list[Sums]) -> tuple[dict[str, float], float]:
    """The height at which the box of each prefix begins, the same in all columns, and where the last ends."""
    prefixes = sorted({row[0] for sums in after for row in sums}, key=lambda prefix: (len(prefix), prefix))
    tops, top = {}, 0.0
    for prefix in prefixes:
        tops[prefix] = top
        top -= BOX_GAP + LINE * (1 + max(len(_rows_of(prefix, sums)) for sums in after))
    return tops, top + BOX_GAP


def _rows_of(prefix: str, sums: Sums) -> list[Row]:
    """The rows of a box: first the paths that end in a blank."""
    return [row for row in ((prefix, True), (prefix, False)) if row in sums]


def _left(count: int) -> float:
    """Where the column after `count` frames begins."""
    return FIRST + GAP + (count - 1) * (WIDTH + GAP) if count else 0.0


def _height(row: Row, sums: Sums, tops: Mapping[str, float]) -> float:
    return tops[row[0]] - LINE * (1.5 + _rows_of(row[0], sums).index(row))


def _draw_column(axes: Axes, count: int, sums: Sums, tops: Mapping[str, float]) -> None:
    left, width = _left(count), WIDTH if count else FIRST
    title = f"after {count} frame{'' if count == 1 else 's'}"
    axes.text(left + width / 2, 0.25, title, **TEXT | {"ha": "center", "fontsize": 11})
    for prefix in dict.fromkeys(row[0] for row in sums):
        rows, top = _rows_of(prefix, sums), tops[prefix]
        height = LINE * (1 + len(rows))
        box = FancyBboxPatch(
            (left + 0.05, top - height + 0.02), width - 0.1, height - 0.04, "round,pad=0.05", fill=False
        )
        box.set(edgecolor=BLUE if prefix else GREY, linewidth=2)
        axes.add_patch(box)
        bold, total = TEXT | {"weight": "bold"}, sum(sums[row][1] for row in rows)
        axes.text(left + 0.08, top - LINE / 2, prefix or "empty", **bold)
        axes.text(left + VALUE, top - LINE / 2, f"{total:.{count}f}", **bold | {"ha": "right"})
        for row in rows:
            paths, share = sums[row]
            height = _height(row, sums, tops)
            axes.text(left + 0.08, height, f"ends in {BLANK_SIGN if row[1] else prefix[-1]}", **TEXT)
            axes.text(left + VALUE, height, f"{share:.{count}f}", **TEXT | {"ha": "right"})
            if count:
                mono = TEXT | {"family": "monospace", "fontsize": 9.5}
                axes.text(left + VALUE + 0.08, height, " ".join(paths), **mono)


def _draw_arrow(
    axes: Axes, count: int, start: tuple[Sums, Row], end: tuple[Sums, Row], tops: Mapping[str, float]
) -> None:
    """From a row of the column after `count` frames to one of the next column."""
    (before, here), (after, there) = start, end
    tail = _left(count) + (WIDTH if count else FIRST), _height(here, before, tops)
    head = _left(count + 1), _height(there, after, tops)
    line = {"arrowstyle": "-|>", "shrinkA": 2, "shrinkB": 2}
    axes.annotate("", head, tail, arrowprops=line | _line_of(there[1]))


def _line_of(blank: bool) -> dict[str, Any]:
    return {"color": INK if blank else BLUE, "linestyle": "-" if blank else "--", "linewidth": 1.4}
