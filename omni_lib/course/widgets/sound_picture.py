"""A picture of a sound with a player: a play head moves over the picture, and a click sets it."""

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
    """waveform (samples,) as a 16-bit WAV file, scaled down if it would clip; b"" where it is empty."""
    samples = torch.as_tensor(waveform).detach().double().cpu().numpy().reshape(-1)
    if not len(samples):
        return b""
    file = io.BytesIO()
    samples = samples / max(1.0, float(np.abs(samples).max()))
    soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


class SoundPicture(anywidget.AnyWidget):
    """An image with an audio player below it and a line over it at the current time of the player.

    Between the fractions `left` and `right` of its width, the image has a time axis from `axis_start` to
    `axis_end` seconds. A click there moves the play head and sets `pointed`. If there are `notes`, the one
    for the current time is shown below. A `notice` says why the image is not that of the present settings;
    the image is grey then. Each of the `words` is a button that plays it.
    """

    _esm = _HERE / "sound_picture.js"
    _css = _HERE / "sound_picture.css"

    image = traitlets.Bytes().tag(sync=True)  # PNG
    alt = traitlets.Unicode().tag(sync=True)
    sound = traitlets.Bytes().tag(sync=True)  # WAV; b"" hides the player
    sound_label = traitlets.Unicode("sound").tag(sync=True)
    sound_start = traitlets.Float(0.0).tag(sync=True)  # start of the sound on the time axis, s
    left = traitlets.Float(0.0).tag(sync=True)
    right = traitlets.Float(1.0).tag(sync=True)
    axis_start = traitlets.Float(0.0).tag(sync=True)
    axis_end = traitlets.Float(1.0).tag(sync=True)
    notes = traitlets.List(traitlets.Unicode()).tag(sync=True)  # one for each `seconds_per_note`
    seconds_per_note = traitlets.Float(0.04).tag(sync=True)
    words: Any = traitlets.List().tag(sync=True)  # {"word": …, "start": …, "end": …}, s on the time axis
    notice = traitlets.Unicode().tag(sync=True)
    plays = traitlets.Int(0).tag(sync=True)  # how often the sound was started from here
    pointed = traitlets.Float(-1.0).tag(sync=True)  # time of the latest click, s; -1 after it was handled

    def set_image(self, image: bytes, alt: str) -> None:
        """Show another image (PNG) with its description."""
        with self.hold_sync():
            self.image, self.alt = image, alt

    def set_sound(self, waveform: Tensor | np.ndarray, label: str, start: float = 0.0) -> None:
        """Play another sound (samples,) of 16 kHz. An unchanged sound is not sent to the browser again."""
        with self.hold_sync():
            self.sound, self.sound_label, self.sound_start = wav_bytes(waveform), label, start

    def play_now(self) -> None:
        """Start the sound in the browser, as an answer to a click: browsers refuse it otherwise."""
        self.plays += 1

    def set_axis(self, span: tuple[float, float], start: float, end: float) -> None:
        """Set where the time axis is in the image (fractions of its width), and its range in seconds."""
        with self.hold_sync():
            (self.left, self.right), self.axis_start, self.axis_end = span, start, end

    def on_pointed(self, react: Callable[[float], None]) -> None:
        """Call `react` with the time of each click in seconds, also if it is the same as before."""

        def pointed(change: dict[str, Any]) -> None:
            if change["new"] >= 0:
                react(change["new"])
                self.pointed = -1.0

        self.observe(pointed, names="pointed")
