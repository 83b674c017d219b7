"""How a tensor differs from the one that is wanted, in words with three numbers at most."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from omni_lib.course.exercises.sandbox import described

_SHORT = (torch.float16, torch.bfloat16)


def joined(got: Any, wanted: Tensor) -> str:
    """How to make one tensor of several, if `got` is a list or tuple of tensors."""
    parts = [part for part in got if isinstance(part, Tensor)] if isinstance(got, (list, tuple)) else []
    if not parts:
        return ""
    return f" (`torch.{'cat' if parts[0].ndim == wanted.ndim else 'stack'}` makes one of a list of tensors)"


def too_few_digits(got: Tensor, wanted: Tensor, dtype: torch.dtype, tolerance: float) -> str:
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
        enough = "float64" if tolerance < 1e-5 else "float32"
        return f"{str(dtype).removeprefix('torch.')} has too few digits: compute in {enough}."
    near = tolerance < 1e-5 and torch.allclose(got, wanted, 1e-5, 1e-5 * scale_of(wanted))
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


def scale_of(wanted: Tensor) -> float:
    """The largest finite magnitude, or 1 where nothing is finite."""
    finite = wanted[wanted.isfinite()]
    return float(finite.abs().max()) if finite.numel() else 1.0


def axes_described(wanted: Tensor, axes: str) -> str:
    """The shape of a tensor, with the names of its axes."""
    named = f" ({', '.join(axes.split())})" if axes and wanted.ndim > 1 else ""
    if wanted.ndim <= 2:
        return f"of shape {tuple(wanted.shape)}{' =' + named if named else ''}"
    return f"with {wanted.ndim} axes{named}"


def other_shape(answer: Any, got: Tensor, wanted: Tensor, axes: str) -> str:
    """What the shape of `got`, which is `answer` as a tensor, should be, as the end of a sentence."""
    names = axes.split() or [str(number) for number in range(wanted.ndim)]
    flat = got.ndim <= 1 and isinstance(answer, (list, tuple))
    found = described(answer if flat else got)
    if wanted.ndim == 0:
        return f"{found}; a single number is wanted"
    if got.ndim == wanted.ndim - 1:
        return (
            f"{found}; one {axes_described(wanted, axes)} is wanted. "
            "An axis is missing (did a sum or a mean remove it? `keepdim=True`, `[None]`)"
        )
    if got.ndim == wanted.ndim + 1:
        return (
            f"{found}; one {axes_described(wanted, axes)} is wanted. "
            "There is one axis too many (`squeeze`, or an index)"
        )
    if got.ndim != wanted.ndim:
        return f"{found}; one {axes_described(wanted, axes)} is wanted"
    if sorted(got.shape) == sorted(wanted.shape):
        where = f": ({', '.join(names)}) is wanted" if axes else ""
        return f"{found} that are in another order{where} (`transpose`, `permute`)"
    axis = next(number for number in range(wanted.ndim) if got.shape[number] != wanted.shape[number])
    size = f"{got.shape[axis]} along axis {names[axis]}; {wanted.shape[axis]} are wanted"
    return f"a result of length {size}"


def _cause(factor: float) -> str:
    """What a factor may come from, in words that go on from a sentence about it; "" if it is not known."""
    for known, words in (
        (-1.0, ": the sign is wrong"),
        (1 / math.log(10), ", as decimal logarithms are"),
        (1 / math.log(2), ", as logarithms to base two are"),
    ):
        if math.isclose(factor, known, rel_tol=1e-4):
            return words
    return ""


def other_values(got: Tensor, wanted: Tensor, close: Tensor, axes: str) -> str:
    """What the values of `got` should be, where they are not `close`, as the end of a sentence."""
    if bool(got.isnan().any()) and not bool(wanted.isnan().any()):
        what = "values that are NaN" if got.ndim else "NaN"
        return f"{what} (0 / 0, log of a negative number, or inf - inf?)."
    if got.ndim == 0:
        return f"{float(got):.6g}, and it should be {float(wanted):.6g}."
    nonzero = (wanted != 0) & wanted.isfinite()
    ratios = got[nonzero] / wanted[nonzero]
    if ratios.numel() > 1 and torch.allclose(ratios, ratios[0].expand_as(ratios), rtol=1e-3):
        if float(ratios[0]) != 0 and bool(ratios[0].isfinite()) and not 0.999 < float(ratios[0]) < 1.001:
            factor = float(ratios[0])
            return f"values that differ: every value is {factor:.4g} times what it should be{_cause(factor)}."
    first = tuple(int(index) for index in (~close).nonzero()[0])
    # the sum makes 0 of -0
    mine, right = (f"{float(values[first]) + 0.0:.5g}" for values in (got, wanted))
    if mine == right:  # a difference that only more digits show
        mine, right = (f"{float(values[first]) + 0.0:.9g}" for values in (got, wanted))
    where = f"at {axes.split()[0] if axes else 'index'} = {first[0]}"
    differ = "values that differ" if int((~close).sum()) > 1 else "a value that differs"
    return f"{differ}: {where} one is {mine} and should be {right}."
