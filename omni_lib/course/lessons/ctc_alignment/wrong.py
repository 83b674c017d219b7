"""Lesson 03: plausible wrong answers, each with words of the reply that it must get; and other right ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from omni_lib.course import trellis
from omni_lib.course.lessons.ctc_alignment import backward_wrong as backward
from omni_lib.course.lessons.ctc_alignment import decoding_wrong as decoding
from omni_lib.course.lessons.ctc_alignment import entropy_wrong as entropy
from omni_lib.course.lessons.ctc_alignment import forward_wrong as forward
from omni_lib.course.lessons.ctc_alignment import solutions
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


def _brute_force(target: list[int], frames: int) -> int:
    sequences = itertools.product(sorted({0, *target}), repeat=frames)
    return sum(solutions.collapse(list(sequence)) == target for sequence in sequences)


def _count(
    target: list[int],
    frames: int,
    skips: Callable[[list[int], int], bool],
    ends: int = 2,
    start: tuple[int, ...] = (1,),
) -> int:
    states = trellis.states_of(target)
    ways = [*start, *[0] * (len(states) - len(start))]
    for _ in range(frames):
        ways = [
            ways[s] + (ways[s - 1] if s else 0) + (ways[s - 2] if s >= 2 and skips(states, s) else 0)
            for s in range(len(states))
        ]
    return sum(ways[-ends:])


def _may_skip(states: list[int], s: int) -> bool:
    return states[s] != 0 and states[s] != states[s - 2]


def _skips_between_equals(target: list[int], frames: int) -> int:
    return _count(target, frames, lambda states, s: states[s] != 0)


def _never_skips(target: list[int], frames: int) -> int:
    return _count(target, frames, lambda states, s: False)


def _must_end_in_blank(target: list[int], frames: int) -> int:
    return _count(target, frames, _may_skip, ends=1)


def _uncached(target: list[int], frames: int) -> int:
    states = trellis.states_of(target)

    def ways(s: int, left: int) -> int:
        if left == 0:
            return int(s >= len(states) - 2)
        steps = [s, s + 1] + [s + 2] * (s + 2 < len(states) and _may_skip(states, s + 2))
        return sum(ways(step, left - 1) for step in steps if step < len(states))

    return ways(0, frames - 1) + ways(1, frames - 1) if len(states) > 1 else 1


def _count_wraps(target: list[int], frames: int) -> int:
    states = trellis.states_of(target)
    ways = [1] + [0] * (len(states) - 1)
    for _ in range(frames):
        ways = [
            ways[s] + ways[s - 1] + (ways[s - 2] if states[s] not in (0, states[s - 2]) else 0)
            for s in range(len(states))
        ]
    return sum(ways[-2:])


def _in_int64(target: list[int], frames: int) -> Any:
    states = trellis.states_of(target)
    skips = np.array([s >= 2 and _may_skip(states, s) for s in range(len(states))])
    ways = np.array([1] + [0] * (len(states) - 1))
    for _ in range(frames):
        before = np.concatenate([[0, 0], ways])
        ways = before[2:] + before[1:-1] + np.where(skips, before[:-2], 0)
    return ways[-2:].sum()


def _in_floats(target: list[int], frames: int) -> float:
    return float(trellis.count_alignments(target, frames))


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
            lambda path: [str(symbol) for symbol in solutions.collapse(path)],
            "the text '9'; numbers are wanted",
        ),
    ],
    "count_alignments": [
        (_brute_force, "takes too long. Is one of its loops endless? If none is"),
        (
            lambda text, frames: solutions.count_alignments([each for each in text if each != 1], frames),
            "spaces",
        ),
        (_uncached, "takes too long. Is one of its loops endless? If none is"),
        (_count_wraps, "A negative index does not fail"),
        (_in_int64, "int64"),
        (lambda *given: torch.tensor(trellis.count_alignments(*given)), "int64"),
        (_skips_between_equals, "without the blank in the middle"),
        (_never_skips, "a blank may stand, but it need not"),
        (_must_end_in_blank, "One frame, one letter"),
        (_in_floats, "a float does not have enough digits"),
        (lambda *given: str(trellis.count_alignments(*given)), "a whole number is wanted"),
        (lambda *given: trellis.count_alignments(*given) + Fraction(1, 2), "a whole number is wanted"),
    ],
    "forward_recursion": forward.WRONG,
    "feasible": [
        (_no_blank_for_doubled_letters, "needs a blank of its own"),
        (_rounds_down, "halved three times"),
        (_rounds_up, "does not divide by eight and round up"),
        (_rounds_to_the_nearest, "round to the nearest"),
        (_multiplies_the_frames, "k multiplies the embeddings"),
        (_counts_every_letter_that_comes_again, "Only neighbours need the blank"),
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
    "entropic_loss": entropy.OTHER_RIGHT,
    "collapse": [
        lambda path: [symbol for symbol, _ in itertools.groupby(path) if symbol],
        lambda path: tuple(solutions.collapse(path)),
        lambda path: torch.unique_consecutive(torch.tensor(path, dtype=torch.long))[
            torch.unique_consecutive(torch.tensor(path, dtype=torch.long)) != 0
        ],
        lambda path: np.array(solutions.collapse(path)),
    ],
    "count_alignments": [
        trellis.count_alignments,
        lambda target, frames: Fraction(trellis.count_alignments(target, frames)),
        lambda target, frames: math.comb(frames + 2 * len(target) - frames_needed(target), 2 * len(target)),
    ],
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
