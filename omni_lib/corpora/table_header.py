"""Find the columns of the path, the text, the start … in the header of a table, or refuse the header.

`machine/tables.py` lists the names of these columns in other programs. This module chooses among several
columns with the same meaning. It refuses tables without known names, or with names below a title.
`table_columns.py` then looks at what the columns hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from omni_lib.corpora.table_finder import WRITE
from omni_lib.errors import UserError
from omni_lib.machine.tables import SOUND_ENDINGS, known_column


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
