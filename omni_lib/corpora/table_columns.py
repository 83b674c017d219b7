"""What the known columns of a table hold: it may correct the choice that their names suggest.

A table that would pair recordings with wrong texts is refused: one whose columns are swapped, only count
something, or differ from others with the same meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean

from omni_lib.corpora.rival_columns import refuse_rival_files, refuse_rival_texts
from omni_lib.errors import UserError
from omni_lib.machine.segment_times import is_date, number_in, refuse_unnamed_times
from omni_lib.machine.spans import refuse_spans
from omni_lib.machine.tables import SOUND_ENDINGS
from omni_lib.manifest import SPLITS, split_hint

# columns that hold sentences beside single words, and not what was said
_EXPLAIN = re.compile(
    r"(?:.*[ _])?(?:definition|meaning|translation|gloss|example|description|comment|accent|device|location"
    r"|address|emotion|title|book|song|artist|author)s?(?:[ _].*)?",
    re.IGNORECASE,
)


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
