"""Spans of time within one cell of a table, as annotation programs export the parts of a recording.

Label Studio writes `[{"start": 0.5, "end": 1.8, "channel": 0, "labels": ["Speech"]}]`. The text beside it
belongs to these parts, so it must not be taught with the whole recording.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from omni_lib.errors import UserError

_WORDS = {"word", "words", "text", "token", "char", "phone", "transcript"}  # alignments of the whole text


def refuse_spans(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Refuse a table with a column that holds spans of time.

    Raises:
        UserError: a column holds spans.
    """
    for name in rows[0] if rows else ():
        if any(_holds_spans(row.get(name, "")) for row in rows):
            raise UserError(
                f"{path} has the column {name!r}, which holds starts and ends: write a row with columns start"
                " and end for each of them, or remove it if the texts are those of the whole recordings"
            )


def has_spans(value: object) -> bool:
    """Whether a JSON value is a list of objects with a start and an end each, and without words."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(each, dict)
            and all(isinstance(each.get(key), int | float) for key in ("start", "end"))
            and _WORDS.isdisjoint(each)
            for each in value
        )
    )


def _holds_spans(cell: str) -> bool:
    if not cell.lstrip().startswith("[{") or "end" not in cell:
        return False
    try:
        return has_spans(json.loads(cell))
    except (ValueError, RecursionError):
        return False
