"""`progress.jsonl`: what a run is doing at this moment, for whoever watches it.

The log (`log.py`) has a line every `log_every` steps. This file has more: the features that have been
computed before the first step, the step at hand, and a point of the curves every ten steps. Nothing in it is
needed to resume. So it is only appended to, a short line at a time and about once a second, without waiting
for the disk, and a line that cannot be written is left out.

    {"doing": "computing training features", "done": 340, "of": 1000}
    {"begin": 0, "total_steps": 2000, "steps_per_epoch": 125, "frames_per_step": 912.0, "first_loss": 312.4}
    {"step": 17}
    {"step": 20, "ctc_loss": 210.5, "wer": 1.0, …, "frames": 8940, "seconds_per_step": 0.21}
    {"doing": "evaluating on dev"}
    {"evaluation": 1.8}

Each session of a run appends its own "begin". The points after that step were lost with the session before
it, and are left out by the reader.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Self

from tqdm import tqdm

from omni_lib.config import Config
from omni_lib.machine import distributed
from omni_lib.runs.log_window import Window
from omni_lib.training.optimizer import schedule
from omni_lib.training.outlook import Outlook

FILE_NAME = "progress.jsonl"
STEPS_PER_POINT = 10
INTERVAL = 1.0  # seconds between two lines without a point
_PACE_OVER = 10  # points


class ProgressFile:
    """The writer, for the process that trains; of several processes only one writes.

    It makes no folder: where there is none, as on the workbench of lesson 05, it writes nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._last = -INTERVAL  # when the last line was written, in seconds of the monotonic clock

    def computing(self, what: str, done: int, of: int) -> None:
        """Note that `done` of the features called `what` are computed."""
        if self.is_due():
            self.add(doing=f"computing {what}", done=done, of=of)

    def is_due(self) -> bool:
        """Whether the last line is `INTERVAL` old."""
        return time.monotonic() - self._last >= INTERVAL

    def add(self, **record: Any) -> None:
        """Append one line."""
        self._last = time.monotonic()
        if distributed.is_writer():
            with contextlib.suppress(OSError), open(self.path, "ab") as file:
                file.write(json.dumps(record).encode() + b"\n")


class StepBar:
    """The progress bar of a terminal, and the lines of the steps in the progress file; a context manager.

    It also has the clock of the steps, which stands still during an evaluation.
    """

    def __init__(self, file: ProgressFile, step: int, outlook: Outlook, config: Config) -> None:
        """`step` is the one from which the run goes on."""
        self.step = step
        self._file, self._outlook, self._config = file, outlook, config
        self._steps_per_point = min(STEPS_PER_POINT, config.log_every)
        self._since, self._paused = Window(), 0.0  # the steps since the last point; seconds
        shown = None if distributed.is_writer() else True  # None: a bar only in a terminal
        self._bar = tqdm(total=outlook.total_steps, initial=step, unit="step", disable=shown)
        file.add(begin=step, **asdict(outlook))
        self._point_began = self.seconds
        self._pace_since = self.step, self.seconds  # when `pace` was last called

    @property
    def seconds(self) -> float:
        """A clock that stands still during an evaluation."""
        return time.monotonic() - self._paused

    def pace(self) -> float:
        """Seconds per step since the last call, or since this session of the run began."""
        (step, began), now = self._pace_since, self.seconds
        self._pace_since = self.step, now
        return (now - began) / (self.step - step)

    def update(self, one: Window) -> None:
        """Count one step, whose figures are `one`."""
        self.step += 1
        self._bar.update()
        self._since += one
        if self._since.steps >= self._steps_per_point:
            self._add_point()
        elif self._file.is_due():
            self._file.add(step=self.step)

    @contextlib.contextmanager
    def evaluation(self) -> Iterator[None]:
        """Stop the clock of the steps inside the `with` block."""
        began = time.monotonic()
        self._file.add(doing="evaluating on dev")
        yield
        seconds = time.monotonic() - began
        self._paused += seconds
        self._file.add(evaluation=seconds)

    def _add_point(self) -> None:
        steps, now = self._since.steps, self.seconds
        share = schedule(self.step - 1, self._outlook.total_steps, self._config)
        self._file.add(
            step=self.step,
            **self._since.figures(),
            learning_rate=self._config.learning_rate * share,
            frames=self._since.posteriors.frames,
            steps=steps,
            seconds_per_step=(now - self._point_began) / steps,
        )
        self._since, self._point_began = Window(), now

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()
        if self._since.steps:
            self._file.add(step=self.step)


@dataclass
class Progress:
    """What is known of a run from its progress file."""

    doing: str = ""  # before the first step and during an evaluation, in words
    began: int = 0  # the step from which the latest session went on
    step: int = 0
    outlook: Outlook | None = None
    points: list[dict[str, Any]] = field(default_factory=list)
    evaluations: list[float] = field(default_factory=list)  # seconds, of the latest session
    written: float = 0.0  # when the file was last written, in seconds since 1970

    @property
    def seconds_left(self) -> float | None:
        """By the pace of the last points, evaluations included; None before the first point of the session.

        A step takes longer for longer clips, so the pace is that of a frame. The first steps of a session
        also prepare the computations of the others, so they count only while there are no others.
        """
        session = [point for point in self.points if point["step"] > self.began]
        counted = session[1:][-_PACE_OVER:] or session
        frames = sum(point["frames"] for point in counted)
        if self.outlook is None or not frames:
            return None
        steps, per_epoch = self.outlook.total_steps - self.step, self.outlook.steps_per_epoch
        pace = sum(point["seconds_per_step"] * point["steps"] for point in counted) / frames
        left: float = steps * self.outlook.frames_per_step * pace
        if self.evaluations:
            left += -(-steps // per_epoch) * fmean(self.evaluations)
        return left

    def take(self, record: dict[str, Any]) -> None:
        """Add one line of the file.

        Raises:
            KeyError, TypeError: it is not a line of this file.
        """
        if "begin" in record:
            self.outlook = Outlook(**{each.name: record[each.name] for each in fields(Outlook)})
            self.began = self.step = _step(record["begin"])
            self.points = [point for point in self.points if point["step"] <= self.began]
            self.doing, self.evaluations = "", []
        elif "doing" in record:
            counted = f", {record['done']} of {record['of']}" if "done" in record else ""
            self.doing = record["doing"] + counted
        elif "evaluation" in record:
            self.doing = ""
            self.evaluations.append(record["evaluation"])
        else:
            self.step = _step(record["step"])
            if "ctc_loss" in record:
                self.points.append({"type": "step", **record})  # as in the log


def _step(value: Any) -> int:
    """The number of a step.

    Raises:
        TypeError: `value` is something else.
    """
    if type(value) is not int:
        raise TypeError(f"a step is a whole number, not a {type(value).__name__}")
    return value


class ProgressReader:
    """Reads the progress file of a folder again and again, each time only what is new."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._progress, self._end = Progress(), 0  # `_end`: bytes that have been read

    def read(self) -> Progress:
        """What the file says now; `Progress()` where there is none."""
        try:
            with open(self._path, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                if size < self._end:  # another file of that name
                    self._progress, self._end = Progress(), 0
                file.seek(self._end)
                lines, newline, _ = file.read().rpartition(b"\n")  # the last line may be half written
                self._progress.written = os.fstat(file.fileno()).st_mtime
        except OSError:
            self._progress, self._end = Progress(), 0
            return Progress()
        self._end += len(lines) + len(newline)
        for line in lines.splitlines():
            # damaged by a power cut, or by a person
            with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
                self._progress.take(json.loads(line))
        return replace(self._progress, points=list(self._progress.points))
