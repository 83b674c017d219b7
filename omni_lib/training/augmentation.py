"""Augmentation of log-mels: each epoch gets a different version of each recording, with the same text.

Speed perturbation changes the waveform (`audio.change_speed`) and is computed once for each speed. The
functions here change log-mels, cheaply enough to be drawn again for every utterance in every epoch. Each
takes a log-mel (frames, 128) and returns a new one.
"""

from __future__ import annotations

import functools
import math
import random

import torch
import torch.nn.functional as F
from torch import Tensor

from omni_lib.audio import LOG_FLOOR, N_MELS, SAMPLE_RATE, LogMel

FREQUENCY_MASKS, FREQUENCY_WIDTH = 1, 27  # number of masks, and the most of the 128 filters that one covers
NOISE_BELOW = (5.0, 30.0)  # decibels by which a noise is softer than the clip
# slope of the noise, in nats of power per filter: from brown noise to white, as filters become wider
NOISE_TILT = (-0.06, 0.02)
QUIETER = 12.0  # nats (52 dB): a pause may be this much softer than the quietest frames of its recording
TIME_MASKS_PER_SECOND, TIME_WIDTH = 1.0, 12  # number of masks, and the most frames that one covers


def stretched(frames: int, factor: float) -> int:
    """The length of `frames` frames after `stretch_time`."""
    return max(1, round(frames * factor)) if frames else 0


def stretch_time(mel: Tensor, factor: float) -> Tensor:
    """Slower speech (`factor` > 1) or faster at the same pitch: (frames, 128) → (`stretched` frames, 128)."""
    frames = stretched(len(mel), factor)
    if len(mel) in (0, frames):
        return mel
    return F.interpolate(mel.T[None], size=frames, mode="linear")[0].T


def warp_frequency(mel: Tensor, factor: float) -> Tensor:
    """A vocal tract of another length (Jaitly & Hinton 2013, "Vocal tract length perturbation").

    Filter i gets the value of filter i · `factor`: above 1 the formants move down, as in a longer vocal
    tract. Positions beyond the last filter get the value of the last.
    """
    places = (torch.arange(N_MELS) * factor).clamp(max=N_MELS - 1)
    low = places.long().clamp(max=N_MELS - 2)
    share = places - low
    matrix = torch.zeros(N_MELS, N_MELS)  # (from, to): one product is faster than two gathers
    filters = torch.arange(N_MELS)
    matrix[low, filters] = 1 - share
    matrix[low + 1, filters] += share
    return mel @ matrix


def colour(mel: Tensor, rng: random.Random, deviation: float) -> Tensor:
    """Another microphone: one gain for all frequencies, and a curve of gains, linear between six of them.

    Args:
        deviation: standard deviation of each gain, in nats of power (1 nat is 4.3 dB). No value falls below
            the floor of `LogMel`.
    """
    curve = _smooth_curve(rng, deviation) + rng.gauss(0, deviation)
    return (mel + curve).clamp_min(math.log(LOG_FLOOR))


def _smooth_curve(rng: random.Random, deviation: float) -> Tensor:
    """(128,) Gaussian values at six filters from the first to the last, linear between them."""
    values = torch.tensor([rng.gauss(0, deviation) for _ in range(6)])
    return F.interpolate(values[None, None], size=N_MELS, mode="linear", align_corners=True)[0, 0]


def add_noise(mel: Tensor, rng: random.Random) -> Tensor:
    """Add a steady noise of a random colour, `NOISE_BELOW` decibels softer than the clip: (frames, 128).

    The powers are added, because independent sounds are uncorrelated. In each filter the noise fluctuates as
    white noise does.
    """
    if not len(mel):
        return mel
    white = _white_noise()
    start = rng.randrange(len(white))
    noise = white[(torch.arange(len(mel)) + start) % len(white)]
    shape = rng.uniform(*NOISE_TILT) * torch.arange(N_MELS) + _smooth_curve(rng, 0.7)
    below = rng.uniform(*NOISE_BELOW) * math.log(10) / 10
    level = mel.logsumexp(dim=(0, 1)) - math.log(len(mel)) - shape.logsumexp(dim=0) - below
    noisy: Tensor = torch.logaddexp(mel, noise + shape + level)
    return noisy


@functools.cache
def _white_noise(seconds: int = 20) -> Tensor:
    """(frames, 128) log-mel of white noise, scaled so that the mean power in every filter is 1."""
    samples = torch.randn(SAMPLE_RATE * seconds, generator=torch.Generator().manual_seed(0))
    mel: Tensor = LogMel()(samples)[2:-2]  # without the padding at both ends
    return mel - mel.logsumexp(dim=0) + math.log(len(mel))


def quiet(mel: Tensor, frames: int, rng: random.Random) -> Tensor:
    """A pause as the same microphone would record it: (frames, 128).

    It consists of frames from the quietest tenth of the recording in random order, at their own level or
    softer, down to digital silence.
    """
    if not len(mel):
        return mel.new_full((frames, N_MELS), math.log(LOG_FLOOR))
    quietest = mel[mel.mean(dim=1).argsort()[: max(1, len(mel) // 10)]]
    order = torch.tensor([rng.randrange(len(quietest)) for _ in range(frames)], dtype=torch.long)
    softer = rng.uniform(0, QUIETER) if rng.random() < 0.5 else 0.0
    return (quietest[order] - softer).clamp_min(math.log(LOG_FLOOR))


def spec_augment(mel: Tensor, rng: random.Random, fill: Tensor) -> Tensor:
    """Mask bands of frequency and stretches of time (Park et al. 2019, "SpecAugment").

    The number of time masks is proportional to the length, so that a short clip is not masked completely.

    Args:
        fill: (128,) the value of masked places: the feature mean, which normalisation turns into zero.
    """
    mel = mel.clone()
    frames = len(mel)
    for _ in range(FREQUENCY_MASKS):
        width = rng.randint(0, FREQUENCY_WIDTH)
        low = rng.randint(0, N_MELS - width)
        mel[:, low : low + width] = fill[low : low + width]
    for _ in range(round(frames / 100 * TIME_MASKS_PER_SECOND)):
        width = rng.randint(0, min(TIME_WIDTH, frames // 5))
        first = rng.randint(0, frames - width)
        mel[first : first + width] = fill
    return mel
