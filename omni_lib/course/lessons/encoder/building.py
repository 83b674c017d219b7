"""Lesson 02: the exercises in which the learner builds the encoder, from the rotation to the whole."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.exercises.plug_in import PlugIn
from omni_lib.course.lessons.encoder import building_judges as judges
from omni_lib.course.lessons.encoder import convolution_judge, plug_in, solutions, subsampler_judge

subsampler = CodeExercise(
    key="02.subsampler",
    goal="The `forward` of the subsampler. The layers are given, under the library's names, so that the "
    "library's weights fit into your class.",
    difficulty=3,
    minutes=8,
    judge=subsampler_judge.subsampler,
    answer=solutions.Subsampler,
    hints=(
        "The last cell before the exercise prints the shapes. First multiply `x` by `padding_mask(lengths, "
        "x.shape[1])[..., None]`, then give it an axis for the channels: `x[..., None]`.",
        "In the loop over `zip(self.convs, self.norms)`: `x = convolve_time_and_frequency(conv, x)`; if "
        "`conv.stride[0] == 2`, then `lengths = (lengths + 1) // 2`; then `x = F.relu(norm(x, mask))` with "
        "the mask of the new lengths.",
        "The residual: `x = x + F.relu(self.residual_norm(convolve_time_and_frequency(self.residual, x), "
        "mask))`.",
        "The bands: `x.unflatten(2, (8, 2)).mean(dim=3)`, and at the end `self.project(x.flatten(2)), "
        "lengths`.",
    ),
    praise="Your class takes the library's weights and gives the library's frames of 40 ms.",
)


def _in_the_same_precision(function: Callable[[Tensor], Any]) -> Callable[[Tensor], Tensor]:
    """The learner's rotation as attention calls it; a right answer may compute in double precision."""

    @wraps(function, assigned=("__name__", "__doc__"))
    def rotated(x: Tensor) -> Tensor:
        return torch.as_tensor(function(x)).to(x.dtype)

    return rotated


rotate = CodeExercise(
    key="02.rotate",
    goal="Rotary positions: each pair of channels rotated by the angle of its frame.",
    difficulty=3,
    minutes=6,
    judge=judges.rotate,
    answer=solutions.rotate,
    hints=(
        "`a = x[..., :half]` and `b = x[..., half:]` hold the two channels of each pair. Compute a' and b' "
        "by the formula, and join them with `torch.cat`.",
        "The angles have the shape (T, D/2): a column of frames, `torch.arange(T)[:, None]`, times a row of "
        "speeds.",
        "The speeds are `10_000.0 ** (-torch.arange(half) / half)`; 2i / D is i / half.",
    ),
    as_part=_in_the_same_precision,
    praise="A few lines, and not one weight to learn. The next question is what they do to the scores.",
)


self_attention = CodeExercise(
    key="02.self_attention",
    goal="Self-attention with several heads: your `rotate` and your `attention` between the linear maps.",
    difficulty=3,
    minutes=4,
    judge=judges.self_attention,
    answer=solutions.SelfAttention,
    hints=(
        "Five steps: the maps, `split` for each of the three, `rotate` for queries and keys, `attention`, "
        "and the joined heads through `output`.",
        "The first map gives both: `query, value = self.query_value(x).chunk(2, dim=-1)`. The key is "
        "`self.key(x)`.",
        "Joined: `attended.transpose(1, 2).flatten(2)` undoes the `split`.",
    ),
    praise="The heads cost nothing extra: they are the same channels, compared in groups.",
)


convolution_module = CodeExercise(
    key="02.convolution_module",
    goal="The convolution module: a gate, and a convolution of each channel over time that never reads the "
    "padding.",
    difficulty=3,
    minutes=8,
    judge=convolution_judge.convolution_module,
    answer=solutions.ConvolutionModule,
    hints=(
        "The layer is `nn.Conv1d(d_model, d_model, kernel_size, …)`. With `groups=d_model`, each channel has "
        "its own kernel. A centred kernel reaches `kernel_size // 2` frames to each side: that is its "
        "`padding`.",
        "The gate: `values, gates = self.expand(x).chunk(2, dim=-1)`, then `values * gates.sigmoid() * "
        "mask[..., None]`. The zeros come last, because `expand` has a bias.",
        "The convolution: `self.depthwise(x.transpose(1, 2)).transpose(1, 2)`, since `nn.Conv1d` needs the "
        "frames as the last axis.",
        "The rest: `self.output(F.silu(self.norm(x, mask)))`.",
    ),
    praise="The module reads the neighbours of each frame with one kernel for each channel, and never the "
    "padding.",
    plug_in=PlugIn(places=("omni_lib.encoder:ConvolutionModule",)),
)


block = CodeExercise(
    key="02.block",
    goal="One block as an `nn.Module`: three parts, each with a layer norm in front of it, and its result "
    "added to its input.",
    difficulty=2,
    minutes=4,
    judge=judges.block,
    answer=solutions.Block,
    hints=(
        "In `__init__`: `self.attention_norm = nn.LayerNorm(d_model)` and `self.attention = "
        "SelfAttention(d_model, n_heads)`. In the same way `ConvolutionModule(d_model, kernel_size)`, and "
        "`FeedForward(d_model, d_ff, dropout)` of the library.",
        "`forward` has three lines of the form `x = x + part(norm(x))`. Which parts need the mask, too?",
        "The first line is `x = x + self.attention(self.attention_norm(x), mask)`. The feed-forward part "
        "works on each frame alone, so it takes no mask.",
    ),
    praise="Since each part only adds to its input, the gradient has a direct path back through all blocks.",
)


audio_encoder = CodeExercise(
    key="02.audio_encoder",
    goal="The whole encoder, put together from your parts. It must give the library's embeddings on real "
    "clips.",
    difficulty=3,
    minutes=6,
    judge=judges.audio_encoder,
    answer=solutions.AudioEncoder,
    hints=(
        "The beginning of the lesson names the parts in their order. Each block takes `x` and "
        "the mask of the lengths at that point: `padding_mask(lengths, x.shape[1])`.",
        "`self.blocks[: self.blocks_before_pool]` come before the pool, `self.blocks[self.blocks_before_pool "
        ":]` after it. The pool itself: `x = self.pool(x)` and `lengths = lengths // 2`.",
        "At the beginning `x = (mel - self.feature_mean) / self.feature_deviation`; at the end `self.norm(x) "
        "* padding_mask(lengths, x.shape[1])[..., None], lengths`.",
    ),
    praise="You have built the whole encoder, and it gives the library's embeddings, padding included.",
    plug_in=PlugIn(places=(plug_in.PLACE,), adapt=plug_in.in_training),
)
