"""What Stage E does with embeddings: text and sound in one sequence, read by a small transformer.

The transformer has the shape of a language model but random weights. It shows how the parts fit together;
what it predicts means nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from omni_lib.encoder import valid_frames


def mixed_sequence(parts: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Concatenate the valid positions of several parts, clip by clip, and pad the rows at their end.

    Args:
        parts: (vectors (B, T_i, D), lengths (B,)) in the order of the sequence, such as text, sound, text.

    Returns:
        sequence (B, T, D), T being the length of the longest row, and mask (B, T), true on valid positions.
    """
    rows = [
        torch.cat([vectors[row, : int(lengths[row])] for vectors, lengths in parts])
        for row in range(len(parts[0][0]))
    ]
    sequence = nn.utils.rnn.pad_sequence(rows, batch_first=True)
    return sequence, valid_frames(torch.tensor([len(row) for row in rows]), sequence.shape[1])


class SmallThinker(nn.Module):
    """A decoder-only transformer: sequence (B, T, channels), mask (B, T) → logits (B, T, symbols).

    Each position attends to itself and to valid positions before it. There are no positional encodings: the
    causal mask alone distinguishes early positions from late ones.
    """

    def __init__(self, symbols: int, channels: int = 256, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, channels)  # of the text
        layer = nn.TransformerEncoderLayer(channels, heads, 4 * channels, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.output = nn.Linear(channels, symbols)

    def forward(self, sequence: Tensor, mask: Tensor) -> Tensor:
        length = sequence.shape[1]
        later = torch.ones(length, length, dtype=torch.bool, device=sequence.device).triu(1)
        logits: Tensor = self.output(self.layers(sequence, mask=later, src_key_padding_mask=~mask))
        return logits
