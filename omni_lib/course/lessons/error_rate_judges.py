"""Lesson 04: how the learner's functions are judged."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from omni_lib.course.exercises.expectations import require, slow_or_endless
from omni_lib.course.exercises.sandbox import Attempt, NotYet, described
from omni_lib.course.hypotheses import hypotheses
from omni_lib.metrics import character_errors, total, word_errors

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


_EDIT_CASES = (
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
        "A word too many, in the middle: one insertion; the words after it are right.",
    ),
    ("hello world", "", "Nothing was transcribed: all words are deleted."),
    ("", "hello", "There is no reference: all words of the hypothesis are inserted."),
    ("", "", "Nothing was said, and nothing transcribed."),
    (
        "one two three",
        "four five one two three",
        "Compare beginnings with beginnings of *any* length, not word by word in the same place.",
    ),
    (
        "a b c d e f",
        "b c d e f g",
        "One deletion in front and one insertion at the end are fewer errors than six substitutions.",
    ),
    (
        "a b c a b",
        "c a b",
        "A long match is worth little if everything before it is lost.",
    ),
    (
        "a e c e f",
        "b c a f a f",
        "Take the fewest errors over all alignments; the longest match (as of `difflib`) may cost more.",
    ),
    (
        "d a d c b",
        "c a b b b b",
        "Take the fewest errors over all alignments; the longest match (as of `difflib`) may cost more.",
    ),
    *(
        (reference, hypothesis, "A substitution counts as one error, and so does a deletion or an insertion.")
        for reference, hypothesis in (
            ("e b c f a a d", "a g d e e g"),  # one of the fewest edits costs more with NIST's weights
            ("e c d c e d e", "c c a e e b c b"),
            ("a a c c b b", "d d a b a c c"),  # and here, where deletions or insertions count twice
            ("c e b c d", "b c a e b"),
            ("b b d c", "d b a b"),  # or substitutions
            ("d d c d", "a c d a"),
        )
    ),
    ("one two three four five six", "one six", "Four words in a row are deleted."),
    ("one six", "one two three four five six", "Four words in a row are inserted."),
)


def edit_counts(attempt: Attempt) -> None:
    cases = [*_EDIT_CASES]
    cases += [(row.reference, row.hypothesis, "From the corpus.") for row in hypotheses("dev")[::8]]
    for reference, hypothesis, why in cases:
        expected = optimal_counts(reference.split(), hypothesis.split())
        with slow_or_endless(f"{len(reference.split())} words against {len(hypothesis.split())}"):
            got = attempt(reference.split(), hypothesis.split())
        begins = f"{_brief(reference)} transcribed as {_brief(hypothesis)}: your function returns"
        try:
            counts = tuple(int(number) for number in got)
        except (TypeError, ValueError):
            raise NotYet(
                f"{begins} {described(got)}; three whole numbers are wanted: substitutions, deletions, "
                "insertions"
            ) from None
        require(
            len(counts) == 3,
            f"{begins} {len(counts)} numbers; three are wanted: substitutions, deletions, insertions",
        )
        fewest = sum(next(iter(expected)))
        if counts in expected:
            continue
        if (counts[0], counts[2], counts[1]) in expected:
            raise NotYet(
                f"{begins} {counts[1]} deletions and {counts[2]} insertions. You have them the other way "
                "round: a deletion is a word of the reference that is missing from the hypothesis."
            )
        if sum(counts) != fewest:
            raise NotYet(f"{begins} counts that add up to {sum(counts)}; the fewest are {fewest}. {why}")
        s, d, i = min(expected)
        raise NotYet(
            f"{begins} counts whose sum is right, but no alignment has them: one has "
            f"S = {s}, D = {d} and I = {i}. {why}"
        )


def _brief(text: str) -> str:
    """A text as it is quoted in a reply."""
    return repr(text if len(text) <= 45 else text[:42] + "…") if text else "nothing"


def _number(got: object) -> float:
    try:
        return float(got)  # type: ignore[arg-type]  # reported below
    except (TypeError, ValueError):
        raise NotYet(f"a number is wanted; your function returns {described(got)}") from None


def corpus_wer(attempt: Attempt) -> None:
    dev = hypotheses("dev")
    for references, heard, case, why in (
        (["the cat sat on the mat"], ["the cat sit on a mat"], "One utterance", "Two words are wrong."),
        (
            ["yes", "the cat sat on the mat all day"],
            ["no", "the cat sat on the mat all day"],
            "A short and a long utterance",
            "There is one error in nine words.",
        ),
        (
            ["good morning all", "to you"],
            ["good morning", "all to you"],
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
        ([row.reference for row in dev], [row.hypothesis for row in dev], "The dev set", ""),
    ):
        counts = [
            word_errors(reference, hypothesis)
            for reference, hypothesis in zip(references, heard, strict=True)
        ]
        expected, got = total(counts).rate, _number(attempt(references, heard))
        if abs(got - expected) <= 1e-6:
            continue
        for value, slip in (
            (min(1.0, expected), "Nothing stops it at 100%: insertions can take it further."),
            (
                sum(count.rate for count in counts) / len(counts),
                "That is the mean of the utterances' rates, in which one word of a short utterance weighs "
                "more than one of a long.",
            ),
            (100 * expected, "That is a percentage; return the fraction."),
            (
                total(counts).errors / max(1, sum(len(text.split()) for text in heard)),
                "Divide by the words of the *references*.",
            ),
            (
                word_errors(" ".join(references), " ".join(heard)).rate,
                "You join all utterances to one text, in which a word may match one of another utterance: "
                "compare each with its own reference, and add up the errors.",
            ),
        ):
            if abs(got - value) < 1e-6:
                why = slip
                break
        raise NotYet(f"{case}: your function returns {got:.4f}, and it should be {expected:.4f}. {why}")


def character_error_rate(attempt: Attempt) -> None:
    cases = [
        ("hello world", "hello world", "Nothing is wrong."),
        ("hello world", "helloworld", "The missing space is an error like any other."),
        ("hello world", "helo world", "One character is missing; the space counts as one, too."),
        ("cat", "cut", "One of three."),
        ("a", "about", "Four characters are inserted into a text of one."),
        ("kitten", "sitting", "Two substituted, one inserted."),
        ("abc", "", "All deleted."),
        ("abcdef", "fabcde", "One insertion and one deletion."),
        ("a b", "ab c", "A space is deleted, and another one inserted."),
    ]
    cases += [(row.reference, row.hypothesis, "From the corpus.") for row in hypotheses("dev")[5::20]]
    for reference, hypothesis, why in cases:
        with slow_or_endless(f"{len(reference)} characters against {len(hypothesis)}"):
            got = _number(attempt(reference, hypothesis))
        found = character_errors(reference, hypothesis)
        if abs(got - found.rate) <= 1e-6:
            continue
        for value, slip in (
            (
                found.errors / max(1, len(hypothesis)),
                "You divide by the characters of the hypothesis; those of the reference are wanted.",
            ),
            (
                character_errors(reference.replace(" ", ""), hypothesis.replace(" ", "")).rate,
                "You leave the spaces out; they count.",
            ),
            (min(1.0, found.rate), "You cap it at 100%; insertions can take it further."),
            (word_errors(reference, hypothesis).rate, "That is the word error rate: count characters."),
        ):
            if abs(got - value) < 1e-6:
                why = slip
                break
        begins = f"{_brief(reference)} transcribed as {_brief(hypothesis)}: your function returns"
        raise NotYet(f"{begins} {got:.4f}, and it should be {found.rate:.4f}. {why}")


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
        low, high = (float(end) for end in got)  # type: ignore[attr-defined]  # reported below
    except (TypeError, ValueError):
        raise NotYet(f"two numbers are wanted, (low, high); your function returns {described(got)}") from None
    require(low <= high, f"the lower end comes first; your function returns ({low:.4f}, {high:.4f})")
    return low, high


def bootstrap_interval(attempt: Attempt) -> None:
    low, high = _pair(attempt([1] * 20, [10] * 20, 200))
    require(
        abs(low - 0.1) < 1e-6 and abs(high - 0.1) < 1e-6,
        "of utterances that all have one error in ten words, every resample has a rate of 10%",
    )
    resamples = 4000  # known to 0.05 standard deviations, whatever random numbers the answer draws
    for number, utterances in enumerate((130, 40)):
        errors, words = _made_up(utterances, number)
        low, high, deviation = _reference_interval(errors, words)
        got = _pair(attempt(errors, words, resamples))
        near = [abs(mine - right) <= 0.2 * deviation for mine, right in zip(got, (low, high), strict=True)]
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
        end, mine, right = ("upper", got[1], high) if near[0] else ("lower", got[0], low)
        if "2.5%" in why:
            raise NotYet(f"the {end} end of your interval is off. {why}")
        raise NotYet(f"your {end} end is {mine:.4f}, and it should be near {right:.4f}. {why}")
    # Six utterances of ten words, all errors in one of them: the rate depends on how often it is drawn.
    low, high = _pair(attempt([0, 0, 5, 0, 0, 0], [10] * 6, resamples))
    require(
        abs(low) < 1e-6 and abs(high - 0.25) < 1e-6,
        "a few utterances, with all errors in one of them: the lower end is 0 (it is not drawn at all), and "
        f"the upper end 0.25; yours is {high:.4f}. A formula assumes a bell curve: draw, and take "
        "percentiles of what was drawn",
    )
