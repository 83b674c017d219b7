"""Lesson 04: how the learner's functions are judged. Edits and interval have files of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from omni_lib.course.exercises.expectations import slow_or_endless
from omni_lib.course.exercises.sandbox import Attempt, NotYet, described
from omni_lib.course.hypotheses import hypotheses
from omni_lib.course.lessons.error_rate.edits_judge import brief, edit_counts, optimal_counts
from omni_lib.course.lessons.error_rate.interval_judge import bootstrap_interval
from omni_lib.metrics import ErrorCount, character_errors, total, word_errors

__all__ = ["bootstrap_interval", "character_error_rate", "corpus_wer", "edit_counts", "optimal_counts"]

_Slips = Iterable[tuple[float, str]]  # what a usual mistake computes, and what to say about it


def _expect_rate(
    got: object, expected: float, begins: str, why: str, slips: _Slips, also: Callable[[], list[set[str]]]
) -> None:
    """The rate that a function returns must be right to 1e-6.

    Raises:
        NotYet: it is not; the first slip that computes the same says why, else `why`.

    Args:
        also: the slips that explain each of the short cases. Two mistakes may compute the same in one case,
            so only a slip that explains all of them is named.
    """
    try:
        if isinstance(got, str):
            raise TypeError
        rate = float(got)  # type: ignore[arg-type]  # reported below
    except (TypeError, ValueError, RuntimeError):
        raise NotYet(f"a number is wanted; your function returns {described(got)}") from None
    if abs(rate - expected) <= 1e-6:
        return
    if abs(rate - expected) < 0.006 and rate == round(rate, 4):
        raise NotYet(f"{begins} {rate:g}, and it should be {expected:.6f}. Do not round it.")
    found = [slip for value, slip in _with_common(slips, expected) if abs(rate - value) < 1e-6]
    if found:
        others = also()
        why = next((slip for slip in found if all(slip in other for other in others)), why)
    raise NotYet(f"{begins} {rate:.4f}, and it should be {expected:.4f}. {why}".rstrip())


def _with_common(slips: _Slips, expected: float) -> _Slips:
    yield from slips
    for percentage in (100 * expected, *(round(100 * expected, digits) for digits in range(3))):
        yield percentage, "That is a percentage; return the fraction."
    yield 1 - expected, "That is the share that is right; the share of errors is wanted."


def _explained(attempt: Attempt, pairs: Sequence[tuple[Any, Any]], slips: Any) -> list[set[str]]:
    """For each pair: the slips that compute what the function returns there, be it right or wrong."""
    found = []
    for reference, heard in pairs:
        try:
            rate = float(attempt(reference, heard))
        except (TypeError, ValueError, RuntimeError, NotYet):
            continue
        expected, known = slips(reference, heard)
        found.append({slip for value, slip in _with_common(known, expected) if abs(rate - value) < 1e-6})
    return found


_CORPORA = (
    (
        ["the cat sat on the mat", "good morning"],
        ["the cat sit on a mat", "good morning"],
        "Two utterances",
        "Two words of eight are wrong.",
    ),
    (
        ["yes", "good morning", "how are you"],
        ["no", "good evening", "how are we"],
        "Three utterances",
        "Three words of six are wrong.",
    ),
    (
        ["hello big world"],
        ["hello world"],
        "A word that is missing",
        "One error in three words.",
    ),
    (
        ["yes", "the cat sat on the mat all day"],
        ["no", "the cat sat on the mat all day"],
        "A short and a long utterance",
        "There is one error in nine words.",
    ),
    (
        ["good morning to all", "of you"],
        ["good morning to", "all of you"],
        "Two utterances, and a word that moves from one to the other",
        "It is deleted from the first and inserted into the second.",
    ),
    (
        ["hello world", "how are you"],
        ["", "how are you"],
        "An utterance of which nothing was transcribed",
        "Its words are deleted.",
    ),
    (["yes"], ["no no no"], "More errors than words", "Nothing limits the rate to one."),
    (
        ["yes", "yes", "yes", "good morning"],
        ["no", "no", "yes", "good morning"],
        "Three utterances with the same reference",
        "Two words of five are wrong. Texts may occur again: a dictionary or a set keeps only one of them.",
    ),
    (["good morning"], ["good morning"], "An utterance without an error", "Its rate is zero, a number, too."),
)


def corpus_wer(attempt: Attempt) -> None:
    dev = hypotheses("dev")
    for references, heard, case, why in (
        *_CORPORA,
        ([row.reference for row in dev], [row.hypothesis for row in dev], "The dev set", ""),
    ):
        try:
            got = attempt(references, heard)
        except NotYet as found:
            if "no attribute 'split'" in str(found):
                raise NotYet(f"{found}. `word_errors` takes two texts, not two lists") from found
            raise
        counts = [word_errors(said, written) for said, written in zip(references, heard, strict=True)]
        begins = f"{case}: your function returns"
        slips = _slips_of_corpus(references, heard, counts)
        _expect_rate(got, total(counts).rate, begins, why, slips, partial(_over_corpora, attempt))


def _over_corpora(attempt: Attempt) -> list[set[str]]:
    def slips(references: list[str], heard: list[str]) -> tuple[float, _Slips]:
        counts = [word_errors(said, written) for said, written in zip(references, heard, strict=True)]
        return total(counts).rate, _slips_of_corpus(references, heard, counts)

    return _explained(attempt, [case[:2] for case in _CORPORA], slips)


def _slips_of_corpus(references: list[str], heard: list[str], counts: list[ErrorCount]) -> _Slips:
    """What the usual mistakes make of a test set."""
    count, pairs = total(counts), list(zip(references, heard, strict=True))
    yield min(1.0, count.rate), "It is not limited to 100%: with insertions it may be larger."
    yield count.errors, "That is the number of errors: divide it by the words of all references."
    yield (
        count.errors / len(counts),
        "You divide by the number of utterances; divide by the words of all references.",
    )
    yield counts[0].rate, "That is the rate of the first utterance alone: is the `return` inside the loop?"
    yield counts[-1].rate, "That is the rate of the last utterance alone; add up the errors of all."
    yield max(each.rate for each in counts), "That is the highest rate of an utterance; add up all errors."
    yield (
        sum(each.rate for each in counts) / len(counts),
        "That is the mean of the utterances' rates, in which a word of a short utterance weighs more than a "
        "word of a long one.",
    )
    yield (
        sum(said != written for said, written in pairs) / len(pairs),
        "That is the share of utterances with an error; the share of words is wanted.",
    )
    yield (
        count.errors / sum(map(len, references)),
        "`len` of a text counts its characters: the number of its words is the field `reference`.",
    )
    yield (
        total([character_errors(*pair) for pair in pairs]).rate,
        "That is the character error rate: count words.",
    )
    yield (
        word_errors(" ".join(references), " ".join(heard)).rate,
        "You join all utterances into one text, in which a word may match one of another utterance: compare "
        "each with its own reference, and add up the errors.",
    )
    yield (
        count.substitutions / count.reference,
        "You count the substitutions only; `errors` counts all three kinds.",
    )
    for words in (
        sum(len(written.split()) for written in heard),
        sum(max(len(said.split()), len(written.split())) for said, written in pairs),
    ):
        yield (
            count.errors / max(1, words),
            "Divide by the words of the *references*; `word_errors` takes the reference first.",
        )
    yield count.errors // count.reference, "`//` drops everything after the decimal point: divide with `/`."


_CHARACTERS = (
    ("hello world", "hello world", "The two texts are equal."),
    ("the small cat", "the small dot", "Two characters of thirteen; a substitution is one error."),
    (
        "hello world",
        "helloworld",
        "The missing space is an error like any other, and the letters behind it are right.",
    ),
    ("hello world", "helo world", "One character is missing; the space counts as one, too."),
    ("cat", "cut", "One of three: a substitution is one error."),
    ("a", "about", "Four characters are inserted into a text of one."),
    ("kitten", "sitting", "Two substituted, one inserted."),
    (
        "form",
        "from",
        "Two characters that are exchanged are two errors: there are three kinds of edits only.",
    ),
    ("abc", "", "All deleted."),
    ("abcdef", "fabcde", "One insertion and one deletion."),
    ("a b", "ab c", "One insertion and one substitution: b before the space, and c for the b after it."),
)


def character_error_rate(attempt: Attempt) -> None:
    cases = [*_CHARACTERS]
    cases += [(row.reference, row.hypothesis, "From the corpus.") for row in hypotheses("dev")[5::20]]
    for reference, hypothesis, why in cases:
        with slow_or_endless(f"{len(reference)} characters against {len(hypothesis)}"):
            got = attempt(reference, hypothesis)
        begins = f"{brief(reference)} transcribed as {brief(hypothesis)}: your function returns"
        found = character_errors(reference, hypothesis)
        slips = _slips_of_characters(reference, hypothesis, found)
        _expect_rate(got, found.rate, begins, why, slips, partial(_over_texts, attempt))


def _over_texts(attempt: Attempt) -> list[set[str]]:
    def slips(reference: str, hypothesis: str) -> tuple[float, _Slips]:
        found = character_errors(reference, hypothesis)
        return found.rate, _slips_of_characters(reference, hypothesis, found)

    return _explained(attempt, [case[:2] for case in _CHARACTERS], slips)


def _slips_of_characters(reference: str, hypothesis: str, found: ErrorCount) -> _Slips:
    """What the usual mistakes make of two texts."""
    letters = reference.replace(" ", "")
    spaces = "You leave the spaces out; they count, as errors and among the characters of the reference."
    yield min(1.0, found.rate), "You cap it at 100%; with insertions it may be larger."
    yield found.errors, "That is the number of errors: divide it by the characters of the reference."
    for characters in (len(hypothesis), max(len(reference), len(hypothesis))):
        yield (
            found.errors / max(1, characters),
            "You divide by the characters of the hypothesis, or of the longer text; those of the reference "
            "are wanted.",
        )
    yield found.errors // len(reference), "`//` drops everything after the decimal point: divide with `/`."
    yield found.errors / len(letters), spaces
    yield character_errors(letters, hypothesis.replace(" ", "")).rate, spaces
    yield (
        found.errors / len(reference.split()),
        "You divide by the number of words; the characters of the reference are wanted.",
    )
    wrong_words = word_errors(reference, hypothesis)
    yield wrong_words.rate, "That is the word error rate: count characters."
    yield wrong_words.errors / len(reference), "You count the words that are wrong: count characters."
