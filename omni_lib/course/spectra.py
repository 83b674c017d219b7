"""From a waveform to its log-mel with adjustable settings, and back to an approximate waveform.

With the default settings the log-mel equals that of `omni_lib.audio.LogMel`, whose settings are fixed because
the encoder was trained with them.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
import torchaudio
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, LOG_FLOOR, N_FFT, N_MELS, SAMPLE_RATE, WINDOW_LENGTH
from omni_lib.errors import UserError

ITERATIONS = 32  # of Griffin-Lim; more make no audible difference


@dataclass(frozen=True)
class Settings:
    """The settings of a log-mel; lengths in samples of 16 kHz."""

    window: int = WINDOW_LENGTH
    hop: int = HOP_LENGTH
    n_fft: int = N_FFT  # points, at least `window`
    n_mels: int = N_MELS

    @property
    def bins(self) -> int:
        """The number of frequencies of the spectrum, from 0 to 8 kHz."""
        return self.n_fft // 2 + 1

    @property
    def bin_hertz(self) -> float:
        """The distance between two neighbouring bins in Hz."""
        return SAMPLE_RATE / self.n_fft


def power_spectrogram(waveform: Tensor, settings: Settings) -> Tensor:
    """waveform (samples,) → power (frames, bins). Frame t is centred on sample `hop` · t."""
    transform = torchaudio.transforms.Spectrogram(
        n_fft=settings.n_fft,
        win_length=settings.window,
        hop_length=settings.hop,
        power=2.0,
        center=True,
        pad_mode="constant",
    )
    power: Tensor = transform(waveform)  # (bins, frames + 1)
    return power[:, : len(waveform) // settings.hop].T


def mel_filters(settings: Settings) -> Tensor:
    """The triangular weights with which each filter sums bins: (bins, n_mels)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about empty filters, which `empty_filters` counts
        weights: Tensor = torchaudio.functional.melscale_fbanks(
            settings.bins, 0.0, SAMPLE_RATE / 2, settings.n_mels, SAMPLE_RATE
        )
        return weights


def empty_filters(filters: Tensor) -> int:
    """How many filters contain no bin, so that their output is always zero."""
    return int((filters.amax(dim=0) == 0).sum())


def log_mel(power: Tensor, filters: Tensor) -> Tensor:
    """power (frames, bins) → log-mel (frames, n_mels), natural logarithm."""
    return torch.log(power @ filters + LOG_FLOOR)


def sound_of(mel: Tensor, settings: Settings, samples: int) -> Tensor:
    """A waveform whose log-mel is close to `mel`: it lets one hear what the log-mel keeps of a sound.

    Two things must be estimated. The filters have summed neighbouring bins: the pseudo-inverse distributes
    each sum over its bins. And the phase is missing: Griffin & Lim 1984, "Signal estimation from modified
    short-time Fourier transform", find a consistent one, here with the momentum of Perraudin et al. 2013.

    Args:
        mel: (samples // hop, n_mels).
        samples: length of the waveform.

    Returns:
        The waveform, (samples,).

    Raises:
        UserError: windows overlap by less than half, or the sound is not longer than half the FFT.
    """
    if samples <= settings.n_fft // 2:
        raise UserError(
            f"{milliseconds(samples)} ms of sound are too short for an FFT of {settings.n_fft} points: "
            "take a longer part, or a smaller FFT"
        )
    if settings.hop > settings.window // 2:
        window, hop = milliseconds(settings.window), milliseconds(settings.hop)
        raise UserError(
            f"windows of {window} ms every {hop} ms overlap by less than half, "
            "which is too little to make a sound from: choose a shorter hop or a longer window"
        )
    mel = torch.cat([mel, mel[-1:]])  # the transform has one more frame, centred on the end of the sound
    power = (mel.exp() - LOG_FLOOR).clamp_min(0.0)  # (frames + 1, n_mels)
    bins_of_mels = torch.linalg.pinv(mel_filters(settings))  # (n_mels, bins); 0 for an empty filter
    spectrum = (power @ bins_of_mels).clamp_min(0.0)  # (frames + 1, bins)
    back = torchaudio.transforms.GriffinLim(
        n_fft=settings.n_fft,
        n_iter=ITERATIONS,
        win_length=settings.window,
        hop_length=settings.hop,
        power=2.0,
        momentum=0.99,
        length=samples,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # of the initial phases, so that the result is the same every time
        waveform: Tensor = back(spectrum.T.contiguous())
    return waveform


def milliseconds(samples: int) -> float:
    """Samples of 16 kHz in ms, rounded to two digits: 400 → 25.0."""
    return round(1000 * samples / SAMPLE_RATE, 2)
