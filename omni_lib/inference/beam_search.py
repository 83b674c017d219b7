"""Prefix beam search with an n-gram language model. Transcripts contain only words of the model.

Two decoders run the same search. `FlashlightDecoder` is compiled and fast; it needs the package
flashlight-text. `PrefixBeamDecoder` is written in readable Python and works everywhere. `make_decoder`
chooses between them. Both get their scores from the same `LanguageModel` and prune the same hypotheses.

The score of a transcript is
ln P(text | sound), summed over its paths, + `LM_WEIGHT` · log10 P(words) + `WORD_BONUS` · number of words.
"""

from __future__ import annotations

import importlib.util
import math
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from omni_lib.decoding import log_add
from omni_lib.inference.arpa import read_arpa
from omni_lib.inference.language_model import END, START, UNKNOWN, LanguageModel
from omni_lib.inference.lexicon import note_foreign_words, note_odd_probabilities, spellings
from omni_lib.text import BLANK, SPACE, Vocabulary

LM_WEIGHT, WORD_BONUS = 2.0, 0.5  # plausible values, not tuned
BEAM = 100  # hypotheses kept from frame to frame
# whole words, the beginning of the next word, and whether the paths end in a blank
Prefix = tuple[tuple[str, ...], str, bool]


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr)


def make_decoder(
    arpa: str | Path,
    vocabulary: Vocabulary,
    references: Iterable[str] = (),
    report: Callable[[str], None] = _to_stderr,
) -> FlashlightDecoder | PrefixBeamDecoder:
    """The fast decoder if its package is installed, otherwise the one in Python.

    Args:
        arpa: the file of the language model.
        references: texts that the transcripts will be compared with, if there are any.
        report: called with a line about words of the model that are left out or have another spelling in
            transcripts, and with another line if the model has none of the words of `references`.

    Raises:
        UserError: the language model cannot be read, or has no word that the vocabulary's letters can spell.
    """
    model = read_arpa(arpa)
    lexicon = spellings(model, str(arpa), report)
    note_foreign_words(lexicon, str(arpa), references, report)
    note_odd_probabilities(model, str(arpa), report)
    if importlib.util.find_spec("flashlight"):
        return FlashlightDecoder(model, lexicon, vocabulary)
    return PrefixBeamDecoder(model, lexicon, vocabulary)


def close_last_word(log_probs: Tensor) -> Tensor:
    """Append a frame in which a space is certain: (T, symbols) → (T + 1, symbols). It ends the last word.

    If the last word has ended before, the additional space changes nothing.
    """
    last = torch.full((1, log_probs.shape[1]), -1e4)
    last[0, SPACE] = 0.0
    return torch.cat([log_probs, last])


class PrefixBeamDecoder:
    """log_probs (B, T, symbols), lengths (B,) → B texts.

    A prefix is a sequence of whole words and the beginning of the next one. The probabilities of all
    paths that collapse to the same prefix are added (Graves & Jaitly 2014, algorithm 1; with words, Hannun et
    al. 2014). Paths that end in a blank are kept separate from those that end in the prefix's last letter,
    because the same letter can follow only after a blank ("ll").

    Args:
        lexicon: maps each word of the model that transcripts may contain to its spelling (letters a-z, and
            possibly spaces).
        beam: the number of hypotheses kept after each frame.
    """

    def __init__(
        self, model: LanguageModel, lexicon: dict[str, str], vocabulary: Vocabulary, beam: int = BEAM
    ) -> None:
        self.model, self.lexicon, self.vocabulary, self.beam = model, lexicon, vocabulary, beam
        self.words_by_spelling: dict[str, list[str]] = defaultdict(list)
        self.next_letters: dict[str, set[str]] = defaultdict(set)  # beginning of a spelling → letters
        # beginning of a spelling → LM score of its likeliest word, as the first word of a sentence
        self.likeliest: dict[str, float] = {"": 0.0}
        for word, spelling in lexicon.items():
            self.words_by_spelling[spelling].append(word)
            score = LM_WEIGHT * model.score((START,), word)
            for end in range(1, len(spelling) + 2):
                beginning = (spelling + " ")[:end]
                self.likeliest[beginning] = max(score, self.likeliest.get(beginning, -math.inf))
                if end <= len(spelling):
                    self.next_letters[spelling[: end - 1]].add(spelling[end - 1])

    def __call__(self, log_probs: Tensor, lengths: Tensor) -> list[str]:
        return [self.decode(row[:length]) for row, length in zip(log_probs, lengths.tolist(), strict=True)]

    def decode(self, log_probs: Tensor) -> str:
        """The best text of one utterance, log_probs (T, symbols)."""
        beams: dict[Prefix, float] = {((), "", False): 0.0}
        for frame in close_last_word(log_probs).tolist():
            following: dict[Prefix, float] = defaultdict(lambda: -math.inf)
            for (words, part, after_blank), score in beams.items():
                last = self.vocabulary.encode(part[-1])[0] if part else SPACE

                # the prefix stays the same: a blank, its last letter repeated, or more space between words
                stays = (words, part, True)
                following[stays] = log_add(following[stays], score + frame[BLANK])
                if not (part and after_blank):
                    stays = (words, part, False)
                    following[stays] = log_add(following[stays], score + frame[last])

                # the next word gets another letter
                for letter in self.next_letters[part]:
                    symbol = self.vocabulary.encode(letter)[0]
                    if symbol != last or after_blank:
                        longer = (words, part + letter, False)
                        following[longer] = log_add(following[longer], score + frame[symbol])

                # a space ends the word
                for word in self.words_by_spelling[part] if part in self.words_by_spelling else ():
                    weighted = LM_WEIGHT * self.model.score((START, *words), word) + WORD_BONUS
                    ended = ((*words, word), "", False)
                    following[ended] = log_add(following[ended], score + frame[SPACE] + weighted)

            # An unfinished word is ranked as if it became the likeliest word with this beginning.
            ranked = sorted(
                following.items(), key=lambda item: item[1] + self.likeliest[item[0][1]], reverse=True
            )
            beams = dict(ranked[: self.beam])

        # Hypotheses without an unfinished word are preferred. If there are none, that word is left out.
        ends = {prefix: score for prefix, score in beams.items() if not prefix[1]} or beams
        words, _, _ = max(
            ends, key=lambda prefix: ends[prefix] + LM_WEIGHT * self.model.score((START, *prefix[0]), END)
        )
        return " ".join(self.lexicon[word] for word in words)


