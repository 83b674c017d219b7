"""What one embedding depends on: its receptive field, the influence of each frame, and its attention."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, WINDOW_LENGTH
from omni_lib.encoder import AudioEncoder, SelfAttention, Subsampler, apply_rotary
from omni_lib.subsampling import halve_down, halve_up

# Over time, the strides of the three convolutions and of the residual one: kernel 3, padding 1
_TIME_STRIDES = (*(time for time, _ in Subsampler.STRIDES), 1)


@dataclass(frozen=True)
class Field:
    """A range of mel frames, `first` to `last` inclusive, and the samples that it covers."""

    first: int
    last: int

    @property
    def frames(self) -> int:
        """The number of frames."""
        return self.last - self.first + 1

    def samples(self, total: int) -> tuple[int, int]:
        """(start, end) of the samples in the windows of these frames, in a clip of `total` samples."""
        half = WINDOW_LENGTH // 2  # frame t is centred on sample 160 t
        return max(0, self.first * HOP_LENGTH - half), min(total, self.last * HOP_LENGTH + half)


def receptive_field(embedding: int, frames: int) -> Field:
    """The mel frames that influence an embedding through the subsampler and the pooling alone.

    It is computed backwards from the pair of 40 ms frames that is pooled into the embedding: each convolution
    of kernel 3 adds a neighbour on either side, and each stride of 2 doubles the scale. Through the attention
    of the blocks, an embedding depends on the whole clip.

    Args:
        embedding: its index, 0 ≤ embedding < embedding_lengths(frames).
        frames: mel frames of the clip.
    """
    first, last = 2 * embedding, 2 * embedding + 1  # the pair that is pooled
    for stride in reversed(_TIME_STRIDES):
        first, last = stride * first - 1, stride * last + 1
    return Field(max(0, first), min(frames - 1, last))


class Influence:
    """The influence of each mel frame on an embedding through the whole encoder.

    It is the norm of a gradient, as in Luo et al. 2016, "Understanding the effective receptive field in deep
    convolutional neural networks", here of the embedding projected on one random direction. The forward pass
    runs once.
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
        """The share of each frame in the influence: (frames,), with sum 1."""
        (gradient,) = torch.autograd.grad(self._projected[embedding], self._mel, retain_graph=True)
        norms: Tensor = gradient.norm(dim=1)
        return norms / norms.sum().clamp_min(1e-12)


def attention_maps(encoder: AudioEncoder, mel: Tensor) -> list[Tensor]:
    """The attention weights of each block: a list of (heads, T, T), T at the rate of the block.

    Row i holds the weights with which position i attends to every position. The encoder computes attention in
    one fused call that does not return the weights, so they are computed again here from the same inputs.
    """
    maps: list[Tensor] = []

    def keep_weights(attention: SelfAttention, arguments: tuple[Tensor, ...]) -> None:
        maps.append(attention_weights(attention, arguments[0])[0])

    attentions = [module for module in encoder.modules() if isinstance(module, SelfAttention)]
    hooks = [attention.register_forward_pre_hook(keep_weights) for attention in attentions]
    try:
        with torch.inference_mode():
            encoder(mel[None], torch.tensor([len(mel)]))
    finally:
        for hook in hooks:
            hook.remove()
    return maps


def attention_weights(attention: SelfAttention, x: Tensor) -> Tensor:
    """softmax(Q Kᵀ / √D) of x (B, T, C) without padding: (B, heads, T, T)."""
    query = attention.query_value(x).chunk(2, dim=-1)[0]
    query, key = (
        each.unflatten(-1, (attention.n_heads, -1)).transpose(1, 2) for each in (query, attention.key(x))
    )
    scores = apply_rotary(query) @ apply_rotary(key).transpose(-1, -2) / query.shape[-1] ** 0.5
    weights: Tensor = scores.softmax(dim=-1)
    return weights


def halvings(frames: int) -> list[int]:
    """The lengths of a clip from mel frames to embeddings, after each halving: [100, 50, 25, 12]."""
    half = halve_up(frames)
    quarter = halve_up(half)
    return [frames, half, quarter, halve_down(quarter)]
