"""The pictures of the mel explorer: waveform, spectrogram, log-mel and some of the filters."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.collections import LineCollection
from matplotlib.image import AxesImage
from torch import Tensor

from omni_lib.audio import SAMPLE_RATE
from omni_lib.course.figures import MATRIX, page_style
from omni_lib.course.palette import BLUE, ORANGE
from omni_lib.course.spectra import Settings
from omni_lib.course.widgets.explorer import Canvas

DECIBELS = 80.0  # range of the colour scale below the loudest value
PIXELS = 512  # about the size of the axes of a spectrogram
FILTERS_SHOWN = 7  # spread evenly over all filters
COLUMNS = 1200  # of the waveform, each from the smallest to the largest of its samples


class MelCanvas(Canvas):
    """Waveform, spectrogram and log-mel with one time axis, and some filters beside the spectrogram."""

    def __init__(self) -> None:
        super().__init__(7.0, 6.2)  # beside the controls its text is still large enough at 1024 pixels
        with page_style():
            self.wave_axes = self.figure.add_axes((0.1, 0.83, 0.5, 0.15))
            self.spectrum_axes = self.figure.add_axes((0.1, 0.46, 0.5, 0.33))
            self.mel_axes = self.figure.add_axes((0.1, 0.085, 0.5, 0.33))
            self.filter_axes = self.figure.add_axes((0.82, 0.46, 0.165, 0.33))
            (self.wave,) = self.wave_axes.plot([], [], color=BLUE, linewidth=0.7)
            self.spans = [
                self.wave_axes.axvspan(0, 0, color=ORANGE, alpha=alpha, linewidth=0) for alpha in (0.55, 0.3)
            ]
            spectrum_style: dict[str, Any] = {"cmap": "magma", "vmin": -DECIBELS, "vmax": 0, **MATRIX}
            self.spectrum = self.spectrum_axes.imshow([[0.0]], **spectrum_style)
            self.mel = self.mel_axes.imshow([[0.0]], cmap="magma", **MATRIX)
            self.filters = LineCollection([], colors=[BLUE], linewidths=1.2)
            self.empty = LineCollection([], colors=[ORANGE], linewidths=1.6, linestyles="--")
            for lines in (self.filters, self.empty):
                self.filter_axes.add_collection(lines)
            # at the right edge of the log-mel, a mark beside each empty row
            mark: dict[str, Any] = {"marker": "<", "markersize": 6, "linestyle": "", "clip_on": False}
            (self.marks,) = self.mel_axes.plot([], [], color=ORANGE, zorder=5, **mark)
            for axes in (self.spectrum_axes, self.mel_axes):
                axes.grid(False)
            self.wave_axes.set(ylabel="amplitude")
            self.spectrum_axes.set(ylabel="frequency (kHz)", ylim=(0, SAMPLE_RATE / 2000))
            self.filter_axes.set(xlabel="weight", xlim=(0, 1.05), ylim=(0, SAMPLE_RATE / 2000))
            self.mel_axes.set(xlabel="time (s)", ylabel="mel filter")
            for axes in (self.wave_axes, self.spectrum_axes):  # the time axis is labelled once, at the bottom
                axes.tick_params(labelbottom=False)
            first, second = (self.figure.add_axes((0.625, bottom, 0.014, 0.33)) for bottom in (0.46, 0.085))
            self.figure.colorbar(self.spectrum, cax=first, label="dB (0: the loudest)")
            self.figure.colorbar(self.mel, cax=second, label="log-mel (nats)")
            caption = "shaded: one window\nand the next, one\nhop later"
            self.wave_axes.text(1.04, 0.95, caption, transform=self.wave_axes.transAxes, va="top")
            self.said = self.figure.text(0.775, 0.33, "", va="top", linespacing=1.4)

    def draw(
        self,
        waveform: Tensor,
        power: Tensor,
        filters: Tensor,
        mel: Tensor,
        settings: Settings,
        part: tuple[float, float],
    ) -> bytes:
        """The picture as a PNG.

        Args:
            waveform: (samples,).
            power: (frames, bins).
            filters: (bins, n_mels).
            mel: (frames, n_mels).
            part: start and end of the range that is shown, in seconds.
        """
        start, end = part
        hop = settings.hop / SAMPLE_RATE
        first, last = max(0, int(start / hop)), int(end / hop) + 2  # the visible frames
        samples = waveform[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)].numpy()
        self.wave.set_data(*_envelope(samples, start))
        peak = max(float(np.abs(samples).max(initial=0.0)), 1e-3)
        middle, half = (start + end) / 2, settings.window / SAMPLE_RATE / 2
        for index, span in enumerate(self.spans):
            span.set_x(middle + index * hop - half)
            span.set_width(2 * half)
        _show(self.spectrum, _decibels(power[first:last]), first, hop, (0, SAMPLE_RATE / 2000))
        _show(self.mel, mel[first:last], first, hop, (-0.5, settings.n_mels - 0.5))
        self.mel.set_clim(float(mel.min()), float(mel.max()))
        empty = (filters.amax(dim=0) == 0).nonzero().flatten().tolist()
        shown = sorted(set(np.linspace(0, settings.n_mels - 1, FILTERS_SHOWN).round().astype(int)) - {*empty})
        triangles = triangles_of(settings.n_mels)
        self.filters.set_segments([triangles[number] for number in shown])
        self.empty.set_segments([triangles[number] for number in empty])
        self.marks.set_data([end + 0.008 * (end - start)] * len(empty), empty)
        with page_style():
            self.filter_axes.set_title(f"{len(shown)} of {settings.n_mels} filters")
            self.said.set_text(
                f"◄ empty: no bin of\nthe FFT lies in it\n({len(empty)} filters)" if empty else ""
            )
        self.wave_axes.set(ylim=(-1.1 * peak, 1.1 * peak))
        for axes in (self.wave_axes, self.spectrum_axes, self.mel_axes):
            axes.set_xlim(start, end)
        self.mel_axes.set_ylim(-0.5, settings.n_mels - 0.5)
        return self.png()


class SpectrogramCanvas(Canvas):
    """The spectrogram of the re-made sound, small enough for the column of controls."""

    def __init__(self) -> None:
        super().__init__(2.7, 1.3)
        with page_style():
            self.axes = self.figure.add_axes((0.15, 0.36, 0.82, 0.6))
            style: dict[str, Any] = {"cmap": "magma", "vmin": -DECIBELS, "vmax": 0, **MATRIX}
            self.spectrum = self.axes.imshow([[0.0]], **style)
            self.axes.grid(False)
            self.axes.set(xlabel="time (s)", ylabel="kHz")

    def draw(self, power: Tensor, settings: Settings, part: tuple[float, float]) -> bytes:
        """The picture of power (frames, bins) as a PNG; `part` is its start and end in seconds."""
        hop = settings.hop / SAMPLE_RATE
        _show(self.spectrum, _decibels(power), part[0] / hop, hop, (0, SAMPLE_RATE / 2000))
        self.axes.set_xlim(*part)
        return self.png()


def triangles_of(n_mels: int) -> list[np.ndarray]:
    """The mel filters as triangles, from their formula: (weight, kHz) of three corners each.

    Neighbouring corners are equally far apart on HTK's mel scale (lesson 01).
    """
    highest = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, highest, n_mels + 2) / 2595) - 1) / 1000
    return [np.column_stack([(0, 1, 0), corners[number : number + 3]]) for number in range(n_mels)]


def _decibels(power: Tensor) -> Tensor:
    """power (frames, bins) → dB, 0 for the loudest, (frames, rows), with at most 2 · `PIXELS` rows."""
    decibels = 10 * torch.log10(_pooled(power, dim=1).clamp_min(1e-12))
    return decibels - decibels.max() if decibels.numel() else decibels


def _show(image: AxesImage, values: Tensor, first: float, hop: float, vertical: tuple[float, float]) -> None:
    """Draw values (frames, rows) into an image. Frame t is centred on (`first` + t) · `hop` seconds."""
    image.set_data(_pooled(values, dim=0).T.numpy())
    image.set_extent(((first - 0.5) * hop, (first + len(values) - 0.5) * hop, *vertical))


def _pooled(values: Tensor, dim: int) -> Tensor:
    """Reduce one dimension to at most 2 · `PIXELS` by the maximum of neighbours, which keeps thin lines.

    It saves most of the time of drawing.
    """
    together = max(1, values.shape[dim] // PIXELS)
    padding = -values.shape[dim] % together
    if padding:
        last = values.narrow(dim, values.shape[dim] - 1, 1)
        values = torch.cat([values, last.repeat_interleave(padding, dim)], dim)
    return values.unflatten(dim, (-1, together)).amax(dim=dim + 1) if together > 1 else values


def _envelope(samples: np.ndarray, start: float) -> tuple[np.ndarray, np.ndarray]:
    """Seconds and values of a line that shows all peaks of `samples` with about 2 · `COLUMNS` points."""
    stretch = max(1, len(samples) // COLUMNS)
    whole = samples[: len(samples) // stretch * stretch].reshape(-1, stretch)
    values = np.column_stack([whole.min(axis=1), whole.max(axis=1)]).reshape(-1)
    return start + np.repeat(np.arange(len(whole)), 2) * stretch / SAMPLE_RATE, values
