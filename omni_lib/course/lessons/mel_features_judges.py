"""Lesson 01: how the learner's functions are judged."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torchaudio
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, LOG_FLOOR, N_FFT, N_MELS, SAMPLE_RATE, WINDOW_LENGTH, LogMel
from omni_lib.course.exercises.expectations import compare, expect_close, expect_equal, result_of
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
            nearest = 1 + round((samples - (0 if centred else window)) / hop)
            if got == nearest != expected:
                why = "`round` goes to the nearest whole number; only whole hops count: use `//`."
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
    """The words for a usual mistake, recognised by its value at 700 Hz."""
    try:
        at_700 = float(attempt(700.0))
    except (TypeError, ValueError, OverflowError, RuntimeError, NotYet):
        return ""
    for value, message in (
        (2595 * math.log(2), "That is the natural logarithm (`math.log`); the formula has `math.log10`."),
        (1127 * math.log10(2), "That factor belongs to the natural logarithm, not to the decimal one."),
        (2595 * math.log2(2), "That is the logarithm to base two; the formula has the decimal one."),
        (700.0 * 3 / 200, "That is the Slaney mel scale; torchaudio's default, and ours, is HTK's."),
        (700.0, "That is still hertz."),
    ):
        if abs(at_700 - value) < 1e-3 * value:
            return message
    return ""


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
            got = _numbers(result_of(attempt, (n_fft, n_mels), case))
            if got == unseen != empty:
                raise NotYet(
                    f"{case}: those are the bins that lie in no filter; sum over the bins (axis 0) instead"
                )
            why = "An empty filter is a triangle without any bin of the transform inside."
            expect_equal(attempt, (n_fft, n_mels), empty, why, case)


def _filters(n_fft: int, n_mels: int, **changes: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return torchaudio.functional.melscale_fbanks(
            n_fft // 2 + 1, 0.0, SAMPLE_RATE / 2, n_mels, SAMPLE_RATE, **changes
        )


def _numbers(answer: Any) -> Any:
    """`answer` as a plain list."""
    try:
        tensor = torch.as_tensor(answer)
    except (TypeError, ValueError, RuntimeError):
        raise NotYet(
            f"your function returns {described(answer)}; a list of the numbers of filters is wanted"
        ) from None
    if tensor.ndim == 0:
        raise NotYet(
            f"your function returns the number {tensor.item()}: a list is wanted, "
            "of the numbers of the empty filters"
        )
    if tensor.ndim > 1:
        raise NotYet(f"a plain list of filter numbers is wanted; yours has {tensor.ndim} axes")
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
        for reply, variant in _slips().items():
            slipped = variant(waveform)
            close = slipped.shape == wanted.shape and _near(mine, slipped, tolerance)
            if close and not _near(mine, wanted, tolerance):
                raise NotYet(f"{case}: {reply}")
    if mine is not None and mine.ndim == 2 and tuple(mine.shape) == (len(wanted) + 1, N_MELS):
        raise NotYet(
            f"{case}: {len(mine)} frames; {len(wanted)} are wanted. The centred transform has one more, "
            "on the very end: leave out the last"
        )
    compare(got, wanted, "", "frames filters", tolerance, case)


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
        "`log1p` adds 1, which drowns all quiet sounds; add 1e-6": _variant(log=torch.log1p),
        "the sound is mirrored at its ends, torch's default; pad with zeros (`constant`)": _variant(
            pad_mode="reflect"
        ),
        "your window is symmetric, as `np.hanning` is; `torch.hann_window` is periodic by default": _variant(
            window_fn=lambda size: torch.hann_window(size, periodic=False)
        ),
        "the window is missing: each frame is cut out with hard edges": _variant(window_fn=torch.ones),
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


def normalise_padded(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(2)
    for case, lengths, channels, scale in (
        ("Two clips without padding", [4, 4], 3, 3.0),
        ("Two clips, the second one padded", [7, 3], 5, 3.0),
        ("Three clips", [12, 1, 6], 128, 3.0),
        ("A clip without any real frame", [9, 0, 4], 4, 3.0),
        ("Channels with a variance as tiny as the constant under the root", [6, 4], 3, 3e-3),
    ):
        frames, rows = max(lengths), len(lengths)
        clean = torch.randn(rows, frames, channels, generator=generator) * scale + 5 * scale
        length = torch.tensor(lengths)
        mask = (torch.arange(frames) < length[:, None])[..., None]
        wanted = _normalised(clean, mask)
        for padding, filled in ((0.0, "zeros"), (-13.8, "silence"), (1e4, "large numbers")):
            x = torch.where(mask, clean, padding)
            padded = case if bool(mask.all()) else f"{case} (padded with {filled})"
            _recognise_slip(attempt, x, length, mask, wanted)
            expect_close(attempt, (x, length), wanted, "", "B T C", 1e-3, padded)
    constant = torch.full((2, 5, 3), 4.0)
    why = "The 1e-5 under the root keeps 0 / 0 away."
    zeros = torch.zeros(2, 5, 3)
    expect_close(
        attempt, (constant, torch.tensor([5, 2])), zeros, why, "B T C", case="A channel that never changes"
    )


def _normalised(x: Tensor, mask: Tensor, unbiased: bool = False) -> Tensor:
    valid = x[mask.squeeze(-1)].double()  # (valid frames, C)
    mean, variance = valid.mean(dim=0), valid.var(dim=0, unbiased=unbiased)
    return torch.where(mask, (x.double() - mean) / (variance + 1e-5).sqrt(), 0.0)


def _recognise_slip(attempt: Attempt, x: Tensor, lengths: Tensor, mask: Tensor, wanted: Tensor) -> None:
    got = attempt(x, lengths)
    if not torch.is_tensor(got) or got.shape != wanted.shape or got.is_complex():
        return
    got = got.double()
    inside = torch.where(mask, got, 0.0)
    if _alike(inside, _normalised(x, mask, unbiased=True)) and not _alike(inside, wanted):
        raise NotYet(
            "your variance is the unbiased one, torch's default: divide by the number of frames, "
            "not by one less (`unbiased=False`)"
        )
    if bool(mask.all()):
        return
    if _alike(inside, wanted) and not _alike(got, wanted):
        raise NotYet("the real frames are right, but the padding is not zero afterwards: mask the result too")
    everything = torch.ones_like(mask)
    for leaky in (_normalised(x, everything), _normalised(torch.where(mask, x, 0.0), everything)):
        if _alike(inside, torch.where(mask, leaky, 0.0)):
            raise NotYet(
                f"your mean and variance count all {mask.numel()} frames of the batch, and "
                f"{int((~mask).sum())} of them are padding: divide by the number of real frames, and let "
                "only those into the sums"
            )
    if not bool(got.isfinite().all()):
        raise NotYet(
            "some values are not finite: padding may hold any number, and a clip may have no frames at all"
        )


def _alike(one: Tensor, other: Tensor) -> bool:
    return bool(torch.allclose(one, other, rtol=1e-3, atol=1e-3))
