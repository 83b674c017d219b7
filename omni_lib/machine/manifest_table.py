"""The CSV file of a manifest as rows with line numbers; refused where it is the table of another program.

`omni_lib/manifest.py` makes utterances of the rows. `tables.py` holds the names of columns in other programs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from omni_lib.errors import UserError
from omni_lib.machine.mistaken import mistaken
from omni_lib.machine.segment_times import is_date, refuse_unnamed_times
from omni_lib.machine.spans import refuse_spans
from omni_lib.machine.tables import csv_rows, known_column

REQUIRED = ("audio_path", "transcription")
_OURS = ("speaker", "split", "kind", "accent")  # the other columns of a manifest, which are not times
_COMPARED = 1000  # rows in which times under unknown names are looked for
TableRow = dict[str | None, str]  # cells by the name of their column; None: surplus cells


def read_table(path: Path) -> list[tuple[int, TableRow]]:
    """The rows of a CSV file with their 1-based line numbers, as dictionaries keyed by column name.

    Blank lines are skipped. If a row has more cells than the header and they are not all empty, the surplus
    cells are joined by commas under the key None.

    Raises:
        UserError: the file does not exist, cannot be read, is not UTF-8 or is malformed CSV, or its header
            lacks a column of `REQUIRED`, or names the speaker or the split in another way.
    """
    try:
        contents = path.read_bytes()
        _refuse_mistaken(path, contents[:512])
        text = contents.decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(_missing(path)) from None
    except OSError as error:
        in_it = f"name the manifest in it, such as {path / 'asr.csv'}"
        remedy = in_it if os.path.isdir(path) else "check its permissions"
        raise UserError(f"{path} cannot be read ({error.strerror}): {remedy}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 at byte {error.start}: save it as UTF-8 text") from None
    (_, header), *rows = csv_rows(path, text, ",") or [(1, [])]
    twice = sorted({column for column in header if column and header.count(column) > 1})
    if twice:
        raise UserError(f"{path} has the column {' and '.join(twice)} twice: remove one of them")
    missing = [column for column in REQUIRED if column not in header]
    if missing:
        lacking = f"column{'s' * (len(missing) > 1)} {' and '.join(missing)}"
        raise UserError(f"{path} lacks the {lacking}: {_remedy(path, text, header)}")
    for column in header:
        known = known_column(column)
        if known and known[0] in ("speaker", "split") and known[0] not in header:
            raise UserError(
                f"{path} has the column {column!r}, which a manifest does not have: rename it to {known[0]},"
                " or remove it"
            )
    found = []
    for line, cells in rows:
        row: TableRow = dict(zip(header, cells, strict=False))
        if any(cell.strip() for cell in cells[len(header) :]):
            row[None] = ",".join(cells[len(header) :])
        found.append((line, row))
    return found


def _refuse_mistaken(path: Path, head: bytes) -> None:
    """Refuse a file that is not a CSV table, by its first bytes.

    Raises:
        UserError: it is a web page, packed, a workbook or JSON.
    """
    if found := mistaken(head):
        raise UserError(f"{path} is {found[0]}, not a manifest: {found[1]}")
    if head.startswith(b"PK\3\4"):
        raise UserError(
            f"{path} is a checkpoint, an Excel workbook or another archive, not a manifest: name a CSV file"
            " (Excel saves one as CSV UTF-8)"
        )
    if head.startswith(b"\x1f\x8b"):
        raise UserError(f"{path} is packed, not a manifest: unpack it")
    if re.match(rb'(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{\s*"', head):
        raise UserError(
            f"{path} is JSON, not a manifest: 'omni data folder {path} --out DIR' reads tables in JSON"
        )


def _missing(path: Path) -> str:
    """The message for a manifest that does not exist.

    `omni data synth` is named only where it writes this very file, and no other table is there to be meant.
    """
    tables = sorted(table.name for table in path.parent.glob("*.csv"))
    if tables:
        remedy = f" (in that folder: {', '.join(tables[:3])})"
    elif path.name == "asr.csv":
        remedy = f", or make the embedded corpus with 'omni data synth --out {path.parent}'"
    else:
        remedy = ", or write a manifest with one of the commands 'omni data …'"
    return f"{path} does not exist: correct the path{remedy}"


def _remedy(path: Path, text: str, header: Sequence[str]) -> str:
    """The remedy for a header that is not that of a manifest: `omni data folder` reads most other tables."""
    first = text.lstrip("\n").partition("\n")[0].lower()
    cells = [cell.strip(' "\r') for mark in ",;\t|" for cell in first.split(mark)]
    known = {column[0] for cell in [*cells, *header] if (column := known_column(cell))}
    if first.startswith(("sep=", '"sep=')) or {"path", "text"} <= known:
        return f"'omni data folder {path} --out DIR' reads this table and writes a manifest of it"
    return "its first line must be audio_path,transcription[,speaker][,split]"


def refuse_segments(path: Path, rows: Sequence[tuple[int, TableRow]]) -> None:
    """Refuse times of segments: a manifest would use the whole recording with the text of one segment.

    Raises:
        UserError: a row has the start of a segment, perhaps in a column with an unknown name.
    """
    headed = dict.fromkeys(name for _, cells in rows for name in cells if name)  # any row may be short
    columns = {name: column[0] for name in headed if (column := known_column(name))}
    refuse_spans(path, [{name: row.get(name) or "" for name in headed} for _, row in rows])
    for name in [name for name, column in columns.items() if column in ("start", "end")]:
        filled = [cell for _, row in rows if (cell := (row.get(name) or "").strip())]
        if filled and all(map(is_date, filled)):  # when the recording was made
            del columns[name]
    times = {"start", "end", "duration"} & set(columns.values())
    if "start" not in times:
        ours = {column: name for name, column in columns.items() if column in times}
        known = {**ours, **{name: name for name in _OURS}, "path": REQUIRED[0], "text": REQUIRED[1]}
        sample = [{name: row.get(name) or "" for name in headed} for _, row in rows[:_COMPARED]]
        refuse_unnamed_times(path, known, sample, inside=False)
        return
    if len(times) == 1:
        name = next(name for name, column in columns.items() if column == "start")
        for line, cells in rows:
            if (cells.get(name) or "").strip(" 0.:"):
                raise UserError(
                    f"{path} has the column {name} (line {line}), but no end of segments: add a column end"
                )
        return
    names = [name for name, column in columns.items() if column in times]
    for line, cells in rows:
        if any((cells.get(name) or "").strip() for name in names if columns[name] == "start"):
            raise UserError(
                f"{path} has the columns {' and '.join(names)} (line {line}), but a manifest lists whole"
                f" files: 'omni data folder {path} --out DIR' cuts the segments out"
            )
