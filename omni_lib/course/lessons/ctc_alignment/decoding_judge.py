"""Lesson 03: how the learner's prefix search is judged, and how its usual mistakes are recognised."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor

from omni_lib.course.exercises.expectations import require, result_of, whole_numbers
from omni_lib.course.exercises.sandbox import Attempt, NotYet, TooSlow, described
from omni_lib.course.lessons.ctc_alignment.decoding_slips import SLIPS, Found, Search
from omni_lib.course.lessons.ctc_alignment.examples import VOCABULARY, posteriors
from omni_lib.ctc import ctc_loss
from omni_lib.decoding import prefix_search as library_search

ALL = 1000  # a beam that is large enough for all prefixes of the short cases

# In each frame the probabilities of the blank, the space, a and b, in tenths.
SHORT = (
    (
        ((3, 1, 4, 2),),
        "One frame, in which a is likeliest",
        "In a single frame, a letter is written by one path.",
    ),
    (
        ((6, 1, 2, 1),),
        "One frame, in which the blank is likeliest",
        "The empty text is a text, too: no letter is added where a path goes on with a blank.",
    ),
    (
        ((6, 0, 4, 0), (6, 0, 4, 0)),
        "Two frames, in both of which the blank is likelier than a",
        "Three paths spell a: add their probabilities (`log_add`).",
    ),
    (
        ((1, 0, 9, 0), (2, 0, 8, 0)),
        "Two frames, in both of which a is likeliest",
        "Three paths spell a, as before. An a behind an a goes on with the run, and the prefix stays.",
    ),
    (
        ((1, 0, 8, 1), (1, 0, 1, 8)),
        "Two frames, an a and then a b",
        "Another letter may follow with a blank before it or without one.",
    ),
    (
        ((1, 0, 8, 1), (8, 0, 1, 1), (1, 0, 8, 1)),
        "Three frames, an a, a blank and an a",
        "Behind a blank, the same letter begins a new run.",
    ),
    (
        ((2, 6, 1, 1), (7, 1, 1, 1), (1, 7, 1, 1)),
        "Three frames, a space, a blank and a space",
        "The space is a letter like any other.",
    ),
    (
        ((0, 0, 10, 0), (10, 0, 0, 0), (0, 0, 10, 0), (0, 0, 0, 10)),
        "Four frames without a doubt",
        "All other symbols have a logarithm of -inf.",
    ),
)


def prefix_search(attempt: Attempt) -> None:
    for rows, case, why in SHORT:
        _expect_likeliest(attempt, in_tenths(*rows), case, why)
    for seed in range(6):
        case = f"{'Four' if seed % 2 else 'Five'} frames of made-up probabilities"
        _expect_likeliest(attempt, short_posteriors(5 - seed % 2, seed), case)
    impossible = short_posteriors(5, 6)
    impossible[1::2, 2] = -math.inf
    _expect_likeliest(attempt, impossible, "Five frames, with an a impossible in two of them")
    for beam in (1, 2, 3, 5):
        for seed in range(4):
            case = f"Twelve frames, with a beam of {beam}"
            _expect_text_of_library(attempt, floored(12, 10 * beam + seed, "abcd", 1.5), beam, case)
    long = "A long clip, with a beam of eight"
    _expect_text_of_library(attempt, floored(200, 1, "abcdef", 5.0).float(), 8, long)
    case = "A long clip in which every letter is doubtful"
    doubtful = floored(400, 2, "abcdefghijklmnopqrstuvwxyz", 0.3)
    _expect_probability(*_found(attempt, doubtful, 4, case), doubtful, case)


def in_tenths(*rows: tuple[int, ...]) -> Tensor:
    """Log-probabilities (frames, 4) in float64 from probabilities in tenths; ln 0 is -inf."""
    return (torch.tensor(rows, dtype=torch.float64) / 10).log()


def short_posteriors(frames: int, seed: int) -> Tensor:
    """Made-up log-probabilities (frames, 4) in float64: the blank, the space, a and b."""
    return posteriors(frames, seed, sharpness=1.0)[:, :4].log_softmax(dim=-1)


def floored(frames: int, seed: int, letters: str, sharpness: float) -> Tensor:
    """Made-up log-probabilities (frames, 29) of the blank and some letters; all others are impossible.

    The library's search leaves out symbols that are less probable than one in a thousand. Here none of the
    letters is.
    """
    symbols = [0, *VOCABULARY.encode(letters)]
    shares = posteriors(frames, seed, sharpness)[:, symbols].softmax(dim=-1)
    log_probs = torch.full((frames, len(VOCABULARY)), -math.inf, dtype=torch.float64)
    log_probs[:, symbols] = (0.98 * shares + 0.02 / len(symbols)).log()
    return log_probs


def likeliest_text(log_probs: Tensor) -> Found:
    """The likeliest of all texts, by torch's CTC loss of each; log_probs (T, symbols), T small."""
    frames, symbols = log_probs.shape
    texts = [list(text) for n in range(frames + 1) for text in product(range(1, symbols), repeat=n)]
    losses = ctc_loss(
        log_probs.expand(len(texts), -1, -1), torch.full((len(texts),), frames), texts
    ).nan_to_num(nan=math.inf)
    best = int(losses.argmin())
    return texts[best], -float(losses[best])


