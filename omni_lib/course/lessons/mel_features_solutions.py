"""Lesson 01: one way to write each exercise."""

from __future__ import annotations

import math

import torch
import torchaudio
from torch import Tensor


def frame_count(samples: int, window: int, hop: int, centred: bool) -> int:
    if centred:  # silence is added at both ends, and frame t is centred on sample t · hop
        return 1 + samples // hop
    return max(0, 1 + (samples - window) // hop)


def hertz_to_mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


def empty_filters(n_fft: int, n_mels: int) -> list[int]:
    filters = torchaudio.functional.melscale_fbanks(
        n_fft // 2 + 1, 0.0, 8000.0, n_mels, 16_000
    )  # (bins, filters)
    return (filters.sum(dim=0) == 0).nonzero().flatten().tolist()


def log_mel(waveform: Tensor) -> Tensor:
    padded = torch.nn.functional.pad(waveform, (512, 512))  # half a transform of silence at each end
    frames = padded.unfold(0, 1024, 160)  # (frames + 1, 1024)
    window = torch.nn.functional.pad(
        torch.hann_window(400), (312, 312)
    )  # 25 ms in the middle of the 1024 points
    power = torch.fft.rfft(frames * window).abs() ** 2  # (frames + 1, 513)
    filters = torchaudio.functional.melscale_fbanks(513, 0.0, 8000.0, 128, 16_000)  # (513, 128)
    return torch.log(power @ filters + 1e-6)[: len(waveform) // 160]


def normalise_padded(x: Tensor, lengths: Tensor) -> Tensor:
    mask = (torch.arange(x.shape[1]) < lengths[:, None])[..., None]  # (B, T, 1)
    count = lengths.sum()
    mean = (x * mask).sum(dim=(0, 1)) / count  # (C,)
    variance = ((x - mean) ** 2 * mask).sum(dim=(0, 1)) / count
    return (x - mean) / torch.sqrt(variance + 1e-5) * mask
