"""Read a table of recordings and texts in JSON: one object a line, or all rows in one list or object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from omni_lib.corpora.table import Row, Table
from omni_lib.corpora.table_columns import settle_columns
from omni_lib.corpora.table_finder import WRITE
from omni_lib.corpora.table_header import known_columns
from omni_lib.corpora.translations import translated
from omni_lib.corpora.unread_columns import note_unread
from omni_lib.errors import UserError
from omni_lib.machine.spans import has_spans


def read_json(path: Path, text: str) -> Table:
    """Read JSON lines (NeMo, Hugging Face), or one JSON list or object of all rows (SpeechBrain).

    Raises:
        UserError: it is not JSON, or no object names a file and a text.
    """
    objects = _objects(path, text)
    keys = list(dict.fromkeys(key for _, each in objects if isinstance(each, dict) for key in each))
    if objects and not keys:
        raise UserError(f"{path} line {objects[0][0]}: {objects[0][1]}: write one JSON object in each line")
    names, units = known_columns(path, keys)
    if ("segments" in keys or {"start", "end", "text"} <= names.keys()) and "path" not in names:
        raise UserError(f"{path} is a transcript of one recording, not a table of recordings: {WRITE}")
    if _by_columns(objects, names):
        raise UserError(
            f"{path} is written column by column: write one object for each row (in pandas: to_json with"
            " orient='records')"
        )
    if "path" not in names or "text" not in names:
        listed = ", ".join(repr(key[:40]) for key in keys[:12]) or "of nothing"
        raise UserError(
            f"{path} has the keys {listed}: name the file audio_path and the text transcription in each"
            " object"
        )
    rows = [
        (number, {key: _scalar(each.get(key)) for key in keys})
        for number, each in objects
        if isinstance(each, dict)
    ]
    settle_columns(path, names, units, rows)
    notes, problems = note_unread(names, [row for _, row in rows]), translated(rows)
    found = [_json_row(number, each, names) for number, each in objects]
    found = [replace(row, problem=row.problem or problems.get(row.line, "")) for row in found]
    return Table(found, names, units, notes)


def _by_columns(objects: Sequence[tuple[int, object]], names: Mapping[str, str]) -> bool:
    """Whether the objects hold columns and not rows, as pandas writes a table if it is not told otherwise."""
    found = [each for _, each in objects if isinstance(each, dict)]
    if {"path", "text"} <= names.keys():  # then a text may be a list of words
        lists = [found[0].get(names[ours]) for ours in ("path", "text")] if len(found) == 1 else []
        return bool(lists) and all(isinstance(each, list) for each in lists)
    numbered = bool(found) and all(each and all(map(str.isdecimal, each)) for each in found)
    return numbered or any({"columns", "data"} <= each.keys() for each in found)


def _objects(path: Path, text: str) -> list[tuple[int, object]]:
    """The objects of all rows, each with its line, or with its number in a list or object of all rows.

    A line that is not JSON gives a text in place of an object: the reason.

    Raises:
        UserError: the file is nested too deeply, or gives a row's key twice.
    """
    try:
        whole = json.loads(text, object_pairs_hook=_Object)
    except ValueError:
        return [(number, _of_line(line)) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    except RecursionError:
        raise UserError(f"{path} is nested too deeply: write one JSON object a line") from None
    if isinstance(whole, dict) and not all(isinstance(value, dict) for value in whole.values()):
        whole = _only_list(path, whole) or [whole]
    if isinstance(whole, _Object) and whole.twice:
        raise UserError(f"{path} has the key {whole.twice[:40]!r} twice: give each row a key of its own")
    rows = whole.values() if isinstance(whole, dict) else whole if isinstance(whole, list) else ()
    return list(enumerate(rows, 1))


def _of_line(line: str) -> object:
    """The JSON value of a line, or the reason why there is none."""
    try:
        value: object = json.loads(line.strip().removesuffix(","), object_pairs_hook=_Object)
    except ValueError as error:
        return f"it is not JSON ({error})"
    except RecursionError:
        return "it is nested too deeply"
    return value


def _only_list(path: Path, whole: dict[str, object]) -> list[object] | None:
    """The rows of a table in one key of a JSON object, such as data; None where the object is a row."""
    lists = [value for value in whole.values() if isinstance(value, list) and value]
    if len(lists) != 1 or not all(isinstance(each, dict) for each in lists[0]):
        return None
    inner, outer = (known_columns(path, list(keys))[0] for keys in (lists[0][0], whole))
    return lists[0] if {"path", "text"} <= inner.keys() and "path" not in outer else None


def _scalar(value: object) -> str:
    """A JSON value as a cell; "" for one that holds others, unless it is a pair such as [0.5, 1.8], or spans
    of time.
    """
    if has_spans(value):
        return json.dumps(value)
    if (
        isinstance(value, list)
        and len(value) == 2
        and not any(isinstance(each, list | dict) for each in value)
    ):
        return str(value)
    return "" if value is None or isinstance(value, list | dict) else str(value).strip()


class _Object(dict[str, object]):
    """A JSON object, and in `twice` a key that was given twice: a dictionary keeps only the last value."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        keys = sorted(key for key, _ in pairs)
        self.twice = next((key for key, other in pairwise(keys) if key == other), "")


def _json_row(number: int, each: object, names: Mapping[str, str]) -> Row:
    if not isinstance(each, dict):
        return Row(number, problem=each if isinstance(each, str) else "it is not a JSON object")
    if isinstance(each, _Object) and each.twice in names.values():
        return Row(number, problem=f"it has the key {each.twice!r} twice: which one is meant?")
    for name in ("path", "text"):
        if names[name] not in each:
            return Row(number, problem=f"it lacks the key {names[name]!r}, which other rows have: add it")
    cells = {}
    for ours, theirs in names.items():
        value = each.get(theirs)
        if isinstance(value, dict) and ours == "path":  # Hugging Face: {"path": …, "bytes": null}
            value = value.get("path")
        if isinstance(value, list) and ours == "text" and all(isinstance(word, str) for word in value):
            if len(value) > 1 and any(" " in word.strip() for word in value):
                several = "holds several texts: write a row for each, with its start and end"
                return Row(number, problem=f"{theirs} {several}")
            value = " ".join(value)
        if isinstance(value, bool) or (value is not None and not isinstance(value, str | int | float)):
            return Row(number, problem=f"{theirs} is neither text nor a number")
        cells[ours] = "" if value is None else str(value).strip()
    if any("\n" in cell or "\r" in cell for name, cell in cells.items() if name != "text"):
        return Row(number, problem="a cell runs over several lines")
    return Row(number, cells)
