"""How a training run stands at one moment, what of it is saved, and why it ended."""

from __future__ import annotations

import math
import re
import signal
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from omni_lib.runs.progress import Progress

REPORTED = "Ready for Stage E!"  # the last line of the console of a run that trained to the end
KILLED = "Ended without saving, by request"  # the last line of the console of a run that was ended so


class State(Enum):
    """Whether a run goes on, and if not, how it ended."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"  # saved, and can be resumed
    DIED = "ended early"  # can be resumed from its newest checkpoint


@dataclass(frozen=True)
class Status:
    """How a run stands at one moment."""

    state: State
    exit_code: int | None  # None while the run goes on, and where no kernel could observe its end
    reason: str  # why it ended, in one line
    entries: list[dict[str, Any]]  # of its training log
    seconds_since_entry: float = 0.0
    saved_step: int | None = None  # of the newest checkpoint; None if there is none
    progress: Progress = field(default_factory=Progress)  # empty in a run of an earlier version

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """The entries of the log of one type: "step" or "epoch"."""
        return [entry for entry in self.entries if entry["type"] == kind]

    @property
    def step(self) -> int:
        """The last step that is known: a checkpoint may have been saved after the last line of the log."""
        logged = self.entries[-1]["step"] if self.entries else 0
        return max(logged, self.saved_step or 0, self.progress.step)

    @property
    def points(self) -> list[dict[str, Any]]:
        """The curves of the training: its log lines, and where there are finer points, those instead."""
        points = self.progress.points
        first = points[0]["step"] if points else math.inf
        return [entry for entry in self.of_type("step") if entry["step"] < first] + points

    @property
    def total_steps(self) -> int | None:
        """Length of the schedule; None before the training has its data."""
        return _total_steps(self.entries, self.progress)

    @property
    def seconds_left(self) -> float | None:
        """By the pace of the last steps; None before the first point, or line of the log."""
        if self.progress.outlook:
            left_then = self.progress.seconds_left
            return None if left_then is None else max(0.0, left_then - self.seconds_since_entry)
        steps = self.of_type("step")
        if not steps or self.total_steps is None:
            return None
        paces: list[float] = sorted(entry["seconds_per_step"] for entry in steps[-5:])
        left: float = (self.total_steps - self.entries[-1]["step"]) * paces[len(paces) // 2]
        return max(0.0, left - self.seconds_since_entry)


def what_would_be_lost(saved_step: int | None) -> str:
    """What a run loses that ends without saving."""
    if saved_step is None:
        return "all its steps are lost, because there is no checkpoint yet"
    return f"the steps after {saved_step}, its newest checkpoint, are lost"


def how_it_ended(
    code: int | None,
    said: str,
    entries: list[dict[str, Any]],
    saved_step: int | None = None,
    progress: Progress | None = None,
) -> Status:
    """The status of a run whose process has ended.

    Args:
        code: its exit code, if known. If not, its last printed lines tell how it ended.
        said: the last lines that it printed.
        entries: of its log.
        saved_step: of its newest checkpoint.
        progress: what its progress file says.
    """
    progress = progress or Progress()
    last = (said.splitlines() or [""])[-1].strip()
    stopped_at = re.search(r"^Stopped at step (\d+)", said, re.MULTILINE)
    if code is None:
        code = 130 if stopped_at else _code_by_output(said, last)
    logged = entries[-1]["step"] if entries else None
    total = _total_steps(entries, progress)

    if total is not None and saved_step is not None and saved_step >= total:
        report = f", but made no report: {_why_it_ended(code, last)}" if code else ""
        state, reason = State.FINISHED, f"it trained to the end{report}"
    elif saved_step is None and code in (0, None) and logged is not None and logged == total:
        state, reason = State.FINISHED, "it trained to the end"
    elif code in (0, 130) and stopped_at:
        state, reason = State.STOPPED, f"it was asked to stop, and saved step {stopped_at[1]} first"
    elif code == 0:
        state, reason = State.FINISHED, "it trained to the end"
    elif code is None and not last:  # `train` in a kernel, or a terminal: neither keeps what it prints
        if saved_step is not None and saved_step >= (logged or 0):
            state, reason = State.STOPPED, f"it ended before its last step, and step {saved_step} is saved"
        else:
            lost = what_would_be_lost(saved_step)
            state, reason = State.DIED, f"why it ended was not recorded, and {lost}"
    elif last == KILLED:
        state, reason = State.DIED, f"it was ended without saving: {what_would_be_lost(saved_step)}"
    else:
        state, reason = State.DIED, _why_it_ended(code, last)
    return Status(state, code, reason, entries, 0.0, saved_step, progress)


def _code_by_output(said: str, last: str) -> int | None:
    """The exit code of `omni train`, as its output shows it; None where the output does not.

    Args:
        last: the last line of `said`.
    """
    if last.startswith("omni: "):
        return 130 if last == "omni: interrupted" else 2
    if "Traceback (most recent call last)" in said:
        return 1
    return 0 if last == REPORTED else None


def _why_it_ended(code: int | None, last: str) -> str:
    """The reason, from an exit code other than 0 and the last line that was printed."""
    memory = "the system ends processes when memory runs out; a person or another program can do it, too"
    if code is None:
        return f"killed without a message: {memory}"
    if code == 130:
        return "it was interrupted before it could save"
    if code < 0:
        name = signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
        return f"killed by {name}" + (f": {memory}" if name == "SIGKILL" else "")
    return f"exit code {code}: {last.removeprefix('omni: ')}"


def _total_steps(entries: list[dict[str, Any]], progress: Progress) -> int | None:
    """Length of the schedule: the latest, because changed data that was accepted may have changed it."""
    if progress.outlook:
        return progress.outlook.total_steps
    return next((entry["total_steps"] for entry in reversed(entries) if "total_steps" in entry), None)
