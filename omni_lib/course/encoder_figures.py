"""Figures of lesson 02: effects of padding and of rotary positions, parameter counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from torch import Tensor

from omni_lib.course.figures import Picture, page_style, shown
from omni_lib.course.palette import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY_BLUE

EMBEDDING = 0.08  # seconds


def distances(named: Mapping[str, Tensor], description: str) -> Picture:
    """The relative distance of each embedding of a clip from its right value, on a logarithmic scale.

    Args:
        named: label → distances (embeddings,).
        description: the alternative text.
    """
    styles = zip(named.items(), (ORANGE, BLUE, GREEN, PURPLE), "osv^", strict=False)
    with page_style():
        figure, axes = plt.subplots(figsize=(9, 3.2), layout="constrained")
        for (name, distance), colour, marker in styles:
            seconds = [EMBEDDING * (index + 0.5) for index in range(len(distance))]
            values = distance.clamp_min(1e-9).numpy()
            axes.plot(seconds, values, color=colour, marker=marker, markersize=4, label=name)
        axes.set(xlabel="time in the clip (s)", ylabel="relative distance", yscale="log", ylim=(1e-8, 10))
        axes.legend()
    return shown(figure, description)


def scores(before: Tensor, after: Tensor, description: str) -> Picture:
    """Attention scores (T, T) of queries and keys without positions, beside those with rotary positions."""
    with page_style():
        figure, panels = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained", sharey=True)
        low, high = float(after.min()), float(after.max())
        titled = ((before, "without positions"), (after, "with rotary positions"))
        for axes, (values, title) in zip(panels, titled, strict=True):
            image = axes.imshow(values.numpy(), cmap="cividis", vmin=low, vmax=high, interpolation="nearest")
            axes.set(xlabel="position of the key", title=title)
            axes.grid(False)
        panels[0].set_ylabel("position of the query")
        figure.colorbar(image, ax=panels.tolist(), label="score")
    return shown(figure, description)


def parameter_bars(parts: Sequence[tuple[str, int]], claimed: int, description: str) -> Picture:
    """The number of parameters of each part, stacked in one bar, and the chapter's number in another."""
    with page_style():
        figure, axes = plt.subplots(figsize=(9, 2.7), layout="constrained")
        left = 0
        for (name, count), colour in zip(parts, (BLUE, ORANGE, GREEN, PURPLE, SKY_BLUE), strict=False):
            label = f"{name}: {count / 1e6:.2f} M" if count >= 1e4 else f"{name}: {count}"
            axes.barh("counted", count / 1e6, left=left / 1e6, color=colour, label=label)
            left += count
        axes.barh("the chapter", claimed / 1e6, color=GREY)
        axes.set(xlabel="parameters (millions)")
        axes.grid(axis="y", visible=False)
        figure.legend(loc="outside upper center", ncols=3)
    return shown(figure, description)
