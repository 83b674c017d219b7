"""The optimisers: Muon for the matrices of the encoder blocks, AdamW for all other parameters.

A gradient matrix is dominated by a few directions, and AdamW takes most of its step along them. Muon (Jordan
et al. 2024) approximates the orthogonal matrix that is nearest to the momentum, which would be a step of the
same length in every direction. A small encoder then learns from the same utterances in markedly fewer epochs.

torch.optim.Muon always computes in bfloat16, which the processors of many laptops only emulate, slowly. This
one does so where the hardware supports it natively, and uses the precision of the weights elsewhere.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from omni_lib.config import Config
from omni_lib.machine.hardware import fast_type

Weights = tuple[Tensor, ...] | list[Tensor]


def orthogonalise(matrices: Tensor, steps: int = 3) -> Tensor:
    """Matrices (B, M, N), M ≤ N, with the singular vectors of `matrices` and singular values closer to 1.

    This is the Newton-Schulz iteration with Jordan's coefficients, which converge fast rather than exactly.
    Each step multiplies a small singular value by about 3.4, so three steps bring all above a fiftieth of the
    Frobenius norm to between 0.68 and 1.21, and make much smaller ones about 40 times as large. Jordan takes
    five steps; on this encoder three take two fifths less time, and the loss falls as fast.

    Returns:
        (B, M, N), of the type of `matrices`; float16 is computed in float32, because a norm can exceed its
        largest number, 65504.
    """
    if matrices.dtype == torch.float16:
        return orthogonalise(matrices.float(), steps).half()
    # no singular value may exceed 1, or the iteration diverges
    x: Tensor = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        # 3.4445 x + (-4.7750 gram + 2.0315 gram²) x; baddbmm scales and adds as part of the product
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=-4.7750, alpha=2.0315), x, beta=3.4445)
    return x


class Muon(torch.optim.Optimizer):
    """Orthogonalised Nesterov momentum (Jordan et al. 2024), for parameters that are matrices."""

    def __init__(
        self, parameters: list[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override] # closures are not supported
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            # matrices of one shape, or its transpose, are orthogonalised together
            by_shape: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
            momenta: dict[nn.Parameter, Tensor] = {}
            products = _type_of_products(group["params"][0])
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[tuple(sorted(parameter.shape))].append(parameter)
                    momentum = self._momentum(parameter, parameter.grad, group["momentum"])
                    momenta[parameter] = _wide(momentum.to(products))
            for parameters in by_shape.values():
                updates = orthogonalise(torch.stack([momenta[p] for p in parameters]))  # (B, M, N), M ≤ N
                for parameter, update in zip(parameters, updates.to(parameters[0].dtype), strict=True):
                    rows, columns = parameter.shape
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    _wide(parameter).add_(update, alpha=-group["lr"] * math.sqrt(max(1, rows / columns)))

    def _momentum(self, parameter: nn.Parameter, gradient: Tensor, momentum: float) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        average = state["momentum"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(average, momentum)


def _type_of_products(parameter: Tensor) -> torch.dtype:
    """The type in which the momenta of such parameters are orthogonalised; double precision stays double."""
    fast = fast_type(parameter.device) if parameter.dtype == torch.float32 else None
    return fast or parameter.dtype


def _wide(matrix: Tensor) -> Tensor:
    """A view of a tall matrix as a wide one: its transpose."""
    return matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix


class Optimizers:
    """The optimisers of one run as one; the learning rate of each is its peak times `schedule(step)`."""

    def __init__(self, blocks: nn.Module, model: nn.Module, config: Config) -> None:
        """
        Args:
            blocks: the part of `model` whose matrices Muon updates if `config.muon_rate` is above 0.
        """
        taken = [p for p in blocks.parameters() if p.ndim == 2] if config.muon_rate else []
        others = {id(p) for p in model.parameters()} - {id(p) for p in taken}
        matrices = [p for p in model.parameters() if id(p) in others and p.ndim >= 2]
        vectors = [p for p in model.parameters() if id(p) in others and p.ndim < 2]  # without weight decay
        groups = [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        self.members: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)
        ]
        self.peaks = [config.learning_rate]
        if taken:
            self.members.append(Muon(taken, config.muon_rate, weight_decay=config.weight_decay))
            self.peaks.append(config.muon_rate)

    def zero_grad(self) -> None:
        """Clear the gradients of the last step."""
        for member in self.members:
            member.zero_grad(set_to_none=True)

    def step(self, share: float) -> None:
        """One step with `share` of the peak learning rates."""
        for member, peak in zip(self.members, self.peaks, strict=True):
            for group in member.param_groups:
                group["lr"] = peak * share
            member.step()

    def state_dict(self) -> list[dict[str, Any]]:
        """The states of the optimisers, for a checkpoint."""
        return [member.state_dict() for member in self.members]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Go on from `state_dict()`.

        Raises:
            ValueError, TypeError, KeyError: `states` is something else, or belongs to other parameters.
        """
        # an untrusted checkpoint may hold a tensor of a billion zeros here, which takes no space but cannot
        # be walked
        if not isinstance(states, list):
            raise TypeError(f"the state of {len(self.members)} optimisers is not a {type(states).__name__}")
        for member, state in zip(self.members, states, strict=True):
            member.load_state_dict(state)


def schedule(step: int, total_steps: int, config: Config) -> float:
    """The learning rate of step `step` (from 0) as a share of its peak.

    A linear warm-up, then constant, or half a cosine, which would be zero in the step after the last one.
    """
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    if config.schedule == "constant":
        return 1.0
    progress = (step - config.warmup_steps) / max(1, total_steps - config.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * progress))


def averaged_copy(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of `model` whose weights follow it as an exponential moving average, buffers included.

    The decay is small at first and grows to `decay`, so that the random initial weights soon lose influence.
    """

    @torch.no_grad()
    def average(averaged: Weights, current: Weights, updates: Tensor | int) -> None:
        now = min(decay, (1 + int(updates)) / (10 + int(updates)))
        torch._foreach_lerp_(averaged, current, 1 - now)

    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)
