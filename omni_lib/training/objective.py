"""What training minimises."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from omni_lib.config import Config
from omni_lib.ctc import CTCHead, ctc_loss, entropic_ctc_loss, is_feasible
from omni_lib.encoder import block_time
from omni_lib.machine.distributed import mean_over_ranks
from omni_lib.machine.hardware import autocast
from omni_lib.manifest import Utterance
from omni_lib.recogniser import Recogniser
from omni_lib.training.batching import Batch


@dataclass(frozen=True)
class Loss:
    """The loss of one batch in two scales, and what the head said."""

    objective: Tensor  # nats per character, to be differentiated
    per_utterance: Tensor  # (B,) nats: the chapter's ctc_loss
    log_probs: Tensor  # (B, ctc_frames, symbols)
    lengths: Tensor  # (B,) ctc_frames


class Objective(nn.Module):
    """CTC at the end of the encoder, and two more on the way there, which exist in training only (not in `enc`, nor in `head`).

    At the end, a bonus for the entropy of the alignments (`entropic_ctc_loss`): a model that bets on one alignment early hears new speech
    worse. In the middle, letters again: the first blocks learn sooner (Lee & Watanabe 2021, "Intermediate loss regularization for
    CTC-based speech recognition"). Before the last block, whole words: most of what a small encoder gets wrong are words with a letter
    amiss, and a word that is known as one is spelled as one (multitask CTC over several units: Sanabria & Metze 2018).
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
        # At least as many CTC frames as at the end, so that no row has a path there and none here.
        time = block_time(middle(config.n_layers), config.blocks_before_pool, config.downsample_time)
        per_frame = math.ceil(config.ctc_frames_per_embedding * time / config.downsample_time)
        self.letters = CTCHead(config.d_model, symbols, per_frame) if self.letters_weight else None
        self.words = WordHead(config.d_model, words) if self.words_weight else None

    def forward(self, recogniser: Recogniser, batch: Batch, share: float = 1.0) -> Loss:
        """
        Args:
            share: of its peak that the rate has at this step, and the bonus for entropy likewise: many alignments are in play as long as
                much is learnt, and towards the end the model may make up its mind (Eom et al. 2024, "AdaMER-CTC", for the same reason).
        """
        characters = max(
            1, mean_over_ranks(sum(map(len, batch.targets)))
        )  # nobody may speak in a small batch
        with autocast(batch.mel.device, self.mixed_precision):
            states = recogniser.encoder.hidden_states(batch.mel, batch.lengths)
        states = [
            (x.to(batch.mel.dtype), lengths) for x, lengths in states
        ]  # heads and CTC need the full precision
        in_the_middle, before_last = states[middle(len(states))], states[max(0, len(states) - 2)]
        log_probs, ctc_lengths = recogniser.head(*recogniser.encoder.embed(*states[-1]))
        per_utterance = ctc_loss(log_probs, ctc_lengths, batch.targets)
        objective = per_utterance.sum() / characters
        if self.entropy_weight:
            objective = (
                entropic_ctc_loss(log_probs, ctc_lengths, batch.targets, share * self.entropy_weight).sum()
                / characters
            )
        if self.letters is not None:
            letters = ctc_loss(*self.letters(*in_the_middle), batch.targets).sum() / characters
            objective = (1 - self.letters_weight) * objective + self.letters_weight * letters
        if self.words is not None:
            objective = (
                objective + self.words_weight * self.words.loss(*before_last, batch.utterances) / characters
            )
        return Loss(objective, per_utterance.detach(), log_probs.detach(), ctc_lengths)


def middle(blocks: int) -> int:
    """The block, from 0, behind which the encoder is half done."""
    return max(0, blocks // 2 - 1)


class Learner(nn.Module):
    """All that has weights in training, as one module: a batch → its loss."""

    def __init__(self, recogniser: Recogniser, objective: Objective) -> None:
        super().__init__()
        self.recogniser, self.objective = recogniser, objective

    def forward(self, batch: Batch, share: float = 1.0) -> Loss:
        return self.objective(self.recogniser, batch, share)


def repeated_words(texts: Iterable[str]) -> list[str]:
    """The words that occur more than once in the training transcripts, sorted.

    A word that occurs once cannot be told from its recording: all such words share the class `WordHead.OTHER`.
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
        """Nats, summed over the utterances that have a frame for each word: one that spells too fast for that does not count here."""
        targets = self.targets(row.text for row in utterances)
        fits = [row for row, frames in enumerate(lengths.tolist()) if is_feasible(targets[row], frames)]
        log_probs = self.head(self.norm(x), lengths)[0]
        return ctc_loss(log_probs[fits], lengths[fits], [targets[row] for row in fits]).sum()
