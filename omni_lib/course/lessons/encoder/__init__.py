"""Lesson 02, from log-mels to embeddings: its functions to write, and the order of all its exercises.

The parts of the encoder, from the rotation to the whole, are in `building`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.exercises.plug_in import PlugIn
from omni_lib.course.lessons.encoder import attention_judge, judges, solutions
from omni_lib.course.lessons.encoder.building import (
    audio_encoder,
    block,
    convolution_module,
    rotate,
    self_attention,
    subsampler,
)
from omni_lib.course.lessons.encoder.questions import (
    attention_pairs,
    hello_embeddings,
    how_many_blocks,
    projection_inputs,
    rotary,
    why_8x,
    without_mask,
)

NUMBER = "02"
TITLE = "Encoder"


def _for_whole_numbers_too(function: Callable[[Tensor], Any]) -> Callable[..., Any]:
    """The learner's function as the encoder and the audit call it: with a tensor or with one number."""

    def lengths(frames: Any, downsample_time: int = 8) -> Any:
        if isinstance(frames, Tensor):
            return torch.as_tensor(function(frames)).long()
        return int(function(torch.tensor([frames]))[0])

    return lengths


output_lengths = CodeExercise(
    key="02.output_lengths",
    goal="The number of embeddings that the encoder makes of each clip of a batch, given its "
    "number of frames.",
    difficulty=2,
    minutes=5,
    judge=judges.output_lengths,
    answer=solutions.output_lengths,
    hints=(
        "Three halvings, one after the other: 100 → 50 → 25 → 12 and 38 → 19 → 10 → 5. Which of them "
        "round up, which down?",
        "A convolution of stride 2 with padding gives an output for an odd last frame too: it "
        "rounds up. The pool needs two frames for each output: it rounds down.",
        "Rounding up is `(frames + 1) // 2`, rounding down `frames // 2`.",
    ),
    praise="`T // 8` is right for 100 and wrong for 38, where it would lose the last embedding.",
    plug_in=PlugIn(
        places=("omni_lib.encoder:embedding_lengths", "omni_lib.training.audit:embedding_lengths"),
        adapt=_for_whole_numbers_too,
    ),
)


def _as_mask(function: Callable[[Tensor, int], Any]) -> Callable[[Tensor, int], Tensor]:
    """The learner's function as the encoder calls it: it needs a tensor, and lists are right answers, too."""

    @wraps(function, assigned=("__name__", "__doc__"))
    def mask(lengths: Tensor, frames: int) -> Tensor:
        return torch.as_tensor(function(lengths, frames), dtype=torch.bool, device=lengths.device)

    return mask


padding_mask = CodeExercise(
    key="02.padding_mask",
    goal="A mask (B, T) that is true on the real frames of each clip, and false on its padding.",
    difficulty=1,
    minutes=3,
    judge=judges.padding_mask,
    answer=solutions.padding_mask,
    hints=(
        "Frame t of a clip is real if t is less than the clip's length.",
        "`torch.arange(frames)` has shape (T,); a column of lengths, (B, 1), makes the comparison (B, T).",
        "That column is `lengths[:, None]`. On which side of `<` must it be, if the comparison is true on "
        "real frames?",
    ),
    praise="One comparison gives the mask that every part of the encoder uses.",
    plug_in=PlugIn(
        places=("omni_lib.encoder:valid_frames", "omni_lib.subsampling:valid_frames"), adapt=_as_mask
    ),
    as_part=_as_mask,
)


def _without_padding(function: Callable[..., Any]) -> Callable[..., Tensor]:
    """The learner's attention as a block calls it: in the precision of its input, and zero in the padding.

    A right answer may hold anything in the padding's own rows, such as NaN, and the convolution of the block
    would read it: NaN · 0 is NaN.
    """

    @wraps(function, assigned=("__name__", "__doc__"))
    def attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        result = torch.as_tensor(function(query, key, value, mask)).to(value.dtype)
        return torch.where(mask[:, None, :, None], result, 0.0)

    return attended


attention = CodeExercise(
    key="02.attention",
    goal="Attention by hand, equal to `torch.nn.functional.scaled_dot_product_attention`; padding is "
    "never attended to.",
    difficulty=3,
    minutes=8,
    judge=attention_judge.attention,
    answer=solutions.attention,
    hints=(
        "Three steps: scores, softmax, weighted sum of the values. The scores are the products of "
        "every query with every key: (B, heads, T, T).",
        "`query @ key.transpose(-1, -2)`, divided by the square root of `query.shape[-1]`. The "
        "softmax runs over the keys, the last axis.",
        "Before the softmax: `scores.masked_fill(~mask[:, None, None, :], -math.inf)`. exp(-inf) = "
        "0, so padding has no weight at all.",
    ),
    as_part=_without_padding,
    praise="That is all of attention. torch's version gives the same result, and can avoid "
    "storing the (T, T) scores.",
)


count_parameters = CodeExercise(
    key="02.count_parameters",
    goal="The number of parameters of one encoder block, from its sizes alone.",
    difficulty=3,
    minutes=12,
    extra=True,
    judge=judges.count_parameters,
    answer=solutions.count_parameters,
    hints=(
        "Four terms: three layer norms, the attention, the convolution module, the feed-forward. A "
        "`Linear(a, b)` has a · b weights, and b more if it has a bias.",
        "Attention: four square maps, three of them with a bias. Feed-forward: d_model → d_ff → "
        "d_model. A norm has two numbers a channel.",
        "Convolution module: Linear(d_model, 2 · d_model), a depthwise kernel of d_model · "
        "kernel_size without bias, a batch norm, Linear(d_model, d_model).",
    ),
    praise="So you can work out on paper what `numel` counts, and check a claim about the size of a model.",
)


receptive_field = CodeExercise(
    key="02.receptive_field",
    goal="How many input frames one output of a stack of convolutions depends on.",
    difficulty=3,
    minutes=10,
    extra=True,
    judge=judges.receptive_field,
    answer=solutions.receptive_field,
    hints=(
        "Begin with one frame. A kernel of 3 adds 2 steps to the receptive field, one on each side.",
        "A step at the first layer is one input frame. After a stride of 2 it is two input "
        "frames, and after another one it is four.",
        "In a loop: `field += (kernel_size - 1) * step`, then `step *= stride`, in this order.",
    ),
    praise="One output of the subsampler depends on 19 frames, which cover 0.2 s. With the pool it is 23 "
    "frames; everything else reaches an embedding through the blocks.",
)


EXERCISES = (
    hello_embeddings,
    output_lengths,
    why_8x,
    attention_pairs,
    padding_mask,
    without_mask,
    projection_inputs,
    subsampler,
    receptive_field,
    attention,
    rotate,
    rotary,
    self_attention,
    convolution_module,
    block,
    audio_encoder,
    how_many_blocks,
    count_parameters,
)
