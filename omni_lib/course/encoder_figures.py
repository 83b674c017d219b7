"""Figures of lesson 02: padding, rotary positions, attention weights, kernels and gates, parameter counts.

The diagram of a block is in `block_figure.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor

from omni_lib.course.figures import DOTS, Picture, page_style, shown
from omni_lib.course.palette import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY_BLUE
from omni_lib.encoder import AudioEncoder, EncoderBlock, apply_rotary
from omni_lib.subsampling import HIDDEN_TIME

EMBEDDING = 0.08  # seconds
FRAME = HIDDEN_TIME * 10  # milliseconds, of a frame of the first block


def distances(named: Mapping[str, Tensor], description: str) -> Picture:
    """The relative distance of each embedding of a clip from its right value, on a logarithmic scale.

    Args:
        named: label → distances (embeddings,).
        description: the alternative text.
    """
    styles = zip(named.items(), (ORANGE, BLUE, GREEN, PURPLE), "osv^", strict=False)
    with page_style():
        figure, axes = plt.subplots(figsize=(9, 3.2), layout="constrained")
        for (name, distance), colour, marker in styles:
            seconds = [EMBEDDING * (index + 0.5) for index in range(len(distance))]
            values = distance.clamp_min(1e-9).numpy()
            axes.plot(seconds, values, color=colour, marker=marker, markersize=4, label=name)
        axes.set(xlabel="time in the clip (s)", ylabel="relative distance", yscale="log", ylim=(1e-8, 10))
        axes.legend()
    return shown(figure, description)


def scores(before: Tensor, after: Tensor, description: str) -> Picture:
    """Attention scores (T, T) of queries and keys without positions, beside those with rotary positions."""
    with page_style():
        figure, panels = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained", sharey=True)
        low, high = float(after.min()), float(after.max())
        titled = ((before, "without positions"), (after, "with rotary positions"))
        for axes, (values, title) in zip(panels, titled, strict=True):
            image = axes.imshow(values.numpy(), cmap="cividis", vmin=low, vmax=high, interpolation="nearest")
            axes.set(xlabel="position of the key", title=title)
            axes.grid(False)
        panels[0].set_ylabel("position of the query")
        figure.colorbar(image, ax=panels.tolist(), label="score")
    return shown(figure, description)


def rotated_pair(
    query: Tensor, key: Tensor, channel: int, places: Sequence[tuple[int, int]], description: str
) -> Picture:
    """One pair of channels of a query and of a key as arrows: as they are, and rotated for their positions.

    Above each panel are the angle between the two arrows, and the product of the two pairs.

    Args:
        query, key: (D,) of one attention head.
        channel: the first channel i of the pair (i, i + D/2).
        places: positions of the query and of the key, a panel for each.
        description: the alternative text.
    """
    pair = [channel, channel + len(query) // 2]
    frames = 1 + max(map(max, places))
    turned_query, turned_key = (apply_rotary(each.expand(1, 1, frames, -1))[0, 0] for each in (query, key))
    drawn = [("not rotated", query[pair], key[pair])]
    drawn += [(f"query {i}, key {j}", turned_query[i, pair], turned_key[j, pair]) for i, j in places]
    reach = 1.15 * float(max(query[pair].norm(), key[pair].norm()))
    with page_style():
        figure, panels = plt.subplots(
            1, len(drawn), figsize=(9.6, 3.2), layout="constrained", sharex=True, sharey=True
        )
        for axes, (title, first, second) in zip(panels, drawn, strict=True):
            angle = _draw_arrows(axes, first, second)
            product = float(first @ second)
            axes.set_title(f"{title}\nangle {angle:.0f}°\nproduct {product:.2f}".replace("-", "−"))
            axes.set(xlabel=f"channel {pair[0]}", xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
            axes.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])
        panels[0].set_ylabel(f"channel {pair[1]}")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return shown(figure, description)


def _draw_arrows(axes: Axes, query: Tensor, key: Tensor) -> float:
    """Draw two points of the plane as arrows with an arc between them, and return its angle in degrees."""
    for pair, colour, line, label in ((query, BLUE, "-", "query"), (key, ORANGE, "--", "key")):
        x, y = pair.tolist()
        arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 2, "linestyle": line}
        axes.annotate("", (x, y), (0, 0), arrowprops=arrow | {"shrinkA": 0, "shrinkB": 0})
        axes.plot([], [], color=colour, linestyle=line, linewidth=2, label=label)
    start, end = (torch.atan2(pair[1], pair[0]) for pair in (query, key))
    between = torch.remainder(end - start + torch.pi, 2 * torch.pi) - torch.pi  # the shorter way round
    turn = start + between * torch.linspace(0, 1, 50)
    axes.plot(0.35 * turn.cos(), 0.35 * turn.sin(), color=INK, linewidth=1.2)
    return float(between.abs().rad2deg())


def attention_weights(
    named: Mapping[str, tuple[Tensor, float]], neighbours: int, description: str
) -> Picture:
    """Attention weights, side by side: a row for each query and a column for each key.

    Dashed lines enclose the frames that are at most `neighbours` before or after the query. The few largest
    weights share one colour, so that the others can be told apart.

    Args:
        named: title → weights (T, T) of one head, and the duration of a frame in seconds.
        neighbours: number of frames.
        description: the alternative text.
    """
    with page_style():
        figure, panels = plt.subplots(1, len(named), figsize=(9, 3.9), layout="constrained", squeeze=False)
        for axes, (title, (weights, seconds)) in zip(panels[0], named.items(), strict=True):
            end = len(weights) * seconds
            image = axes.imshow(
                weights.numpy(),
                cmap="cividis",
                vmin=0,
                vmax=float(weights.quantile(0.995)),
                extent=(0, end, end, 0),
                interpolation="nearest",
            )
            for side in (-1, 1):
                offset = side * (neighbours + 0.5) * seconds
                axes.plot((offset, end + offset), (0, end), color=ORANGE, linestyle="--", linewidth=1.5)
            axes.set(xlabel="time of the key (s)", ylabel="time of the query (s)", title=title)
            axes.set(xlim=(0, end), ylim=(end, 0))
            axes.grid(False)
            figure.colorbar(image, ax=axes, label="weight", shrink=0.8, extend="max")
    return shown(figure, description)


def kernels_and_gates(
    encoder: AudioEncoder, mel: Tensor, kernels: Mapping[str, int], gates: Mapping[str, int], description: str
) -> Picture:
    """Kernels of the convolution in the first block, beside some of its gates for a clip.

    Args:
        mel: the clip (frames, 128).
        kernels, gates: label → channel.
        description: the alternative text.
    """
    block = encoder.blocks[0]
    assert isinstance(block, EncoderBlock)
    kernel = block.convolution.depthwise.weight[:, 0].detach()  # (C, K)
    reach = kernel.shape[1] // 2
    offsets = [FRAME * offset for offset in range(-reach, reach + 1)]
    opened = first_gates(encoder, mel)
    times = [FRAME / 1000 * (frame + 0.5) for frame in range(len(opened))]
    loudness = mel.mean(dim=1)
    loudness = (loudness - loudness.min()) / (loudness.max() - loudness.min())
    styles = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (PURPLE, "v"), (SKY_BLUE, "D"))
    with page_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.8, 3.2), layout="constrained")
        for (label, channel), (colour, marker) in zip(kernels.items(), styles, strict=False):
            left.plot(offsets, kernel[channel], color=colour, label=label, **DOTS | {"marker": marker})
        left.axhline(0, color=GREY, linewidth=0.8)
        left.set(xlabel="the frame that is read: earlier or later by (ms)", ylabel="weight", title="Kernels")
        left.set_ylim(-1.1, 2)
        right.fill_between(
            [0.01 * frame for frame in range(len(mel))],
            loudness.numpy(),
            color=GREY,
            alpha=0.3,
            linewidth=0,
            label="loudness (scaled)",
        )
        for (label, channel), (colour, marker) in zip(gates.items(), styles[3:], strict=False):
            right.plot(times, opened[:, channel], color=colour, label=label, **DOTS | {"marker": marker})
        right.set(xlabel="time in the clip (s)", ylabel="gate", title="Gates", ylim=(-0.03, 1.65))
        right.set_yticks([0, 0.5, 1])
        for axes in (left, right):
            axes.legend(loc="upper left")
    return shown(figure, description)


def first_gates(encoder: AudioEncoder, mel: Tensor) -> Tensor:
    """The gates (T, C) of the convolution in the first block, for mel (frames, 128)."""
    block = encoder.blocks[0]
    assert isinstance(block, EncoderBlock)
    found: list[Tensor] = []
    hook = block.convolution.expand.register_forward_hook(lambda layer, given, result: found.append(result))
    try:
        with torch.inference_mode():
            encoder(mel[None], torch.tensor([len(mel)]))
    finally:
        hook.remove()
    gates: Tensor = found[0][0].chunk(2, dim=-1)[1].sigmoid()
    return gates


def parameter_bars(parts: Sequence[tuple[str, int]], claimed: int, description: str) -> Picture:
    """The number of parameters of each part, stacked in one bar, and the chapter's number in another."""
    with page_style():
        figure, axes = plt.subplots(figsize=(9, 2.7), layout="constrained")
        left = 0
        for (name, count), colour in zip(parts, (BLUE, ORANGE, GREEN, PURPLE, SKY_BLUE), strict=False):
            label = f"{name}: {count / 1e6:.2f} M" if count >= 1e4 else f"{name}: {count}"
            axes.barh("counted", count / 1e6, left=left / 1e6, color=colour, label=label)
            left += count
        axes.barh("the chapter", claimed / 1e6, color=GREY)
        axes.set(xlabel="parameters (millions)")
        axes.grid(axis="y", visible=False)
        figure.legend(loc="outside upper center", ncols=3)
    return shown(figure, description)
