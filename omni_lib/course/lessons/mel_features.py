"""Lesson 01, from a waveform to normalised log-mels: its exercises and questions."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torchaudio
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, LOG_FLOOR, N_FFT, N_MELS, SAMPLE_RATE, WINDOW_LENGTH, LogMel
from omni_lib.course.exercises.checking import CodeExercise, expect_close, expect_equal
from omni_lib.course.exercises.plug_in import PlugIn
from omni_lib.course.exercises.sandbox import Attempt, NotYet, described
from omni_lib.course.lessons import mel_features_solutions as solutions
from omni_lib.course.lessons.mel_features_questions import (
    bin_spacing,
    faster_frames,
    log_floor,
    mask_fill,
    smallest_fft,
    zero_padding,
)
from omni_lib.encoder import MaskedBatchNorm

NUMBER = "01"
TITLE = "Mel features"


def _judge_frame_count(attempt: Attempt) -> None:
    for samples, window, hop in (
        (16_000, 400, 160),
        (16_100, 400, 160),
        (15_920, 400, 160),
        (400, 400, 160),
        (22_050, 512, 256),
    ):
        for centred in (False, True):
            expected = torch.stft(
                torch.zeros(samples),
                window,
                hop,
                window=torch.ones(window),
                center=centred,
                pad_mode="constant",
                return_complex=True,
            ).shape[-1]
            why = (
                "Centred, the first frame stands on sample 0, and one more every hop."
                if centred
                else "The first window needs `window` samples, every further one `hop` more; one that "
                "does not fit whole is left out."
            )
            expect_equal(attempt, (samples, window, hop, centred), expected, why)
    expect_equal(attempt, (399, 400, 160, False), 0, "Not one whole window fits into 399 samples.")
    expect_equal(
        attempt, (10, 400, 160, False), 0, "Not one whole window fits, and there are no negative frames."
    )
    expect_equal(attempt, (399, 400, 160, True), 3, "Silence around the clip makes room for its frames.")


frame_count = CodeExercise(
    key="01.frame_count",
    goal="How many frames a clip has: with windows that must fit into it whole, and with centred ones.",
    difficulty=2,
    minutes=6,
    judge=_judge_frame_count,
    answer=solutions.frame_count,
    hints=(
        "Write down where the windows begin for 16,000 samples: 0, 160, 320, … Which is the last one "
        "that still ends within the clip?",
        "Not centred: the last window begins at most at `samples - window`. `//` counts the whole "
        "hops up to there; the first window comes on top.",
        "Centred: frame t stands on sample `t * hop`, so count the multiples of `hop` from 0 to "
        "`samples`. Not centred: `1 + (samples - window) // hop`, but never less than 0.",
    ),
    praise="98 and 101 frames a second are both in use. Ours are centred, and `LogMel` drops the last: 100, "
    "one every 10 ms.",
)


def _judge_hertz_to_mel(attempt: Attempt) -> None:
    for hertz in (0.0, 700.0, 1000.0, 8000.0, 55.0, 440.0, 3999.5):
        expect_close(
            attempt, (hertz,), 2595 * math.log10(1 + hertz / 700), _mel_slip(attempt), tolerance=1e-4
        )


def _mel_slip(attempt: Attempt) -> str:
    """What a well-known slip would explain."""
    try:
        at_700 = float(attempt(700.0))
    except (TypeError, ValueError, OverflowError, RuntimeError, NotYet):
        return ""
    for value, message in (
        (
            2595 * math.log(2.0),
            "That is the natural logarithm (`math.log`); 2595 belongs to the decimal one (`math.log10`).",
        ),
        (1127 * math.log10(2.0), "1127 belongs to the natural logarithm; the decimal one takes 2595."),
        (2595 * math.log2(2.0), "That is the logarithm to base 2; the formula has base 10."),
        (700.0 * 3 / 200, "That is the Slaney mel scale; torchaudio's default, and ours, is the one of HTK."),
        (700.0, "That is still hertz."),
    ):
        if abs(at_700 - value) < 1e-3 * value:
            return message
    return ""


hertz_to_mel = CodeExercise(
    key="01.hertz_to_mel",
    goal="From hertz to mel, by the formula of O'Shaughnessy and HTK: 2595 · log10(1 + f / 700).",
    difficulty=1,
    minutes=3,
    judge=_judge_hertz_to_mel,
    answer=solutions.hertz_to_mel,
    hints=(
        "0 Hz must give 0 mel, 1000 Hz very nearly 1000 mel: try yours on both.",
        "The decimal logarithm is `math.log10`.",
        "`2595 * math.log10(1 + hertz / 700)`",
    ),
    praise="The lower kilohertz takes 1000 mel, the seven above it 1840: equal steps in mel give the low "
    "frequencies most of the filters.",
)


def _filters(n_fft: int, n_mels: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return torchaudio.functional.melscale_fbanks(
            n_fft // 2 + 1, 0.0, SAMPLE_RATE / 2, n_mels, SAMPLE_RATE
        )


def _judge_empty_filters(attempt: Attempt) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # torchaudio's word about empty filters: finding them is the exercise
        for n_fft, n_mels in ((400, 128), (512, 128), (1024, 128), (400, 40), (256, 128), (200, 80)):
            filters = _filters(n_fft, n_mels)  # (bins, filters)
            empty = [number for number, column in enumerate(filters.T) if not column.any()]
            unseen = [number for number, row in enumerate(filters) if not row.any()]
            got = _numbers(attempt(n_fft, n_mels), empty)
            if got == unseen != empty:
                raise NotYet(
                    f"with {n_fft} points, {got} are the bins that no filter looks at; sum over the "
                    "bins (axis 0) instead"
                )
            why = f"{len(empty)} of the {n_mels} triangles have no bin of the {n_fft}-point transform inside."
            expect_equal(attempt, (n_fft, n_mels), empty, why)


def _numbers(answer: Any, example: list[int]) -> list[float]:
    """`answer` as a plain list."""
    try:
        tensor = torch.as_tensor(answer)
    except (TypeError, ValueError, RuntimeError):
        raise NotYet(
            f"your function returns {described(answer)}; a list of filter numbers is wanted, such as "
            f"{example}"
        ) from None
    if tensor.ndim == 0:
        raise NotYet(
            f"your function returns the number {tensor.item()}: a list is wanted, of the numbers of "
            "the empty filters"
        )
    if tensor.ndim > 1:
        raise NotYet(
            f"a plain list of filter numbers is wanted, such as {example}; yours has {tensor.ndim} axes"
        )
    return tensor.tolist()


empty_filters = CodeExercise(
    key="01.empty_filters",
    goal="Find the mel filters that contain no bin of the Fourier transform: a list of their numbers, "
    "from 0.",
    difficulty=2,
    minutes=8,
    extra=True,
    judge=_judge_empty_filters,
    answer=solutions.empty_filters,
    hints=(
        "`torchaudio.functional.melscale_fbanks(bins, 0.0, 8000.0, n_mels, 16_000)` returns the "
        "triangles as a matrix (bins, filters). An n-point transform has n // 2 + 1 bins.",
        "A filter is a column. One that contains no bin is zero in all rows.",
        "`(filters.sum(dim=0) == 0).nonzero().flatten().tolist()`",
    ),
    praise="Filters 0, 3, 6 and 13 are blind at 400 points, 0 at 512, and none at 1024. torchaudio only "
    "warns; the picture shows stripes.",
)


def _judge_log_mel(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(1)
    tone = torch.sin(2 * math.pi * 440 * torch.arange(SAMPLE_RATE) / SAMPLE_RATE) * 0.3
    noise = torch.randn(8_000, generator=generator) * 0.1
    _expect_log_mel(attempt, "half a second of noise", noise)
    _expect_log_mel(attempt, "digital silence", torch.zeros(3_200))
    _expect_log_mel(attempt, "a second of a 440 Hz tone", tone)
    _expect_log_mel(attempt, "1,700 samples", noise[:1700])
    _expect_log_mel(attempt, "200 samples, half a window", noise[:200])


def _expect_log_mel(attempt: Attempt, name: str, waveform: Tensor) -> None:
    wanted: Tensor = LogMel()(waveform)
    got = attempt(waveform)
    if torch.is_tensor(got) and got.shape == wanted.shape and not got.is_complex():
        if bool(got.isinf().any()):
            raise NotYet(
                f"{name}: {int(got.isinf().sum())} values are infinite. The logarithm of 0 is; add "
                "the floor 1e-6 before it"
            )
        for says, variant in _SLIPS.items():
            slipped = variant(waveform)
            same = slipped.shape == wanted.shape and torch.allclose(
                got.double(), slipped.double(), rtol=1e-3, atol=1e-3
            )
            if same and not torch.allclose(wanted, slipped, rtol=1e-3, atol=1e-3):
                raise NotYet(f"{name}: {says}")
    if torch.is_tensor(got) and got.ndim == 2 and tuple(got.shape) == (len(wanted) + 1, N_MELS):
        raise NotYet(
            f"{name}: {len(got)} frames; {len(wanted)} are wanted. The centred transform has one "
            "more, on the very end: leave out the last"
        )
    expect_close(attempt, (waveform,), wanted, f"(On {name}.)", "frames filters", tolerance=1e-3)


def _variant(
    *, power: float = 2.0, n_fft: int = N_FFT, window: int = WINDOW_LENGTH, log: Callable[[Tensor], Tensor]
) -> Callable[[Tensor], Tensor]:
    """The log-mel with one thing different, to recognise it in an answer."""

    def mel(waveform: Tensor) -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            transform = torchaudio.transforms.MelSpectrogram(
                SAMPLE_RATE,
                n_fft,
                window,
                HOP_LENGTH,
                n_mels=N_MELS,
                power=power,
                center=True,
                pad_mode="constant",
            )
        return log(transform(waveform)).T[: len(waveform) // HOP_LENGTH]

    return mel


def _natural(mel: Tensor) -> Tensor:
    return torch.log(mel + LOG_FLOOR)


_SLIPS = {
    "that is the logarithm of the size of the spectrum; square it first (power)": _variant(
        power=1.0, log=_natural
    ),
    "that is the decimal logarithm; the natural one is wanted (`torch.log`)": _variant(
        log=lambda mel: torch.log10(mel + LOG_FLOOR)
    ),
    "those are decibels (10 · log10); the natural logarithm is wanted (`torch.log`)": _variant(
        log=lambda mel: 10 * torch.log10(mel + LOG_FLOOR)
    ),
    "the logarithm is missing": _variant(log=lambda mel: mel),
    "your transform has 400 points, and four filters are empty: use 1024": _variant(
        n_fft=WINDOW_LENGTH, log=_natural
    ),
    "your window spans all 1024 points; it has 400 (25 ms), in their middle": _variant(
        window=N_FFT, log=_natural
    ),
    "your window stands at the beginning of the 1024 points, 312 samples too early: put it in their "
    "middle": lambda waveform: LogMel()(torch.nn.functional.pad(waveform, (312, 0)))[
        : len(waveform) // HOP_LENGTH
    ],
    "`log1p` adds 1, which drowns all quiet sounds; add 1e-6": _variant(log=torch.log1p),
}

log_mel = CodeExercise(
    key="01.log_mel",
    goal="The whole way, equal to torchaudio's: waveform → frames → window → FFT → power → mel → logarithm.",
    difficulty=4,
    minutes=20,
    judge=_judge_log_mel,
    answer=solutions.log_mel,
    hints=(
        "Six lines, one for each arrow. Pad with 512 zeros at both ends, then `unfold(0, 1024, 160)` "
        "cuts the frames.",
        "The Hann window has 400 points and stands in the middle of the 1024: pad it with 312 zeros "
        "at both ends. `torch.fft.rfft` has 513 bins; power is `.abs() ** 2`.",
        "Power (frames, 513) @ filters (513, 128) gives (frames, 128). Then `torch.log(… + 1e-6)`, "
        "and leave out the frame beyond `len(waveform) // 160`.",
    ),
    praise="That is `LogMel`, as torchaudio computes it, from its parts; every training in this course "
    "begins with it.",
)


def _judge_normalise_padded(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(2)
    for lengths, channels in (([4, 4], 3), ([7, 3], 5), ([12, 1, 6], 128), ([9, 0, 4], 4)):
        frames, rows = max(lengths), len(lengths)
        clean = torch.randn(rows, frames, channels, generator=generator) * 3 + 5
        length = torch.tensor(lengths)
        mask = (torch.arange(frames) < length[:, None])[..., None]
        wanted = _normalised(clean, mask)
        for padding in (0.0, -13.8, 1e4):
            x = torch.where(mask, clean, padding)
            _recognise_leak(attempt, x, length, mask, wanted)
            expect_close(
                attempt,
                (x, length),
                wanted,
                f"(Lengths {lengths}, padded with {padding:g}.)",
                "B T C",
                tolerance=1e-3,
            )
    constant = torch.full((2, 5, 3), 4.0)
    expect_close(
        attempt,
        (constant, torch.tensor([5, 2])),
        torch.zeros(2, 5, 3),
        "(A channel that never changes: 1e-5 keeps 0 / 0 away.)",
    )


def _normalised(x: Tensor, mask: Tensor) -> Tensor:
    valid = x[mask.squeeze(-1)].double()  # (valid frames, C)
    mean, variance = valid.mean(dim=0), valid.var(dim=0, unbiased=False)
    return torch.where(mask, (x.double() - mean) / (variance + 1e-5).sqrt(), 0.0)


def _recognise_leak(attempt: Attempt, x: Tensor, lengths: Tensor, mask: Tensor, wanted: Tensor) -> None:
    got = attempt(x, lengths)
    if not torch.is_tensor(got) or got.shape != wanted.shape or bool(mask.all()):
        return
    got = got.double()
    inside = torch.where(mask, got, 0.0)
    if torch.allclose(inside, wanted, rtol=1e-3, atol=1e-3) and not torch.allclose(
        got, wanted, rtol=1e-3, atol=1e-3
    ):
        raise NotYet("the real frames are right, but the padding is not zero afterwards: mask the result too")
    everything = torch.ones_like(mask)
    blanked = torch.where(mask, x, 0.0)
    for leaky in (_normalised(x, everything), _normalised(blanked, everything)):
        if torch.allclose(inside, torch.where(mask, leaky, 0.0), rtol=1e-3, atol=1e-3):
            raise NotYet(
                f"your mean and variance count all {mask.numel()} frames of the batch, and "
                f"{int((~mask).sum())} of them are padding: divide by the number of real frames, and "
                "let only them into the sums"
            )
    if not bool(got.isfinite().all()):
        raise NotYet(
            "some values are not finite: padding may be anything; a clip may even have no frames at all"
        )


def _instead_of_batch_norm(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """The learner's normalisation in every batch norm; the library goes on keeping running statistics."""
    library = MaskedBatchNorm.forward

    def forward(self: MaskedBatchNorm, x: Tensor, mask: Tensor) -> Tensor:
        if not self.training:
            return library(self, x, mask)
        with torch.no_grad():
            library(self, x, mask)  # for the running mean and variance, which evaluation uses
        places = math.prod(
            x.shape[2:-1]
        )  # over frequency too: (B, T, F, C) has F normalised values a frame and channel
        normalised = function(x.flatten(1, -2), mask.sum(dim=1) * places).view_as(x)
        return (normalised * self.weight + self.bias) * mask.view(*mask.shape, *[1] * (x.ndim - 2))

    return forward


normalise_padded = CodeExercise(
    key="01.normalise_padded",
    goal="Normalise each channel of a padded batch to mean 0 and variance 1, as if the padding were not "
    "there.",
    difficulty=3,
    minutes=12,
    judge=_judge_normalise_padded,
    answer=solutions.normalise_padded,
    hints=(
        "A mask that is true on real frames: `torch.arange(T) < lengths[:, None]`, with an axis more "
        "for the channels.",
        "Mean: the sum of `x * mask` over batch and time, divided by `lengths.sum()`. Padding is "
        "multiplied away.",
        "Variance: the same with `(x - mean) ** 2`. Multiply the result by the mask again, so that "
        "padding is 0.",
    ),
    praise="Now the same clip is normalised alike in every batch. The encoder's batch norms do exactly this "
    "(`MaskedBatchNorm`).",
    plug_in=PlugIn(places=("omni_lib.encoder:MaskedBatchNorm.forward",), adapt=_instead_of_batch_norm),
)


EXERCISES = (
    frame_count,
    bin_spacing,
    hertz_to_mel,
    empty_filters,
    smallest_fft,
    zero_padding,
    log_floor,
    log_mel,
    normalise_padded,
    faster_frames,
    mask_fill,
)
