"""The spelling of each word of a language model in the letters of the CTC output.

Language models have words that the 29 symbols cannot represent directly: words in capitals (LibriSpeech's),
with apostrophes or accents (don't, café), numbers, tags ([noise]). They are spelled by the same rule as the
transcripts of the corpora.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable

from omni_lib.corpora.transcripts import spoken
from omni_lib.errors import UserError, one_line
from omni_lib.inference.language_model import START, LanguageModel
from omni_lib.text import normalise
from omni_lib.text_rules.refusals import PHONE

# of SentencePiece, GPT-2, subword-nmt (two forms) and BERT
_PIECE = re.compile("^[\u2581\u0120]|@@$|</w>$|^##")
_STRESSED = re.compile("(?:AA|AE|AH|AO|AW|AY|EH|ER|EY|IH|IY|OW|OY|UH|UW)[0-2]", re.IGNORECASE)  # of ARPAbet
_PHONE = re.compile(PHONE + "[0-2]?", re.IGNORECASE)
_SPACES = {"|", "\u2581", "<space>", "_", "<|space|>"}  # what models of letters have for the space
# The least and the most that the probabilities of all words may add up to. A vocabulary that was cut has less
# than 1; six equally likely words in natural logarithms have less than 0.1.
_LEAST, _MOST = 0.1, 1.1
_MANY_LETTERS = 10  # different ones, from which a model of letters alone is noted
MOST_ALIKE = 6  # the most words with one spelling (dont, don't, DON'T) that the compiled decoder can hold


def spellings(model: LanguageModel, name: str, report: Callable[[str], None]) -> dict[str, str]:
    """Map each word of the model that the letters a-z can spell to its spelling by `spoken` (U.S. → "u s").

    Args:
        name: the name of the model in messages, such as its file name.
        report: called with a line that counts the words with another spelling (don't → dont), and the words
            left out because a-z cannot spell them or because `MOST_ALIKE` likelier words are spelled alike.

    Raises:
        UserError: no word can be spelled, or the model is one of word pieces, phones or letters.
    """
    _refuse_pieces(model, name)
    changed, left_out, alike_words = [], [], []
    by_spelling: dict[str, list[str]] = defaultdict(list)
    for word in model.words:
        spelling = _spelling(word)
        if not spelling:
            left_out.append(word)
            continue
        if spelling != word:
            changed.append(f"{word} → {spelling}")
        by_spelling[spelling].append(word)
    for alike in by_spelling.values():
        alike.sort(key=lambda word: model.probability[(word,)], reverse=True)
        alike_words += alike[MOST_ALIKE:]
    if not by_spelling:
        raise UserError(
            f"{name} has no word that the letters a-z can spell{_examples(left_out)}: "
            "build one from English transcripts with 'omni lm build'"
        )
    counts = []
    if changed:
        counts.append(f"{len(changed)} spelled by the rule for transcripts{_examples(changed)}")
    if left_out:
        counts.append(f"{len(left_out)} left out, because a-z cannot spell them{_examples(left_out)}")
    if alike_words:
        why = f"because {MOST_ALIKE} likelier words are spelled like them"
        counts.append(f"{len(alike_words)} left out, {why}{_examples(alike_words)}")
    if len(by_spelling) >= _MANY_LETTERS and all(len(spelling) == 1 for spelling in by_spelling):
        report(one_line(f"{name}: all its words are single letters; unless people spell, take one of words"))
    if counts:
        report(one_line(f"{name}: of {len(model.words)} words, {'; '.join(counts)}"))
    return {word: spelling for spelling, alike in by_spelling.items() for word in alike[:MOST_ALIKE]}


def note_foreign_words(
    lexicon: dict[str, str], name: str, references: Iterable[str], report: Callable[[str], None]
) -> None:
    """Report if the model has none of the words of `references`, so that no transcript can be right."""
    wanted = {word for text in references for word in text.split()}
    known = {word for spelling in lexicon.values() for word in spelling.split()}
    if wanted and not wanted & known:
        report(
            one_line(
                f"{name}: none of its words occurs in the {len(wanted)} different words of the references, "
                "so no transcript can be right; take a model of similar texts"
            )
        )


def note_odd_probabilities(model: LanguageModel, name: str, report: Callable[[str], None]) -> None:
    """Report if the probabilities of the single words do not add up to about 1: are they log10?"""
    logarithms = [value for gram, value in model.probability.items() if len(gram) == 1 and gram != (START,)]
    total = sum(10**value for value in logarithms)
    if model.order > 1 and not model.backoff:
        report(
            one_line(
                f"{name}: it has no back-off weights, so word sequences that it has not seen get too high a"
                " probability; build it again"
            )
        )
    for base, kind in ((math.e, "natural ones"), (2.0, "those of base 2")):
        if abs(sum(base**value for value in logarithms) - 1) < 0.02 < abs(total - 1):
            report(
                one_line(
                    f"{name}: its numbers may not be logarithms of base 10, but {kind}: multiply"
                    f" them by {math.log10(base):.5f}, or build it again"
                )
            )
            return
    if not _LEAST <= total <= _MOST:
        report(
            one_line(
                f"{name}: the probabilities of its 1-grams add up to {total:.3g} instead of 1, so its numbers"
                " may not be logarithms of base 10, or a part of it may be missing; build it again"
            )
        )


def _refuse_pieces(model: LanguageModel, name: str) -> None:
    """Refuse a model of word pieces, phones, or letters with a sign for the space: whole words are needed.

    Raises:
        UserError: the model is one of these.
    """
    pieces = [word for word in model.words if _PIECE.search(word)]
    letters = sum(len(word) == 1 and word.isalpha() for word in model.words)
    of_letters = _SPACES & set(model.words) and 2 * letters > len(model.words)
    phones = sum(_PHONE.fullmatch(word) is not None for word in model.words)
    stressed = [word for word in model.words if _STRESSED.fullmatch(word)]
    of_phones = len(stressed) > 2 and 10 * phones > 9 * len(model.words)
    if of_phones or of_letters or 10 * len(pieces) > len(model.words):
        pieces_of_words = f"word pieces, such as {pieces[0]!r}" if pieces else ""
        phones_of_words = f"phones, such as {stressed[0]!r}" if of_phones else ""
        kind = phones_of_words or ("letters" if of_letters else pieces_of_words)
        raise UserError(
            f"{name} is a model of {kind}, and the decoder needs one of whole words:"
            " build one from transcripts with 'omni lm build'"
        )


def _spelling(word: str) -> str:
    """The word in a-z and single spaces, or "" if it cannot be spelled."""
    if "/" in word:  # a word with its part of speech (hello/NN), or a choice
        return ""
    if word.isascii() and word.isalpha() and word.islower():
        return normalise(word)  # most words of most models; the rule changes only mr, dr, etc, vs …
    try:
        return spoken(word)
    except UserError:
        return ""


def _examples(words: list[str]) -> str:
    return f" ({', '.join(words[:3])}{', …' if len(words) > 3 else ''})" if words else ""
