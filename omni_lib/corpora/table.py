"""The rows of a table of recordings and texts, under our own names of its columns."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One row, as cells under our own names of columns, or the reason why it cannot be used."""

    line: int  # of the file, 1-based; in a JSON list or object, the number of the row
    # path, text and perhaps speaker, split, start, end, duration
    cells: dict[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Table:
    """The rows of a table without its header, and its names of the known columns."""

    rows: list[Row]
    names: dict[str, str]  # our name of a column → the table's own
    units: dict[str, str]  # start, end, duration → s, ms, samples, frames, or "" where the name has none
    notes: list[str] = field(default_factory=list)  # on columns that are not read
