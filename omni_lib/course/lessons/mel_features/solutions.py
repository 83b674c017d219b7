"""Lesson 01: one way to write each exercise. The docstrings are also those of the blanks in the notebook."""

from __future__ import annotations

import math

import torch
import torchaudio
from torch import Tensor


def frame_count(samples: int, window: int, hop: int, centred: bool) -> int:
    """The number of frames of a clip of `samples` samples.

    Not centred: only windows that fit into the clip as a whole count. A clip that is shorter than a window
    has none. Centred: one frame on sample 0, one on sample `hop`, and so on; a frame on sample `samples`
    counts, too.

    Compared exactly, as a whole number.
    """
    if centred:  # zeros are added at both ends, and frame t is centred on sample t · hop
        return 1 + samples // hop
    return max(0, 1 + (samples - window) // hop)


def hertz_to_mel(hertz: float) -> float:
    """The mel value of a frequency, on the mel scale of HTK: 2595 · log10(1 + hertz / 700).

    Compared with a relative tolerance of 1e-5.
    """
    return 2595 * math.log10(1 + hertz / 700)


def empty_filters(n_fft: int, n_mels: int) -> list[int]:
    """The numbers, from 0, of the mel filters that contain no bin of a transform of `n_fft` points.

    The sample rate is 16 kHz, and the filters span 0 to 8000 Hz on HTK's mel scale. A bin
    on the edge of a triangle has the weight 0 there, and does not count.

    Compared exactly, in ascending order; a list, a tuple, or a tensor with one axis.
    """
    filters = torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, 0.0, 8000.0, n_mels, 16_000)
    empty: list[int] = (filters.sum(dim=0) == 0).nonzero().flatten().tolist()  # filters are the columns
    return empty


def log_mel(waveform: Tensor) -> Tensor:
    """waveform (samples,) at 16 kHz, in float32 → log-mel (samples // 160, 128).

    - Frames of 1024 samples, centred on the samples 0, 160, 320, … Zeros lie beyond the clip's ends
      (`pad_mode="constant"`), not its mirror image (torch's default, "reflect").
    - Window: a periodic Hann window of 400 (`torch.hann_window(400)`; `np.hanning` is symmetric), in the
      middle of the 1024.
    - Power: the squared absolute value of the Fourier transform.
    - Mel: the power is added up in 128 filters from 0 to 8000 Hz, triangles of height 1 on HTK's scale
      (torchaudio's default).
    - Logarithm: ln(power in a filter + 1e-6).

    Compared to four digits (a pure tone to three); float32 and float64 will do.
    """
    padded = torch.nn.functional.pad(waveform, (512, 512))  # half a transform of silence at each end
    frames = padded.unfold(0, 1024, 160)  # (frames + 1, 1024)
    window = torch.nn.functional.pad(torch.hann_window(400), (312, 312))  # in the middle of the 1024 points
    power = torch.fft.rfft(frames * window).abs() ** 2  # (frames + 1, 513)
    filters = torchaudio.functional.melscale_fbanks(513, 0.0, 8000.0, 128, 16_000)  # (513, 128)
    log_power: Tensor = torch.log(power @ filters + 1e-6)
    return log_power[: len(waveform) // 160]


def normalise_padded(x: Tensor, lengths: Tensor) -> Tensor:
    """Padded x (B, T, C), with `lengths` (B,) real frames in each row → the same shape, normalised.

    Each channel: minus its mean over all real frames of the batch, divided by sqrt(variance + 1e-5). The
    variance is the biased one: the sum of the squared deviations, divided by their number and not by one
    less (`unbiased=False` in torch's `var`).

    Compared everywhere, to three digits: the padding may hold any finite number before, and must be 0
    afterwards. `x` is float32; float32 and float64 will do. A clip may have no real frames at all.
    """
    mask = (torch.arange(x.shape[1]) < lengths[:, None])[..., None]  # (B, T, 1)
    count = lengths.sum()
    mean = (x * mask).sum(dim=(0, 1)) / count  # (C,)
    variance = ((x - mean) ** 2 * mask).sum(dim=(0, 1)) / count
    return (x - mean) / torch.sqrt(variance + 1e-5) * mask
