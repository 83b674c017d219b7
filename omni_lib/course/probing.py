"""Linear probes: can letters, voices and durations be predicted from embeddings of unseen clips?

A probe is a linear map that is fitted by least squares on some clips and scored on others (Alain & Bengio
2016). What it predicts is linearly encoded in the embeddings; what it fails to predict may still be there in
another form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from matplotlib.pyplot import subplots
from torch import Tensor, nn

from omni_lib.alignment import best_path, word_times
from omni_lib.course.figures import page_style
from omni_lib.course.palette import BLUE, GREEN, INK, ORANGE
from omni_lib.encoder import AudioEncoder
from omni_lib.manifest import Utterance
from omni_lib.recogniser import Recogniser
from omni_lib.text import BLANK
from omni_lib.training.batching import evaluation_batches
from omni_lib.training.feature_cache import FeatureCache

SECONDS_PER_EMBEDDING = 0.08
SOURCES = ("log-mel", "untrained", "trained")


@dataclass(frozen=True)
class ProbeExamples:
    """The N examples of one probe: the inputs from each source at the same times, and the labels."""

    inputs: dict[str, Tensor]  # source -> (N, D)
    truth: Tensor  # (N,): class indices, or seconds
    clips: Tensor  # (N,): the index of the clip
    names: list[str]  # of the classes; empty for seconds

    def held_out(self, share: float = 0.3) -> Tensor:
        """Mask (N,) of the examples of the last clips.

        A clip is never used both for fitting and for scoring.
        """
        return self.clips >= (1 - share) * (int(self.clips.max()) + 1)


@dataclass(frozen=True)
class EmbeddedClip:
    """One clip: its inputs for each embedding, and the forced alignment of its text."""

    row: Utterance
    inputs: dict[str, Tensor]  # source -> (T', D)
    path: list[int]  # class index of each CTC frame, by forced alignment with the text
    frames_per_embedding: int


def embed_clips(
    recogniser: Recogniser, untrained: AudioEncoder, utterances: Sequence[Utterance]
) -> list[EmbeddedClip]:
    """The embeddings of each clip by a trained and an untrained encoder, and the 8 log-mel frames of each.

    The clips are sorted by path.
    """
    clips, k = [], recogniser.head.frames_per_embedding
    with torch.inference_mode():
        for batch in evaluation_batches(FeatureCache(utterances), batch_size=16):
            embeddings, lengths = recogniser.encoder(batch.mel, batch.lengths)
            log_probs, _ = recogniser.head(embeddings, lengths)
            others, _ = untrained(batch.mel, batch.lengths)
            for index, row in enumerate(batch.utterances):
                length = int(lengths[index])
                mel = nn.functional.pad(batch.mel[index], (0, 0, 0, 8))[: 8 * length]
                inputs = {
                    "log-mel": mel.reshape(length, -1),
                    "untrained": others[index, :length],
                    "trained": embeddings[index, :length],
                }
                path = best_path(log_probs[index, : length * k], batch.targets[index])
                clips.append(EmbeddedClip(row, inputs, path, k))
    return sorted(clips, key=lambda clip: str(clip.row.path))


def letters(clips: Sequence[EmbeddedClip], recogniser: Recogniser) -> ProbeExamples:
    """The letter aligned with each embedding.

    Embeddings with no letter, or with more than one, are left out.
    """
    rows = []
    for number, clip in enumerate(clips):
        k = clip.frames_per_embedding
        for place in range(len(clip.path) // k):
            said = set(clip.path[k * place : k * (place + 1)]) - {BLANK}
            if len(said) == 1:
                rows.append((number, place, said.pop()))
    symbols = sorted({symbol for _, _, symbol in rows})
    truth = torch.tensor([symbols.index(symbol) for _, _, symbol in rows])
    names = [recogniser.vocabulary.decode([symbol]) for symbol in symbols]
    return _moments(clips, [(number, place) for number, place, _ in rows], truth, names)


def voices(clips: Sequence[EmbeddedClip]) -> ProbeExamples:
    """The speaker of each embedding."""
    names = sorted({clip.row.speaker for clip in clips})
    # All first clips, then all second clips, …: so every voice has clips for fitting and for scoring.
    ordered = [clips[number] for number in sorted(range(len(clips)), key=lambda number: _turn(clips, number))]
    lengths = [len(clip.inputs["trained"]) for clip in ordered]
    places = [(number, place) for number, length in enumerate(lengths) for place in range(length)]
    truth = torch.tensor([names.index(ordered[number].row.speaker) for number, _ in places])
    return _moments(ordered, places, truth, names)


def _turn(clips: Sequence[EmbeddedClip], number: int) -> int:
    """How many clips of the same speaker come before this one."""
    return sum(clip.row.speaker == clips[number].row.speaker for clip in clips[:number])


def durations(clips: Sequence[EmbeddedClip], recogniser: Recogniser) -> ProbeExamples:
    """The duration of each word (seconds, by forced alignment), with the embedding in its middle."""
    places, truth = [], []
    for number, clip in enumerate(clips):
        seconds = SECONDS_PER_EMBEDDING / clip.frames_per_embedding
        for word in word_times(clip.path, recogniser.vocabulary, seconds):
            places.append((number, int((word.start + word.end) / 2 / SECONDS_PER_EMBEDDING)))
            truth.append(word.end - word.start)
    return _moments(clips, places, torch.tensor(truth), [])


def _moments(
    clips: Sequence[EmbeddedClip], places: Sequence[tuple[int, int]], truth: Tensor, names: list[str]
) -> ProbeExamples:
    inputs = {
        source: torch.stack([clips[number].inputs[source][place] for number, place in places])
        for source in SOURCES
    }
    return ProbeExamples(inputs, truth, torch.tensor([number for number, _ in places]), names)


def fit(x: Tensor, targets: Tensor, penalty: float = 1.0) -> Tensor:
    """Ridge regression: the weights W (D + 1, K) that minimise |[x 1] W - targets|² + penalty · |W|².

    Args:
        x: (N, D); targets: (N, K).
    """
    x = torch.cat([x, torch.ones(len(x), 1)], dim=1).double()
    weights: Tensor = torch.linalg.solve(
        x.T @ x + penalty * torch.eye(x.shape[1]).double(), x.T @ targets.double()
    )
    return weights


def score(examples: ProbeExamples, source: str) -> float:
    """The score on clips that the probe was not fitted to: accuracy, or R² for seconds (0: like the mean)."""
    x, out = examples.inputs[source].float(), examples.held_out()
    x = (x - x[~out].mean(0)) / x[~out].std(0).clamp_min(1e-5)
    classes = len(examples.names)
    truth = examples.truth
    targets = nn.functional.one_hot(truth, classes).float() if classes else truth.float()[:, None]
    penalty = 0.01 * int((~out).sum())  # 1% of the summed squares of a standardised input
    weights = fit(x[~out], targets[~out], penalty)
    found = torch.cat([x[out], torch.ones(int(out.sum()), 1)], dim=1).double() @ weights
    if classes:
        return (found.argmax(1) == truth[out]).double().mean().item()
    residual = (found - targets[out]).square().sum()
    total = (targets[out] - targets[~out].mean()).square().sum()
    return 1 - (residual / total).item()


def chance(examples: ProbeExamples) -> float:
    """The score without a probe: always the most frequent class of the fitted clips, or 0 for R²."""
    if not examples.names:
        return 0.0
    out = examples.held_out()
    return (examples.truth[out] == examples.truth[~out].mode().values).double().mean().item()


def probe_figure(scores: dict[str, dict[str, float]], levels: dict[str, float]) -> Figure:
    """Bars with the score of each probe for each source, one panel for each question.

    Args:
        scores: question -> source -> score.
        levels: question -> score by chance, drawn as a line.
    """
    with page_style():
        figure, panels = subplots(1, len(scores), figsize=(9, 2.9), layout="constrained")
        for axes, (question, found) in zip(panels, scores.items(), strict=True):
            bars = axes.bar(list(found), list(found.values()), color=[INK, ORANGE, BLUE], width=0.6)
            axes.bar_label(bars, [f"{value:.2f}" for value in found.values()], color=INK, padding=2)
            axes.axhline(levels[question], color=GREEN, linestyle="--", label="guessing")
            lowest = min(found.values())
            axes.set(title=question, ylim=(lowest - 0.15 if lowest < 0 else 0, 1.05))
        panels[0].set_ylabel("share right (R² for durations)")
        panels[0].legend(loc="upper left")
    return figure
