"""Lesson 03: plausible wrong answers, each with words of the reply that it must get; and other right ones."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch

from omni_lib.course import trellis
from omni_lib.course.lessons.ctc_alignment import backward_wrong as backward
from omni_lib.course.lessons.ctc_alignment import counts_wrong as counts
from omni_lib.course.lessons.ctc_alignment import decoding_wrong as decoding
from omni_lib.course.lessons.ctc_alignment import entropy_wrong as entropy
from omni_lib.course.lessons.ctc_alignment import forward_wrong as forward
from omni_lib.course.lessons.ctc_alignment import solutions
from omni_lib.course.lessons.ctc_alignment import viterbi_wrong as viterbi
from omni_lib.ctc import frames_needed


def _blanks_first(path: list[int]) -> list[int]:
    return [symbol for symbol, _ in itertools.groupby(symbol for symbol in path if symbol != 0)]


def _keeps_blanks(path: list[int]) -> list[int]:
    return [symbol for symbol, _ in itertools.groupby(path)]


def _each_letter_once(path: list[int]) -> list[int]:
    return [symbol for symbol in dict.fromkeys(path) if symbol != 0]


def _drops_spaces(path: list[int]) -> list[int]:
    return [symbol for symbol in solutions.collapse(path) if symbol != 1]


def _last_before_the_first(path: list[int]) -> list[int]:
    return [path[i] for i in range(len(path)) if path[i] != 0 and path[i] != path[i - 1]]


def _returns_in_the_loop(path: list[int]) -> list[int]:
    for symbol in path:
        if symbol:
            return [symbol]
    return []


def _scribbles(path: list[int]) -> list[int]:
    while 0 in path:
        path.remove(0)
    return path


def _no_blank_for_doubled_letters(target: list[int], mel_frames: int, k: int) -> bool:
    return _embeddings(mel_frames) * k >= len(target)


def _rounds_down(target: list[int], mel_frames: int, k: int) -> bool:
    return mel_frames // 8 * k >= frames_needed(target)


def _rounds_up(target: list[int], mel_frames: int, k: int) -> bool:
    return math.ceil(mel_frames / 8) * k >= frames_needed(target)


def _multiplies_the_frames(target: list[int], mel_frames: int, k: int) -> bool:
    return _embeddings(mel_frames * k) >= frames_needed(target)


def _counts_every_letter_that_comes_again(target: list[int], mel_frames: int, k: int) -> bool:
    repeats = len(target) - len(set(target))
    return _embeddings(mel_frames) * k >= len(target) + repeats


def _embeddings(mel_frames: int) -> int:
    return ((mel_frames + 1) // 2 + 1) // 2 // 2


def _compares_the_first_with_the_last(target: list[int], mel_frames: int, k: int) -> bool:
    repeats = sum(target[i] == target[i - 1] for i in range(len(target)))
    return _embeddings(mel_frames) * k >= len(target) + repeats


def _forgets_k(target: list[int], mel_frames: int, k: int) -> bool:
    return _embeddings(mel_frames) >= frames_needed(target)


def _gives_a_number(target: list[int], mel_frames: int, k: int) -> int:
    return _embeddings(mel_frames) * k - frames_needed(target)


def _rounds_to_the_nearest(target: list[int], mel_frames: int, k: int) -> bool:
    return round(mel_frames / 8) * k >= frames_needed(target)


def _feasible_in_halvings(target: list[int], mel_frames: int, k: int) -> Any:
    return np.bool_(_embeddings(mel_frames) * k >= frames_needed(target))


WRONG: dict[str, list[tuple[Any, str]]] = {
    **backward.WRONG,
    **decoding.WRONG,
    "viterbi_path": viterbi.WRONG,
    "entropic_loss": entropy.WRONG,
    "collapse": [
        (_blanks_first, "Merge first, then drop the blanks"),
        (_keeps_blanks, "Blanks (index 0) must be dropped"),
        (_each_letter_once, "keeps them apart"),
        (lambda path: solutions.collapse(path)[::-1], "in the order of the path"),
        (lambda path: sorted(set(path) - {0}), "Every run of a letter"),
        (_returns_in_the_loop, "is the `return` inside the loop?"),
        (lambda path: [symbol - 1 for symbol in solutions.collapse(path)], "that the path does not contain"),
        (lambda path: [symbol + 0.4 for symbol in solutions.collapse(path)], "are whole numbers"),
        (lambda path: [solutions.collapse(path)], "a list of lists"),
        (_drops_spaces, "The space is a symbol like any other"),
        (_last_before_the_first, "is the *last* frame where i is 0"),
        (_scribbles, "changes its input"),
        (lambda path: dict(enumerate(solutions.collapse(path))), "a dict of length 4; a list is wanted"),
        (lambda path: {*path} - {0}, "a set of length 4; a list is wanted"),
        (lambda path: trellis.VOCABULARY.decode(solutions.collapse(path)), "a list is wanted"),
        (
            lambda path: " ".join(map(str, solutions.collapse(path))),
            "a text of length",
        ),
        (
            lambda path: [str(symbol) for symbol in solutions.collapse(path)],
            "the text '9'; numbers are wanted",
        ),
    ],
    "count_alignments": counts.WRONG,
    "forward_recursion": forward.WRONG,
    "feasible": [
        (_no_blank_for_doubled_letters, "needs a blank of its own"),
        (_rounds_down, "halved three times"),
        (_rounds_up, "does not divide by eight and round up"),
        (_rounds_to_the_nearest, "round to the nearest"),
        (_multiplies_the_frames, "k multiplies the embeddings"),
        (_counts_every_letter_that_comes_again, "Only neighbours need the blank"),
        (
            lambda target, mel_frames, k: _embeddings(mel_frames) * k > len(target),
            "without a blank. (If you compare",
        ),
        (_forgets_k, "Ten CTC frames for six"),
        (_gives_a_number, "True or False is wanted"),
        (_compares_the_first_with_the_last, "negative index reads the last one"),
    ],
    "hell_lo": [
        ("a", "before any blank is dropped"),
        ("c", "before the runs are merged"),
        ("d", "not a space"),
    ],
    "frames_for_hello": [
        (5, "collapse to"),
        (9, "only needed"),
        (11, "most of these may be left out"),
        (4, "The second l"),
        (7, "too high"),
    ],
    "what_blank_means": [("b", "levels below"), ("c", "class 1"), ("d", "is not certain")],
    "sum_or_best": [("a", "the best path alone"), ("c", "with a mean"), ("b", "from elsewhere")],
    "eos_as_target": [("a", "needs none"), ("b", "nothing in a target marks"), ("d", "during a pause")],
    "initial_loss": [
        (26.94, "loss of one path"),
        (3.37, "one frame"),
        (30.52, "check the sign"),
        (33.69, "bits"),
        ("8 log10(29) - log10(36)", "the decimal logarithm"),
        ("23.36 bits", "not what stands behind it"),
        (75, "too high"),
    ],
    "letters_per_second": [
        (100, "mel frames"),
        (80, "milliseconds"),
        (12.5, "one CTC frame from each"),
        (12, "too low"),
    ],
    "peaky": [("a", "wherever its peaks are"), ("b", "not a fault"), ("d", "parts of the words")],
}

OTHER_RIGHT: dict[str, list[Any]] = {
    **backward.OTHER_RIGHT,
    **decoding.OTHER_RIGHT,
    "viterbi_path": viterbi.OTHER_RIGHT,
    "entropic_loss": entropy.OTHER_RIGHT,
    "collapse": [
        lambda path: [symbol for symbol, _ in itertools.groupby(path) if symbol],
        lambda path: tuple(solutions.collapse(path)),
        lambda path: torch.unique_consecutive(torch.tensor(path, dtype=torch.long))[
            torch.unique_consecutive(torch.tensor(path, dtype=torch.long)) != 0
        ],
        lambda path: np.array(solutions.collapse(path)),
    ],
    "count_alignments": counts.OTHER_RIGHT,
    "forward_recursion": forward.OTHER_RIGHT,
    "feasible": [
        lambda target, frames, k: (
            (frames + 3) // 8 * k >= 2 * len(target) - len([*itertools.groupby(target)])
        ),
        _feasible_in_halvings,
        lambda *arguments: torch.tensor(solutions.feasible(*arguments)),
    ],
    "hell_lo": ["B", " b ", "hello", "b) hello", "Option B"],
    "initial_loss": [23.4, 23.36, torch.tensor(23.355), "8 ln 29 - ln 36", "about 23,4 nats"],
    "frames_for_hello": [6.0, "6", "six", "6 CTC frames", "at least 6"],
    "letters_per_second": ["25", 25.0, "25 letters per second", "25/s", "twenty-five"],
}
