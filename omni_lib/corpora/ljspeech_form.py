"""LJ Speech's form of a table, without a header: `name|text|normalised text`, and the sound is wavs/name.wav.

Many corpora of one speaker use it. Others put a speaker, a label or phones in the last place, and these must
not be taken for what was said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median

_NAME = re.compile(r"[\w-]+", re.ASCII)
_COMPARED = 1000  # lines whose files are looked for, and whose two texts are compared
_COMMON = 0.3  # the least share of common words: LJ Speech has above 0.9 in the median


def lj_places(folder: Path, rows: Sequence[tuple[int, list[str]]], delimiter: str) -> dict[str, int] | None:
    """The columns of the path and the text of a table in this form; None if the table is different.

    Args:
        folder: where the table lies.
        rows: the number and the cells of each line.
        delimiter: the character between the cells.
    """
    width = max(
        len(cells) - next((n for n, cell in enumerate(reversed(cells)) if cell), 0) for _, cells in rows
    )
    if delimiter != "|" or width not in (2, 3):
        return None
    names = [cells[0] for _, cells in rows if cells and _NAME.fullmatch(cells[0])]
    there = any((folder / "wavs" / f"{name}.wav").is_file() for name in names[:_COMPARED])
    return {"path": 0, "text": width - 1} if there else None


def unlike(texts: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    """The first text and the last cell beside it, if the last cells do not repeat the words of the texts.

    Texts with figures are left out, since a normalised one has other words.

    Args:
        texts: of each line, the text as printed and the last cell.
    """
    compared = [
        (said, last, len(words & {*_words(last)}) / len(words))
        for said, last in texts[:_COMPARED]
        if last and not any(map(str.isdigit, said)) and (words := {*_words(said)})
    ]
    if not compared or median(share for _, _, share in compared) >= _COMMON:
        return None
    return next((said, last) for said, last, share in compared if share < _COMMON)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.lower())
