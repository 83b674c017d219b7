"""From cached features to batches: length buckets, augmentation, and padding.

All random numbers here are drawn from (seed, epoch, row) and never from a shared stream, so that a run that
was stopped and resumed gets exactly the batches that it would have had.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from omni_lib.audio import N_MELS
from omni_lib.config import Config
from omni_lib.machine.distributed import my_share
from omni_lib.manifest import Utterance
from omni_lib.training.augmentation import (
    add_noise,
    colour,
    quiet,
    spec_augment,
    stretch_time,
    stretched,
    warp_frequency,
)
from omni_lib.training.feature_cache import FeatureCache

FRAMES_ROUNDED_TO = 16  # 160 ms; about one frame in sixty becomes padding because of it
# With the setting `pause_perturb`:
PAUSES = 1 / 6  # share of the clips that get a pause before them, and share that get one after them
SPEECHLESS = 1 / 32  # share of the clips that become a pause, so that the encoder is trained on silence too
LARGEST_STRETCH = 1.1  # factor by which a clip is stretched at most to the length of its batch


@dataclass(frozen=True)
class Batch:
    """Some utterances, padded to the longest: frames beyond `lengths` are padding, filled with zeros."""

    mel: Tensor  # (B, T, 128) raw log-mels
    lengths: Tensor  # (B,) frames
    targets: list[list[int]]  # class indices of each text
    utterances: list[Utterance]


def collate(cache: FeatureCache, rows: Sequence[int], features: Sequence[Tensor]) -> Batch:
    """The batch of some `rows` of the cache, with the `features` (frames, 128) of each, padded.

    The longest is rounded up to a multiple of `FRAMES_ROUNDED_TO`, because the CPU's kernels are compiled
    once for every shape of a batch.
    """
    lengths = torch.tensor([len(feature) for feature in features], dtype=torch.long)
    if not rows:  # a batch with fewer rows than a distributed run has processes
        return Batch(torch.zeros(0, FRAMES_ROUNDED_TO, N_MELS), lengths, [], [])
    mel = torch.nn.utils.rnn.pad_sequence(list(features), batch_first=True)  # (B, T, 128)
    mel = torch.nn.functional.pad(mel, (0, 0, 0, -mel.shape[1] % FRAMES_ROUNDED_TO))
    return Batch(mel, lengths, [cache.targets[row] for row in rows], [cache.utterances[row] for row in rows])


def length_buckets(
    frames: Sequence[int], batch_size: int, rng: random.Random, jitter: float = 0.03
) -> list[list[int]]:
    """Group rows of similar length into batches, and put the batches in random order.

    Sorting by length needs the least padding, but puts the same rows together in every epoch. The lengths are
    therefore multiplied by a random factor of 1 ± `jitter` before they are sorted.
    """
    keys = [length * rng.uniform(1 - jitter, 1 + jitter) for length in frames]
    order = sorted(range(len(frames)), key=keys.__getitem__)
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    rng.shuffle(batches)
    return batches


def padding_share(batches: Iterable[Batch]) -> float:
    """Share of all frames in `batches` that are padding."""
    real = total = 0
    for batch in batches:
        real += int(batch.lengths.sum())
        total += batch.mel.shape[0] * batch.mel.shape[1]
    return 1 - real / max(total, 1)


def evaluation_batches(cache: FeatureCache, batch_size: int) -> Iterable[Batch]:
    """All utterances once, not augmented, sorted by length; one batch at a time is in memory."""
    order = sorted(range(len(cache)), key=cache.frames)
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        yield collate(cache, rows, [cache.features(row) for row in rows])


@dataclass(frozen=True)
class Rendition:
    """How one row of the cache is augmented in one epoch."""

    row: int
    speed: float  # of the waveform: pitch and tempo together
    stretch: float  # factor of the length, at the same pitch
    warp: float  # factor of all frequencies, at the same length
    frames: int  # of the result, pauses included
    before: int = 0  # frames of the pause before the clip
    after: int = 0  # frames of the pause after the clip
    speechless: bool = False  # only a pause, with an empty text


class TrainingBatches:
    """The batches of each epoch, augmented according to the settings; `epoch` counts from 1."""

    def __init__(self, cache: FeatureCache, config: Config, fill: Tensor) -> None:
        """
        Args:
            fill: (128,) the value that SpecAugment masks with: the feature mean.
        """
        self.cache, self.config, self.fill = cache, config, fill

    def __len__(self) -> int:
        """Batches in one epoch."""
        return -(-len(self.cache) // self.config.batch_size)

    def plan(self, epoch: int) -> list[list[Rendition]]:
        """What every batch of `epoch` holds."""
        rng = random.Random(f"plan {self.config.seed} {epoch}")
        renditions = [self._rendition(row, rng) for row in range(len(self.cache))]
        buckets = length_buckets([rendition.frames for rendition in renditions], self.config.batch_size, rng)
        plan = [[renditions[row] for row in rows] for rows in buckets]
        return [self._as_long_as_the_longest(batch) for batch in plan] if self.config.tempo_perturb else plan

    def _rendition(self, row: int, rng: random.Random) -> Rendition:
        tempo, tract = self.config.tempo_perturb, self.config.vocal_tract_perturb
        speed = rng.choice(self.cache.speeds)
        stretch, warp = rng.uniform(1 - tempo, 1 + tempo), rng.uniform(1 - tract, 1 + tract)
        frames = stretched(self.cache.frames(row, speed), stretch)
        if not self.config.pause_perturb:
            return Rendition(row, speed, stretch, warp, frames)
        before, after = self._pause(rng), self._pause(rng)
        return Rendition(
            row, speed, stretch, warp, before + frames + after, before, after, rng.random() < SPEECHLESS
        )

    def _pause(self, rng: random.Random) -> int:
        """Frames of a pause at one end of a clip; mostly 0."""
        return round(100 * rng.uniform(0, self.config.pause_perturb)) if rng.random() < PAUSES else 0

    def _as_long_as_the_longest(self, batch: list[Rendition]) -> list[Rendition]:
        """Stretch clips of nearly the same length to the longest, so that no padding is needed.

        Clips only become slower: the audit of CTC paths has assumed the fastest speed already.
        """
        longest = max(rendition.frames for rendition in batch)
        longest += -longest % FRAMES_ROUNDED_TO
        return [self._filling(rendition, longest) for rendition in batch]

    def _filling(self, rendition: Rendition, frames: int) -> Rendition:
        """The clip stretched to `frames`, pauses included, if `LARGEST_STRETCH` allows it."""
        pauses = rendition.before + rendition.after
        if not 0 < frames - pauses <= (rendition.frames - pauses) * LARGEST_STRETCH:
            return rendition
        return replace(
            rendition,
            frames=frames,
            stretch=(frames - pauses) / self.cache.frames(rendition.row, rendition.speed),
        )

    def epoch(self, epoch: int, start: int = 0) -> Iterable[Batch]:
        """The batches of `epoch` from number `start` on; of each, the share of this process."""
        for batch in self.plan(epoch)[start:]:
            renditions = my_share(batch, [rendition.frames for rendition in batch])
            features = [self._features(rendition, epoch) for rendition in renditions]
            padded = collate(self.cache, [rendition.row for rendition in renditions], features)
            for place, rendition in enumerate(renditions):
                if rendition.speechless:
                    padded.targets[place] = []
                    padded.utterances[place] = replace(padded.utterances[place], text="")
            yield padded

    def _features(self, rendition: Rendition, epoch: int) -> Tensor:
        config = self.config
        rng = random.Random(f"sound {config.seed} {epoch} {rendition.row}")
        mel = self.cache.features(rendition.row, rendition.speed)
        if rendition.warp != 1:
            mel = warp_frequency(mel, rendition.warp)
        mel = stretch_time(mel, rendition.stretch)
        if config.colour_perturb:
            mel = colour(mel, rng, config.colour_perturb)
        if config.noise_perturb and rng.random() < config.noise_perturb:
            mel = add_noise(mel, rng)
        if rendition.speechless:
            mel = quiet(mel, rendition.frames, rng)
        elif rendition.before or rendition.after:
            mel = torch.cat([quiet(mel, rendition.before, rng), mel, quiet(mel, rendition.after, rng)])
        if config.spec_augment and epoch >= config.spec_augment_from_epoch:
            mel = spec_augment(mel, rng, self.fill)
        return mel
