"""Read a table of recordings and texts into rows with our own column names: CSV, TSV, pipes, JSON lines.

Detected automatically: the delimiter (comma, semicolon, tab, |; a first line `sep=;`), the column names of
Kaldi, NeMo, SpeechBrain, Hugging Face, DeepSpeech and Common Voice, a column of row numbers, empty columns at
the end, LJ Speech's lines without a header (name|text|normalised text), and JSON with one object per row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from omni_lib.errors import UserError
from omni_lib.machine.tables import (
    SOUND_ENDINGS,
    csv_rows,
    is_litter,
    known_column,
    split_text,
    too_many_cells,
)

_TABLES = (".csv", ".tsv", ".jsonl")  # looked for first
_MAYBE = (".json", ".ndjson", ".manifest", ".psv", ".txt")  # where none of those is there
_KALDI = ("wav.scp", "text", "segments", "utt2spk", "spk2utt")
_TORN = "its text goes on in the next line: write each text in one line"
_LJ_NAME = re.compile(r"[\w-]+", re.ASCII)


@dataclass(frozen=True)
class Row:
    """One row, as cells under our own names of columns, or the reason why it cannot be used."""

    line: int  # of the file, 1-based; in a JSON list or object, the number of the row
    cells: dict[str, str] = field(
        default_factory=dict
    )  # path, text and perhaps speaker, split, start, end, duration
    problem: str = ""


@dataclass(frozen=True)
class Table:
    """The rows of a table without its header, and its names of the known columns."""

    rows: list[Row]
    names: dict[str, str]  # our name of a column → the table's own
    units: dict[str, str]  # start, end, duration → s, ms, samples, frames, or "" where the name has none


def find_table(source: Path) -> Path:
    """The table that `source` is, or the only one in the folder `source`.

    Raises:
        UserError: the folder holds no table, or several.
    """
    _refuse_kaldi(source)
    if source.is_file():
        return source
    if not source.is_dir():
        raise UserError(f"{source} does not exist: name a folder of recordings, or the CSV or TSV file in it")
    files = sorted(path for path in source.iterdir() if path.is_file() and not is_litter(path))
    files = [path for path in files if not path.name.startswith(("~$", ".~lock"))]  # of an open spreadsheet
    found = [path for path in files if _is_table(path)]
    found = found or [
        path for path in files if path.suffix.lower() in _MAYBE and "readme" not in path.name.lower()
    ]
    if not found:
        sheets = [path.name for path in files if path.suffix.lower() in (".xlsx", ".xls", ".ods", ".numbers")]
        remedy = (
            f"save {sheets[0]} as CSV (UTF-8)" if sheets else "write one with a path and a text in each line"
        )
        raise UserError(f"{source} holds no .csv and no .tsv file: {remedy}")
    if len(found) > 1:
        raise UserError(
            f"{source} holds {len(found)} tables, {', '.join(path.name for path in found)}: name the one you"
            " mean"
        )
    return found[0]


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in _TABLES and path.is_file() and not is_litter(path)


def _refuse_kaldi(source: Path) -> None:
    """Refuse the data folder of a Kaldi recipe, and each of its files.

    Raises:
        UserError: `source` is one, and no table lies in it.
    """
    folder = source if source.is_dir() else source.parent
    if source.is_dir():
        meant = not any(_is_table(path) for path in folder.iterdir())
    else:
        meant = source.name in _KALDI
    if meant and (folder / "wav.scp").is_file() and (folder / "text").is_file():
        cut = ", and the start and end from segments" if (folder / "segments").is_file() else ""
        raise UserError(
            f"{folder} is a Kaldi data folder: write a table with a header audio_path,transcription"
            f"{',start,end' if cut else ''} and, for each line of text, the file that wav.scp names for its"
            f" {'recording' if cut else 'key'}, its words{cut}"
        )


def read_rows(path: Path) -> Table:
    """Read the rows of a table; blank lines are skipped.

    Raises:
        UserError: it is not UTF-8, is malformed, or its columns cannot be identified.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8: save it as UTF-8 text") from None
    if text.count("\0") > len(text) / 4:  # every other byte of UTF-16 without a mark at its start
        raise UserError(f"{path} is UTF-16, not UTF-8: save it as UTF-8 text")
    if not text.strip():
        raise UserError(f"{path} is empty: write a path and a text in each line")
    if text.lstrip()[0] in "{[" and path.suffix.lower() not in (".csv", ".tsv"):
        return _from_json(path, text)
    return _from_csv(path, text)


