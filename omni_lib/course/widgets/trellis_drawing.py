"""The trellis of a short text, cell by cell: drawn for the page (SVG), and for places without a kernel.

Both are made from the same list of shapes. State 0 is at the bottom and frame 0 on the left, as in the other
pictures of trellises.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Circle
from torch import Tensor

from omni_lib.course.palette import BLUE, GREY, INK, ORANGE, PURPLE
from omni_lib.course.trellis import may_skip, sign_of, states_of

COLUMN, ROW, RADIUS = 128, 60, 24  # pixels: from frame to frame, from state to state, of a cell
LEFT, TOP = 104, 96  # pixels left of the first frame, above the last state
# The colour and the dashes of the three ways into a cell; they also differ in their slope.
WAYS = {"stay": (BLUE, ()), "move on": (ORANGE, (9.0, 5.0)), "skip": (PURPLE, (2.0, 4.0))}


@dataclass(frozen=True)
class Term:
    """One way into a cell: its kind, the state it comes from, and the probability of the beginnings there."""

    way: str
    state: int
    mass: float


@dataclass(frozen=True)
class Cell:
    """One cell of alpha: `mass` = `share` · sum of the terms; in frame 0 there are no terms."""

    frame: int
    state: int
    symbol: int
    share: float  # the probability of the symbol in this frame
    mass: float  # alpha
    terms: tuple[Term, ...]


def cells_of(log_probs: Tensor, alpha: Tensor, target: Sequence[int]) -> list[Cell]:
    """The cells that a beginning can reach, in the order of the recursion: frame by frame, state by state.

    Args:
        log_probs: (T, symbols), natural logarithms.
        alpha: (T, 2 L + 1), natural logarithms.
        target: class indices, L of them.
    """
    states = states_of(target)
    skips, mass, shares = may_skip(states), alpha.exp().tolist(), log_probs.exp().tolist()
    cells = []
    for t, row in enumerate(mass):
        for s, symbol in enumerate(states):
            ways = [("stay", s), ("move on", s - 1)] + [("skip", s - 2)] * skips[s]
            terms = [Term(way, before, mass[t - 1][before]) for way, before in ways if t and before >= 0]
            if row[s] > 0:
                reached = tuple(term for term in terms if term.mass > 0)
                cells.append(Cell(t, s, symbol, shares[t][symbol], row[s], reached))
    return cells


def in_figures(probability: float) -> str:
    """A probability with three decimals, or four below 0.01: 0.350, 0.0042; and 0 where there is none."""
    if probability == 0:
        return "0"
    return f"{probability:.3f}" if probability >= 0.00995 else f"{probability:.4f}"


@dataclass(frozen=True)
class Arrow:
    """A line with a head, in pixels."""

    start: tuple[float, float]
    end: tuple[float, float]
    way: str
    strong: bool


@dataclass(frozen=True)
class Disc:
    """A cell: filled once it is computed, with a dashed edge where no beginning can be."""

    centre: tuple[float, float]
    fill: str | None
    edge: str
    width: float
    dashed: bool = False


@dataclass(frozen=True)
class Label:
    """A text, in the colour of the page's text unless it stands on a filled cell."""

    at: tuple[float, float]
    text: str
    anchor: str = "middle"
    on_fill: bool = False
    bold: bool = False


Shape = Arrow | Disc | Label


