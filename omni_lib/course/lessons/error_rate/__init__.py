"""Lesson 04, how wrong a transcript is: its exercises and questions."""

from __future__ import annotations

from collections.abc import Callable

from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.exercises.plug_in import PlugIn
from omni_lib.course.lessons.error_rate import judges, solutions
from omni_lib.course.lessons.error_rate.questions import (
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
from omni_lib.metrics import ErrorCount

NUMBER = "04"
TITLE = "Word error rate"


def _as_word_errors(
    edit_counts: Callable[[list[str], list[str]], tuple[int, int, int]],
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
    judge=judges.edit_counts,
    answer=solutions.edit_counts,
    hints=(
        "Fill a table: cell (m, n) holds the fewest edits between the first m words of the reference "
        "and the first n of the hypothesis. Its first row is all insertions, its first column all "
        "deletions.",
        "A cell comes from one of three: diagonally (the words match, or are substituted), from "
        "above (a word of the reference is deleted), from the left (a word is inserted). Take the "
        "one with the fewest errors.",
        "Keep in each cell not only the number of errors but the three counts as well: `(errors, S, "
        "D, I)`, and take the `min` by the first. The last cell has the answer.",
    ),
    praise="The same totals as jiwer's on every pair. Where two alignments have equally few errors, scorers "
    "may report different S, D and I; the sum, and so the WER, is the same.",
    plug_in=PlugIn(
        places=("omni_lib.runs.log_window:word_errors", "omni_lib.inference.evaluation:word_errors"),
        adapt=_as_word_errors,
    ),
)


corpus_wer = CodeExercise(
    key="04.corpus_wer",
    goal="The word error rate of a whole test set, as a fraction.",
    difficulty=2,
    minutes=6,
    judge=judges.corpus_wer,
    answer=solutions.corpus_wer,
    hints=(
        "Errors of all utterances, over words of all references: one division, at the end.",
        "`word_errors(reference, hypothesis)` has `.errors` and `.reference` (words). Add up each of "
        "the two.",
        "`zip(references, hypotheses)` gives the pairs. In a loop over them, keep two sums, and divide only "
        "after the loop.",
    ),
    praise="Every word has the same weight, in short and in long utterances. This is the number "
    "that papers report.",
)


character_error_rate = CodeExercise(
    key="04.character_error_rate",
    goal="The character error rate of one utterance, spaces included, as a fraction.",
    difficulty=2,
    minutes=8,
    extra=True,
    judge=judges.character_error_rate,
    answer=solutions.character_error_rate,
    hints=(
        "It is the same distance, with characters in place of words: `list(text)` makes a list of them.",
        "If your `edit_counts` passed, it can count the errors in these two lists.",
        "The errors are the sum of its three counts. Divide them by `len(reference)`, spaces included.",
    ),
    praise="A word with one wrong letter is a wrong word in the WER, and one wrong letter here. "
    "Together they tell what kind of errors there are.",
)


bootstrap_interval = CodeExercise(
    key="04.bootstrap_interval",
    goal="A 95% bootstrap interval of the corpus WER: how much it varies when other utterances "
    "of the same kind are drawn.",
    difficulty=3,
    minutes=12,
    extra=True,
    judge=judges.bootstrap_interval,
    answer=solutions.bootstrap_interval,
    hints=(
        "One resample: draw as many utterances as there are, with replacement, and compute the "
        "*corpus* WER of what you drew.",
        "`random.choices(range(len(errors)), k=len(errors))` draws numbers of utterances; take "
        "errors and words by the same numbers.",
        "Do that `resamples` times, sort the rates, and return the ones at 2.5% and 97.5% of the way.",
    ),
    praise="This needs no formula, and does not assume a normal distribution.",
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
