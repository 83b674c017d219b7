"""A block of the encoder as a flow diagram, for lesson 02: parts, norms and residual connections."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch

from omni_lib.course.figures import Picture, page_style, shown
from omni_lib.course.palette import BLUE, GREEN, GREY, INK, ORANGE, PAPER
from omni_lib.encoder import EncoderBlock

TEXT: dict[str, Any] = {"ha": "center", "va": "center", "color": INK, "fontsize": 10}
LINE: dict[str, Any] = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
STREAM, BRANCH = 0.0, 0.95  # height of the line that goes through the block, and of the parts above it
WIDTH = 3.0  # of one part with its norm, all in inches


def residual_block(block: EncoderBlock, description: str) -> Picture:
    """The parts of a block from left to right. Each reads the line below it, and is added to it.

    Dropout, in front of each addition, is not drawn.
    """
    channels = int(block.attention_norm.normalized_shape[0])
    kernel = int(block.convolution.depthwise.kernel_size[0])
    parts = (
        ("attention", "the whole clip", True, BLUE),
        ("convolution", f"{kernel} frames", True, ORANGE),
        ("feed-forward", "each frame alone", False, GREEN),
    )
    with page_style():
        figure, axes = plt.subplots(figsize=(9.6, 2.75), layout="constrained")
        axes.set_axis_off()
        axes.set(xlim=(-0.35, WIDTH * len(parts) + 0.35), ylim=(-0.7, 1.9), aspect="equal")
        for place, (name, reads, masked, colour) in enumerate(parts):
            _draw_part(axes, WIDTH * place, name, reads, masked, colour)
        end = WIDTH * len(parts) + 0.2
        axes.annotate("", (end, STREAM), (end - 0.2, STREAM), arrowprops=LINE)
        for x, name, side in ((0.0, "input", "left"), (end, "output", "right")):
            axes.text(x, STREAM - 0.4, f"{name}\n(B, T, {channels})", **TEXT | {"ha": side})
    return shown(figure, description)


def _draw_part(axes: Axes, left: float, name: str, reads: str, masked: bool, colour: str) -> None:
    """A layer norm and a part on a branch, and the line below it, to which its result is added."""
    start, norm, part, plus = left + 0.15, left + 0.55, left + 1.8, left + 2.75
    _draw_box(axes, norm, 0.62, "layer\nnorm", "", GREY)
    _draw_box(axes, part, 1.48, name, reads, colour)
    axes.plot([start, start], [STREAM, BRANCH], color=INK, linewidth=1.4)
    axes.plot([start], [STREAM], color=INK, marker="o", markersize=4)
    axes.annotate("", (norm - 0.31, BRANCH), (start, BRANCH), arrowprops=LINE)
    axes.annotate("", (part - 0.74, BRANCH), (norm + 0.31, BRANCH), arrowprops=LINE)
    axes.plot([part + 0.74, plus], [BRANCH, BRANCH], color=INK, linewidth=1.4)
    axes.annotate("", (plus, STREAM + 0.14), (plus, BRANCH), arrowprops=LINE)
    axes.annotate("", (plus - 0.14, STREAM), (left, STREAM), arrowprops=LINE)
    axes.plot([plus + 0.14, left + WIDTH], [STREAM, STREAM], color=INK, linewidth=1.4)
    axes.add_patch(Circle((plus, STREAM), 0.14, facecolor=PAPER, edgecolor=INK, linewidth=1.4))
    axes.text(plus, STREAM - 0.01, "+", **TEXT | {"fontsize": 13})
    axes.text((start + plus) / 2, STREAM + 0.14, "residual connection", **TEXT)
    if masked:
        axes.annotate("", (part, BRANCH + 0.34), (part, BRANCH + 0.68), arrowprops=LINE)
        axes.text(part, BRANCH + 0.8, "mask", **TEXT)


def _draw_box(axes: Axes, middle: float, width: float, name: str, reads: str, colour: str) -> None:
    corner = (middle - width / 2 + 0.04, BRANCH - 0.3)
    shape = FancyBboxPatch(corner, width - 0.08, 0.6, "round,pad=0.04", fill=False, ec=colour, lw=2)
    axes.add_patch(shape)
    axes.text(
        middle, BRANCH + (0.13 if reads else 0), name, **TEXT | {"weight": "bold" if reads else "normal"}
    )
    axes.text(middle, BRANCH - 0.15, reads, **TEXT)
