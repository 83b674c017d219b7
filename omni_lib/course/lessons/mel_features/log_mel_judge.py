"""Lesson 01: how the learner's log-mel is judged."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torchaudio
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, LOG_FLOOR, N_FFT, N_MELS, SAMPLE_RATE, WINDOW_LENGTH, LogMel
from omni_lib.course.exercises.expectations import compare, result_of
from omni_lib.course.exercises.sandbox import Attempt, NotYet
from omni_lib.course.lessons.mel_features.judges import filters_of


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
        floor = _floor_of(attempt)
        other = _variant(log=lambda mel: torch.log(mel + floor))(waveform)
        if floor != LOG_FLOOR and _near(mine, other, tolerance):
            raise NotYet(f"{case}: your floor is {floor:.0e}; 1e-6 is wanted")
        for reply, variant in _slips().items():
            slipped = variant(waveform)
            close = slipped.shape == wanted.shape and _near(mine, slipped, tolerance)
            if close and not _near(mine, wanted, tolerance):
                raise NotYet(f"{case}: {reply}")
        scaled = _scale_of_power(mine, wanted)
        if scaled is not None and _forgets_the_level(attempt, waveform, scaled):
            raise NotYet(
                f"{case}: sound of twice the amplitude gives the same values. Do not normalise: neither "
                "divide by the largest sample, nor subtract a mean from the result"
            )
        if scaled is not None:
            raise NotYet(
                f"{case}: every power is {scaled:.3g} times what it should be. Take the samples as they are, "
                "and divide neither the window nor the spectrum by anything"
            )
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
    why = rounded if close and tolerance > 1e-4 else _WHY
    compare(got, wanted, why, "frames filters", tolerance, case)


_WHY = "Compare your steps with the docstring, one by one: frames, window, power, filters, logarithm."


def _scale_of_power(mine: Tensor, wanted: Tensor) -> float | None:
    """The factor by which all powers differ from those wanted; None if they do not differ by one factor."""
    if wanted.numel() == 0 or float(wanted.median()) < -8.0:  # too near the floor
        return None
    power, right = (values.double().exp() - LOG_FLOOR for values in (mine, wanted))
    ratios = (power / right)[right > 100 * LOG_FLOOR]
    factor = float(ratios.median())
    same = bool(torch.allclose(ratios, ratios.new_tensor(factor), rtol=1e-2))
    return factor if same and factor > 0 and not 0.99 < factor < 1.01 else None


def _forgets_the_level(attempt: Attempt, waveform: Tensor, scale: float) -> bool:
    """Whether the answer does not depend on how loud the sound is; `scale` is its factor for this one."""
    louder = 2 * waveform
    mine, wanted = torch.as_tensor(attempt(louder)).detach(), LogMel()(louder)
    again = _scale_of_power(mine, wanted) if mine.shape == wanted.shape else None
    return again is not None and math.isclose(4 * again, scale, rel_tol=0.05)


def _floor_of(attempt: Attempt) -> float:
    """The floor that the answer adds, as its value for silence tells; the right one where it does not."""
    try:
        values = torch.as_tensor(attempt(torch.zeros(3_200))).double()
        value, spread = float(values.max()), float(values.max() - values.min())
    except (TypeError, ValueError, RuntimeError, IndexError, NotYet):
        return LOG_FLOOR
    floor = math.exp(min(value, 0.0))
    added = 1e-20 < floor < 0.1 and spread < 1e-3  # no floor, and `log1p`, have replies of their own
    return floor if added and not math.isclose(floor, LOG_FLOOR, rel_tol=1e-3) else LOG_FLOOR


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
    found: Tensor = torch.log(_power(waveform) + LOG_FLOOR) @ filters_of(N_FFT, N_MELS)
    return found[: len(waveform) // HOP_LENGTH]


def _floor_of_bins(waveform: Tensor) -> Tensor:
    found: Tensor = torch.log((_power(waveform) + LOG_FLOOR) @ filters_of(N_FFT, N_MELS))
    return found[: len(waveform) // HOP_LENGTH]


def _without_the_first(waveform: Tensor) -> Tensor:
    found = _natural(_power(waveform) @ filters_of(N_FFT, N_MELS))
    return found[1 : len(waveform) // HOP_LENGTH + 1]


def _early(waveform: Tensor) -> Tensor:
    """The window at the beginning of the 1024 points."""
    found: Tensor = LogMel()(torch.nn.functional.pad(waveform, (312, 0)))[: len(waveform) // HOP_LENGTH]
    return found


def _by_hand(power: Callable[[Tensor], Tensor], padding: tuple[int, int]) -> Callable[[Tensor], Tensor]:
    """The log-mel with another power of the transforms, or other zeros in front of the clip and behind it."""

    def mel(waveform: Tensor) -> Tensor:
        frames = torch.nn.functional.pad(waveform, padding).unfold(0, N_FFT, HOP_LENGTH)
        window = torch.nn.functional.pad(torch.hann_window(WINDOW_LENGTH), (312, 312))
        powers = power(torch.fft.rfft(frames * window))
        return _natural(powers @ filters_of(N_FFT, N_MELS))[: len(waveform) // HOP_LENGTH]

    return mel


def _mean_of_bins(waveform: Tensor) -> Tensor:
    filters = filters_of(N_FFT, N_MELS)
    return _natural(_power(waveform) @ (filters / filters.sum(dim=0)))[: len(waveform) // HOP_LENGTH]


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
        "that is twenty times the decimal logarithm, as for a magnitude; the natural logarithm of the power "
        "is wanted (`torch.log`)": _variant(log=lambda mel: 20 * torch.log10(mel + LOG_FLOOR)),
        "the logarithm is missing": _variant(log=lambda mel: mel),
        "that is the square of the real part alone; the power is the square of `.abs()`, imaginary part "
        "included": _by_hand(lambda spectrum: spectrum.real**2, (512, 512)),
        "your filters are divided by their sums; add up the power, with triangles of height 1": _mean_of_bins,
        "your first frame begins on sample 0; it is centred there, with 512 zeros in front of the clip": (
            _by_hand(lambda spectrum: spectrum.abs() ** 2, (0, N_FFT))
        ),
        "your transform has 2048 points: use 1024": _variant(n_fft=2048),
        "your window has 512 points: use 400": _variant(window=512),
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
