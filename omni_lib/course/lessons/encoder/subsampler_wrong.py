"""Lesson 02, the subsampler: wrong answers with words of the reply, and other right ones."""

# The type of a layer in a module is known to torch only when it runs, and learners do not annotate it.
# mypy: disable-error-code="no-any-return,operator"

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from omni_lib.course.lessons.encoder.rotation_wrong import with_changes
from omni_lib.course.lessons.encoder.solutions import Subsampler, padding_mask
from omni_lib.encoder import convolve_time_and_frequency


class _OneByOne(Subsampler):
    """Without a loop, on a copy, with torch's own pooling."""

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x = x.clone()
        x[~padding_mask(lengths, x.shape[1])] = 0
        half = -(-lengths // 2)
        quarter = -(-half // 2)
        x = x[:, :, :, None]
        for place, counts in enumerate((half, half, quarter)):
            x = convolve_time_and_frequency(self.convs[place], x)
            x = self.norms[place](x, padding_mask(counts, x.shape[1])).clamp(min=0)
        y = self.residual_norm(
            convolve_time_and_frequency(self.residual, x), padding_mask(quarter, x.shape[1])
        )
        x = F.avg_pool2d(torch.add(x, y.relu()).permute(0, 3, 1, 2), (1, 2)).permute(0, 2, 3, 1)
        return self.project(x.flatten(start_dim=2)), quarter


_STEP = (
    "            x = convolve_time_and_frequency(conv, x)\n"
    "            if conv.stride[0] == 2:\n"
    "                lengths = (lengths + 1) // 2\n"
    "            x = F.relu(norm(x, padding_mask(lengths, x.shape[1])))\n"
)
_MASK_TOO_EARLY = (
    "            mask = padding_mask(lengths, x.shape[1])\n"
    "            x = F.relu(norm(convolve_time_and_frequency(conv, x), mask))\n"
    "            if conv.stride[0] == 2:\n"
    "                lengths = (lengths + 1) // 2\n"
)

WRONG: list[tuple[Any, str]] = [
    (
        with_changes(Subsampler, ("        x = x * padding_mask(lengths, x.shape[1])[..., None]\n", "")),
        "multiply `x` by its mask before",
    ),
    (
        with_changes(Subsampler, ("x = x + F.relu(", "x = F.relu(")),
        "must be added to its input",
    ),
    (
        with_changes(
            Subsampler,
            ("F.relu(norm(", "(norm("),
        ),
        "a ReLU is missing after the norms",
    ),
    (
        with_changes(Subsampler, ("F.relu(self.res", "(self.res")),
        "a ReLU is missing after the residual",
    ),
    (
        with_changes(Subsampler, ("unflatten(2, (8, 2)).mean(dim=3)", "unflatten(2, (2, 8)).mean(dim=2)")),
        "two neighbouring bands",
    ),
    (
        with_changes(Subsampler, ("x.flatten(2)", "x.transpose(2, 3).flatten(2)")),
        "stay together",
    ),
    (with_changes(Subsampler, ("lengths + 1", "lengths")), "halves and rounds up"),
    (with_changes(Subsampler, (", lengths  # (B", "  # (B")), "a pair is wanted"),
    (
        with_changes(
            Subsampler,
            ("return self.project(x.flatten(2)), lengths", "return lengths, self.project(x.flatten(2))"),
        ),
        "the lengths first",
    ),
    (
        with_changes(Subsampler, (", lengths  # (B", ", lengths.numpy()  # (B")),
        "the lengths as an array with 1 axis",
    ),
    (
        with_changes(Subsampler, ("(lengths + 1) // 2", "((lengths + 1) / 2).floor()")),
        "the lengths in float32",
    ),
    (with_changes(Subsampler, ("self.project", "self.linear")), "has no `project.weight`"),
    (with_changes(Subsampler, ("nn.Linear(512", "nn.Linear(1024")), "has another shape"),
    (
        with_changes(Subsampler, ("x.flatten(2)", "x.detach().flatten(2)")),
        "no gradient reaches",
    ),
    (Subsampler(24), "without brackets"),
    (
        with_changes(
            Subsampler,
            (
                "F.relu(norm(x, padding_mask(lengths, x.shape[1])))",
                "norm(F.relu(x), padding_mask(lengths, x.shape[1]))",
            ),
        ),
        "comes after the norm",
    ),
    (
        with_changes(
            Subsampler,
            (
                "norm(x, padding_mask(lengths, x.shape[1]))",
                "norm(x, torch.ones(x.shape[:2], dtype=torch.bool))",
            ),
        ),
        "make a new mask",
    ),
    (
        with_changes(
            Subsampler,
            ("x = x + F.relu(self.residual_norm(", "x = F.relu(x + self.residual_norm("),
        ),
        "the ReLU comes before the addition",
    ),
    (
        with_changes(
            Subsampler,
            ("(self.residual, x), mask))", "(self.residual, x), torch.ones_like(mask)))"),
        ),
        "Each norm counts the frames of its mask",
    ),
    (with_changes(Subsampler, (".mean(dim=3)", ".sum(dim=3)")), "twice their mean"),
    (
        with_changes(Subsampler, (", lengths  # (B", ", lengths.tolist()  # (B")),
        "a tensor is wanted, with",
    ),
    (
        with_changes(
            Subsampler,
            (
                "self.residual_norm(convolve_time_and_frequency(self.residual, x), mask)",
                "convolve_time_and_frequency(self.residual, x)",
            ),
        ),
        "`residual_norm` is missing",
    ),
    (with_changes(Subsampler, (".mean(dim=3)", ".amax(dim=3)")), "Compare your steps"),
    (with_changes(Subsampler, ("x = x + F.relu(", "x += F.relu(")), "a change in place (`+=`"),
    (with_changes(Subsampler, ("x = x * padding_mask", "x *= padding_mask")), "changes its input `x`"),
    (with_changes(Subsampler, (_STEP, _MASK_TOO_EARLY)), "convolve first"),
    (with_changes(Subsampler, ("        x = x[..., None]  # (B, T, 128, 1)\n", "")), "`x[..., None]` adds"),
    (
        with_changes(Subsampler, ("convolve_time_and_frequency(conv, x)", "conv(x)")),
        "takes `x` as (B, T, bands, channels)",
    ),
    (
        with_changes(Subsampler, ("x = x[..., None]", "self.norms.eval()\n        x = x[..., None]")),
        "no `eval()`",
    ),
    (
        with_changes(Subsampler, ("x.flatten(2))", "F.dropout(x.flatten(2), 0.1, self.training))")),
        "no dropout",
    ),
    (with_changes(Subsampler, ("x = x.unflatten", "x = x.detach().unflatten")), "no gradient reaches `convs"),
    (
        with_changes(Subsampler, ("x = x + F.relu(", "x = x.detach() + F.relu(")),
        "the gradient of `convs.0.weight` is not the library's",
    ),
]

OTHER_RIGHT: list[Any] = [_OneByOne, with_changes(Subsampler, ("x = F.relu(norm", "x = F.relu_(norm"))]
