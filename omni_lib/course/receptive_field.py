"""What one embedding sees: the frames that reach it through the convolutions, how much each of them matters, and where it attends."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, WINDOW_LENGTH
from omni_lib.encoder import AudioEncoder, SelfAttention, Subsampler, apply_rotary, halve_down, halve_up

# Kernel 3, padding 1, over time: the strides of the three convolutions, then the residual one
_TIME_STRIDES = (*(time for time, _ in Subsampler.STRIDES), 1)


@dataclass(frozen=True)
class Field:
    """A stretch of mel frames, `first` to `last` inclusive, and the samples under it."""

    first: int
    last: int

    @property
    def frames(self) -> int:
        return self.last - self.first + 1

    def samples(self, total: int) -> tuple[int, int]:
        """(start, end) of the samples that its windows look at, within a clip of `total` samples."""
        half = WINDOW_LENGTH // 2  # frame t is centred on sample 160 t
        return max(0, self.first * HOP_LENGTH - half), min(total, self.last * HOP_LENGTH + half)


def receptive_field(embedding: int, frames: int) -> Field:
    """The mel frames that reach an embedding through subsampler and pooling alone.

    Backwards from the pair of 40 ms frames that become one embedding: each convolution of kernel 3 adds a neighbour on
    either side, and each stride of 2 doubles the scale. Through the blocks, with their attention, it sees the whole clip.

    Args:
        embedding: its index, 0 ≤ embedding < embedding_lengths(frames).
        frames: mel frames of the clip.
    """
    first, last = 2 * embedding, 2 * embedding + 1  # the pair that is pooled
    for stride in reversed(_TIME_STRIDES):
        first, last = stride * first - 1, stride * last + 1
    return Field(max(0, first), min(frames - 1, last))


class Influence:
    """How much each mel frame moves an embedding through the whole encoder.

    The norm of a gradient, as in Luo et al. 2016, "Understanding the effective receptive field in deep convolutional neural
    networks"; one random direction of the embedding stands for all of them. The way forward is computed once.
    """

    def __init__(self, encoder: AudioEncoder, mel: Tensor) -> None:
        """
        Args:
            encoder: in evaluation mode.
            mel: (frames, 128), raw log-mel.
        """
        self._mel = mel.detach().clone().requires_grad_(True)
        embeddings, lengths = encoder(self._mel[None], torch.tensor([len(mel)]))
        direction = torch.randn(embeddings.shape[-1], generator=torch.Generator().manual_seed(0))
        self._projected = embeddings[0, : lengths[0]] @ direction  # (embeddings,)

    def of(self, embedding: int) -> Tensor:
        """The share of each frame: (frames,), its sum is 1."""
        (gradient,) = torch.autograd.grad(self._projected[embedding], self._mel, retain_graph=True)
        weights = gradient.norm(dim=1)
        return weights / weights.sum().clamp_min(1e-12)


def attention_maps(encoder: AudioEncoder, mel: Tensor) -> list[Tensor]:
    """Where each block attends: a list of (heads, T, T), T at the block's own rate; row: who looks, column: at whom.

    The library computes attention in one fused call that keeps no weights, so they are computed again from the very
    inputs that it was given.
    """
    seen: list[Tensor] = []
    hooks = [
        block.attention.register_forward_pre_hook(
            lambda module, arguments: seen.append(attention_weights(module, arguments[0]))
        )
        for block in encoder.blocks
    ]
    try:
        with torch.inference_mode():
            encoder(mel[None], torch.tensor([len(mel)]))
    finally:
        for hook in hooks:
            hook.remove()
    return [weights[0] for weights in seen]


def attention_weights(attention: SelfAttention, x: Tensor) -> Tensor:
    """softmax(Q Kᵀ / √D) of unpadded x (B, T, C): (B, heads, T, T)."""
    query = attention.query_value(x).chunk(2, dim=-1)[0]
    query, key = (
        each.unflatten(-1, (attention.n_heads, -1)).transpose(1, 2) for each in (query, attention.key(x))
    )
    scores = apply_rotary(query) @ apply_rotary(key).transpose(-1, -2) / query.shape[-1] ** 0.5
    return scores.softmax(dim=-1)


def halvings(frames: int) -> list[int]:
    """Lengths on the way: mel frames, after each convolution that halves, after the pooling: [100, 50, 25, 12]."""
    half = halve_up(frames)
    quarter = halve_up(half)
    return [frames, half, quarter, halve_down(quarter)]
