"""Times that say where in its recording each text begins and ends, in columns whose names are not known.

Without them, each text of a segment would be taught with the whole recording. Such columns are known by their
names (ts_start and ts_end, Anfang and Ende), or by what they hold: two growing numbers that lie within each
recording, and between which its text can be spoken.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from statistics import median

from omni_lib.errors import UserError
from omni_lib.machine.sound.reading import open_sound

# words in the names of two columns for the ends of a segment, also in other languages, without accents
_STARTS = tuple(
    "start begin beg onset from in starts begins beginning anfang beginn von debut inicio inizio comienzo"
    " comeco desde da de van poczatek начало".split()
)
_ENDS = tuple(
    "end stop finish offset to out ends ending ende bis fin fim fine final termino hasta ate a tot einde"
    " koniec конец".split()
)
# the same for the length of a segment
_LENGTHS = frozenset(
    "duration dur length len dauer länge duree longueur duracion duracao durata duur длительность".split()
)
# words in the names of columns with other numbers, such as pitch_range, age and size
_NO_TIMES = frozenset(
    "age year size filesize bytes votes score confidence probability snr db f0 pitch hz frequency rate"
    " bitrate rms energy loudness level volume gain wer cer rating height weight price temperature silence"
    " distance date count".split()
)
# the same, unless the numbers have fractions: start_page counts pages, word_start may be a time
_NO_TIMES_IF_WHOLE = frozenset(
    "page line verse chapter paragraph row column index idx id words letters characters chars char word token"
    " tokens shift session hour hours day month week room".split()
)
_DATE = re.compile(  # 2024-05-01, 01.05.2024, 5/1/24; not 00.01.20, which is a time
    r"(?:(?:19|20)\d\d[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d|\d{1,2}/\d{1,2}/\d\d)"
    r"(?:[T ].*)?"
)
_TIME = re.compile(r"time|interval|segment|range|span|position", re.IGNORECASE)
_MOMENT = r"\s*(\d[\d:.]*(?:,\d+)?)\s*s?\s*"
_RANGE = re.compile(rf"[\[(]?{_MOMENT}(?:-+>?|–|—|,\s|;|to|(?<=\d),(?=\d+\.\d)){_MOMENT}[\])]?")
_CLOCK = re.compile(r"(?:(?P<hours>\d{1,3}):)?(?P<minutes>\d{1,2}):(?P<seconds>\d{2}(?:[.,]\d+)?)")
_COMPARED = 50  # rows whose times are compared with their recordings
_SLACK = 0.1  # seconds by which an end may lie behind the end of the recording
_SPEEDS = (1.5, 30.0)  # characters per second between two times: slow words, and faster than anybody speaks
_SHORTEST = 0.25  # seconds that a text takes at least, in the median: other numbers are closer together

Rows = Sequence[Mapping[str, str]]


def refuse_unnamed_times(path: Path, names: Mapping[str, str], rows: Rows, inside: bool) -> None:
    """Refuse a table whose start and end times seem to be in columns with unknown names.

    Such columns are: two whose names differ only in start and end, or words of that kind (ts_start and
    ts_end); one with both, as 0.5-1.8; two neighbours that divide each recording among its several texts, or
    whose numbers lie within the recordings.

    Args:
        path: the file of the table.
        names: our names of the known columns, and the table's own; path and text are among them.
        rows: the cells of each row by the table's names of the columns.
        inside: whether sound files outside the folder of the table must not be opened.

    Raises:
        UserError: such columns exist; without them, every text would get the whole recording.
    """
    if "start" in names or not rows:
        return
    unknown = [name for name in rows[0] if name and name not in names.values() and not _is_other(name, rows)]
    ends = [names["end"]] if "end" in names else []
    for first, second in _named_ends([*unknown, *ends]):
        if any(0 <= _number(row, first) < _number(row, second) for row in rows):
            raise UserError(
                f"{path} has {_both(first, second)}: rename them to start and end, or remove them"
            )
    length = _lengths(path.parent, inside)
    durations = [names["duration"]] if "duration" in names else []
    for first, second in _named_lengths([*unknown, *durations]):
        if _lie_within(names, _with_ends(rows, first, second), first, second, length):
            raise UserError(
                f"{path} has {_both(first, second)}: rename them to start and duration, or remove them"
            )
    for name in unknown:
        cells = [row[name] for row in rows if row.get(name)]
        fine = any(re.search(r"\d[.,:]\d", cell) for cell in cells)  # 3-4 may be lines of a book
        if _TIME.search(name) and fine and all(map(_is_range, cells)) and _may_fit(names, rows, name, length):
            raise UserError(
                f"{path} has the column {name!r}, which seems to say where in its recording each text begins"
                " and ends: write two columns, start and end, or remove it"
            )
    for first, second in pairwise(rows[0]):
        if {first, second} <= {*unknown} and _divide(names, rows, first, second):
            raise UserError(
                f"{path} has a recording with several texts, and the columns {first!r} and {second!r}"
                " seem to say which part each belongs to: rename them to start and end"
            )
    numeric = [name for name in rows[0] if name in {*unknown, *ends} and _is_numeric(name, rows)]
    for first, second in pairwise(numeric):
        if _lie_within(names, rows, first, second, length):
            raise UserError(
                f"{path} has {_both(first, second)}: rename them to start and end, or remove them"
            )


def is_date(cell: str) -> bool:
    """Whether a cell of a column such as start holds a date: when the recording was made, not a segment."""
    return _DATE.fullmatch(cell) is not None


def _is_other(name: str, rows: Rows) -> bool:
    """Whether a name says that its column holds other numbers than times."""
    words = _in_words(name).split()
    if _NO_TIMES_IF_WHOLE.isdisjoint(words):
        return not _NO_TIMES.isdisjoint(words)
    return not any(re.search(r"[.,]\d|:\d+:", row.get(name, "")) for row in rows)


def _both(first: str, second: str) -> str:
    return (
        f"the columns {first!r} and {second!r}, which seem to say where in its recording each text begins and"
        " ends"
    )


def _number(row: Mapping[str, str], name: str) -> float:
    value = number_in(row.get(name, ""))
    return -1.0 if value is None else value


def _is_numeric(name: str, rows: Rows) -> bool:
    cells = [row[name] for row in rows if row.get(name)]
    return bool(cells) and all(number_in(cell) is not None for cell in cells)


def _divide(names: Mapping[str, str], rows: Rows, first: str, second: str) -> bool:
    """Whether two columns of numbers divide the recordings among their texts."""
    parts: dict[str, set[tuple[float, float, str]]] = {}
    for row in rows:
        if not row.get(first) and not row.get(second):
            continue  # a row without times
        start, end = number_in(row.get(first, "")), number_in(row.get(second, ""))
        if start is None or end is None:
            return False
        parts.setdefault(row.get(names["path"], ""), set()).add((start, end, row.get(names["text"], "")))
    several = any(len(found) > 1 for found in parts.values())
    return several and all(_in_turn(found) for found in parts.values())


def _lie_within(
    names: Mapping[str, str],
    rows: Rows,
    first: str,
    second: str,
    length: Callable[[str], tuple[float, int] | None],
) -> bool:
    """Whether two columns hold a start and an end in each row: in seconds, milliseconds or samples."""
    found: dict[str, list[tuple[float, float, float, int]]] = {"s": [], "ms": [], "samples": []}
    compared, fine = 0, False
    for row in rows[:_COMPARED]:
        start, end = _number(row, first), _number(row, second)
        if not row.get(first) and not row.get(second) or start == end == 0:
            continue  # a row without times
        if not 0 <= start < end:
            return False
        if (known := length(row.get(names["path"], ""))) is None:
            continue
        seconds, rate = known
        compared += 1
        fine = fine or ":" in row[second] or start != int(start) or end != int(end)
        for unit, scale in (("s", 1), ("ms", 1000), ("samples", max(rate, 1))):
            if end / scale <= seconds + _SLACK:
                found[unit].append((start / scale, end / scale, seconds, len(row.get(names["text"], ""))))
    for unit, times in found.items():
        if not compared or len(times) < compared or (unit == "s") != fine:
            continue
        if unit != "s" and all(start < _SLACK for start, _, _, _ in times):
            continue  # small numbers beside large ones, such as 3 and 1200: of batches and clips
        shortest = median(end - start for start, end, _, _ in times)
        speed = median(letters / (end - start) for start, end, _, letters in times)
        shares = max(end for _, end, _, _ in times) <= 1 and median(each[2] for each in times) > 2
        whole = all(abs(end - seconds) < _SLACK for _, end, seconds, _ in times)  # a duration
        if shortest >= _SHORTEST and _SPEEDS[0] <= speed <= _SPEEDS[1] and not (whole or shares):
            return True
    return False


def _with_ends(rows: Rows, start: str, length: str) -> Rows:
    """The rows with an end in place of a length."""
    return [
        {**row, length: f"{_number(row, start) + _number(row, length):.6f}" if row.get(length) else ""}
        for row in rows[:_COMPARED]
    ]


def _may_fit(
    names: Mapping[str, str], rows: Rows, name: str, length: Callable[[str], tuple[float, int] | None]
) -> bool:
    """Whether a range of times lies within its recording, in seconds, in any row (or no recording is there).

    A range such as 10:30-11:30 may be a time of the day.
    """
    known = [
        (number_in(found[2]) or 0.0, of_file[0])
        for row in rows[:_COMPARED]
        if (found := _RANGE.fullmatch(row.get(name, ""))) and (of_file := length(row.get(names["path"], "")))
    ]
    return not known or any(end <= seconds + _SLACK for end, seconds in known)


def _lengths(folder: Path, inside: bool) -> Callable[[str], tuple[float, int] | None]:
    """A function that gives seconds and rate of the sound file that a cell names; None if it cannot."""

    @cache
    def length(name: str) -> tuple[float, int] | None:
        try:
            path = (folder / name.replace("\\", "/")).resolve()
            if not name or (inside and not path.is_relative_to(folder.resolve())):
                return None
            with open_sound(path) as sound:
                return sound.frames / max(sound.rate, 1), sound.rate
        except (UserError, OSError, ValueError, RuntimeError):
            return None

    return length


def _named_ends(names: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of names that differ only in words such as start and end: ts_start and ts_end."""
    by_words = {_in_words(name): name for name in names}
    return [
        (first, by_words[second])
        for words, first in by_words.items()
        for start, end in product(_STARTS, _ENDS)
        if (second := words.replace(f" {start} ", f" {end} ", 1)) != words and second in by_words
    ]


