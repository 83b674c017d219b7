"""Find the columns of the path, the text, the start … in the header of a table, or refuse the header.

`machine/tables.py` lists the names of these columns in other programs. This module chooses among several
columns with the same meaning. It also refuses tables that would pair recordings with wrong texts: those
without known names, with names below a title, or with two columns of texts that differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean

from omni_lib.corpora.rival_columns import refuse_rival_files, refuse_rival_texts
from omni_lib.corpora.table_finder import WRITE
from omni_lib.errors import UserError
from omni_lib.machine.segment_times import is_date, number_in, refuse_unnamed_times
from omni_lib.machine.spans import refuse_spans
from omni_lib.machine.tables import SOUND_ENDINGS, known_column
from omni_lib.manifest import SPLITS, split_hint

# columns that hold sentences beside single words, and not what was said
_EXPLAIN = re.compile(
    r"(?:.*[ _])?(?:definition|meaning|translation|gloss|example|description|comment|accent|device|location"
    r"|address|emotion|title|book|song|artist|author)s?(?:[ _].*)?",
    re.IGNORECASE,
)


def known_columns(path: Path, header: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The known columns of a header, and the units in their names.

    Raises:
        UserError: a known column occurs twice.
    """
    best: dict[str, tuple[int, str, str]] = {}
    for name in header:
        if (column := known_column(name)) is not None:
            ours, unit, rank = column
            if ours in best and best[ours][1] == name:
                raise UserError(f"{path} has the column {name} twice: remove one of them")
            best[ours] = min(best.get(ours, (rank, name, unit)), (rank, name, unit))
    named = {name.strip().lower() for name in header}
    if {"onset", "offset"} <= named:  # together they are the two ends of a segment
        offset = next(name for name in header if name.strip().lower() == "offset")
        best["end"] = (0, offset, "")
        best["start"] = (0, next(name for name in header if name.strip().lower() == "onset"), "")
    # beside a start, a length is that of the segment; elsewhere it may count letters
    if "start" in best and not {"end", "duration"} & best.keys() and "length" in named:
        best["duration"] = (0, next(name for name in header if name.strip().lower() == "length"), "")
    if {"frame_offset", "num_frames"} <= named and not {"end", "duration"} & best.keys():  # of torchaudio
        frames = next(name for name in header if name.strip().lower() == "num_frames")
        best["duration"] = (0, frames, "samples")
    for first, second in (("from", "to"), ("t0", "t1")):
        if {first, second} <= named and not {"start", "end", "duration"} & best.keys():
            for ours, theirs in (("start", first), ("end", second)):
                best[ours] = (0, next(name for name in header if name.strip().lower() == theirs), "")
    return {ours: found[1] for ours, found in best.items()}, {ours: found[2] for ours, found in best.items()}


def settle_columns(
    path: Path,
    names: dict[str, str],
    units: dict[str, str],
    rows: Sequence[tuple[int, Mapping[str, str]]],
) -> None:
    """Correct the known columns of a table by what its rows hold, or refuse the table.

    Args:
        path: the file of the table.
        names: our names of the known columns, and the table's own; path and text are among them. Changed.
        units: the units of start, end and duration. Changed.
        rows: the line and the cells of each row, by the table's names of the columns.

    Raises:
        UserError: recordings would be paired with wrong texts; see `_check_columns`.
    """
    cells = [row for _, row in rows]
    _drop_other_ends(path, names, units, cells)
    _check_columns(path, names, rows)
    _add_split(names, units, cells)
    _add_length(names, units, cells)


def _drop_other_ends(
    path: Path, names: dict[str, str], units: dict[str, str], rows: Sequence[Mapping[str, str]]
) -> None:
    """Remove from the known columns those of a start and an end that hold dates, or of people and places.

    A date says when a recording was made. Columns from and to may name who speaks to whom.

    Raises:
        UserError: the texts of one recording have different dates, so that these are the times of segments.
    """
    for ours in ("start", "end"):
        cells = [row[names[ours]] for row in rows if row.get(names[ours])] if ours in names else []
        persons = cells and names[ours].strip().lower() in ("from", "to")
        if cells and (all(map(is_date, cells)) or (persons and not re.search(r"\d", "".join(cells)))):
            if len({row.get(names["path"]) for row in rows}) < len(
                {(row.get(names["path"]), row.get(names[ours])) for row in rows}
            ):
                raise UserError(
                    f"{path} has different dates in its column {names[ours]} for the texts of one recording:"
                    " write the seconds from the beginning of the recording"
                )
            del names[ours], units[ours]


def refuse_lower_header(path: Path, rows: Sequence[tuple[int, Sequence[str]]]) -> None:
    """Refuse a table whose column names come after a title or a comment.

    Raises:
        UserError: the first lines are neither names nor rows, and the names follow.
    """
    for line, cells in rows[:10]:
        if any(Path(cell.replace("\\", "/")).suffix.lower() in SOUND_ENDINGS for cell in cells):
            return
        if {"path", "text"} <= {column[0] for cell in cells if (column := known_column(cell))}:
            raise UserError(f"{path} has its column names in line {line}: remove the lines above them")


def refuse_spaces(path: Path, rows: Sequence[tuple[int, Sequence[str]]]) -> None:
    """Refuse lines without a header that have a space between file and text, such as `a.wav hello, you`.

    They are not read, since another column, such as the speaker, would become a part of the text.

    Raises:
        UserError: all are such lines.
    """
    ending = "|".join(map(re.escape, SOUND_ENDINGS))
    spaced = re.compile(rf"\S+(?:{ending})\s+\S(?!.*(?:{ending})$)", re.IGNORECASE)
    if all(spaced.match(cells[0]) for _, cells in rows):
        raise UserError(
            f"{path} has spaces between its files and texts, as in {rows[0][1][0][:40]!r}: separate"
            " them with a comma or a tab"
        )


