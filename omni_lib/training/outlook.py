"""What is known about a training before its first step: its length, and the loss with which it begins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Self

from omni_lib.config import Config
from omni_lib.ctc import frames_needed
from omni_lib.subsampling import embedding_lengths
from omni_lib.text import Vocabulary
from omni_lib.training.batching import TrainingBatches


@dataclass(frozen=True)
class Outlook:
    """The length of a training, and the first loss that is predicted for it."""

    total_steps: int
    steps_per_epoch: int
    frames_per_step: float  # CTC frames of a batch, on average
    # nats per utterance, of a model that gives every symbol the same probability; None if no clip has a path
    first_loss: float | None

    @classmethod
    def of(cls, batches: TrainingBatches) -> Self:
        """The outlook of these batches, by the plan of their first epoch."""
        config, symbols = batches.config, len(Vocabulary().symbols)
        frames, losses = 0, []
        for rendition in (rendition for batch in batches.plan(1) for rendition in batch):
            embeddings = embedding_lengths(rendition.frames, config.downsample_time)
            ctc_frames = embeddings * config.ctc_frames_per_embedding
            target = [] if rendition.speechless else batches.cache.targets[rendition.row]
            frames += ctc_frames
            losses.append(uniform_loss(ctc_frames, target, symbols))
        finite = [loss for loss in losses if math.isfinite(loss)]
        return cls(
            total_steps=len(batches) * config.num_epochs,
            steps_per_epoch=len(batches),
            frames_per_step=frames / len(batches),
            first_loss=fmean(finite) if finite else None,
        )


def never_reached(config: Config, total_steps: int) -> list[str]:
    """Notes on settings for steps and epochs that lie behind the end of a training."""
    notes = []
    if 0 < total_steps <= config.warmup_steps:
        notes.append(
            f"warmup_steps is {config.warmup_steps} and the training has {total_steps} steps, so the rate"
            " never reaches learning_rate: lower warmup_steps"
        )
    if config.spec_augment and config.spec_augment_from_epoch > config.num_epochs:
        notes.append(
            f"spec_augment_from_epoch is {config.spec_augment_from_epoch} and the training has"
            f" {config.num_epochs} epochs, so nothing is masked: lower it"
        )
    if config.learning_rate == 0 and config.muon_rate == 0:
        notes.append("learning_rate is 0, so nothing is learned: raise it")
    return notes


def uniform_loss(frames: int, target: Sequence[int], symbols: int) -> float:
    """The CTC loss, in nats, of a model that gives each of `symbols` the same probability in every frame.

    Each path has the probability symbols^-T. Of T frames, C(T + L - r, 2 L) paths collapse to a target of L
    symbols, r of which repeat the one before (lesson 05 derives it). inf where there is no path.
    """
    needed = frames_needed(target)  # L + r
    if frames < needed:
        return math.inf
    n, k = frames + 2 * len(target) - needed, 2 * len(target)
    ln_paths = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return frames * math.log(symbols) - ln_paths
