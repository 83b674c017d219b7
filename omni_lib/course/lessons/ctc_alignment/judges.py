"""Lesson 03 up to the forward recursion: how the learner's functions are judged."""

from __future__ import annotations

import torch

from omni_lib.course import trellis
from omni_lib.course.exercises.expectations import (
    compare,
    expect_close,
    expect_equal,
    require,
    result_of,
    slow_or_endless,
)
from omni_lib.course.exercises.sandbox import Attempt, NotYet, described
from omni_lib.course.lessons.ctc_alignment.examples import VOCABULARY, indices, posteriors
from omni_lib.course.lessons.ctc_alignment.recursion_slips import (
    SKIPS,
    WRAPPED,
    best_beginnings,
    expect_infinities,
    expect_logarithms,
    same_cells,
    skips_everywhere,
    why_not_close,
    wrapped_forward,
)
from omni_lib.ctc import collapse as library_collapse
from omni_lib.ctc import ctc_loss


def collapse(attempt: Attempt) -> None:
    for path, why in (
        ("h_e_l_o", "Blanks (index 0) must be dropped."),
        ("hheelloo", "A symbol that lasts several frames is one symbol: merge what repeats."),
        (
            "hello",
            "Two equal neighbours are one symbol that lasts: only a blank between them doubles a letter.",
        ),
        (
            "hel_lo",
            "The blank between the two l keeps them apart. Merge first, then drop the blanks; the other "
            "order loses the second l. The blank is the previous symbol of the second l, too.",
        ),
        ("hell_lo", "Two runs of l with a blank between are two letters, however long the runs are."),
        ("h_ee_lll_oo___", "One run of l is one letter."),
        ("_h___h_", "Two runs of one letter, with blanks between, are two letters."),
        (
            "abca",
            "`path[i - 1]` is the *last* frame where i is 0: the first frame has no frame before it.",
        ),
        ("anna", "Only neighbours merge: a letter that comes back later is a new one."),
        ("a  b", "The space is a symbol like any other: it merges with its neighbour and stays."),
        (" a ", "The space is a symbol like any other, at the beginning and at the end, too."),
        ("____", "Blanks alone spell the empty text: return an empty list."),
        ("", "A path without frames spells the empty text: return an empty list."),
    ):
        _expect_spelled(attempt, trellis.read_path(path), f"The path {path!r}", why)
    drawn = torch.randint(0, 4, (400,), generator=torch.Generator().manual_seed(0)).tolist()
    _expect_spelled(attempt, drawn, "A long path of four symbols", "")
    _expect_spelled(attempt, list(range(28, -1, -1)), "A path of all classes", "")


def in_frames(text: str, frames: int) -> str:
    """A case in words."""
    return f"{text!r} in {frames} frame{'s' if frames != 1 else ''}"


def _expect_spelled(attempt: Attempt, path: list[int], case: str, why: str) -> None:
    wanted = library_collapse(path)
    got = result_of(attempt, (path,), case)
    try:
        symbols = None if isinstance(got, (str, dict, set)) else [int(symbol) for symbol in got]
    except (TypeError, ValueError):
        symbols = None
    if symbols is None or not all(0 <= symbol < len(VOCABULARY) for symbol in symbols) or len(path) > 30:
        expect_equal(attempt, (path,), wanted, why, case)
        return
    if symbols != wanted:
        mine, right = (
            "".join("_" if symbol == 0 else VOCABULARY.symbols[symbol] for symbol in text)
            for text in (symbols, wanted)
        )
        if set(symbols) - set(path):
            why = "Your text contains a symbol that the path does not contain."
        elif "_" not in mine and "(index 0)" in why:
            why = "Every run of a letter must stay, in the order of the path."
            if len(right) > 1 and mine == right[0]:
                why = "That is the first letter alone: is the `return` inside the loop?"
        begins = f"{case}: your function spells {mine!r}, and it should spell {right!r}."
        raise NotYet(f"{begins} {why}".rstrip())
    expect_equal(attempt, (path,), wanted, "Class indices are whole numbers.", case)


