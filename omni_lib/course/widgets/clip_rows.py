"""One clip as rows above each other, with one play head and words that can be clicked.

from omni_lib.course.widgets.clip_rows import from_sound_to_text, word_player

from_sound_to_text("digits")    # waveform, log-mel, embeddings, letters and words
word_player("digits")           # log-mel with the words, and a strip for each letter
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from omni_lib.audio import HOP_LENGTH, SAMPLE_RATE, read_audio
from omni_lib.course import materials
from omni_lib.course.clip_reading import (
    Reading,
    likely_symbols,
    matrix_image,
    read_clip,
    strips_image,
    waveform_image,
)
from omni_lib.course.figures import MATRIX, Picture, page_style, shown
from omni_lib.course.palette import BLUE, INK, ORANGE
from omni_lib.course.still import display_with_still
from omni_lib.course.trellis import sign_of
from omni_lib.course.widgets.explorer import label_rows
from omni_lib.course.widgets.sound_picture import wav_bytes
from omni_lib.errors import UserError
from omni_lib.text import BLANK

_HERE = Path(__file__).parent
STRIP_HEIGHT = 15  # pixels
SECONDS_PER_EMBEDDING = 0.08


@dataclass(frozen=True)
class Row:
    """One row: a name at the left, and a picture over the whole time axis."""

    name: str
    detail: str
    height: int  # pixels
    image: bytes = b""  # PNG, stretched to the row
    alt: str = ""
    end: float = 0.0  # time at the right edge of the image, in seconds; 0 for the end of the clip
    smooth: bool = False  # how the image is stretched: interpolated, or in whole pixels
    strips: tuple[str, ...] = ()  # labels of horizontal strips of equal height, from the top
    marks: tuple[dict[str, Any], ...] = ()  # {"text": …, "second": …} on the time axis
    words: bool = False  # whether the boxes of the words are in this row


class ClipRows(anywidget.AnyWidget):
    """Rows of one clip with a common time axis, one player, and a box for each word.

    The play head moves over all rows while the clip plays, and the word that is being said is marked. A click
    in a row, or an arrow key, moves the play head. A click on a word, or Enter, plays that word.
    """

    _esm = _HERE / "clip_rows.js"
    _css = _HERE / "clip_rows.css"

    rows: Any = traitlets.List().tag(sync=True)
    words: Any = traitlets.List().tag(sync=True)  # {"word": …, "start": …, "end": …}, in seconds
    sound = traitlets.Bytes().tag(sync=True)  # WAV
    duration = traitlets.Float(1.0).tag(sync=True)  # of the sound, in seconds
    label = traitlets.Unicode().tag(sync=True)  # names the sound for screen readers
    caption = traitlets.Unicode().tag(sync=True)

    def __init__(self, reading: Reading, rows: tuple[Row, ...], label: str, caption: str = "") -> None:
        self.reading = reading
        super().__init__(
            rows=[asdict(row) for row in rows],
            words=[asdict(word) for word in reading.words],
            sound=wav_bytes(reading.waveform),
            duration=max(reading.seconds, 1e-3),
            label=label,
            caption=caption,
        )

    def still(self) -> Picture:
        """The rows as a static picture, for places without a kernel."""
        names = [row["name"] for row in self.rows]
        if "words" not in names:  # their boxes lie over another row
            names.insert(0, "words")
        return still_of(self.reading, tuple(names), self.description)

    @property
    def description(self) -> str:
        """What the rows show, in words."""
        times = ", ".join(f"{word['word']} {word['start']:.2f}–{word['end']:.2f} s" for word in self.words)
        names = ", ".join(row["name"] for row in self.rows)
        return f"{self.label[:1].upper()}{self.label[1:]}: {names}. Words: {times or 'none'}."

    def _ipython_display_(self, **_: Any) -> None:
        display_with_still(self, *self.still()._repr_mimebundle_())


def from_sound_to_text(clip: str = "digits", caption: str = "") -> ClipRows:
    """One of the course's clips in four steps, and the words that the pretrained recogniser writes.

    Raises:
        UserError: the course has no clip of this name.
    """
    reading = _reading_of(clip)
    rows = (
        Row("waveform", "16,000 samples a second", 84, waveform_image(reading.waveform), "the waveform"),
        mel_row(reading, 128),
        Row(
            "embeddings",
            "192 numbers, every 80 ms",
            100,
            matrix_image(reading.embeddings, "viridis"),
            "the embeddings, in colours",
            end=SECONDS_PER_EMBEDDING * len(reading.embeddings),
        ),
        Row("letters", "as the network writes them", 22, marks=letter_marks(reading)),
        Row("words", "click one to hear it", 6, words=True),
    )
    return ClipRows(reading, rows, f"the clip '{clip}'", caption)


def word_player(
    clip: str = "digits",
    text: str | None = None,
    caption: str = "",
    recogniser: Any = None,
    config: Any = None,
) -> ClipRows:
    """The words of one of the course's clips over its log-mel; below it a strip for each likely symbol.

    Args:
        text: the text that is aligned; if not given, the words are those that the recogniser writes.
        recogniser, config: as `load_recogniser` gives them; if not given, the pretrained ones.

    Raises:
        UserError: the course has no clip of this name, or it is too short for `text`.
    """
    return words_of(_reading_of(clip, text, recogniser, config), f"the clip '{clip}'", caption)


def words_of(reading: Reading, label: str, caption: str = "") -> ClipRows:
    """The same for any `Reading`, such as that of a recording."""
    symbols = likely_symbols(reading.log_probs)
    strips = Row(
        "posteriors",
        "a strip for each likely symbol; the stronger its colour, the more probable",
        STRIP_HEIGHT * len(symbols),
        strips_image(reading.log_probs, symbols),
        "the posterior of each symbol, in strips",
        end=reading.seconds_per_frame * len(reading.log_probs),
        strips=tuple(sign_of(symbol) for symbol in symbols),
    )
    return ClipRows(reading, (mel_row(reading, 150, words=True), strips), label, caption)


def mel_row(reading: Reading, height: int, words: bool = False) -> Row:
    """The log-mel as a row."""
    image = matrix_image(reading.mel, "magma")
    detail, end = "128 numbers, every 10 ms", HOP_LENGTH / SAMPLE_RATE * len(reading.mel)
    return Row("log-mel", detail, height, image, "the log-mel", end, smooth=True, words=words)


def letter_marks(reading: Reading) -> tuple[dict[str, Any], ...]:
    """Each letter of the path at the time of its first frame; spaces and blanks have no mark."""
    marks, previous = [], BLANK
    for frame, symbol in enumerate(reading.path):
        sign = sign_of(symbol)
        if symbol not in (BLANK, previous) and sign.isalpha():
            marks.append({"text": sign, "second": round(frame * reading.seconds_per_frame, 3)})
        previous = symbol
    return tuple(marks)


def _reading_of(clip: str, text: str | None = None, recogniser: Any = None, config: Any = None) -> Reading:
    clips = materials.clips()
    if clip not in clips:
        raise UserError(f"there is no clip '{clip}': choose one of {', '.join(clips)}")
    if recogniser is None:
        recogniser, config = materials.pretrained()
    return read_clip(read_audio(clips[clip].path), recogniser, config, text)


def still_of(reading: Reading, names: tuple[str, ...], description: str) -> Picture:
    """A static picture of those rows of `reading` that `names` names."""
    drawn = [(name, *_STILLS[name]) for name in names if name in _STILLS]
    with page_style():
        figure = Figure(figsize=(9.6, 0.6 + sum(height for _, height, _ in drawn)), layout="constrained")
        heights = [height for _, height, _ in drawn]
        axes_of = figure.subplots(len(drawn), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
        for axes, (name, _, draw) in zip(axes_of, drawn, strict=True):
            axes.grid(False)
            axes.set_ylabel(name, rotation=0, ha="right", va="center")
            draw(axes, reading)
            axes.set_xlim(0, reading.seconds)
        axes_of[-1].set_xlabel("time (s)")
    return shown(figure, description)


def _draw_waveform(axes: Axes, reading: Reading) -> None:
    axes.plot(
        np.arange(len(reading.waveform)) / SAMPLE_RATE, reading.waveform.numpy(), color=BLUE, linewidth=0.5
    )
    axes.set_yticks([])


def _draw_matrix(axes: Axes, values: Any, colours: str, end: float) -> None:
    matrix = values.T.numpy()
    low, high = np.percentile(matrix, (1, 99))
    axes.set_yticks([])
    axes.imshow(matrix, cmap=colours, vmin=low, vmax=high, extent=(0, end, -0.5, len(matrix) - 0.5), **MATRIX)


def _draw_mel(axes: Axes, reading: Reading) -> None:
    _draw_matrix(axes, reading.mel, "magma", HOP_LENGTH / SAMPLE_RATE * len(reading.mel))


def _draw_embeddings(axes: Axes, reading: Reading) -> None:
    _draw_matrix(axes, reading.embeddings, "viridis", SECONDS_PER_EMBEDDING * len(reading.embeddings))


def _draw_letters(axes: Axes, reading: Reading) -> None:
    axes.set(ylim=(0, 1), yticks=[])
    for mark in letter_marks(reading):
        axes.text(mark["second"], 0.5, mark["text"], family="monospace", va="center")


def _draw_words(axes: Axes, reading: Reading) -> None:
    axes.set(ylim=(0, 2), yticks=[])
    for number, word in enumerate(reading.words):
        level = number % 2
        axes.axvspan(word.start, word.end, color=ORANGE, alpha=0.25, linewidth=0)
        middle = (word.start + word.end) / 2
        axes.text(middle, level + 0.5, word.word, ha="center", va="center", color=INK, clip_on=True)


def _draw_strips(axes: Axes, reading: Reading) -> None:
    symbols = likely_symbols(reading.log_probs)
    end = len(reading.log_probs) * reading.seconds_per_frame
    shares = reading.log_probs[:, symbols].exp().T.numpy()[::-1]
    axes.imshow(shares, cmap="viridis", vmin=0, vmax=1, extent=(0, end, -0.5, len(symbols) - 0.5), **MATRIX)
    label_rows(axes, [sign_of(symbol) for symbol in reversed(symbols)])


# name of a row -> its height in inches, and how it is drawn
_STILLS: dict[str, tuple[float, Any]] = {
    "waveform": (0.8, _draw_waveform),
    "log-mel": (1.3, _draw_mel),
    "embeddings": (1.1, _draw_embeddings),
    "letters": (0.35, _draw_letters),
    "words": (0.5, _draw_words),
    "posteriors": (2.4, _draw_strips),
}
