"""What a judge expects of a function, and the reply where the result differs. It shows three numbers at most.

A judge names the `case` in words ("Two frames, one letter"), so that the reply can say for which input the
result differs without printing that input.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omni_lib.course.exercises.sandbox import MOST_NUMBERS, Attempt, NotYet, TooSlow, described, numbers_in

_SHORT = (torch.float16, torch.bfloat16)


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
        raise NotYet(f"{case}: {found}" if case else str(found)) from found


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
        kind = "a number" if wanted.ndim == 0 else f"a tensor {_axes_described(wanted, axes)}"
        raise NotYet(f"{begins} {described(got)}; {kind} is wanted{_joined(got, wanted)}") from None
    if tensor.is_complex():
        raise NotYet(f"{begins} complex numbers; their magnitude (`.abs()`) or its square is wanted")
    if tensor.shape != wanted.shape:
        raise NotYet(_shape_message(got, tensor, wanted, axes, case))
    value = tensor.double()
    close = torch.isclose(value, wanted, rtol=tolerance, atol=tolerance * _scale(wanted), equal_nan=True)
    if not bool(close.all()):
        # torch makes float32 of a Python float, which has more digits
        dtype = tensor.dtype if isinstance(got, (Tensor, np.ndarray, np.generic)) else torch.float64
        why = _too_few_digits(value, wanted, dtype, tolerance) or why
        raise NotYet(f"{begins} {_value_message(value, wanted, close, axes)} {why}".strip())
    return value


def _joined(got: Any, wanted: Tensor) -> str:
    """How to make one tensor of several, if `got` is a list or tuple of tensors."""
    parts = [part for part in got if isinstance(part, Tensor)] if isinstance(got, (list, tuple)) else []
    if not parts:
        return ""
    return f" (`torch.{'cat' if parts[0].ndim == wanted.ndim else 'stack'}` makes one of a list of tensors)"


def _too_few_digits(got: Tensor, wanted: Tensor, dtype: torch.dtype, tolerance: float) -> str:
    """What to reply to values (float64) that differ by rounding only; "" if they differ by more.

    Args:
        dtype: the type in which the function returned them.
        tolerance: with which they are compared.
    """
    if got.ndim == 0 and _rounded(float(got), float(wanted)):
        return "That is rounded; do not round."
    if got.ndim and any(_are_rounded(got, wanted, digits) for digits in (2, 3, 4)):
        return "The values are rounded; do not round."
    if dtype in _SHORT and torch.allclose(got, wanted, 2e-2, 2e-2):
        return f"{str(dtype).removeprefix('torch.')} has too few digits: compute in float32."
    near = tolerance < 1e-5 and torch.allclose(got, wanted, 1e-5, 1e-5 * _scale(wanted))
    if dtype == torch.float32 and near:
        return "They differ by rounding: float32 has too few digits, so compute in float64."
    return ""


def _rounded(got: float, wanted: float) -> bool:
    """Whether `got` is `wanted` with one to five decimals, and at least two digits."""
    if not math.isfinite(wanted):
        return False
    first = 1 if abs(wanted) >= 1 else 2
    places = [digits for digits in range(first, 6) if round(wanted, digits) != round(wanted, digits - 1)]
    return any(math.isclose(got, round(wanted, digits), rel_tol=1e-6) for digits in places)


def _are_rounded(got: Tensor, wanted: Tensor, digits: int) -> bool:
    rounded = wanted.round(decimals=digits)
    return bool(got.any()) and bool(torch.allclose(got, rounded, 1e-6, 1e-9, equal_nan=True))


def _scale(wanted: Tensor) -> float:
    """The largest finite magnitude, or 1 where nothing is finite."""
    finite = wanted[wanted.isfinite()]
    return float(finite.abs().max()) if finite.numel() else 1.0


def _axes_described(wanted: Tensor, axes: str) -> str:
    named = f" ({', '.join(axes.split())})" if axes and wanted.ndim > 1 else ""
    if wanted.ndim <= 2:
        return f"of shape {tuple(wanted.shape)}{' =' + named if named else ''}"
    return f"with {wanted.ndim} axes{named}"


def _shape_message(answer: Any, got: Tensor, wanted: Tensor, axes: str, case: str) -> str:
    names = axes.split() or [str(number) for number in range(wanted.ndim)]
    flat = got.ndim <= 1 and isinstance(answer, (list, tuple))
    found = f"{called_with(case)} {described(answer if flat else got)}"
    if wanted.ndim == 0:
        return f"{found}; a single number is wanted"
    if got.ndim == wanted.ndim - 1:
        return (
            f"{found}; one {_axes_described(wanted, axes)} is wanted. "
            "An axis is missing (did a sum or a mean remove it? `keepdim=True`, `[None]`)"
        )
    if got.ndim == wanted.ndim + 1:
        return (
            f"{found}; one {_axes_described(wanted, axes)} is wanted. "
            "There is one axis too many (`squeeze`, or an index)"
        )
    if got.ndim != wanted.ndim:
        return f"{found}; one {_axes_described(wanted, axes)} is wanted"
    if sorted(got.shape) == sorted(wanted.shape):
        where = f": ({', '.join(names)}) is wanted" if axes else ""
        return f"{found} that are in another order{where} (`transpose`, `permute`)"
    axis = next(number for number in range(wanted.ndim) if got.shape[number] != wanted.shape[number])
    size = f"{got.shape[axis]} along axis {names[axis]}; {wanted.shape[axis]} are wanted"
    return f"{called_with(case)} a result of length {size}"


def _value_message(got: Tensor, wanted: Tensor, close: Tensor, axes: str) -> str:
    if bool(got.isnan().any()) and not bool(wanted.isnan().any()):
        what = "values that are NaN" if got.ndim else "NaN"
        return f"{what} (0 / 0, log of a negative number, or inf - inf?)."
    if got.ndim == 0:
        return f"{float(got):.6g}, and it should be {float(wanted):.6g}."
    nonzero = (wanted != 0) & wanted.isfinite()
    ratios = got[nonzero] / wanted[nonzero]
    if ratios.numel() > 1 and torch.allclose(ratios, ratios[0].expand_as(ratios), rtol=1e-3):
        if float(ratios[0]) != 0 and bool(ratios[0].isfinite()) and not 0.999 < float(ratios[0]) < 1.001:
            return f"values that differ: every value is {float(ratios[0]):.4g} times what it should be."
    first = tuple(int(index) for index in (~close).nonzero()[0])
    mine, right = (f"{float(values[first]):.5g}" for values in (got, wanted))
    if mine == right:  # a difference that only more digits show
        mine, right = (f"{float(values[first]):.9g}" for values in (got, wanted))
    where = f"at {axes.split()[0] if axes else 'index'} = {first[0]}"
    differ = "values that differ" if int((~close).sum()) > 1 else "a value that differs"
    return f"{differ}: {where} one is {mine} and should be {right}."
