"""The alignment behind an error rate: which words were kept, substituted, deleted and inserted."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import jiwer

from omni_lib.course.figures import BLUE, ORANGE, PURPLE

KINDS = {"=": "right", "S": "substitution", "D": "deletion", "I": "insertion"}
COLOURS = {"=": "transparent", "S": ORANGE, "D": BLUE, "I": PURPLE}
_SIGNS = {"equal": "=", "substitute": "S", "delete": "D", "insert": "I"}


@dataclass(frozen=True)
class Edit:
    """One place of an alignment: what the reference has there, and what the hypothesis has; "" where it has nothing."""

    sign: str  # = S D I
    reference: str
    hypothesis: str


def word_edits(reference: str, hypothesis: str) -> list[Edit]:
    """The fewest edits between two texts, word by word (jiwer's alignment, the one that `omni_lib.metrics` counts)."""
    return _edits(reference.split(), hypothesis.split())


def character_edits(reference: str, hypothesis: str) -> list[Edit]:
    """The same, character by character, spaces included."""
    return _edits(list(reference), list(hypothesis))


def _edits(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Edit]:
    if not reference or not hypothesis:  # jiwer refuses an empty reference
        return [Edit("D", token, "") for token in reference] + [Edit("I", "", token) for token in hypothesis]
    # One symbol stands for each different token, so that one function aligns words and characters alike.
    symbols = {token: chr(0xE000 + index) for index, token in enumerate(dict.fromkeys([*reference, *hypothesis]))}
    left, right = ("".join(symbols[token] for token in tokens) for tokens in (reference, hypothesis))
    edits = []
    for chunk in jiwer.process_characters(left, right).alignments[0]:
        sign = _SIGNS[chunk.type]
        kept = reference[chunk.ref_start_idx : chunk.ref_end_idx]
        said = hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx]
        longest = max(len(kept), len(said))
        padded = zip([*kept, *[""] * (longest - len(kept))], [*said, *[""] * (longest - len(said))], strict=True)
        edits += [Edit(sign, before, after) for before, after in padded]
    return edits


def edit_table(edits: Sequence[Edit], caption: str) -> str:
    """An HTML table of three rows: the reference, the sign of each edit (which its colour repeats), the hypothesis."""
    label = html.escape(caption, quote=True)
    rows = [
        ("reference", [_cell(edit, edit.reference) for edit in edits]),
        ("", [_cell(edit, edit.sign, bold=True) for edit in edits]),
        ("hypothesis", [_cell(edit, edit.hypothesis) for edit in edits]),
    ]
    body = "".join(
        f'<tr><th scope="row" style="text-align: left; font-weight: normal; padding-right: 12px">{name}</th>{"".join(cells)}</tr>'
        for name, cells in rows
    )
    table = f'<table style="border-collapse: collapse; width: auto; margin: 0; font-size: 14px">{body}</table>'
    return f'<div class="omni-edits" role="region" tabindex="0" aria-label="{label}" style="overflow-x: auto">{table}</div>'


def _cell(edit: Edit, text: str, bold: bool = False) -> str:
    shown = html.escape(text).replace(" ", "␣") or "·"
    line = f"border-bottom: 3px solid {COLOURS[edit.sign]}"
    weight = "bold" if bold else "normal"
    return f'<td title="{KINDS[edit.sign]}" style="{line}; text-align: center; padding: 2px 8px; font-weight: {weight}">{shown}</td>'
