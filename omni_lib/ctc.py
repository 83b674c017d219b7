"""Connectionist temporal classification (Graves et al. 2006): from embeddings to text without an alignment.

A path has one symbol per CTC frame; collapsing it (merge what repeats, then drop the blanks) gives the text. The loss is
minus the logarithm of the summed probability of all paths that collapse to the text, not of the best path alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from omni_lib.text import BLANK


class CTCHead(nn.Module):
    """embeddings (B, T', d_model), lengths (B,) → log_probs (B, T' · k, symbols), lengths (B,).

    Each 80 ms embedding emits k = `frames_per_embedding` CTC frames: at k = 1 there are 12.5 a second, fewer than the
    letters of ordinary speech, and an utterance with more letters than frames has no path at all.
    """

    def __init__(self, d_model: int, symbols: int, frames_per_embedding: int = 1) -> None:
        super().__init__()
        self.symbols, self.frames_per_embedding = symbols, frames_per_embedding
        self.linear = nn.Linear(d_model, frames_per_embedding * symbols)

    def forward(self, embeddings: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        batch, steps, _ = embeddings.shape
        logits = self.linear(embeddings).view(batch, steps * self.frames_per_embedding, self.symbols)
        return logits.log_softmax(dim=-1), lengths * self.frames_per_embedding


def ctc_loss(log_probs: Tensor, lengths: Tensor, targets: Sequence[Sequence[int]]) -> Tensor:
    """Negative log-likelihood of each target, in nats: (B,).

    An impossible row is inf, and stays inf: `zero_infinity` would hide it. Rows are audited before training instead.

    Args:
        log_probs: (B, T, symbols), natural logarithms.
        lengths: (B,) valid CTC frames.
        targets: class indices of each utterance, without blanks.
    """
    if not targets:
        return log_probs.sum(dim=(1, 2))  # no loss, but a gradient of zero for whatever computed this
    if log_probs.device.type == "mps":  # whose own CTC is young, and was not tried; the gradient finds its way back
        log_probs, lengths = log_probs.cpu(), lengths.cpu()
    device = log_probs.device
    target_lengths = torch.tensor([len(target) for target in targets], device=device)
    flat = torch.tensor([index for target in targets for index in target], dtype=torch.long, device=device)
    return F.ctc_loss(log_probs.transpose(0, 1), flat, lengths, target_lengths, blank=BLANK, reduction="none")


def collapse(path: Sequence[int]) -> list[int]:
    """Merge what repeats, then drop the blanks: h h _ e l _ l o → h e l l o."""
    return [symbol for symbol, _ in groupby(path) if symbol != BLANK]


def frames_needed(target: Sequence[int]) -> int:
    """The fewest CTC frames with a path to `target`: one a symbol, and a blank between each two that are alike."""
    return len(target) + sum(left == right for left, right in zip(target, target[1:], strict=False))


def is_feasible(target: Sequence[int], frames: int) -> bool:
    """Whether a path exists, that is whether the loss is finite."""
    return frames >= frames_needed(target)
