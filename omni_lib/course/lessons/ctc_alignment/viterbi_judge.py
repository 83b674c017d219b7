"""Lesson 03: how the learner's forced alignment is judged."""

from __future__ import annotations

from torch import Tensor

from omni_lib.alignment import best_path
from omni_lib.course.exercises.expectations import require, slow_or_endless, whole_numbers
from omni_lib.course.exercises.sandbox import Attempt, NotYet, described
from omni_lib.course.lessons.ctc_alignment.examples import VOCABULARY, indices, posteriors
from omni_lib.course.lessons.ctc_alignment.judges import in_frames
from omni_lib.course.lessons.ctc_alignment.viterbi_slips import slip_of
from omni_lib.ctc import collapse as library_collapse

_CASES = (
    ("a", 1, "With one frame and one letter there is one path only: the letter."),
    ("a", 4, "Stay or move on, whichever is likelier."),
    ("aa", 5, "A blank must stand between the two."),
    ("hello", 6, "There is one path only: the blank stands between the two l."),
    (
        "hello",
        12,
        "Where alpha adds, Viterbi takes the largest; then go back from the better of the last two states.",
    ),
    ("the cat sat on the mat", 57, "A sentence."),
    ("the cat sat on the mat", 23, "There is only one frame more than the text needs."),
    *((text, frames, "") for text in ("a", "ab", "aba", "hello") for frames in (7, 9, 16, 24)),
)


def viterbi_path(attempt: Attempt) -> None:
    for seed, (text, frames, why) in enumerate(_CASES):
        log_probs, target = posteriors(frames, 20 + seed), indices(text)
        what = in_frames(text, frames)
        path = _path(attempt, log_probs, target, what, why)
        if _is_best(path, log_probs, target):
            continue
        why = _cause(attempt, path, log_probs, target) or why
        spelled = VOCABULARY.decode(library_collapse(path))
        require(spelled == text, f"{what}: your path collapses to {spelled!r}. {why}")
        mine, best = (_score(each, log_probs) for each in (path, best_path(log_probs, target)))
        raise NotYet(
            f"{text!r}: your path has a log-probability of {mine:.3f}, and there is one of {best:.3f}. {why}"
        )


def _path(attempt: Attempt, log_probs: Tensor, target: list[int], what: str, why: str) -> list[int]:
    """What the learner's function returns, as class indices, one for each frame."""
    with slow_or_endless(what):
        got = attempt(log_probs, target)
    try:
        path = whole_numbers(got)
    except (TypeError, ValueError, OverflowError):
        raise NotYet(
            f"a list of class indices, one for each frame, is wanted; your function returns {described(got)}"
        ) from None
    require(
        len(path) == len(log_probs),
        f"{what}: your path is {len(path)} long; one symbol for each frame is wanted. {why}",
    )
    require(min(path) >= 0, f"{what}: {min(path)} is not a class index; they begin at 0")
    require(
        max(path) < len(VOCABULARY),
        f"{what}: {max(path)} is not a class index; give the symbols of the states, not the numbers "
        "of the states",
    )
    return path


def _cause(attempt: Attempt, path: list[int], log_probs: Tensor, target: list[int]) -> str:
    """Why a path is not the best one; empty if the mistake is not recognised."""
    if library_collapse(path) != target and path == log_probs.argmax(dim=1).tolist():
        return (
            "That is the likeliest symbol of each frame, whatever they spell: only paths that collapse to "
            "`target` count."
        )
    if path == [1] and target == indices("a"):
        return "Give the symbols of the states (class indices), not the numbers of the states."
    if _is_reversed(attempt):
        return "It is the best path the wrong way round: reverse it after you have gone back."
    return slip_of(attempt)


def _score(path: list[int], log_probs: Tensor) -> float:
    """The log-probability of a path."""
    return float(sum(log_probs[t, symbol] for t, symbol in enumerate(path)))


def _is_best(path: list[int], log_probs: Tensor, target: list[int]) -> bool:
    """Whether a path collapses to the target, and none that does is likelier."""
    best = _score(best_path(log_probs, target), log_probs)
    return library_collapse(path) == target and _score(path, log_probs) >= best - 1e-6


def _is_reversed(attempt: Attempt) -> bool:
    """Whether the answer gives the best paths the wrong way round, in two cases with one explanation."""
    for text, frames in (("hello", 12), ("aba", 9)):
        log_probs, target = posteriors(frames, 3), indices(text)
        try:
            path = whole_numbers(attempt(log_probs, target))
        except (TypeError, ValueError, OverflowError, NotYet):
            return False
        if len(path) != frames or not all(0 <= symbol < len(VOCABULARY) for symbol in path):
            return False
        if not _is_best(path[::-1], log_probs, target) or _is_best(path, log_probs, target):
            return False
    return True