class FlashlightDecoder:
    """The same search by torchaudio's `ctc_decoder`, which uses the compiled package flashlight-text.

    Its own language model, KenLM, is not used: its reader of ARPA files aborts the process on some files, and
    the decoder would merge texts whose last words are the same, which makes their probabilities too high.
    """

    def __init__(
        self, model: LanguageModel, lexicon: dict[str, str], vocabulary: Vocabulary, beam: int = BEAM
    ) -> None:
        from torchaudio.models.decoder import ctc_decoder

        self.spelling_of = list(lexicon.values())
        symbols = ["|" if symbol == " " else symbol for symbol in vocabulary.symbols]
        letters = [" ".join(spelling.replace(" ", "|")) for spelling in self.spelling_of]
        with tempfile.TemporaryDirectory() as folder:
            # Words are replaced by numbers, because these files cannot represent every character of a word.
            files = {"lexicon": Path(folder) / "lexicon.txt", "lm_dict": Path(folder) / "words.txt"}
            entries = "".join(f"{n} {spelling} |\n" for n, spelling in enumerate(letters))
            files["lexicon"].write_text(entries, encoding="utf-8")
            words = "".join(f"{n}\n" for n in [*range(len(letters)), UNKNOWN])
            files["lm_dict"].write_text(words, encoding="utf-8")
            self.decoder = ctc_decoder(
                lexicon=str(files["lexicon"]),
                lm_dict=str(files["lm_dict"]),
                tokens=symbols,
                lm=_scorer(model, [*lexicon, UNKNOWN]),
                beam_size=beam,
                beam_threshold=1e4,
                lm_weight=LM_WEIGHT,
                word_score=WORD_BONUS,
                log_add=True,
                blank_token=symbols[BLANK],
                sil_token="|",
                unk_word=UNKNOWN,
            )

    def __call__(self, log_probs: Tensor, lengths: Tensor) -> list[str]:
        texts = []
        for row, length in zip(log_probs, lengths.tolist(), strict=True):
            emissions = close_last_word(row[:length]).float().contiguous()[None]
            best = self.decoder(emissions)[0]
            texts.append(" ".join(self.spelling_of[int(word)] for word in best[0].words) if best else "")
        return texts


def _scorer(model: LanguageModel, words: list[str]) -> Any:
    """The model in the form of `ctc_decoder`: words as indices into `words`, histories as opaque states."""
    from torchaudio.models.decoder import CTCDecoderLM, CTCDecoderLMState

    class Scorer(CTCDecoderLM):
        def start(self, start_with_nothing: bool) -> CTCDecoderLMState:
            """The state at the beginning of an utterance; the states of the previous one are deleted."""
            beginning = CTCDecoderLMState()
            self.histories: dict[CTCDecoderLMState, tuple[str, ...]] = {beginning: (START,)}
            return beginning

        def score(self, state: CTCDecoderLMState, word: int) -> tuple[CTCDecoderLMState, float]:
            history, longer = self.histories[state], state.child(word)
            self.histories[longer] = (*history, words[word])
            return longer, model.score(history, words[word])

        def finish(self, state: CTCDecoderLMState) -> tuple[CTCDecoderLMState, float]:
            return state, model.score(self.histories[state], END)

    return Scorer()
