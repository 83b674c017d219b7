"""What usual mistakes in the whole encoder compute, by the reply to them; of its parts: `slips`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from omni_lib import encoder as library
from omni_lib.course.lessons.encoder.slips import Slips
from omni_lib.encoder import valid_frames


def audio_encoder(layers: library.AudioEncoder, mel: Tensor, lengths: Tensor) -> Slips:
    def run(**flags: Any) -> Callable[[], Tensor]:
        return lambda: _embedded(layers, mel, lengths, **flags)

    def other(before_pool: int) -> Callable[[], Tensor]:
        return lambda: _embedded(layers, mel, lengths, before_pool=before_pool)

    return {
        "the log-mels are not normalised": run(mean=False, deviation=False),
        "the mean is not subtracted from the log-mels": run(mean=False),
        "the mean is added to the log-mels; subtract it": run(mean="added"),
        "the log-mels are not divided by their deviation": run(deviation=False),
        "the log-mels are multiplied by their deviation; divide by it": run(deviation="multiplied"),
        "subtract the mean before you divide by the deviation": run(mean="after the division"),
        "the layer norm at the end is missing": run(norm=False),
        "the embeddings of the padding must be zero: multiply by the mask of the new lengths": run(
            zeros=False
        ),
        "the layer norm has a bias, which writes into the padding: multiply by the mask after it": run(
            zeros="before the norm"
        ),
        "the mask of the embeddings is the wrong way round: the padding must be zero": run(zeros="inverted"),
        "the pool stands before the first block": other(0),
        "the pool stands after the last block": other(len(layers.blocks)),
        "the pool stands one block too late": other(layers.blocks_before_pool + 1),
        "the blocks are not masked: give each the mask of the lengths at that point": run(masked=False),
        "after the pool your mask has one frame too many where a clip had an odd number of them: make it "
        "again, from the halved lengths": run(rounds_up=True),
        "after the pool the blocks' mask has one frame too many where a clip had an odd number of them: make "
        "it again, from the halved lengths": run(rounds_up="in the blocks"),
    }


def _embedded(
    layers: library.AudioEncoder,
    mel: Tensor,
    lengths: Tensor,
    *,
    mean: bool | str = True,
    deviation: bool | str = True,
    norm: bool = True,
    zeros: bool | str = True,
    masked: bool = True,
    rounds_up: bool | str = False,
    before_pool: int | None = None,
) -> Tensor:
    """The embeddings (B, T', C) of mel (B, T, 128), as the library's unless a flag says otherwise."""
    before_pool = layers.blocks_before_pool if before_pool is None else before_pool
    x = mel - {True: layers.feature_mean, "added": -layers.feature_mean}.get(mean, torch.zeros(()))
    x = x * layers.feature_deviation if deviation == "multiplied" else x
    x = x / layers.feature_deviation if deviation is True else x
    x = x - layers.feature_mean if mean == "after the division" else x
    x, lengths = layers.subsampler(x, lengths)
    for place in range(len(layers.blocks) + 1):
        if place == before_pool:
            assert layers.pool is not None
            halved = library.halve_down(lengths)
            x, lengths = layers.pool(x), (lengths + 1) // 2 if rounds_up else halved
        if place < len(layers.blocks):
            mask = valid_frames(lengths, x.shape[1])
            x = layers.blocks[place](x, mask if masked else torch.ones_like(mask))
    lengths = halved if rounds_up == "in the blocks" else lengths
    mask = valid_frames(lengths, x.shape[1])[..., None]
    x = x * mask if zeros == "before the norm" else x
    x = layers.norm(x) if norm else x
    if zeros == "inverted":
        return torch.where(mask, 0.0, x)
    return torch.where(mask, x, 0.0) if zeros is True else x
