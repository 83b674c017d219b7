"""What usual mistakes in building the encoder compute, so that the judge can name a mistake.

Each function gives the reply to a mistake and what a part with that mistake returns, worked out from the
layers of the library.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from itertools import permutations
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from omni_lib import encoder as library
from omni_lib.encoder import apply_rotary, valid_frames

Slips = Mapping[str, Callable[[], Tensor]]


def rotation(x: Tensor) -> Slips:
    half, frames = x.shape[-1] // 2, torch.arange(x.shape[-2])[:, None]
    channel = torch.arange(half)
    angle = frames * 10_000.0 ** (-channel / half)

    def turned(angle: Tensor, a: Tensor = x[..., :half], b: Tensor = x[..., half:]) -> Tensor:
        return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], dim=-1)

    def alternating(halves: Tensor) -> Tensor:
        return torch.stack([halves[..., :half], halves[..., half:]], dim=-1).flatten(-2)

    def in_place() -> Tensor:
        a = x[..., :half] * angle.cos() - x[..., half:] * angle.sin()
        return torch.cat([a, a * angle.sin() + x[..., half:] * angle.cos()], dim=-1)

    def angles_of_neighbours() -> Tensor:
        by_channel = angle.repeat_interleave(2, dim=-1)
        return x * by_channel.cos() + torch.cat([-x[..., half:], x[..., :half]], dim=-1) * by_channel.sin()

    return {
        "the first frame has the position 0, so that nothing is rotated there": lambda: turned(
            (frames + 1) * 10_000.0 ** (-channel / half)
        ),
        "the channels are rotated the other way round: look at the signs in the formula": lambda: turned(
            -angle
        ),
        "a pair consists of the channels i and i + D/2, and not of two neighbouring ones": lambda: (
            alternating(turned(angle, x[..., ::2], x[..., 1::2]))
        ),
        "the new channels alternate: all a' come first and then all b' (`torch.cat`)": lambda: alternating(
            turned(angle)
        ),
        "b' is computed from a' in place of a: keep the old a until both are known": in_place,
        "the channels i and i + D/2 need the same angle: repeat the angles as a whole (`torch.cat`), "
        "not one by one": angles_of_neighbours,
        "the angles fall twice as fast as they should: the exponent is -2i / D, and i counts the pairs": (
            lambda: turned(frames * 10_000.0 ** (-2 * channel / half))
        ),
        "the exponent is -2i / D, which goes almost to -1": lambda: turned(
            frames * 10_000.0 ** (-channel / (2 * half))
        ),
        "the exponent is negative in the formula: the angles fall from pair to pair": lambda: turned(
            frames * 10_000.0 ** (channel / half)
        ),
        "all pairs are rotated by the same angle; each pair has its own": lambda: turned(frames.float()),
        "the angles must be in radians, as `cos` and `sin` expect": lambda: turned(angle * math.pi / 180),
    }


def subsampler(layers: library.Subsampler, x: Tensor, lengths: Tensor) -> Slips:
    def run(**flags: Any) -> Callable[[], Tensor]:
        return lambda: _subsampled(layers, x, lengths, **flags)

    return {
        "the padding goes into the first convolution: multiply `x` by its mask before it": run(
            zeros_first=False
        ),
        "the residual's result must be added to its input": run(residual="alone"),
        "the residual layer is missing": run(residual="none"),
        "`residual_norm` is missing: convolve, norm, ReLU": run(residual="without norm"),
        "a ReLU is missing after the norms of `convs`": run(rectified=False),
        "the ReLU comes after the norm, not before it": run(rectified="before"),
        "a ReLU is missing after the residual's norm": run(residual="linear"),
        "the ReLU comes before the addition, and works on the residual's result alone": run(
            residual="added before the ReLU"
        ),
        "the sum of two bands is twice their mean": run(bands="summed"),
        "the mean is over two neighbouring bands: `unflatten` the bands into 8 pairs": run(bands="far apart"),
        "the values of a band must stay together: flatten (8 bands, 64 channels) in this order": run(
            bands="after channels"
        ),
        "a norm needs the mask of its frames: halve the lengths with each stride, and make a new mask": (
            run(new_lengths=False)
        ),
    }


def _subsampled(
    layers: library.Subsampler,
    x: Tensor,
    lengths: Tensor,
    *,
    zeros_first: bool = True,
    new_lengths: bool = True,
    rectified: bool | str = True,
    residual: str = "added",
    bands: str = "neighbours",
) -> Tensor:
    """`layers` applied to x (B, T, 128), as the library does it unless a flag says otherwise: (B, T', C)."""
    convolve = library.convolve_time_and_frequency
    if zeros_first:
        x = x * valid_frames(lengths, x.shape[1])[..., None]
    x = x[..., None]
    for conv, norm, (stride, _) in zip(layers.convs, layers.norms, layers.STRIDES, strict=True):
        x = convolve(conv, x)
        lengths = library.halve_up(lengths) if stride == 2 and new_lengths else lengths
        x = F.relu(x) if rectified == "before" else x
        x = norm(x, valid_frames(lengths, x.shape[1]))
        x = F.relu(x) if rectified is True else x
    if residual != "none":
        added = layers.residual_norm(convolve(layers.residual, x), valid_frames(lengths, x.shape[1]))
        added = convolve(layers.residual, x) if residual == "without norm" else added
        late = residual == "added before the ReLU"
        added = added if residual == "linear" or late else F.relu(added)
        x = added if residual == "alone" else x + added
        x = F.relu(x) if late else x
    x = x.unflatten(2, (2, 8)).mean(dim=2) if bands == "far apart" else x.unflatten(2, (8, 2)).mean(dim=3)
    x = 2 * x if bands == "summed" else x
    x = x.transpose(2, 3) if bands == "after channels" else x
    projected: Tensor = layers.project(x.flatten(2))
    return projected


def self_attention(layers: library.SelfAttention, x: Tensor, mask: Tensor) -> Slips:
    open_keys = mask[:, None, None, :]

    def same(values: Tensor) -> Tensor:
        return values

    def run(
        query_turned: Any = apply_rotary,
        key_turned: Any = apply_rotary,
        value_turned: Any = same,
        masked: bool | str = True,
        split: str = "by channel",
        exchanged: bool = False,
    ) -> Callable[[], Tensor]:
        def attended() -> Tensor:
            query, value = layers.query_value(x).chunk(2, dim=-1)
            query, value = (value, query) if exchanged else (query, value)
            if split == "before the halves":
                halves = layers.query_value(x).unflatten(-1, (layers.n_heads, 2, -1))
                query, value = halves[..., 0, :].flatten(2), halves[..., 1, :].flatten(2)
            each_head = (_by_head(each, layers.n_heads, split) for each in (query, layers.key(x), value))
            query, key, value = each_head
            if split == "after":  # the whole frame is rotated as if it were one head
                query, key = (
                    _by_head(apply_rotary(_joined(each)), layers.n_heads, "") for each in (query, key)
                )
            result = F.scaled_dot_product_attention(
                query if split == "after" else query_turned(query),
                key if split == "after" else key_turned(key),
                value_turned(value),
                attn_mask=None if masked is False else ~open_keys if masked == "inverted" else open_keys,
            )
            joined = result.reshape(x.shape) if split == "joined" else result.transpose(1, 2).flatten(2)
            output: Tensor = layers.output(joined)
            return output

        return attended

    return {
        "the positions are missing: `rotate` the queries and the keys": run(
            query_turned=same, key_turned=same
        ),
        "rotate the queries too, not the keys alone": run(query_turned=same),
        "rotate the keys too, not the queries alone": run(key_turned=same),
        "rotate after the `split`: the pairs are those of the channels of one head": run(split="after"),
        "the values must not be rotated": run(value_turned=apply_rotary),
        "the padding is attended to: hand the mask to `attention`": run(masked=False),
        "the mask is the wrong way round: true means real": run(masked="inverted"),
        "the first half of `query_value` are the queries, the second half the values": run(exchanged=True),
        "take the two halves of `query_value` before the `split`, not after it": run(
            split="before the halves"
        ),
        "the heads are not split by channel: `unflatten` the last axis, then exchange T and heads": run(
            split="by frame"
        ),
        "the heads are not joined by channel: exchange heads and T again before you `flatten`": run(
            split="joined"
        ),
        "the last map, `output`, is missing": lambda: _without_output(layers, x, mask),
        "`x` must not be added here: that residual connection belongs to the block": lambda: x + run()(),
        "the scores are scaled twice: your `attention` divides them by the square root of D already": run(
            query_turned=lambda query: apply_rotary(query) / math.sqrt(query.shape[-1])
        ),
    }


def _by_head(x: Tensor, heads: int, split: str) -> Tensor:
    """x (B, T, C) → (B, heads, T, D); `split` "by frame" is the mistake of a bare `reshape`."""
    if split == "by frame":
        return x.reshape(x.shape[0], heads, x.shape[1], -1)
    return torch.unflatten(x, -1, (heads, -1)).transpose(1, 2)


def _joined(x: Tensor) -> Tensor:
    """x (B, heads, T, D) → (B, T, C)."""
    return x.transpose(1, 2).flatten(2)


def _without_output(layers: library.SelfAttention, x: Tensor, mask: Tensor) -> Tensor:
    layers = copy.deepcopy(layers)
    layers.output = nn.Identity()  # type: ignore[assignment]
    attended: Tensor = layers(x, mask)
    return attended


def block(layers: library.EncoderBlock, x: Tensor, mask: Tensor) -> Slips:
    names = ("attention", "convolution", "feed_forward")

    def computed(name: str, x: Tensor) -> Tensor:
        layer = getattr(layers, name)
        result: Tensor = layer(x) if name == "feed_forward" else layer(x, mask)
        return result

    def normed(name: str, x: Tensor) -> Tensor:
        result: Tensor = getattr(layers, f"{name}_norm")(x)
        return result

    def run(
        step: Callable[[str, Tensor], Tensor], where: tuple[str, ...] = names, order: tuple[str, ...] = names
    ) -> Callable[[], Tensor]:
        def result() -> Tensor:
            y = x
            for name in order:
                y = step(name, y) if name in where else y + computed(name, normed(name, y))
            return y

        return result

    slips: dict[str, Callable[[], Tensor]] = {}
    for where in (names, *((name,) for name in names)):
        what = "`" + "`, `".join(where) + "`"
        slips[f"the result of {what} must be added to its input"] = run(
            lambda name, y: computed(name, normed(name, y)), where
        )
        if len(where) == 1:
            slips[f"{what} is missing, or its result is not used"] = run(lambda name, y: y, where)
        slips[f"the layer norm before {what} is missing"] = run(lambda name, y: y + computed(name, y), where)
        slips[f"the norm of {what} stands after it; it belongs in front of it"] = run(
            lambda name, y: normed(name, y + computed(name, y)), where
        )
        slips[f"{what} gets the normalised input, but its result must be added to the input itself"] = run(
            lambda name, y: normed(name, y) + computed(name, normed(name, y)), where
        )
    for order in tuple(permutations(names))[1:]:
        mistaken = "`, `".join(order)
        slips[f"the order is attention, convolution, feed-forward, and not `{mistaken}`"] = run(
            computed, where=(), order=order
        )
    for blind in (("attention", "convolution"), ("attention",), ("convolution",)):
        slips["the mask does not reach `" + "`, `".join(blind) + "`"] = run(
            lambda name, y: y + getattr(layers, name)(normed(name, y), torch.ones_like(mask)), blind
        )
    for turned in ("attention", "convolution"):
        slips[f"the mask of `{turned}` is the wrong way round: true means real"] = run(
            lambda name, y: y + getattr(layers, name)(normed(name, y), ~mask), (turned,)
        )
    slips["each part works on the result of the one before it, not all on the same input"] = lambda: (
        x + sum(computed(name, normed(name, x)) for name in names)
    )
    return slips
