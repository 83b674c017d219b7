"""The voice recorder: log-mel, posteriors, word times and transcript of a recording, to add to a corpus.

from omni_lib.course.widgets.voice_recorder import voice_recorder

voice_recorder()
"""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ipywidgets as widgets
from matplotlib.colors import to_rgba
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, SAMPLE_RATE, read_audio
from omni_lib.course import materials
from omni_lib.course.clip_reading import Reading, likely_symbols
from omni_lib.course.edits import edit_table, word_edits
from omni_lib.course.figures import MATRIX, Picture, page_style
from omni_lib.course.palette import BLUE, INK
from omni_lib.course.recordings import (
    PROMPTS,
    RECORDINGS,
    add_recording,
    recognise,
    unknown_words,
    voice_recogniser,
    waveform_of,
)
from omni_lib.course.trellis import frame_notes, sign_of
from omni_lib.course.widgets.explorer import Canvas, Explorer, button, controls, label_rows
from omni_lib.course.widgets.microphone import Microphone
from omni_lib.course.widgets.sound_picture import SoundPicture
from omni_lib.errors import UserError
from omni_lib.machine.clone import ROOT
from omni_lib.metrics import word_errors
from omni_lib.text import normalise


def voice_recorder(folder: str | Path = RECORDINGS, checkpoint: Path | None = None) -> VoiceRecorder:
    """A recorder whose button "add to my corpus" writes to `folder`.

    Args:
        checkpoint: of the encoder that transcribes; if not given, the one for people's voices.

    Raises:
        UserError: the checkpoint is missing, damaged or not one of omni train.
    """
    return VoiceRecorder(Path(folder), checkpoint)


@dataclass
class Take:
    """The latest recording and what became of it."""

    waveform: Tensor  # (samples,) of 16 kHz
    result: Reading
    source: str  # "your voice" or "your file"
    added: bool = False  # to the corpus


