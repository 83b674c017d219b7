"""From log-probabilities to text."""

from __future__ import annotations

from torch import Tensor

from omni_lib.ctc import collapse
from omni_lib.text import Vocabulary


def greedy(log_probs: Tensor, lengths: Tensor, vocabulary: Vocabulary) -> list[str]:
    """Collapse the likeliest symbol of every frame: log_probs (B, T, symbols), lengths (B,) → B texts.

    Surplus spaces (two in a row, one at an end) are squeezed out: they separate nothing.
    """
    paths = log_probs.argmax(dim=-1).tolist()
    texts = (vocabulary.decode(collapse(path[:length])) for path, length in zip(paths, lengths.tolist(), strict=True))
    return [" ".join(text.split()) for text in texts]