def _expect_likeliest(attempt: Attempt, log_probs: Tensor, case: str, why: str = "") -> None:
    text, wanted = likeliest_text(log_probs)
    mine, score = _found(attempt, log_probs, ALL, case)
    if mine == text and close(score, wanted):
        return
    if mine != text:
        problem = f"your function returns the text {spelled(mine)!r}, and {spelled(text)!r} is likelier"
    elif close(score, math.exp(wanted)):
        raise NotYet(f"{case}: your function returns the probability of the text; its logarithm is wanted")
    elif close(score, -wanted):
        raise NotYet(f"{case}: your function returns minus the logarithm, which is not above zero")
    elif not -700 < score < 1e-4:
        problem = f"your function returns {score:.4g} as the logarithm of a probability"
    else:
        problem = (
            f"your function gives {spelled(text)!r} the probability {math.exp(score):.3f}, and it is "
            f"{math.exp(wanted):.3f}"
        )
    if bool(log_probs.isinf().any()):
        again, almost = _found(attempt, log_probs.clamp_min(-30.0), ALL, case)
        if again == text and close(almost, wanted):
            why = (
                "Without the -inf among the logarithms it is right. A `log_add` of your own may take -inf "
                "from -inf, which is NaN: use the library's"
            )
    raise NotYet(f"{case}: {problem}. {_slip_of(attempt) or why}".strip())


def close(score: float, wanted: float) -> bool:
    """Whether two logarithms agree to four digits."""
    return abs(score - wanted) <= 1e-4 * max(1.0, abs(wanted))


def _expect_text_of_library(attempt: Attempt, log_probs: Tensor, beam: int, case: str) -> None:
    (wanted,) = library_search(log_probs[None], torch.tensor([len(log_probs)]), VOCABULARY, beam)
    mine, score = _found(attempt, log_probs, beam, case)
    if spelled(mine) != wanted:
        texts = (
            f" the text {spelled(mine)!r}, and it should be {wanted!r}"
            if len(wanted) < 20
            else " another text"
        )
        why = _slip_of(attempt) or (
            "After each frame, keep the prefixes that are likeliest with both endings together, and no "
            "others."
        )
        raise NotYet(f"{case}: your function returns{texts}. {why}")
    _expect_probability(mine, score, log_probs, case)


def _expect_probability(text: list[int], score: float, log_probs: Tensor, case: str) -> None:
    """The score must be possible for the text: its paths, without the few that the search has dropped."""
    most = -float(ctc_loss(log_probs[None].double(), torch.tensor([len(log_probs)]), [text]))
    require(
        1.5 * most - 3.0 < score <= most + 1e-3 * abs(most),
        f"{case}: the logarithm that your function returns with its text is {score:.4g}, and all paths of "
        f"the text together have {most:.4g}. A product of many probabilities is too small for a number: add "
        "their logarithms",
    )


def spelled(text: Sequence[int]) -> str:
    """Class indices as a text; a blank that was kept is written `_`."""
    return "".join("_" if symbol == 0 else VOCABULARY.symbols[symbol] for symbol in text)


def _found(attempt: Attempt, log_probs: Tensor, beam: int, case: str) -> Found:
    """What the learner's function returns, as a list and a number."""
    try:
        got = result_of(attempt, (log_probs, beam), case)
    except TooSlow as found:
        raise NotYet(
            f"{case}: your function takes too long. Merge equal prefixes, and keep only `beam` of them after "
            "each frame"
        ) from found
    except NotYet as found:
        raise NotYet(f"{found}{_about_exception(str(found))}") from found
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        raise NotYet(
            f"{case}: the text and the logarithm of its probability are wanted; your function returns "
            f"{described(got)}"
        )
    try:
        text = None if isinstance(got[0], (str, bytes)) else whole_numbers(got[0])
        score = float(got[1])
    except (TypeError, ValueError, RuntimeError, OverflowError):
        text = None
    if text is None:
        raise NotYet(f"{case}: a list of class indices is wanted, and then a number")
    require(
        all(0 <= symbol < len(VOCABULARY) for symbol in text),
        f"{case}: your text contains a number that is not a class index",
    )
    require(
        0 not in text,
        f"{case}: your text contains the blank (index 0). A blank ends a run, and it is not written: the "
        "prefix stays as it is",
    )
    require(
        not math.isnan(score),
        f"{case}: your logarithm is NaN. A `log_add` of your own may take -inf from -inf; the library's "
        "`log_add` (and `torch.logaddexp`) gives -inf there",
    )
    return text, score


def _about_exception(said: str) -> str:
    if "math domain error" in said or "expected a positive input" in said:
        return ". The `exp` of a large negative number is 0, which has no logarithm: add with `log_add`"
    if "IndexError" in said:
        return ". The empty prefix has no last letter"
    return ""


# Inputs for which each two of these mistakes give different results, and none gives the right one.
TELLING = (
    (in_tenths((1, 1, 7, 1), (7, 1, 1, 1), (1, 1, 7, 1)), ALL),
    (in_tenths((6, 0, 4, 0), (6, 0, 4, 0)), ALL),
    *((short_posteriors(5, seed), beam) for seed, beam in ((20, ALL), (0, 2), (2, 2), (3, 2))),
)


def _slip_of(attempt: Attempt) -> str:
    """The words for a usual mistake, if it alone explains what the learner's function returns."""
    return next((words for slip, words in SLIPS if all(map(_agrees(attempt, slip), TELLING))), "")


def _agrees(attempt: Attempt, slip: Search) -> Callable[[tuple[Tensor, int]], bool]:
    def agrees(given: tuple[Tensor, int]) -> bool:
        text, score = slip(*given)
        try:
            mine: Any = attempt(*given)
            return [int(symbol) for symbol in mine[0]] == text and abs(float(mine[1]) - score) < 1e-4
        except (NotYet, TypeError, ValueError, RuntimeError, IndexError):
            return False

    return agrees
