"""What do embeddings hold? Linear probes for letters, voices and durations, on clips whose encoder never learnt from them.

A probe is a linear map, fitted by least squares to some clips and judged on others (Alain & Bengio 2016). What it finds is there to be
had by one matrix; what it does not find may be there in another form.
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
    """One row for each moment that is probed: an embedding, what stands in its place in other sources, and the truth about it."""

    inputs: dict[str, Tensor]  # source -> (N, D)
    truth: Tensor  # (N,): class indices, or seconds
    clips: Tensor  # (N,): the number of the clip
    names: list[str]  # of the classes; empty for seconds

    def held_out(self, share: float = 0.3) -> Tensor:
        """Mask (N,) of the moments of the last clips: no moment of a clip is fitted and judged at once."""
        return self.clips >= (1 - share) * (int(self.clips.max()) + 1)


@dataclass(frozen=True)
class EmbeddedClip:
    """One clip, embedding by embedding."""

    row: Utterance
    inputs: dict[str, Tensor]  # source -> (T', D)
    path: list[int]  # class index of each CTC frame, by forced alignment with the text
    frames_per_embedding: int


def embed_clips(
    recogniser: Recogniser, untrained: AudioEncoder, utterances: Sequence[Utterance]
) -> list[EmbeddedClip]:
    """Embeddings of each clip from a trained and an untrained encoder, and the log-mels that they are made of, 8 frames side by side."""
    heard, k = [], recogniser.head.frames_per_embedding
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
                heard.append(EmbeddedClip(row, inputs, path, k))
    return sorted(heard, key=lambda clip: str(clip.row.path))


def letters(clips: Sequence[EmbeddedClip], recogniser: Recogniser) -> ProbeExamples:
    """The letter that is said in each embedding; those in which the path says nothing new, or more than one letter, are left out."""
    rows = []
    for number, clip in enumerate(clips):
        for place in range(len(clip.path) // clip.frames_per_embedding):
            said = set(
                clip.path[place * clip.frames_per_embedding : (place + 1) * clip.frames_per_embedding]
            ) - {BLANK}
            if len(said) == 1:
                rows.append((number, place, said.pop()))
    symbols = sorted({symbol for _, _, symbol in rows})
    truth = torch.tensor([symbols.index(symbol) for _, _, symbol in rows])
    names = [recogniser.vocabulary.decode([symbol]) for symbol in symbols]
    return _moments(clips, [(number, place) for number, place, _ in rows], truth, names)


def voices(clips: Sequence[EmbeddedClip]) -> ProbeExamples:
    """Who speaks, asked of every embedding."""
    names = sorted({clip.row.speaker for clip in clips})
    by_voice = sorted(
        range(len(clips)), key=lambda number: _turn(clips, number)
    )  # so that each voice is fitted and judged
    ordered = [clips[number] for number in by_voice]
    places = [
        (number, place) for number, clip in enumerate(ordered) for place in range(len(clip.inputs["trained"]))
    ]
    truth = torch.tensor([names.index(ordered[number].row.speaker) for number, _ in places])
    return _moments(ordered, places, truth, names)


def _turn(clips: Sequence[EmbeddedClip], number: int) -> int:
    """Which clip of its speaker it is: all first ones, then all second ones, …"""
    return sum(clip.row.speaker == clips[number].row.speaker for clip in clips[:number])


def durations(clips: Sequence[EmbeddedClip], recogniser: Recogniser) -> ProbeExamples:
    """How long the word lasts that is said in the middle of it, in seconds, by forced alignment."""
    places, truth = [], []
    for number, clip in enumerate(clips):
        for word in word_times(
            clip.path, recogniser.vocabulary, SECONDS_PER_EMBEDDING / clip.frames_per_embedding
        ):
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
    """Ridge regression: the weights (D + 1, K) with the least |[x 1] W - targets|² + penalty · |W|².

    Args:
        x: (N, D); targets: (N, K).
    """
    x = torch.cat([x, torch.ones(len(x), 1)], dim=1).double()
    return torch.linalg.solve(x.T @ x + penalty * torch.eye(x.shape[1]).double(), x.T @ targets.double())


def score(moments: ProbeExamples, source: str) -> float:
    """What a probe finds in clips that it was not fitted to: the share of right classes, or R² of the seconds (0: like the mean)."""
    x, out = moments.inputs[source].float(), moments.held_out()
    x = (x - x[~out].mean(0)) / x[~out].std(0).clamp_min(1e-5)
    classes = len(moments.names)
    targets = (
        nn.functional.one_hot(moments.truth, classes).float() if classes else moments.truth.float()[:, None]
    )
    penalty = 0.01 * int((~out).sum())  # of standardised inputs: a hundredth of their squares
    weights = fit(x[~out], targets[~out], penalty)
    found = torch.cat([x[out], torch.ones(int(out.sum()), 1)], dim=1).double() @ weights
    if classes:
        return (found.argmax(1) == moments.truth[out]).double().mean().item()
    wrong, spread = (
        (found - targets[out]).square().sum(),
        (targets[out] - targets[~out].mean()).square().sum(),
    )
    return 1 - (wrong / spread).item()


def chance(moments: ProbeExamples) -> float:
    """What naming the commonest class of the fitted clips gets right; 0 for R²."""
    if not moments.names:
        return 0.0
    out = moments.held_out()
    return (moments.truth[out] == moments.truth[~out].mode().values).double().mean().item()


def probe_figure(scores: dict[str, dict[str, float]], levels: dict[str, float]) -> Figure:
    """Bars: for each question what a probe finds in each source, with a line where guessing gets.

    Args:
        scores: question -> source -> score.
        levels: question -> what guessing gets.
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
