"""Lesson 05: how the learner's prediction of the first loss is judged."""

from __future__ import annotations

import math
from typing import Any

import torch

from omni_lib.course.exercises.expectations import compare, result_of
from omni_lib.course.exercises.sandbox import Attempt, NotYet, TooSlow
from omni_lib.course.lessons.full_training.judges import within
from omni_lib.ctc import ctc_loss


def _uniform_loss(frames: int, letters: int, repeats: int, symbols: int) -> float:
    """torch's CTC loss of a uniform distribution."""
    text = [1] * (repeats + 1) + [2 + place % 2 for place in range(letters - repeats - 1)]
    log_probs = torch.full((1, frames, symbols), -math.log(symbols), dtype=torch.float64)
    return float(ctc_loss(log_probs, torch.tensor([frames]), [text]))


def initial_loss(attempt: Attempt) -> None:
    for arguments, case, why in (
        (
            (1, 1, 0, 29),
            "One frame, one letter",
            "There is one path. The loss is minus the natural logarithm of its probability, one 29th.",
        ),
        ((2, 1, 0, 29), "Two frames, one letter", "There are three paths: aa, a_ and _a."),
        ((6, 5, 1, 29), "hello in six frames", "There is one path only: h e l _ l o."),
        ((20, 5, 0, 29), "Five unlike letters in twenty frames", "C(T + L, 2 L) paths lead to them."),
        ((20, 5, 1, 29), "hello in twenty frames", "Each doubled letter costs a frame: C(T + L - r, 2 L)."),
        ((12, 6, 3, 29), "Three doubled letters", "Each doubled letter costs a frame: C(T + L - r, 2 L)."),
        ((5, 5, 1, 29), "hello in five frames", "There is no path, so that its probability is zero."),
        ((20, 5, 0, 4), "Four symbols in place of 29", "The number of symbols is the last argument."),
        ((20, 5, 1), "No number of symbols given", "The default is 29 symbols."),
        (
            (900, 250, 8, 29),
            "A long clip",
            "There are more paths than a float can count: take `math.log` of the whole number itself.",
        ),
    ):
        wanted = _uniform_loss(*arguments[:3], arguments[3] if len(arguments) > 3 else 29)
        got = _explained(attempt, arguments, case, why)
        slip = _loss_slip(attempt) if not within(got, wanted, 1e-5 * wanted) else ""
        compare(got, wanted, slip or why, tolerance=1e-5, case=case)


def _loss_slip(attempt: Attempt) -> str:
    """The words for a usual mistake, recognised where no two of them compute the same."""
    frames, letters, repeats, symbols = 20, 5, 1, 11
    try:
        mine = attempt(frames, letters, repeats, symbols)
    except (TooSlow, NotYet):
        return ""
    right = _uniform_loss(frames, letters, repeats, symbols)
    one_path = frames * math.log(symbols)
    for value, words in (
        (-right, "The sign is wrong: a loss is minus a logarithm."),
        (right / math.log(10), "That is the decimal logarithm; the natural one is wanted (`math.log`)."),
        (right / math.log(2), "That is the logarithm to base two; the natural one is wanted (`math.log`)."),
        (right / letters, "That is divided by the number of letters; the loss of the whole text is wanted."),
        (right / frames, "That is divided by the number of frames; the loss of the whole text is wanted."),
        (one_path, "That is the loss of one path; subtract the logarithm of the number of paths."),
        (2 * one_path - right, "More paths make the loss smaller: subtract the logarithm of their number."),
        (
            one_path - math.log(math.comb(frames + letters - repeats, letters)),
            "That is not the number of paths: C(T + L - r, 2 L) has twice the number of letters.",
        ),
        (
            one_path - math.log(math.comb(frames, letters)),
            "That is not the number of paths, in which blanks and long letters count too: C(T + L - r, 2 L).",
        ),
        *(
            (
                one_path - math.log(math.comb(frames + letters + other, 2 * letters)),
                "Each doubled letter costs a frame: C(T + L - r, 2 L), with r subtracted.",
            )
            for other in (0, repeats)
        ),
    ):
        if within(mine, value, 1e-5 * abs(value)):
            return words
    return ""


def _explained(attempt: Attempt, arguments: tuple[Any, ...], case: str, why: str) -> Any:
    """What the function returns; the reply to an exception ends with `why`."""
    try:
        return result_of(attempt, arguments, case)
    except TooSlow:
        raise
    except NotYet as found:
        raise NotYet(f"{found}{'' if str(found).endswith('?') else '.'} {why}") from found
