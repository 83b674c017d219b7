"""Lesson 05: how the learner's Newton-Schulz iteration is judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from omni_lib.course.exercises.expectations import compare, result_of
from omni_lib.course.exercises.sandbox import Attempt
from omni_lib.training import optimizer

TOLERANCE = 1e-3


def orthogonalise(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(0)
    wide, square = torch.randn(3, 5, generator=generator), torch.randn(4, 4, generator=generator)
    small = torch.tensor([[1.0, 2.0], [4.0, 2.0]])  # its norm is 5
    for matrix, steps, case, why in (
        (small, 1, "A small matrix and one step", "Each singular value s becomes a s + b s³ + c s⁵."),
        (wide, 1, "A matrix that is wider than tall", "The first product is X Xᵀ, the second its square."),
        (wide, 3, "The same, and several steps", "Each step begins with the X that the last one has left."),
        (square, 2, "A square matrix", ""),
        (1000 * wide, 3, "A matrix of large values", "The division by the norm removes their size."),
        (
            1e-3 * small,
            2,
            "A matrix of small values",
            "The number that is added to the norm must be as small as the docstring says.",
        ),
        (torch.zeros(2, 3), 2, "A matrix of zeros", "It stays as it is: add the small number to the norm."),
        (wide, 0, "No step", "The matrix is divided by its norm, and that is all."),
    ):
        got = result_of(attempt, (matrix, steps), case)
        wanted = optimizer.orthogonalise(matrix[None], steps)[0]
        compare(got, wanted, _slip(got, matrix, steps) or why, tolerance=TOLERANCE, case=case)


def _slip(got: Any, matrix: Tensor, steps: int) -> str:
    """The usual mistake that gives `got`, in words; "" if none does, or several do."""
    found = [reply for reply, mistaken in _SLIPS.items() if _near(got, mistaken(matrix, steps))]
    return found[0] if len(found) == 1 else ""


def _near(got: Any, slipped: Tensor) -> bool:
    if not isinstance(got, Tensor) or got.shape != slipped.shape or not slipped.isfinite().all():
        return False
    scale = float(slipped.abs().max())
    return bool(torch.allclose(got.detach().float(), slipped, rtol=TOLERANCE, atol=TOLERANCE * scale))


def _iterated(
    step: Callable[[Tensor], Tensor], norm: Callable[[Tensor], Tensor] = torch.linalg.matrix_norm
) -> Callable[[Tensor, int], Tensor]:
    """The iteration with another step, or with another norm before the first one."""

    def iteration(matrix: Tensor, steps: int) -> Tensor:
        x = matrix / (norm(matrix) + 1e-7)
        for _ in range(steps):
            x = step(x)
        return x

    return iteration


def _polynomial(first: float, third: float, fifth: float) -> Callable[[Tensor], Tensor]:
    """A step with other coefficients."""
    return lambda x: first * x + third * x @ x.mT @ x + fifth * x @ x.mT @ x @ x.mT @ x


_right = _polynomial(3.4445, -4.7750, 2.0315)


def _gram_of_columns(x: Tensor) -> Tensor:
    if x.shape[0] != x.shape[1]:  # torch refuses that product
        return torch.full_like(x, torch.nan)
    return 3.4445 * x - 4.7750 * x.mT @ x @ x + 2.0315 * x.mT @ x @ x.mT @ x @ x


def _one_gram_matrix(matrix: Tensor, steps: int) -> Tensor:
    x: Tensor = matrix / (torch.linalg.matrix_norm(matrix) + 1e-7)
    gram = x @ x.mT
    for _ in range(steps):
        x = 3.4445 * x - 4.7750 * gram @ x + 2.0315 * gram @ gram @ x
    return x


def _exact(matrix: Tensor, steps: int) -> Tensor:
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    product: Tensor = left @ right
    return product


_NORM = "The norm is the root of the sum of all squares"

_SLIPS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "Divide the matrix by its norm before the first step.": _iterated(_right, torch.ones_like),
    f"{_NORM}, not the largest singular value.": _iterated(_right, lambda x: torch.linalg.matrix_norm(x, 2)),
    f"{_NORM}, not the largest entry.": _iterated(_right, lambda x: x.abs().max()),
    f"{_NORM}: the root is missing.": _iterated(_right, lambda x: x.square().sum()),
    f"{_NORM}, one number for the whole matrix and not one for each row.": _iterated(
        _right, lambda x: torch.linalg.vector_norm(x, dim=1, keepdim=True)
    ),
    "The second coefficient is negative: the term with (X Xᵀ) is subtracted.": _iterated(
        _polynomial(3.4445, 4.7750, 2.0315)
    ),
    "The term with (X Xᵀ)² is missing.": _iterated(_polynomial(3.4445, -4.7750, 0)),
    "The last term has the square of X Xᵀ.": _iterated(_polynomial(3.4445, -4.7750 + 2.0315, 0)),
    "The term with (X Xᵀ) is missing.": _iterated(_polynomial(3.4445, 0, 2.0315)),
    "The coefficients of the last two terms are exchanged.": _iterated(_polynomial(3.4445, 2.0315, -4.7750)),
    "That is the cubic iteration, which has other coefficients and no term with (X Xᵀ)².": _iterated(
        _polynomial(1.5, -0.5, 0)
    ),
    "You multiply entry by entry (`*`); these are products of matrices (`@`).": _iterated(
        lambda x: 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
    ),
    "The products are X Xᵀ, not Xᵀ X.": _iterated(_gram_of_columns),
    "That is the transpose of the result.": lambda matrix, steps: _iterated(_right)(matrix, steps).mT,
    "That is one step: repeat it `steps` times.": lambda matrix, steps: _iterated(_right)(matrix, 1),
    "That is one step too many.": lambda matrix, steps: _iterated(_right)(matrix, steps + 1),
    "Those are three steps: take as many as `steps` says.": lambda matrix, steps: _iterated(_right)(
        matrix, 3
    ),
    "Those are five steps: take as many as `steps` says.": lambda matrix, steps: _iterated(_right)(matrix, 5),
    "X changes in each step, so compute X Xᵀ inside the loop.": _one_gram_matrix,
    "Divide by the norm once, before the first step.": _iterated(
        lambda x: _right(x / (torch.linalg.matrix_norm(x) + 1e-7))
    ),
    "Its singular values are exactly one. The steps only bring them near one: carry them out.": _exact,
}
