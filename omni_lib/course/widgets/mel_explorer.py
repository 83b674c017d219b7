"""The mel explorer: from a sound to its log-mel, with a slider for every setting, and back to a sound.

from omni_lib.course.widgets.mel_explorer import mel_explorer

mel_explorer()
"""

from __future__ import annotations

import ipywidgets as widgets
import torch
from torch import Tensor

from omni_lib.audio import SAMPLE_RATE, read_audio
from omni_lib.course import materials
from omni_lib.course.figures import Picture
from omni_lib.course.spectra import (
    Settings,
    empty_filters,
    log_mel,
    mel_filters,
    milliseconds,
    power_spectrogram,
    sound_of,
)
from omni_lib.course.widgets.explorer import Explorer, button
from omni_lib.course.widgets.mel_pictures import MelCanvas, SpectrogramCanvas
from omni_lib.course.widgets.sound_picture import SoundPicture
from omni_lib.errors import UserError

FFT_SIZES = (256, 400, 512, 1024, 2048, 4096)  # points; 400 are the samples of the 25 ms window
SHORTEST = 0.05  # seconds shown


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
            options=FFT_SIZES, value=default.n_fft, description="FFT, points"
        )
        self.filters = widgets.IntSlider(default.n_mels, min=8, max=160, description="mel filters")
        self.part = widgets.FloatRangeSlider(
            value=(0, 1), min=0, max=1, step=0.01, description="shown, s", readout_format=".2f"
        )
        self.reset = button("the encoder's settings", "omni-reset", "undo")
        self.remake = button("re-make the sound from the log-mel", "omni-remake", "volume-up")
        self.picture, self.remade = SoundPicture(), SoundPicture()
        self.picture.add_class("omni-mel")
        self.remade.add_class("omni-remade")
        self._canvas, self._remade_canvas = MelCanvas(), SpectrogramCanvas()
        self._waveform = torch.zeros(0)
        self._clip_changed()
        sliders = (self.clip, self.part, self.window, self.hop, self.n_fft, self.filters)
        for control in sliders:
            control.style, control.layout = {"description_width": "6.5em"}, {"width": "auto"}
        left = widgets.VBox(
            [*sliders, self.reset, self.summary, self.remake, self.remade],
            layout={"flex": "1 1 260px", "max_width": "360px"},
        )
        right = widgets.VBox([self.picture], layout={"flex": "3 1 520px", "min_width": "0"})
        self.children = [
            self.heading,
            widgets.Box([left, right], layout={"display": "flex", "flex_flow": "row wrap", "width": "100%"}),
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
        try:
            self._draw()
        except UserError as error:  # the old picture stays, in grey, with the reason over it
            self.picture.notice = f"⚠ {error}"
            raise

    def _draw(self) -> None:
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
            self.picture.notice = ""
        self.announce(words)

    def still(self) -> Picture:
        return Picture(self.picture.image, f"Mel explorer. {self.picture.alt}")

    def _words(self, settings: Settings, frames: int, empty: int) -> str:
        size = f"{frames} frames × {settings.n_mels} filters = {frames * settings.n_mels:,} numbers"
        filters = "every filter contains one or more."
        if empty:
            filters = f"{empty} of the {settings.n_mels} filters contain none and stay black: see the marks."
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
            f"original by {lost:.1f} nats on average. The distribution of power inside each filter, and "
            "where each wave begins (its phase), are estimates."
        )
        image = self._remade_canvas.draw(power, settings, (start, end))
        with self.remade.hold_sync():
            self.remade.set_image(image, f"Spectrogram of the re-made sound. {words}")
            self.remade.set_axis(self._remade_canvas.span(self._remade_canvas.axes), start, end)
            made_from = f"re-made from {settings.n_mels} filters every {self.hop.value} ms"
            self.remade.set_sound(sound, f"{made_from}, '{self.clip.value}'", start)
            self.remade.play_now()
        self.announce(words)
