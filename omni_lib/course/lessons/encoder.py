"""Lesson 02, from log-mels to embeddings: its code exercises, and the order of all its exercises."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from omni_lib.course.exercises.checking import CodeExercise, expect_close, expect_equal
from omni_lib.course.exercises.plug_in import PlugIn
from omni_lib.course.exercises.sandbox import Attempt, NotYet
from omni_lib.course.lessons import encoder_solutions as solutions
from omni_lib.course.lessons.encoder_questions import (
    attention_pairs,
    hello_embeddings,
    how_many_blocks,
    rotary,
    why_8x,
    without_mask,
)
from omni_lib.encoder import EncoderBlock, embedding_lengths, valid_frames
from omni_lib.encoder import count_parameters as parameters_of

NUMBER = "02"
TITLE = "Encoder"


def _judge_output_lengths(attempt: Attempt) -> None:
    reasons = {
        100: "100 → 50 → 25 → 12: the last odd one has no partner.",
        38: "38 → 19 → 10 → 5: the convolutions round up.",
        8: "Eight frames make one embedding.",
    }
    for frames, reason in reasons.items():
        expect_equal(attempt, (torch.tensor([frames]),), [embedding_lengths(frames)], reason)
    several = torch.tensor([16, 100, 38, 1000])
    expect_equal(attempt, (several,), embedding_lengths(several).tolist(), "One number for each clip.")
    for start in (0, 10, 20, 30):
        clips = torch.arange(start, start + 10)
        wanted = embedding_lengths(clips).tolist()
        expect_equal(
            attempt, (clips,), wanted, "Halve up (a convolution), halve up (another), halve down (a pair)."
        )


def _for_whole_numbers_too(function: Callable[[Tensor], Any]) -> Callable[..., Any]:
    """The learner's function as the encoder and the audit call it: with a tensor or with one number."""

    def lengths(frames: Any, downsample_time: int = 8) -> Any:
        if isinstance(frames, Tensor):
            return torch.as_tensor(function(frames))
        return int(function(torch.tensor([frames]))[0])

    return lengths


output_lengths = CodeExercise(
    key="02.output_lengths",
    goal="How many embeddings the encoder makes of so many frames: of each clip of a batch.",
    difficulty=2,
    minutes=8,
    judge=_judge_output_lengths,
    answer=solutions.output_lengths,
    hints=(
        "Three halvings, one after the other: 100 → 50 → 25 → 12 and 38 → 19 → 10 → 5. Which of them "
        "round up, which down?",
        "A convolution of stride 2 with padding sees the odd frame too: it rounds up. A pair needs "
        "both of its frames: it rounds down.",
        "Rounding up is `(frames + 1) // 2`, rounding down `frames // 2`.",
    ),
    praise="`T // 8` is right for 100 and wrong for 38, where it would lose the last embedding.",
    plug_in=PlugIn(
        places=("omni_lib.encoder:embedding_lengths", "omni_lib.training.audit:embedding_lengths"),
        adapt=_for_whole_numbers_too,
    ),
)


def _judge_padding_mask(attempt: Attempt) -> None:
    for lengths, frames in (([3], 5), ([3, 5], 5), ([1, 4, 2], 4), ([0, 2], 3), ([4, 2], 7)):
        length = torch.tensor(lengths)
        wanted = valid_frames(length, frames)
        got = attempt(length, frames)
        if torch.is_tensor(got) and got.shape == wanted.shape:
            if torch.equal(got.bool(), ~wanted):
                raise NotYet(
                    "your mask is true on the padding; here true means real (as for "
                    "`scaled_dot_product_attention`)"
                )
            if torch.equal(got.bool(), torch.arange(frames) <= length[:, None]):
                raise NotYet(
                    "your mask has one frame too many in each row: with length 3, the frames 0, 1, 2 are real"
                )
            if got.dtype != torch.bool:
                raise NotYet(
                    f"your mask holds {str(got.dtype).removeprefix('torch.')}; true and false are "
                    "wanted (torch.bool)"
                )
        expect_close(attempt, (length, frames), wanted, axes="B T")


padding_mask = CodeExercise(
    key="02.padding_mask",
    goal="A mask (B, T) that is true on the real frames of each clip, and false on its padding.",
    difficulty=1,
    minutes=5,
    judge=_judge_padding_mask,
    answer=solutions.padding_mask,
    hints=(
        "Frame t of a clip is real if t is less than the clip's length.",
        "`torch.arange(frames)` has shape (T,); a column of lengths, (B, 1), makes the comparison (B, T).",
        "`torch.arange(frames) < lengths[:, None]`",
    ),
    praise="One comparison, and every part of the encoder is told what is real.",
    plug_in=PlugIn(places=("omni_lib.encoder:valid_frames",)),
)


