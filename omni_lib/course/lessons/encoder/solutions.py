"""Lesson 02: one way to write each exercise. The docstrings are also those of the blanks in the notebook.

`AudioEncoder` is built from the other classes here, and they from the functions. Only the parts that are not
taught come from the library: the masked batch norm, the feed-forward part, the pool.
"""

# The type of a layer in a module is known to torch only when it runs, and learners do not annotate it.
# mypy: disable-error-code="index,no-any-return,operator"

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from omni_lib.encoder import FeedForward, MaskedBatchNorm, PairPool, convolve_time_and_frequency


def output_lengths(frames: Tensor) -> Tensor:
    """frames (B,), the number of frames of each clip, 0 or more → (B,), the number of its embeddings.

    Compared exactly; a tensor, an array or a list of whole numbers.
    """
    half = (frames + 1) // 2  # a convolution of stride 2 rounds up
    quarter = (half + 1) // 2
    return quarter // 2  # a pair needs both of its frames


def padding_mask(lengths: Tensor, frames: int) -> Tensor:
    """lengths (B,), each from 0 to `frames` → (B, frames), true on the first `lengths` frames of each row.

    Compared exactly, as true and false: torch.bool, or an array or nested lists of bool.
    """
    return torch.arange(frames) < lengths[:, None]


