"""The mel explorer: from a sound to its log-mel, with a slider for every setting, and back to a sound.

from omni_lib.course.widgets.mel_explorer import mel_explorer

mel_explorer()
"""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.collections import LineCollection
from matplotlib.image import AxesImage
from torch import Tensor

from omni_lib.audio import SAMPLE_RATE, read_audio
from omni_lib.course import materials
from omni_lib.course.figures import MATRIX, Picture, page_style
from omni_lib.course.palette import BLUE, INK, ORANGE
from omni_lib.course.spectra import (
    Settings,
    empty_filters,
    log_mel,
    mel_filters,
    milliseconds,
    power_spectrogram,
    sound_of,
)
from omni_lib.course.widgets.explorer import Canvas, Explorer, button, controls
from omni_lib.course.widgets.sound_picture import SoundPicture
from omni_lib.errors import UserError

FFT_SIZES = (256, 400, 512, 1024, 2048, 4096)  # points; 400 are the samples of the 25 ms window
SHORTEST = 0.05  # seconds shown
DECIBELS = 80.0  # range of the colour scale below the loudest value
PIXELS = 512  # about the size of the axes of a spectrogram
COLUMNS = 1200  # of the waveform, each from the smallest to the largest of its samples


def mel_explorer(clip: str = "hello") -> MelExplorer:
    """An explorer that starts with one of the course's clips and the settings of the encoder."""
    return MelExplorer(clip)


