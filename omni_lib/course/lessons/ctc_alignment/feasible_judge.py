"""Lesson 03: how it is judged whether a learner's function finds out if a clip has a path to a text."""

from __future__ import annotations

import math
from collections.abc import Callable

from omni_lib.course.exercises.expectations import require
from omni_lib.course.exercises.sandbox import Attempt, NotYet, described
from omni_lib.course.lessons.ctc_alignment.examples import indices
from omni_lib.ctc import is_feasible
from omni_lib.encoder import embedding_lengths


def feasible(attempt: Attempt) -> None:
    for text, mel_frames, k, why in (
        ("cat", 100, 1, "Twelve embeddings for three letters."),
        ("hello", 38, 1, "Five embeddings, and the doubled l needs a blank of its own."),
        ("hello", 38, 2, "Ten CTC frames for six."),
        ("hello", 48, 1, "Six embeddings are just enough."),
        (
            "hello",
            47,
            1,
            "Frames are halved three times: `embedding_lengths` counts as the encoder does.",
        ),
        (
            "a",
            8,
            1,
            "One letter fits into one CTC frame, without a blank. (If you compare each letter with the one "
            "before it: the first has none, and Python's negative index reads the last one there.)",
        ),
        ("aabb", 48, 1, "Two doubled letters need two blanks."),
        ("aaa", 38, 1, "Three times the same letter needs a blank in each of two places."),
        ("aaa", 32, 1, "Four embeddings for three letters and two blanks."),
        ("anna", 38, 1, "Only neighbours need the blank: anna has one such pair."),
        ("abab", 32, 1, "Only neighbours need the blank: abab has no such pair."),
        ("the cat sat on the mat", 154, 1, "The spaces count, too."),
        ("the cat sat on the mat", 154, 3, "Three CTC frames from each embedding."),
        ("", 3, 1, "The empty text needs no frame."),
    ):
        _expect_feasible(attempt, indices(text), repr(text), mel_frames, k, why)
    # The edge, for every length: exactly as many letters as there are CTC frames, and one more.
    for k in (1, 2, 3):
        for mel_frames in (*range(1, 50), 100, 154):
            frames = int(embedding_lengths(mel_frames)) * k
            for letters in (frames, frames + 1):
                target = [2 + place % 2 for place in range(letters)]
                text = f"{letters} unlike letters" if letters != 1 else "one letter"
                _expect_feasible(attempt, target, text, mel_frames, k, _frames_slip)
    for doubled, repeats in (("aabbcc", 3), ("aaaa", 3), ("abba", 1)):
        needed = len(doubled) + repeats
        for k, mel_frames in ((1, 8 * needed), (1, 8 * needed - 8), (needed, 8), (needed - 1, 8)):
            why = "Each pair of equal neighbours needs a blank of its own between them."
            _expect_feasible(attempt, indices(doubled), repr(doubled), mel_frames, k, why)


def _frames_slip(attempt: Attempt, mel_frames: int, k: int) -> str:
    """The words for a usual mistake about the number of CTC frames, recognised by where the answers turn."""
    for frames_of, message in (
        (
            lambda frames: int(embedding_lengths(frames * k)),
            "k multiplies the embeddings, not the mel frames: `embedding_lengths` comes first.",
        ),
        (
            lambda frames: math.ceil(frames / 8) * k,
            "The encoder does not divide by eight and round up: `embedding_lengths` counts as it does.",
        ),
        (
            lambda frames: round(frames / 8) * k,
            "The encoder does not divide by eight and round to the nearest: `embedding_lengths` counts as it "
            "does.",
        ),
        (
            lambda frames: frames // 8 * k,
            "The encoder does not divide by eight and round down: its convolutions round up.",
        ),
    ):
        if all(_turns_at(attempt, frames_of(frames), frames, k) for frames in (mel_frames, 9, 12, 31, 41)):
            return message
    return "Compare the letters with `embedding_lengths(mel_frames) * frames_per_embedding`."


def _turns_at(attempt: Attempt, letters: int, mel_frames: int, k: int) -> bool:
    """Whether the answer has a path for so many unlike letters, and for no more."""
    target = [2 + place % 2 for place in range(letters + 1)]
    return bool(attempt(target[:-1], mel_frames, k)) and not bool(attempt(target, mel_frames, k))


def _expect_feasible(
    attempt: Attempt,
    target: list[int],
    text: str,
    mel_frames: int,
    k: int,
    why: str | Callable[[Attempt, int, int], str],
) -> None:
    got = attempt(target, mel_frames, k)
    require(
        isinstance(got, bool) or str(getattr(got, "dtype", "")) in ("bool", "torch.bool"),
        f"True or False is wanted; your function returns {described(got)}",
    )
    expected = is_feasible(target, int(embedding_lengths(mel_frames)) * k)
    if bool(got) != expected:
        why = why if isinstance(why, str) else why(attempt, mel_frames, k)
        frames = "1 mel frame" if mel_frames == 1 else f"{mel_frames} mel frames"
        what = f"{text} in {frames} with k = {k}"
        raise NotYet(f"{what}: your function returns {bool(got)}, and it is {expected}. {why}")
