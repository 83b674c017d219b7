"""Lesson 01, from a waveform to normalised log-mels: its exercises and questions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, LogMel
from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.exercises.plug_in import PlugIn
from omni_lib.course.lessons.mel_features import judges, log_mel_judge, padded_judge, solutions
from omni_lib.course.lessons.mel_features.questions import (
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


frame_count = CodeExercise(
    key="01.frame_count",
    goal="The number of frames of a clip: with windows that must fit into the clip as a whole, "
    "and with centred windows.",
    difficulty=2,
    minutes=6,
    judge=judges.frame_count,
    answer=solutions.frame_count,
    hints=(
        "Write down where the windows begin for 16,000 samples: 0, 160, 320, … Which is the last one "
        "that still ends within the clip?",
        "Not centred: the last window begins at `samples - window` at the latest. `//` counts the "
        "whole hops up to there; add one for the first window.",
        "Centred: frame t is centred on sample `t * hop`, so count the multiples of `hop` from 0 "
        "to `samples`. Not centred: `1 + (samples - window) // hop`, but never less than 0.",
    ),
    praise="Both ways of counting are in use. `LogMel` centres its windows and drops the last "
    "frame, so that a second has 100 frames.",
)


hertz_to_mel = CodeExercise(
    key="01.hertz_to_mel",
    goal="From hertz to mel, by the formula of O'Shaughnessy and HTK: 2595 · log10(1 + f / 700).",
    difficulty=1,
    minutes=3,
    extra=True,
    judge=judges.hertz_to_mel,
    answer=solutions.hertz_to_mel,
    hints=(
        "0 Hz must give 0 mel, 1000 Hz very nearly 1000 mel: try yours on both.",
        "The decimal logarithm is `math.log10`.",
        "Only the frequency is divided by 700. The 1 is added before the logarithm is taken, and 2595 "
        "multiplies the result.",
    ),
    praise="The first kilohertz spans 1000 mel, and the seven above it together span 1840. With equal "
    "steps in mel, this eighth of the frequencies gets more than a third of the filters.",
)


empty_filters = CodeExercise(
    key="01.empty_filters",
    goal="Find the mel filters that contain no bin of the Fourier transform: a list of their numbers, "
    "from 0.",
    difficulty=2,
    minutes=8,
    extra=True,
    judge=judges.empty_filters,
    answer=solutions.empty_filters,
    hints=(
        "`torchaudio.functional.melscale_fbanks(bins, 0.0, 8000.0, n_mels, 16_000)` returns the "
        "triangles as a matrix (bins, filters). An n-point transform has n // 2 + 1 bins.",
        "A filter is a column. One that contains no bin is zero in all rows.",
        "Compare `filters.sum(dim=0)` with 0. Of a tensor of true and false, `nonzero()` gives the places of "
        "the true ones, as a column, which `flatten()` turns into one axis.",
    ),
    praise="Four filters are empty at 400 points, one at 512, and none at 1024. torchaudio only "
    "prints a warning; in the picture, empty filters are black rows.",
)


def _instead_of_log_mel(function: Callable[[Tensor], Any]) -> Callable[..., Tensor]:
    """The learner's log-mel of a whole clip; the library's of a batch, and of a clip without a frame."""
    library = LogMel.forward

    def forward(self: LogMel, waveform: Tensor) -> Tensor:
        if waveform.ndim != 1 or len(waveform) < HOP_LENGTH:
            return library(self, waveform)
        return torch.as_tensor(function(waveform), dtype=waveform.dtype)

    return forward


log_mel = CodeExercise(
    key="01.log_mel",
    goal="The complete computation, equal to torchaudio's: waveform → frames → window → FFT → "
    "power → mel → logarithm.",
    difficulty=4,
    minutes=20,
    judge=log_mel_judge.log_mel,
    answer=solutions.log_mel,
    hints=(
        "One step for each arrow. Pad with 512 zeros at both ends, then `unfold(0, 1024, 160)` "
        "cuts the frames.",
        "The Hann window has 400 points and stands in the middle of the 1024: pad it with 312 zeros "
        "at both ends. `torch.fft.rfft` has 513 bins; power is `.abs() ** 2`.",
        "Power (frames, 513) @ filters (513, 128) gives (frames, 128). Then `torch.log(… + 1e-6)`, "
        "and leave out the frame beyond `len(waveform) // 160`.",
    ),
    praise="You have built `LogMel` from its parts, equal to torchaudio's. Every training in "
    "this course begins with it.",
    plug_in=PlugIn(places=("omni_lib.audio:LogMel.forward",), adapt=_instead_of_log_mel),
)


def _instead_of_batch_norm(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """The learner's normalisation in every batch norm; the library goes on keeping running statistics."""
    library = MaskedBatchNorm.forward

    def forward(self: MaskedBatchNorm, x: Tensor, mask: Tensor) -> Tensor:
        if not self.training:
            return library(self, x, mask)
        with torch.no_grad():
            library(self, x, mask)  # for the running mean and variance, which evaluation uses
        places = math.prod(x.shape[2:-1])  # (B, T, F, C) has F values to normalise in a frame and channel
        flat = torch.as_tensor(function(x.flatten(1, -2), mask.sum(dim=1) * places))
        normalised = flat.to(x.dtype).view_as(x)
        return (normalised * self.weight + self.bias) * mask.view(*mask.shape, *[1] * (x.ndim - 2))

    return forward


normalise_padded = CodeExercise(
    key="01.normalise_padded",
    goal="Normalise each channel of a padded batch to mean 0 and variance 1, as if the padding were not "
    "there.",
    difficulty=3,
    minutes=12,
    judge=padded_judge.normalise_padded,
    answer=solutions.normalise_padded,
    hints=(
        "A mask that is true on real frames: `torch.arange(T) < lengths[:, None]`, with one more "
        "axis for the channels.",
        "Mean: the sum of `x * mask` over batch and time, divided by `lengths.sum()`. The mask "
        "sets the padding to zero.",
        "Variance: the same with `(x - mean) ** 2`. Multiply the result by the mask again, so that "
        "padding is 0.",
    ),
    praise="Now the amount of padding has no influence. The encoder's batch norms do exactly "
    "this (`MaskedBatchNorm`).",
    plug_in=PlugIn(places=("omni_lib.encoder:MaskedBatchNorm.forward",), adapt=_instead_of_batch_norm),
)


EXERCISES = (
    frame_count,
    bin_spacing,
    zero_padding,
    smallest_fft,
    hertz_to_mel,
    empty_filters,
    log_floor,
    log_mel,
    normalise_padded,
    faster_frames,
    mask_fill,
)
