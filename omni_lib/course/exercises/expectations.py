"""What a judge expects of a function, and the reply where the result differs. It shows three numbers at most.

A judge names the `case` in words ("Two frames, one letter"), so that the reply can say for which input the
result differs without printing that input.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omni_lib.course.exercises.differences import (
    axes_described,
    joined,
    other_shape,
    other_values,
    scale_of,
    too_few_digits,
)
from omni_lib.course.exercises.sandbox import (
    MOST_NUMBERS,
    Attempt,
    NotYet,
    TooSlow,
    as_written,
    described,
    numbers_in,
)


def require(holds: bool, message: str) -> None:
    """Raise NotYet with `message` unless `holds`."""
    if not holds:
        raise NotYet(message)


@contextmanager
def slow_or_endless(case: str) -> Iterator[None]:
    """What is told when time runs out in an exercise where a recursion without a memory is a usual answer.

    Raises:
        NotYet: the time limit is exceeded.
    """
    try:
        yield
    except TooSlow as found:
        raise NotYet(
            f"{case}: your function takes too long. Is one of its loops endless? If none is: a recursion, or "
            "a list of all possibilities, computes the same values again and again, and each further step "
            "multiplies the time. Keep the values that are computed, in a table or with `functools.cache`"
        ) from found


def called_with(case: str) -> str:
    """The beginning of a reply."""
    return f"{case}: your function returns" if case else "your function returns"


def result_of(attempt: Attempt, arguments: tuple[Any, ...], case: str) -> Any:
    """What the function returns for `arguments`; a reply to an exception begins with `case`."""
    try:
        return attempt(*arguments)
    except TooSlow:
        raise
    except NotYet as found:
        message = f"{case}: {found}" if case else str(found)
        if case and len(numbers_in(message.split(" raises ")[0])) > MOST_NUMBERS:  # the case tells them
            message = f"{case}: {str(found).removeprefix(f'called with {as_written(arguments)}, ')}"
        raise NotYet(message) from found


def whole_numbers(values: Any) -> list[int]:
    """The entries of a list, an array or a tensor with one axis, as whole numbers of Python.

    Raises:
        TypeError, ValueError, OverflowError: an entry is a text, or not a whole number.
    """
    entries = list(values)
    numbers = [int(entry) for entry in entries]
    if any(isinstance(entry, str) or entry != int(entry) for entry in entries):
        raise ValueError(values)
    return numbers


def expect_equal(
    attempt: Attempt, arguments: tuple[Any, ...], expected: Any, why: str = "", case: str = ""
) -> None:
    """The result for `arguments` must equal a plain value: a number, a text, or a list of those.

    Where a list is expected, a tuple, an array or a tensor with one axis is right too.

    Args:
        why: how a reply to another value ends.
        case: `arguments` in words, with which a reply begins.

    Raises:
        NotYet: the result differs.
    """
    returned = got = result_of(attempt, arguments, case)
    if isinstance(got, (Tensor, np.ndarray, np.generic)):
        got = got.tolist()
    plain = [_plain(entry) for entry in got] if isinstance(got, (tuple, list)) else got
    wanted = list(expected) if isinstance(expected, tuple) else expected
    begins, ends = called_with(case), f" {why}" if why else ""
    if isinstance(wanted, list):
        if not isinstance(plain, list):
            raise NotYet(f"{begins} {described(returned)}; a list is wanted, or a tensor with one axis")
        if plain != wanted:
            raise NotYet(f"{begins} {_other_list(plain, wanted, returned, begins, ends)}")
        return
    number_wanted = isinstance(wanted, (int, float)) and not isinstance(wanted, bool)
    if number_wanted and not isinstance(plain, (int, float)):
        raise NotYet(f"{begins} {described(returned)}; a number is wanted")
    if plain != wanted:
        raise NotYet(f"{begins} {described(plain)}, and it should be {wanted!r}.{ends}")


def _other_list(plain: list[Any], wanted: list[Any], returned: Any, begins: str, ends: str) -> str:
    """How a list differs from the one that is wanted, as the end of the reply that `begins`.

    Args:
        returned: what the function returned, before it became `plain`.
        ends: how a reply to other values ends.
    """
    texts = [entry for entry in plain if isinstance(entry, str)]
    if texts and not any(isinstance(entry, str) for entry in wanted):
        return f"a list that contains the text {texts[0]!r}; numbers are wanted"
    if len(plain) in (1, len(wanted)) and any(isinstance(entry, (list, tuple)) for entry in plain):
        form = described(returned) if isinstance(returned, (Tensor, np.ndarray)) else "a list of lists"
        return f"{form}; a plain list of numbers is wanted, with one axis (`flatten`)"
    whole = f"{plain!r}, and it should be {wanted!r}."
    if len(numbers_in(f"{begins} {whole}")) <= MOST_NUMBERS and len(f"{begins} {whole}") <= 160:
        return whole + ends
    if len(plain) != len(wanted):
        return f"a list of length {len(plain)}, and it should have length {len(wanted)}.{ends}"
    place, mine, right = next(
        (place, mine, right)
        for place, (mine, right) in enumerate(zip(plain, wanted, strict=True))
        if mine != right
    )
    found = f"a list whose entry {place} is {described(mine)}, and it should be {right!r}"
    if not isinstance(mine, (bool, int, float)):  # a text, or a list: no mistake in a value
        return f"{found}, a number"
    return f"{found}.{ends}"


def _plain(entry: Any) -> Any:
    """An entry of a list as a number of Python, where it is one of NumPy or torch."""
    if isinstance(entry, Tensor) and entry.numel() == 1 or isinstance(entry, np.generic):
        return entry.item()
    return entry


def expect_close(
    attempt: Attempt,
    arguments: tuple[Any, ...],
    expected: Tensor | float,
    why: str = "",
    axes: str = "",
    tolerance: float = 1e-4,
    case: str = "",
) -> Tensor:
    """The result for `arguments` must be a tensor (or array, number, list) close to `expected`.

    Args:
        why: how a reply to wrong values ends.
        axes: names of the axes of `expected`, such as "B T D", for replies to wrong shapes.
        tolerance: relative to each value, and to the largest; float16 has too few digits for the default.
        case: `arguments` in words, with which a reply begins.

    Returns:
        The result, in float64.

    Raises:
        NotYet: its type, shape or values are wrong.
    """
    return compare(result_of(attempt, arguments, case), expected, why, axes, tolerance, case)


def compare(
    got: Any,
    expected: Tensor | float,
    why: str = "",
    axes: str = "",
    tolerance: float = 1e-4,
    case: str = "",
) -> Tensor:
    """`got` as a tensor in float64, if it is close to `expected`; see `expect_close`."""
    wanted = torch.as_tensor(expected).detach().double()
    begins = called_with(case)
    if isinstance(got, (Fraction, Decimal)):
        got = float(got)
    shapes = (
        [each.shape if isinstance(each, Tensor) else None for each in got] if isinstance(got, tuple) else []
    )
    several = None not in shapes and len({len(shape) for shape in shapes if shape is not None}) > 1
    if wanted.ndim and (wanted.shape in shapes or several):  # and not rows, which have an axis less
        raise NotYet(
            f"{begins} {described(got)}; return the one tensor that is wanted, and nothing beside it"
        )
    try:
        tensor = torch.as_tensor(got).detach()
    except (TypeError, ValueError, RuntimeError):
        kind = "a number" if wanted.ndim == 0 else f"a tensor {axes_described(wanted, axes)}"
        raise NotYet(f"{begins} {described(got)}; {kind} is wanted{joined(got, wanted)}") from None
    if tensor.is_complex():
        raise NotYet(f"{begins} complex numbers; their magnitude (`.abs()`) or its square is wanted")
    if tensor.shape != wanted.shape:
        raise NotYet(f"{begins} {other_shape(got, tensor, wanted, axes)}")
    value = tensor.double()
    close = torch.isclose(value, wanted, rtol=tolerance, atol=tolerance * scale_of(wanted), equal_nan=True)
    if not bool(close.all()):
        # torch makes float32 of a Python float, which has more digits
        dtype = tensor.dtype if isinstance(got, (Tensor, np.ndarray, np.generic)) else torch.float64
        why = too_few_digits(value, wanted, dtype, tolerance) or why
        raise NotYet(f"{begins} {other_values(value, wanted, close, axes)} {why}".strip())
    return value
