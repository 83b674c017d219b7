"""Lesson 02: one way to write each exercise."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def output_lengths(frames: Tensor) -> Tensor:
    half = (frames + 1) // 2  # a convolution of stride 2 rounds up
    quarter = (half + 1) // 2
    return quarter // 2  # a pair needs both of its frames


def padding_mask(lengths: Tensor, frames: int) -> Tensor:
    return torch.arange(frames) < lengths[:, None]


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])  # (B, heads, T, T)
    scores = scores.masked_fill(~mask[:, None, None, :], -math.inf)
    return scores.softmax(dim=-1) @ value


def count_parameters(d_model: int, d_ff: int, kernel_size: int) -> int:
    square = d_model * d_model
    norms = 3 * 2 * d_model  # a scale and a shift for each channel
    attention = 4 * square + 3 * d_model  # query, key, value, output; the key has no bias
    convolution = 2 * square + 2 * d_model  # doubles the channels for the gate
    convolution += d_model * kernel_size + 2 * d_model  # depthwise without a bias, batch norm
    convolution += square + d_model
    feed_forward = 2 * d_model * d_ff + d_ff + d_model
    return norms + attention + convolution + feed_forward


def receptive_field(kernel_sizes: list[int], strides: list[int]) -> int:
    field, step = 1, 1
    for kernel_size, stride in zip(kernel_sizes, strides, strict=True):
        field += (kernel_size - 1) * step
        step *= stride
    return field
