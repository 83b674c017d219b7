"""Connectionist temporal classification (Graves et al. 2006): from embeddings to text without an alignment.

A path has one symbol per CTC frame. Collapsing it (merge repeated symbols, then drop the blanks) gives the
text. The loss is the negative logarithm of the summed probability of all paths that collapse to the text, not
only of the best path.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from omni_lib.subsampling import valid_frames
from omni_lib.text import BLANK

ON_THE_CPU = ("mps",)  # devices whose CTC was not tested: the CPU computes it for them


class CTCHead(nn.Module):
    """embeddings (B, T', d_model), lengths (B,) → log_probs (B, T' · k, symbols), lengths (B,).

    Each 80 ms embedding gives k = `frames_per_embedding` CTC frames. With k = 1 there are 12.5 frames per
    second. Ordinary speech often has more letters per second, and an utterance with more letters than frames
    has no path at all.
    """

    def __init__(self, d_model: int, symbols: int, frames_per_embedding: int = 1) -> None:
        super().__init__()
        self.symbols, self.frames_per_embedding = symbols, frames_per_embedding
        self.linear = nn.Linear(d_model, frames_per_embedding * symbols)

    def forward(self, embeddings: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """embeddings (B, T', d_model) → natural log_probs (B, T' · k, symbols), at least float32."""
        batch, steps, _ = embeddings.shape
        logits = self.linear(embeddings).view(batch, steps * self.frames_per_embedding, self.symbols)
        # torch has no CTC loss in bfloat16 or float16, which would also round each of the summands
        precision = torch.promote_types(logits.dtype, torch.float32)
        return logits.log_softmax(dim=-1, dtype=precision), lengths * self.frames_per_embedding


def ctc_loss(log_probs: Tensor, lengths: Tensor, targets: Sequence[Sequence[int]]) -> Tensor:
    """Negative log-likelihood of each target, in nats: (B,), on the device of `log_probs`.

    A target without a path has an infinite loss. PyTorch's option `zero_infinity` would hide that; instead,
    training checks all rows before its first step (`training/audit.py`).

    Args:
        log_probs: (B, T, symbols), natural logarithms.
        lengths: (B,) valid CTC frames.
        targets: class indices of each utterance, without blanks.
    """
    if not targets:
        return log_probs.sum(dim=(1, 2))  # (0,): no loss, and a gradient of zero
    model_device = log_probs.device
    if model_device.type in ON_THE_CPU:  # autograd copies the gradient back
        log_probs, lengths = log_probs.cpu(), lengths.cpu()
    device = log_probs.device
    target_lengths = torch.tensor([len(target) for target in targets], device=device)
    flat = torch.tensor([index for target in targets for index in target], dtype=torch.long, device=device)
    loss = F.ctc_loss(log_probs.transpose(0, 1), flat, lengths, target_lengths, blank=BLANK, reduction="none")
    return loss.to(model_device)


def entropic_ctc_loss(
    log_probs: Tensor, lengths: Tensor, targets: Sequence[Sequence[int]], weight: float
) -> Tensor:
    """`ctc_loss` minus `weight` times the entropy of the alignments, in nats: (B,).

    CTC sums over all paths, but the weight of each path in the gradient is its share of that sum. So the most
    probable paths gain most, and training tends to settle on a few of them early (on the peaks that result:
    Zeyer et al. 2021, "Why does CTC result in peaky behavior?"). A bonus for the entropy of the paths keeps
    more of them probable (Liu, Jin & Zhang 2018, "Connectionist temporal classification with maximum entropy
    regularization", with Shannon's entropy). With Rényi's entropy of order β = 1 / (1 + weight), the loss
    with the bonus is again a CTC loss, of flatter distributions:

        -log Σ P(path) - weight · log Σ (P(path) / Σ P)^β / (1 - β)  =  -log Σ P(path)^β / β

    where Σ is the sum over the paths to the target. The flattened probabilities P^β of a frame no longer sum
    to 1, but torch's gradient assumes that they do. So they are divided by their sum before the loss, and the
    logarithm of that sum is subtracted from the loss afterwards.

    Args:
        weight: the weight of the entropy, at least 0; with 0 the result is that of `ctc_loss`. The other
            arguments are those of `ctc_loss`.
    """
    flat, log_sums = flattened(log_probs, lengths, weight)
    return (1 + weight) * (ctc_loss(flat, lengths, targets) - log_sums)


def flattened(log_probs: Tensor, lengths: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    """Flatter log_probs (B, T, symbols) for `entropic_ctc_loss`, and what it subtracts from their loss."""
    flat = log_probs / (1 + weight)
    total = flat.logsumexp(dim=-1)  # (B, T)
    return flat - total[..., None], (total * valid_frames(lengths, total.shape[1])).sum(dim=1)


def collapse(path: Sequence[int]) -> list[int]:
    """Merge repeated symbols, then drop the blanks: h h _ e l _ l o → h e l l o."""
    return [symbol for symbol, _ in groupby(path) if symbol != BLANK]


def frames_needed(target: Sequence[int]) -> int:
    """The fewest CTC frames for `target`: one per symbol, and a blank between equal neighbours."""
    return len(target) + sum(left == right for left, right in zip(target, target[1:], strict=False))


def is_feasible(target: Sequence[int], frames: int) -> bool:
    """Whether `target` has a path of this many CTC frames, which makes the loss finite."""
    return frames >= frames_needed(target)
