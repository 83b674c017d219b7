"""Lines of a CSV table as spreadsheets, R and careless exports write them, with the cells in odd places."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from omni_lib.machine.tables import SOUND_ENDINGS

Lines = Sequence[tuple[int, list[str]]]  # the number of each line, and its cells


def lines_in_quotes(lines: Lines, delimiter: str) -> str | None:
    """The text of a table without the quotes around each whole line; None where there are none.

    A spreadsheet that did not split the lines of a table puts them there when it saves it.
    """
    whole = all(len(cells) == 1 and "\n" not in cells[0] for _, cells in lines)
    if not lines or not whole or delimiter not in lines[0][1][0]:
        return None
    found = {line: cells[0] for line, cells in lines}
    return "\n".join(found.get(line, "") for line in range(1, max(found) + 1))


def have_names(rows: Lines, header: Sequence[str], path: str) -> bool:
    """Whether each row begins with a name or number that has no name in the header, as R writes them.

    Then the files are one cell behind their place in the header.
    """
    place = header.index(path)
    return bool(rows) and all(
        len(cells) == len(header) + 1
        and [is_sound(cell) for cell in cells[place : place + 2]] == [False, True]
        for _, cells in rows
    )


def without_first(rows: Lines) -> list[tuple[int, list[str]]]:
    """The rows without their first cells."""
    return [(line, cells[1:]) for line, cells in rows]


def is_sound(cell: str) -> bool:
    """Whether a cell holds the name of a sound file."""
    return Path(cell.strip()).suffix.lower() in SOUND_ENDINGS


def torn_lines(lines: Lines) -> set[int]:
    """The lines whose last cell opens a quote that the next line, which has fewer cells, closes."""
    return {
        line
        for (line, cells), (_, behind) in pairwise(lines)
        if cells[-1].lstrip().startswith('"')
        and cells[-1].count('"') % 2
        and len(behind) < len(cells)
        and '"' in behind[0]
    }
