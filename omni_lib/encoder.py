"""The audio encoder: raw log-mels (B, T, 128) → embeddings (B, T', 192), one every 80 ms.

    Subsampler     10 ms frames → 40 ms     convolutions over time and frequency (`subsampling.py`)
    EncoderBlock   one after another        self-attention, convolution, feed-forward
    PairPool       40 ms frames → 80 ms     two neighbouring frames become one (`subsampling.py`)

The pool comes after the last block, or earlier if `blocks_before_pool` is smaller. A block after the pool
costs half as much. But most letters are shorter than 80 ms, and a block can distinguish them more easily
while each letter has its own frames. Which effect is larger depends on the speech.

Every operation that combines several frames uses the mask of valid frames: convolutions get zeros beyond the
end of an utterance, attention ignores the padding, and batch statistics count valid frames only. So an
utterance has the same embeddings by itself as in any padded batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from omni_lib.audio import N_MELS
from omni_lib.config import Config
from omni_lib.errors import UserError
from omni_lib.subsampling import (
    HIDDEN_TIME,
    Length,
    MaskedBatchNorm,
    PairPool,
    Subsampler,
    convolve_time_and_frequency,
    embedding_lengths,
    halve_down,
    halve_up,
    valid_frames,
)

# the names that others import from here; some of them are defined in subsampling.py
__all__ = [
    "AudioEncoder",
    "ConvolutionModule",
    "EncoderBlock",
    "FeedForward",
    "MaskedBatchNorm",
    "PairPool",
    "SelfAttention",
    "Subsampler",
    "apply_rotary",
    "block_time",
    "convolve_time",
    "convolve_time_and_frequency",
    "count_parameters",
    "embedding_lengths",
    "halve_down",
    "halve_up",
    "valid_frames",
]


def convolve_time(conv: nn.Conv1d, x: Tensor) -> Tensor:
    """Apply a Conv1d to frames in channels-last layout: (B, T, C) → (B, T, C').

    The frames are treated as an image with one frequency band, because torch has the channels-last layout for
    images only. A Conv1d of (B, C, T) would reorder all values before and after, and a depthwise convolution
    would take three times as long.
    """
    image = x[:, :, None].permute(0, 3, 1, 2)  # (B, C, T, 1)
    y = F.conv2d(image, conv.weight[..., None], conv.bias, 1, (int(conv.padding[0]), 0), 1, conv.groups)
    return y.permute(0, 2, 3, 1)[:, :, 0]  # (B, T, C')


def apply_rotary(x: Tensor) -> Tensor:
    """Rotary position embedding (Su et al. 2021, section 3.2) of queries or keys (B, heads, T, D).

    The channel pair (i, i + D/2) at position t is rotated by the angle t / 10000^(2i / D), so that the
    product of a query and a key depends on the distance between them and not on their positions.
    """
    half = x.shape[-1] // 2
    exact = torch.promote_types(x.dtype, torch.float32)  # bfloat16 has no odd integers above 256
    rates = 10_000.0 ** (-torch.arange(half, device=x.device, dtype=exact) / half)
    angles = torch.arange(x.shape[-2], device=x.device, dtype=exact)[:, None] * rates  # (T, D/2)
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)


def within_reach(frames: int, reach: int, device: torch.device) -> Tensor:
    """Mask (frames, frames) that is true where two frames are at most `reach` apart."""
    position = torch.arange(frames, device=device)
    return (position[:, None] - position).abs() <= reach


class SelfAttention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017) with rotary positions; padding is masked."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        if d_model % (2 * n_heads) == n_heads:  # an odd number of channels, which are rotated in pairs
            raise UserError(f"d_model {d_model} must be a multiple of 2 x n_heads ({2 * n_heads})")
        self.n_heads = n_heads
        self.query_value = nn.Linear(d_model, 2 * d_model)
        # No bias: the shift of the layer norm in front of attention, times this matrix, has the same effect.
        self.key = nn.Linear(d_model, d_model, bias=False)
        self.output = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, mask: Tensor, reach: int | None = None) -> Tensor:
        """x (B, T, C), mask (B, T) → (B, T, C); a frame attends to valid frames at most `reach` away."""
        query, value = self.query_value(x).chunk(2, dim=-1)
        query, key, value = (
            torch.unflatten(each, -1, (self.n_heads, -1)).transpose(1, 2)
            for each in (query, self.key(x), value)
        )  # (B, heads, T, D)
        precision = query.dtype
        # torch's attention on the CPU is slower in bfloat16 and in float16 than in float32
        if x.device.type == "cpu" and precision in (torch.bfloat16, torch.float16):
            query, key, value = query.float(), key.float(), value.float()
        allowed = mask[:, None, None, :]
        if reach is not None:
            allowed = allowed & within_reach(x.shape[1], reach, x.device)
            # far in the padding, a frame attends to itself: see `attention_mask`
            allowed = allowed | within_reach(x.shape[1], 0, x.device)
        with torch.autocast(x.device.type, enabled=False):
            attended = F.scaled_dot_product_attention(
                apply_rotary(query), apply_rotary(key), value, attn_mask=allowed
            )
        output: Tensor = self.output(attended.to(precision).transpose(1, 2).flatten(2))  # (B, T, C)
        return output


class ConvolutionModule(nn.Module):
    """Gate, depthwise convolution over time, batch norm (Gulati et al. 2020, "Conformer", section 2.2)."""

    def __init__(self, d_model: int, kernel_size: int) -> None:
        super().__init__()
        self.expand = nn.Linear(d_model, 2 * d_model)
        self.depthwise = nn.Conv1d(
            d_model, d_model, kernel_size, padding=kernel_size // 2, groups=d_model, bias=False
        )
        self.norm = MaskedBatchNorm(d_model)
        self.output = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, C), mask (B, T) → (B, T, C)."""
        x = F.glu(self.expand(x), dim=-1) * mask[..., None]
        x = convolve_time(self.depthwise, x)
        output: Tensor = self.output(F.silu(self.norm(x, mask)))
        return output


class SquaredReLU(nn.Module):
    """max(x, 0)² (So et al. 2021, "Primer"): faster than an activation with an exponential."""

    def forward(self, x: Tensor) -> Tensor:
        """x (…) → the same shape."""
        return F.relu(x).square()


class FeedForward(nn.Sequential):
    """Two linear maps with a nonlinearity between them, applied to each frame separately."""

    def __init__(self, d_model: int, d_ff: int, dropout: float) -> None:
        super().__init__(
            nn.Linear(d_model, d_ff), SquaredReLU(), nn.Dropout(dropout), nn.Linear(d_ff, d_model)
        )


class EncoderBlock(nn.Module):
    """Attention, convolution and feed-forward, each after a layer norm and with a residual connection."""

    def __init__(self, d_model: int, n_heads: int, d_ff: int, dropout: float, kernel_size: int = 15) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(d_model)
        self.attention = SelfAttention(d_model, n_heads)
        self.convolution_norm = nn.LayerNorm(d_model)
        self.convolution = ConvolutionModule(d_model, kernel_size)
        self.feed_forward_norm = nn.LayerNorm(d_model)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, reach: int | None = None) -> Tensor:
        """x (B, T, C), mask (B, T) → (B, T, C); `reach` as in `SelfAttention`."""
        x = x + self.dropout(self.attention(self.attention_norm(x), mask, reach))
        x = x + self.dropout(self.convolution(self.convolution_norm(x), mask))
        x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return x