def _judge_attention(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(3)
    for batch, heads, frames, size, lengths in (
        (1, 1, 3, 4, [3]),
        (2, 3, 6, 8, [6, 6]),
        (2, 3, 6, 64, [6, 2]),
        (3, 2, 5, 16, [1, 5, 3]),
    ):
        query, key, value = (
            2 * torch.randn(batch, heads, frames, size, generator=generator) for _ in range(3)
        )
        mask = valid_frames(torch.tensor(lengths), frames)
        arguments = (query, key, value, mask)
        wanted = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        got = attempt(*arguments)
        if torch.is_tensor(got) and got.shape == wanted.shape:
            for says, slip in _attention_slips(*arguments).items():
                if torch.allclose(got.double(), slip.double(), atol=1e-4) and not torch.allclose(
                    slip, wanted, atol=1e-4
                ):
                    raise NotYet(says)
        expect_close(attempt, arguments, wanted, axes="B heads T D", tolerance=1e-3)
    huge = torch.full((1, 1, 2, 4), 100.0)
    wanted = torch.ones(1, 1, 2, 4)
    why = "With large scores exp overflows; `softmax` subtracts the largest first."
    expect_close(attempt, (huge, huge, wanted, torch.ones(1, 2, dtype=torch.bool)), wanted, why)


def _attention_slips(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """What usual mistakes compute, by what to say to them."""
    products = query @ key.transpose(-1, -2)
    scores, open_keys = products / math.sqrt(query.shape[-1]), mask[:, None, None, :]
    hidden = scores.masked_fill(~open_keys, -math.inf)
    return {
        "the scores are not scaled: divide by the square root of the head's size": products.masked_fill(
            ~open_keys, -math.inf
        ).softmax(-1)
        @ value,
        "the scores are divided by the head's size; its square root is wanted": (
            (products / query.shape[-1]).masked_fill(~open_keys, -math.inf).softmax(-1) @ value
        ),
        "the padding is attended to: set its scores to minus infinity before the softmax": scores.softmax(-1)
        @ value,
        "a score of 0 still gets a share, since exp(0) = 1: padding needs minus infinity": (
            scores * open_keys
        ).softmax(-1)
        @ value,
        "masked after the softmax, the weights no longer add up to 1: mask the scores before it": (
            scores.softmax(-1) * open_keys
        )
        @ value,
        "the mask is the wrong way round: true means real": scores.masked_fill(open_keys, -math.inf)
        .softmax(-1)
        .nan_to_num()
        @ value,
        "the softmax runs over the queries; the weights of one query must add up to 1 over the keys "
        "(the last axis)": (hidden.softmax(-2).nan_to_num() @ value),
    }


attention = CodeExercise(
    key="02.attention",
    goal="Attention by hand, equal to `torch.nn.functional.scaled_dot_product_attention`; padding is "
    "never attended to.",
    difficulty=3,
    minutes=15,
    judge=_judge_attention,
    answer=solutions.attention,
    hints=(
        "Three steps: scores, softmax, weighted sum of the values. The scores are the products of "
        "every query with every key: (B, heads, T, T).",
        "`query @ key.transpose(-1, -2)`, divided by the square root of `query.shape[-1]`. The "
        "softmax runs over the keys, the last axis.",
        "Before the softmax: `scores.masked_fill(~mask[:, None, None, :], -math.inf)`. exp(-inf) = "
        "0, so padding has no weight at all.",
    ),
    praise="That is all there is to attention; torch's version only never keeps the (T, T) scores in memory.",
)


def _judge_count_parameters(attempt: Attempt) -> None:
    for d_model, d_ff, kernel_size in ((192, 768, 15), (4, 8, 3), (6, 24, 5), (64, 128, 31)):
        wanted = parameters_of(EncoderBlock(d_model, 1, d_ff, 0.0, kernel_size))
        got = attempt(d_model, d_ff, kernel_size)
        for says, slip in _count_slips(d_model, d_ff, kernel_size).items():
            if isinstance(got, (int, float)) and got == wanted + slip:
                raise NotYet(f"{got:,} is not {wanted:,}: {says}")
        expect_equal(
            attempt, (d_model, d_ff, kernel_size), wanted, "Add up the parts: `print(block)` lists them."
        )


def _count_slips(d_model: int, d_ff: int, kernel_size: int) -> dict[str, int]:
    """How far usual mistakes are off, by what to say to them."""
    return {
        "you gave the keys a bias; a bias there would shift all scores alike, and softmax cannot see "
        "that": d_model,
        "you gave the depthwise convolution a bias; the batch norm after it would remove it": d_model,
        "a depthwise convolution looks at one channel at a time: d_model · kernel_size weights": (d_model - 1)
        * d_model
        * kernel_size,
        "each layer norm has a scale and a shift for every channel": -3 * d_model,
        "the batch norm has a scale and a shift for every channel": -2 * d_model,
        "the first map of the convolution makes 2 · d_model channels, half of them gates": -(
            d_model * d_model + d_model
        ),
        "the biases of the feed-forward's two maps are missing": -(d_ff + d_model),
        "all biases of the linear maps are missing": -(3 * d_model + 2 * d_model + d_model + d_ff + d_model),
        "the layer norms are missing": -6 * d_model,
        "the convolution module is missing": -(3 * d_model * d_model + 5 * d_model + d_model * kernel_size),
    }


count_parameters = CodeExercise(
    key="02.count_parameters",
    goal="The number of parameters of one encoder block, from its sizes alone.",
    difficulty=3,
    minutes=12,
    extra=True,
    judge=_judge_count_parameters,
    answer=solutions.count_parameters,
    hints=(
        "Four terms: three layer norms, the attention, the convolution module, the feed-forward. A "
        "`Linear(a, b)` has a · b weights, and b more if it has a bias.",
        "Attention: four square maps, three of them with a bias. Feed-forward: d_model → d_ff → "
        "d_model. A norm has two numbers a channel.",
        "Convolution module: Linear(d_model, 2 · d_model), a depthwise kernel of d_model · "
        "kernel_size without bias, a batch norm, Linear(d_model, d_model).",
    ),
    praise="Not a parameter is hidden anywhere: what `numel` counts can be worked out on paper, and a claim "
    "about a model checked.",
)


def _judge_receptive_field(attempt: Attempt) -> None:
    for kernel_sizes, strides in (
        ([3], [1]),
        ([3], [2]),
        ([3, 3], [1, 1]),
        ([3, 3], [2, 1]),
        ([3, 3, 3], [2, 2, 2]),
        ([3, 3, 3, 3], [2, 1, 2, 1]),
        ([3, 3, 3, 3, 2], [2, 1, 2, 1, 2]),
        ([5, 1, 4], [3, 2, 2]),
    ):
        wanted = _seen(kernel_sizes, strides)
        got = attempt(kernel_sizes, strides)
        step_first, field = 1, 1
        for kernel_size, stride in zip(kernel_sizes, strides, strict=True):
            step_first *= stride
            field += (kernel_size - 1) * step_first
        if isinstance(got, (int, float)) and got != wanted:
            if got == field:
                raise NotYet(
                    "a layer's own stride widens only what the layers behind it see: multiply afterwards"
                )
            if got == 1 + sum(kernel_size - 1 for kernel_size in kernel_sizes):
                raise NotYet(
                    "behind a stride, one step of the kernel is several frames of the input: "
                    "multiply by the strides so far"
                )
            if got == math.prod(kernel_sizes):
                raise NotYet(
                    "kernels do not multiply: neighbouring windows overlap. Each layer adds (kernel "
                    "- 1) steps"
                )
        expect_equal(
            attempt,
            (kernel_sizes, strides),
            wanted,
            "Autograd finds the first and the last input that far apart.",
        )


def _seen(kernel_sizes: list[int], strides: list[int]) -> int:
    """From the first to the last input that one output of these convolutions depends on, by autograd."""
    frames = 400
    x = torch.zeros(1, 1, frames, requires_grad=True)
    y = x
    for kernel_size, stride in zip(kernel_sizes, strides, strict=True):
        conv = nn.Conv1d(1, 1, kernel_size, stride, bias=False)
        nn.init.ones_(conv.weight)
        y = conv(y)
    (gradient,) = torch.autograd.grad(y[0, 0, y.shape[-1] // 2], x)
    seen = gradient.flatten().nonzero()
    return int(seen.max() - seen.min() + 1)


receptive_field = CodeExercise(
    key="02.receptive_field",
    goal="How many input frames one output of a stack of convolutions sees.",
    difficulty=3,
    minutes=10,
    extra=True,
    judge=_judge_receptive_field,
    answer=solutions.receptive_field,
    hints=(
        "Begin with one frame. A kernel of 3 adds 2 steps to what is seen, one to each side.",
        "A step at the first layer is one input frame. Behind a stride of 2 it is two input frames, "
        "behind another four.",
        "In a loop: `field += (kernel_size - 1) * step`, then `step *= stride`, in this order.",
    ),
    praise="The encoder's convolutions see 19 frames before the pairs, 190 ms. All else that an embedding "
    "knows comes through the blocks.",
)


EXERCISES = (
    output_lengths,
    hello_embeddings,
    attention_pairs,
    why_8x,
    receptive_field,
    padding_mask,
    without_mask,
    attention,
    rotary,
    count_parameters,
    how_many_blocks,
)
