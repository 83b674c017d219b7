"""Lesson 04: plausible wrong answers, each with words of the reply that it must get; and other right ones."""

from __future__ import annotations

import difflib
import math
import random
from collections.abc import Sequence
from typing import Any

import jiwer
import numpy as np
import torch

from omni_lib.course.lessons import error_rate_solutions as solutions
from omni_lib.metrics import bootstrap_interval, character_errors, total, word_errors


def _place_by_place(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    wrong = sum(kept != said for kept, said in zip(reference, hypothesis, strict=False))
    longer = len(reference) - len(hypothesis)
    return wrong, max(longer, 0), max(-longer, 0)


def _exchanged(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    return solutions.edit_counts(hypothesis, reference)


def _only_the_sum(reference: list[str], hypothesis: list[str]) -> int:
    return sum(solutions.edit_counts(reference, hypothesis))


def _bag_of_words(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    missing, extra = len(set(reference) - set(hypothesis)), len(set(hypothesis) - set(reference))
    return min(missing, extra), max(missing - extra, 0), max(extra - missing, 0)


def _never_substitutes(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    common = [[0] * (len(hypothesis) + 1) for _ in range(len(reference) + 1)]  # longest common subsequence
    for m, kept in enumerate(reference, 1):
        for n, said in enumerate(hypothesis, 1):
            common[m][n] = (
                common[m - 1][n - 1] + 1 if kept == said else max(common[m - 1][n], common[m][n - 1])
            )
    return 0, len(reference) - common[-1][-1], len(hypothesis) - common[-1][-1]


def _longest_match_first(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    substitutions = deletions = insertions = 0
    matcher = difflib.SequenceMatcher(None, reference, hypothesis, autojunk=False)
    for _, i1, i2, j1, j2 in (code for code in matcher.get_opcodes() if code[0] != "equal"):
        both = min(i2 - i1, j2 - j1)
        substitutions += both
        deletions += i2 - i1 - both
        insertions += j2 - j1 - both
    return substitutions, deletions, insertions


def _weighs_four_three_three(reference: list[str], hypothesis: list[str]) -> Any:
    """The costs of NIST's sclite."""
    row = [(3 * n, 0, 0, n) for n in range(len(hypothesis) + 1)]
    for m, kept in enumerate(reference, 1):
        after = [(3 * m, 0, m, 0)]
        for n, said in enumerate(hypothesis):
            cost, s, d, i = row[n]
            ways = [(cost, s, d, i) if kept == said else (cost + 4, s + 1, d, i)]
            cost, s, d, i = row[n + 1]
            ways.append((cost + 3, s, d + 1, i))
            cost, s, d, i = after[n]
            ways.append((cost + 3, s, d, i + 1))
            after.append(min(ways, key=lambda way: way[0]))
        row = after
    return row[-1][1:]


def _uncached(reference: list[str], hypothesis: list[str]) -> Any:
    if not reference or not hypothesis:
        return 0, len(reference), len(hypothesis)
    s, d, i = _uncached(reference[1:], hypothesis[1:])
    ways = [(s + (reference[0] != hypothesis[0]), d, i)]
    s, d, i = _uncached(reference[1:], hypothesis)
    ways.append((s, d + 1, i))
    s, d, i = _uncached(reference, hypothesis[1:])
    ways.append((s, d, i + 1))
    return min(ways, key=sum)


def _by_jiwer(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    if not reference:
        return 0, 0, len(hypothesis)
    found = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
    return found.substitutions, found.deletions, found.insertions


def _by_table(reference: list[str], hypothesis: list[str]) -> Any:
    table = np.zeros((len(reference) + 1, len(hypothesis) + 1), dtype=int)
    table[0], table[:, 0] = np.arange(len(hypothesis) + 1), np.arange(len(reference) + 1)
    for m, kept in enumerate(reference, 1):
        for n, said in enumerate(hypothesis, 1):
            table[m, n] = min(table[m - 1, n - 1] + (kept != said), table[m - 1, n] + 1, table[m, n - 1] + 1)
    m, n, counts = len(reference), len(hypothesis), np.zeros(3, dtype=int)
    while m or n:
        if n and table[m, n] == table[m, n - 1] + 1:
            n, counts[2] = n - 1, counts[2] + 1
        elif m and table[m, n] == table[m - 1, n] + 1:
            m, counts[1] = m - 1, counts[1] + 1
        else:
            counts[0] += reference[m - 1] != hypothesis[n - 1]
            m, n = m - 1, n - 1
    return counts


def _mean_of_rates(references: list[str], hypotheses: list[str]) -> float:
    rates = [
        word_errors(reference, hypothesis).rate
        for reference, hypothesis in zip(references, hypotheses, strict=True)
    ]
    return sum(rates) / len(rates)


def _percent(references: list[str], hypotheses: list[str]) -> float:
    return 100 * solutions.corpus_wer(references, hypotheses)


def _over_the_hypotheses(references: list[str], hypotheses: list[str]) -> float:
    counts = [
        word_errors(reference, hypothesis)
        for reference, hypothesis in zip(references, hypotheses, strict=True)
    ]
    return sum(count.errors for count in counts) / max(1, sum(len(text.split()) for text in hypotheses))


def _at_most_one(references: list[str], hypotheses: list[str]) -> float:
    return min(1.0, solutions.corpus_wer(references, hypotheses))


def _without_insertions(references: list[str], hypotheses: list[str]) -> float:
    count = total(
        [
            word_errors(reference, hypothesis)
            for reference, hypothesis in zip(references, hypotheses, strict=True)
        ]
    )
    return (count.substitutions + count.deletions) / count.reference


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


def _capped(reference: str, hypothesis: str) -> float:
    return min(1.0, character_errors(reference, hypothesis).rate)


def _resampled(
    errors: Sequence[float], words: list[int], resamples: int, share: float = 0.025, size: float = 1.0
) -> tuple[float, float]:
    rng, rates = random.Random(0), []
    for _ in range(resamples):
        drawn = rng.choices(range(len(errors)), k=max(1, int(size * len(errors))))
        rates.append(sum(errors[i] for i in drawn) / sum(words[i] for i in drawn))
    rates.sort()
    return rates[int(share * resamples)], rates[int((1 - share) * resamples) - 1]


def _ninety_percent(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    return _resampled(errors, words, resamples, share=0.05)


def _without_replacement(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    rate = sum(errors) / sum(words)  # every shuffle of the utterances has the same rate
    return rate, rate


def _half_as_many(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    return _resampled(errors, words, resamples, size=0.4)


def _mean_of_rates_interval(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    return _resampled(
        [error / of for error, of in zip(errors, words, strict=True)], [1] * len(words), resamples
    )


def _torn_apart(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    rng = random.Random(0)
    rates = sorted(
        sum(rng.choices(errors, k=len(errors))) / sum(rng.choices(words, k=len(words)))
        for _ in range(resamples)
    )
    return rates[int(0.025 * resamples)], rates[int(0.975 * resamples)]


def _closed_formula(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    """The ratio's standard error by the delta method, and a normal distribution."""
    rate = sum(errors) / sum(words)
    spread = math.sqrt(sum((error - rate * of) ** 2 for error, of in zip(errors, words, strict=True)))
    return max(0.0, rate - 1.96 * spread / sum(words)), rate + 1.96 * spread / sum(words)


def _upside_down(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    low, high = _resampled(errors, words, resamples)
    return high, low


def _by_numpy(errors: list[int], words: list[int], resamples: int) -> Any:
    drawn = np.random.default_rng(1).integers(0, len(errors), (resamples, len(errors)))
    return np.quantile(
        np.array(errors)[drawn].sum(axis=1) / np.array(words)[drawn].sum(axis=1), [0.025, 0.975]
    )


def _by_the_library(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    from omni_lib.metrics import ErrorCount

    counts = [ErrorCount(error, 0, 0, of) for error, of in zip(errors, words, strict=True)]
    return bootstrap_interval(counts, [str(number) for number in range(len(counts))], resamples=resamples)


WRONG: dict[str, list[tuple[Any, str]]] = {
    "edit_counts": [
        (_place_by_place, "A word of the reference is missing"),
        (_exchanged, "the other way round"),
        (_longest_match_first, "the longest match"),
        (_weighs_four_three_three, "A substitution counts as one error"),
        (_uncached, "takes too long. It need not be endless"),
        (_only_the_sum, "three whole numbers are wanted"),
        (_bag_of_words, "no alignment has them"),
        (_never_substitutes, "two substitutions"),
    ],
    "corpus_wer": [
        (_mean_of_rates, "mean of the utterances' rates"),
        (_percent, "return the fraction"),
        (_one_long_text, "You join all utterances"),
        (_over_the_hypotheses, "words of the *references*"),
        (_at_most_one, "Nothing stops it at 100%"),
        (_without_insertions, "inserted into the second"),
    ],
    "character_error_rate": [
        (_without_spaces, "You leave the spaces out"),
        (_words_instead, "That is the word error rate"),
        (_place_by_place_characters, "The missing space is an error"),
        (_over_the_longer, "those of the reference are wanted"),
        (_over_the_hypothesis, "those of the reference are wanted"),
        (_capped, "You cap it at 100%"),
        (lambda reference, hypothesis: character_errors(reference, hypothesis).errors, "should be 0.0909"),
    ],
    "bootstrap_interval": [
        (_ninety_percent, "2.5% and 97.5%"),
        (_without_replacement, "draw with replacement"),
        (_half_as_many, "Yours is too wide"),
        (_mean_of_rates_interval, "the mean of the utterances' rates"),
        (_torn_apart, "errors and its words together"),
        (_closed_formula, "A formula assumes a bell curve"),
        (_upside_down, "the lower end comes first"),
        (lambda errors, words, resamples: sum(errors) / sum(words), "two numbers are wanted"),
    ],
    "mat_wer": [
        ("0.5%", "too low"),
        (33.3, "the chapter's pair"),
        (66.7, "Four errors"),
        (16.7, "add up"),
        (40, "too low"),
    ],
    "mean_or_corpus": [(50, "That is the mean"), ("0.05%", "too low"), (5.26, "20 words"), (10, "too high")],
    "most_errors": [
        (100, "How long is the hypothesis"),
        ("2.5%", "too low"),
        (150, "three insertions"),
        (350, "Seven errors"),
    ],
    "characters_or_words": [
        ("b", "different things"),
        ("c", "deletes all its letters"),
        ("d", "length of a word"),
    ],
    "difference_of_half_a_point": [("a", "On these 130"), ("b", "does not make them equal"), ("d", "A seed")],
    "whom_to_draw": [("a", "independent samples"), ("c", "answers neither"), ("d", "do not help")],
    "what_normalisation_hides": [("a", "a-z"), ("c", "before and after"), ("b", "A deletion")],
    "human_level": [("a", "On which recordings"), ("b", "A decoder"), ("d", "No threshold")],
}

OTHER_RIGHT: dict[str, list[Any]] = {
    "edit_counts": [
        _by_jiwer,
        _by_table,
        lambda reference, hypothesis: list(solutions.edit_counts(reference, hypothesis)),
    ],
    "corpus_wer": [
        _joined,
        lambda references, hypotheses: np.float64(solutions.corpus_wer(references, hypotheses)),
    ],
    "character_error_rate": [
        jiwer.cer,
        lambda reference, hypothesis: character_errors(reference, hypothesis).rate,
    ],
    "bootstrap_interval": [
        _by_numpy,
        _by_the_library,
        lambda *arguments: list(_resampled(*arguments)),
        lambda *arguments: torch.tensor(_by_numpy(*arguments)).float(),
    ],
    "mat_wer": [50, "50", "50%", "50 %", 0.5, ".5"],
    "mean_or_corpus": ["5%", 0.05],
    "most_errors": ["250%", 2.5],
    "human_level": ["C"],
}
