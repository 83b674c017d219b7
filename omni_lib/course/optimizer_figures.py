"""The figure of lesson 05 that shows what Muon does with a gradient."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from omni_lib.course.figures import Picture, page_style, shown
from omni_lib.course.palette import BLUE, ORANGE


def singular_values(matrices: Mapping[str, Tensor], description: str) -> Picture:
    """The singular values of each matrix (M, N), from the largest to the smallest, on a logarithmic scale.

    Args:
        matrices: label → matrix.
        description: the alternative text.
    """
    styles = zip(matrices.items(), (ORANGE, BLUE), ("--", "-"), strict=False)
    with page_style():
        figure, axes = plt.subplots(figsize=(9, 3.2), layout="constrained")
        for (name, matrix), colour, line in styles:
            values = torch.linalg.svdvals(matrix).numpy()
            axes.plot(range(1, len(values) + 1), values, color=colour, linestyle=line, label=name)
        axes.set(xlabel="number of the singular value", ylabel="singular value", yscale="log", ylim=(1e-4, 3))
        axes.legend()
    return shown(figure, description)
