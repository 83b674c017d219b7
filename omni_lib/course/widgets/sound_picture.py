"""A picture with the sound that it shows: a play-head moves over it, and one can point into it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import soundfile
import torch
import traitlets
from torch import Tensor

from omni_lib.audio import SAMPLE_RATE

_HERE = Path(__file__).parent


def wav_bytes(waveform: Tensor | np.ndarray, rate: int = SAMPLE_RATE) -> bytes:
    """waveform (samples,) as a 16-bit WAV file, made quieter where it would clip; b"" of no samples."""
    samples = torch.as_tensor(waveform).detach().double().cpu().numpy().reshape(-1)
    if not len(samples):
        return b""
    file = io.BytesIO()
    soundfile.write(
        file, samples / max(1.0, float(np.abs(samples).max())), rate, format="WAV", subtype="PCM_16"
    )
    return file.getvalue()


class SoundPicture(anywidget.AnyWidget):
    """An image, an audio player below it, and a line over it at the second that is being heard.

    Between the shares `left` and `right` of its width the image has an axis of time, from `axis_start` to `axis_end` seconds.
    A click there goes to Python as `pointed`, and moves the play-head. The note of the second at hand, if there are any, is
    shown below.
    """

    _esm = _HERE / "sound_picture.js"
    _css = _HERE / "sound_picture.css"

    image = traitlets.Bytes().tag(sync=True)  # PNG
    alt = traitlets.Unicode().tag(sync=True)
    sound = traitlets.Bytes().tag(sync=True)  # WAV; b"" hides the player
    sound_label = traitlets.Unicode("sound").tag(sync=True)
    sound_start = traitlets.Float(0.0).tag(sync=True)  # where on the axis the sound begins, s
    left = traitlets.Float(0.0).tag(sync=True)
    right = traitlets.Float(1.0).tag(sync=True)
    axis_start = traitlets.Float(0.0).tag(sync=True)
    axis_end = traitlets.Float(1.0).tag(sync=True)
    notes = traitlets.List(traitlets.Unicode()).tag(
        sync=True
    )  # one for each stretch of `seconds_per_note` of the axis
    seconds_per_note = traitlets.Float(0.04).tag(sync=True)
    pointed = traitlets.Float(-1.0).tag(sync=True)  # seconds; -1 while nobody points

    def set_image(self, image: bytes, alt: str) -> None:
        """Another image with another description."""
        with self.hold_sync():
            self.image, self.alt = image, alt

    def set_sound(self, waveform: Tensor | np.ndarray, label: str, start: float = 0.0) -> None:
        """Another sound (samples,) of 16 kHz; what is the same already is not sent again."""
        with self.hold_sync():
            self.sound, self.sound_label, self.sound_start = wav_bytes(waveform), label, start

    def set_axis(self, span: tuple[float, float], start: float, end: float) -> None:
        """Where the axis of time lies in the image, and which seconds it shows."""
        with self.hold_sync():
            (self.left, self.right), self.axis_start, self.axis_end = span, start, end

    def on_pointed(self, react: Callable[[float], None]) -> None:
        """Call `react` with the second that was pointed at, also when it is the same as before."""

        def pointed(change: dict[str, Any]) -> None:
            if change["new"] >= 0:
                react(change["new"])
                self.pointed = -1.0

        self.observe(pointed, names="pointed")
