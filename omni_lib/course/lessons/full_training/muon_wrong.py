"""Lesson 05, the steps of Muon: wrong answers, each with words of its reply, and other right ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omni_lib.course.lessons.full_training import solutions

FIRST, THIRD, FIFTH = 3.4445, -4.7750, 2.0315


def _iterated(
    step: Callable[[Tensor], Any], norm: Callable[[Tensor], Any] = torch.linalg.matrix_norm
) -> Callable[[Tensor, int], Any]:
    def answer(matrix: Tensor, steps: int) -> Any:
        x: Tensor = matrix / (norm(matrix) + 1e-7)
        for _ in range(steps):
            x = step(x)
        return x

    return answer


def _step(x: Tensor) -> Tensor:
    gram = x @ x.T
    return FIRST * x + THIRD * gram @ x + FIFTH * gram @ gram @ x


def _entry_by_entry(x: Tensor) -> Tensor:
    return FIRST * x + THIRD * x * x * x + FIFTH * x * x * x * x * x


def _gram_once(matrix: Tensor, steps: int) -> Tensor:
    x: Tensor = matrix / (matrix.norm() + 1e-7)
    gram = x @ x.T
    for _ in range(steps):
        x = FIRST * x + THIRD * gram @ x + FIFTH * gram @ gram @ x
    return x


def _gram_of_columns(x: Tensor) -> Tensor:
    gram = x.T @ x
    return FIRST * x + THIRD * gram @ x + FIFTH * gram @ gram @ x


def _norm_in_each_step(matrix: Tensor, steps: int) -> Any:
    x: Tensor = matrix
    for _ in range(steps):
        x = _step(x / (x.norm() + 1e-7))
    return x


def _norm_in_place(matrix: Tensor, steps: int) -> Any:
    matrix /= matrix.norm() + 1e-7
    for _ in range(steps):
        matrix = _step(matrix)
    return matrix


def _without_epsilon(matrix: Tensor, steps: int) -> Tensor:
    x: Tensor = matrix / matrix.norm()
    for _ in range(steps):
        x = _step(x)
    return x


def _without_norm(matrix: Tensor, steps: int) -> Tensor:
    x = matrix.clone()
    for _ in range(steps):
        x = _step(x)
    return x


def _returned_in_the_loop(matrix: Tensor, steps: int) -> Any:
    x: Tensor = matrix / (matrix.norm() + 1e-7)
    for _ in range(steps):
        return _step(x)
    return x


def _by_singular_values(matrix: Tensor, steps: int) -> Tensor:
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    product: Tensor = left @ right
    return product


def _polynomial_of_singular_values(matrix: Tensor, steps: int) -> Tensor:
    left, values, right = torch.linalg.svd(matrix.double() / (matrix.norm() + 1e-7), full_matrices=False)
    for _ in range(steps):
        values = values * (FIRST + values**2 * (THIRD + FIFTH * values**2))
    product: Tensor = left @ torch.diag(values) @ right
    return product


def _as_jordan_writes_it(matrix: Tensor, steps: int) -> Tensor:
    x = matrix.clone()
    x /= x.norm() + 1e-7
    for _ in range(steps):
        a = x @ x.mT
        x = FIRST * x + (THIRD * a + FIFTH * a @ a) @ x
    return x


def _in_numpy(matrix: Tensor, steps: int) -> Any:
    x = matrix.numpy()
    x = x / (np.sqrt((x**2).sum()) + 1e-7)
    for _ in range(steps):
        x = FIRST * x + THIRD * (x @ x.T) @ x + FIFTH * np.linalg.matrix_power(x @ x.T, 2) @ x
    return x


def _by_recursion(matrix: Tensor, steps: int) -> Tensor:
    if not steps:
        return matrix / (torch.sqrt(torch.sum(matrix**2)) + 1e-7)
    return _step(_by_recursion(matrix, steps - 1))


def _by_einsum(x: Tensor) -> Tensor:
    gram = torch.einsum("mk,nk->mn", x, x)
    return torch.einsum("mn,nk->mk", FIRST * torch.eye(len(x)) + THIRD * gram + FIFTH * gram @ gram, x)


WRONG: list[tuple[Any, str]] = [
    (_without_norm, "by its norm before"),
    (_iterated(_step, lambda matrix: matrix.norm() + 1e-3), "as small as the docstring says"),
    (_iterated(_step, lambda matrix: torch.linalg.matrix_norm(matrix, 2)), "not the largest singular value"),
    (_iterated(_step, lambda matrix: matrix.abs().max()), "not the largest"),
    (_iterated(_step, lambda matrix: matrix.square().sum()), "the root is missing"),
    (_iterated(_step, lambda matrix: matrix.norm(dim=1, keepdim=True)), "one for each row"),
    (_iterated(_entry_by_entry), "products of matrices"),
    (_iterated(_gram_of_columns), "not Xᵀ X"),
    (
        _iterated(lambda x: FIRST * x - THIRD * x @ x.T @ x + FIFTH * x @ x.T @ x @ x.T @ x),
        "second coefficient is negative",
    ),
    (_iterated(lambda x: FIRST * x + THIRD * x @ x.T @ x), "(X Xᵀ)² is missing"),
    (_iterated(lambda x: FIRST * x + FIFTH * x @ x.T @ x @ x.T @ x), "(X Xᵀ) is missing"),
    (_iterated(lambda x: FIRST * x + FIFTH * x @ x.T @ x + THIRD * x @ x.T @ x @ x.T @ x), "exchanged"),
    (_iterated(lambda x: FIRST * x + THIRD * x @ x.T @ x + FIFTH * x @ x.T @ x), "the square of X Xᵀ"),
    (_iterated(lambda x: 1.5 * x - 0.5 * x @ x.T @ x), "cubic iteration"),
    (_gram_once, "inside the loop"),
    (_norm_in_each_step, "once, before the first step"),
    (_iterated(lambda x: _step(x / (x.norm() + 1e-7))), "once, before the first step"),
    (_norm_in_place, "changes its input"),
    (_without_epsilon, "NaN"),
    (_returned_in_the_loop, "That is one step"),
    (lambda matrix, steps: solutions.orthogonalise(matrix, 3), "three steps"),
    (lambda matrix, steps: solutions.orthogonalise(matrix, 5), "five steps"),
    (lambda matrix, steps: solutions.orthogonalise(matrix, steps + 1), "one step too many"),
    (_by_singular_values, "exactly one"),
    (lambda matrix, steps: solutions.orthogonalise(matrix, steps).T, "the transpose"),
    (lambda matrix, steps: solutions.orthogonalise(matrix, steps)[None], "one axis too many"),
]

OTHER_RIGHT: list[Any] = [
    _polynomial_of_singular_values,
    _as_jordan_writes_it,
    _in_numpy,
    _by_recursion,
    _iterated(_by_einsum),
    lambda matrix, steps: solutions.orthogonalise(matrix.double(), steps),
]
