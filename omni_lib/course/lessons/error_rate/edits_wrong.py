"""Lesson 04, the counts of edits: wrong answers, each with words of its reply, and other right ones."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import jiwer
import numpy as np

from omni_lib.course.lessons.error_rate import solutions
from omni_lib.metrics import word_errors


def _place_by_place(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    wrong = sum(kept != said for kept, said in zip(reference, hypothesis, strict=False))
    longer = len(reference) - len(hypothesis)
    return wrong, max(longer, 0), max(-longer, 0)


def _never_deletes(reference: list[str], hypothesis: list[str]) -> Any:
    """Its sum is that of one row many times in the first case with a deletion, and in no other."""
    row = [(n, 0, 0, n) for n in range(len(hypothesis) + 1)]
    for m, kept in enumerate(reference, 1):
        after = [(m, 0, m, 0)]
        for n, said in enumerate(hypothesis):
            cost, s, d, i = row[n]
            ways = [(cost, s, d, i) if kept == said else (cost + 1, s + 1, d, i)]
            cost, s, d, i = after[n]
            after.append(min([*ways, (cost + 1, s, d, i + 1)], key=lambda way: way[0]))
        row = after
    return row[-1][1:]


def _nothing_for_an_empty_text(reference: list[str], hypothesis: list[str]) -> Any:
    return solutions.edit_counts(reference, hypothesis) if hypothesis else None


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


def _table(reference: Sequence[str], hypothesis: Sequence[str]) -> list[list[int]]:
    """The fewest edits between all beginnings of the two."""
    rows = [[m + n for n in range(len(hypothesis) + 1)] for m in range(len(reference) + 1)]
    for m, kept in enumerate(reference, 1):
        for n, said in enumerate(hypothesis, 1):
            rows[m][n] = min(rows[m - 1][n - 1] + (kept != said), rows[m - 1][n] + 1, rows[m][n - 1] + 1)
    return rows


def _way_back(
    rows: list[list[int]], reference: Sequence[str], hypothesis: Sequence[str], to_the_end: bool = True
) -> tuple[int, int, int]:
    """The counts of one way back through such a table; to its first cell, or only to its edge."""
    m, n, s, d, i = len(reference), len(hypothesis), 0, 0, 0
    while (m or n) if to_the_end else (m and n):
        different = bool(m and n) and reference[m - 1] != hypothesis[n - 1]
        if m and n and rows[m][n] == rows[m - 1][n - 1] + different:
            m, n, s = m - 1, n - 1, s + different
        elif m and rows[m][n] == rows[m - 1][n] + 1:
            m, d = m - 1, d + 1
        else:
            n, i = n - 1, i + 1
    return s, d, i


def _edges_of_zero(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    rows = [[0] * (len(hypothesis) + 1) for _ in range(len(reference) + 1)]
    for m, kept in enumerate(reference, 1):
        for n, said in enumerate(hypothesis, 1):
            rows[m][n] = min(rows[m - 1][n - 1] + (kept != said), rows[m - 1][n] + 1, rows[m][n - 1] + 1)
    return _way_back(rows, reference, hypothesis)


def _one_row_many_times(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    rows = [[0] * (len(hypothesis) + 1)] * (len(reference) + 1)
    for m in range(len(reference) + 1):
        rows[m][0] = m
    for n in range(len(hypothesis) + 1):
        rows[0][n] = n
    for m, kept in enumerate(reference, 1):
        for n, said in enumerate(hypothesis, 1):
            rows[m][n] = min(rows[m - 1][n - 1] + (kept != said), rows[m - 1][n] + 1, rows[m][n - 1] + 1)
    return rows[-1][-1], 0, 0


def _smallest_tuple(reference: list[str], hypothesis: list[str]) -> Any:
    """`min` of (S, D, I) compares the substitutions first, and not the sums."""
    row = [(0, 0, n) for n in range(len(hypothesis) + 1)]
    for m, kept in enumerate(reference, 1):
        after = [(0, m, 0)]
        for n, said in enumerate(hypothesis):
            s, d, i = row[n]
            ways = [(s + (kept != said), d, i)]
            s, d, i = row[n + 1]
            ways.append((s, d + 1, i))
            s, d, i = after[n]
            after.append(min([*ways, (s, d, i + 1)]))
        row = after
    return row[-1]


def _to_the_edge(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    return _way_back(_table(reference, hypothesis), reference, hypothesis, to_the_end=False)


def _each_match_counts(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    s, d, i = solutions.edit_counts(reference, hypothesis)
    return len(reference) - d, d, i


def _letters(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    return solutions.edit_counts(list(" ".join(reference)), list(" ".join(hypothesis)))


def _deletions_first(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    s, d, i = solutions.edit_counts(reference, hypothesis)
    return d, s, i


def _insertions_first(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    s, d, i = solutions.edit_counts(reference, hypothesis)
    return i, d, s


def _fractions(reference: list[str], hypothesis: list[str]) -> tuple[float, ...]:
    return tuple(count + 0.4 for count in solutions.edit_counts(reference, hypothesis))


def _all_of_the_count(reference: list[str], hypothesis: list[str]) -> Any:
    return word_errors(" ".join(reference), " ".join(hypothesis))


def _back_through_the_table(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    return _way_back(_table(reference, hypothesis), reference, hypothesis)


def _sum_and_lengths(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    longer = len(reference) - len(hypothesis)
    errors = sum(solutions.edit_counts(reference, hypothesis))
    return errors - abs(longer), max(0, longer), max(0, -longer)


def _words_on_one_side(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    return 0, len(set(reference) - set(hypothesis)), len(set(hypothesis) - set(reference))


def _rates(reference: list[str], hypothesis: list[str]) -> tuple[float, ...]:
    return tuple(count / max(1, len(reference)) for count in solutions.edit_counts(reference, hypothesis))


WRONG: list[tuple[Any, str]] = [
    (_place_by_place, "A word of the reference is missing"),
    (_exchanged, "the other way round"),
    (_longest_match_first, "the longest match"),
    (_weighs_four_three_three, "A substitution counts as one error"),
    (_uncached, "takes too long. Is one of its loops endless? If none is"),
    (_only_the_sum, "three whole numbers are wanted"),
    (_bag_of_words, "no alignment has them"),
    (_sum_and_lengths, "Count each kind along one alignment"),
    (_words_on_one_side, "your function returns counts that add up to 3; the fewest are 2. The chapter's"),
    (_rates, "Those are rates"),
    (lambda said, heard: solutions.edit_counts(said[:-1], heard[:-1]), "One word is left out"),
    (_never_deletes, "one deletion, and no more."),
    (_nothing_for_an_empty_text, "is the `return` missing? Nothing was transcribed"),
    (_never_substitutes, "two substitutions"),
    (_edges_of_zero, "first row and the first column"),
    (_one_row_many_times, "one and the same list"),
    (_smallest_tuple, "`min` of tuples"),
    (_to_the_edge, "until both texts are used up"),
    (_each_match_counts, "equal words are not a substitution"),
    (_letters, "Compare words"),
    (_deletions_first, "in this order"),
    (_insertions_first, "in this order"),
    (_fractions, "three whole numbers are wanted"),
    (_all_of_the_count, "returns an ErrorCount"),
]

OTHER_RIGHT: list[Any] = [
    _by_jiwer,
    _by_table,
    _back_through_the_table,
    lambda reference, hypothesis: list(solutions.edit_counts(reference, hypothesis)),
    lambda reference, hypothesis: tuple(map(float, solutions.edit_counts(reference, hypothesis))),
]
