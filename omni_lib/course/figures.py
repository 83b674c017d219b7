"""What all static figures of the course share: style, alternative text, and the curves of a training log.

Axes have labels with units, and colours come from `palette`. A figure is a light card with dark text, so that
it is legible on light and dark pages alike, wherever a notebook is read.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageDraw  # matplotlib requires it for its PNGs

from omni_lib.course.palette import BLUE, GREEN, GREY, INK, ORANGE, PAPER, PURPLE

# of a training log, as `omni_lib.runs.log.read_log(path)["entries"]` has them
Entries = Sequence[dict[str, Any]]

# The chapter's timeline: (fraction of the training that is over, WER)
CHAPTER_TIMELINE = ((0.0, 1.0), (0.04, 0.785), (0.2, 0.452), (0.5, 0.258), (1.0, 0.123))

# How `imshow` draws a matrix: row 0 at the bottom, cells stretched to the axes, no smoothing
MATRIX: dict[str, Any] = {"aspect": "auto", "origin": "lower", "interpolation": "nearest"}
DOTS: dict[str, Any] = {"marker": "o", "markersize": 3}
CORNER = 8  # radius of the corners of a figure, pixels


@contextmanager
def page_style() -> Iterator[None]:
    """Draw with dark text and lines on light paper, inside the `with` block."""
    ink = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "axes.titlecolor")
    style: dict[Any, Any] = {key: INK for key in ink} | {
        "figure.facecolor": PAPER,
        "axes.facecolor": "none",
        "savefig.facecolor": PAPER,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": GREY,
        "grid.alpha": 0.25,
        "font.size": 10,
        "axes.titlesize": 11,
        "figure.constrained_layout.w_pad": 0.12,  # inches, between what is drawn and the edge of the card
        "figure.constrained_layout.h_pad": 0.1,
    }
    with plt.rc_context(style):
        yield


@dataclass(frozen=True)
class Picture:
    """An image with a description, for readers who cannot see it and for places that show no images."""

    png: bytes
    description: str

    def __repr__(self) -> str:
        return f"[figure: {self.description}]"

    def as_html(self) -> str:
        """The image as an HTML element that contains its data."""
        encoded = base64.b64encode(self.png).decode()
        alternative = html.escape(self.description, quote=True)
        return f'<img alt="{alternative}" src="data:image/png;base64,{encoded}">'

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """As HTML for JupyterLab, which gives an image without it no alternative text, and as an image.

        A committed notebook keeps the image alone, see `notebooks.normalise`.
        """
        encoded = base64.b64encode(self.png).decode()
        alternative = html.escape(self.description, quote=True)
        data = {"text/html": self.as_html(), "text/plain": repr(self), "image/png": encoded}
        return data, {"image/png": {"alt": alternative}}


def shown(figure: Figure, description: str, dpi: int = 88) -> Picture:
    """`figure` as a picture with `description` as its alternative text. The figure is closed."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    plt.close(figure)
    return Picture(as_card(file.getvalue()), description)


def as_card(png: bytes) -> bytes:
    """The same image with round corners, and small enough for the file of a notebook."""
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    round_off = Image.new("L", picture.size, 255)
    corner = Image.new("L", (4 * CORNER, 4 * CORNER))  # four times as large, then smoothed
    ImageDraw.Draw(corner).ellipse((0, 0, 8 * CORNER, 8 * CORNER), fill=255)
    corner = corner.resize((CORNER, CORNER), Image.Resampling.LANCZOS)
    corner = corner.point([0] * 64 + list(range(64, 192)) + [255] * 64)  # few levels need few colours
    right, bottom = picture.width - CORNER, picture.height - CORNER
    for turns, place in enumerate(((0, 0), (0, bottom), (right, bottom), (right, 0))):
        round_off.paste(corner.rotate(90 * turns), place)
    picture.putalpha(round_off)
    # 256 colours make a spectrogram a quarter as large, with no visible difference
    small = picture.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette = small.getpalette("RGBA") or []
    palette[3::4] = [255 if opacity > 250 else opacity for opacity in palette[3::4]]  # it rounds down
    small.putpalette(palette, "RGBA")
    file = io.BytesIO()
    small.save(file, format="png", optimize=True)
    return file.getvalue()


