"""The figures of a training since its last log line."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from omni_lib.machine.distributed import gathered
from omni_lib.metrics import NO_ERRORS, ErrorCount, total, word_errors
from omni_lib.training.batching import Batch
from omni_lib.training.diagnosis import Posteriors, posteriors
from omni_lib.training.objective import Loss


@dataclass
class Window:
    """Sums over these steps, of all processes that train together."""

    steps: int = 0
    loss: float = 0.0  # summed nats per utterance
    posteriors: Posteriors = Posteriors()
    errors: ErrorCount = NO_ERRORS  # of the greedy transcripts of the training batches

    @classmethod
    def of_step(cls, loss: Loss, batch: Batch, hypotheses: list[str]) -> Window:
        """One step: this process' share of the batch and its transcripts; every process must call it."""
        errors = total(
            [word_errors(row.text, text) for row, text in zip(batch.utterances, hypotheses, strict=True)]
        )
        of_ranks = gathered((loss.per_utterance.cpu(), posteriors(loss.log_probs, loss.lengths), errors))
        step = cls(1, torch.cat([per_utterance for per_utterance, _, _ in of_ranks]).mean().item())
        for _, seen, errors in of_ranks:
            step.posteriors += seen
            step.errors += errors
        return step

    def __add__(self, other: Window) -> Window:
        return Window(
            self.steps + other.steps,
            self.loss + other.loss,
            self.posteriors + other.posteriors,
            self.errors + other.errors,
        )

    def figures(self) -> dict[str, float]:
        """The means that a log line shows."""
        return {
            "ctc_loss": self.loss / self.steps,
            "wer": self.errors.errors / max(1, self.errors.reference),  # 0 words: a window of pauses only
            "blank_rate": self.posteriors.blank_rate,
            "peakiness": self.posteriors.peakiness,
            "entropy": self.posteriors.entropy,
        }

    def state_dict(self) -> dict[str, Any]:
        """The sums as plain values, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> Window:
        """The window that `state_dict()` gave.

        Raises:
            TypeError: `state` is something else, with which the next step would fail.
        """
        if not _could_be(state, asdict(cls())):
            raise TypeError("the sums since the last log line are not numbers of at least 0")
        return cls(
            state["steps"], state["loss"], Posteriors(**state["posteriors"]), ErrorCount(**state["errors"])
        )


def _could_be(found: Any, example: Any) -> bool:
    """Whether `found` has the keys and the types of `example`, and no sum is negative or NaN."""
    if isinstance(example, dict):
        return (
            isinstance(found, dict)
            and found.keys() == example.keys()
            and all(_could_be(found[key], example[key]) for key in example)
        )
    return type(found) is type(example) and found >= 0
