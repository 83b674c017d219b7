"""The error explorer: the alignment of two texts, and the utterances of the dev set sorted by error.

from omni_lib.course.widgets.error_explorer import error_explorer

error_explorer()
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import torch
from matplotlib.patches import Patch

from omni_lib.audio import read_audio
from omni_lib.course.edits import EDIT_COLOURS, EDIT_KINDS, Edit, character_edits, edit_table, word_edits
from omni_lib.course.figures import Picture, page_style
from omni_lib.course.hypotheses import DecodedUtterance, hypotheses
from omni_lib.course.materials import CORPUS
from omni_lib.course.widgets.explorer import DPI, Canvas, Explorer, controls
from omni_lib.course.widgets.sound_picture import SoundPicture
from omni_lib.errors import UserError
from omni_lib.metrics import ErrorCount, character_errors, total, word_errors
from omni_lib.text import normalise

LONGEST_TEXT = 400  # characters
LONGEST_WORD = 60  # characters of a word in the static figure; the rest is left out
EDITS_WIDTH, NAMES_WIDTH, LINE_HEIGHT = 940, 110, 96  # of the static figure, in pixels
DECODERS = {
    "greedy": "hypothesis",
    "prefix search": "likeliest",
    "beam search with a 3-gram": "with_language_model",
}
ORDERS = {"worst first": True, "best first": False}


def error_explorer(
    reference: str = "the cat sat on the mat", hypothesis: str = "the big cat sit on mat"
) -> ErrorExplorer:
    """An explorer that starts with two texts."""
    return ErrorExplorer(reference, hypothesis)


class ErrorExplorer(Explorer):
    """Substitutions, deletions, insertions and error rates of two texts while they are typed."""

    def __init__(self, reference: str, hypothesis: str) -> None:
        super().__init__("error", "Error explorer")
        self.reference = widgets.Textarea(reference, description="reference", rows=3, continuous_update=True)
        self.hypothesis = widgets.Textarea(
            hypothesis, description="hypothesis", rows=3, continuous_update=True
        )
        self.words = widgets.HTML()
        self.words.add_class("omni-word-edits")
        self.characters = widgets.HTML()
        self.characters.add_class("omni-character-edits")
        self.rates = widgets.HTML()
        self.rates.add_class("omni-rates")
        style = "margin-right: 16px; border-bottom: 3px solid"
        legend = "".join(
            f'<span style="{style} {EDIT_COLOURS[sign]}"><b>{sign}</b> {name}</span>'
            for sign, name in EDIT_KINDS.items()
        )
        self.legend = widgets.HTML(f'<div style="line-height: 2">{legend}</div>')

        self.rows = hypotheses("dev")
        self._listing = False
        self.decoder = widgets.Dropdown(options=DECODERS, description="decoder")
        self.order = widgets.Dropdown(options=ORDERS, description="order")
        self.utterance = widgets.Select(description="utterance", rows=8)
        self.utterance.add_class("omni-utterances")
        self.player = SoundPicture()
        self.player.add_class("omni-utterance")
        self.total = widgets.HTML()
        self.total.add_class("omni-total")
        texts = [
            controls(self.reference, self.hypothesis),
            self.legend,
            self.words,
            self.characters,
            self.rates,
        ]
        dev_set = [self.total, controls(self.decoder, self.order), controls(self.utterance), self.player]
        self.children = [self.heading, *texts, self.summary, *dev_set]
        for box in (self.reference, self.hypothesis, self.utterance):
            box.layout.max_width = "76em"
        self._list()
        self.react_to(self.reference, self.hypothesis)
        self.order.observe(lambda _: self._list(), names="value")
        self.decoder.observe(lambda _: self._another_decoder(), names="value")
        self.utterance.observe(lambda change: self.guarded(self._choose, change["new"]), names="value")
        self.refresh()

    def refresh(self) -> None:
        reference, hypothesis = self._texts()
        words, characters = word_errors(reference, hypothesis), character_errors(reference, hypothesis)
        self.words.value = edit_table(word_edits(reference, hypothesis), f"words: {spoken(words, 'word')}")
        self.characters.value = edit_table(
            character_edits(reference, hypothesis), f"characters: {spoken(characters, 'character')}"
        )
        lines = f"{formula('WER', words, 'words')}<br>{formula('CER', characters, 'characters')}"
        style = "font-size: 1.15em; line-height: 1.6; font-variant-numeric: tabular-nums"
        self.rates.value = f'<div style="{style}">{lines}</div>'
        self.announce(f"{spoken(words, 'word')} {spoken(characters, 'character')}")

    def still(self) -> Picture:
        reference, hypothesis = self._texts()
        words = spoken(word_errors(reference, hypothesis), "word")
        title = f"Error explorer. Reference '{reference}' above hypothesis '{hypothesis}'."
        return Picture(EditsCanvas().draw(reference, hypothesis), f"{title} {words}")

    def _texts(self) -> tuple[str, str]:
        """Reference and hypothesis, normalised."""
        return _checked(self.reference.value, "reference"), _checked(self.hypothesis.value, "hypothesis")

    def _list(self) -> None:
        """Sort the utterances of the list by their error rate. The chosen one stays chosen."""
        chosen = self.utterance.value
        counts = [word_errors(row.reference, self._decoded(row)) for row in self.rows]
        pairs = zip(counts, self.rows, strict=True)
        ranked = sorted(pairs, key=lambda pair: pair[0].rate, reverse=self.order.value)
        options = [
            (f"{count.rate:4.0%}  {count.errors} of {count.reference}  {row.reference}", row.name)
            for count, row in ranked
        ]
        self._listing = True  # new options select the first of them for a moment
        self.utterance.options, self.utterance.value = options, chosen
        self._listing = False
        dev_set = f"The dev set, {len(self.rows)} utterances transcribed with the pretrained encoder."
        words = f"{dev_set} {spoken(total(counts), 'word')} Choose an utterance to hear it."
        self.total.value = f'<div style="line-height: 1.5">{html.escape(words)}</div>'

    def _another_decoder(self) -> None:
        """Sort the list again, and show what this decoder wrote for the chosen utterance."""
        self._list()
        self.guarded(self._choose, self.utterance.value)

    def _choose(self, name: str | None) -> None:
        if name is None or self._listing:
            return
        row = next(row for row in self.rows if row.name == name)
        with self.one_refresh():
            self.reference.value, self.hypothesis.value = row.reference, self._decoded(row)
        self._load_sound(row)

    def _decoded(self, row: DecodedUtterance) -> str:
        """The output of the chosen decoder."""
        return str(getattr(row, self.decoder.value))

    def _load_sound(self, row: DecodedUtterance) -> None:
        path = CORPUS.parent / "wav" / f"{row.name}.wav"
        if path.exists():
            self.player.set_sound(read_audio(path), row.name)
            return
        self.player.set_sound(torch.zeros(0), "")
        raise UserError(
            f"the sound of {row.name} is missing: make it with 'omni data synth --out data/audio'"
        )


class EditsCanvas(Canvas):
    """The alignment of words as a picture, for places without a kernel."""

    def __init__(self) -> None:
        super().__init__(EDITS_WIDTH / DPI, 1.8)
        with page_style():
            self.axes = self.figure.add_axes((0, 0, 1, 1))
            self.axes.axis("off")
            errors = [(sign, name) for sign, name in EDIT_KINDS.items() if sign != "="]
            handles = [Patch(color=EDIT_COLOURS[sign], label=f"{sign} {name}") for sign, name in errors]
            self.figure.legend(handles=handles, loc="lower center", ncols=3)

    def draw(self, reference: str, hypothesis: str) -> bytes:
        """The picture of one alignment as a PNG. It has as many lines as the words need."""
        edits = word_edits(reference, hypothesis)
        with page_style():
            placed = self._placed(edits)
            lines = placed[-1][1] + 1 if placed else 1
            height = LINE_HEIGHT * lines + 44  # room for the legend below
            self.figure.set_size_inches(EDITS_WIDTH / DPI, height / DPI)
            self.axes.set(xlim=(0, EDITS_WIDTH), ylim=(height, 0))  # a unit is a pixel, from the top
            for artist in [*self.axes.texts, *self.axes.lines]:
                artist.remove()
            for line in range(lines):
                for row, name in ((0, "reference"), (2, "hypothesis")):
                    self.axes.text(12, _level(line, row), name, va="center")
            for edit, (left, line, width) in zip(edits, placed, strict=True):
                for row, word in enumerate((edit.reference or "·", edit.sign, edit.hypothesis or "·")):
                    style: dict[str, Any] = {"va": "center", "ha": "center", "clip_on": False}
                    weight = "bold" if row == 1 else "normal"
                    middle = left + width / 2
                    self.axes.text(middle, _level(line, row), _cut(word), weight=weight, **style)
                colour = EDIT_COLOURS[edit.sign] if edit.sign != "=" else "none"
                below = _level(line, 2.55)
                self.axes.plot([left + 4, left + width - 4], [below, below], color=colour, linewidth=4)
        return self.png()

    def _placed(self, edits: Sequence[Edit]) -> list[tuple[float, int, float]]:
        """Left edge, line and width of each edit, in pixels; a line is full where the next does not fit."""
        placed, left, line = [], float(NAMES_WIDTH), 0
        for edit in edits:
            width = 18 + max(self._width(_cut(word)) for word in (edit.reference, edit.hypothesis, "·"))
            if left + width > EDITS_WIDTH and left > NAMES_WIDTH:
                left, line = float(NAMES_WIDTH), line + 1
            placed.append((left, line, width))
            left += width
        return placed

    def _width(self, text: str) -> float:
        """How wide a text is drawn, in pixels."""
        drawn = self.axes.text(0, 0, text)
        width = float(drawn.get_window_extent(self._agg.get_renderer()).width)
        drawn.remove()
        return width


def _level(line: int, row: float) -> float:
    """Where a row of a line is, in pixels from the top: 0 is the reference, 1 the sign, 2 the hypothesis."""
    return LINE_HEIGHT * line + 22 + 24 * row


def _cut(word: str) -> str:
    """A word that fits into a line."""
    return word if len(word) <= LONGEST_WORD else f"{word[: LONGEST_WORD - 1]}…"


def _checked(text: str, what: str) -> str:
    """The text as it is compared: normalised.

    Raises:
        UserError: it has digits or letters other than a-z, or is too long for the table.
    """
    if len(text) > LONGEST_TEXT:
        raise UserError(f"the {what} has {len(text)} characters: at most {LONGEST_TEXT} fit into the table")
    try:
        return normalise(text)
    except UserError as error:
        raise UserError(f"{what}: {error}") from None


def formula(name: str, count: ErrorCount, units: str) -> str:
    """WER = (1 S + 1 D + 0 I) / 6 words = 33.3%, as HTML."""
    signs = (("S", count.substitutions), ("D", count.deletions), ("I", count.insertions))
    parts = " + ".join(
        f'<span style="border-bottom: 3px solid {EDIT_COLOURS[sign]}">{number} {sign}</span>'
        for sign, number in signs
    )
    return f"{name} = ({parts}) / {count.reference} {units} = <b>{_rate(count)}</b>"


def spoken(count: ErrorCount, unit: str) -> str:
    """The error rate and the counts in a sentence."""
    errors = f"{count.substitutions} substituted, {count.deletions} deleted, {count.insertions} inserted"
    units = f"{count.reference} {unit}{'s' * (count.reference != 1)}"
    return f"{unit.capitalize()} error rate {_rate(count)}: {errors}, of {units}."


def _rate(count: ErrorCount) -> str:
    return f"{count.rate:.1%}" if count.reference else "not defined without a reference"
