"""Lesson 02: how the learner's convolution module is judged."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from omni_lib import encoder as library
from omni_lib.course.exercises.expectations import require, result_of
from omni_lib.course.exercises.sandbox import Attempt, NotYet, TooSlow
from omni_lib.course.lessons.encoder.building_judges import (
    batch,
    built,
    disturb_norms,
    expect_real_rows,
    seeded,
)
from omni_lib.course.lessons.encoder.convolution_slips import slips, slips_in_training
from omni_lib.course.lessons.encoder.gradients_judge import expect_gradients
from omni_lib.encoder import valid_frames

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
            known = slips_in_training(theirs, x, mask) if training else slips(theirs, x, mask)
            got, wanted = _result(mine, x, mask, named), theirs(x, mask)
            why = _WHY_IN_TRAINING if training else _WHY
            expect_real_rows(got, wanted, torch.tensor(lengths), known, why, named)
            _expect_statistics(mine, theirs, named)
        expect_gradients(part, theirs, (x, mask), torch.tensor(lengths))


_WHY = (
    "The order is: `expand`, the gate, the mask, `depthwise`, `norm` with the mask, SiLU, `output`. A frame "
    "at the edge has zeros as its neighbours outside."
)
_WHY_IN_TRAINING = (
    "In evaluation mode it is right. In training mode only `norm` does something else. There must be no "
    "`eval()` inside, and a dropout belongs to the block."
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
            "`depthwise` reads several channels for each of its outputs, as an ordinary convolution does. "
            "With `groups=d_model` each channel has one kernel of its own"
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