def count_alignments(attempt: Attempt) -> None:
    for text, frames, why in (
        ("a", 1, "One frame, one letter."),
        ("a", 3, "The a may last one, two or three frames, and blanks fill the rest."),
        ("ab", 3, "Between a and b a blank may stand, but it need not."),
        ("aa", 3, "There is one: without the blank in the middle the two would merge."),
        ("aa", 4, "Between two equal letters the blank cannot be skipped."),
        ("aa", 2, "Two frames are too few for a doubled letter."),
        ("aba", 4, "The two a are not neighbours: both blanks may be skipped."),
        ("", 4, "The empty text has one path: blanks."),
        ("hello", 5, "With five frames there is no room for the blank between the two l."),
        ("hello", 6, "Six frames are just enough."),
        ("hello", 7, "One frame more than needed: a symbol lasts two frames, or there is one more blank."),
        ("hello", 16, "Count by frame and state; enumerating all sequences is hopeless here."),
        (
            "the cat sat on the mat",
            57,
            "Count in Python's whole numbers: a float does not have enough digits for this one.",
        ),
        ("the cat sat on the mat", 90, "Count in Python's whole numbers, which have no largest one."),
    ):
        target = indices(text)
        expected = trellis.count_alignments(target, frames)
        case = in_frames(text, frames)
        try:
            with slow_or_endless(case):
                got = result_of(attempt, (target, frames), case)
        except NotYet as found:
            if "Overflow" in str(found):  # NumPy or torch, given a number with more than 64 bits
                raise NotYet(f"{found}. {_IN_PYTHON}") from found
            raise
        try:
            value = int(got)
            if isinstance(got, str) or value != got:
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            raise NotYet(f"a whole number is wanted; your function returns {described(got)}") from None
        if value == expected:
            continue
        if (value - expected) % 2**64 == 0 or value == 2**63 - 1 < expected:
            why = _IN_PYTHON
        elif value == _wrapped_count(target, frames) and _counts_wrapped(attempt):
            why = WRAPPED
        elif len(text) > 20 and abs(value - expected) > 1e-6 * expected:  # rounding cannot explain it
            why = "In the short texts it was right. Here are spaces, and letters that come back later."
        raise NotYet(f"{case}: your function counts {value}, and it should be {expected}. {why}")


_IN_PYTHON = "int64 (of NumPy or torch) is too small for this number: count in Python's whole numbers."


def _counts_wrapped(attempt: Attempt) -> bool:
    """Whether the answer is that of `_wrapped_count` in a case that no other mistake explains."""
    target = indices("hello")
    try:
        return bool(attempt(target, 9) == _wrapped_count(target, 9))
    except NotYet:
        return False


def _wrapped_count(target: list[int], frames: int) -> int:
    """The count of a recursion whose s-1 and s-2 read from the end of the list for the first states."""
    states = trellis.states_of(target)
    ways = [1] + [0] * (len(states) - 1)
    for _ in range(frames):
        skips = [states[s] != 0 and states[s] != states[s - 2] for s in range(len(states))]
        ways = [ways[s] + ways[s - 1] + (ways[s - 2] if skips[s] else 0) for s in range(len(states))]
    return sum(ways[-2:])


def forward_recursion(attempt: Attempt) -> None:
    for number, (text, frames, case, why) in enumerate(
        (
            (
                "a",
                1,
                "'a' in one frame",
                "A path begins in the first blank or in the first letter: in the first frame these two have "
                "their log-probabilities, and all other states -inf.",
            ),
            (
                "a",
                2,
                "'a' in two frames",
                "Stay or move on: add the probabilities (`logaddexp`) and then the log-probability of "
                "this state's symbol.",
            ),
            ("ab", 3, "'ab' in three frames", "From a to b the blank may be skipped."),
            ("aa", 4, "'aa' in four frames", "Between two equal letters the blank must not be skipped."),
            ("aba", 6, "'aba' in six frames", "Only neighbours count: both blanks may be skipped."),
            ("hello", 9, "'hello'", "The double l again, within a word."),
            ("hello", 3, "'hello' in too few frames", "Late states are out of reach: -inf."),
            ("the cat sat on the mat", 40, "A sentence", ""),
        )
    ):
        log_probs, target = posteriors(frames, number), indices(text)
        wanted = trellis.forward_mass(log_probs, target)
        with slow_or_endless(case):
            got = result_of(attempt, (log_probs, target), case)
        wrapped = wrapped_forward(log_probs, target)
        if same_cells(got, wrapped) and not same_cells(wrapped, wanted):
            raise NotYet(f"{case}: some beginnings come from the last states. {WRAPPED}")
        expect_logarithms(got, wanted, case)
        if same_cells(got, best_beginnings(log_probs, target)) and not same_cells(got, wanted):
            raise NotYet(
                f"{case}: that is the likeliest beginning of each cell. Add up all of them: `logsumexp` or "
                "`logaddexp`, and not `max`"
            )
        expect_infinities(got, wanted, case)
        if same_cells(got, skips_everywhere(log_probs, target)) and not same_cells(got, wanted):
            raise NotYet(f"{case}: {SKIPS}")
        expect_close(attempt, (log_probs, target), wanted, why, "T states", case=case)
    log_probs = posteriors(300, 9, sharpness=6.0).float()
    target = indices("do you want to ride a bicycle on thursday")
    wanted, case = trellis.forward_mass(log_probs, target), "A long clip in float32"
    got = result_of(attempt, (log_probs, target), case)
    alpha = compare(got, wanted, why_not_close(got, wanted), "T states", case=case)
    loss = float(ctc_loss(log_probs[None], torch.tensor([300]), [target]))
    require(
        abs(loss + float(alpha[-1, -2:].logsumexp(0))) < 1e-3 * loss,
        "the last two states of its last frame do not give torch's loss",
    )
