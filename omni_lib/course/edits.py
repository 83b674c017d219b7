"""The alignment behind an error rate: which words are right, substituted, deleted and inserted."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import jiwer

from omni_lib.course.palette import BLUE, ORANGE, PURPLE

EDIT_KINDS = {"=": "right", "S": "substitution", "D": "deletion", "I": "insertion"}
EDIT_COLOURS = {"=": "transparent", "S": ORANGE, "D": BLUE, "I": PURPLE}
_LINES = {"S": "wavy underline", "D": "line-through", "I": "double underline"}  # beside its colour
_SIGN_OF_JIWER = {"equal": "=", "substitute": "S", "delete": "D", "insert": "I"}


@dataclass(frozen=True)
class Edit:
    """One position of an alignment: the token of the reference and that of the hypothesis, "" for none."""

    sign: str  # = S D I
    reference: str
    hypothesis: str


def word_edits(reference: str, hypothesis: str) -> list[Edit]:
    """The fewest edits between two texts, word by word, by jiwer, as `omni_lib.metrics` counts them."""
    return _edits(reference.split(), hypothesis.split())


def character_edits(reference: str, hypothesis: str) -> list[Edit]:
    """The same, character by character, spaces included."""
    return _edits(list(reference), list(hypothesis))


def _edits(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Edit]:
    if not reference or not hypothesis:  # jiwer refuses an empty reference
        return [Edit("D", token, "") for token in reference] + [Edit("I", "", token) for token in hypothesis]
    # Each different token becomes one character, so that the same function aligns words and characters.
    tokens = dict.fromkeys([*reference, *hypothesis])
    symbols = {token: chr(0xE000 + index) for index, token in enumerate(tokens)}
    left, right = ("".join(symbols[token] for token in text) for text in (reference, hypothesis))
    edits = []
    for chunk in jiwer.process_characters(left, right).alignments[0]:
        sign = _SIGN_OF_JIWER[chunk.type]
        kept = reference[chunk.ref_start_idx : chunk.ref_end_idx]
        said = hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx]
        edits += [Edit(sign, before, after) for before, after in zip_longest(kept, said, fillvalue="")]
    return edits


def edit_table(edits: Sequence[Edit], caption: str) -> str:
    """An alignment as HTML. Each edit is a column of reference, sign and hypothesis; columns wrap like text.

    Args:
        caption: what screen readers announce.
    """
    names = _column('aria-hidden="true"', ("reference", " ", "hypothesis"), "transparent", "left")
    columns = [
        _column(
            f'role="img" {_labelled(_spoken(edit))}',
            (edit.reference or "·", edit.sign, edit.hypothesis or "·"),
            EDIT_COLOURS[edit.sign],
        )
        for edit in edits
    ]
    style = "display: flex; flex-wrap: wrap; row-gap: 6px; line-height: 1.45; font-size: 14px"
    attributes = f'class="omni-edits" role="group" {_labelled(caption)} style="{style}"'
    return f"<div {attributes}>{names}{''.join(columns)}</div>"


def _column(attributes: str, rows: Sequence[str], colour: str, align: str = "center") -> str:
    upper, sign, lower = (
        html.escape(text).replace(" ", "␣" if align == "center" else "&nbsp;") for text in rows
    )
    style = f"padding: 2px 8px; text-align: {align}; border-bottom: 3px solid {colour}"
    middle = f'<div style="font-weight: bold">{sign}</div>'
    return f'<div {attributes} style="{style}"><div>{upper}</div>{middle}<div>{lower}</div></div>'


def marked(reference: str, hypothesis: str) -> str:
    """The words of a hypothesis as HTML, with each error marked by colour, line and letter."""
    edits = word_edits(reference, hypothesis)
    words = " ".join(marked_word(edit, edit.hypothesis) for edit in edits if edit.hypothesis)
    return words or "(nothing)"


def marked_word(edit: Edit, word: str) -> str:
    """A word with its error: a line in the colour of its kind, and the letter of the kind behind it."""
    if edit.sign == "=":
        return html.escape(word)
    title = html.escape(f"{EDIT_KINDS[edit.sign]}: {edit.reference or '–'} → {edit.hypothesis or '–'}")
    return f'<span title="{title}">{underlined(edit.sign, word)}</span>'


def underlined(sign: str, word: str) -> str:
    """A word as `marked_word` shows it, without a tooltip: for a legend."""
    style = f"text-decoration: {_LINES[sign]} {EDIT_COLOURS[sign]} 2px"
    return f'<span style="{style}">{html.escape(word)}</span><sup><b>{sign}</b></sup>'


def _labelled(text: str) -> str:
    label = html.escape(text, quote=True)
    return f'aria-label="{label}" title="{label}"'


def _spoken(edit: Edit) -> str:
    """The edit in words: "substitution: sat became sit"."""
    before, after = (text.replace(" ", "space") for text in (edit.reference, edit.hypothesis))
    said = {"=": before, "S": f"{before} became {after}", "D": before, "I": after}
    return f"{EDIT_KINDS[edit.sign]}: {said[edit.sign]}"
