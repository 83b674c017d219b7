"""The state of a CTC training, from the posteriors of its batches: on the plateau, learning, or diverging.

Most CTC trainings begin on a plateau on which blank is the most probable symbol of every frame and the
decoded text is empty (Graves et al. 2006; Zeyer et al. 2021, "Why does CTC result in peaky behavior?",
explain why). Three numbers tell the plateau from the learning that follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from torch import Tensor

from omni_lib.subsampling import valid_frames
from omni_lib.text import BLANK

PLATEAU_BLANK_RATE = 0.97  # share of blank frames above which hardly any text is decoded
PATIENCE = 2  # epochs on the plateau before the warning: the first is usual
# A training diverges if its loss is both this factor and this many nats above the lowest so far. The factor
# alone would not do: near zero, a loss doubles by chance.
DIVERGED = 1.5
NOTEWORTHY = 5.0
SMOOTHED_OVER = 20  # steps: the loss of a few batches depends mostly on the length of their clips


@dataclass(frozen=True)
class Posteriors:
    """Sums over the valid frames of some batches, and the averages that the log holds."""

    frames: int = 0
    blank_frames: int = 0  # frames whose most probable symbol is blank
    entropy_nats: float = 0.0
    letters: int = 0  # runs of frames with the same most probable symbol, blank excepted
    single_frame_letters: int = 0  # such runs of a single frame

    def __add__(self, other: Posteriors) -> Posteriors:
        return Posteriors(
            self.frames + other.frames,
            self.blank_frames + other.blank_frames,
            self.entropy_nats + other.entropy_nats,
            self.letters + other.letters,
            self.single_frame_letters + other.single_frame_letters,
        )

    @property
    def blank_rate(self) -> float:
        """Share of frames whose most probable symbol is blank: 1 on the plateau."""
        return self.blank_frames / max(self.frames, 1)

    @property
    def entropy(self) -> float:
        """Nats per frame: ln 29 = 3.4 if all symbols are equally probable, 0 if every frame is certain."""
        return self.entropy_nats / max(self.frames, 1)

    @property
    def peakiness(self) -> float:
        """Share of decoded letters that last a single frame; 0 if none is decoded."""
        return self.single_frame_letters / max(self.letters, 1)


def posteriors(log_probs: Tensor, lengths: Tensor) -> Posteriors:
    """The sums of one batch: log_probs (B, T, symbols), natural logarithms, lengths (B,)."""
    valid = valid_frames(lengths, log_probs.shape[1])
    entropy = -(log_probs.exp() * log_probs).sum(dim=-1)  # (B, T)
    paths = log_probs.argmax(dim=-1)
    runs = [
        sum(1 for _ in run)
        for path, length in zip(paths.tolist(), lengths.tolist(), strict=True)
        for symbol, run in groupby(path[:length])
        if symbol != BLANK
    ]
    return Posteriors(
        frames=int(valid.sum()),
        blank_frames=int(((paths == BLANK) & valid).sum()),
        entropy_nats=float((entropy * valid).sum()),
        letters=len(runs),
        single_frame_letters=runs.count(1),
    )


def diagnose(steps: Sequence[dict[str, Any]]) -> str | None:
    """A warning about the run, from the "step" entries of its log; None while all is well.

    The loss is never NaN here: training stops at the first gradient that is not finite.
    """
    if not steps:
        return None
    last = steps[-1]
    # without the first epoch: with random weights, blank is not yet the most probable symbol
    since_the_first_epoch = [entry["blank_rate"] for entry in steps if entry["epoch"] > 1]
    if last["epoch"] > PATIENCE and min(since_the_first_epoch) > PLATEAU_BLANK_RATE:
        return (
            "on the blank plateau: since the first epoch, blank has been the most probable symbol of nearly "
            f"every frame (now of {last['blank_rate']:.0%} of the frames; their mean entropy is "
            f"{last['entropy']:.2f} nats). So hardly any text is decoded. What usually helps: a higher "
            "learning_rate after a warm-up (warmup_steps), a later spec_augment_from_epoch, intermediate_ctc "
            "above 0"
        )
    losses = _smoothed_losses(steps)
    lowest_step, lowest = min(losses, key=lambda pair: pair[1])
    if losses[-1][1] > DIVERGED * lowest and losses[-1][1] - lowest > NOTEWORTHY:
        return (
            f"the loss is diverging: {losses[-1][1]:.1f} nats now, {lowest:.1f} at step {lowest_step}. "
            "The learning rates are too high: stop, and train with a lower learning_rate or muon_rate "
            "into another save_dir"
        )
    return None


def _smoothed_losses(steps: Sequence[dict[str, Any]]) -> list[tuple[int, float]]:
    """(step, mean loss of the entries up to it, over `SMOOTHED_OVER` steps or all that there are)."""
    width = -(-SMOOTHED_OVER // max(1, steps[-1]["step"] // len(steps)))
    windows = [steps[max(0, end - width) : end] for end in range(min(width, len(steps)), len(steps) + 1)]
    return [
        (window[-1]["step"], sum(entry["ctc_loss"] for entry in window) / len(window)) for window in windows
    ]