class Subsampler(nn.Module):
    """Normalised log-mels (B, T, 128), lengths (B,) → (B, T', d_model), lengths (B,).

    T' is T halved twice, and rounded up each time. The steps:

    1. Set the padding of `x` to zero.
    2. For each pair of `convs` and `norms`: convolve, norm with the mask of the new lengths, ReLU.
    3. `residual` and `residual_norm` in the same way; their result is *added*.
    4. The mean of every two neighbouring bands; then the numbers of all bands in one axis, band after band.
    5. `project`.

    Compared with the library's to four digits, with its weights, on real frames, in eval and train mode.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(1, 32, 3, stride=(2, 2), padding=1, bias=False),
                nn.Conv2d(32, 32, 3, stride=(1, 2), padding=1, bias=False),
                nn.Conv2d(32, 64, 3, stride=(2, 2), padding=1, bias=False),
            ]
        )
        self.norms = nn.ModuleList([MaskedBatchNorm(32), MaskedBatchNorm(32), MaskedBatchNorm(64)])
        self.residual = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.residual_norm = MaskedBatchNorm(64)
        self.project = nn.Linear(512, d_model)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x = x * padding_mask(lengths, x.shape[1])[..., None]
        x = x[..., None]  # (B, T, 128, 1)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            # (B, T / 2, 64, 32), then (B, T / 2, 32, 32), then (B, T / 4, 16, 64)
            x = convolve_time_and_frequency(conv, x)
            if conv.stride[0] == 2:
                lengths = (lengths + 1) // 2
            x = F.relu(norm(x, padding_mask(lengths, x.shape[1])))
        mask = padding_mask(lengths, x.shape[1])
        x = x + F.relu(self.residual_norm(convolve_time_and_frequency(self.residual, x), mask))
        x = x.unflatten(2, (8, 2)).mean(dim=3)  # (B, T / 4, 8, 64)
        return self.project(x.flatten(2)), lengths  # (B, T / 4, d_model)


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """query, key, value (B, heads, T, D), mask (B, T) true on real frames → (B, heads, T, D).

    softmax(query · keyᵀ / √D) · value, in which the keys of the padding have no weight at all.

    A tensor that torch can compute gradients through. Compared to three digits, also with scores far above
    and far below zero, and with torch's gradients. Only real queries count: what stands in the padding's own
    rows does not matter.
    """
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])  # (B, heads, T, T)
    scores = scores.masked_fill(~mask[:, None, None, :], -math.inf)
    return scores.softmax(dim=-1) @ value


def rotate(x: Tensor) -> Tensor:
    """x (B, heads, T, D), D even → the same shape, with the channels of frame t rotated as in the formula.

    Channel i, for i < D/2, forms a pair with channel i + D/2. The frames are counted from 0.

    A tensor that torch can compute gradients through. Compared to four digits, in single precision, and with
    torch's gradients.
    """
    half = x.shape[-1] // 2
    channel = torch.arange(half, device=x.device)
    frame = torch.arange(x.shape[-2], device=x.device)
    angle = frame[:, None] * 10_000.0 ** (-channel / half)  # (T, D / 2)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], dim=-1)


class SelfAttention(nn.Module):
    """x (B, T, d_model), mask (B, T) → (B, T, d_model): `attention` of x to itself, with rotated positions.

    Only queries and keys are rotated. `split` gives each head its channels; join them again before `output`.

    Compared with the library's to four digits, with its weights, on real frames only.
    """

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query_value = nn.Linear(d_model, 2 * d_model)  # the queries, and then the values
        self.key = nn.Linear(d_model, d_model, bias=False)
        self.output = nn.Linear(d_model, d_model)

    def split(self, x: Tensor) -> Tensor:
        """x (B, T, d_model) → (B, heads, T, D)."""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        query, value = self.query_value(x).chunk(2, dim=-1)
        query, key, value = self.split(query), self.split(self.key(x)), self.split(value)
        attended = attention(rotate(query), rotate(key), value, mask)
        return self.output(attended.transpose(1, 2).flatten(2))


class ConvolutionModule(nn.Module):
    """x (B, T, d_model), mask (B, T) → (B, T, d_model): gate, `depthwise`, `norm`, SiLU, `output`.

    The first half of what `expand` gives is the values; a sigmoid turns the second half into their gates. The
    padding is zero before `depthwise`, and `norm` gets the mask, too. `depthwise` has one kernel for each
    channel, and no bias. `kernel_size` is odd, and the kernel is centred, so that the number of frames stays
    the same.

    Compared with the library's to four digits, with its weights, on real frames only, in evaluation and in
    training mode, running statistics included.
    """

    def __init__(self, d_model: int, kernel_size: int) -> None:
        super().__init__()
        self.expand = nn.Linear(d_model, 2 * d_model)
        self.depthwise = nn.Conv1d(
            d_model, d_model, kernel_size, padding=kernel_size // 2, groups=d_model, bias=False
        )
        self.norm = MaskedBatchNorm(d_model)
        self.output = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        values, gates = self.expand(x).chunk(2, dim=-1)
        x = values * gates.sigmoid() * mask[..., None]
        x = self.depthwise(x.transpose(1, 2)).transpose(1, 2)  # its frames are the last axis
        return self.output(F.silu(self.norm(x, mask)))


class Block(nn.Module):
    """x (B, T, d_model), mask (B, T) → the same shape.

    The parts are called `attention`, `convolution` (kernel size 15) and `feed_forward` (dropout 0.0), and the
    layer norms in front of them `attention_norm`, `convolution_norm` and `feed_forward_norm`.

    Compared with the library's to four digits, with its weights, on real frames, in eval and train mode.
    """

    def __init__(self, d_model: int, n_heads: int, d_ff: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(d_model)
        self.attention = SelfAttention(d_model, n_heads)
        self.convolution_norm = nn.LayerNorm(d_model)
        self.convolution = ConvolutionModule(d_model, 15)
        self.feed_forward_norm = nn.LayerNorm(d_model)
        self.feed_forward = FeedForward(d_model, d_ff, 0.0)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x), mask)
        x = x + self.convolution(self.convolution_norm(x), mask)
        return x + self.feed_forward(self.feed_forward_norm(x))


class AudioEncoder(nn.Module):
    """Raw log-mels (B, T, 128), lengths (B,) → embeddings (B, T', d_model), lengths (B,).

    Normalise by `feature_mean` and `feature_deviation`, subsample, the blocks before the pool, the pool, the
    other blocks, the layer norm. The padding's embeddings are zero.

    Compared with the library's to 1e-5 of the largest value, padding included: a small encoder with random
    weights, and the pretrained one on two clips.
    """

    def __init__(self, d_model: int, n_layers: int, n_heads: int, d_ff: int, blocks_before_pool: int) -> None:
        super().__init__()
        self.blocks_before_pool = blocks_before_pool
        self.register_buffer("feature_mean", torch.zeros(128))
        self.register_buffer("feature_deviation", torch.ones(128))
        self.subsampler = Subsampler(d_model)
        self.blocks = nn.ModuleList([Block(d_model, n_heads, d_ff) for _ in range(n_layers)])
        self.pool = PairPool(d_model)
        self.norm = nn.LayerNorm(d_model)

    def forward(self, mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x = (mel - self.feature_mean) / self.feature_deviation
        x, lengths = self.subsampler(x, lengths)  # (B, T / 4, d_model)
        for block in self.blocks[: self.blocks_before_pool]:
            x = block(x, padding_mask(lengths, x.shape[1]))
        x, lengths = self.pool(x), lengths // 2  # (B, T / 8, d_model)
        for block in self.blocks[self.blocks_before_pool :]:
            x = block(x, padding_mask(lengths, x.shape[1]))
        return self.norm(x) * padding_mask(lengths, x.shape[1])[..., None], lengths


def count_parameters(d_model: int, d_ff: int, kernel_size: int) -> int:
    """The number of parameters of one `EncoderBlock`, from its sizes alone.

    Three layer norms. Attention: query, value and output with a bias, the key without. Convolution module:
    Linear from d_model to 2 d_model, a depthwise kernel without a bias, a batch norm, Linear from d_model
    to d_model. Feed-forward: Linear from d_model to d_ff, and Linear back.

    Compared exactly, as a whole number.
    """
    square = d_model * d_model
    norms = 3 * 2 * d_model  # a scale and a shift for each channel
    attention = 4 * square + 3 * d_model  # query, key, value, output; the key has no bias
    convolution = 2 * square + 2 * d_model  # doubles the channels for the gate
    convolution += d_model * kernel_size + 2 * d_model  # depthwise without a bias, batch norm
    convolution += square + d_model
    feed_forward = 2 * d_model * d_ff + d_ff + d_model
    return norms + attention + convolution + feed_forward


def receptive_field(kernel_sizes: list[int], strides: list[int]) -> int:
    """How many input frames one output of a stack of convolutions depends on, from the first to the last.

    Compared exactly, as a whole number.
    """
    field, step = 1, 1
    for kernel_size, stride in zip(kernel_sizes, strides, strict=True):
        field += (kernel_size - 1) * step
        step *= stride
    return field
