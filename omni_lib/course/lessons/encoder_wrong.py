"""Lesson 02: plausible wrong answers, each with words of the reply that it must get; and other right ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from omni_lib.course.lessons import encoder_building_wrong as building
from omni_lib.course.lessons import encoder_convolution_wrong as convolution
from omni_lib.course.lessons import encoder_solutions as solutions


def _scores(query: Tensor, key: Tensor) -> Tensor:
    return query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])


def _mask_by_loop(lengths: Tensor, frames: int) -> list[list[bool]]:
    return [[t < int(length) for t in range(frames)] for length in lengths]


def _sequence_mask_numpy(lengths: Tensor, frames: int) -> np.ndarray:
    return np.arange(frames)[None] < lengths.numpy()[:, None]


def _by_hand(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """In float64, with an exponential and a sum."""
    query, key, value = query.double(), key.double(), value.double()
    scores = torch.einsum("bhqd,bhkd->bhqk", query, key) / query.shape[-1] ** 0.5
    weights = (scores - scores.amax(dim=-1, keepdim=True)).exp() * mask[:, None, None, :]
    return torch.einsum("bhqk,bhkd->bhqd", weights / weights.sum(dim=-1, keepdim=True), value)


def _naive_exponential(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    weights = _scores(query, key).exp() * mask[:, None, None, :]
    return weights / weights.sum(dim=-1, keepdim=True) @ value


def _torchs(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])


def _adds_to_what_is_real(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    return (_scores(query, key) - 1e9 * mask[:, None, None]).softmax(-1) @ value


def _large_numbers(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    return _scores(query, key).masked_fill(~mask[:, None, None], -1e9).softmax(-1) @ value


def _closes_the_queries(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    return _scores(query, key).masked_fill(~mask[:, None, :, None], -math.inf).softmax(-1) @ value


def _divides_by_heads(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[1])
    return scores.masked_fill(~mask[:, None, None], -math.inf).softmax(-1) @ value


def _from_the_first_layer(kernel_sizes: list[int], strides: list[int]) -> int:
    field = 1
    for kernel_size, stride in zip(kernel_sizes, strides, strict=True):
        field = (field - 1) * stride + kernel_size
    return field


def _with_key_bias(d_model: int, d_ff: int, kernel_size: int) -> int:
    return solutions.count_parameters(d_model, d_ff, kernel_size) + d_model


def _without_small_parts_of_the_convolution(d_model: int, d_ff: int, kernel_size: int) -> int:
    """The same number as without the biases of the feed-forward part, where d_ff is 4 · d_model."""
    return solutions.count_parameters(d_model, d_ff, kernel_size) - 5 * d_model


def _full_convolution(d_model: int, d_ff: int, kernel_size: int) -> int:
    return solutions.count_parameters(d_model, d_ff, kernel_size) + (d_model - 1) * d_model * kernel_size


def _plain_transformer(d_model: int, d_ff: int, kernel_size: int) -> int:
    return 4 * d_model * (d_model + 1) + 2 * d_model * d_ff + d_ff + d_model + 6 * d_model - d_model


def _half_a_norm(d_model: int, d_ff: int, kernel_size: int) -> int:
    return solutions.count_parameters(d_model, d_ff, kernel_size) - 3 * d_model


def _own_stride_too(kernel_sizes: list[int], strides: list[int]) -> int:
    field, step = 1, 1
    for kernel_size, stride in zip(kernel_sizes, strides, strict=True):
        step *= stride
        field += (kernel_size - 1) * step
    return field


def _backwards(kernel_sizes: list[int], strides: list[int]) -> int:
    field = 1
    for kernel_size, stride in reversed(list(zip(kernel_sizes, strides, strict=True))):
        field = (field - 1) * stride + kernel_size
    return field


WRONG: dict[str, list[tuple[Any, str]]] = {
    **building.WRONG,
    "convolution_module": convolution.WRONG,
    "output_lengths": [
        (lambda frames: frames // 8, "the convolutions round up"),
        (lambda frames: -(-frames // 8), "The pool needs pairs"),
        (lambda frames: frames / 8, "it should be [12]"),
        (lambda frames: (((frames + 1) // 2 + 1) // 2 + 1) // 2, "The pool needs pairs"),
        (lambda frames: int(frames[0] + 3) // 4 // 2, "a list is wanted"),
        (lambda frames: torch.round(frames / 8).long(), "`round` goes to the nearest"),
        (lambda frames: frames.clamp_(max=5), "changes its input"),
    ],
    "padding_mask": [
        (lambda lengths, frames: torch.arange(frames) >= lengths[:, None], "true means real"),
        (lambda lengths, frames: torch.arange(frames) <= lengths[:, None], "one frame too many"),
        (
            lambda lengths, frames: (torch.arange(frames) < lengths[:, None]).float(),
            "true and false are wanted",
        ),
        (lambda lengths, frames: torch.arange(frames)[:, None] < lengths, "in another order"),
        (lambda lengths, frames: torch.arange(int(lengths.max())) < lengths[:, None], "5 are wanted"),
        (lambda lengths, frames: torch.arange(frames) < lengths, "An axis is missing"),
    ],
    "attention": [
        (_closes_the_queries, "and not its keys"),
        (_divides_by_heads, "the square root of the number of heads"),
        (lambda *arguments: (_torchs(*arguments), None), "nothing beside it"),
        (
            lambda q, k, v, mask: (
                (q @ k.transpose(-1, -2)).masked_fill(~mask[:, None, None], -math.inf).softmax(-1) @ v
            ),
            "not scaled",
        ),
        (
            lambda q, k, v, mask: (
                (q @ k.transpose(-1, -2) / q.shape[-1])
                .masked_fill(~mask[:, None, None], -math.inf)
                .softmax(-1)
                @ v
            ),
            "its square root is wanted",
        ),
        (lambda q, k, v, mask: _scores(q, k).softmax(-1) @ v, "the padding is attended to"),
        (lambda q, k, v, mask: (_scores(q, k) * mask[:, None, None]).softmax(-1) @ v, "exp(0) = 1"),
        (
            lambda q, k, v, mask: (_scores(q, k).softmax(-1) * mask[:, None, None]) @ v,
            "no longer add up to 1",
        ),
        (
            lambda q, k, v, mask: _scores(q, k).masked_fill(~mask[:, None, None], -math.inf).softmax(-2) @ v,
            "over the queries",
        ),
        (lambda q, k, v, mask: _torchs(q, k, v, ~mask), "the wrong way round"),
        (_adds_to_what_is_real, "the wrong way round"),
        (
            lambda q, k, v, mask: _scores(q, k).masked_fill(mask[:, None, None], -math.inf).softmax(-1) @ v,
            "the wrong way round",
        ),
        (
            lambda q, k, v, mask: _scores(q, k).masked_fill(~mask[:, None, None], -1e9).softmax(1) @ v,
            "over the heads",
        ),
        (
            lambda q, k, v, mask: _torchs(q * (q.shape[-1] / q.shape[-2]) ** 0.5, k, v, mask),
            "number of frames",
        ),
        (
            lambda q, k, v, mask: _scores(q, k).masked_fill(~mask[:, None, None], -math.inf).softmax(-1),
            "along axis D",
        ),
        (_naive_exponential, "overflows"),
    ],
    "count_parameters": [
        (_without_small_parts_of_the_convolution, "Add up the parts"),
        (_with_key_bias, "one bias too many: the keys have none"),
        (_full_convolution, "one channel at a time"),
        (_half_a_norm, "the scales or the shifts of the three layer norms"),
        (
            lambda *sizes: solutions.count_parameters(*sizes) - 2 * sizes[0],
            "a scale and a shift for every channel",
        ),
        (_plain_transformer, "the convolution module is missing"),
        (lambda d_model, d_ff, kernel_size: 559_488, "it should be"),
    ],
    "receptive_field": [
        (_from_the_first_layer, "goes from the last layer to the first"),
        (_own_stride_too, "multiply afterwards"),
        (
            lambda kernel_sizes, strides: 1 + sum(size - 1 for size in kernel_sizes),
            "multiply by the strides so far",
        ),
        (lambda kernel_sizes, strides: math.prod(kernel_sizes), "kernels do not multiply"),
        (lambda kernel_sizes, strides: math.prod(strides), "it should be 3"),
    ],
    "hello_embeddings": [
        (4, "only the pool rounds down"),
        (4.75, "the number of embeddings is whole"),
        (10, "after the subsampler"),
        (9.5, "a quarter"),
        (38, "too high"),
    ],
    "without_mask": [
        ("b", "harmless"),
        ("c", "padding is computed with masks too"),
        ("d", "nothing is cut off"),
    ],
    "projection_inputs": [
        (1024, "without the mean"),
        (8192, "halves the number of bands"),
        (8, "each has 64 channels"),
        (64, "how many are there"),
        (192, "the linear layer gives"),
        (500, "too low"),
    ],
    "attention_pairs": [
        (4, "compared with every other"),
        (8, "multiply"),
        (64, "after the pool"),
        (62_500, "250²"),
        (1_000_000, "1000²"),
    ],
    "rotary": [("a", "Which angle"), ("c", "for neighbours too"), ("b", "they do not shorten")],
    "how_many_blocks": [
        (4, "how many there are"),
        (19, "subtract the subsampler"),
        (17, "nearest"),
        (40, "too high"),
    ],
}

OTHER_RIGHT: dict[str, list[Any]] = {
    **building.OTHER_RIGHT,
    "convolution_module": convolution.OTHER_RIGHT,
    "output_lengths": [
        lambda frames: torch.div(frames + 3, 4, rounding_mode="floor") // 2,
        lambda frames: [math.ceil(math.ceil(int(each) / 2) / 2) // 2 for each in frames],
        lambda frames: (frames + 3) // 8 + ((frames + 3) % 8 >= 8).long(),
        lambda frames: (np.ceil(frames.numpy() / 4) // 2).astype(int),
    ],
    "padding_mask": [
        _mask_by_loop,
        _sequence_mask_numpy,
        lambda lengths, frames: ~(torch.arange(frames)[None] >= lengths.unsqueeze(1)),
    ],
    "attention": [
        _by_hand,
        _torchs,
        _large_numbers,
        lambda q, k, v, mask: _torchs(q, k, v, mask) * mask[:, None, :, None],
        lambda q, k, v, mask: torch.where(mask[:, None, :, None], _torchs(q, k, v, mask), math.nan),
    ],
    "count_parameters": [
        lambda d_model, d_ff, kernel_size: (
            7 * d_model**2 + 2 * d_model * d_ff + d_ff + d_model * kernel_size + 15 * d_model
        ),
    ],
    "receptive_field": [_backwards],
    "hello_embeddings": ["5", 5.0, "five embeddings", "38 → 19 → 10 → 5"],
    "attention_pairs": ["16x", "x16", "16-fold", "sixteen times as many", "4²"],
    "how_many_blocks": [18.3],
}