def _check_columns(
    path: Path, names: Mapping[str, str], rows: Sequence[tuple[int, Mapping[str, str]]]
) -> None:
    """Refuse a table with a known path and text that would pair recordings with wrong texts.

    Args:
        path: the file of the table.
        names: our names of the known columns, and the table's own.
        rows: the line and the cells of each row, by the table's names of the columns.

    Raises:
        UserError: the columns of the path and the text are swapped, that of the text only counts, there are
            two texts that differ, or times of segments under unknown names.
    """
    cells = [row for _, row in rows]
    texts = [row.get(names["text"], "") for row in cells]
    refuse_spans(path, cells)
    _refuse_swapped(path, names, cells)
    _refuse_counts(path, names, texts)
    _refuse_shorter(path, names, cells)
    refuse_unnamed_times(path, names, cells, inside=True)
    refuse_rival_texts(path, rows)
    refuse_rival_files(path, names, rows)


def _refuse_swapped(path: Path, names: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> None:
    """Refuse a table with the files in the column of the texts, and the texts in that of the files.

    Raises:
        UserError: the names of the two columns are swapped.
    """

    def sounds(name: str) -> int:
        return sum(Path(row.get(name, "").replace("\\", "/")).suffix.lower() in SOUND_ENDINGS for row in rows)

    if 2 * sounds(names["text"]) > len(rows) and not sounds(names["path"]):
        raise UserError(
            f"{path} has names of files in its column {names['text']}, and none in {names['path']}: swap the"
            " names of these columns"
        )


def _refuse_shorter(path: Path, names: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> None:
    """Refuse a table whose texts are single words, and of which another column holds sentences.

    Raises:
        UserError: no two cells of that column are equal, so that they are probably what was said.
    """
    if len(rows) < 3 or mean(len(row.get(names["text"], "").split()) for row in rows) > 1.5:
        return
    for name in rows[0]:
        if name in names.values() or _EXPLAIN.fullmatch(name.strip()):
            continue
        cells = [row.get(name, "") for row in rows]
        letters = all(re.fullmatch(r"[^\d/\\{}\[\]<>=_]*", cell) for cell in cells)
        if letters and len(set(cells)) == len(cells):
            if mean(len(cell.split()) for cell in cells) >= 2.5:
                raise UserError(
                    f"{path} has single words in its column {names['text']}, and sentences in {name}: if"
                    " those are what was said, rename that column to transcription and this one to something"
                    " else; if not, remove it"
                )


def _refuse_counts(path: Path, names: Mapping[str, str], texts: Iterable[str]) -> None:
    """Refuse a table whose text would be taken from a column that only counts or numbers something.

    Raises:
        UserError: the column is named words or utterance, and holds figures only.
    """
    if names["text"].strip().lower() in ("words", "utterance") and all(map(str.isdecimal, texts)):
        raise UserError(
            f"{path} has only figures in its column {names['text']}, which may count something: rename the"
            " column of the texts to transcription"
        )


def _add_length(names: dict[str, str], units: dict[str, str], rows: Sequence[Mapping[str, str]]) -> None:
    """Add to the known columns one named length that holds fractions: seconds, not a number of letters.

    It becomes a duration, which is compared with that of the recording.
    """
    name = next((name for name in (rows[0] if rows else ()) if name.strip().lower() == "length"), None)
    if name is None or {"start", "end", "duration"} & names.keys():
        return
    values = [number_in(row[name]) for row in rows if row.get(name)]
    if None not in values and any(value != int(value or 0) for value in values):
        names["duration"], units["duration"] = name, ""


def _add_split(names: dict[str, str], units: dict[str, str], rows: Sequence[Mapping[str, str]]) -> None:
    """Add to the known columns one of another name that holds only names of splits, such as set or usage."""
    if "split" in names or not rows:
        return
    for name in [name for name in rows[0] if name not in names.values()]:
        values = {row.get(name, "").strip().lower() for row in rows} - {""}
        several = len(values) > 1 and any(
            each == "train" or "write train" in split_hint(each) for each in values
        )
        named = values and name.strip().lower() in ("set", "usage", "dataset", "data_set", "phase")
        if (several or named) and all(each in SPLITS or split_hint(each) for each in values):
            names["split"], units["split"] = name, ""
            return


def refuse_unknown_header(
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
    of_one = lacking == ["audio_path"] and {"start", "end"} <= names.keys()
    if of_one and {*header} <= {*names.values()}:
        raise UserError(f"{path} is a transcript of one recording, not a table of recordings: {WRITE}")
    raise UserError(
        f"{path} has the columns {listed}, and none that is known as {' or '.join(lacking)}: rename the"
        " column of the"
        f" {'files' if lacking[0] == 'audio_path' else 'texts'} to {lacking[0]}"
        + (", or add it, if these are the texts of one recording" if of_one else "")
        + (f", and that of the texts to {lacking[1]}" if len(lacking) > 1 else "")
        + ("; if this line is a row, write one with the names above it" if len(lacking) > 1 else "")
    )


def _looks_like_header(header: Sequence[str]) -> bool:
    return not any(Path(cell.replace("\\", "/")).suffix for cell in header) and all(
        re.fullmatch(r"[A-Za-z][A-Za-z0-9]*[_ -][\w -]*|[A-Za-z]+", cell) and len(cell) < 40
        for cell in header
    )
