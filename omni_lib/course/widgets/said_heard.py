"""A table of clips: what was said, what the recogniser wrote, the errors between the two, and a play button.

from omni_lib.course.widgets.said_heard import said_heard

said_heard()
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from omni_lib.audio import read_audio
from omni_lib.course import materials
from omni_lib.course.edits import EDIT_KINDS, marked, marked_word, underlined, word_edits
from omni_lib.course.still import STILL, display_with_still
from omni_lib.course.widgets.sound_picture import wav_bytes
from omni_lib.inference.transcription import transcribe

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Pair:
    """One clip: its name, its text, and its transcript."""

    name: str
    said: str
    written: str
    sound: bytes = b""  # WAV


class SaidHeard(anywidget.AnyWidget):
    """The table; one sound plays at a time."""

    _esm = _HERE / "said_heard.js"
    _css = _HERE / "said_heard.css"

    table = traitlets.Unicode().tag(sync=True)  # HTML with an empty cell of class "play" in each row
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    sounds = traitlets.List(traitlets.Bytes()).tag(sync=True)  # WAV

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = tuple(pairs)
        super().__init__(
            table=said_heard_table(pairs),
            names=[pair.name for pair in pairs],
            sounds=[pair.sound for pair in pairs],
        )

    def __repr__(self) -> str:
        lines = []
        for pair in self.pairs:
            sign = " " if pair.said == pair.written else "!"
            lines += [f"{sign} {pair.name:9} said    {pair.said}", f"{'':11} written {pair.written}"]
        return "\n".join(lines)

    def _ipython_display_(self, **_: Any) -> None:
        still = {"text/html": f'<div class="{STILL}">{self.table}</div>', "text/plain": repr(self)}
        display_with_still(self, still, {})


def said_heard(recogniser: Any = None, config: Any = None) -> SaidHeard:
    """All clips of the course and how a recogniser transcribes them.

    Args:
        recogniser, config: as `load_recogniser` gives them; if not given, the pretrained ones.
    """
    if recogniser is None:
        recogniser, config = materials.pretrained()
    pairs = []
    for name, clip in materials.clips().items():
        written = transcribe(clip.path, recogniser, config).text
        pairs.append(Pair(name, clip.text, written, wav_bytes(read_audio(clip.path))))
    return SaidHeard(pairs)


def said_heard_table(pairs: Sequence[Pair]) -> str:
    """The table as HTML, without its buttons."""
    rows = "".join(_row(pair) for pair in pairs)
    head = "<tr><td></td><th scope='col'>clip</th><th scope='col'>said</th><th scope='col'>written</th>"
    legend = ", ".join(underlined(sign, name) for sign, name in EDIT_KINDS.items() if sign != "=")
    caption = f"<caption>Errors: {legend}.</caption>"
    return f'<table class="omni-said-heard-table">{caption}<thead>{head}</tr></thead>{rows}</table>'


def _row(pair: Pair) -> str:
    edits = word_edits(pair.said, pair.written)
    said = " ".join(
        marked_word(edit, edit.reference) if edit.sign == "D" else html.escape(edit.reference)
        for edit in edits
        if edit.reference
    )
    errors = sum(edit.sign != "=" for edit in edits)
    count = f"{errors} error{'s' * (errors != 1)}" if errors else "✓ no errors"
    cells = f"<td>{said}</td><td>{marked(pair.said, pair.written)}<span class='count'> {count}</span></td>"
    return f"<tr><td class='play'></td><th scope='row'>{html.escape(pair.name)}</th>{cells}</tr>"
