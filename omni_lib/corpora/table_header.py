"""Find the columns of the path, the text, the start … in the header of a table, or refuse the header.

`machine/tables.py` lists the names of these columns in other programs. This module chooses among several
columns with the same meaning. It also refuses tables that would pair recordings with wrong texts: those
without known names, with names below a title, with two columns of texts that differ, or with start and end
times under unknown names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, pairwise, product
from pathlib import Path

from omni_lib.corpora.transcripts import spoken
from omni_lib.errors import UserError
from omni_lib.machine.tables import SOUND_ENDINGS, known_column

# Columns that hold a text. `words` is not among them, because it may hold the number of words.
_TEXTS = ("transcription", "text", "sentence", "transcript", "wrd")
_COMPARED = 50  # rows in which the columns of texts are compared


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
                raise UserError(f"{path} has the column {name} twice: which one is meant?")
            best[ours] = min(best.get(ours, (rank, name, unit)), (rank, name, unit))
    named = {name.strip().lower() for name in header}
    if {"onset", "offset"} <= named:  # together they are the two ends of a segment
        offset = next(name for name in header if name.strip().lower() == "offset")
        best["end"] = (0, offset, "")
        best["start"] = (0, next(name for name in header if name.strip().lower() == "onset"), "")
    # beside a start, a length is that of the segment; elsewhere it may count letters
    if "start" in best and not {"end", "duration"} & best.keys() and "length" in named:
        best["duration"] = (0, next(name for name in header if name.strip().lower() == "length"), "")
    for first, second in (("from", "to"), ("t0", "t1")):
        if {first, second} <= named and not {"start", "end", "duration"} & best.keys():
            for ours, theirs in (("start", first), ("end", second)):
                best[ours] = (0, next(name for name in header if name.strip().lower() == theirs), "")
    return {ours: found[1] for ours, found in best.items()}, {ours: found[2] for ours, found in best.items()}


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


def refuse_rival_texts(
    path: Path, names: Sequence[str], rows: Iterable[tuple[int, Mapping[str, object]]]
) -> None:
    """Refuse a table with two columns of texts that differ, such as a transcript and a recogniser's output.

    A text as printed and the same text in words count as equal.

    Args:
        path: the file of the table.
        names: its columns.
        rows: the number and the cells of each row; the first ones are compared.

    Raises:
        UserError: they differ.
    """
    rivals = [name for name in names if name.strip().lower() in _TEXTS]
    for (line, cells), (first, *others) in product(islice(rows, _COMPARED), [rivals] if rivals else []):
        for other in others:
            try:
                differ = spoken(str(cells[first] or "")) != spoken(str(cells[other] or ""))
            except (KeyError, UserError):  # a cell without a single reading
                continue
            if differ and cells[first] and cells[other]:
                raise UserError(
                    f"{path} has the columns {first} and {other}, which differ in line {line}: keep only the"
                    " one with what was said"
                )


def refuse_unnamed_times(
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
    raise UserError(
        f"{path} has the columns {listed}, and none that is known as {' or '.join(lacking)}: rename the"
        " column of the"
        f" {'files' if lacking[0] == 'audio_path' else 'texts'} to {lacking[0]}"
        + (f", and that of the texts to {lacking[1]}" if len(lacking) > 1 else "")
        + ("; if this line is a row, write one with the names above it" if len(lacking) > 1 else "")
    )


def _looks_like_header(header: Sequence[str]) -> bool:
    return not any(Path(cell.replace("\\", "/")).suffix for cell in header) and all(
        re.fullmatch(r"[A-Za-z][A-Za-z0-9]*[_ -][\w -]*|[A-Za-z]+", cell) and len(cell) < 40
        for cell in header
    )