def _named_lengths(names: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of names of which one has a word such as start, and the other one such as length."""
    words = {name: set(_in_words(name).split()) for name in names}
    starts = [name for name in names if words[name] & (set(_STARTS) - {"in", "de", "da", "van", "von"})]
    lengths = [name for name in names if words[name] & _LENGTHS]
    pairs = [(first, second) for first, second in product(starts, lengths) if first != second]
    return [
        (first, second)
        for first, second in pairs
        if len({*(words[first] - {*_STARTS}), *(words[second] - _LENGTHS)}) <= 1
    ]


def _in_words(name: str) -> str:
    """The name of a column in small words, with a space on either side of each: tsStart → " ts start "."""
    plain = unicodedata.normalize("NFKD", re.sub("(?<=[a-z])(?=[A-Z])", " ", name)).lower()
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return " " + " ".join(re.findall(r"[^\W0-9_]+|[0-9]+", plain)) + " "


def _is_range(cell: str) -> bool:
    """Whether a cell holds two times, such as 0.5-1.8, [0.5, 1.8] or 00:00:01,500 --> 00:00:03,000."""
    found = _RANGE.fullmatch(cell)
    start, end = (number_in(found[1]), number_in(found[2])) if found else (None, None)
    return start is not None and end is not None and start < end


def _in_turn(parts: Iterable[tuple[float, float, str]]) -> bool:
    """Whether each part has a positive length and begins after the end of the previous one."""
    ends = [0.0] + [end for _, end, _ in sorted(parts)]
    return all(before <= start < end for before, (start, end, _) in zip(ends, sorted(parts), strict=False))


def number_in(cell: str) -> float | None:
    """A finite number, or a clock time (0:01:02.5) in seconds; None if the cell is neither."""
    if clock := _CLOCK.fullmatch(cell):
        seconds = float(clock["seconds"].replace(",", "."))
        return int(clock["hours"] or 0) * 3600 + int(clock["minutes"]) * 60 + seconds
    if re.fullmatch(r"0,\d+|\d+,\d{1,2}|\d+,\d{4,}", cell):  # a decimal comma; 1,500 is ambiguous
        cell = cell.replace(",", ".")
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