class VoiceRecorder(Explorer):
    """Record or load a sound, compare its transcript with the text, and add it to a corpus."""

    def __init__(self, folder: Path, checkpoint: Path | None = None) -> None:
        super().__init__("voice", "Voice recorder")
        self.add_class("omni-voice-recorder")
        self.folder = folder
        self._recogniser, self._config, trained_on = voice_recogniser(checkpoint)
        self.limits = widgets.HTML(
            f'<div style="line-height: 1.5">The encoder was trained on {trained_on}. In words that were not '
            "in its training data, it makes more errors. Your recording goes from the "
            "browser to the kernel, on the machine that runs this notebook; it is written to disk only if "
            "you add it to your corpus.</div>"
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
        self._take: Take | None = None
        recording = [self.limits, controls(self.prompt, self.said), self.microphone]
        results = [self.summary, self.comparison, self.picture, self.times]
        self.children = [self.heading, *recording, *results, self.add, self.kept]
        self.prompt.observe(lambda change: setattr(self.said, "value", change["new"]), names="value")
        self.react_to(self.said)
        self.microphone.on_msg(lambda _, content, buffers: self.guarded(self.receive, content, buffers))
        self.add.on_click(lambda _: self.guarded(self._keep))
        self.refresh()

    def receive(self, content: Any, buffers: Any) -> None:
        """Load the recording in a message from the browser.

        Raises:
            UserError: the message is not a recording, or see `load`. The previous recording stays.
        """
        waveform = waveform_of(content, buffers)
        self.load(waveform, "your file" if content["source"] == "file" else "your voice")

    def load(self, waveform: Tensor, source: str) -> None:
        """Transcribe and show waveform (samples,) of 16 kHz.

        Args:
            source: "your voice" or "your file".

        Raises:
            UserError: it is silent or too short.
        """
        self._take = Take(waveform, recognise(waveform, self._recogniser, self._config), source)
        self.kept.value = ""
        self.refresh()

    def refresh(self) -> None:
        take = self._take
        self.add.disabled = take is None or take.added
        if take is None:
            self.comparison.value = ""
            self.announce("Press Record, say the prompt, press Stop.")
            return
        result, end = take.result, len(take.waveform) / SAMPLE_RATE
        words = f"{take.source.capitalize()}, {end:.2f} s, is transcribed as '{result.text}'."
        times = ", ".join(f"{word.word} {word.start:.2f}–{word.end:.2f} s" for word in result.words) or "none"
        self.times.value = f'<div style="line-height: 1.5">word times: {html.escape(times)}</div>'
        if result is not self._canvas.drawn:
            title = "Log-mel with the words above it and the posteriors below."
            span = self._canvas.span(self._canvas.mel_axes)
            with self.picture.hold_sync():
                self.picture.set_image(self._canvas.draw(result), f"{title} {words} Word times: {times}.")
                self.picture.set_axis(span, 0.0, len(result.mel) * HOP_LENGTH / SAMPLE_RATE)
                self.picture.set_sound(take.waveform, take.source)
                self.picture.words = [asdict(word) for word in result.words]
                self.picture.notes = frame_notes(result.log_probs, result.seconds_per_frame)
                self.picture.seconds_per_note = result.seconds_per_frame
        self._announce_errors(words, result.text)

    def _announce_errors(self, words: str, transcript: str) -> None:
        """Compare the transcript with what was said."""
        said = normalise(self.said.value)
        caption = f"said '{said}', transcribed as '{transcript}'"
        self.comparison.value = edit_table(word_edits(said, transcript), caption) if said else ""
        if not said:
            self.announce(f"{words} Write what you said to see its errors.")
            return
        errors = word_errors(said, transcript)
        unknown = unknown_words(said)
        caution = f" Not in the embedded corpus: {', '.join(unknown)}." if unknown else ""
        counted = f"{errors.errors} error{'s' * (errors.errors != 1)}"
        counted += f" in {errors.reference} word{'s' * (errors.reference != 1)}"
        self.announce(f"{words} {counted}: WER {errors.rate:.0%}.{caution}")

    def _keep(self) -> None:
        if self._take is None:
            raise UserError("there is nothing to add yet: record something first")
        path = add_recording(self._take.waveform, self.said.value, self._take.result, self.folder)
        self._take.added = self.add.disabled = True
        folder = self.folder.relative_to(ROOT) if self.folder.is_relative_to(ROOT) else self.folder
        place = folder.as_posix()
        text = f"✓ {path.name} and its row are in {place}. To check all rows: omni data check {place}/asr.csv"
        self.kept.value = f'<div role="status" style="line-height: 1.5">{html.escape(text)}</div>'

    def still(self) -> Picture:
        if self._take is not None:
            return Picture(self.picture.image, f"Voice recorder. {self.picture.alt}")
        result = recognise(read_audio(materials.clips()["hello"].path), self._recogniser, self._config)
        words = f"Voice recorder, here with the clip 'hello', which is transcribed as '{result.text}'."
        return Picture(VoiceCanvas().draw(result), words)


class VoiceCanvas(Canvas):
    """The words, the log-mel and the posteriors of one recording with a common time axis."""

    def __init__(self) -> None:
        super().__init__(9.6, 5.4)
        with page_style():
            self.word_axes = self.figure.add_axes((0.1, 0.89, 0.78, 0.09))
            self.mel_axes = self.figure.add_axes((0.1, 0.51, 0.78, 0.37))
            self.below = self.figure.add_axes((0.1, 0.1, 0.78, 0.36))
            self.mel = self.mel_axes.imshow([[0.0]], cmap="magma", **MATRIX)
            self.posteriors = self.below.imshow([[0.0]], cmap="viridis", vmin=0, vmax=1, **MATRIX)
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
            self.figure.colorbar(self.mel, cax=first, label="log-mel (nats)")
            self.figure.colorbar(self.posteriors, cax=second, label="probability")
        self.drawn: Reading | None = None

    def draw(self, result: Reading) -> bytes:
        """The picture of `result` as a PNG."""
        end = len(result.mel) * HOP_LENGTH / SAMPLE_RATE
        self.mel.set_data(result.mel.T.numpy())
        self.mel.set_clim(float(result.mel.min()), float(result.mel.max()))
        self.mel.set_extent((0, end, -0.5, result.mel.shape[1] - 0.5))
        symbols = likely_symbols(result.log_probs)
        self.posteriors.set_data(result.log_probs[:, symbols].exp().T.numpy())
        decoded = len(result.log_probs) * result.seconds_per_frame  # seconds
        self.posteriors.set_extent((0, decoded, -0.5, len(symbols) - 0.5))
        for artist in [*self.word_axes.patches, *self.word_axes.texts]:
            artist.remove()
        with page_style():
            for row, word in enumerate(result.words):
                level = 0.5 * (row % 2)  # alternating heights, so that short neighbours do not overlap
                box = (word.start, word.end, 0.04 + 0.94 * level, 0.4 + 0.94 * level)
                self.word_axes.axvspan(*box, facecolor=to_rgba(BLUE, 0.12), edgecolor=BLUE)
                centred: dict[str, Any] = {"ha": "center", "va": "center", "color": INK}
                self.word_axes.text((word.start + word.end) / 2, level + 0.18, word.word, **centred)
            label_rows(self.below, [sign_of(symbol) for symbol in symbols])
        for axes in (self.word_axes, self.mel_axes, self.below):
            axes.set_xlim(0, end)
        self.drawn = result
        return self.png()
