"""Lesson 04, how wrong a transcript is: its exercises and questions."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np

from omni_lib.course.exercises.checking import CodeExercise, require
from omni_lib.course.exercises.plug_in import PlugIn
from omni_lib.course.exercises.sandbox import Attempt, NotYet, as_written, described
from omni_lib.course.hypotheses import hypotheses
from omni_lib.course.lessons import error_rate_solutions as solutions
from omni_lib.course.lessons.error_rate_questions import (
    characters_or_words,
    difference_of_half_a_point,
    human_level,
    mat_wer,
    mean_or_corpus,
    meaning_of_15,
    most_errors,
    what_normalisation_hides,
    whom_to_draw,
)
from omni_lib.metrics import ErrorCount, character_errors, total, word_errors

NUMBER = "04"
TITLE = "Word error rate"

Counts = tuple[int, int, int]  # substitutions, deletions, insertions


def optimal_counts(reference: Sequence[str], hypothesis: Sequence[str]) -> set[Counts]:
    """The (substitutions, deletions, insertions) of every alignment with the fewest errors.

    "a b" transcribed as "b c" has two substitutions, or a deletion and an insertion. A scorer such as jiwer
    reports one of the two.
    """
    row: list[set[Counts]] = [{(0, 0, inserted)} for inserted in range(len(hypothesis) + 1)]
    for deleted, kept in enumerate(reference, start=1):
        after: list[set[Counts]] = [{(0, deleted, 0)}]
        for place, said in enumerate(hypothesis):
            ways = {(s + (kept != said), d, i) for s, d, i in row[place]}
            ways |= {(s, d + 1, i) for s, d, i in row[place + 1]}
            ways |= {(s, d, i + 1) for s, d, i in after[place]}
            fewest = min(map(sum, ways))
            after.append({way for way in ways if sum(way) == fewest})
        row = after
    return row[-1]


def _judge_edit_counts(attempt: Attempt) -> None:
    cases = [
        ("the cat sat on the mat", "the cat sat on the mat", "Nothing is wrong here."),
        ("the cat sat on the mat", "the cat sit on a mat", "The chapter's example: two substitutions."),
        (
            "the cat sat on the mat",
            "the cat on the mat",
            "A word of the reference is missing: one deletion, and no more.",
        ),
        (
            "the cat sat",
            "the big cat sat",
            "A word too many, in the middle: one insertion; the words behind it are right.",
        ),
        ("hello world", "", "Nothing was heard: all words are deleted."),
        ("", "hello", "There is no reference: all that was heard is inserted."),
        (
            "one two three",
            "four five one two three",
            "Compare beginnings with beginnings of *any* length, not word number n with word number n.",
        ),
        (
            "a b c d e f",
            "b c d e f g",
            "One deletion in front and one insertion behind are fewer errors than six substitutions.",
        ),
    ]
    cases += [(row.reference, row.hypothesis, "From the corpus.") for row in hypotheses("dev")[::8]]
    for reference, hypothesis, why in cases:
        expected = optimal_counts(reference.split(), hypothesis.split())
        arguments = (reference.split(), hypothesis.split())
        got = attempt(*arguments)
        called = (
            f"called with {as_written(arguments)}, your function returns {got!r}"
            if len(repr(got)) < 80
            else described(got)
        )
        try:
            counts = tuple(int(number) for number in got)
        except (TypeError, ValueError):
            raise NotYet(
                f"{called}; three whole numbers are wanted: substitutions, deletions, insertions"
            ) from None
        require(
            len(counts) == 3,
            f"{called}; three whole numbers are wanted: substitutions, deletions, insertions",
        )
        fewest = sum(next(iter(expected)))
        if counts not in expected:
            said = " or ".join(f"{s} S + {d} D + {i} I" for s, d, i in sorted(expected))
            swapped = (counts[0], counts[2], counts[1]) in expected
            if swapped:
                why = (
                    "You have deletions and insertions the other way round: a deletion is a word of the "
                    "reference that was not heard."
                )
            raise NotYet(f"{called}, {sum(counts)} errors; the fewest are {fewest}: {said}. {why}")


def _as_word_errors(
    edit_counts: Callable[[list[str], list[str]], Counts],
) -> Callable[[str, str], ErrorCount]:
    def errors(reference: str, hypothesis: str) -> ErrorCount:
        substitutions, deletions, insertions = edit_counts(reference.split(), hypothesis.split())
        return ErrorCount(int(substitutions), int(deletions), int(insertions), len(reference.split()))

    return errors


edit_counts = CodeExercise(
    key="04.edit_counts",
    goal="The fewest substitutions, deletions and insertions between two lists of words, by dynamic "
    "programming.",
    difficulty=4,
    minutes=20,
    judge=_judge_edit_counts,
    answer=solutions.edit_counts,
    hints=(
        "Fill a table: cell (m, n) holds the fewest edits between the first m words of the reference "
        "and the first n of the hypothesis. Its first row is all insertions, its first column all "
        "deletions.",
        "A cell comes from one of three: diagonally (the words match, or are substituted), from "
        "above (a word of the reference is deleted), from the left (a word is inserted). Take the "
        "cheapest.",
        "Keep in each cell not only the number of errors but the three counts as well: `(errors, S, "
        "D, I)`, and take the `min` by the first. The last cell has the answer.",
    ),
    praise="The same totals as jiwer's on every pair. Where two alignments have equally few errors, scorers "
    "may split them differently; the sum, and so the WER, is the same.",
    plug_in=PlugIn(
        places=("omni_lib.runs.log_window:word_errors", "omni_lib.inference.evaluation:word_errors"),
        adapt=_as_word_errors,
    ),
)


def _number(got: object) -> float:
    try:
        return float(got)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise NotYet(f"a number is wanted; your function returns {described(got)}") from None


def _judge_corpus_wer(attempt: Attempt) -> None:
    dev = hypotheses("dev")
    cases = [
        (["the cat sat on the mat"], ["the cat sit on a mat"], "One utterance: 2 errors in 6 words."),
        (
            ["yes", "the cat sat on the mat all day"],
            ["no", "the cat sat on the mat all day"],
            "One error in nine words, in utterances of 1 and 8.",
        ),
        (["hello world", "how are you"], ["", "how are you"], "What was not heard counts as deleted."),
        (["yes"], ["no no no"], "Three errors in one word: 300%. Nothing stops it at 100%."),
        ([row.reference for row in dev], [row.hypothesis for row in dev], "The dev set."),
    ]
    for references, heard, why in cases:
        counts = [
            word_errors(reference, hypothesis)
            for reference, hypothesis in zip(references, heard, strict=True)
        ]
        expected, got = total(counts).rate, _number(attempt(references, heard))
        if abs(got - expected) <= 1e-6:
            continue
        mean = sum(count.rate for count in counts) / len(counts)
        slips = (
            (
                mean,
                "That is the mean of the utterances' rates, in which one word of a short utterance "
                "weighs more than one of a long.",
            ),
            (100 * expected, "That is a percentage; return the fraction."),
            (
                total(counts).errors / max(1, sum(len(text.split()) for text in heard)),
                "Divide by the words of the *references*.",
            ),
        )
        slip = next((message for value, message in slips if abs(got - value) < 1e-6 and expected < 1), why)
        raise NotYet(
            f"for {len(references)} utterances your function returns {got:.4f}, and it should be "
            f"{expected:.4f}. {slip}"
        )


corpus_wer = CodeExercise(
    key="04.corpus_wer",
    goal="The word error rate of a whole test set, as a fraction.",
    difficulty=2,
    minutes=6,
    judge=_judge_corpus_wer,
    answer=solutions.corpus_wer,
    hints=(
        "Errors of all utterances, over words of all references: one division, at the end.",
        "`word_errors(reference, hypothesis)` has `.errors` and `.reference` (words). Add up each of "
        "the two.",
        "`sum(c.errors for c in counts) / sum(c.reference for c in counts)`",
    ),
    praise="Every word weighs the same, whoever said it and in however long an utterance. This is what "
    "papers report.",
)


def _judge_character_error_rate(attempt: Attempt) -> None:
    cases = [
        ("hello world", "hello world", "Nothing is wrong."),
        ("hello world", "helo world", "One character of eleven is missing; the space is a character too."),
        ("hello world", "helloworld", "The missing space is one character of eleven."),
        ("cat", "cut", "One of three."),
        ("a", "about", "Four inserted into one: 400%."),
        ("kitten", "sitting", "Two substituted, one inserted."),
        ("abc", "", "All deleted."),
    ]
    cases += [(row.reference, row.hypothesis, "From the corpus.") for row in hypotheses("dev")[5::20]]
    for reference, hypothesis, why in cases:
        expected, got = character_errors(reference, hypothesis).rate, _number(attempt(reference, hypothesis))
        if abs(got - expected) <= 1e-6:
            continue
        squeezed = character_errors(reference.replace(" ", ""), hypothesis.replace(" ", "")).rate
        if abs(got - squeezed) < 1e-6:
            why = "You leave the spaces out; they count."
        if abs(got - word_errors(reference, hypothesis).rate) < 1e-6:
            why = "That is the word error rate: count characters."
        called = f"called with {as_written((reference, hypothesis))}, your function returns {got:.4f}"
        raise NotYet(f"{called}, and it should be {expected:.4f}. {why}")


character_error_rate = CodeExercise(
    key="04.character_error_rate",
    goal="The character error rate of one utterance, spaces included, as a fraction.",
    difficulty=2,
    minutes=8,
    extra=True,
    judge=_judge_character_error_rate,
    answer=solutions.character_error_rate,
    hints=(
        "It is the same distance, with characters in place of words: `list(text)` makes a list of them.",
        "If your `edit_counts` passed, the errors are `sum(edit_counts(list(reference), list(hypothesis)))`.",
        "Divide by `len(reference)`. Spaces are characters, on both sides.",
    ),
    praise="A word with one letter amiss costs a whole word in WER and one letter here: the two together "
    "say what kind of errors there are.",
)


def _made_up(utterances: int, seed: int) -> tuple[list[int], list[int]]:
    """Made-up errors and words of utterances. Long ones have a higher rate: the mean of rates differs."""
    rng = random.Random(seed)
    words = [rng.choice((2, 4, 8, 16, 32)) for _ in range(utterances)]
    return [sum(rng.random() < 0.04 + 0.008 * number for _ in range(number)) for number in words], words


def _reference_interval(
    errors: Sequence[float], words: Sequence[int], level: float = 0.95
) -> tuple[float, float, float]:
    """(low, high) of a long bootstrap, and the standard deviation of the resampled rates."""
    drawn = np.random.default_rng(0).integers(0, len(errors), (20_000, len(errors)))
    rates = np.asarray(errors)[drawn].sum(axis=1) / np.asarray(words)[drawn].sum(axis=1)
    low, high = np.quantile(rates, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high), float(rates.std())


def _pair(got: object) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in got)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise NotYet(f"two numbers are wanted, (low, high); your function returns {described(got)}") from None
    require(low <= high, f"the lower end comes first; your function returns ({low:.4f}, {high:.4f})")
    return low, high


def _judge_bootstrap_interval(attempt: Attempt) -> None:
    resamples = 4000  # known to 0.05 standard deviations, whatever random numbers the answer draws
    low, high = _pair(attempt([1] * 20, [10] * 20, 200))
    require(
        abs(low - 0.1) < 1e-9 and abs(high - 0.1) < 1e-9,
        "of 20 utterances with 1 error in 10 words each, every resample has a rate of 10%",
    )
    for number, utterances in enumerate((130, 40)):
        errors, words = _made_up(utterances, number)
        low, high, deviation = _reference_interval(errors, words)
        got = _pair(attempt(errors, words, resamples))
        near = [abs(mine - right) <= 0.22 * deviation for mine, right in zip(got, (low, high), strict=True)]
        if all(near):
            continue
        means = [error / of for error, of in zip(errors, words, strict=True)]
        mean_low, mean_high, _ = _reference_interval(means, [1] * len(means))
        why = "Is it 2.5% and 97.5% of the sorted rates, from resamples as large as the test set?"
        if abs(got[0] - mean_low) < 0.3 * deviation and abs(got[1] - mean_high) < 0.3 * deviation:
            why = (
                "That is an interval of the mean of the utterances' rates: in each resample divide all "
                "errors by all words."
            )
        elif got[1] - got[0] < 0.5 * (high - low):
            why = "Yours is far too narrow: draw with replacement, and as many utterances as there are."
        elif got[1] - got[0] > 1.3 * (high - low):
            why = (
                "Yours is too wide: draw as many utterances as there are, and take an utterance's errors "
                "and its words together."
            )
        ends = f"({got[0]:.4f}, {got[1]:.4f}), and it should be near ({low:.4f}, {high:.4f})"
        raise NotYet(
            f"of {utterances} utterances with a WER of {sum(errors) / sum(words):.4f} your interval "
            f"is {ends}. {why}"
        )


bootstrap_interval = CodeExercise(
    key="04.bootstrap_interval",
    goal="A 95% bootstrap interval of the corpus WER: how far it moves when other utterances of the same "
    "kind are drawn.",
    difficulty=3,
    minutes=12,
    extra=True,
    judge=_judge_bootstrap_interval,
    answer=solutions.bootstrap_interval,
    hints=(
        "One resample: draw as many utterances as there are, with replacement, and compute the "
        "*corpus* WER of what you drew.",
        "`random.choices(range(len(errors)), k=len(errors))` draws numbers of utterances; take "
        "errors and words by the same numbers.",
        "Do that `resamples` times, sort the rates, and return the ones at 2.5% and 97.5% of the way.",
    ),
    praise="No formula, no normal distribution: the test set itself says how much it would vary. "
    "`omni_lib.metrics` draws whole speakers.",
)

EXERCISES = (
    edit_counts,
    mat_wer,
    corpus_wer,
    mean_or_corpus,
    meaning_of_15,
    most_errors,
    character_error_rate,
    characters_or_words,
    bootstrap_interval,
    difference_of_half_a_point,
    whom_to_draw,
    what_normalisation_hides,
    human_level,
)