def of_type(entries: Entries, kind: str) -> Entries:
    """The entries of a training log of one type: "step" or "epoch"."""
    return [entry for entry in entries if entry["type"] == kind]


def plot_entries(axes: Axes, entries: Entries, key: str, scale: float = 1.0, **style: Any) -> None:
    """Draw `scale` times the figure `key` of each entry against its step."""
    axes.plot([entry["step"] for entry in entries], [scale * entry[key] for entry in entries], **style)


def training_curves(entries: Entries, total_steps: int | None = None) -> Figure:
    """Loss and WER of a run against its steps, with the WER that the chapter claims for comparison.

    Args:
        entries: of the training log.
        total_steps: length of the schedule; the last step logged when None.
    """
    steps, epochs = of_type(entries, "step"), of_type(entries, "epoch")
    total_steps = total_steps or max((entry["step"] for entry in entries), default=1)
    timeline = [(share * total_steps, 100 * rate) for share, rate in CHAPTER_TIMELINE]
    with page_style():
        figure, (loss, wer) = plt.subplots(1, 2, figsize=(9.8, 3.4), layout="constrained")
        plot_entries(loss, steps, "ctc_loss", color=BLUE, **DOTS)
        loss.set(xlabel="step", ylabel="CTC loss (nats per utterance)", title="Training loss", ylim=(0, None))
        wer.plot(*zip(*timeline, strict=True), color=INK, linestyle=":", label="the chapter's timeline")
        plot_entries(wer, steps, "wer", 100, color=ORANGE, linestyle="--", label="training batches")
        plot_entries(wer, epochs, "dev_wer", 100, color=BLUE, label="dev", **DOTS)
        wer.set(xlabel="step", ylabel="word error rate (%)", title="Word error rate", ylim=(0, 105))
        wer.legend()
    return figure


def compared_curves(runs: Sequence[tuple[str, Entries]]) -> Figure:
    """Loss and dev WER of several runs in one figure.

    Args:
        runs: the name of each run and the entries of its log.
    """
    styles = zip(runs, (BLUE, ORANGE, GREEN, PURPLE), ("-", "--", "-.", ":"), strict=False)
    with page_style():
        figure, (loss, wer) = plt.subplots(1, 2, figsize=(9.8, 3.4), layout="constrained")
        for (name, entries), colour, line in styles:
            style: dict[str, Any] = {"color": colour, "linestyle": line, "label": name}
            plot_entries(loss, of_type(entries, "step"), "ctc_loss", **style)
            plot_entries(wer, of_type(entries, "epoch"), "dev_wer", 100, **style, **DOTS)
        loss.set(xlabel="step", ylabel="CTC loss (nats per utterance)", title="Training loss", ylim=(0, None))
        wer.set(xlabel="step", ylabel="word error rate (%)", title="Word error rate on dev", ylim=(0, None))
        loss.legend()
    return figure


def log_curves(entries: Entries, title: str = "") -> Figure:
    """Loss, share of blanks and word error rates of a run against its steps, each in its own panel."""
    steps, epochs = of_type(entries, "step"), of_type(entries, "epoch")
    with page_style():
        figure, (loss, blanks, wer) = plt.subplots(1, 3, figsize=(9.8, 2.8), layout="constrained")
        plot_entries(loss, steps, "ctc_loss", color=BLUE, **DOTS)
        loss.set(xlabel="step", ylabel="nats per utterance", title="CTC loss, training", ylim=(0, None))
        plot_entries(blanks, steps, "blank_rate", 100, color=GREEN, **DOTS)
        blanks.set(xlabel="step", ylabel="% of the frames", title="Blank rate", ylim=(-3, 103))
        plot_entries(wer, steps, "wer", 100, color=ORANGE, linestyle="--", label="training")
        plot_entries(wer, epochs, "dev_wer", 100, color=BLUE, label="dev", **DOTS)
        wer.set(xlabel="step", ylabel="%", title="Word error rate", ylim=(0, None))
        wer.legend()
        figure.suptitle(title)
    return figure
