"""The loss that training minimises."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from omni_lib.config import Config
from omni_lib.ctc import CTCHead, flattened, is_feasible
from omni_lib.encoder import block_time
from omni_lib.machine.distributed import mean_over_ranks
from omni_lib.machine.hardware import autocast
from omni_lib.manifest import Utterance
from omni_lib.recogniser import Recogniser
from omni_lib.training.batching import Batch
from omni_lib.training.fast_ctc import ctc_loss


@dataclass(frozen=True)
class Loss:
    """The loss of one batch on two scales, and the output of the head."""

    objective: Tensor  # nats per character: the one that is minimised
    per_utterance: Tensor  # (B,) nats: the chapter's ctc_loss
    log_probs: Tensor  # (B, ctc_frames, symbols)
    lengths: Tensor  # (B,) ctc_frames


class Objective(nn.Module):
    """CTC after the last block and two more CTC losses before it, whose heads exist in training only.

    After the last block: letters, with a bonus for the entropy of the alignments (`entropic_ctc_loss`),
    because a model that settles on one alignment early generalises worse.

    After the middle block: letters again, so that the first blocks learn sooner (Lee & Watanabe 2021,
    "Intermediate loss regularization for CTC-based speech recognition").

    Before the last block: whole words. Most errors of a small encoder are words with one wrong letter; an
    encoder that recognises the word spells it correctly (CTC over several units: Sanabria & Metze 2018).
    """

    def __init__(self, config: Config, symbols: int, words: Sequence[str]) -> None:
        """
        Args:
            words: the classes of the word head; see `repeated_words`.
        """
        super().__init__()
        self.mixed_precision = config.mixed_precision
        self.entropy_weight = config.alignment_entropy
        self.letters_weight, self.words_weight = config.intermediate_ctc, config.word_ctc
        # At least as many CTC frames as after the last block, so that a text with a path there has one here.
        time = block_time(middle(config.n_layers), config.blocks_before_pool, config.downsample_time)
        per_frame = math.ceil(config.ctc_frames_per_embedding * time / config.downsample_time)
        self.letters = CTCHead(config.d_model, symbols, per_frame) if self.letters_weight else None
        self.words = WordHead(config.d_model, words) if self.words_weight else None

    def forward(self, recogniser: Recogniser, batch: Batch, share: float = 1.0) -> Loss:
        """
        Args:
            share: the learning rate of this step as a share of its peak. The bonus for entropy is multiplied
                by it: many alignments stay probable while the rate is high, and towards the end the model may
                settle on one (Eom et al. 2024, "AdaMER-CTC", decrease it for the same reason).
        """
        # the targets of a small batch may all be empty
        characters = max(1, mean_over_ranks(sum(map(len, batch.targets))))

        # the encoder in mixed precision; heads and losses need the full precision
        with autocast(batch.mel.device, self.mixed_precision):
            states = recogniser.encoder.hidden_states(batch.mel, batch.lengths)
        states = [(x.to(batch.mel.dtype), lengths) for x, lengths in states]
        in_the_middle, before_last = states[middle(len(states))], states[max(0, len(states) - 2)]

        # letters after the last block
        log_probs, ctc_lengths = recogniser.head(*recogniser.encoder.embed(*states[-1]))
        outputs = [(log_probs, ctc_lengths)]
        if weight := share * self.entropy_weight:
            flat, log_sums = flattened(log_probs, ctc_lengths, weight)
            outputs = [(log_probs.detach(), ctc_lengths), (flat, ctc_lengths)]
        if self.letters is not None:  # letters in the middle
            outputs.append(self.letters(*in_the_middle))
        losses = letter_losses(outputs, batch.targets)
        per_utterance = losses[0]
        objective = per_utterance.sum() / characters
        if weight:  # `entropic_ctc_loss`
            objective = (1 + weight) * (losses[1] - log_sums).sum() / characters
        if self.letters is not None:
            letters = losses[-1].sum() / characters
            objective = (1 - self.letters_weight) * objective + self.letters_weight * letters

        # words before the last block
        if self.words is not None:
            words = self.words.loss(*before_last, batch.utterances) / characters
            objective = objective + self.words_weight * words
        return Loss(objective, per_utterance.detach(), log_probs.detach(), ctc_lengths)


def letter_losses(
    outputs: Sequence[tuple[Tensor, Tensor]], targets: Sequence[Sequence[int]]
) -> Sequence[Tensor]:
    """The CTC loss (B,) of each output, log_probs (B, T, symbols) with lengths (B,), for the same targets.

    One call computes all of them: many rows at once take little longer than a few.
    """
    longest = max(log_probs.shape[1] for log_probs, _ in outputs)
    rows = [F.pad(log_probs, (0, 0, 0, longest - log_probs.shape[1])) for log_probs, _ in outputs]
    lengths = torch.cat([lengths for _, lengths in outputs])
    loss = ctc_loss(torch.cat(rows), lengths, list(targets) * len(outputs))
    return loss.view(len(outputs), len(targets)).unbind()


def middle(blocks: int) -> int:
    """The number, from 0, of the last block of the first half."""
    return max(0, blocks // 2 - 1)


class ModelWithLoss(nn.Module):
    """All weights of a training as one module: a batch → its loss."""

    def __init__(self, recogniser: Recogniser, objective: Objective) -> None:
        super().__init__()
        self.recogniser, self.objective = recogniser, objective

    def forward(self, batch: Batch, share: float = 1.0) -> Loss:
        """`share` as in `Objective`."""
        loss: Loss = self.objective(self.recogniser, batch, share)
        return loss


def repeated_words(texts: Iterable[str]) -> list[str]:
    """The words that occur more than once in the training transcripts, sorted.

    A word that occurs once cannot be told from its recording: all such words share the class
    `WordHead.OTHER`.
    """
    counts = Counter(word for text in texts for word in text.split())
    return sorted(word for word, count in counts.items() if count > 1)


class WordHead(nn.Module):
    """CTC over whole words, with one CTC frame for each frame of the encoder."""

    OTHER = 1  # class index of every word that is not in the list; 0 is the blank

    def __init__(self, d_model: int, words: Sequence[str]) -> None:
        super().__init__()
        self.index = {word: self.OTHER + 1 + place for place, word in enumerate(words)}
        self.norm = nn.LayerNorm(d_model)
        self.head = CTCHead(d_model, len(words) + 2)

    @property
    def words(self) -> list[str]:
        """The words that have a class of their own, in the order of their classes."""
        return list(self.index)

    def targets(self, texts: Iterable[str]) -> list[list[int]]:
        """Class indices of the words of each text."""
        return [[self.index.get(word, self.OTHER) for word in text.split()] for text in texts]

    def loss(self, x: Tensor, lengths: Tensor, utterances: Sequence[Utterance]) -> Tensor:
        """Nats, summed over the utterances with a path; those with more words than frames are left out."""
        targets = self.targets(row.text for row in utterances)
        fits = [row for row, frames in enumerate(lengths.tolist()) if is_feasible(targets[row], frames)]
        log_probs = self.head(self.norm(x), lengths)[0]
        return ctc_loss(log_probs[fits], lengths[fits], [targets[row] for row in fits]).sum()
