"""Errors that you can touch: two texts side by side, their alignment, and the utterances that went wrong most.

from omni_lib.course.widgets.error_explorer import error_explorer

error_explorer()
"""

from __future__ import annotations

import html

import ipywidgets as widgets
import torch
from matplotlib.patches import Patch

from omni_lib.audio import read_audio
from omni_lib.course.edits import EDIT_COLOURS, EDIT_KINDS, character_edits, edit_table, word_edits
from omni_lib.course.figures import Picture, page_style
from omni_lib.course.hypotheses import DecodedUtterance, hypotheses
from omni_lib.course.materials import CORPUS
from omni_lib.course.widgets.explorer import Canvas, Explorer, controls
from omni_lib.course.widgets.sound_picture import SoundPicture
from omni_lib.errors import UserError
from omni_lib.metrics import ErrorCount, character_errors, total, word_errors
from omni_lib.text import normalise

LONGEST_TEXT = 400  # characters
DECODERS = {
    "greedy": "hypothesis",
    "prefix search": "likeliest",
    "beam search with a 3-gram": "with_language_model",
}
ORDERS = {"worst first": True, "best first": False}


def error_explorer(
    reference: str = "the cat sat on the mat", hypothesis: str = "the big cat sit on mat"
) -> ErrorExplorer:
    """An explorer that begins with two texts."""
    return ErrorExplorer(reference, hypothesis)


class ErrorExplorer(Explorer):
    """Substitutions, deletions, insertions and the rates that they make, while you type."""

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
        legend = "".join(
            f'<span style="border-bottom: 3px solid {EDIT_COLOURS[sign]}; margin-right: 16px"><b>{sign}</b> {name}</span>'
            for sign, name in EDIT_KINDS.items()
        )
        self.legend = widgets.HTML(f'<div style="line-height: 2">{legend}</div>')

        self.rows = hypotheses("dev")
        self.decoder = widgets.Dropdown(options=DECODERS, description="decoder")
        self.order = widgets.Dropdown(options=ORDERS, description="order")
        self.utterance = widgets.Select(description="utterance", rows=8)
        self.utterance.add_class("omni-utterances")
        self.player = SoundPicture()
        self.player.add_class("omni-utterance")
        self.total = widgets.HTML()
        self.total.add_class("omni-total")
        self.children = [
            self.heading, controls(self.reference, self.hypothesis), self.legend, self.words, self.characters, self.rates, self.summary,
            self.total, controls(self.decoder, self.order), controls(self.utterance), self.player,
        ]  # fmt: skip
        for box in (self.reference, self.hypothesis, self.utterance):
            box.layout.max_width = "76em"
        self._list()
        self.react_to(self.reference, self.hypothesis)
        for control in (self.decoder, self.order):
            control.observe(lambda _: self._list(), names="value")
        self.utterance.observe(lambda change: self.guarded(self._choose, change["new"]), names="value")
        self.refresh()

    def refresh(self) -> None:
        reference, hypothesis = (
            _checked(self.reference.value, "reference"),
            _checked(self.hypothesis.value, "hypothesis"),
        )
        words, characters = word_errors(reference, hypothesis), character_errors(reference, hypothesis)
        self.words.value = edit_table(word_edits(reference, hypothesis), f"words: {spoken(words, 'word')}")
        self.characters.value = edit_table(
            character_edits(reference, hypothesis), f"characters: {spoken(characters, 'character')}"
        )
        lines = f"{formula('WER', words, 'words')}<br>{formula('CER', characters, 'characters')}"
        self.rates.value = f'<div style="font-size: 1.15em; line-height: 1.6; font-variant-numeric: tabular-nums">{lines}</div>'
        self.say(f"{spoken(words, 'word')} {spoken(characters, 'character')}")

    def still(self) -> Picture:
        reference, hypothesis = (
            _checked(self.reference.value, "reference"),
            _checked(self.hypothesis.value, "hypothesis"),
        )
        words = spoken(word_errors(reference, hypothesis), "word")
        image = EditsCanvas().draw(reference, hypothesis)
        return Picture(
            image, f"Error explorer. Reference '{reference}' above hypothesis '{hypothesis}'. {words}"
        )

    def _list(self) -> None:
        """Fill the list of utterances by their error, without choosing one."""
        counts = [word_errors(row.reference, self._written(row)) for row in self.rows]
        ranked = sorted(
            zip(counts, self.rows, strict=True), key=lambda pair: pair[0].rate, reverse=self.order.value
        )
        options = [
            (f"{count.rate:4.0%}  {count.errors} of {count.reference}  {row.reference}", row.name)
            for count, row in ranked
        ]
        self.utterance.options, self.utterance.value = options, None
        whole = total(counts)
        words = f"The dev set, {len(self.rows)} utterances heard by the pretrained encoder. {spoken(whole, 'word')} Choose one to hear it."
        self.total.value = f'<div style="line-height: 1.5">{html.escape(words)}</div>'

    def _choose(self, name: str | None) -> None:
        if name is None:
            return
        row = next(row for row in self.rows if row.name == name)
        with self.one_refresh():
            self.reference.value, self.hypothesis.value = row.reference, self._written(row)
        self._hear(row)

    def _written(self, row: DecodedUtterance) -> str:
        """What the decoder that is chosen wrote."""
        return getattr(row, self.decoder.value)

    def _hear(self, row: DecodedUtterance) -> None:
        path = CORPUS.parent / "wav" / f"{row.name}.wav"
        if path.exists():
            self.player.set_sound(read_audio(path), row.name)
            return
        self.player.set_sound(torch.zeros(0), "")
        raise UserError(f"the sound of {row.name} is not here: 'omni data synth --out data/audio' makes it")


