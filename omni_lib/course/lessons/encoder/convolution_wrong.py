"""Lesson 02, the convolution module: wrong answers with words of the reply, and other right ones."""

# The type of a layer in a module is known to torch only when it runs, and learners do not annotate it.
# mypy: disable-error-code="no-any-return,operator"

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from omni_lib.course.lessons.encoder import solutions
from omni_lib.course.lessons.encoder.rotation_wrong import with_changes
from omni_lib.encoder import convolve_time


def _changed(*changes: tuple[str, str]) -> Any:
    return with_changes(solutions.ConvolutionModule, *changes)


class _LikeTheLibrary(solutions.ConvolutionModule):
    """With `glu`, and the convolution that keeps the channels last."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = F.glu(self.expand(x)).masked_fill(~mask[:, :, None], 0)
        return self.output(F.silu(self.norm(convolve_time(self.depthwise, x), mask)))


class _SumOfShiftedFrames(solutions.ConvolutionModule):
    """The convolution as a sum over the frames of the kernel, and the activation written out."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        width, channels, frames = self.expand.out_features, self.expand.in_features, x.shape[1]
        expanded = self.expand(x)
        gated = expanded[..., : width // 2] * torch.sigmoid(expanded[..., channels:])
        gated = torch.where(mask.unsqueeze(-1), gated, torch.zeros_like(gated))
        kernel = self.depthwise.weight[:, 0]  # (C, K)
        reach = kernel.shape[1] // 2
        padded = F.pad(gated, (0, 0, reach, reach))
        mixed = sum(padded[:, place : place + frames] * kernel[:, place] for place in range(2 * reach + 1))
        normed = self.norm(mixed, mask)
        return self.output(normed * torch.sigmoid(normed)) * mask[..., None]


class _PaddedByHand(solutions.ConvolutionModule):
    """Channels before the frames throughout, the gate closed by -inf, and the zeros added by hand."""

    def __init__(self, d_model: int, kernel_size: int) -> None:
        super().__init__(d_model, kernel_size)
        self.depthwise = nn.Conv1d(d_model, d_model, kernel_size, groups=d_model, bias=False)
        self.activation = nn.SiLU()

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        values, gates = torch.tensor_split(self.expand(x).permute(0, 2, 1), 2, dim=1)
        gates = gates.masked_fill(~mask[:, None], float("-inf"))
        reach = self.depthwise.kernel_size[0] // 2
        mixed = self.depthwise(F.pad(values * gates.sigmoid(), (reach, reach)))
        return self.output(self.activation(self.norm(mixed.permute(0, 2, 1), mask)))


class _SamePadding(solutions.ConvolutionModule):
    """With `padding="same"`, and zeros written into a copy."""

    def __init__(self, d_model: int, kernel_size: int) -> None:
        super().__init__(d_model, kernel_size)
        self.depthwise = nn.Conv1d(d_model, d_model, kernel_size, padding="same", groups=d_model, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = nn.GLU(dim=-1)(self.expand(x)).clone()
        x[~mask] = 0
        return self.output(F.silu(self.norm(self.depthwise(x.mT).mT, mask)))


class _TorchsNormOfValidFrames(solutions.ConvolutionModule):
    """torch's batch norm, which is given the valid frames alone."""

    def __init__(self, d_model: int, kernel_size: int) -> None:
        super().__init__(d_model, kernel_size)
        self.norm = nn.BatchNorm1d(d_model)  # type: ignore[assignment]

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = F.glu(self.expand(x)) * mask[..., None]
        x = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        normed = torch.zeros_like(x)
        normed[mask] = self.norm(x[mask])
        return self.output(F.silu(normed))


_GATE = "values * gates.sigmoid()"
_MASKED = " * mask[..., None]\n"
_CONVOLVED = "self.depthwise(x.transpose(1, 2)).transpose(1, 2)"
_REST = "self.output(F.silu(self.norm(x, mask)))"
_PADDING = ", padding=kernel_size // 2"
_CAUSAL = "self.depthwise(F.pad(x.transpose(1, 2), (self.depthwise.kernel_size[0] - 1, 0))).transpose(1, 2)"

WRONG: list[tuple[Any, str]] = [
    # the gate
    (_changed((_GATE, "values")), "the gate is missing"),
    (_changed((_GATE, "gates.sigmoid()")), "the values, is not used"),
    (_changed((_GATE, "gates")), "becomes the gates, and not the values"),
    (_changed((_GATE, "values.sigmoid() * gates")), "on the wrong half"),
    (_changed(("values, gates = ", "gates, values = ")), "on the wrong half"),
    (_changed((_GATE, "values * gates")), "the sigmoid is missing"),
    (_changed((_GATE, "(values * gates).sigmoid()")), "The order is"),
    (_changed((_GATE, "values.sigmoid() * gates.sigmoid()")), "not to the values"),
    (_changed((_GATE, "values * F.silu(gates)")), "not its SiLU"),
    (_changed((_GATE, "values * gates.tanh()")), "and not tanh"),
    (_changed((_GATE, "values * gates.softmax(dim=-1)")), "not a softmax"),
    (_changed((_GATE, "(values + gates.sigmoid())")), "not added to them"),
    (
        _changed(
            ("values, gates = self.expand(x).chunk(2, dim=-1)", "x = self.expand(x)"),
            (_GATE, "x[..., ::2] * x[..., 1::2].sigmoid()"),
        ),
        "not every other one",
    ),
    (_changed(("chunk(2, dim=-1)", "chunk(2, dim=1)")), "raises"),
    # the mask
    (_changed((_MASKED, "\n")), "the convolution reads the padding"),
    (
        _changed((_MASKED, "\n"), (_CONVOLVED, _CONVOLVED + " * mask[..., None]")),
        "before `depthwise`, not after it",
    ),
    (_changed((_MASKED, "\n"), ("self.expand(x)", "self.expand(x * mask[..., None])")), "after `expand`"),
    (_changed((_MASKED, " * ~mask[..., None]\n")), "the wrong way round"),
    (_changed((_MASKED, "\n"), ("gates.sigmoid()", "(gates * mask[..., None]).sigmoid()")), "a gate of 0"),
    (_changed(("self.norm(x, mask)", "self.norm(x, torch.ones_like(mask))")), "the norm counts the padding"),
    (_changed(("self.norm(x, mask)", "self.norm(x, ~mask)")), "the mask of `norm`"),
    (_changed(("MaskedBatchNorm(d_model)", "nn.LayerNorm(d_model)")), "here it is a `MaskedBatchNorm`"),
    (_changed(("groups=d_model", "groups=2")), "reads several channels"),
    # the convolution
    (_changed((_PADDING, "")), "as many frames as it is given"),
    (_changed((_PADDING, ", padding=kernel_size")), "as many frames as it is given"),
    (_changed((_PADDING, ", padding=1")), "as many frames as it is given"),
    (_changed((_PADDING, ""), (_CONVOLVED, _CAUSAL)), "earlier frames only"),
    (
        _changed(
            (_PADDING, ", padding=kernel_size - 1"),
            (_CONVOLVED, "self.depthwise(x.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2)"),
        ),
        "earlier frames only",
    ),
    (_changed((_PADDING, _PADDING + ", padding_mode='replicate'")), "zeros as its neighbours"),
    (_changed((", groups=d_model", "")), "an ordinary convolution"),
    (_changed((", bias=False", "")), "has a bias"),
    (_changed(("d_model, kernel_size, padding", "d_model, 15, padding")), "the size that `kernel_size` says"),
    (_changed(("nn.Conv1d", "nn.Conv2d")), "it is an `nn.Conv1d`"),
    (_changed((_CONVOLVED, "self.depthwise(x)")), "needs (B, C, T)"),
    (_changed((_CONVOLVED, "self.depthwise(x.transpose(1, 2))")), "`norm` needs (B, T, C)"),
    (
        _changed(
            (_CONVOLVED, "self.depthwise(x.reshape(x.shape[0], x.shape[2], x.shape[1])).transpose(1, 2)")
        ),
        "mixes frames and channels",
    ),
    (
        _changed((_CONVOLVED, "self.depthwise(x.reshape(len(x), x.shape[2], x.shape[1])).reshape(x.shape)")),
        "mixes frames and channels",
    ),
    (_changed((_CONVOLVED, "x")), "the convolution is missing"),
    # the norm, the activation, the output
    (_changed(("MaskedBatchNorm(d_model)", "nn.BatchNorm1d(d_model)")), "`BatchNorm1d` takes no mask"),
    (
        _changed(
            ("MaskedBatchNorm(d_model)", "nn.BatchNorm1d(d_model)"),
            ("self.norm(x, mask)", "self.norm(x.transpose(1, 2)).transpose(1, 2)"),
        ),
        "the norm counts the padding",
    ),
    (_changed(("F.silu(self.norm(x, mask))", "F.silu(x)")), "the norm is missing"),
    (_changed(("F.silu(", "F.relu(")), "and not ReLU"),
    (_changed(("F.silu(", "F.gelu(")), "and not GELU"),
    (_changed(("F.silu(", "torch.sigmoid(")), "not the sigmoid alone"),
    (_changed(("F.silu(", "torch.tanh(")), "SiLU, and not tanh"),
    (_changed(("F.silu(self.norm(x, mask))", "self.norm(x, mask)")), "the SiLU after the norm is missing"),
    (_changed(("F.silu(self.norm(x, mask))", "self.norm(F.silu(x), mask)")), "before the SiLU"),
    (_changed((_REST, "F.silu(self.output(self.norm(x, mask)))")), "before `output`, not after it"),
    (_changed((_REST, "F.silu(self.norm(x, mask))")), "`output`, is missing"),
    (
        _changed(("x = values", "y = x\n        x = values"), (_REST, "y + " + _REST)),
        "belongs to the block",
    ),
    (
        _changed((_REST, "self.output(F.dropout(F.silu(self.norm(x, mask)), 0.1, self.training))")),
        "a dropout belongs to the block",
    ),
    (_changed(("return ", "self.norm(x, mask)\n        return ")), "Call `norm` once"),
    (_changed(("values, gates", "self.eval()\n        values, gates")), "no `eval()` inside"),
    # as a class of modules
    (_changed(("self.depthwise", "self.conv")), "has no `depthwise.weight`"),
    (_changed(("self.depthwise(x.", "self.depthwise(x.detach().")), "no gradient reaches"),
    (solutions.ConvolutionModule(24, 3), "without brackets"),
]

OTHER_RIGHT: list[Any] = [
    _LikeTheLibrary,
    _SumOfShiftedFrames,
    _PaddedByHand,
    _SamePadding,
    _TorchsNormOfValidFrames,
]
