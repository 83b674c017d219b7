"""Lesson 02: whether training reaches each weight of a part that a learner builds, and what is before it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from omni_lib.course.exercises import sandbox
from omni_lib.course.exercises.expectations import require
from omni_lib.course.exercises.sandbox import NotYet
from omni_lib.encoder import valid_frames

# Relative to the norm of the library's gradient. Rounding makes 1e-4; a path that is cut off, more than 0.1.
TOLERANCE = 1e-2
INPUT = "the input"
_STOPPED = "the values are right, but no gradient reaches"
_ASK = "Is there a `detach`, a `no_grad` or NumPy on the way, here or in a function that is called?"


def expect_gradients(
    part: nn.Module,
    layers: nn.Module,
    arguments: tuple[Tensor, ...],
    lengths: Tensor,
    of_input: bool = True,
) -> None:
    """Training must reach each weight: a `.detach()` or `no_grad` on the way would stop it.

    Args:
        part: the learner's, with the weights of `layers`, the library's, and in the same mode.
        lengths: the real frames of the result, of which the gradient is taken.
        of_input: whether the gradient of the first argument counts too: parts before this one need it.

    Raises:
        NotYet: a gradient is missing, or is not the library's.
    """
    wanted = _gradients(layers, arguments, lengths, of_input)
    found = _gradients(part, arguments, lengths, of_input)
    for name, gradient in wanted.items():
        reached = name in found and bool((found[name] != 0).any())
        require(reached or not bool((gradient != 0).any()), f"{_STOPPED} {_quoted(name)}. {_ASK}")
    largest = max(float(gradient.norm()) for gradient in wanted.values())
    for name, gradient in wanted.items():
        room = TOLERANCE * max(float(gradient.norm()), 1e-3 * largest)
        # an attention that leaves NaN in the padding's own rows is right, and makes the gradients NaN
        same = not bool(found[name].isfinite().all()) or float((found[name] - gradient).norm()) <= room
        require(
            same,
            f"the values are right, but the gradient of {_quoted(name)} is not the library's: a part of the "
            f"way back to it is missing. {_ASK}",
        )


def _quoted(name: str) -> str:
    return name if name == INPUT else f"`{name}`"


def _gradients(
    part: nn.Module, arguments: tuple[Tensor, ...], lengths: Tensor, of_input: bool
) -> dict[str, Tensor]:
    """The gradient of a sum over the real frames of the result, by the name of the weight."""
    first, *others = (argument.clone() for argument in arguments)
    first.requires_grad_(of_input)
    part.zero_grad()
    returned, _ = sandbox.call(part, (first, *others), sandbox.SECONDS, "a padded batch")
    result = returned[0] if isinstance(returned, (tuple, list)) else returned
    require(bool(result.requires_grad), f"{_STOPPED} the weights. {_ASK}")
    weights = torch.randn(result.shape, generator=torch.Generator().manual_seed(9))
    real = valid_frames(lengths, result.shape[1])[..., None]
    try:
        (torch.where(real, result, 0.0) * weights).sum().backward()
    except RuntimeError as error:
        raise NotYet(_why_backward_fails(error)) from error
    named: dict[str, Any] = {name: weight.grad for name, weight in part.named_parameters()}
    if of_input:
        named[INPUT] = first.grad
    return {name: gradient for name, gradient in named.items() if gradient is not None}


def _why_backward_fails(error: RuntimeError) -> str:
    if "inplace operation" in str(error):
        return (
            "the values are right, but `backward` fails: a change in place (`+=`, `*=`, `add_`) overwrites "
            "values that the gradient is computed from. Write the result into a new tensor, such as "
            "`x = x + …`"
        )
    return f"the values are right, but `backward` fails ({str(error).split(', which is')[0]})"
