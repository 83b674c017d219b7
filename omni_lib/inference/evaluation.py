"""Transcribe utterances and count the errors: over all of them, by kind of sentence, or by speaker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from omni_lib.machine.distributed import gathered, rank, world_size
from omni_lib.manifest import Utterance
from omni_lib.metrics import ErrorCount, bootstrap_interval, character_errors, total, word_errors
from omni_lib.recogniser import Recogniser
from omni_lib.training.batching import Batch, evaluation_batches
from omni_lib.training.feature_cache import FeatureCache

# log_probs (B, T, symbols), lengths (B,) → B texts
Decoder = Callable[[Tensor, Tensor], list[str]]


@dataclass(frozen=True)
class Evaluation:
    """Utterances and their transcripts, in the order of the batches: the shortest clip first."""

    utterances: list[Utterance]
    hypotheses: list[str]

    @cached_property
    def words(self) -> list[ErrorCount]:
        """Word errors of each utterance."""
        return [
            word_errors(row.text, hypothesis)
            for row, hypothesis in zip(self.utterances, self.hypotheses, strict=True)
        ]

    @cached_property
    def characters(self) -> list[ErrorCount]:
        """Character errors of each utterance."""
        return [
            character_errors(row.text, hypothesis)
            for row, hypothesis in zip(self.utterances, self.hypotheses, strict=True)
        ]

    @property
    def wer(self) -> float:
        """Corpus word error rate, a fraction."""
        return total(self.words).rate

    @property
    def cer(self) -> float:
        """Corpus character error rate, a fraction."""
        return total(self.characters).rate

    @property
    def resampled_by(self) -> str:
        """The unit that `interval` resamples: "speaker", or "utterance" if no speaker is known."""
        return "speaker" if any(row.speaker for row in self.utterances) else "utterance"

    def interval(self) -> tuple[float, float]:
        """95% bootstrap interval of the WER; an utterance without a speaker counts as a separate speaker."""
        return bootstrap_interval(self.words, [row.speaker or str(row.path) for row in self.utterances])

    def summary(self) -> dict[str, float | int | list[float]]:
        """The figures that `omni evaluate --json` prints: fractions, and the interval as [low, high]."""
        words = sum(count.reference for count in self.words)
        return {
            "wer": self.wer,
            "cer": self.cer,
            "wer_ci95": list(self.interval()),
            "utterances": len(self.utterances),
            "words": words,
        }

    def by(self, attribute: str) -> dict[str, ErrorCount]:
        """Word errors pooled by an attribute of the utterances: "kind", "speaker", "accent"."""
        groups: dict[str, list[ErrorCount]] = {}
        for row, count in zip(self.utterances, self.words, strict=True):
            groups.setdefault(getattr(row, attribute), []).append(count)
        return {name: total(groups[name]) for name in sorted(groups)}


def evaluate(
    recogniser: Recogniser,
    utterances: FeatureCache | Sequence[Utterance],
    decoder: Decoder | None = None,
    batch_size: int = 16,
) -> Evaluation:
    """Transcribe every utterance without dropout or augmentation, greedily unless another decoder is given.

    In a distributed run, every rank must call it. Each rank transcribes some of the batches, and all get the
    complete result.
    """
    return evaluate_each(recogniser, utterances, [decoder or recogniser.greedy], batch_size)[0]


def evaluate_each(
    recogniser: Recogniser,
    utterances: FeatureCache | Sequence[Utterance],
    decoders: Sequence[Decoder],
    batch_size: int = 16,
) -> list[Evaluation]:
    """`evaluate` for each of several decoders; the encoder runs only once over every utterance."""
    cache = utterances if isinstance(utterances, FeatureCache) else FeatureCache(utterances)
    was_training, device = recogniser.training, next(recogniser.parameters()).device
    recogniser.eval()
    rows: list[Utterance] = []
    texts: dict[int, list[list[str]]] = {}  # by number of the batch, then by decoder
    try:
        with torch.inference_mode():
            batch: Batch
            for number, batch in enumerate(evaluation_batches(cache, batch_size)):
                rows += batch.utterances
                if number % world_size() == rank():
                    log_probs, lengths = recogniser(batch.mel.to(device), batch.lengths.to(device))
                    texts[number] = [decode(log_probs.cpu(), lengths.cpu()) for decode in decoders]
    finally:  # also where an evaluation is interrupted in a notebook
        recogniser.train(was_training)
    for others in gathered(texts):
        texts |= others
    return [
        Evaluation(rows, [text for number in sorted(texts) for text in texts[number][place]])
        for place in range(len(decoders))
    ]
