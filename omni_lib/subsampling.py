"""From log-mels to frames of 80 ms: convolutions, batch norms that ignore the padding, and the pool.

    Subsampler     10 ms frames → 40 ms     convolutions over time and frequency
    PairPool       40 ms frames → 80 ms     two neighbouring frames become one

`encoder.py` puts its blocks between or behind them. The number of frames after each is known without
computing it: `embedding_lengths`.
"""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from omni_lib.audio import N_MELS
from omni_lib.machine.distributed import sum_over_ranks, world_size

Length = TypeVar("Length", int, Tensor)  # a number of frames, or the numbers of all rows (B,)

HIDDEN_TIME = 4  # 10 ms frames per frame of the subsampler's output and of the blocks before the pool


def valid_frames(lengths: Tensor, frames: int) -> Tensor:
    """Mask (B, frames) that is true on the first `lengths` (B,) frames of each row."""
    return torch.arange(frames, device=lengths.device) < lengths[:, None]


class MaskedBatchNorm(nn.Module):
    """Batch normalisation (Ioffe & Szegedy 2015) of (B, T, …, C) whose statistics count valid frames only.

    torch.nn.BatchNorm1d would count the padding too: the more padding, the smaller the variance.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, …, C), mask (B, T) → the same shape, zero beyond the mask."""
        if not self.training:  # each frame by itself: no shape depends on the mask, as `torch.export` needs
            beyond = ~mask.view(*mask.shape, *[1] * (x.ndim - 2))
            return self._normalise(x).masked_fill(beyond, 0)
        frames = x.flatten(0, 1)  # (B · T, …, C)
        index = mask.flatten().nonzero().squeeze(1)
        if len(index) == len(frames):  # nothing is padded
            return self._normalise(frames).view_as(x)
        valid = self._normalise(frames.index_select(0, index))  # (valid frames, …, C)
        return torch.zeros_like(frames).index_copy(0, index, valid).view_as(x)

    def _normalise(self, frames: Tensor) -> Tensor:
        if self.training and world_size() > 1:
            return self._normalise_over_ranks(frames)
        if frames.numel() == 0:
            return frames
        return torch.batch_norm(
            frames.flatten(0, -2),
            self.weight,
            self.bias,
            self.running_mean,
            self.running_var,
            self.training and len(frames) > 1,  # one frame has no variance
            self.momentum,
            self.eps,
            torch.backends.cudnn.enabled,
        ).view_as(frames)

    def _normalise_over_ranks(self, frames: Tensor) -> Tensor:
        """`_normalise` by the statistics of all ranks' frames (torch.nn.SyncBatchNorm needs a GPU)."""
        rows = frames.flatten(0, -2).to(torch.promote_types(frames.dtype, torch.float32))
        sums = sum_over_ranks(torch.cat([rows.sum(dim=0), rows.new_tensor([len(rows)])]))
        count = sums[-1].clamp_min(1)
        mean = sums[:-1] / count
        deviations = rows - mean
        variance = sum_over_ranks(deviations.square().sum(dim=0)) / count
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1).clamp_min(1), self.momentum)
        normalised = deviations * (variance + self.eps).rsqrt() * self.weight + self.bias
        return normalised.to(frames.dtype).view_as(frames)


class Subsampler(nn.Module):
    """Normalised log-mels (B, T, 128) → (B, ceil(ceil(T / 2) / 2), d_model): from 10 ms to 40 ms frames.

    The log-mel is treated as an image, because a sound that is a little higher or later is still the same
    sound. Three convolutions over time and frequency halve one or both axes; a fourth has a residual
    connection. A batch norm follows each; without it, the loss stays high for longer when training begins.
    """

    STRIDES = ((2, 2), (1, 2), (2, 2))  # over time, over frequency: 128 filters become 16 bands

    def __init__(self, d_model: int, channels: int = 32) -> None:
        super().__init__()
        sizes = (1, channels, channels, 2 * channels)
        # No bias: the batch norm that follows would subtract it, and its gradient would be rounding noise.
        self.convs = nn.ModuleList(
            nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
            for channels_in, channels_out, stride in zip(sizes, sizes[1:], self.STRIDES, strict=False)
        )
        self.norms = nn.ModuleList(MaskedBatchNorm(after) for after in sizes[1:])
        self.residual = nn.Conv2d(sizes[-1], sizes[-1], 3, padding=1, bias=False)
        self.residual_norm = MaskedBatchNorm(sizes[-1])
        self.project = nn.Linear(sizes[-1] * N_MELS // 16, d_model)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, T, 128), lengths (B,) in 10 ms frames → (B, T / 4, d_model), lengths (B,) in 40 ms frames."""
        # zero beyond each length, even if the padding holds NaN, which a product would keep
        x = x.masked_fill(~valid_frames(lengths, x.shape[1])[..., None], 0)
        x = x[..., None]  # (B, T, 128, 1)
        for conv, norm, (time_stride, _) in zip(self.convs, self.norms, self.STRIDES, strict=True):
            # (B, T / 2, 64, C), then (B, T / 2, 32, C), then (B, T / 4, 16, 2 C)
            x = convolve_time_and_frequency(conv, x)
            lengths = halve_up(lengths) if time_stride == 2 else lengths
            x = F.relu(norm(x, valid_frames(lengths, x.shape[1])))  # zero beyond each length again
        mask = valid_frames(lengths, x.shape[1])
        x = x + F.relu(self.residual_norm(convolve_time_and_frequency(self.residual, x), mask))
        # average neighbouring bands, so that the projection has fewer parameters
        x = torch.unflatten(x, 2, (-1, 2)).mean(dim=3)  # (B, T / 4, 8, 2 C)
        return self.project(x.flatten(2)), lengths


def convolve_time_and_frequency(conv: nn.Module, x: Tensor) -> Tensor:
    """Apply a Conv2d to an image in channels-last layout: (B, T, F, C) → (B, T', F', C')."""
    y: Tensor = conv(x.permute(0, 3, 1, 2))  # (B, C', T', F')
    return y.permute(0, 2, 3, 1)


def halve_up(length: Length) -> Length:
    """Output frames of a convolution with stride 2, for an int or a tensor: ceil(length / 2)."""
    return (length + 1) // 2


def halve_down(length: Length) -> Length:
    """Output frames of pooling in pairs, for an int or a tensor: floor(length / 2)."""
    return length // 2


def embedding_lengths(frames: Length, downsample_time: int = 8) -> Length:
    """The number of embeddings of `frames` mel frames: `halve_up` twice, then `halve_down` if 8."""
    quarter = halve_up(halve_up(frames))
    return halve_down(quarter) if downsample_time == 8 else quarter


class PairPool(nn.Linear):
    """Pool pairs of frames by a learned linear map: (B, T, C) → (B, T // 2, C).

    It is initialised to their mean. A fixed mean would lose the order of the two frames, and so the order of
    two letters in them.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__(2 * d_model, d_model)
        with torch.no_grad():
            self.weight.copy_(torch.eye(d_model).repeat(1, 2) / 2)
            self.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, C) → (B, T // 2, C); if T is odd, the last frame is dropped."""
        pairs = torch.unflatten(x[:, : x.shape[1] // 2 * 2], 1, (-1, 2))  # (B, T // 2, 2, C)
        return super().forward(pairs.flatten(2))
