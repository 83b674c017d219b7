"""Segments of long recordings: the samples between the start and end of a table row.

Kaldi and Hugging Face write start and end, NeMo writes offset and duration, in seconds; SpeechBrain writes
start and stop as numbers of samples. A column name may hold the unit (start_ms, "duration [s]"). Otherwise
the unit is inferred: the segments must lie inside their recordings, and their texts must have a plausible
speaking rate. If several units satisfy this, the table is refused, because a wrong unit gives wrong training
data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from statistics import median

from omni_lib.audio import SAMPLE_RATE
from omni_lib.corpora.table import Row, Table
from omni_lib.errors import UserError
from omni_lib.machine.segment_times import number_in

# seconds by which an end or a duration may differ from the recording's: decoders pad, tables round
_SLACK = 0.1
_SPEEDS = (1.5, 40.0)  # characters per second: a slow list of words, and faster than anybody speaks
_TRIED = 50  # segments from which the unit is inferred
_FASTEST = 100.0  # letters per second: no one speaks half as fast, so the times have another unit
_DECIMAL_COMMA = re.compile(r"0,\d+|\d+,\d{1,2}|\d+,\d{4,}")  # not a comma between thousands
_WITH_UNIT = re.compile(r"(?P<number>\d[\d.,]*) ?(?P<unit>ms|s|secs?|seconds?)")


class Segments:
    """The positions of the rows of one table in their recordings."""

    def __init__(self, table: Table, length: Callable[[Row], tuple[float, int] | None]) -> None:
        """Infer the unit of the columns.

        Args:
            table: rows with or without the columns start, end and duration.
            length: (seconds, sample rate in Hz of the file) of the recording of a row; None where it cannot
                be read.

        Raises:
            UserError: a start has neither end nor duration, or the unit is ambiguous.
        """
        self.columns = [name for name in ("start", "end", "duration") if name in table.names]
        self.shown = " and ".join(table.names[name] for name in self.columns)
        self.shown_end = table.names.get("end", "end")
        self.cut = "start" in self.columns and len(self.columns) > 1
        given = {table.units[name] for name in self.columns if table.units[name]}
        if unknown := sorted(given - {"s", "ms", "samples", "frames"}):
            raise UserError(
                f"{self.shown}: the unit {unknown[0]} is not read: write seconds and rename the column to …_s"
            )
        if "frames" in given:
            raise UserError(
                f"{self.shown}: frames may be samples or hundredths of a second; rename to …_samples or …_s"
            )
        if self.columns == ["start"] and any(
            row.cells.get("start") not in (None, "", "0", "0.0") for row in table.rows
        ):
            raise UserError(
                f"the column {self.shown} says where a text starts, and no column where it ends: add a"
                " column end or duration"
            )
        rows = [row for row in table.rows if not row.problem]
        cells = [cell for row in rows for name in self.columns if (cell := row.cells.get(name))]
        # 1,500 has a decimal comma where another cell must have one
        self.comma = any(map(_DECIMAL_COMMA.fullmatch, cells)) and not any("." in cell for cell in cells)
        self.units = dict(table.units)
        if self.columns == ["end"]:
            self._refuse_ends_alone(rows)
        if self.cut and not all(table.units[name] for name in self.columns):
            found = self._unit(rows, length)
            self.units = {name: table.units[name] or found for name in self.columns}
        if self.columns == ["start", "end"]:
            self._refuse_durations(rows, length)

    def bounds(self, row: Row, seconds: float, rate: int) -> tuple[int, int] | None:
        """The segment of a row as (first sample, last sample + 1) at 16 kHz; None for the whole recording.

        Args:
            row: with its cells.
            seconds: duration of the recording.
            rate: sample rate of the file in Hz.

        Raises:
            UserError: the cells are not times, or lie outside the recording.
        """
        letters = sum(map(str.isalpha, row.cells["text"]))
        if not self.cut:
            self._check_whole(row, seconds, rate)
            if letters > _FASTEST * seconds:
                raise UserError(
                    f"its recording lasts {seconds:.4g} s, which is too short for {letters} letters: correct"
                    " the text or the path"
                )
            return None
        if not any(row.cells.get(name) for name in ("start", "end")) and not row.cells.get("duration"):
            return None
        start, end = self._ends(row, rate, self.units)
        if not 0 <= start < end:
            wrong = "begins before 0 or has no length"
            raise UserError(f"its segment, {start:g} s to {end:g} s, {wrong}: correct {self.shown}")
        if end > seconds + _SLACK:
            raise UserError(
                f"its segment ends at {end:g} s and the recording at {seconds:.2f} s: correct {self.shown},"
                " or the file"
            )
        duration, whole = self._duration(row, rate), abs(end - start - seconds)
        if (
            duration is not None
            and min(abs(duration - (end - start)), abs(duration - seconds), whole + 1) > _SLACK
        ):
            raise UserError(
                f"its duration is {duration:g} s and its segment lasts {end - start:g} s: correct"
                f" {self.shown}"
            )
        first, behind = round(start * SAMPLE_RATE), round(min(end, seconds) * SAMPLE_RATE)
        if first >= behind:  # too short for a sample, or after the end of the recording
            raise UserError(f"its segment, {start:g} s to {end:g} s, holds no sample: correct {self.shown}")
        if letters > _FASTEST * (end - start):
            raise UserError(
                f"its segment, {start:.4g} s to {end:.4g} s, is too short for {letters} letters: correct"
                f" {self.shown}, or write them in seconds"
            )
        return first, behind

    def _refuse_ends_alone(self, rows: Iterable[Row]) -> None:
        """Refuse ends without starts where several texts of one recording end at different times.

        Raises:
            UserError: they do; the text that ends with the recording would get all of it.
        """
        ends: dict[str, set[str]] = {}
        for row in rows:
            ends.setdefault(row.cells["path"], set()).add(row.cells.get("end", ""))
        if any(len(found - {""}) > 1 for found in ends.values()):
            raise UserError(
                f"the column {self.shown} says where a text ends, and no column where it starts: add a column"
                " start"
            )

    def _refuse_durations(
        self, rows: Sequence[Row], length: Callable[[Row], tuple[float, int] | None]
    ) -> None:
        """Refuse a column end that seems to hold durations: often below the start, and never too long.

        Raises:
            UserError: the column seems to hold durations.
        """
        backwards = compared = 0
        for row in islice((row for row in rows if row.cells.get("start") and row.cells.get("end")), _TRIED):
            try:
                start, end = self._ends(row, SAMPLE_RATE, self.units)
            except UserError:
                continue
            backwards += end < start
            compared += 1
        if backwards < 2 or 4 * backwards < compared:
            return
        for row in islice((row for row in rows if row.cells.get("start") and row.cells.get("end")), _TRIED):
            if (known := length(row)) is None:
                continue
            try:
                start, end = self._ends(row, known[1], self.units)
            except UserError:
                continue
            if start + end > known[0] + _SLACK:
                return
        raise UserError(
            f"the column {self.shown_end} is before the start in {backwards} of {compared} rows, so it seems"
            " to hold durations: rename it to duration, or correct the rows"
        )

    def _number(self, cell: str) -> float | None:
        """The number in a cell; with a unit of its own (0.5 s, 500 ms) or a clock time, in seconds."""
        if self.comma and re.fullmatch(r"\d+,\d+", cell):
            cell = cell.replace(",", ".")
        if found := _WITH_UNIT.fullmatch(cell):
            value = number_in(found["number"])
            return value if value is None or found["unit"] != "ms" else value / 1000
        return number_in(cell)

    def _check_whole(self, row: Row, seconds: float, rate: int) -> None:
        """Check that the duration or end of a row without a start is that of the whole recording.

        Raises:
            UserError: it differs in every unit, so the text may belong to a part of the recording.
        """
        for name in self.columns:
            cell = row.cells.get(name, "")
            value = self._number(cell)
            if name == "start" or value is None:
                continue
            slack = max(_SLACK, 0.02 * seconds)
            forms = {"s": value, "ms": value / 1000, "samples": value / max(rate, 1), "": value}
            unit = self.units.get(name, "")
            tried = [forms[unit]] if unit else [*forms.values(), value / SAMPLE_RATE]
            rounded = 1.0 if value == int(value) and not unit else 0.0  # 5 for 5.4 s
            if not any(abs(each - seconds) <= slack for each in tried) and abs(value - seconds) >= max(
                rounded, slack
            ):
                raise UserError(
                    f"its {name} is {cell} and the recording lasts {seconds:.2f} s: if the text belongs to a"
                    " part of it,"
                    " add a column start; if not, correct the one or the other"
                )

    def _duration(self, row: Row, rate: int) -> float | None:
        if "end" not in self.columns or not row.cells.get("duration"):
            return None
        value, unit = self._number(row.cells["duration"]), self.units.get("duration")
        if _in_seconds(row.cells["duration"]):
            return value
        # beside samples, SpeechBrain has the duration in seconds
        return (
            None
            if value is None
            else _seconds(value, "s" if value < 1000 and unit == "samples" else unit or "s", rate)
        )

    def _ends(self, row: Row, rate: int, units: dict[str, str]) -> tuple[float, float]:
        """Start and end in seconds."""
        by_duration = "duration" in self.columns and not row.cells.get("end")
        second = "duration" if by_duration else "end"
        values = []
        for name in ("start", second):
            cell = row.cells.get(name, "")
            if name == "start" and second == "duration":
                cell = cell or "0"  # NeMo's offset
            value = self._number(cell)
            if value is None:
                wrong = "is not a number"
                if re.fullmatch(r"\d+,\d{3}", cell):
                    wrong = f"may be {cell.replace(',', '.')} or {cell.replace(',', '')}"
                raise UserError(f"its {name} is {cell[:40]!r}, which {wrong}: correct {self.shown}")
            values.append(value if _in_seconds(cell) else _seconds(value, units.get(name) or "s", rate))
        return values[0], values[1] + (values[0] if second == "duration" else 0.0)

    def _unit(self, rows: Iterable[Row], length: Callable[[Row], tuple[float, int] | None]) -> str:
        """The unit of the columns whose names do not hold one.

        Raises:
            UserError: several units are plausible.
        """
        speeds: dict[str, list[float]] = {"s": [], "ms": [], "samples": []}
        fractions = tried = 0
        # SpeechBrain writes start and stop in samples beside a duration in seconds
        ends = [name for name in self.columns if name != "duration" or "end" not in self.columns]
        rows = list(rows)
        if rows and all(
            _in_seconds(cell) for row in rows for name in self.columns if (cell := row.cells.get(name))
        ):
            return "s"  # clock times
        for row in islice((row for row in rows if row.cells.get("start")), _TRIED):
            if (known := length(row)) is None:
                continue
            seconds, rate = known
            tried += 1
            numbers = [
                value for value in map(self._number, (row.cells.get(name, "") for name in ends)) if value
            ]
            fractions += any(value != int(value) for value in numbers)
            for unit, found in speeds.items():
                try:
                    start, end = self._ends(row, rate, dict.fromkeys(self.columns, unit))
                except UserError:
                    continue
                if 0 <= start < end <= seconds + _SLACK:
                    found.append(len(row.cells["text"]) / (end - start))
        fitting = {unit for unit, found in speeds.items() if 2 * len(found) > tried}
        if fractions and "s" in fitting:
            return "s"
        if fractions:
            fitting -= {"samples"}
        likely = {unit for unit in fitting if _SPEEDS[0] <= median(speeds[unit]) <= _SPEEDS[1]}
        if len(likely) > 1:
            raise UserError(
                f"{self.shown} may be {' or '.join(sorted(likely))}: write the unit into the names of the"
                " columns,"
                " such as start_s, start_ms or start_samples"
            )
        return next(iter(likely or {"s"}))


def _in_seconds(cell: str) -> bool:
    """Whether a cell is a clock time, or has a unit of its own, so that `Segments._number` gives seconds."""
    return ":" in cell or _WITH_UNIT.fullmatch(cell) is not None


def _seconds(value: float, unit: str, rate: int) -> float:
    return value / {"s": 1, "ms": 1000, "samples": rate}[unit]