class ShortTrellis:
    """The trellis of a text of a few letters in a few frames.

    Args:
        log_probs: (T, symbols), natural logarithms.
        target: class indices.
        alpha: (T, 2 L + 1), natural logarithms.
        colour: of the computed cells.
    """

    def __init__(self, log_probs: Tensor, target: Sequence[int], alpha: Tensor, colour: str = BLUE) -> None:
        self.cells = cells_of(log_probs, alpha, target)
        self.states, self.frames = states_of(target), len(log_probs)
        self._shares = log_probs.exp().tolist()
        self._colour = colour
        self.width = LEFT + self.frames * COLUMN
        self.height = TOP + len(self.states) * ROW

    def shapes(self, position: int) -> list[Shape]:
        """What is drawn once the first `position` cells are computed. The last of them is emphasised."""
        computed = self.cells[:position]
        current = computed[-1] if computed else None
        return [
            *self._legend(),
            *self._labels(current),
            *self._arrows(computed),
            *self._discs(computed),
        ]

    def _centre(self, frame: int, state: int) -> tuple[float, float]:
        return LEFT + (frame + 0.5) * COLUMN, self.height - (state + 0.5) * ROW

    def _legend(self) -> list[Shape]:
        shapes: list[Shape] = []
        for number, way in enumerate(WAYS):
            left = 12 + 150 * number
            shapes.append(Arrow((left, 16), (left + 48, 16), way, strong=True))
            shapes.append(Label((left + 56, 16), way, anchor="start"))
        return shapes

    def _labels(self, current: Cell | None) -> list[Shape]:
        shapes: list[Shape] = []
        symbols = list(dict.fromkeys(self.states))
        for t in range(self.frames):
            now = current is not None and current.frame == t
            shapes.append(Label((self._centre(t, 0)[0], 46), f"frame {t}", bold=now))
            shares = "  ".join(f"{sign_of(symbol)} {self._shares[t][symbol]:.1f}" for symbol in symbols)
            shapes.append(Label((self._centre(t, 0)[0], 68), shares))
        shapes.append(Label((12, 68), "probability", anchor="start"))
        for s, symbol in enumerate(self.states):
            now = current is not None and current.state == s
            shapes.append(Label((12, self._centre(0, s)[1]), f"state {s}", anchor="start", bold=now))
            shapes.append(Label((84, self._centre(0, s)[1]), sign_of(symbol), bold=now))
        return shapes

    def _arrows(self, computed: Sequence[Cell]) -> list[Shape]:
        shapes: list[Shape] = []
        for number, cell in enumerate(computed):
            for term in cell.terms:
                start = self._centre(cell.frame - 1, term.state)
                end = self._centre(cell.frame, cell.state)
                length = ((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5
                inset = (
                    (end[0] - start[0]) * (RADIUS + 3) / length,
                    (end[1] - start[1]) * (RADIUS + 3) / length,
                )
                shapes.append(
                    Arrow(
                        (start[0] + inset[0], start[1] + inset[1]),
                        (end[0] - inset[0], end[1] - inset[1]),
                        term.way,
                        strong=number == len(computed) - 1,
                    )
                )
        return shapes

    def _discs(self, computed: Sequence[Cell]) -> list[Shape]:
        shapes: list[Shape] = []
        reachable = {(cell.frame, cell.state) for cell in self.cells}
        done = {(cell.frame, cell.state): cell for cell in computed}
        most = [
            max((cell.mass for cell in self.cells if cell.frame == t), default=1) for t in range(self.frames)
        ]
        for t in range(self.frames):
            for s in range(len(self.states)):
                cell, centre = done.get((t, s)), self._centre(t, s)
                if cell is None:
                    shapes.append(Disc(centre, None, GREY, 1.2, dashed=(t, s) not in reachable))
                    passed = computed and t < computed[-1].frame
                    if (t, s) not in reachable and passed:
                        shapes.append(Label(centre, "0"))
                    continue
                strength = 0.12 + 0.5 * (cell.mass / most[t]) ** 0.5
                current = cell is computed[-1]
                edge = ORANGE if current else self._colour
                shapes.append(Disc(centre, _tint(self._colour, strength), edge, 4 if current else 1.5))
                shapes.append(Label(centre, in_figures(cell.mass), on_fill=True, bold=current))
        return shapes

    def svg(self, position: int) -> str:
        """The drawing as an SVG element; its text has the colour of the page's text."""
        size = f'viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}"'
        body = "".join(_as_svg(shape) for shape in self.shapes(position))
        return f'<svg xmlns="http://www.w3.org/2000/svg" aria-hidden="true" {size}>{body}</svg>'

    def paint(self, axes: Axes, position: int) -> None:
        """The same drawing on axes of matplotlib, which are emptied first. One pixel is one unit."""
        axes.clear()
        axes.set(xlim=(0, self.width), ylim=(self.height, 0))
        axes.axis("off")
        for shape in self.shapes(position):
            _paint(axes, shape)


def _tint(colour: str, strength: float) -> str:
    """A colour mixed with white: white at strength 0."""
    red, green, blue = (1 - strength * (1 - part) for part in to_rgb(colour))
    return to_hex((red, green, blue))


def _head(arrow: Arrow) -> list[tuple[float, float]]:
    """The three corners of an arrow's head."""
    (x, y), (end_x, end_y) = arrow.start, arrow.end
    length = ((end_x - x) ** 2 + (end_y - y) ** 2) ** 0.5
    along = ((end_x - x) / length, (end_y - y) / length)
    size = 10 if arrow.strong else 7
    back = (end_x - size * along[0], end_y - size * along[1])
    across = (-along[1] * size * 0.45, along[0] * size * 0.45)
    return [
        (end_x, end_y),
        (back[0] + across[0], back[1] + across[1]),
        (back[0] - across[0], back[1] - across[1]),
    ]


def _as_svg(shape: Shape) -> str:
    if isinstance(shape, Arrow):
        colour, dashes = WAYS[shape.way]
        dash = f' stroke-dasharray="{" ".join(map(str, dashes))}"' if dashes else ""
        width, opacity = (3, 1) if shape.strong else (1.6, 0.75)
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in _head(shape))
        (x, y), (end_x, end_y) = shape.start, shape.end
        line = f'x1="{x:.1f}" y1="{y:.1f}" x2="{end_x:.1f}" y2="{end_y:.1f}"'
        return (
            f'<g class="{shape.way.replace(" ", "-")}" opacity="{opacity}">'
            f'<line {line} stroke="{colour}" stroke-width="{width}"{dash}/>'
            f'<polygon points="{corners}" fill="{colour}"/></g>'
        )
    if isinstance(shape, Disc):
        dash = ' stroke-dasharray="3 4"' if shape.dashed else ""
        x, y = shape.centre
        return (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}" fill="{shape.fill or "none"}" '
            f'stroke="{shape.edge}" stroke-width="{shape.width}"{dash}/>'
        )
    (x, y), kind = shape.at, "figure" if shape.on_fill else "words"
    weight = ' font-weight="bold"' if shape.bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{shape.anchor}" dominant-baseline="central"'
    return f'<text class="{kind}" xml:space="preserve" {place}{weight}>{html.escape(shape.text)}</text>'


