"""Lesson 04: plausible wrong answers, each with words of the reply that it must get; and other right ones."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import jiwer
import numpy as np
import torch

from omni_lib.course.lessons.error_rate import edits_wrong as edits
from omni_lib.course.lessons.error_rate import interval_wrong as interval
from omni_lib.course.lessons.error_rate import solutions
from omni_lib.metrics import ErrorCount, character_errors, total, word_errors


def _counts(references: list[str], hypotheses: list[str]) -> list[ErrorCount]:
    return [
        word_errors(reference, hypothesis)
        for reference, hypothesis in zip(references, hypotheses, strict=True)
    ]


def _mean_of_rates(references: list[str], hypotheses: list[str]) -> float:
    return float(np.mean([count.rate for count in _counts(references, hypotheses)]))


def _deletions_only(references: list[str], hypotheses: list[str]) -> float:
    count = total(_counts(references, hypotheses))
    return count.deletions / count.reference


def _of_a_dictionary(references: list[str], hypotheses: list[str]) -> float:
    pairs = dict(zip(references, hypotheses, strict=True))
    return solutions.corpus_wer(list(pairs), list(pairs.values()))


def _of_a_set(references: list[str], hypotheses: list[str]) -> float:
    pairs = sorted(set(zip(references, hypotheses, strict=True)))
    return solutions.corpus_wer([said for said, _ in pairs], [heard for _, heard in pairs])


def _percent(references: list[str], hypotheses: list[str]) -> float:
    return 100 * solutions.corpus_wer(references, hypotheses)


def _over_the_hypotheses(references: list[str], hypotheses: list[str]) -> float:
    words = sum(len(text.split()) for text in hypotheses)
    return total(_counts(references, hypotheses)).errors / max(1, words)


def _at_most_one(references: list[str], hypotheses: list[str]) -> float:
    return min(1.0, solutions.corpus_wer(references, hypotheses))


def _without_insertions(references: list[str], hypotheses: list[str]) -> float:
    count = total(_counts(references, hypotheses))
    return (count.substitutions + count.deletions) / count.reference


def _substitutions_only(references: list[str], hypotheses: list[str]) -> float:
    count = total(_counts(references, hypotheses))
    return count.substitutions / count.reference


def _over_the_utterances(references: list[str], hypotheses: list[str]) -> float:
    return total(_counts(references, hypotheses)).errors / len(references)


def _over_the_characters(references: list[str], hypotheses: list[str]) -> float:
    return total(_counts(references, hypotheses)).errors / sum(map(len, references))


def _over_the_longer_text(references: list[str], hypotheses: list[str]) -> float:
    words = [max(len(r.split()), len(h.split())) for r, h in zip(references, hypotheses, strict=True)]
    return total(_counts(references, hypotheses)).errors / sum(words)


def _of_the_first(references: list[str], hypotheses: list[str]) -> float:
    return word_errors(references[0], hypotheses[0]).rate


def _of_characters(references: list[str], hypotheses: list[str]) -> float:
    pairs = zip(references, hypotheses, strict=True)
    return total([character_errors(reference, hypothesis) for reference, hypothesis in pairs]).rate


def _without_the_empty(references: list[str], hypotheses: list[str]) -> float:
    """It is right where nothing is empty, so that no mistake in counting explains it."""
    pairs = [pair for pair in zip(references, hypotheses, strict=True) if pair[1]]
    return total([word_errors(*pair) for pair in pairs]).rate


def _wrong_utterances(references: list[str], hypotheses: list[str]) -> float:
    return float(np.mean([r != h for r, h in zip(references, hypotheses, strict=True)]))


def _of_lists(references: list[str], hypotheses: list[str]) -> Any:
    return word_errors(references, hypotheses).rate  # type: ignore[arg-type]  # the mistake


def _weighted(references: list[str], hypotheses: list[str]) -> Any:
    counts = _counts(references, hypotheses)
    return np.average([count.rate for count in counts], weights=[count.reference for count in counts])


def _one_long_text(references: list[str], hypotheses: list[str]) -> float:
    return word_errors(" ".join(references), " ".join(hypotheses)).rate


def _joined(references: list[str], hypotheses: list[str]) -> float:
    return jiwer.wer(references, hypotheses)


def _without_spaces(reference: str, hypothesis: str) -> float:
    return character_errors(reference.replace(" ", ""), hypothesis.replace(" ", "")).rate


def _words_instead(reference: str, hypothesis: str) -> float:
    return word_errors(reference, hypothesis).rate


def _place_by_place_characters(reference: str, hypothesis: str) -> float:
    different = sum(kept != said for kept, said in zip(reference, hypothesis, strict=False))
    return (different + abs(len(reference) - len(hypothesis))) / len(reference)


def _over_the_longer(reference: str, hypothesis: str) -> float:
    return character_errors(reference, hypothesis).errors / max(len(reference), len(hypothesis))


def _over_the_hypothesis(reference: str, hypothesis: str) -> float:
    return character_errors(reference, hypothesis).errors / max(1, len(hypothesis))


def _over_the_letters(reference: str, hypothesis: str) -> float:
    return character_errors(reference, hypothesis).errors / len(reference.replace(" ", ""))


def _as_if_words(reference: str, hypothesis: str) -> float:
    return word_errors(" ".join(reference), " ".join(hypothesis)).rate  # the spaces are lost


def _over_the_words(reference: str, hypothesis: str) -> float:
    return character_errors(reference, hypothesis).errors / len(reference.split())


def _never_substituted(reference: str, hypothesis: str) -> float:
    count = character_errors(reference, hypothesis)
    return (count.errors + count.substitutions) / len(reference)


def _with_exchanges(reference: str, hypothesis: str) -> float:
    """Damerau's distance, in which two neighbours that are exchanged are one error."""
    rows = [[m + n for n in range(len(hypothesis) + 1)] for m in range(len(reference) + 1)]
    for m, kept in enumerate(reference, 1):
        for n, said in enumerate(hypothesis, 1):
            rows[m][n] = min(rows[m - 1][n - 1] + (kept != said), rows[m - 1][n] + 1, rows[m][n - 1] + 1)
            if min(m, n) > 1 and reference[m - 2 : m] == hypothesis[n - 1] + hypothesis[n - 2]:
                rows[m][n] = min(rows[m][n], rows[m - 2][n - 2] + 1)
    return rows[-1][-1] / len(reference)


