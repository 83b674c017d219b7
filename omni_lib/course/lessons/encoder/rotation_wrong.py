"""Lesson 02, the rotation: wrong answers with words of the reply, and other right ones."""

from __future__ import annotations

import inspect
import math
from typing import Any

import torch
from torch import Tensor

from omni_lib.course.lessons.encoder import solutions


def with_changes(answer: Any, *changes: tuple[str, str]) -> Any:
    """`answer` with parts of its source replaced: one mistake in an answer that is right otherwise."""
    source = inspect.getsource(answer)
    for right, wrong in changes:
        assert right in source, right
        source = source.replace(right, wrong)
    scope = dict(vars(solutions))
    exec("from __future__ import annotations\n" + source, scope)  # noqa: S102  (our own source)
    return scope[answer.__name__]


def _interleaved(x: Tensor) -> Tensor:
    """The rotation of neighbouring channels, as in the paper's own formula."""
    half = x.shape[-1] // 2
    angle = torch.arange(x.shape[-2])[:, None] * 10_000.0 ** (-torch.arange(half) / half)
    a, b = x[..., ::2], x[..., 1::2]
    turned = (a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos())
    return torch.stack(turned, dim=-1).flatten(-2)


def _overwrites_a(x: Tensor) -> Tensor:
    half, y = x.shape[-1] // 2, x.clone()
    angle = torch.arange(x.shape[-2])[:, None] * 10_000.0 ** (-torch.arange(half) / half)
    y[..., :half] = y[..., :half] * angle.cos() - y[..., half:] * angle.sin()
    y[..., half:] = y[..., :half] * angle.sin() + y[..., half:] * angle.cos()
    return y


def _alternating(x: Tensor) -> Tensor:
    return torch.stack(solutions.rotate(x).chunk(2, dim=-1), dim=-1).flatten(-2)


def _angles_of_neighbours(x: Tensor) -> Tensor:
    """Two common programs mixed: the halves of the one, the angles of the other."""
    size = x.shape[-1]
    angle = torch.outer(torch.arange(x.shape[-2]).float(), 10_000.0 ** (-torch.arange(0, size, 2) / size))
    angle = angle.repeat_interleave(2, dim=-1)
    return x * angle.cos() + torch.cat([-x[..., size // 2 :], x[..., : size // 2]], dim=-1) * angle.sin()


def _by_doubled_angles(x: Tensor) -> Tensor:
    """The same two halves, with the angles repeated as a whole."""
    size = x.shape[-1]
    angle = torch.outer(torch.arange(x.shape[-2]).float(), 10_000.0 ** (-torch.arange(0, size, 2) / size))
    angle = torch.cat([angle, angle], dim=-1)
    return x * angle.cos() + torch.cat([-x[..., size // 2 :], x[..., : size // 2]], dim=-1) * angle.sin()


def _still_complex(x: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    angle = torch.arange(x.shape[-2])[:, None] * 10_000.0 ** (-torch.arange(half) / half)
    return torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(angle), angle)


def as_complex_numbers(x: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    angle = torch.arange(x.shape[-2])[:, None] * 10_000.0 ** (-torch.arange(half) / half)
    turned = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([turned.real, turned.imag], dim=-1)


def _frame_by_frame(x: Tensor) -> Tensor:
    size = x.shape[-1] // 2
    result = torch.empty_like(x)
    for t in range(x.shape[-2]):
        for i in range(size):
            angle = t / 10_000 ** (2 * i / x.shape[-1])
            a, b = x[..., t, i], x[..., t, i + size]
            result[..., t, i] = a * math.cos(angle) - b * math.sin(angle)
            result[..., t, i + size] = a * math.sin(angle) + b * math.cos(angle)
    return result


WRONG: list[tuple[Any, str]] = [
    (_interleaved, "not of two neighbouring ones"),
    (with_changes(solutions.rotate, ("* angle.sin()", "* (-angle).sin()")), "the other way round"),
    (with_changes(solutions.rotate, ("frame[:, None]", "(frame[:, None] + 1)")), "has the position 0"),
    (
        with_changes(solutions.rotate, ("-channel / half", "-channel / x.shape[-1]")),
        "the exponent is -2i / D",
    ),
    (with_changes(solutions.rotate, ("-channel / half", "channel / half")), "the exponent is negative"),
    (with_changes(solutions.rotate, (" * 10_000.0 ** (-channel / half)", "")), "each pair has its own"),
    (with_changes(solutions.rotate, ("x.shape[-2]", "x.shape[1]")), "Two frames, one pair"),
    (
        with_changes(solutions.rotate, ("-channel / half", "-torch.linspace(0, 1, half)")),
        "Three frames, three",
    ),
    (
        with_changes(solutions.rotate, ("- b * angle.sin()", "+ b * angle.sin()")),
        "and the signs of the formula",
    ),
    (lambda x: torch.roll(solutions.rotate(x), 1, -1), "nothing changes there"),
    (_overwrites_a, "keep the old a"),
    (_alternating, "the new channels alternate"),
    (_angles_of_neighbours, "need the same angle"),
    (with_changes(solutions.rotate, ("-channel / half", "-2 * channel / half")), "twice as fast"),
    (_still_complex, "their imaginary parts the second"),
    (lambda x: solutions.rotate(x).chunk(2, dim=-1), "`torch.cat` makes one"),
    (lambda x, ours=solutions.rotate: ours(x.detach()), "no gradient reaches the inputs"),
    (lambda x, ours=solutions.rotate: ours(torch.from_numpy(x.numpy())), "NumPy computes no gradients"),
]

OTHER_RIGHT: list[Any] = [
    as_complex_numbers,
    _by_doubled_angles,
    _frame_by_frame,
    lambda x, ours=solutions.rotate: ours(x.double()),
]
