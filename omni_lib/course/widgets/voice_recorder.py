"""Your own voice becomes mel, posteriors, word times and text, and a row of your own corpus if you like.

from omni_lib.course.widgets.voice_recorder import voice_recorder

voice_recorder()
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
from matplotlib.colors import to_rgba
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, SAMPLE_RATE, read_audio
from omni_lib.course import materials
from omni_lib.course.edits import edit_table, word_edits
from omni_lib.course.figures import Picture, page_style
from omni_lib.course.palette import BLUE, INK
from omni_lib.course.recordings import (
    PROMPTS,
    RECORDINGS,
    Recognition,
    add_recording,
    recognise,
    unknown_words,
    voice_recogniser,
    waveform_of,
)
from omni_lib.course.trellis import frame_notes, sign_of
from omni_lib.course.widgets.explorer import Canvas, Explorer, button, controls
from omni_lib.course.widgets.microphone import Microphone
from omni_lib.course.widgets.sound_picture import SoundPicture
from omni_lib.errors import UserError
from omni_lib.metrics import word_errors
from omni_lib.text import BLANK, normalise


def voice_recorder(folder: str | Path = RECORDINGS) -> VoiceRecorder:
    """A recorder whose "add to my corpus" writes to `folder`."""
    return VoiceRecorder(Path(folder))


class VoiceRecorder(Explorer):
    """Record, see, compare with what was said, keep."""

    def __init__(self, folder: Path) -> None:
        super().__init__("voice", "Voice recorder")
        self.add_class("omni-voice-recorder")
        self.folder = folder
        self._recogniser, self._config, trained_on = voice_recogniser()
        self.limits = widgets.HTML(
            f'<div style="line-height: 1.5">The encoder was trained on {trained_on}, and on few words: a prompt below gives it a chance, '
            "other words hardly any. Your recording goes from the browser to the kernel, on the machine that runs this notebook; it is "
            "written to disk only if you add it to your corpus.</div>"
        )
        self.prompt = widgets.Dropdown(options=PROMPTS, description="say, for example")
        self.said = widgets.Text(PROMPTS[0], description="what I said")
        self.add = button("add to my corpus", "omni-add", "plus")
        self.microphone = Microphone()
        self.picture = SoundPicture()
        self.picture.add_class("omni-voice")
        self.comparison = widgets.HTML()
        self.comparison.add_class("omni-comparison")
        self.times = widgets.HTML()
        self.times.add_class("omni-times")
        self.kept = widgets.HTML()
        self.kept.add_class("omni-kept")
        self._canvas = VoiceCanvas()
        self._waveform: Tensor | None = None
        self._heard: Recognition | None = None
        self._source = ""
        self._added = False
        self.children = [
            self.heading, self.limits, controls(self.prompt, self.said), self.microphone, self.summary, self.comparison, self.picture,
            self.times, self.add, self.kept,
        ]  # fmt: skip
        self.prompt.observe(lambda change: setattr(self.said, "value", change["new"]), names="value")
        self.react_to(self.said)
        self.microphone.on_msg(lambda _, content, buffers: self.guarded(self.receive, content, buffers))
        self.add.on_click(lambda _: self.guarded(self._keep))
        self.refresh()

    def receive(self, content: Any, buffers: Any) -> None:
        """A message of the browser: what is no recording is refused in a line, and what was there stays."""
        waveform = waveform_of(content, buffers)
        self.load(waveform, "your file" if content["source"] == "file" else "your voice")

    def load(self, waveform: Tensor, source: str) -> None:
        """Show and read waveform (samples,) of 16 kHz.

        Raises:
            UserError: it is silent or too short.
        """
        heard = recognise(waveform, self._recogniser, self._config)
        self._waveform, self._heard, self._source, self._added = waveform, heard, source, False
        self.kept.value = ""
        self.refresh()

    def refresh(self) -> None:
        self.add.disabled = self._heard is None or self._added
        if self._heard is None:
            self.comparison.value = ""
            self.say("Press Record, say the prompt, press Stop.")
            return
        heard, end = self._heard, len(self._waveform) / SAMPLE_RATE
        words = f"{self._source.capitalize()}, {end:.2f} s, is heard as '{heard.text}'."
        times = (
            ", ".join(f"{word.word} {word.start:.2f}–{word.end:.2f} s" for word in heard.words)
            or "no word was heard"
        )
        self.times.value = f'<div style="line-height: 1.5">word times: {html.escape(times)}</div>'
        if heard is not self._canvas.drawn:
            with self.picture.hold_sync():
                seen = (
                    f"Log-mel with the words above it and the posteriors below. {words} Word times: {times}."
                )
                self.picture.set_image(self._canvas.draw(heard), seen)
                self.picture.set_axis(
                    self._canvas.span(self._canvas.mel_axes), 0.0, len(heard.mel) * HOP_LENGTH / SAMPLE_RATE
                )
                self.picture.set_sound(self._waveform, self._source)
                self.picture.notes = frame_notes(heard.log_probs, heard.seconds_per_frame)
                self.picture.seconds_per_note = heard.seconds_per_frame
        self._say_errors(words)

    def _say_errors(self, words: str) -> None:
        said, heard = normalise(self.said.value), self._heard.text
        self.comparison.value = (
            edit_table(word_edits(said, heard), f"said '{said}', heard '{heard}'") if said else ""
        )
        if not said:
            self.say(f"{words} Write what you said to see its errors.")
            return
        errors = word_errors(said, heard)
        outside = unknown_words(said)
        caution = f" It has never met {', '.join(outside)}: it can only guess." if outside else ""
        counted = f"{errors.errors} error{'s' * (errors.errors != 1)} in {errors.reference} word{'s' * (errors.reference != 1)}"
        self.say(f"{words} {counted}: WER {errors.rate:.0%}.{caution}")

    def _keep(self) -> None:
        if self._heard is None:
            raise UserError("there is nothing to add yet: record something first")
        path = add_recording(self._waveform, self.said.value, self._heard, self.folder)
        self._added = self.add.disabled = True
        place = (
            self.folder.relative_to(materials.ROOT)
            if self.folder.is_relative_to(materials.ROOT)
            else self.folder
        )
        text = f"✓ {path.name} and its row are in {place.as_posix()}; omni data check {place.as_posix()}/asr.csv tells what you have."
        self.kept.value = f'<div role="status" style="line-height: 1.5">{html.escape(text)}</div>'

    def still(self) -> Picture:
        if self._heard is not None:
            return Picture(self.picture.image, f"Voice recorder. {self.picture.alt}")
        clip = read_audio(materials.clips()["hello"].path)
        heard = recognise(clip, self._recogniser, self._config)
        return Picture(
            VoiceCanvas().draw(heard),
            f"Voice recorder; here with the clip 'hello', in which it hears '{heard.text}'.",
        )


class VoiceCanvas(Canvas):
    """The words, the log-mel and the posteriors of one recording on one axis of time."""

    def __init__(self) -> None:
        super().__init__(9.6, 5.4)
        options = {"aspect": "auto", "origin": "lower", "interpolation": "nearest"}
        with page_style():
            self.word_axes = self.figure.add_axes((0.1, 0.89, 0.78, 0.09))
            self.mel_axes = self.figure.add_axes((0.1, 0.51, 0.78, 0.37))
            self.below = self.figure.add_axes((0.1, 0.1, 0.78, 0.36))
            self.mel = self.mel_axes.imshow([[0.0]], cmap="magma", **options)
            self.posteriors = self.below.imshow([[0.0]], cmap="viridis", vmin=0, vmax=1, **options)
            self.word_axes.set(ylim=(-0.05, 1), yticks=[], ylabel="words")
            self.word_axes.tick_params(bottom=False, labelbottom=False)
            self.mel_axes.tick_params(labelbottom=False)
            for axes in (self.word_axes, self.mel_axes, self.below):
                axes.grid(False)
            for spine in self.word_axes.spines.values():
                spine.set_visible(False)
            self.mel_axes.set(ylabel="mel filter")
            self.below.set(xlabel="time (s)", ylabel="posterior of")
            first, second = (
                self.figure.add_axes((0.9, bottom, 0.015, height))
                for bottom, height in ((0.51, 0.37), (0.1, 0.36))
            )
            self.figure.colorbar(self.mel, cax=first, label="ln of mel power")
            self.figure.colorbar(self.posteriors, cax=second, label="probability")
        self.drawn: Recognition | None = None

    def draw(self, heard: Recognition) -> bytes:
        """The PNG of `heard`."""
        end = len(heard.mel) * HOP_LENGTH / SAMPLE_RATE
        self.mel.set_data(heard.mel.T.numpy())
        self.mel.set_clim(float(heard.mel.min()), float(heard.mel.max()))
        self.mel.set_extent((0, end, -0.5, heard.mel.shape[1] - 0.5))
        symbols = _seen(heard.log_probs)
        self.posteriors.set_data(heard.log_probs[:, symbols].exp().T.numpy())
        self.posteriors.set_extent(
            (0, len(heard.log_probs) * heard.seconds_per_frame, -0.5, len(symbols) - 0.5)
        )
        for artist in [*self.word_axes.patches, *self.word_axes.texts]:
            artist.remove()
        with page_style():
            for row, word in enumerate(heard.words):
                level = 0.5 * (
                    row % 2
                )  # neighbours on two lines, so that short words do not run into one another
                box = (word.start, word.end, 0.04 + 0.94 * level, 0.4 + 0.94 * level)
                self.word_axes.axvspan(*box, facecolor=to_rgba(BLUE, 0.12), edgecolor=BLUE)
                self.word_axes.text(
                    (word.start + word.end) / 2,
                    level + 0.18,
                    word.word,
                    ha="center",
                    va="center",
                    fontsize=9,
                    color=INK,
                )
            names = [sign_of(symbol) for symbol in symbols]
            self.below.set_yticks(range(len(symbols)), names, fontsize=7 if len(symbols) > 14 else 9)
        for axes in (self.word_axes, self.mel_axes, self.below):
            axes.set_xlim(0, end)
        self.drawn = heard
        return self.png()


def _seen(log_probs: Tensor) -> list[int]:
    """Blank, and every symbol that is likelier than 5% in some frame."""
    loudest = log_probs.exp().amax(dim=0)
    return [BLANK, *(int(symbol) for symbol in np.flatnonzero((loudest > 0.05).numpy()) if symbol != BLANK)]
