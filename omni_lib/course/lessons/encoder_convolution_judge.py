"""Lesson 02: how the learner's convolution module is judged, and what usual mistakes in it compute."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from omni_lib import encoder as library
from omni_lib.course.exercises.expectations import require, result_of
from omni_lib.course.exercises.sandbox import Attempt, NotYet, TooSlow
from omni_lib.course.lessons.encoder_building_judges import (
    batch,
    built,
    disturb_norms,
    expect_gradients,
    expect_real_rows,
    seeded,
)
from omni_lib.course.lessons.encoder_slips import Slips
from omni_lib.encoder import convolve_time, valid_frames

CHANNELS = 24


def convolution_module(attempt: Attempt) -> None:
    for kernel_size, lengths, frames, case in (
        (3, [10], 10, "One clip"),
        (15, [40, 27, 9], 41, "A padded batch"),  # no clip reaches the end
        (31, [7, 3, 1], 7, "Clips shorter than the kernel"),
    ):
        with seeded(kernel_size):
            layers = library.ConvolutionModule(CHANNELS, kernel_size)
            disturb_norms(layers)
        x, mask = batch(len(lengths), frames, CHANNELS), valid_frames(torch.tensor(lengths), frames)
        part = _built(attempt, kernel_size, layers, (x, mask))
        for training in (False, True):
            mine, theirs = part.train(training), copy.deepcopy(layers).train(training)
            named = f"{case}, in training mode" if training else case
            known = _slips_in_training(theirs, x, mask) if training else slips(theirs, x, mask)
            got, wanted = _result(mine, x, mask, named), theirs(x, mask)
            why = _WHY_IN_TRAINING if training else _WHY
            expect_real_rows(got, wanted, torch.tensor(lengths), known, why, named)
            _expect_statistics(mine, theirs, named)
        expect_gradients(part, (x, mask))


_WHY = (
    "The order is: `expand`, the gate, the mask, `depthwise`, `norm` with the mask, SiLU, `output`. A frame "
    "at the edge has zeros as its neighbours outside."
)
_WHY_IN_TRAINING = (
    "In evaluation mode it is right. In training mode only `norm` does something else; a dropout belongs to "
    "the block."
)


def _built(
    attempt: Attempt, kernel_size: int, layers: nn.Module, arguments: tuple[Tensor, Tensor]
) -> nn.Module:
    """As `built`; where the weights do not fit, the reply names the layer and what is wrong with it."""
    try:
        return built(attempt, (CHANNELS, kernel_size), layers, arguments)
    except NotYet as found:
        if isinstance(attempt.function, nn.Module):  # it is not the class
            raise
        part = attempt(CHANNELS, kernel_size)
        raise NotYet(_other_layer(part, kernel_size) or str(found)) from found


def _other_layer(part: Any, kernel_size: int) -> str | None:
    """What is wrong with the layers of a learner's module; None for what has no reply of its own."""
    depthwise = getattr(part, "depthwise", None)
    if depthwise is ...:
        return "`depthwise` is still blank in `__init__`: it is an `nn.Conv1d`"
    if isinstance(depthwise, nn.Conv2d):
        return "`depthwise` has only time to move over: it is an `nn.Conv1d`"
    if not isinstance(depthwise, nn.Conv1d):
        return None
    if depthwise.groups != CHANNELS:
        return (
            "`depthwise` is an ordinary convolution, which reads all channels for each of its outputs. With "
            "`groups=d_model` each channel has one kernel of its own"
        )
    if depthwise.kernel_size != (kernel_size,):
        return "the kernel of `depthwise` must have the size that `kernel_size` says"
    if depthwise.bias is not None:
        return "`depthwise` has a bias, which the norm behind it would subtract again: `bias=False`"
    return None


def _result(part: nn.Module, x: Tensor, mask: Tensor, case: str) -> Any:
    """What the learner's module returns; where axes or lengths do not fit inside, the reply says where."""
    given: dict[str, torch.Size] = {}

    def note(name: str, layer: nn.Module, arguments: tuple[Any, ...]) -> None:
        if arguments and torch.is_tensor(arguments[0]):
            given[name] = arguments[0].shape

    layers = dict(part.named_children())
    torchs = isinstance(layers["norm"], nn.BatchNorm1d)  # with other axes, and right on valid frames alone
    noted = ("depthwise",) if torchs else ("depthwise", "norm")
    hooks = [layers[name].register_forward_pre_hook(partial(note, name)) for name in noted]
    try:
        result = result_of(Attempt(part), (x, mask), case)
    except TooSlow:
        raise
    except NotYet as found:
        reply = _other_axes(given, x) or (_COUNTS_ALL if torchs else None)
        raise NotYet(f"{case}: {reply}" if reply else str(found)) from found
    finally:
        for hook in hooks:
            hook.remove()
    if reply := _other_axes(given, x):
        raise NotYet(f"{case}: {reply}")
    return result


_COUNTS_ALL = "`BatchNorm1d` takes no mask, and counts the padding too: `norm` is a `MaskedBatchNorm`"


def _other_axes(given: dict[str, torch.Size], x: Tensor) -> str | None:
    """The reply to the shapes that `depthwise` and `norm` were given, where they cannot be right."""
    clips, frames, channels = x.shape
    if given.get("depthwise") == (clips, frames, channels):
        return (
            "`nn.Conv1d` moves over the last axis, and needs (B, C, T). Exchange the axes before "
            "`depthwise`, `x.transpose(1, 2)`, and again after it"
        )
    shape = given.get("norm")
    if shape is None or len(shape) != 3 or shape == x.shape or shape[0] != clips:
        return None
    if shape[1] == channels:
        return "`norm` needs (B, T, C): exchange the axes again after `depthwise`, `transpose(1, 2)`"
    if shape[2] == channels:
        return (
            "`depthwise` must return as many frames as it is given: `padding=kernel_size // 2` puts zeros in "
            "front of the first frame and behind the last"
        )
    return None


def _expect_statistics(mine: nn.Module, theirs: nn.Module, case: str) -> None:
    """After one call, the running statistics of both norms must be the same."""
    for name in ("norm.running_mean", "norm.running_var"):
        got, wanted = (module.state_dict()[name] for module in (mine, theirs))
        require(
            bool(torch.allclose(got, wanted, rtol=1e-4, atol=1e-4)),
            f"{case}: the result is right, but not `{name}` after it. Call `norm` once in each `forward`, "
            "and leave its averages to it",
        )


def slips(layers: library.ConvolutionModule, x: Tensor, mask: Tensor) -> Slips:
    """The reply to a mistake → what a module with it computes; real frames only count."""
    run = partial(partial, _convolved, layers, x, mask)
    return {**_slips_of_the_gate(run), **_slips_of_the_mask(run), **_slips_of_the_rest(run)}


def _slips_in_training(layers: library.ConvolutionModule, x: Tensor, mask: Tensor) -> Slips:
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
