"""The way from a waveform to its log-mel with every setting open, and the way back, as far as there is one.

With the default settings `log_mel` is `omni_lib.audio.LogMel`; there they are fixed, because the encoder was trained with them.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
import torchaudio
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, LOG_FLOOR, N_FFT, N_MELS, SAMPLE_RATE, WINDOW_LENGTH
from omni_lib.errors import UserError

ITERATIONS = 32  # of Griffin-Lim; more change little that one hears


@dataclass(frozen=True)
class Settings:
    """How a log-mel is made; lengths in samples of 16 kHz."""

    window: int = WINDOW_LENGTH
    hop: int = HOP_LENGTH
    n_fft: int = N_FFT  # points, at least `window`
    n_mels: int = N_MELS

    @property
    def bins(self) -> int:
        """Frequencies of the spectrum, from 0 to 8 kHz."""
        return self.n_fft // 2 + 1

    @property
    def bin_hertz(self) -> float:
        """Distance between two of them."""
        return SAMPLE_RATE / self.n_fft


def power_spectrogram(waveform: Tensor, settings: Settings) -> Tensor:
    """waveform (samples,) → power (frames, bins), one frame each `hop` samples, frame t centred on sample hop · t."""
    transform = torchaudio.transforms.Spectrogram(
        n_fft=settings.n_fft,
        win_length=settings.window,
        hop_length=settings.hop,
        power=2.0,
        center=True,
        pad_mode="constant",
    )
    return transform(waveform)[:, : len(waveform) // settings.hop].T


def mel_filters(settings: Settings) -> Tensor:
    """The triangles that sum bins to filters: (bins, n_mels)."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # torchaudio's word about empty filters; `empty_filters` counts them
        return torchaudio.functional.melscale_fbanks(
            settings.bins, 0.0, SAMPLE_RATE / 2, settings.n_mels, SAMPLE_RATE
        )


def empty_filters(filters: Tensor) -> int:
    """How many filters contain no bin at all, and so can never see anything."""
    return int((filters.amax(dim=0) == 0).sum())


def log_mel(power: Tensor, filters: Tensor) -> Tensor:
    """power (frames, bins) → log-mel (frames, n_mels), natural logarithm."""
    return torch.log(power @ filters + LOG_FLOOR)


def sound_of(mel: Tensor, settings: Settings, samples: int) -> Tensor:
    """A waveform (samples,) whose log-mel is nearly `mel` (samples // hop frames, n_mels): what the encoder is left with, made audible.

    Two things are lost on the way. The filters sum neighbouring bins: the least-squares solution spreads them evenly again. And
    the power has no phase: Griffin & Lim 1984, "Signal estimation from modified short-time Fourier transform", find one that
    fits, here with the momentum of Perraudin et al. 2013.

    Raises:
        UserError: the windows overlap too little, or the sound is shorter than half a Fourier transform.
    """
    if samples <= settings.n_fft // 2:
        raise UserError(
            f"{milliseconds(samples)} ms of sound are too short for an FFT of {settings.n_fft} points: take a longer part, or a smaller FFT"
        )
    if settings.hop > settings.window // 2:
        raise UserError(
            f"windows of {milliseconds(settings.window)} ms every {milliseconds(settings.hop)} ms overlap by less than a half: "
            "there is no way back to a sound. Choose a shorter hop or a longer window"
        )
    mel = torch.cat(
        [mel, mel[-1:]]
    )  # the centred transform has a last frame, on the very end, that `log_mel` leaves out
    power = (mel.exp() - LOG_FLOOR).clamp_min(0.0)  # (frames + 1, n_mels)
    spectrum = (power @ torch.linalg.pinv(mel_filters(settings))).clamp_min(
        0.0
    )  # (frames + 1, bins); an empty filter adds nothing
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
        torch.manual_seed(0)  # the phases to begin with: the same sound every time
        return back(spectrum.T.contiguous())


def milliseconds(samples: int) -> float:
    """Samples of 16 kHz in ms, as short as they can be written: 400 → 25.0."""
    return round(1000 * samples / SAMPLE_RATE, 2)