def _capped(reference: str, hypothesis: str) -> float:
    return min(1.0, character_errors(reference, hypothesis).rate)


WRONG: dict[str, list[tuple[Any, str]]] = {
    "edit_counts": edits.WRONG,
    "corpus_wer": [
        (_mean_of_rates, "mean of the utterances' rates"),
        (_percent, "return the fraction"),
        (lambda *given: round(100 * solutions.corpus_wer(*given), 1), "return the fraction"),
        (lambda *given: solutions.corpus_wer(*given) or None, "returns None"),
        (_one_long_text, "You join all utterances"),
        (_over_the_hypotheses, "takes the reference first"),
        (_at_most_one, "not limited to 100%"),
        (_without_insertions, "inserted into the second"),
        (_substitutions_only, "substitutions only"),
        (lambda *given: total(_counts(*given)).errors, "the number of errors"),
        (lambda *given: total(_counts(*given)).errors // total(_counts(*given)).reference, "`//`"),
        (lambda *given: 1 - solutions.corpus_wer(*given), "the share that is right"),
        (_over_the_utterances, "the number of utterances"),
        (_over_the_characters, "`len` of a text counts its characters"),
        (_over_the_longer_text, "words of the *references*"),
        (_of_the_first, "the first utterance alone"),
        (lambda said, heard: word_errors(said[-1], heard[-1]).rate, "the last utterance alone"),
        (lambda *given: max(count.rate for count in _counts(*given)), "the highest rate"),
        (_of_a_dictionary, "Texts may occur again"),
        (_of_a_set, "Texts may occur again"),
        (_deletions_only, "Two words of eight are wrong"),
        (lambda *given: float(np.median([count.rate for count in _counts(*given)])), "Two words of eight"),
        (_without_the_empty, "Its words are deleted"),
        (_of_characters, "the character error rate"),
        (_wrong_utterances, "the share of utterances with an error"),
        (_of_lists, "takes two texts"),
        (lambda *given: round(solutions.corpus_wer(*given), 4), "Do not round"),
        (lambda *given: f"{solutions.corpus_wer(*given):.6f}", "a number is wanted"),
    ],
    "character_error_rate": [
        (_without_spaces, "You leave the spaces out"),
        (_words_instead, "That is the word error rate"),
        (
            lambda said, heard: word_errors(said, heard).errors / len(said),
            "You count the words that are wrong",
        ),
        (_place_by_place_characters, "The missing space is an error"),
        (_over_the_longer, "those of the reference are wanted"),
        (_over_the_hypothesis, "those of the reference are wanted"),
        (_capped, "You cap it at 100%"),
        (
            lambda reference, hypothesis: character_errors(reference, hypothesis).errors,
            "the number of errors",
        ),
        (_over_the_letters, "You leave the spaces out"),
        (_as_if_words, "You leave the spaces out"),
        (_over_the_words, "the number of words"),
        (_never_substituted, "a substitution is one error"),
        (_with_exchanges, "are two errors"),
        (lambda said, heard: character_errors(said, heard).rate if heard else 0.0, "All deleted"),
        (lambda said, heard: character_errors(said, heard).errors // len(said), "`//`"),
        (lambda *given: 100 * solutions.character_error_rate(*given), "return the fraction"),
        (lambda *given: round(solutions.character_error_rate(*given), 3), "Do not round"),
        (lambda *given: 1 - solutions.character_error_rate(*given), "the share that is right"),
    ],
    "bootstrap_interval": interval.WRONG,
    "mat_wer": [
        ("0.5%", "too low"),
        (33.3, "the chapter's pair"),
        (66.7, "Four errors"),
        (16.7, "add up"),
        (40, "too low"),
        ("33%", "the chapter's pair"),
        (0.67, "Four errors"),
        (3, "number of errors"),
        ("3 errors", "number of errors"),
        ("2/6", "the chapter's pair"),
    ],
    "mean_or_corpus": [
        (50, "That is the mean"),
        ("0.05%", "too low"),
        (5.26, "20 words"),
        (5.3, "20 words"),
        (10, "too high"),
        (1, "number of errors"),
        (95, "right words"),
    ],
    "most_errors": [
        (100, "How long is the hypothesis"),
        ("2.5%", "too low"),
        (150, "three insertions"),
        (350, "Seven errors"),
        (5, "number of errors"),
    ],
    "characters_or_words": [
        ("b", "different things"),
        ("c", "loses all its letters"),
        ("d", "length of a word"),
    ],
    "difference_of_half_a_point": [
        ("a", "On these 130"),
        ("b", "do not make two systems equal"),
        ("d", "A seed"),
    ],
    "whom_to_draw": [("a", "independent samples"), ("c", "answers neither"), ("d", "do not help")],
    "what_normalisation_hides": [("a", "a-z"), ("c", "before and after"), ("b", "A deletion")],
    "human_level": [("a", "On which recordings"), ("b", "A decoder"), ("d", "No threshold")],
}

OTHER_RIGHT: dict[str, list[Any]] = {
    "edit_counts": edits.OTHER_RIGHT,
    "corpus_wer": [
        _joined,
        lambda references, hypotheses: np.float64(solutions.corpus_wer(references, hypotheses)),
        lambda references, hypotheses: np.float32(solutions.corpus_wer(references, hypotheses)),
        lambda references, hypotheses: torch.tensor(solutions.corpus_wer(references, hypotheses)),
        lambda references, hypotheses: Fraction(solutions.corpus_wer(references, hypotheses)),
        _weighted,
    ],
    "character_error_rate": [
        jiwer.cer,
        lambda reference, hypothesis: character_errors(reference, hypothesis).rate,
    ],
    "bootstrap_interval": interval.OTHER_RIGHT,
    "mat_wer": [50, "50", "50%", "50 %", 0.5, ".5", "3/6", "50,0", "0,5", "half", "fifty percent"],
    "mean_or_corpus": ["5%", 0.05, "1/20", "5,0 %"],
    "most_errors": ["250%", 2.5, "5/2", "2,5"],
    "what_normalisation_hides": ["\"we'll\" written for 'well'"],
    "human_level": ["C"],
}
