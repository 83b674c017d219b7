"""From the words of a language model to their letters, so that a decoder can find them in the output of CTC.

Models have words that the 29 symbols cannot write as they are: in capitals (LibriSpeech's), with
apostrophes or accents (don't, café), numbers, tags ([noise]). They are spelt by the rule that makes the
texts of the corpora.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from omni_lib.corpora.transcripts import spoken
from omni_lib.errors import UserError, one_line
from omni_lib.inference.language_model import LanguageModel

MOST_ALIKE = 6  # words of one spelling (dont, don't, DON'T): the compiled decoder holds no more of them


def spellings(model: LanguageModel, name: str, report: Callable[[str], None]) -> dict[str, str]:
    """Each word of the model that the letters a-z can spell → its spelling, by `spoken` (U.S. → "u s").

    Args:
        name: what messages call the model, such as the name of its file.
        report: called with a line that counts the words that are respelt, and those that are left out.

    Raises:
        UserError: no word is left.
    """
    respelt, left_out = [], []
    by_spelling: dict[str, list[str]] = defaultdict(list)
    for word in model.words:
        spelling = _spelling(word)
        if not spelling:
            left_out.append(word)
            continue
        if spelling != word:
            respelt.append(f"{word} → {spelling}")
        by_spelling[spelling].append(word)
    for alike in by_spelling.values():
        alike.sort(key=lambda word: model.probability[(word,)], reverse=True)
        left_out += alike[MOST_ALIKE:]
    if not by_spelling:
        raise UserError(
            f"{name} has no word that the letters a-z can spell{_examples(left_out)}: "
            "build one from English transcripts with 'omni lm build'"
        )
    counts = []
    if respelt:
        counts.append(f"{len(respelt)} spelt by the rule for transcripts{_examples(respelt)}")
    if left_out:
        counts.append(f"{len(left_out)} left out, because a-z cannot spell them{_examples(left_out)}")
    if counts:
        report(one_line(f"{name}: of {len(model.words)} words, {'; '.join(counts)}"))
    return {word: spelling for spelling, alike in by_spelling.items() for word in alike[:MOST_ALIKE]}


def note_foreign_words(
    lexicon: dict[str, str], name: str, references: Iterable[str], report: Callable[[str], None]
) -> None:
    """Report a model that has none of the words of `references`, so that none of them can be transcribed."""
    wanted = {word for text in references for word in text.split()}
    known = {word for spelling in lexicon.values() for word in spelling.split()}
    if wanted and not wanted & known:
        report(
            one_line(
                f"{name}: none of its words occurs in the {len(wanted)} different words of the references, "
                "so no transcript can be right; take a model of similar texts"
            )
        )


def _spelling(word: str) -> str:
    """The word in a-z and single spaces, or nothing where that cannot be."""
    if word.isascii() and word.isalpha() and word.islower():
        return word  # most words of most models; the rule leaves these as they are
    try:
        return spoken(word)
    except UserError:
        return ""


def _examples(words: list[str]) -> str:
    return f" ({', '.join(words[:3])}{', …' if len(words) > 3 else ''})" if words else ""
