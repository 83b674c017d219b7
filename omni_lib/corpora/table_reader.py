"""Read a table of recordings and texts into rows with our own column names: CSV, TSV, pipes, JSON lines.

Detected automatically: the delimiter (comma, semicolon, tab, |; a first line `sep=;`), the column names of
Kaldi, NeMo, SpeechBrain, Hugging Face, DeepSpeech and Common Voice, a column of row numbers, empty columns at
the end, LJ Speech's lines without a header (name|text|normalised text), lines with the text before the file,
a column that holds only names of splits, and JSON with one object per row.
`table_finder.py` finds the file, and `table_header.py` interprets its first line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from omni_lib.corpora.table_finder import WRITE, refuse_transcript
from omni_lib.corpora.table_header import (
    add_length,
    add_split,
    check_columns,
    drop_other_ends,
    known_columns,
    note_unread,
    refuse_lower_header,
    refuse_spaces,
    refuse_unknown_header,
)
from omni_lib.corpora.table_lines import have_names, is_sound, lines_in_quotes, torn_lines, without_first
from omni_lib.errors import UserError
from omni_lib.machine.mistaken import mistaken
from omni_lib.machine.tables import SOUND_ENDINGS, csv_rows, known_column, split_text, too_many_cells

_TORN = "its text goes on in the next line: write each text in one line"
_PACKED = {  # the first bytes of a file that is not text, and what it is
    b"PK\3\4": "an Excel workbook or another ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "packed with gzip",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "a database",
}
_LJ_NAME = re.compile(r"[\w-]+", re.ASCII)


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


def read_rows(path: Path) -> Table:
    """Read the rows of a table; blank lines are skipped.

    Raises:
        UserError: it is not UTF-8, is malformed, or its columns cannot be identified.
    """
    try:
        contents = path.read_bytes()
        for beginning, form in _PACKED.items():
            if contents.startswith(beginning):
                raise UserError(f"{path} is {form}, not text: save it as CSV (UTF-8)")
        if found := mistaken(contents[:512]):
            raise UserError(f"{path} is {found[0]}, not a table: {found[1]}")
        text = contents.decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8: save it as UTF-8 text") from None
    if text.count("\0") > len(text) / 4:  # every other byte of UTF-16 without a mark at its start
        raise UserError(f"{path} is UTF-16, not UTF-8: save it as UTF-8 text")
    if not text.strip():
        raise UserError(f"{path} is empty: write a path and a text in each line")
    refuse_transcript(path, text)
    if (
        re.match(r'\s*(?:\{\s*"|\[\s*\{)', text)
        or text.lstrip()[0] in "{["
        and path.suffix.lower() not in (".csv", ".tsv")
    ):
        return _from_json(path, text)
    return _from_csv(path, text)


def _from_csv(path: Path, text: str) -> Table:
    separator = re.match(r'"?sep=(.)"?\s*?\r?\n', text, re.IGNORECASE)  # Excel's own first line
    delimiter = separator[1] if separator else _delimiter(path, text.lstrip("\r\n").partition("\n")[0])
    if separator:
        text = "\n" + text[separator.end() :]  # lines keep their numbers
    # Quotes keep a comma inside a cell. With tabs and pipes they are not needed, and belong to the text.
    lines = csv_rows(path, text, delimiter, quotes=delimiter in ",;")
    if (unpacked := lines_in_quotes(lines, delimiter)) is not None:
        return _from_csv(path, unpacked)
    torn = torn_lines(lines) if delimiter not in ",;" else set()
    rows = [(line, [cell.strip().strip('"') for cell in cells]) for line, cells in lines]
    rows = [(line, cells) for line, cells in rows if any(cells)]
    if not rows:
        raise UserError(f"{path} is empty: write a path and a text in each line")
    header = _without_empty_end(rows[0][1])
    names, units = known_columns(path, header)
    if "path" in names and "text" in names:
        if have_names(rows[1:], header, names["path"]):
            lines, rows = ([all_rows[0], *without_first(all_rows[1:])] for all_rows in (lines, rows))
        filled = [(line, cells + [""] * (len(header) - len(cells))) for line, cells in rows[1:]]
        named = [(line, dict(zip(header, cells, strict=False))) for line, cells in filled]
        drop_other_ends(names, units, [row for _, row in named])
        check_columns(path, names, named)
        add_split(header, names, units, [row for _, row in named])
        add_length(names, units, [row for _, row in named])
        places = {ours: header.index(theirs) for ours, theirs in names.items()}
        found = [_row(line, cells, places, len(header), path.parent, delimiter) for line, cells in rows[1:]]
        found = [replace(row, problem=row.problem or _TORN) if row.line in torn else row for row in found]
        if delimiter == ",":
            causes = {line: split_text(cells, places["text"]) for line, cells in lines[1:]}
            found = [replace(row, problem=row.problem or causes[row.line] or "") for row in found]
        return Table(found, names, units, note_unread(names, [row for _, row in named]))
    if (lj := _lj_places(path.parent, rows, delimiter)) is not None:
        width = lj["text"] + 1
        found = [_row(line, cells, lj, width, path.parent, delimiter, "wavs/{}.wav") for line, cells in rows]
        return Table(found, {"path": "the first", "text": "the last"}, {})
    refuse_lower_header(path, rows)
    refuse_spaces(path, rows)
    if len(header) == 2 or all(len(cells) != 2 for _, cells in rows):
        refuse_unknown_header(path, header, names, delimiter)  # else a text of the first row holds a comma
    sounds = [[is_sound(cell) for cell in cells[:2]] for _, cells in rows]
    places = (
        {"path": 1, "text": 0} if all(each == [False, True] for each in sounds) else {"path": 0, "text": 1}
    )
    return Table([_row(line, cells, places, 2, path.parent, delimiter) for line, cells in rows], {}, {})


def _delimiter(path: Path, first_line: str) -> str:
    """The character between known column names; if there are none, the likeliest one in the first line."""

    def known(delimiter: str) -> int:
        return len({column[0] for cell in first_line.split(delimiter) if (column := known_column(cell))})

    best = max("\t,;|", key=known)
    if known(best) > 1:
        return best
    if "\t" in first_line:
        return "\t"
    for mark in ";|":  # a comma behind the name of a file may belong to the text
        first = first_line.partition(mark)[0]
        if (
            mark in first_line
            and "," not in first
            and Path(first.strip(' "')).suffix.lower() in SOUND_ENDINGS
        ):
            return mark
    if "," in first_line:  # a text may hold a semicolon or a |
        return "|" if first_line.count("|") >= 2 else ","
    return next((mark for mark in ";|" if mark in first_line), ",")


def _row(
    line: int,
    cells: Sequence[str],
    places: Mapping[str, int],
    width: int,
    folder: Path,
    delimiter: str,
    pattern: str = "{}",
) -> Row:
    if len(cells) > width and not any(cells[width:]):
        cells = cells[:width]  # the commas that Excel writes after the last column
    if len(cells) < width and len(cells) > max(places.values(), default=0):
        cells = [*cells, *[""] * (width - len(cells))]  # empty columns at the end were omitted
    if len(cells) > width:
        return Row(line, problem=f"{len(cells)} cells instead of {width}: {too_many_cells(cells, delimiter)}")
    if len(cells) < width:
        other = next((mark for mark in ";\t|," if any(mark in cell for cell in cells)), None)
        remedy = (
            f"this line has {other!r} between its cells, and the first line something else"
            if other and len(cells) == 1
            else "write all of them, empty ones too"
        )
        return Row(line, problem=f"{len(cells)} cells instead of {width}: {remedy}")
    if any("\n" in cell or "\r" in cell for cell in cells):
        return Row(line, problem="a cell runs over several lines: close its quotes, or write it in one line")
    found = {ours: cells[place] for ours, place in places.items()}
    if pattern != "{}" and not (folder / found["path"]).is_file():
        found["path"] = pattern.format(found["path"])
    return Row(line, found)


def _without_empty_end(header: Sequence[str]) -> list[str]:
    kept = list(header)
    while kept and not kept[-1]:
        kept.pop()
    return kept


def _lj_places(folder: Path, rows: Sequence[tuple[int, list[str]]], delimiter: str) -> dict[str, int] | None:
    """The columns of LJ Speech's format, which many single-speaker corpora use.

    A line is `name|text|normalised text`, and its sound is wavs/name.wav. None if the table is different.
    """
    width = max(len(_without_empty_end(cells)) for _, cells in rows)
    if delimiter != "|" or width not in (2, 3):
        return None
    names = [cells[0] for _, cells in rows if cells and _LJ_NAME.fullmatch(cells[0])]
    there = any((folder / "wavs" / f"{name}.wav").is_file() for name in names[:1000])
    return {"path": 0, "text": width - 1} if there else None


def _from_json(path: Path, text: str) -> Table:
    """Read JSON lines (NeMo, Hugging Face), or one JSON list or object of all rows (SpeechBrain).

    Raises:
        UserError: it is not JSON, or no object names a file and a text.
    """
    objects: list[tuple[int, object]] = []
    try:
        whole = json.loads(text, object_pairs_hook=_Object)
    except ValueError:
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                try:
                    objects.append(
                        (number, json.loads(line.strip().removesuffix(","), object_pairs_hook=_Object))
                    )
                except ValueError as error:
                    objects.append((number, f"it is not JSON ({error})"))
    except RecursionError:
        raise UserError(f"{path} is nested too deeply: write one JSON object a line") from None
    else:
        if isinstance(whole, dict) and not all(isinstance(value, dict) for value in whole.values()):
            whole = _only_list(path, whole) or [whole]
        if isinstance(whole, _Object) and whole.twice:
            raise UserError(f"{path} has the key {whole.twice[:40]!r} twice: give each row a key of its own")
        values: Iterable[object] = (
            whole.values() if isinstance(whole, dict) else whole if isinstance(whole, list) else ()
        )
        objects = list(enumerate(values, 1))
    keys = list(dict.fromkeys(key for _, each in objects if isinstance(each, dict) for key in each))
    if objects and not keys:
        raise UserError(f"{path} line {objects[0][0]}: {objects[0][1]}: write one JSON object in each line")
    names, units = known_columns(path, keys)
    if "segments" in keys and "path" not in names:
        raise UserError(f"{path} is a transcript of one recording, not a table of recordings: {WRITE}")
    if "path" not in names or "text" not in names:
        raise UserError(
            f"{path} has the keys {', '.join(repr(key[:40]) for key in keys[:12]) or 'of nothing'}: name the"
            " file"
            " audio_path and the text transcription in each object"
        )
    rows = [
        (number, {key: _scalar(each.get(key)) for key in keys})
        for number, each in objects
        if isinstance(each, dict)
    ]
    drop_other_ends(names, units, [row for _, row in rows])
    check_columns(path, names, rows)
    add_split(keys, names, units, [row for _, row in rows])
    add_length(names, units, [row for _, row in rows])
    notes = note_unread(names, [row for _, row in rows])
    return Table([_json_row(number, each, names) for number, each in objects], names, units, notes)


def _only_list(path: Path, whole: dict[str, object]) -> list[object] | None:
    """The rows of a table in one key of a JSON object, such as data; None where the object is a row."""
    lists = [value for value in whole.values() if isinstance(value, list) and value]
    if len(lists) != 1 or not all(isinstance(each, dict) for each in lists[0]):
        return None
    inner, outer = (known_columns(path, list(keys))[0] for keys in (lists[0][0], whole))
    return lists[0] if {"path", "text"} <= inner.keys() and "path" not in outer else None


def _scalar(value: object) -> str:
    """A JSON value as a cell; "" for one that holds others, unless it is a pair such as [0.5, 1.8]."""
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
            value = " ".join(value)
        if isinstance(value, bool) or (value is not None and not isinstance(value, str | int | float)):
            return Row(number, problem=f"{theirs} is neither text nor a number")
        cells[ours] = "" if value is None else str(value).strip()
    if any("\n" in cell or "\r" in cell for name, cell in cells.items() if name != "text"):
        return Row(number, problem="a cell runs over several lines")
    return Row(number, cells)
