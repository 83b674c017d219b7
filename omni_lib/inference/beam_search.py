"""Prefix beam search with an n-gram language model: the words of the model only, weighed by how likely their sequence is.

Two decoders with the same answer: `FlashlightDecoder`, compiled and fast, where the package flashlight-text is installed;
and `PrefixBeamDecoder`, the same search to be read, everywhere. `make_decoder` chooses.

The score of a transcript is log P(text | sound), summed over its paths, + `LM_WEIGHT` · log10 P(words) + `WORD_BONUS` · words.
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from omni_lib.decoding import log_add
from omni_lib.inference.language_model import END, START, LanguageModel, read_arpa
from omni_lib.text import BLANK, SPACE, Vocabulary

LM_WEIGHT, WORD_BONUS = 2.0, 0.5  # plausible values, not tuned
BEAM = 100  # prefixes kept from frame to frame


def make_decoder(arpa: str | Path, vocabulary: Vocabulary) -> FlashlightDecoder | PrefixBeamDecoder:
    """The fast decoder where its package is installed, else the readable one.

    Raises:
        UserError: the language model cannot be read.
    """
    model = read_arpa(arpa)
    if importlib.util.find_spec("flashlight"):
        return FlashlightDecoder(Path(arpa), model, vocabulary)
    return PrefixBeamDecoder(model, vocabulary)


def close_last_word(log_probs: Tensor) -> Tensor:
    """One frame more, for the space that ends the last word: (T, symbols) → (T + 1, symbols); a blank where there is no word."""
    last = torch.full((1, log_probs.shape[1]), -1e4)
    last[0, [BLANK, SPACE]] = 0.0
    return torch.cat([log_probs, last])


class PrefixBeamDecoder:
    """log_probs (B, T, symbols), lengths (B,) → texts (Graves & Jaitly 2014, algorithm 1; Hannun et al. 2014 for the words).

    A prefix is a text so far; paths that collapse to the same prefix are summed, those that end in a blank apart from those that end in
    its last letter, because only the former can repeat that letter.
    """

    def __init__(self, model: LanguageModel, vocabulary: Vocabulary, beam: int = BEAM) -> None:
        self.model, self.vocabulary, self.beam = model, vocabulary, beam
        self.next_letters: dict[str, list[int]] = defaultdict(
            list
        )  # the beginning of a word → the letters that may follow
        for word in model.words:
            for end in range(len(word) + 1):
                letter = SPACE if end == len(word) else vocabulary.encode(word[end])[0]
                if letter not in self.next_letters[word[:end]]:
                    self.next_letters[word[:end]].append(letter)

    def __call__(self, log_probs: Tensor, lengths: Tensor) -> list[str]:
        return [self.decode(row[:length]) for row, length in zip(log_probs, lengths.tolist(), strict=True)]

    def decode(self, log_probs: Tensor) -> str:
        """The best text of one utterance, log_probs (T, symbols)."""
        # words so far, beginning of the next → log-probability of paths that end in a blank, of those that do not; LM score
        beams: dict[tuple[tuple[str, ...], str], list[float]] = {((), ""): [0.0, -math.inf, 0.0]}
        for frame in close_last_word(log_probs).tolist():
            following: dict[tuple[tuple[str, ...], str], list[float]] = {}
            for (words, part), (blank, letter, bonus) in beams.items():
                total = log_add(blank, letter)
                last = self.vocabulary.encode(part[-1])[0] if part else SPACE
                # Where no word has begun, a surplus space changes nothing, whether or not a blank came before it.
                _reach(
                    following,
                    (words, part),
                    total + frame[BLANK],
                    (letter if part else total) + frame[last],
                    bonus,
                )
                for symbol in self.next_letters[part]:
                    before = blank if symbol == last else total
                    if symbol == SPACE:
                        score = LM_WEIGHT * self.model.score((START, *words), part) + WORD_BONUS
                        _reach(
                            following, ((*words, part), ""), -math.inf, before + frame[SPACE], bonus + score
                        )
                    else:
                        longer = part + self.vocabulary.symbols[symbol]
                        _reach(following, (words, longer), -math.inf, before + frame[symbol], bonus)
            ranked = sorted(
                following.items(), key=lambda item: log_add(item[1][0], item[1][1]) + item[1][2], reverse=True
            )
            beams = dict(ranked[: self.beam])
        finished = {
            words: log_add(blank, letter) + bonus + LM_WEIGHT * self.model.score((START, *words), END)
            for (words, part), (blank, letter, bonus) in beams.items()
            if not part
        }
        return " ".join(max(finished, key=finished.__getitem__)) if finished else ""


class FlashlightDecoder:
    """The same search by torchaudio's `ctc_decoder`, on the compiled package flashlight-text."""

    def __init__(self, arpa: Path, model: LanguageModel, vocabulary: Vocabulary, beam: int = BEAM) -> None:
        from torchaudio.models.decoder import ctc_decoder

        symbols = ["|" if symbol == " " else symbol for symbol in vocabulary.symbols]
        with tempfile.TemporaryDirectory() as folder:
            lexicon = Path(folder) / "lexicon.txt"
            lexicon.write_text(
                "".join(f"{word} {' '.join(word)} |\n" for word in model.words), encoding="utf-8"
            )
            with _silence():
                self.decoder = ctc_decoder(
                    lexicon=str(lexicon),
                    tokens=symbols,
                    lm=str(arpa),
                    beam_size=beam,
                    beam_threshold=1e4,
                    lm_weight=LM_WEIGHT,
                    word_score=WORD_BONUS,
                    log_add=True,
                    blank_token=symbols[BLANK],
                    sil_token="|",
                    unk_word="<unk>",
                )

    def __call__(self, log_probs: Tensor, lengths: Tensor) -> list[str]:
        texts = []
        for row, length in zip(log_probs, lengths.tolist(), strict=True):
            emissions = close_last_word(row[:length]).float().contiguous()[None]
            best = self.decoder(emissions)[0]
            texts.append(" ".join(best[0].words) if best else "")
        return texts


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Close the process' standard error for a moment: KenLM draws a progress bar there, from C++."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _reach(beams: dict, prefix: tuple, blank: float, letter: float, bonus: float) -> None:
    """Add paths to a prefix."""
    known = beams.setdefault(prefix, [-math.inf, -math.inf, bonus])
    known[0], known[1] = log_add(known[0], blank), log_add(known[1], letter)