def _from_csv(path: Path, text: str) -> Table:
    separator = re.match(r'"?sep=(.)"?\s*?\r?\n', text, re.IGNORECASE)  # Excel's own first line
    delimiter = separator[1] if separator else _delimiter(path, text.lstrip("\r\n").partition("\n")[0])
    if separator:
        text = "\n" + text[separator.end() :]  # lines keep their numbers
    # Quotes keep a comma inside a cell. With tabs and pipes they are not needed, and belong to the text.
    lines = csv_rows(path, text, delimiter, quotes=delimiter in ",;")
    torn = _torn(lines) if delimiter not in ",;" else set()
    rows = [(line, [cell.strip().strip('"') for cell in cells]) for line, cells in lines]
    rows = [(line, cells) for line, cells in rows if any(cells)]
    if not rows:
        raise UserError(f"{path} is empty: write a path and a text in each line")
    header = _without_empty_end(rows[0][1])
    names, units = _columns(path, header)
    if "path" in names and "text" in names:
        places = {ours: header.index(theirs) for ours, theirs in names.items()}
        found = [_row(line, cells, places, len(header), path.parent, delimiter) for line, cells in rows[1:]]
        found = [replace(row, problem=row.problem or _TORN) if row.line in torn else row for row in found]
        if delimiter == ",":
            causes = {line: split_text(cells, places["text"]) for line, cells in lines[1:]}
            found = [replace(row, problem=row.problem or causes[row.line] or "") for row in found]
        _refuse_unnamed_times(path, header, names, [cells for _, cells in rows[1:]])
        return Table(found, names, units)
    if (lj := _lj_places(path.parent, rows, delimiter)) is not None:
        found = [
            _row(line, cells, lj, len(header), path.parent, delimiter, "wavs/{}.wav") for line, cells in rows
        ]
        return Table(found, {"path": "the first", "text": "the last"}, {})
    if len(header) == 2 or all(len(cells) != 2 for _, cells in rows):
        _refuse_unknown_header(path, header, names, delimiter)  # else a text of the first row holds a comma
    places = {"path": 0, "text": 1}
    return Table([_row(line, cells, places, 2, path.parent, delimiter) for line, cells in rows], {}, {})


def _torn(lines: Sequence[tuple[int, list[str]]]) -> set[int]:
    """The lines whose last cell opens a quote that the next line, which has fewer cells, closes."""
    return {
        line
        for (line, cells), (_, behind) in pairwise(lines)
        if cells[-1].lstrip().startswith('"')
        and cells[-1].count('"') % 2
        and len(behind) < len(cells)
        and '"' in behind[0]
    }


def _delimiter(path: Path, first_line: str) -> str:
    """The character between known column names; if there are none, the likeliest one in the first line."""

    def known(delimiter: str) -> int:
        return len({column[0] for cell in first_line.split(delimiter) if (column := known_column(cell))})

    best = max("\t,;|", key=known)
    if known(best) > 1:
        return best
    if "\t" in first_line:
        return "\t"
    if "," in first_line:  # a text may hold a semicolon or a |
        return "|" if first_line.count("|") >= 2 else ","
    return next((mark for mark in ";|" if mark in first_line), ",")