class MelExplorer(Explorer):
    """Waveform, spectrogram, filterbank and log-mel of a clip, and a sound made from the log-mel."""

    def __init__(self, clip: str) -> None:
        super().__init__("mel", "Mel explorer")
        self.clips = materials.clips()
        if clip not in self.clips:
            raise UserError(f"there is no clip '{clip}': choose one of {', '.join(self.clips)}")
        default = Settings()
        self.clip = widgets.Dropdown(options=list(self.clips), value=clip, description="clip")
        self.window = widgets.IntSlider(
            int(milliseconds(default.window)), min=5, max=100, description="window, ms"
        )
        self.hop = widgets.IntSlider(int(milliseconds(default.hop)), min=2, max=40, description="hop, ms")
        self.n_fft = widgets.SelectionSlider(
            options=FFT_SIZES, value=default.n_fft, description="FFT size, points"
        )
        self.filters = widgets.IntSlider(default.n_mels, min=8, max=160, description="mel filters")
        self.part = widgets.FloatRangeSlider(
            value=(0, 1), min=0, max=1, step=0.01, description="shown, seconds", readout_format=".2f"
        )
        self.reset = button("the encoder's settings", "omni-reset", "undo")
        self.remake = button("re-make the sound from the mel", "omni-remake", "volume-up")
        self.picture, self.remade = SoundPicture(), SoundPicture()
        self.picture.add_class("omni-mel")
        self.remade.add_class("omni-remade")
        self._canvas, self._remade_canvas = MelCanvas(), SpectrogramCanvas()
        self._waveform = torch.zeros(0)
        self._clip_changed()
        self.children = [
            self.heading,
            controls(
                self.clip, self.part, self.window, self.hop, self.n_fft, self.filters, self.reset, self.remake
            ),
            self.summary,
            self.picture,
            self.remade,
        ]
        self.clip.observe(lambda _: self.guarded(self._clip_changed), names="value")
        self.react_to(self.window, self.hop, self.n_fft, self.filters, self.part)
        self.reset.on_click(lambda _: self._back_to_default())
        self.remake.on_click(lambda _: self.guarded(self._make_audible))

    @property
    def settings(self) -> Settings:
        """The values of the sliders, with lengths in samples."""
        per_millisecond = SAMPLE_RATE // 1000
        return Settings(
            self.window.value * per_millisecond,
            self.hop.value * per_millisecond,
            self.n_fft.value,
            self.filters.value,
        )

    @property
    def selected(self) -> Tensor:
        """The samples in the range that is shown."""
        start, end = (round(second * SAMPLE_RATE) for second in self.part.value)
        return self._waveform[start:end]

    def refresh(self) -> None:
        settings = self.settings
        if settings.n_fft < settings.window:
            raise UserError(
                f"a window of {self.window.value} ms has {settings.window} samples, more than an FFT of "
                f"{settings.n_fft} points: choose a larger FFT or a shorter window"
            )
        start, end = self.part.value
        if end - start < SHORTEST:
            raise UserError(f"show at least {SHORTEST} s: move the ends of the range apart")
        power = power_spectrogram(self._waveform, settings)
        filters = mel_filters(settings)
        mel = log_mel(power, filters)
        image = self._canvas.draw(self._waveform, power, filters, mel, settings, self.part.value)
        words = self._words(settings, len(mel), empty_filters(filters))
        with self.picture.hold_sync():
            clip = f"the clip '{self.clip.value}'"
            title = f"Waveform, spectrogram, filterbank and log-mel of {clip}."
            self.picture.set_image(image, f"{title} {words}")
            self.picture.set_axis(self._canvas.span(self._canvas.mel_axes), start, end)
            self.picture.set_sound(self.selected, f"{clip}, {start:.2f}–{end:.2f} s", start)
        if self.remade.image:  # it was made with other settings
            self.remade.set_image(b"", "")
            self.remade.set_sound(torch.zeros(0), "")
        self.announce(words)

    def still(self) -> Picture:
        return Picture(self.picture.image, f"Mel explorer. {self.picture.alt}")

    def _words(self, settings: Settings, frames: int, empty: int) -> str:
        size = f"{frames} frames × {settings.n_mels} filters = {frames * settings.n_mels:,} numbers"
        filters = "every filter contains one or more."
        if empty:
            filters = f"{empty} of the {settings.n_mels} filters contain none and stay black."
        gaps = ""
        if settings.hop > settings.window:
            gaps = " The hop is longer than the window: some samples are in no window."
        bins = f"The FFT has a bin every {settings.bin_hertz:.1f} Hz"
        return f"{len(self._waveform):,} samples become {size}. {bins}; {filters}{gaps}"

    def _clip_changed(self) -> None:
        self._waveform = read_audio(self.clips[self.clip.value].path)
        seconds = int(100 * len(self._waveform) / SAMPLE_RATE) / 100
        with self.one_refresh():
            with self.part.hold_trait_notifications():
                self.part.max = seconds
                self.part.value = (0.0, seconds)

    def _back_to_default(self) -> None:
        default = Settings()
        with self.one_refresh():
            self.window.value = int(milliseconds(default.window))
            self.hop.value = int(milliseconds(default.hop))
            self.n_fft.value, self.filters.value = default.n_fft, default.n_mels

    def _make_audible(self) -> None:
        settings, (start, end) = self.settings, self.part.value
        if settings.n_fft < settings.window or end - start < SHORTEST:
            raise UserError(
                f"choose an FFT at least as long as the window, and show at least {SHORTEST} s, first"
            )
        filters = mel_filters(settings)
        mel = log_mel(power_spectrogram(self.selected, settings), filters)
        sound = sound_of(mel, settings, len(self.selected))
        power = power_spectrogram(sound, settings)
        lost = float((log_mel(power, filters) - mel).abs().mean())
        words = (
            f"Re-made from {settings.n_mels} filters every {self.hop.value} ms; its log-mel differs from the "
            f"original by {lost:.1f} nats on average. The distribution inside each filter and the phase are "
            "estimates."
        )
        image = self._remade_canvas.draw(power, settings, (start, end))
        with self.remade.hold_sync():
            self.remade.set_image(image, f"Spectrogram of the re-made sound. {words}")
            self.remade.set_axis(self._remade_canvas.span(self._remade_canvas.axes), start, end)
            self.remade.set_sound(sound, "re-made from the mel", start)
        self.announce(words)


