"""Lesson 02: one way to write each exercise. The docstrings are also those of the blanks in the notebook."""

from __future__ import annotations

import math

import torch
from torch import Tensor


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


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """query, key, value (B, heads, T, D), mask (B, T) true on real frames → (B, heads, T, D).

    softmax(query · keyᵀ / √D) · value, in which the keys of the padding have no weight at all.

    Compared to three digits, on real queries only: what stands in the padding's own rows does not matter.
    """
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])  # (B, heads, T, T)
    scores = scores.masked_fill(~mask[:, None, None, :], -math.inf)
    return scores.softmax(dim=-1) @ value


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