class EditsCanvas(Canvas):
    """The alignment of words as a picture, for pages without a kernel."""

    def __init__(self) -> None:
        super().__init__(9.6, 1.8)
        with page_style():
            self.axes = self.figure.add_axes((0.1, 0.2, 0.88, 0.75))
            self.axes.axis("off")

    def draw(self, reference: str, hypothesis: str) -> bytes:
        """The PNG of one alignment."""
        edits = word_edits(reference, hypothesis)
        with page_style():
            self.axes.set(xlim=(-0.5, max(len(edits), 1) - 0.5), ylim=(-0.5, 2.5))
            for y, label in ((2, "reference"), (0, "hypothesis")):
                self.axes.text(
                    -0.01, (y + 0.5) / 3, label, ha="right", va="center", transform=self.axes.transAxes
                )
            for x, edit in enumerate(edits):
                for y, word in ((2, edit.reference or "·"), (1, edit.sign), (0, edit.hypothesis or "·")):
                    self.axes.text(
                        x, y, word, ha="center", va="center", weight="bold" if y == 1 else "normal"
                    )
                self.axes.plot(
                    [x - 0.4, x + 0.4],
                    [-0.45, -0.45],
                    color=EDIT_COLOURS[edit.sign] if edit.sign != "=" else "none",
                    linewidth=4,
                )
            handles = [
                Patch(color=EDIT_COLOURS[sign], label=f"{sign} {name}")
                for sign, name in EDIT_KINDS.items()
                if sign != "="
            ]
            self.figure.legend(handles=handles, loc="lower center", ncols=3)
        return self.png()


def _checked(text: str, what: str) -> str:
    """The text as it is compared.

    Raises:
        UserError: it has digits or foreign letters, or is longer than the table holds.
    """
    if len(text) > LONGEST_TEXT:
        raise UserError(
            f"the {what} has {len(text)} characters: {LONGEST_TEXT} are as many as the table holds"
        )
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
    """The same in a sentence."""
    errors = f"{count.substitutions} substituted, {count.deletions} deleted, {count.insertions} inserted"
    return f"{unit.capitalize()} error rate {_rate(count)}: {errors}, of {count.reference} {unit}{'s' * (count.reference != 1)}."


def _rate(count: ErrorCount) -> str:
    return f"{count.rate:.1%}" if count.reference else "not defined without a reference"
