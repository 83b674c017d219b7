"""Lesson 01: how the learner's functions are judged."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torchaudio
from torch import Tensor

from omni_lib.audio import SAMPLE_RATE
from omni_lib.course.exercises.expectations import called_with, expect_close, expect_equal, result_of
from omni_lib.course.exercises.sandbox import Attempt, NotYet, described


def frame_count(attempt: Attempt) -> None:
    for samples, window, hop, clip in (
        (16_000, 400, 160, "A second of sound"),
        (16_100, 400, 160, "A little more than a second"),
        (15_920, 400, 160, "A little less than a second"),
        (400, 400, 160, "A clip of one window"),
        (22_050, 512, 256, "Another rate, another window"),
        (1_000, 100, 300, "A hop that is longer than the window"),
    ):
        for centred in (False, True):
            transform = torch.stft(
                torch.zeros(samples),
                window,
                hop,
                window=torch.ones(window),
                center=centred,
                pad_mode="constant",
                return_complex=True,
            )
            expected = transform.shape[-1]
            got = _number(attempt(samples, window, hop, centred))
            hops = (samples - (0 if centred else window)) / hop
            parts = not centred and got == max(0, samples // hop - window // hop + 1)
            if got != expected and parts and _divides_in_parts(attempt):
                why = "Subtract the window first, and divide once: each `//` drops a rest of its own."
            elif got in (1 + round(hops), 1 + math.ceil(hops)) and got != expected and _rounds_up(attempt):
                why = "Only whole hops count: `//` leaves out the rest, which `round` or `ceil` may count."
            elif isinstance(got, float) and got in (hops, 1 + hops) and not got.is_integer():
                why = "That is not a whole number: only whole hops count, so divide by `//`."
            elif got == (max(0, 1 + (samples - window) // hop) if centred else 1 + samples // hop):
                why = "Are the two cases exchanged? Centred windows need not fit into the clip as a whole."
                other = _number(attempt(samples, window, hop, not centred))
                if centred:
                    why = "Centred, the first frame is on sample 0; the window need not fit into the clip."
                elif other == got:
                    why = (
                        "Your number is that of centred windows. Here they must fit into the clip as a whole."
                    )
            elif centred and got == samples // hop:
                why = "That leaves out the last frame, as `LogMel` does; here it counts, on sample `samples`."
            elif centred:
                why = "Centred, the first frame is on sample 0, and one more follows every hop."
            elif got == max(0, (samples - window) // hop):
                why = "Those are the hops: the first window, before any hop, is a frame, too."
            else:
                why = (
                    "The first window needs `window` samples, every further one `hop` more; "
                    "one that does not fit as a whole is left out."
                )
            case = f"{clip}, {'centred' if centred else 'not centred'}"
            expect_equal(attempt, (samples, window, hop, centred), expected, why, case)
    why = "Where windows are centred, only `hop` matters; half of an odd window is not a whole number."
    case = "An odd window, and a whole number of hops, centred"
    expect_equal(attempt, (1_600, 401, 160, True), 11, why, case)
    for samples, centred, expected, case, why in (
        (399, False, 0, "A clip one sample shorter than the window", "No whole window fits."),
        (10, False, 0, "A clip of a few samples", "No window fits, and there are no negative frames."),
        (399, True, 3, "A short clip, centred", "The zeros around the clip make room for its frames."),
        (0, True, 1, "No samples, centred", "The frame on sample 0 still counts."),
    ):
        expect_equal(attempt, (samples, 400, 160, centred), expected, why, case)


def _rounds_up(attempt: Attempt) -> bool:
    """Whether the answer counts a hop of which seven eighths are there, as `round` and `ceil` do."""
    samples, window, hop = 16_300, 320, 160
    return any(
        _number(attempt(samples, window, hop, centred)) == 1 + math.ceil(span / hop)
        for centred, span in ((False, samples - window), (True, samples))
    )


def _divides_in_parts(attempt: Attempt) -> bool:
    """Whether the answer divides the samples and the window each, where that is too much and where not."""
    return all(
        _number(attempt(samples, window, hop, False)) == samples // hop - window // hop + 1
        for samples, window, hop in ((16_300, 320, 160), (1_010, 950, 100), (16_000, 1_000, 160))
    )


def _number(got: Any) -> Any:
    """`got` where it is one number, else NaN, which equals nothing: `expect_equal` tells what it is."""
    return got if isinstance(got, (int, float)) or getattr(got, "ndim", 1) == 0 else math.nan


def hertz_to_mel(attempt: Attempt) -> None:
    for hertz in (0.0, 700.0, 1000.0, 8000.0, 55.0, 440.0, 3999.5):
        wanted = 2595 * math.log10(1 + hertz / 700)
        expect_close(attempt, (hertz,), wanted, _mel_slip(attempt), tolerance=1e-5, case=f"{hertz:g} Hz")


def _mel_slip(attempt: Attempt) -> str:
    """The words for a usual mistake, recognised by its values at 700 and at 1000 Hz."""
    try:
        mine = [float(attempt(hertz)) for hertz in (700.0, 1000.0)]
    except (TypeError, ValueError, OverflowError, RuntimeError, NotYet):
        return ""
    right = [2595 * math.log10(1 + hertz / 700) for hertz in (700.0, 1000.0)]
    if mine == [round(value) for value in mine] and max(map(_distance, mine, right)) < 1:
        return "That is rounded; the fraction counts, too."
    for slip, message in _MEL_SLIPS:
        if all(_distance(value, slip(hertz)) < 1e-4 for value, hertz in zip(mine, (700, 1000), strict=True)):
            return message
    if mine[0] and _has_one_factor(attempt):
        return (
            "All your values differ by one factor: compare your factor, and your logarithm, with the formula."
        )
    return "Compare your factor, your logarithm and your brackets with the formula."


def _has_one_factor(attempt: Attempt) -> bool:
    """Whether all values differ by one factor, also where a wrong number in the brackets would show."""
    factors = [
        float(attempt(hertz)) / (2595 * math.log10(1 + hertz / 700)) for hertz in (55.0, 700.0, 8000.0)
    ]
    return all(math.isclose(factor, factors[0], rel_tol=1e-5) for factor in factors)


def _distance(one: float, other: float) -> float:
    return abs(one - other)


_MEL_SLIPS: tuple[tuple[Callable[[float], float], str], ...] = (
    (
        lambda hertz: 2595 * math.log10(1 + hertz // 700),
        "`//` cuts the quotient down to a whole number; divide by `/`.",
    ),
    (
        lambda hertz: 2595 * math.log(1 + hertz / 700),
        "That is the natural logarithm (`math.log`); the formula has `math.log10`.",
    ),
    (
        lambda hertz: 1127 * math.log10(1 + hertz / 700),
        "That factor belongs to the natural logarithm, not to the decimal one.",
    ),
    (
        lambda hertz: 2595 * math.log2(1 + hertz / 700),
        "That is the logarithm to base two; the formula has the decimal one.",
    ),
    (
        lambda hertz: 2595 + math.log10(1 + hertz / 700),
        "The factor is added; it must be multiplied by the logarithm.",
    ),
    (
        lambda hertz: hertz * 3 / 200,
        "That is the Slaney mel scale; torchaudio's default, and ours, is HTK's.",
    ),
    (lambda hertz: hertz, "That is still hertz."),
    (
        lambda hertz: 2595 * math.log10((1 + hertz) / 700),
        "Check the brackets: only the frequency is divided.",
    ),
    (lambda hertz: 2595 * math.log10(1 + hertz) / 700, "Check the brackets: only the frequency is divided."),
    (lambda hertz: 700 * (10 ** (hertz / 2595) - 1), "That is the way back, from mel to hertz."),
    (lambda hertz: math.log10(1 + hertz / 700), "The factor of the formula is missing."),
    (lambda hertz: 2595 * math.log10(hertz / 700), "The one in the brackets is missing."),
    (lambda hertz: 2595 * math.log10(1 + 700 / hertz), "The fraction is upside down."),
    (lambda hertz: 2595 * math.log10(700 + hertz), "Divide the frequency by its constant, and add one."),
    (
        lambda hertz: 2595 * math.log10(1 + hertz * 700),
        "In the brackets you multiply; divide.",
    ),
    (
        lambda hertz: 2595 * math.log10(1 + hertz / 700_000),
        "That is for a frequency in kilohertz; it is given in hertz.",
    ),
)


def empty_filters(attempt: Attempt) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torchaudio's own warning about empty filters
        for n_fft, n_mels, case in (
            (400, 128, "As many points as the window has"),
            (512, 128, "The next power of two"),
            (1024, 128, "As many points as `LogMel` uses"),
            (400, 40, "Fewer filters"),
            (256, 128, _SHORT),
            (200, 80, "A very short transform"),
            (200, 237, "A short transform, and so many filters that a hertz matters"),
        ):
            filters = filters_of(n_fft, n_mels)  # (bins, filters)
            empty = [number for number, column in enumerate(filters.T) if not column.any()]
            unseen = [number for number, row in enumerate(filters) if not row.any()]
            got = _numbers(result_of(attempt, (n_fft, n_mels), case), case)
            if got == unseen != empty:
                raise NotYet(
                    f"{case}: those are the bins that lie in no filter; sum over the bins (axis 0) instead"
                )
            why = (
                "An empty filter is a triangle without any bin of the transform inside. Each triangle spans "
                "two neighbouring steps in mel, and there is one step more than there are filters."
            )
            if len(got) == n_mels and all(isinstance(each, bool) for each in got):
                why = "Yours has true or false for each filter; the numbers of the true ones are wanted."
            elif got == sorted({*range(n_mels)} - {*empty}):
                why = "Those are the filters that do contain a bin; the others are wanted."
            elif empty and got == [each + 1 for each in empty]:
                why = "The numbers start at zero, with the first filter."
            elif got != empty and sorted(got) == empty:
                why = "They must be in ascending order."
            elif got != empty and got == _empty(n_fft, n_mels, mel_scale="slaney") and _is_slaney(attempt):
                why = "Those are the empty filters of the Slaney scale; those of HTK's mel scale are wanted."
            elif got != empty and got == _empty(n_fft, n_mels, highest=float(SAMPLE_RATE)):
                why = "Your filters reach up to the sample rate; they must end at half of it."
            elif got != empty and _has_other_bins(attempt):
                why = "A transform has half as many bins as points, and one more."
            elif got != empty and got == [each for each in empty if each != 0]:
                why = (
                    "The first filter is missing. The bin on the edge of its triangle has no weight there, "
                    "and does not count."
                )
            expect_equal(attempt, (n_fft, n_mels), empty, why, case)


def _is_slaney(attempt: Attempt) -> bool:
    """Whether the answer is that of the Slaney scale where that has empty filters, with a short transform."""
    mine = _numbers(result_of(attempt, (256, 128), _SHORT), _SHORT)
    return bool(mine == _empty(256, 128, mel_scale="slaney"))


_SHORT = "A short transform"


def _has_other_bins(attempt: Attempt) -> bool:
    """Whether the answer is that of a transform with one bin too few, or with a bin for each point."""
    lengths = (256, 100)  # with the second, triangles of another width give other empty filters
    mine = [_numbers(result_of(attempt, (length, 128), _SHORT), _SHORT) for length in lengths]
    return mine in (
        [_empty(length - 2, 128) for length in lengths],
        [_empty(2 * length - 2, 128) for length in lengths],
    )


def _empty(n_fft: int, n_mels: int, **changes: Any) -> list[int]:
    filters = filters_of(n_fft, n_mels, **changes)  # (bins, filters)
    return [number for number, column in enumerate(filters.T) if not column.any()]


def filters_of(n_fft: int, n_mels: int, highest: float = SAMPLE_RATE / 2, **changes: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return torchaudio.functional.melscale_fbanks(
            n_fft // 2 + 1, 0.0, highest, n_mels, SAMPLE_RATE, **changes
        )


def _numbers(answer: Any, case: str) -> Any:
    """`answer` as a plain list."""
    begins = called_with(case)
    if isinstance(answer, (list, tuple)) and any(isinstance(entry, str) for entry in answer):
        raise NotYet(f"{begins} a list of texts; numbers are wanted, without quotes")
    if isinstance(answer, tuple) and len(answer) == 1 and isinstance(answer[0], (Tensor, np.ndarray)):
        kind = "tensor, as `torch.where` does" if torch.is_tensor(answer[0]) else "array, as `np.where` does"
        raise NotYet(f"{begins} a tuple with one {kind}: take its `[0]`")
    try:
        tensor = torch.as_tensor(answer)
    except (TypeError, ValueError, RuntimeError):
        raise NotYet(f"{begins} {described(answer)}; a list of the numbers of filters is wanted") from None
    if tensor.ndim == 0:
        raise NotYet(
            f"{begins} the number {tensor.item()}: a list is wanted, of the numbers of the empty filters"
        )
    if tensor.ndim > 1:
        raise NotYet(
            f"{case}: a plain list of filter numbers is wanted; yours has {tensor.ndim} axes (`flatten`)"
        )
    return tensor.tolist()