class AudioEncoder(nn.Module):
    """mel (B, T, 128), lengths (B,) → embeddings (B, T', d_model), lengths (B,); T' ≈ T / downsample_time.

    The input is raw log-mels. The mean and deviation that normalise them are buffers, saved with the weights.
    """

    feature_mean: Tensor  # (128,)
    feature_deviation: Tensor  # (128,)

    def __init__(
        self,
        d_model: int = 192,
        n_layers: int = 4,
        n_heads: int = 3,
        d_ff: int = 768,
        dropout: float = 0.1,
        downsample_time: int = 8,
        blocks_before_pool: int = 4,
    ) -> None:
        """
        Args:
            downsample_time: mel frames per embedding, 4 or 8; with 4 there is no pool.
            blocks_before_pool: blocks that work at 25 Hz; those after the pool work at 12.5 Hz.

        Raises:
            UserError: `downsample_time` is neither 4 nor 8, or a head would have an odd number of channels.
        """
        super().__init__()
        if downsample_time not in (4, 8):
            raise UserError(f"downsample_time is {downsample_time}: it must be 4 or 8")
        self.d_model, self.downsample_time = d_model, downsample_time
        self.blocks_before_pool = min(blocks_before_pool, n_layers)
        self.register_buffer("feature_mean", torch.zeros(N_MELS))
        self.register_buffer("feature_deviation", torch.ones(N_MELS))
        self.subsampler = Subsampler(d_model)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(EncoderBlock(d_model, n_heads, d_ff, dropout) for _ in range(n_layers))
        self.pool = PairPool(d_model) if downsample_time == 8 else None
        self.norm = nn.LayerNorm(d_model)

    @classmethod
    def from_config(cls, config: Config) -> AudioEncoder:
        """An untrained encoder with the sizes given in the settings."""
        shape = ("d_model", "n_layers", "n_heads", "d_ff", "dropout", "downsample_time", "blocks_before_pool")
        return cls(*(getattr(config, name) for name in shape))

    def output_lengths(self, lengths: Length) -> Length:
        """The number of embeddings of `lengths` mel frames, an int or a tensor: 100 → 12, 38 → 5."""
        return embedding_lengths(lengths, self.downsample_time)

    def forward(self, mel: Tensor, lengths: Tensor, reach: int | None = None) -> tuple[Tensor, Tensor]:
        """
        Args:
            reach: largest distance, in 10 ms frames, over which a block attends; None: the whole utterance,
                as in training.
        """
        embeddings, lengths = self.embed(*self.hidden_states(mel, lengths, reach)[-1])
        return embeddings[:, : self.output_lengths(mel.shape[1])], lengths

    def hidden_states(
        self, mel: Tensor, lengths: Tensor, reach: int | None = None
    ) -> list[tuple[Tensor, Tensor]]:
        """The output of each block, (B, T / `block_time`, d_model), with lengths (B,), for the CTC losses."""
        x = (mel - self.feature_mean) / self.feature_deviation  # (B, T, 128)
        x = F.pad(x, (0, 0, 0, max(0, 8 - x.shape[1])))  # with fewer than 8 frames the convolutions fail
        x, lengths = self.subsampler(x, lengths)  # (B, T / 4, C)
        x = self.dropout(x)
        states = []
        for index, block in enumerate(self.blocks):
            if index == self.blocks_before_pool:
                x, lengths = self._pooled(x, lengths)  # (B, T / 8, C)
            time = block_time(index, self.blocks_before_pool, self.downsample_time)
            x = block(x, attention_mask(lengths, x.shape[1]), None if reach is None else reach // time)
            states.append((x, lengths))
        return states

    def embed(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The last hidden state → embeddings (B, T', d_model), zero in the padding, and lengths (B,)."""
        if self.blocks_before_pool == len(self.blocks):
            x, lengths = self._pooled(x, lengths)
        return self.norm(x) * valid_frames(lengths, x.shape[1])[..., None], lengths

    def _pooled(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return (x, lengths) if self.pool is None else (self.pool(x), halve_down(lengths))

    def context(self, reach: int) -> int:
        """The number of 10 ms frames on each side that an embedding can depend on, with this `reach`."""
        frames = 16  # the subsampler's convolutions reach at most 9 frames, PairPool 4
        for index, block in enumerate(self.blocks):
            assert isinstance(block, EncoderBlock)
            time = block_time(index, self.blocks_before_pool, self.downsample_time)
            frames += reach + time * int(block.convolution.depthwise.padding[0])
        return frames


def block_time(index: int, blocks_before_pool: int, downsample_time: int) -> int:
    """Mel frames (10 ms) per frame of block `index`, which counts from 0."""
    return HIDDEN_TIME if index < blocks_before_pool else downsample_time


def attention_mask(lengths: Tensor, frames: int) -> Tensor:
    """`valid_frames` with at least one true frame per row: a softmax over none is NaN on some backends."""
    return valid_frames(lengths.clamp_min(1), frames)


def count_parameters(module: nn.Module) -> int:
    """The number of trainable parameters of `module`."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
