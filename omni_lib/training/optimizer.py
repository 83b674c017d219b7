"""How gradients become steps: Muon for the matrices of the encoder blocks, AdamW for everything else.

A gradient matrix is dominated by a few directions; AdamW takes most of its step along them. Muon (Jordan et al. 2024) gives
every direction a step of the same length: it replaces the momentum by the nearest orthogonal matrix. A small encoder then
learns from the same utterances in markedly fewer epochs.

torch.optim.Muon always computes in bfloat16, which many laptops' processors only emulate, slowly; this one does so where the
hardware multiplies it natively, and in the weights' own precision elsewhere.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from omni_lib.config import Config
from omni_lib.machine.hardware import fast_type

Weights = tuple[Tensor, ...] | list[Tensor]


def orthogonalise(matrices: Tensor, steps: int = 3) -> Tensor:
    """Matrices (B, M, N), M ≤ N, with the singular vectors of `matrices` and singular values brought towards 1.

    Newton-Schulz iteration with Jordan's coefficients, which converge fast rather than exactly. Each step raises a small
    singular value about 3.4-fold, so three of them take all above a fiftieth of the Frobenius norm to between 0.68 and 1.21. Jordan
    takes five; on this encoder three cost two fifths less and the loss falls no slower.
    """
    x = matrices / (
        matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7
    )  # no singular value above 1, or the iteration diverges
    for _ in range(steps):
        gram = x @ x.mT
        # 3.4445 x + (-4.7750 gram + 2.0315 gram²) x, scaled and added within the products: apart, that would cost as much as they do
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=-4.7750, alpha=2.0315), x, beta=3.4445)
    return x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, for parameters that are matrices."""

    def __init__(
        self, parameters: list[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        first = parameters[0]
        self.type = (
            fast_type(first.device) if first.dtype == torch.float32 else None
        )  # who asks for double precision shall have it

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        for group in self.param_groups:
            alike: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(
                list
            )  # lying down or standing, by shape
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike[tuple(sorted(parameter.shape))].append(parameter)
            for parameters in alike.values():
                updates = orthogonalise(
                    torch.stack([_lying(self._momentum(p, group["momentum"])) for p in parameters])
                )
                for parameter, update in zip(parameters, updates.to(parameters[0].dtype), strict=True):
                    rows, columns = parameter.shape
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    lying = _lying(parameter)
                    lying.add_(update, alpha=-group["lr"] * math.sqrt(max(1, rows / columns)))

    def _momentum(self, parameter: nn.Parameter, momentum: float) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        average = state["momentum"].lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(average, momentum).to(self.type or parameter.dtype)


def _lying(matrix: Tensor) -> Tensor:
    """A view with no more rows than columns."""
    return matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix


class Optimizers:
    """The optimisers of one run behind one face; the rate of each is its peak times `schedule(step)`."""

    def __init__(self, blocks: nn.Module, model: nn.Module, config: Config) -> None:
        """
        Args:
            blocks: the part of `model` whose matrices Muon takes, where `config.muon_rate` is above 0.
        """
        taken = [p for p in blocks.parameters() if p.ndim == 2] if config.muon_rate else []
        others = {id(p) for p in model.parameters()} - {id(p) for p in taken}
        matrices = [p for p in model.parameters() if id(p) in others and p.ndim >= 2]
        vectors = [
            p for p in model.parameters() if id(p) in others and p.ndim < 2
        ]  # biases and norms are not decayed
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
        for member in self.members:
            member.zero_grad(set_to_none=True)

    def step(self, share: float) -> None:
        """One step at `share` of the peak rates."""
        for member, peak in zip(self.members, self.peaks, strict=True):
            for group in member.param_groups:
                group["lr"] = peak * share
            member.step()

    def state_dict(self) -> list[dict]:
        return [member.state_dict() for member in self.members]

    def load_state_dict(self, states: list[dict]) -> None:
        """Go on from `state_dict()`.

        Raises:
            ValueError, TypeError, KeyError: it is none, or one of other parameters.
        """
        if not isinstance(
            states, list
        ):  # a tensor, say, of a billion zeros that take no room: to go through it would take for ever
            raise TypeError(
                f"the state of {len(self.members)} optimisers is a list, not a {type(states).__name__}"
            )
        for member, state in zip(self.members, states, strict=True):
            member.load_state_dict(state)


def schedule(step: int, total_steps: int, config: Config) -> float:
    """The rate of step `step` (from 0), as a share of its peak: a linear warm-up, then constant, or half a cosine down to zero."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    if config.schedule == "constant":
        return 1.0
    progress = (step - config.warmup_steps) / max(1, total_steps - config.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * progress))


def averaged_copy(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of `model` whose weights follow it as an exponential moving average, buffers included.

    The memory of the average grows with the run up to `decay`, so that it soon forgets the random start.
    """

    @torch.no_grad()
    def average(averaged: Weights, current: Weights, updates: Tensor | int) -> None:
        now = min(decay, (1 + int(updates)) / (10 + int(updates)))
        torch._foreach_lerp_(averaged, current, 1 - now)

    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)
