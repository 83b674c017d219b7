"""The course's static figures: labelled axes with units, colours that the colour-blind tell apart, legible on light and dark pages."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image  # matplotlib writes its PNGs with it

from omni_lib.course.palette import BLUE, GREEN, INK, ORANGE, PURPLE

# The chapter's timeline: (share of the training that is over, WER)
CHAPTER_TIMELINE = ((0.0, 1.0), (0.04, 0.785), (0.2, 0.452), (0.5, 0.258), (1.0, 0.123))


@contextmanager
def page_style() -> Iterator[None]:
    """Transparent ground and grey ink, so that a figure sits on the page whatever its colour."""
    ink = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "axes.titlecolor")
    style = {key: INK for key in ink} | {
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": INK,
        "grid.alpha": 0.25,
        "font.size": 10,
    }
    with plt.rc_context(style):
        yield


@dataclass(frozen=True)
class Picture:
    """A figure as an image that says in words what it shows, to who cannot see it and where no image is loaded."""

    png: bytes
    description: str

    def __repr__(self) -> str:
        return f"[figure: {self.description}]"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        encoded = base64.b64encode(self.png).decode()
        alternative = html.escape(self.description, quote=True)
        return {"text/plain": repr(self), "image/png": encoded}, {"image/png": {"alt": alternative}}


def shown(figure: Figure, description: str, dpi: int = 80) -> Picture:
    """Draw `figure` once, with `description` as its alternative text, and close it."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    plt.close(figure)
    small = io.BytesIO()  # 256 colours: a spectrogram is a quarter as large, and looks the same
    Image.open(file).quantize(256, method=Image.Quantize.FASTOCTREE).save(small, format="png", optimize=True)
    return Picture(small.getvalue(), description)


def training_curves(entries: Sequence[dict[str, Any]], total_steps: int | None = None) -> Figure:
    """Loss and WER of a run against its steps, from the entries of its log, with the chapter's claimed WER for comparison.

    Args:
        entries: of `training_log.read_log(path)["entries"]`.
        total_steps: length of the schedule; the last step logged when None.
    """
    steps = [entry for entry in entries if entry["type"] == "step"]
    epochs = [entry for entry in entries if entry["type"] == "epoch"]
    total_steps = total_steps or max((entry["step"] for entry in entries), default=1)
    with page_style():
        figure, (loss, wer) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
        loss.plot(
            [e["step"] for e in steps], [e["ctc_loss"] for e in steps], color=BLUE, marker="o", markersize=3
        )
        loss.set(xlabel="step", ylabel="CTC loss (nats per utterance)", title="Training loss", ylim=(0, None))
        wer.plot(
            [share * total_steps for share, _ in CHAPTER_TIMELINE],
            [100 * rate for _, rate in CHAPTER_TIMELINE],
            color=INK,
            linestyle=":",
            label="the chapter's timeline",
        )
        wer.plot(
            [e["step"] for e in steps],
            [100 * e["wer"] for e in steps],
            color=ORANGE,
            linestyle="--",
            label="training batches",
        )
        wer.plot(
            [e["step"] for e in epochs],
            [100 * e["dev_wer"] for e in epochs],
            color=BLUE,
            marker="o",
            markersize=3,
            label="dev",
        )
        wer.set(xlabel="step", ylabel="word error rate (%)", title="Word error rate", ylim=(0, 105))
        wer.legend()
    return figure


def compared_curves(runs: Sequence[tuple[str, Sequence[dict[str, Any]]]]) -> Figure:
    """Loss and dev WER of several runs in one figure.

    Args:
        runs: of each run its name and its log's entries.
    """
    with page_style():
        figure, (loss, wer) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
        for (name, entries), colour, line in zip(
            runs, (BLUE, ORANGE, GREEN, PURPLE), ("-", "--", "-.", ":"), strict=False
        ):
            steps = [entry for entry in entries if entry["type"] == "step"]
            epochs = [entry for entry in entries if entry["type"] == "epoch"]
            loss.plot(
                [e["step"] for e in steps],
                [e["ctc_loss"] for e in steps],
                color=colour,
                linestyle=line,
                label=name,
            )
            wer.plot(
                [e["step"] for e in epochs],
                [100 * e["dev_wer"] for e in epochs],
                color=colour,
                linestyle=line,
                marker="o",
                markersize=3,
                label=name,
            )
        loss.set(xlabel="step", ylabel="CTC loss (nats per utterance)", title="Training loss", ylim=(0, None))
        wer.set(xlabel="step", ylabel="word error rate (%)", title="Word error rate on dev", ylim=(0, None))
        loss.legend()
    return figure
