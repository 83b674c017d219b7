"""Figures of lesson 04: error rates by group, and their distribution when utterances are resampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from omni_lib.course.figures import page_style
from omni_lib.course.hypotheses import GroupRate
from omni_lib.course.palette import BLUE, INK, ORANGE


def rates_by_group(groups: Mapping[str, Mapping[str, GroupRate]], overall: float) -> Figure:
    """Bars of word error rates with their intervals, one panel for each way to group the utterances.

    Args:
        groups: attribute → group → rate and interval, as `hypotheses.rates_by` gives them for an attribute.
        overall: the rate of all utterances, drawn as a line.
    """
    sizes = [len(rates) for rates in groups.values()]
    largest = 105 * max(each.high for rates in groups.values() for each in rates.values())
    with page_style():
        figure, panels = plt.subplots(1, len(groups), figsize=(9.8, 5.2), layout="constrained")
        for axes, (attribute, rates), size in zip(np.atleast_1d(panels), groups.items(), sizes, strict=True):
            ordered = sorted(rates.items(), key=lambda item: item[1].rate)
            found = [100 * np.array([each.rate, each.low, each.high]) for _, each in ordered]
            reach = [[rate - low for rate, low, _ in found], [high - rate for rate, _, high in found]]
            style: dict[str, Any] = {"color": BLUE, "ecolor": INK, "capsize": 2}
            axes.barh(range(size), [rate for rate, _, _ in found], xerr=reach, **style)
            axes.set_yticks(range(size), [name for name, _ in ordered])
            axes.axvline(100 * overall, color=ORANGE, linestyle="--", label="all")
            axes.grid(False, axis="y")
            axes.set(xlabel="word error rate (%)", title=f"by {attribute}", xlim=(0, largest))
            axes.legend(loc="lower right")
    return figure


def resampled_rates(
    rates: Mapping[str, Sequence[float]], measured: float, marks: Sequence[float] = ()
) -> Figure:
    """Histograms of bootstrapped word error rates, as outlines over the same bins.

    Args:
        rates: label → resampled rates, fractions.
        measured: the rate of the whole set, drawn as a line.
        marks: further rates, drawn as dotted lines.
    """
    styles = zip(rates.items(), (BLUE, ORANGE), ("-", "--"), strict=False)
    edges = np.histogram_bin_edges(
        100 * np.concatenate([np.asarray(each) for each in rates.values()]), bins=40
    )
    with page_style():
        figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
        for (name, values), colour, line in styles:
            style: dict[str, Any] = {"histtype": "step", "linestyle": line, "linewidth": 1.8}
            axes.hist(100 * np.asarray(values), bins=edges.tolist(), color=colour, label=name, **style)
        axes.axvline(100 * measured, color=INK, label="measured")
        for mark in marks:
            axes.axvline(100 * mark, color=INK, linestyle=":")
        axes.set(xlabel="word error rate (%)", ylabel="number of resamples")
        axes.legend()
    return figure