def _columns(path: Path, header: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The known columns of a header, and the units in their names.

    Raises:
        UserError: a known column occurs twice.
    """
    best: dict[str, tuple[int, str, str]] = {}
    for name in header:
        if (column := known_column(name)) is not None:
            ours, unit, rank = column
            if ours in best and best[ours][1] == name:
                raise UserError(f"{path} has the column {name} twice: which one is meant?")
            best[ours] = min(best.get(ours, (rank, name, unit)), (rank, name, unit))
    named = {name.strip().lower() for name in header}
    if {"onset", "offset"} <= named:  # together they are the two ends of a segment
        offset = next(name for name in header if name.strip().lower() == "offset")
        best["end"] = (0, offset, "")
        best["start"] = (0, next(name for name in header if name.strip().lower() == "onset"), "")
    for first, second in (("from", "to"), ("t0", "t1")):
        if {first, second} <= named and not {"start", "end", "duration"} & best.keys():
            for ours, theirs in (("start", first), ("end", second)):
                best[ours] = (0, next(name for name in header if name.strip().lower() == theirs), "")
    return {ours: found[1] for ours, found in best.items()}, {ours: found[2] for ours, found in best.items()}


def _refuse_unnamed_times(
    path: Path, header: Sequence[str], names: Mapping[str, str], rows: Sequence[Sequence[str]]
) -> None:
    """Refuse a table whose start and end times seem to be in columns with unknown names.

    Two neighbouring columns are taken for times if they divide each recording among its several texts.

    Raises:
        UserError: such columns exist; without them, every text would get the whole recording.
    """
    if "start" in names:
        return
    recording, text = header.index(names["path"]), header.index(names["text"])
    full = [cells for cells in rows if len(cells) >= len(header)]
    for first, second in pairwise(range(len(header))):
        if header[first] in names.values() or header[second] in names.values():
            continue
        parts: dict[str, set[tuple[float, float, str]]] = {}
        try:
            for cells in full:
                part = (float(cells[first]), float(cells[second]), cells[text])
                parts.setdefault(cells[recording], set()).add(part)
        except ValueError:
            continue
        if all(_in_turn(found) for found in parts.values()) and any(
            len(found) > 1 for found in parts.values()
        ):
            raise UserError(
                f"{path} has a recording with several texts, and the columns {header[first]!r} and"
                f" {header[second]!r} seem to say which part each belongs to: rename them to start and end"
            )


def _in_turn(parts: Iterable[tuple[float, float, str]]) -> bool:
    """Whether each part has a positive length and begins after the end of the previous one."""
    ends = [0.0] + [end for _, end, _ in sorted(parts)]
    return all(before <= start < end for before, (start, end, _) in zip(ends, sorted(parts), strict=False))


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
        return Row(line, problem="a cell runs over several lines: close its quotes")
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
    if delimiter != "|" or len(rows[0][1]) not in (2, 3):
        return None
    names = [cells[0] for _, cells in rows if cells and _LJ_NAME.fullmatch(cells[0])]
    there = any((folder / "wavs" / f"{name}.wav").is_file() for name in names[:1000])
    return {"path": 0, "text": len(rows[0][1]) - 1} if there else None


def _refuse_unknown_header(
    path: Path, header: Sequence[str], names: Mapping[str, str], delimiter: str
) -> None:
    """Refuse a table whose first line seems to be a header with unknown column names.

    Raises:
        UserError: it seems so, or there are more than two columns without names.
    """
    sounds = [cell for cell in header if Path(cell.replace("\\", "/")).suffix.lower() in SOUND_ENDINGS]
    listed = ", ".join(repr(cell[:40]) for cell in header[:12])
    if len(header) == 1:
        raise UserError(
            f"{path} has one column, {listed}: write a path and a text in each line, with a comma or a tab"
            " between them"
        )
    if len(header) == 2 and (sounds or not names) and not _looks_like_header(header):
        return
    if sounds:
        raise UserError(
            f"{path} has {len(header)} columns and no names for them: put a first line with their names"
            " above the rows,"
            f" audio_path for the files and transcription for the texts, with {delimiter!r} between them"
        )
    lacking = [
        ours for ours, wanted in (("audio_path", "path"), ("transcription", "text")) if wanted not in names
    ]
    raise UserError(
        f"{path} has the columns {listed}, and none that is known as {' or '.join(lacking)}: rename the"
        " column of the"
        f" {'files' if lacking[0] == 'audio_path' else 'texts'} to {lacking[0]}"
        + (f", and that of the texts to {lacking[1]}" if len(lacking) > 1 else "")
    )


def _looks_like_header(header: Sequence[str]) -> bool:
    return not any(Path(cell.replace("\\", "/")).suffix for cell in header) and all(
        re.fullmatch(r"[A-Za-z][A-Za-z0-9]*[_ -][\w -]*|[A-Za-z]+", cell) and len(cell) < 40
        for cell in header
    )


def _from_json(path: Path, text: str) -> Table:
    """Read JSON lines (NeMo, Hugging Face), or one JSON list or object of all rows (SpeechBrain).

    Raises:
        UserError: it is not JSON, or no object names a file and a text.
    """
    objects: list[tuple[int, object]] = []
    try:
        whole = json.loads(text)
    except ValueError:
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                try:
                    objects.append((number, json.loads(line)))
                except ValueError as error:
                    objects.append((number, f"it is not JSON ({error})"))
    except RecursionError:
        raise UserError(f"{path} is nested too deeply: write one JSON object a line") from None
    else:
        if isinstance(whole, dict) and not all(isinstance(value, dict) for value in whole.values()):
            whole = [whole]
        values: Iterable[object] = (
            whole.values() if isinstance(whole, dict) else whole if isinstance(whole, list) else ()
        )
        objects = list(enumerate(values, 1))
    keys = list(dict.fromkeys(key for _, each in objects if isinstance(each, dict) for key in each))
    names, units = _columns(path, keys)
    if "path" not in names or "text" not in names:
        raise UserError(
            f"{path} has the keys {', '.join(repr(key[:40]) for key in keys[:12]) or 'of nothing'}: name the"
            " file"
            " audio_path and the text transcription in each object"
        )
    return Table([_json_row(number, each, names) for number, each in objects], names, units)


def _json_row(number: int, each: object, names: Mapping[str, str]) -> Row:
    if not isinstance(each, dict):
        return Row(number, problem=each if isinstance(each, str) else "it is not a JSON object")
    cells = {}
    for ours, theirs in names.items():
        value = each.get(theirs)
        if isinstance(value, dict) and ours == "path":  # Hugging Face: {"path": …, "bytes": null}
            value = value.get("path")
        if isinstance(value, list) and ours == "text" and all(isinstance(word, str) for word in value):
            value = " ".join(value)
        if value is not None and not isinstance(value, str | int | float):
            return Row(number, problem=f"{theirs} is neither text nor a number")
        cells[ours] = "" if value is None else str(value).strip()
    if any("\n" in cell or "\r" in cell for name, cell in cells.items() if name != "text"):
        return Row(number, problem="a cell runs over several lines")
    return Row(number, cells)
