"""What a training costs as its corpus grows from one hour of speech to ten thousand.

Two trainings were measured. All other rows are computed from them in proportion, and are marked so.
"""

from __future__ import annotations

from dataclasses import dataclass

from omni_lib.audio import HOP_LENGTH, N_MELS, SAMPLE_RATE
from omni_lib.course.exercises.verdict import Note


@dataclass(frozen=True)
class MeasuredTraining:
    """A training that was run to its end and timed: two cores of the EPYC, no GPU (tests/benchmarks)."""

    name: str
    hours: float  # of speech in its training part, as `omni data check` prints
    epochs: int
    seconds: float  # by the clock, evaluation included

    @property
    def cost(self) -> float:
        """Seconds of training for each hour of speech and epoch."""
        return self.seconds / (self.hours * self.epochs)


MEASURED = (
    MeasuredTraining("embedded corpus", 106.0 / 60, 16, 5 * 60 + 23),
    MeasuredTraining("AN4", 36.8 / 60, 20, 4 * 60 + 4),
)
EPOCHS = 20
SPEEDS = 3  # at which the feature cache stores each clip
SIZES = (1, 10, 100, 1_000, 10_000)  # hours


def feature_bytes(hours: float) -> float:
    """Bytes of the log-mels of this much speech at every speed, in single precision."""
    return hours * 3600 * SAMPLE_RATE / HOP_LENGTH * N_MELS * 4 * SPEEDS


def sound_bytes(hours: float) -> float:
    """Bytes of this much speech in 16 kHz, 16-bit mono."""
    return hours * 3600 * SAMPLE_RATE * 2


def table() -> Note:
    """Costs by hours of speech. The second column says whether a row was measured or computed."""
    lines = [
        "| speech | origin | epochs | training, no GPU | log-mels at 3 speeds | sound |",
        "|---|---|---|---|---|---|",
    ]
    for run in MEASURED:
        lines.append(_row(run.hours, f"**measured**: {run.name}", run.epochs, run.seconds))
    cost = max(run.cost for run in MEASURED)
    for hours in SIZES:
        origin = f"computed, {cost:.1f} s for each hour and epoch"
        lines.append(_row(hours, origin, EPOCHS, hours * EPOCHS * cost))
    return Note("\n".join(lines))


def _row(hours: float, origin: str, epochs: int, seconds: float) -> str:
    spoken = f"{hours:,.0f} h" if hours >= 10 or hours == 1 else f"{hours:.1f} h"
    features, sound = _size(feature_bytes(hours)), _size(sound_bytes(hours))
    return f"| {spoken} | {origin} | {epochs} | {_time(seconds)} | {features} | {sound} |"


def _time(seconds: float) -> str:
    for unit, name in ((86_400, "days"), (3600, "hours")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds / 60:.1f} min"


def _size(count: float) -> str:
    return f"{count / 1e12:.1f} TB" if count >= 1e12 else f"{count / 1e9:.1f} GB"
