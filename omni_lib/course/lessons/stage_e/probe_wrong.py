"""Lesson 06, the linear probe: wrong answers, each with words of its reply, and other right ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def _without_ones(x: Tensor, targets: Tensor, penalty: float) -> Any:
    return torch.linalg.solve(x.T @ x + penalty * torch.eye(x.shape[1]), x.T @ targets)


def _without_penalty(x: Tensor, targets: Tensor, penalty: float) -> Any:
    x = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    return torch.linalg.pinv(x) @ targets


def _ones_first(x: Tensor, targets: Tensor, penalty: float) -> Any:
    x = torch.cat([torch.ones(len(x), 1), x], dim=1)
    return torch.linalg.solve(x.T @ x + penalty * torch.eye(x.shape[1]), x.T @ targets)


def _bias_unpunished(x: Tensor, targets: Tensor, penalty: float) -> Any:
    x = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    punished = penalty * torch.eye(x.shape[1])
    punished[-1, -1] = 0
    return torch.linalg.solve(x.T @ x + punished, x.T @ targets)


def _ridge(added: Callable[[float, int, int], Any]) -> Any:
    """Ridge regression with something else added to the products of the inputs."""

    def linear_probe(x: Tensor, targets: Tensor, penalty: float) -> Any:
        x = torch.cat([x, torch.ones(len(x), 1)], dim=1)
        return torch.linalg.solve(x.T @ x + added(penalty, x.shape[1], len(x)), x.T @ targets)

    return linear_probe


def _as_more_rows(x: Tensor, targets: Tensor, penalty: float) -> Any:
    with_ones = np.concatenate([x.double().numpy(), np.ones((len(x), 1))], axis=1)
    more = np.concatenate([with_ones, np.sqrt(penalty) * np.eye(with_ones.shape[1])])
    zeros = np.zeros((with_ones.shape[1], targets.shape[1]))
    return np.linalg.lstsq(more, np.concatenate([targets.double().numpy(), zeros]), rcond=None)[0]


def _by_singular_values(x: Tensor, targets: Tensor, penalty: float) -> Any:
    u, values, v = torch.linalg.svd(nn.functional.pad(x, (0, 1), value=1.0).double(), full_matrices=False)
    return v.T @ ((values / (values**2 + penalty))[:, None] * (u.T @ targets.double()))


WRONG: list[tuple[Any, str]] = [
    (_without_ones, "along axis channels"),
    (_without_penalty, "It is on every weight"),
    (_ones_first, "The slope comes first"),
    (_bias_unpunished, "the last row too"),
    (_ridge(lambda penalty, size, rows: penalty**2 * torch.eye(size)), "squared"),
    (_ridge(lambda penalty, size, rows: penalty**0.5 * torch.eye(size)), "the root of the penalty"),
    (_ridge(lambda penalty, size, rows: penalty), "on the diagonal"),
    (_ridge(lambda penalty, size, rows: rows * penalty * torch.eye(size)), "mean over the rows"),
    (_ridge(lambda penalty, size, rows: penalty / 2 * torch.eye(size)), "half"),
    (_ridge(lambda penalty, size, rows: -penalty * torch.eye(size)), "sign"),
    (_ridge(lambda penalty, size, rows: penalty / rows * torch.eye(size)), "divide the penalty"),
]

OTHER_RIGHT: list[Any] = [_as_more_rows, _by_singular_values]
