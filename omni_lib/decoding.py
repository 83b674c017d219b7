"""From log-probabilities to text."""

from __future__ import annotations

from torch import Tensor

from omni_lib.ctc import collapse
from omni_lib.encoder import valid_frames
from omni_lib.text import BLANK, Vocabulary


def greedy(log_probs: Tensor, lengths: Tensor, vocabulary: Vocabulary) -> list[str]:
    """Collapse the likeliest symbol of every frame: log_probs (B, T, symbols), lengths (B,) → B texts.

    Surplus spaces (two in a row, one at an end) are squeezed out: they separate nothing.
    """
    paths = log_probs.argmax(dim=-1).tolist()
    texts = (vocabulary.decode(collapse(path[:length])) for path, length in zip(paths, lengths.tolist(), strict=True))
    return [" ".join(text.split()) for text in texts]


def blank_rate(log_probs: Tensor, lengths: Tensor) -> float:
    """Share of valid frames whose likeliest symbol is blank: 1.0 on the plateau at which most CTC trainings begin."""
    valid = valid_frames(lengths, log_probs.shape[1])
    return ((log_probs.argmax(dim=-1) == BLANK) & valid).sum().item() / max(int(valid.sum()), 1)
