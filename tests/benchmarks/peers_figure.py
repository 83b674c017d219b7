"""The figure of `peers.py`, drawn from its result file alone."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from record import read_rows

from omni_lib.course.figures import page_style
from omni_lib.course.palette import BLUE, GREEN, ORANGE, PURPLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLES = {
    "ours": (BLUE, "o", "ours"),
    "parakeet_8x": (ORANGE, "s", "ParakeetForCTC, 8x"),
    "parakeet_4x": (GREEN, "^", "ParakeetForCTC, 4x"),
    "torchaudio_conformer": (PURPLE, "D", "torchaudio Conformer"),
}

USUAL = "an4"  # the config of most rows
TICKS = [2, 5, 10, 20, 50, 100]


def draw(results: Path) -> Path:
    """Write `figure_of` the rows of `results` beside them, with the ending .svg."""
    import matplotlib.pyplot as plt

    out = results.with_suffix(".svg")
    with page_style():
        figure = figure_of(read_rows(results))
        figure.savefig(out, metadata={"Date": None})
    plt.close(figure)
    return out


def figure_of(rows: list[dict[str, Any]]) -> Figure:
    """Dev WER and 95% interval (by speaker) per budget, and the longest run's curve; hollow: not `USUAL`."""
    import matplotlib.pyplot as plt

    rows = [row for row in rows if row["stage"] == "budget"]
    figure, axes = plt.subplots(figsize=(7, 4.7), layout="constrained")
    others = sorted({row["config"] for row in rows} - {USUAL})
    for (name, (colour, marker, label)), config in itertools.product(STYLES.items(), [USUAL, *others]):
        mine = sorted(
            (row for row in rows if (row["system"], row["config"]) == (name, config)),
            key=lambda row: row["budget_seconds"],
        )
        if not mine:
            continue
        minutes = [row["seconds"] / 60 for row in mine]
        rates = [100 * row["wer"] for row in mine]
        spread = [
            [100 * (r["wer"] - r["wer_ci95"][0]) for r in mine],
            [100 * (r["wer_ci95"][1] - r["wer"]) for r in mine],
        ]
        usual = config == USUAL
        look = {"linestyle": "-"} if usual else {"linestyle": "--", "markerfacecolor": "none"}
        label = label if usual else f"{label}, {config}.json"
        axes.errorbar(minutes, rates, spread, color=colour, marker=marker, capsize=3, label=label, **look)
        if usual:
            curve = mine[-1]["curve"]
            axes.plot(
                [s / 60 for s, _ in curve],
                [100 * w for _, w in curve],
                color=colour,
                linewidth=1,
                linestyle=":",
            )
    axes.set(
        xlabel="minutes of training on one core",
        ylabel="dev word error rate (%)",
        yscale="log",
        ylim=(1.5, 105),
    )
    axes.set_yticks(TICKS, TICKS)  # on a scale of ratios: the aim is one
    axes.minorticks_off()
    axes.set_title("CMU AN4, from scratch, greedy (dotted: on the way of the longest run)")
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2
    )  # below: the lines leave no room above
    return figure
