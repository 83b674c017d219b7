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

from omni_lib.audio import HOP_LENGTH, LOG_FLOOR, N_FFT, N_MELS, SAMPLE_RATE, WINDOW_LENGTH, LogMel
from omni_lib.course.exercises.expectations import called_with, compare, expect_close, expect_equal, result_of
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
            got = attempt(samples, window, hop, centred)
            hops = (samples - (0 if centred else window)) / hop
            if got in (1 + round(hops), 1 + math.ceil(hops)) and got != expected:
                why = "Only whole hops count: `//` leaves out the rest, which `round` or `ceil` may count."
            elif isinstance(got, float) and got in (hops, 1 + hops) and not got.is_integer():
                why = "That is not a whole number: only whole hops count, so divide by `//`."
            elif got == (max(0, 1 + (samples - window) // hop) if centred else 1 + samples // hop):
                why = "Are the two cases exchanged? Centred windows need not fit into the clip as a whole."
                if centred:
                    why = "Centred, the first frame is on sample 0; the window need not fit into the clip."
            elif centred and got == samples // hop:
                why = "That leaves out the last frame, as `LogMel` does; here it counts, on sample `samples`."
            elif centred:
                why = "Centred, the first frame is on sample 0, and one more follows every hop."
            else:
                why = (
                    "The first window needs `window` samples, every further one `hop` more; "
                    "one that does not fit as a whole is left out."
                )
            case = f"{clip}, {'centred' if centred else 'not centred'}"
            expect_equal(attempt, (samples, window, hop, centred), expected, why, case)
    for samples, centred, expected, case, why in (
        (399, False, 0, "A clip one sample shorter than the window", "No whole window fits."),
        (10, False, 0, "A clip of a few samples", "No window fits, and there are no negative frames."),
        (399, True, 3, "A short clip, centred", "The zeros around the clip make room for its frames."),
        (0, True, 1, "No samples, centred", "The frame on sample 0 still counts."),
    ):
        expect_equal(attempt, (samples, 400, 160, centred), expected, why, case)


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
    return ""


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
)


def empty_filters(attempt: Attempt) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torchaudio's own warning about empty filters
        for n_fft, n_mels, case in (
            (400, 128, "As many points as the window has"),
            (512, 128, "The next power of two"),
            (1024, 128, "As many points as `LogMel` uses"),
            (400, 40, "Fewer filters"),
            (256, 128, "A short transform"),
            (200, 80, "A very short transform"),
            (200, 237, "A short transform, and so many filters that a hertz matters"),
        ):
            filters = _filters(n_fft, n_mels)  # (bins, filters)
            empty = [number for number, column in enumerate(filters.T) if not column.any()]
            unseen = [number for number, row in enumerate(filters) if not row.any()]
            got = _numbers(result_of(attempt, (n_fft, n_mels), case), case)
            if got == unseen != empty:
                raise NotYet(
                    f"{case}: those are the bins that lie in no filter; sum over the bins (axis 0) instead"
                )
            why = "An empty filter is a triangle without any bin of the transform inside."
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
            elif got != empty and got in (_empty(n_fft - 2, n_mels), _empty(2 * n_fft - 2, n_mels)):
                why = "A transform has half as many bins as points, and one more."
            expect_equal(attempt, (n_fft, n_mels), empty, why, case)


def _is_slaney(attempt: Attempt) -> bool:
    """Whether the answer is that of the Slaney scale where that has empty filters, with a short transform."""
    case = "A short transform"
    return bool(_numbers(result_of(attempt, (256, 128), case), case) == _empty(256, 128, mel_scale="slaney"))


def _empty(n_fft: int, n_mels: int, **changes: Any) -> list[int]:
    filters = _filters(n_fft, n_mels, **changes)  # (bins, filters)
    return [number for number, column in enumerate(filters.T) if not column.any()]


def _filters(n_fft: int, n_mels: int, **changes: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return torchaudio.functional.melscale_fbanks(
            n_fft // 2 + 1, 0.0, SAMPLE_RATE / 2, n_mels, SAMPLE_RATE, **changes
        )


def _numbers(answer: Any, case: str) -> Any:
    """`answer` as a plain list."""
    begins = called_with(case)
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


def log_mel(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(1)
    tone = torch.sin(2 * math.pi * 440 * torch.arange(SAMPLE_RATE) / SAMPLE_RATE) * 0.3
    noise = torch.randn(8_000, generator=generator) * 0.1
    for case, waveform, tolerance in (
        ("Half a second of noise", noise, 1e-4),
        ("Digital silence", torch.zeros(3_200), 1e-4),
        ("A second of a pure tone", tone, 1e-3),  # float32 rounds the bins far from the tone
        ("Noise whose length is not a whole number of hops", noise[:1749], 1e-4),
        ("Noise shorter than the window", noise[:200], 1e-4),
    ):
        _expect_log_mel(attempt, case, waveform, tolerance)


def _expect_log_mel(attempt: Attempt, case: str, waveform: Tensor, tolerance: float) -> None:
    wanted: Tensor = LogMel()(waveform)
    got = result_of(attempt, (waveform,), case)
    try:
        mine = torch.as_tensor(got).detach()
    except (TypeError, ValueError, RuntimeError):
        mine = None
    if mine is not None and mine.shape == wanted.shape and not mine.is_complex():
        if bool(mine.isinf().any()):
            raise NotYet(
                f"{case}: some values are infinite, as the logarithm of 0 is; add the floor 1e-6 before it"
            )
        if waveform.eq(0).all() and not mine.eq(wanted).all() and mine.eq(mine[0, 0]).all():
            floor = math.exp(min(float(mine[0, 0]), 0.0))
            if not math.isclose(floor, LOG_FLOOR, rel_tol=1e-3):
                raise NotYet(f"{case}: your floor is {floor:.0e}; 1e-6 is wanted")
        for reply, variant in _slips().items():
            slipped = variant(waveform)
            close = slipped.shape == wanted.shape and _near(mine, slipped, tolerance)
            if close and not _near(mine, wanted, tolerance):
                raise NotYet(f"{case}: {reply}")
    shape = () if mine is None else tuple(mine.shape)
    if shape == (N_MELS, len(wanted) + 1):
        raise NotYet(
            f"{case}: time comes first, (frames, filters): transpose yours, and leave out the last frame, "
            "which is centred on the very end"
        )
    if shape == (1 + max(0, len(waveform) - N_FFT) // HOP_LENGTH, N_MELS) and len(waveform) >= N_FFT:
        raise NotYet(
            f"{case}: you have only the frames that fit into the clip; put 512 zeros at both ends first"
        )
    if shape == (len(wanted) + 1, N_MELS):
        raise NotYet(
            f"{case}: {shape[0]} frames; {len(wanted)} are wanted. The centred transform has one more, "
            "on the very end: leave out the last"
        )
    close = mine is not None and shape == tuple(wanted.shape) and bool((mine - wanted).abs().median() < 0.1)
    rounded = "Nearly: far from the tone the power is tiny, and rounding shows. Compute in float64."
    compare(got, wanted, rounded if close and tolerance > 1e-4 else "", "frames filters", tolerance, case)


def _near(one: Tensor, other: Tensor, tolerance: float) -> bool:
    """Whether two log-mels agree as `compare` would have it; their largest values are about ten."""
    return bool(torch.allclose(one.double(), other.double(), rtol=tolerance, atol=10 * tolerance))


def _variant(
    *,
    power: float = 2.0,
    n_fft: int = N_FFT,
    window: int = WINDOW_LENGTH,
    log: Callable[[Tensor], Tensor] | None = None,
    **changes: Any,
) -> Callable[[Tensor], Tensor]:
    """The log-mel with one thing different, to recognise it in an answer."""
    options = {"pad_mode": "constant", "window_fn": torch.hann_window, **changes}

    def mel(waveform: Tensor) -> Tensor:
        if options["pad_mode"] == "reflect" and len(waveform) <= n_fft // 2:
            return torch.empty(0)  # torch refuses to mirror a clip that is shorter than the padding
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            transform = torchaudio.transforms.MelSpectrogram(
                SAMPLE_RATE, n_fft, window, HOP_LENGTH, n_mels=N_MELS, power=power, center=True, **options
            )
        found: Tensor = (log or _natural)(transform(waveform)).T[: len(waveform) // HOP_LENGTH]
        return found

    return mel


def _natural(mel: Tensor) -> Tensor:
    return torch.log(mel + LOG_FLOOR)


def _power(waveform: Tensor) -> Any:
    """The power in the bins: (frames + 1, 513)."""
    spectrum = torchaudio.transforms.Spectrogram(N_FFT, WINDOW_LENGTH, HOP_LENGTH, pad_mode="constant")
    return spectrum(waveform).T


def _log_of_bins(waveform: Tensor) -> Tensor:
    found: Tensor = torch.log(_power(waveform) + LOG_FLOOR) @ _filters(N_FFT, N_MELS)
    return found[: len(waveform) // HOP_LENGTH]


def _floor_of_bins(waveform: Tensor) -> Tensor:
    found: Tensor = torch.log((_power(waveform) + LOG_FLOOR) @ _filters(N_FFT, N_MELS))
    return found[: len(waveform) // HOP_LENGTH]


def _without_the_first(waveform: Tensor) -> Tensor:
    found = _natural(_power(waveform) @ _filters(N_FFT, N_MELS))
    return found[1 : len(waveform) // HOP_LENGTH + 1]


def _early(waveform: Tensor) -> Tensor:
    """The window at the beginning of the 1024 points."""
    found: Tensor = LogMel()(torch.nn.functional.pad(waveform, (312, 0)))[: len(waveform) // HOP_LENGTH]
    return found


def _slips() -> dict[str, Callable[[Tensor], Tensor]]:
    """What usual mistakes compute, by the reply to them."""
    return {
        "that is the logarithm of the magnitude of the spectrum; square it first (power)": _variant(
            power=1.0
        ),
        "that is the decimal logarithm; the natural one is wanted (`torch.log`)": _variant(
            log=lambda mel: torch.log10(mel + LOG_FLOOR)
        ),
        "those are decibels (ten times the decimal logarithm); the natural one is wanted (`torch.log`)": (
            _variant(log=lambda mel: 10 * torch.log10(mel + LOG_FLOOR))
        ),
        "the logarithm is missing": _variant(log=lambda mel: mel),
        "your transform has 400 points, and four filters are empty: use 1024": _variant(n_fft=WINDOW_LENGTH),
        "your window spans all 1024 points; it has 400, in their middle": _variant(window=N_FFT),
        "your window is at the beginning of the 1024 points, 312 samples too early: put it in their middle": (
            _early
        ),
        "`log1p` adds 1, far more than the power of quiet sounds; add 1e-6": _variant(log=torch.log1p),
        "the sound is mirrored at its ends, torch's default; pad with zeros (`constant`)": _variant(
            pad_mode="reflect"
        ),
        "your window is symmetric, as `np.hanning` is; `torch.hann_window` is periodic by default": _variant(
            window_fn=lambda size: torch.hann_window(size, periodic=False)
        ),
        "the window is missing: each frame is cut out with hard edges": _variant(window_fn=torch.ones),
        "the window is missing: a Hann window of 400 samples stands in the middle of the 1024": _variant(
            window_fn=torch.ones, window=N_FFT
        ),
        "that is a Hamming window; a Hann window is wanted": _variant(window_fn=torch.hamming_window),
        "your transform has 512 points, and one filter is empty: use 1024": _variant(n_fft=512),
        "your spectrum is divided by the size of the window, as by `normalized=True`": _variant(
            normalized="window"
        ),
        "your power is divided by the length of the transform, as by `normalized=True`": _variant(
            normalized="frame_length"
        ),
        "that is the logarithm to base two; the natural one is wanted (`torch.log`)": _variant(
            log=lambda mel: torch.log2(mel + LOG_FLOOR)
        ),
        "your logarithm comes before the filters; first add up the power in each filter": _log_of_bins,
        "your floor is added before the filters; add 1e-6 after the filters, to the power in each": (
            _floor_of_bins
        ),
        "leave out the last frame, which is centred on the very end, and not the first": _without_the_first,
        "those filters are on the Slaney scale; HTK's is wanted, torchaudio's default": _variant(
            mel_scale="slaney"
        ),
        "those filters are on the Slaney scale and have its norm, as librosa's do; HTK's without a norm are "
        "wanted": _variant(mel_scale="slaney", norm="slaney"),
        "those filters have the Slaney norm; none is wanted, torchaudio's default": _variant(norm="slaney"),
        "`clamp` replaces small powers by the floor; here 1e-6 is *added* to every power": _variant(
            log=lambda mel: torch.log(mel.clamp(min=LOG_FLOOR))
        ),
    }
