"""Rows of a table whose cells stand in other places than their own: torn texts, and cells that were moved.

Such a row has a file and a text, but not the text of that file: half of it, or the name of a speaker.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from omni_lib.corpora.text_checks import ENGLISH
from omni_lib.manifest import SPLITS, split_hint

_COMMON = ENGLISH - {"may", "will"} | {"please", "very", "good"}  # hardly part of a name


def torn_texts(
    lines: Sequence[tuple[int, Sequence[str]]],
    path: int,
    text: int,
    width: int,
    is_file: Callable[[str], bool],
) -> dict[int, str]:
    """The lines whose text seems to go on in the next line, or to begin in the previous one; the reasons.

    A line break within a text, without quotes around it, leaves one line with the file and a part of the
    text, and another one without a file.

    Args:
        lines: the number and the cells of each row.
        path: the place of the file in a row.
        text: the place of the text.
        width: cells of a whole row.
        is_file: whether a cell names a sound file.
    """

    def is_part(cells: Sequence[str]) -> bool:
        alone = len(cells) < width and not any(map(is_file, cells))
        return alone and bool(re.match(r"[^\W\d_]", cells[0]))

    def is_row(cells: Sequence[str]) -> bool:
        return path < len(cells) and is_file(cells[path])

    torn = {}
    for (first, cells), (second, behind) in pairwise(lines):
        if path < text and is_row(cells) and is_part(behind):
            torn[first] = (
                f"its text may go on in line {second}, {behind[0][:40]!r}: write each text in one line"
            )
        if text < path and is_part(cells) and is_row(behind):
            torn[second] = (
                f"its text may begin in line {first}, {cells[-1][:40]!r}: write each text in one line"
            )
    return torn


def moved_cells(
    header: Sequence[str], names: Mapping[str, str], rows: Sequence[tuple[int, Mapping[str, str]]]
) -> dict[int, str]:
    """The lines whose text seems to be the cell of another column; the reasons.

    Args:
        header: the names of the columns, in order.
        names: our names of the known columns, and the table's own; path and text are among them.
        rows: the line and the cells of each row, by the table's names of the columns.
    """
    place = list(header).index(names["text"])
    moved = _swapped(names, rows)
    for beside in (place + 1, place - 1):
        if 0 <= beside < len(header) and header[beside] not in ("", names["path"]):
            moved |= _from_beside(header[beside], names, rows)
    return moved


def _from_beside(
    column: str, names: Mapping[str, str], rows: Sequence[tuple[int, Mapping[str, str]]]
) -> dict[int, str]:
    """The rows with an empty cell in `column`, and as their text what other rows have in that column."""
    texts = [(line, row.get(names["text"], ""), row.get(column, "")) for line, row in rows]
    if any(text and text == cell for _, text, cell in texts):  # a label that is said
        return {}
    cells = Counter(cell for _, _, cell in texts if cell)
    splits = column == names.get("split")
    # of another column, only such as male and female: one of earlier sentences holds texts of other rows
    least = 1 if column in names.values() else 2 if all(" " not in cell for cell in cells) else len(texts)
    return {
        line: f"its text is {text[:40]!r} and its {column} is empty, so its cells may have been moved:"
        " correct the row"
        for line, text, cell in texts
        if not cell and (cells[text] >= least or (splits and (text in SPLITS or split_hint(text))))
    }


def _swapped(names: Mapping[str, str], rows: Sequence[tuple[int, Mapping[str, str]]]) -> dict[int, str]:
    """The rows with a sentence as their speaker, and the name of a speaker as their text."""
    if "speaker" not in names:
        return {}
    found = [(line, row.get(names["speaker"], ""), row.get(names["text"], "")) for line, row in rows]
    speakers = Counter(speaker for _, speaker, _ in found)
    suspect = [
        (line, speaker, text)
        for line, speaker, text in found
        if text
        and len(speaker.split()) > len(text.split())
        and speakers[speaker] == 1
        and not _COMMON.isdisjoint(re.findall("[a-z]+", speaker.lower()))
    ]
    texts = Counter(text for _, _, text in suspect)
    return {
        line: f"its {names['speaker']} is {speaker[:40]!r} and its text {text[:40]!r}, so they may be"
        " swapped: correct the row"
        for line, speaker, text in suspect
        if text in speakers or texts[text] > 1
    }
