"""Greedy decoding."""

import torch

from omni_lib.decoding import greedy
from omni_lib.text import BLANK, Vocabulary

VOCABULARY = Vocabulary()


def log_probs_of(*paths: str) -> tuple[torch.Tensor, torch.Tensor]:
    """log_probs (B, T, 29) whose likeliest symbols are these paths (_ for blank), padded with the letter z, and lengths."""
    longest = max(map(len, paths))
    indices = [[BLANK if c == "_" else VOCABULARY.encode(c)[0] for c in path.ljust(longest, "z")] for path in paths]
    logits = 5.0 * torch.nn.functional.one_hot(torch.tensor(indices, dtype=torch.long), 29)
    return logits.log_softmax(-1), torch.tensor([len(path) for path in paths])


def test_greedy_collapses_and_never_reads_beyond_the_end():
    assert greedy(*log_probs_of("hhe_l_lo", "hi", "", "____"), VOCABULARY) == ["hello", "hi", "", ""]


def test_surplus_spaces_are_squeezed_out():
    assert greedy(*log_probs_of("_ a_ _ b __"), VOCABULARY) == ["a b"]


def test_nothing_to_decode():
    assert greedy(torch.zeros(2, 0, 29), torch.tensor([0, 0]), VOCABULARY) == ["", ""]
