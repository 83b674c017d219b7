"""Lesson 02: plausible wrong answers, each with words of the reply that it must get; and other right ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omni_lib.course.lessons.encoder import attention_wrong as attention
from omni_lib.course.lessons.encoder import building_wrong as building
from omni_lib.course.lessons.encoder import convolution_wrong as convolution
from omni_lib.course.lessons.encoder import solutions


def _mask_by_loop(lengths: Tensor, frames: int) -> list[list[bool]]:
    return [[t < int(length) for t in range(frames)] for length in lengths]


def _sequence_mask_numpy(lengths: Tensor, frames: int) -> np.ndarray:
    return np.arange(frames)[None] < lengths.numpy()[:, None]


def _nothing_without_padding(lengths: Tensor, frames: int) -> Any:
    return None if bool((lengths == frames).all()) else torch.arange(frames) < lengths[:, None]


def _to_be_added(lengths: Tensor, frames: int) -> Tensor:
    return torch.zeros(len(lengths), frames).masked_fill(torch.arange(frames) >= lengths[:, None], -math.inf)


def _whole_kernels(kernel_sizes: list[int], strides: list[int]) -> int:
    return 1 + sum(size * math.prod(strides[:place]) for place, size in enumerate(kernel_sizes))


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
        (lambda lengths, frames: torch.arange(1, frames + 1) < lengths[:, None], "one frame too few"),
        (
            lambda lengths, frames: (torch.arange(frames) < lengths[:, None]).float(),
            "true and false are wanted",
        ),
        (lambda lengths, frames: torch.arange(frames)[:, None] < lengths, "in another order"),
        (lambda lengths, frames: torch.arange(int(lengths.max())) < lengths[:, None], "5 are wanted"),
        (lambda lengths, frames: torch.arange(frames) < lengths, "An axis is missing"),
        (_nothing_without_padding, "Two clips without padding"),
        (lambda lengths, frames: torch.ones(len(lengths), frames, dtype=torch.bool), "true everywhere"),
        (lambda lengths, frames: (torch.arange(frames) < lengths[0]).expand(len(lengths), -1), "the same"),
        (lambda lengths, frames: torch.arange(frames) < lengths[:, None].clamp_min(1), "is true on frame 0"),
        (_to_be_added, "your mask holds float32"),
    ],
    "attention": attention.WRONG,
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
        (
            lambda d, f, k: solutions.count_parameters(d, f, k) - d * d - d,
            "attention's output, or the second map",
        ),
        (lambda d, f, k: solutions.count_parameters(d, f, k) + 2 * d, "neither the keys nor"),
        (lambda d, f, k: solutions.count_parameters(d, f, k) - 4 * d, "two norms"),
        (lambda d, f, k: solutions.count_parameters(d, f, k) - d * k, "kernel of the depthwise"),
        (lambda d, f, k: solutions.count_parameters(d, f, k) - d, "one bias of query"),
        (lambda d, f, k: solutions.count_parameters(d, f, k) - f, "it has d_ff numbers"),
        (lambda d, f, k: solutions.count_parameters(d, f, k) - d * d, "three in all"),
        (lambda d, f, k: solutions.count_parameters(d, f, k) - d * f, "two maps is missing"),
        (lambda d, f, k: solutions.count_parameters(d, f, k) - 2 * d * f - f - d, "the feed-forward part is"),
        (lambda d, f, k: solutions.count_parameters(d, f, k) - 4 * d * d - 3 * d, "the attention is missing"),
    ],
    "receptive_field": [
        (_from_the_first_layer, "goes from the last layer to the first"),
        (lambda sizes, strides: solutions.receptive_field(sizes[::-1], strides[::-1]), "in the wrong order"),
        (
            lambda sizes, strides: 1 + sum(sizes) + sum(strides) - 2 * len(sizes),
            "One layer with a stride: your function returns 4",
        ),
        (_own_stride_too, "multiply afterwards"),
        (
            lambda kernel_sizes, strides: 1 + sum(size - 1 for size in kernel_sizes),
            "multiply by the strides so far",
        ),
        (lambda kernel_sizes, strides: math.prod(kernel_sizes), "kernels do not multiply"),
        (lambda kernel_sizes, strides: math.prod(strides), "it should be 3"),
        (
            lambda kernel_sizes, strides: solutions.receptive_field(kernel_sizes, strides) - 1,
            "begin with one",
        ),
        (_whole_kernels, "(kernel - 1) steps"),
        (lambda sizes, strides: sum(sizes), "neighbouring windows overlap"),
        (lambda sizes, strides: 1 + sum((size - 1) * math.prod(strides) for size in sizes), "*before*"),
        (lambda sizes, strides: solutions.receptive_field(sizes, strides) * math.prod(strides), "already"),
        (lambda sizes, strides: solutions.receptive_field(sizes[:-1], strides[:-1]), "the last layer is"),
        (lambda sizes, strides: solutions.receptive_field([3] * len(sizes), strides), "not always two"),
        (
            lambda sizes, strides: solutions.receptive_field(sizes, [2] * len(strides)),
            "not every stride is 2",
        ),
        (lambda sizes, strides: max(sizes, default=1), "how many steps does the kernel add"),
    ],
    "hello_embeddings": [
        (4, "only the pool rounds down"),
        (4.75, "the number of embeddings is whole"),
        (10, "after the subsampler"),
        (9.5, "a quarter"),
        (38, "the mel frames"),
        (19, "after the first convolution"),
        (40, "too high"),
    ],
    "without_mask": [
        ("b", "harmless"),
        ("c", "padding is computed with masks too"),
        ("d", "nothing is cut off"),
    ],
    "projection_inputs": [
        (1024, "leave 8 of the 16 bands"),
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
        ("1/16", "the other way round"),
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
        lambda lengths, frames: torch.ones(len(lengths), frames).cumsum(1) <= lengths[:, None],
        lambda lengths, frames: [[True] * n + [False] * (frames - n) for n in lengths.tolist()],
        lambda lengths, frames: ~(torch.arange(frames)[None] >= lengths.unsqueeze(1)),
        lambda lengths, frames: torch.ones(frames + 1, frames, dtype=torch.bool).tril(-1)[lengths],
    ],
    "attention": attention.OTHER_RIGHT,
    "count_parameters": [
        lambda d_model, d_ff, kernel_size: (
            7 * d_model**2 + 2 * d_model * d_ff + d_ff + d_model * kernel_size + 15 * d_model
        ),
    ],
    "receptive_field": [
        _backwards,
        lambda sizes, strides: 1 + np.dot(np.array(sizes, dtype=int) - 1, np.cumprod([1, *strides])[:-1]),
    ],
    "hello_embeddings": ["5", 5.0, "five embeddings", "38 → 19 → 10 → 5"],
    "attention_pairs": ["16x", "x16", "16-fold", "sixteen times as many", "4²"],
    "how_many_blocks": [18.3],
}
