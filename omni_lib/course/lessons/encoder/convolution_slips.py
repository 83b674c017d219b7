"""Lesson 02, the convolution module: what usual mistakes compute, by the reply to them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from omni_lib import encoder as library
from omni_lib.course.lessons.encoder.slips import Slips
from omni_lib.encoder import convolve_time


def slips(layers: library.ConvolutionModule, x: Tensor, mask: Tensor) -> Slips:
    """The reply to a mistake → what a module with it computes; real frames only count."""
    run = partial(partial, _convolved, layers, x, mask)
    inverted = {
        "the mask of `norm` is the wrong way round: it is true on the real frames": run(counted=~mask)
    }
    return {**_slips_of_the_gate(run), **_slips_of_the_mask(run), **inverted, **_slips_of_the_rest(run)}


def slips_in_training(layers: library.ConvolutionModule, x: Tensor, mask: Tensor) -> Slips:
    """Those that only the statistics of a batch show. Each works on layers of its own, whose norm learns."""
    run = partial(partial, _convolved)
    return {
        "the norm counts the padding too: `self.norm(x, mask)`": run(
            copy.deepcopy(layers), x, mask, counted=torch.ones_like(mask)
        )
    }


Run = Callable[..., Callable[[], Tensor]]


def _slips_of_the_gate(run: Run) -> Slips:
    def halves(combined: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda expanded: combined(*expanded.chunk(2, dim=-1))

    return {
        "the gate is missing: multiply the first half of `expand` by the sigmoid of the second": run(
            gated=halves(lambda values, gates: values)
        ),
        "the first half of `expand`, the values, is not used": run(
            gated=halves(lambda values, gates: gates.sigmoid())
        ),
        "the second half of `expand` becomes the gates, and not the values": run(
            gated=halves(lambda values, gates: gates)
        ),
        "the sigmoid is on the wrong half: the first half of `expand` are the values, the second becomes the "
        "gates": run(gated=halves(lambda values, gates: values.sigmoid() * gates)),
        "a gate must be between 0 and 1: the sigmoid is missing": run(
            gated=halves(lambda values, gates: values * gates)
        ),
        "the sigmoid belongs to the gates alone, not to the values": run(
            gated=halves(lambda values, gates: values.sigmoid() * gates.sigmoid())
        ),
        "a gate is the sigmoid of the second half, and not its SiLU": run(
            gated=halves(lambda values, gates: values * F.silu(gates))
        ),
        "a gate is between 0 and 1: a sigmoid makes it, and not tanh": run(
            gated=halves(lambda values, gates: values * gates.tanh())
        ),
        "each gate stands for itself: a sigmoid, and not a softmax over the channels": run(
            gated=halves(lambda values, gates: values * gates.softmax(dim=-1))
        ),
        "the gates are multiplied with the values, not added to them": run(
            gated=halves(lambda values, gates: values + gates.sigmoid())
        ),
        "the values are the first half of the channels, not every other one": run(
            gated=lambda expanded: expanded[..., ::2] * expanded[..., 1::2].sigmoid()
        ),
    }


def _slips_of_the_mask(run: Run) -> Slips:
    return {
        "the convolution reads the padding: multiply by `mask[..., None]` before `depthwise`, not after it": (
            run(zeros="none")
        ),
        "multiply by the mask after `expand`, and not before it: its bias writes into the padding": run(
            zeros="before"
        ),
        "the mask is the wrong way round: it is true on the real frames": run(zeros="inverted"),
        "a gate of 0 before the sigmoid is 0.5 after it: multiply by the mask after the gate": run(
            zeros="in the gate"
        ),
    }


def _slips_of_the_rest(run: Run) -> Slips:
    def causal(conv: nn.Conv1d, x: Tensor) -> Tensor:
        earlier = F.pad(x.transpose(1, 2), (int(conv.kernel_size[0]) - 1, 0))
        return F.conv1d(earlier, conv.weight, groups=conv.groups).transpose(1, 2)

    def regrouped(back: Callable[[Tensor, Tensor], Tensor]) -> Callable[[nn.Conv1d, Tensor], Tensor]:
        return lambda conv, x: back(conv(x.reshape(x.shape[0], x.shape[2], x.shape[1])), x)

    reply_to_reshape = "`reshape` mixes frames and channels: exchange the axes, `x.transpose(1, 2)`"

    def after_norm(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
        return lambda layers, x, y, counted: layers.output(function(layers.norm(y, counted)))

    return {
        "the convolution reads earlier frames only: it is centred, `padding=kernel_size // 2`": run(
            convolved=causal
        ),
        reply_to_reshape: run(convolved=regrouped(lambda y, x: y.transpose(1, 2))),
        reply_to_reshape + ", before and after `depthwise`": run(
            convolved=regrouped(lambda y, x: y.reshape(x.shape))
        ),
        "the convolution is missing": run(convolved=lambda conv, x: x),
        "the norm is missing": run(finished=lambda layers, x, y, counted: layers.output(F.silu(y))),
        "the activation is SiLU, and not ReLU": run(finished=after_norm(F.relu)),
        "the activation is SiLU, and not GELU": run(finished=after_norm(F.gelu)),
        "the activation is SiLU, x · sigmoid(x), and not the sigmoid alone": run(
            finished=after_norm(torch.sigmoid)
        ),
        "the activation is SiLU, and not tanh": run(finished=after_norm(torch.tanh)),
        "the SiLU after the norm is missing": run(finished=after_norm(lambda y: y)),
        "the norm comes before the SiLU, not after it": run(
            finished=lambda layers, x, y, counted: layers.output(layers.norm(F.silu(y), counted))
        ),
        "the SiLU comes before `output`, not after it": run(
            finished=lambda layers, x, y, counted: F.silu(layers.output(layers.norm(y, counted)))
        ),
        "the last map, `output`, is missing": run(
            finished=lambda layers, x, y, counted: F.silu(layers.norm(y, counted))
        ),
        "`x` must not be added here: that residual connection belongs to the block": run(
            finished=lambda layers, x, y, counted: x + after_norm(F.silu)(layers, x, y, counted)
        ),
    }


def _convolved(
    layers: library.ConvolutionModule,
    x: Tensor,
    mask: Tensor,
    *,
    gated: Callable[[Tensor], Tensor] = F.glu,
    zeros: str = "after the gate",
    convolved: Callable[[nn.Conv1d, Tensor], Tensor] = convolve_time,
    counted: Tensor | None = None,
    finished: Callable[..., Tensor] | None = None,
) -> Tensor:
    """`layers` applied to x (B, T, C), mask (B, T), as the library does it unless a step is replaced."""
    real = mask[..., None]
    expanded = layers.expand(x * real if zeros == "before" else x)
    if zeros == "in the gate":
        values, gates = expanded.chunk(2, dim=-1)
        expanded = torch.cat([values, gates * real], dim=-1)
    y = gated(expanded)
    y = {"after the gate": y * real, "inverted": y * ~real}.get(zeros, y)
    y = convolved(layers.depthwise, y)
    counted = mask if counted is None else counted
    if finished is not None:
        return finished(layers, x, y, counted)
    output: Tensor = layers.output(F.silu(layers.norm(y, counted)))
    return output