def _paint(axes: Axes, shape: Shape) -> None:
    if isinstance(shape, Arrow):
        colour, dashes = WAYS[shape.way]
        width, opacity = (2.0, 1.0) if shape.strong else (1.2, 0.75)
        # matplotlib multiplies dashes by the width of the line
        style = (0, tuple(0.7 * dash / width for dash in dashes)) if dashes else "-"
        (x, y), (end_x, end_y) = shape.start, shape.end
        axes.plot([x, end_x], [y, end_y], color=colour, linewidth=width, linestyle=style, alpha=opacity)
        axes.fill(*zip(*_head(shape), strict=True), color=colour, alpha=opacity, linewidth=0)
    elif isinstance(shape, Disc):
        look = {"facecolor": shape.fill or "none", "edgecolor": shape.edge, "zorder": 3}
        line = ":" if shape.dashed else "-"
        axes.add_patch(Circle(shape.centre, RADIUS, linewidth=0.7 * shape.width, linestyle=line, **look))
    else:
        across = {"middle": "center", "start": "left"}[shape.anchor]
        axes.text(
            *shape.at,
            shape.text,
            ha=across,
            va="center",
            fontsize=9,  # so that four decimals fit into a cell
            zorder=4,
            color="black" if shape.on_fill else INK,
            fontweight="bold" if shape.bold else "normal",
        )
