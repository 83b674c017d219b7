"""How a training stands at one moment, and why it ended."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from enum import Enum
from typing import Any


class State(Enum):
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"  # saved, and can be resumed
    DIED = "died"


@dataclass(frozen=True)
class Status:
    """How a run stands at one moment."""

    state: State
    exit_code: int | None  # None while it runs, and where nobody was there to see
    reason: str  # why it ended, in one line
    entries: list[dict[str, Any]]  # of its training log
    seconds_since_entry: float = 0.0

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in self.entries if entry["type"] == kind]

    @property
    def step(self) -> int:
        return self.entries[-1]["step"] if self.entries else 0

    @property
    def total_steps(self) -> int | None:
        """Length of the schedule; None before the first log line."""
        return next((entry["total_steps"] for entry in self.entries if "total_steps" in entry), None)

    @property
    def seconds_left(self) -> float | None:
        """By the pace of the last log lines, evaluations not counted; None before the first."""
        steps = self.of_type("step")
        if not steps or self.total_steps is None:
            return None
        pace = sorted(entry["seconds_per_step"] for entry in steps[-5:])[len(steps[-5:]) // 2]
        return max(0.0, (self.total_steps - self.step) * pace - self.seconds_since_entry)


def how_it_ended(code: int | None, said: str, entries: list[dict[str, Any]]) -> Status:
    """The status of a run without a process: from its exit code where that is known, else from its last words."""
    lines = said.splitlines() or [""]
    last = lines[-1].strip()
    complete = bool(entries) and entries[-1]["step"] == next(
        (e["total_steps"] for e in entries if "total_steps" in e), None
    )
    if code is None and re.search(r"^Stopped at step \d+", said, re.MULTILINE):
        code = 130
    elif code is None and last.startswith("omni: "):
        code = 130 if last == "omni: interrupted" else 2
    elif code is None and "Traceback (most recent call last)" in said:
        code = 1
    if complete and code in (0, None):
        return Status(State.FINISHED, code, "it trained to the end", entries)
    if code in (0, 130):
        return Status(State.STOPPED, code, "it was asked to stop, and saved first", entries)
    memory = "the system does that when memory runs out, and so does whoever has the right to"
    if code is None:
        reason = f"killed without a last word: {memory}"
    elif code < 0:
        name = signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
        reason = f"killed by {name}" + (f": {memory}" if name == "SIGKILL" else "")
    else:
        reason = f"exit code {code}: {last.removeprefix('omni: ')}"
    return Status(State.DIED, code, reason, entries)
