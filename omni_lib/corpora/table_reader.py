"""Read a table of recordings and texts into rows with our own column names: CSV, TSV, pipes, JSON lines.

Detected automatically: the delimiter (comma, semicolon, tab, |; a first line `sep=;`), the column names of
Kaldi, NeMo, SpeechBrain, Hugging Face, DeepSpeech and Common Voice, a column of row numbers, empty columns at
the end, LJ Speech's lines without a header (name|text|normalised text), lines with the text before the file,
a column that holds only names of splits, and JSON with one object per row.
`table_finder.py` finds the file, `table_header.py` interprets its first line, and `table_json.py` reads JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from omni_lib.corpora.ljspeech_form import lj_places, unlike
from omni_lib.corpora.misplaced_cells import moved_cells, torn_texts
from omni_lib.corpora.table import Row, Table
from omni_lib.corpora.table_columns import settle_columns
from omni_lib.corpora.table_finder import refuse_transcript
from omni_lib.corpora.table_header import (
    known_columns,
    refuse_lower_header,
    refuse_spaces,
    refuse_unknown_header,
)
from omni_lib.corpora.table_json import read_json
from omni_lib.corpora.table_lines import (
    Lines,
    have_names,
    is_sound,
    lines_in_quotes,
    torn_lines,
    without_first,
)
from omni_lib.corpora.translations import translated
from omni_lib.corpora.unread_columns import note_unread
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
        return read_json(path, text)
    return _from_csv(path, text)


def _from_csv(path: Path, text: str) -> Table:
    separator = re.match(r'"?sep=(.)"?\s*?\r?\n', text, re.IGNORECASE)  # Excel's own first line
    first = text[separator.end() if separator else 0 :].lstrip("\r\n").partition("\n")[0]
    # a copy of the table with other separators may have kept the line
    delimiter = separator[1] if separator and separator[1] in first else _delimiter(path, first)
    if separator:
        text = "\n" + text[separator.end() :]  # lines keep their numbers
    # Quotes keep a comma inside a cell. With tabs and pipes they are not needed, and belong to the text.
    lines = csv_rows(path, text, delimiter, quotes=delimiter in ",;")
    if (unpacked := lines_in_quotes(lines, delimiter)) is not None:
        return _from_csv(path, unpacked)
    rows = [(line, [cell.strip().strip('"') for cell in cells]) for line, cells in lines]
    rows = [(line, cells) for line, cells in rows if any(cells)]
    if not rows:
        raise UserError(f"{path} is empty: write a path and a text in each line")
    header = _without_empty_end(rows[0][1])
    names, units = known_columns(path, header)
    if "path" in names and "text" in names:
        return _headed(path, header, names, units, lines, rows, delimiter)
    if (lj := lj_places(path.parent, rows, delimiter)) is not None:
        if lj["text"] == 2:
            _refuse_unlike(path, rows)
        width = lj["text"] + 1
        found = [_row(line, cells, lj, width, path.parent, delimiter, "wavs/{}.wav") for line, cells in rows]
        wavs = path.parent / "wavs"
        torn = torn_texts(rows, 0, lj["text"], width, lambda name: (wavs / f"{name}.wav").is_file())
        return Table(_with_problems(found, torn), {"path": "the first", "text": "the last"}, {})
    return _without_header(path, header, names, rows, delimiter)


def _refuse_unlike(path: Path, rows: Lines) -> None:
    """Refuse lines in LJ Speech's form whose last cell is not the text before it, normalised.

    Raises:
        UserError: the last cells have other words than the texts.
    """
    if other := unlike([(cells[1], cells[2]) for _, cells in rows if len(cells) > 2]):
        raise UserError(
            f"{path} has {other[1][:40]!r} behind {other[0][:40]!r}, where the same text should follow in"
            " normalised form: remove the last column, or write a first line with the names of the columns,"
            " such as audio_path|transcription|speaker, and the files as wavs/NAME.wav"
        )


def _headed(
    path: Path,
    header: Sequence[str],
    names: dict[str, str],
    units: dict[str, str],
    lines: Lines,
    rows: Lines,
    delimiter: str,
) -> Table:
    """A table whose first line names the columns of the path and the text.

    Args:
        header: the first line.
        names: our names of the known columns, and the table's own; completed here.
        units: the units in their names; completed here.
        lines: the cells of each line as they are written, the first line included.
        rows: the same without spaces and quotes around the cells, and without empty lines.
    """
    torn = dict.fromkeys(torn_lines(lines), _TORN) if delimiter not in ",;" else {}
    if have_names(rows[1:], header, names["path"]):
        lines, rows = ([all_rows[0], *without_first(all_rows[1:])] for all_rows in (lines, rows))
    filled = [(line, [*cells, *[""] * (len(header) - len(cells))]) for line, cells in rows[1:]]
    named = [(line, dict(zip(header, cells, strict=False))) for line, cells in filled]
    settle_columns(path, names, units, named)
    places = {ours: header.index(theirs) for ours, theirs in names.items()}
    found = [_row(line, cells, places, len(header), path.parent, delimiter) for line, cells in rows[1:]]
    torn = torn_texts(rows[1:], places["path"], places["text"], len(header), is_sound) | torn
    found = _with_problems(found, torn | moved_cells(header, names, named) | translated(named))
    if delimiter == ",":
        causes = {line: split_text(cells, places["text"]) for line, cells in lines[1:]}
        found = _with_problems(found, {line: cause for line, cause in causes.items() if cause})
    return Table(found, names, units, note_unread(names, [row for _, row in named]))


def _without_header(
    path: Path, first: Sequence[str], names: Mapping[str, str], rows: Lines, delimiter: str
) -> Table:
    """A table of two columns, the file and the text in either order, whose first line is a row.

    Raises:
        UserError: the `first` line seems to be a header, or there are more columns.
    """
    refuse_lower_header(path, rows)
    refuse_spaces(path, rows)
    if len(first) == 2 or all(len(cells) != 2 for _, cells in rows):
        refuse_unknown_header(path, first, names, delimiter)  # else a text of the first row holds a comma
    text_first = all([is_sound(cell) for cell in cells[:2]] == [False, True] for _, cells in rows)
    places = {"path": 1, "text": 0} if text_first else {"path": 0, "text": 1}
    found = [_row(line, cells, places, 2, path.parent, delimiter) for line, cells in rows]
    torn = torn_texts(rows, places["path"], places["text"], 2, is_sound)
    return Table(_with_problems(found, torn), {}, {})


def _with_problems(rows: Sequence[Row], problems: Mapping[int, str]) -> list[Row]:
    """The rows, with the problems of these lines where they have none yet."""
    return [replace(row, problem=row.problem or problems.get(row.line, "")) for row in rows]


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