class MelCanvas(Canvas):
    """Waveform, spectrogram and log-mel with one time axis, and the filterbank beside the spectrogram."""

    def __init__(self) -> None:
        super().__init__(9.6, 6.9)
        with page_style():
            self.wave_axes = self.figure.add_axes((0.08, 0.82, 0.6, 0.16))
            self.spectrum_axes = self.figure.add_axes((0.08, 0.45, 0.6, 0.32))
            self.mel_axes = self.figure.add_axes((0.08, 0.08, 0.6, 0.32))
            self.filter_axes = self.figure.add_axes((0.84, 0.45, 0.14, 0.32))
            (self.wave,) = self.wave_axes.plot([], [], color=BLUE, linewidth=0.7)
            self.spans = [
                self.wave_axes.axvspan(0, 0, color=ORANGE, alpha=alpha, linewidth=0) for alpha in (0.55, 0.3)
            ]
            spectrum_style: dict[str, Any] = {"cmap": "magma", "vmin": -DECIBELS, "vmax": 0, **MATRIX}
            self.spectrum = self.spectrum_axes.imshow([[0.0]], **spectrum_style)
            self.mel = self.mel_axes.imshow([[0.0]], cmap="magma", **MATRIX)
            self.filters = LineCollection([], colors=[BLUE, ORANGE], linewidths=0.8)
            self.filter_axes.add_collection(self.filters)
            for axes in (self.spectrum_axes, self.mel_axes):
                axes.grid(False)
            self.wave_axes.set(ylabel="amplitude")
            self.spectrum_axes.set(ylabel="frequency (kHz)", ylim=(0, SAMPLE_RATE / 2000))
            self.filter_axes.set(xlabel="weight", ylabel="frequency (kHz)")
            self.filter_axes.set(xlim=(0, 1.05), ylim=(0, SAMPLE_RATE / 2000))
            self.filter_axes.set_title("filterbank", fontsize=10)
            self.mel_axes.set(xlabel="time (s)", ylabel="mel filter")
            for axes in (self.wave_axes, self.spectrum_axes):  # the time axis is labelled once, at the bottom
                axes.tick_params(labelbottom=False)
            first, second = (self.figure.add_axes((0.69, bottom, 0.012, 0.32)) for bottom in (0.45, 0.08))
            self.figure.colorbar(self.spectrum, cax=first, label="dB below the loudest")
            self.figure.colorbar(self.mel, cax=second, label="ln of mel power")
            caption = "shaded: one window and the\nnext, one hop later"
            self.wave_axes.text(1.02, 0.95, caption, transform=self.wave_axes.transAxes, va="top")

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
        kilohertz = np.linspace(0, SAMPLE_RATE / 2000, settings.bins)
        self.filters.set_segments([np.column_stack([weights, kilohertz]) for weights in filters.T.numpy()])
        self.wave_axes.set(ylim=(-1.1 * peak, 1.1 * peak))
        for axes in (self.wave_axes, self.spectrum_axes, self.mel_axes):
            axes.set_xlim(start, end)
        self.mel_axes.set_ylim(-0.5, settings.n_mels - 0.5)
        return self.png()


class SpectrogramCanvas(Canvas):
    """The spectrogram of the re-made sound, as wide as the one above."""

    def __init__(self) -> None:
        super().__init__(9.6, 2.9)
        with page_style():
            self.axes = self.figure.add_axes((0.08, 0.19, 0.6, 0.7))
            style: dict[str, Any] = {"cmap": "magma", "vmin": -DECIBELS, "vmax": 0, **MATRIX}
            self.spectrum = self.axes.imshow([[0.0]], **style)
            self.axes.grid(False)
            self.axes.set(xlabel="time (s)", ylabel="frequency (kHz)")
            self.axes.set_title("re-made from the mel", fontsize=10, color=INK)
            bar = self.figure.add_axes((0.69, 0.19, 0.012, 0.7))
            self.figure.colorbar(self.spectrum, cax=bar, label="dB below the loudest")

    def draw(self, power: Tensor, settings: Settings, part: tuple[float, float]) -> bytes:
        """The picture of power (frames, bins) as a PNG; `part` is its start and end in seconds."""
        hop = settings.hop / SAMPLE_RATE
        _show(self.spectrum, _decibels(power), part[0] / hop, hop, (0, SAMPLE_RATE / 2000))
        self.axes.set_xlim(*part)
        return self.png()


def _decibels(power: Tensor) -> Tensor:
    """power (frames, bins) → dB below the loudest, (frames, rows), with at most 2 · `PIXELS` rows."""
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
