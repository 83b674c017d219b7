"""Lesson 02: whether training reaches each weight of a learner's part or function, and what is before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from omni_lib.course.exercises import sandbox
from omni_lib.course.exercises.expectations import require
from omni_lib.course.exercises.sandbox import Attempt, NotYet, described
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


def expect_gradients_of_function(
    attempt: Attempt, wanted: Callable[..., Tensor], named: dict[str, Tensor], others: tuple[Tensor, ...] = ()
) -> None:
    """Training must reach each input of a function, as it does through the library's.

    Args:
        wanted: the library's function.
        named: the inputs of which a gradient is wanted, in their order, by name.
        others: the inputs after them.

    Raises:
        NotYet: a gradient is missing, or is not the library's.
    """
    found = []
    for function in (attempt.function, wanted):
        inputs = [value.clone().requires_grad_() for value in named.values()]
        try:
            result, _ = sandbox.call(function, (*inputs, *others), attempt.seconds, "inputs with a gradient")
        except NotYet as error:
            require("numpy()" not in str(error), _IN_NUMPY)
            raise
        require(not isinstance(result, np.ndarray), _IN_NUMPY)
        require(torch.is_tensor(result), f"a tensor is wanted; your function returns {described(result)}")
        require(result.requires_grad, f"{_STOPPED} the inputs. {_ASK}")
        weights = torch.randn(result.shape, generator=torch.Generator().manual_seed(9))
        try:
            gradients = torch.autograd.grad((result * weights).sum(), inputs, allow_unused=True)
        except RuntimeError as error:
            raise NotYet(_why_backward_fails(error)) from error
        found.append(gradients)
    for name, mine, theirs in zip(named, *found, strict=True):
        require(mine is not None and bool((mine != 0).any()), f"{_STOPPED} `{name}`. {_ASK}")
        require(
            float((mine - theirs).norm()) <= TOLERANCE * float(theirs.norm()),
            f"the values are right, but the gradient of `{name}` is not torch's: a part of the way back to "
            f"it is missing. {_ASK}",
        )


_IN_NUMPY = (
    "the values are right, but NumPy computes no gradients, which training needs. Compute with tensors: use "
    "the functions of torch"
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
