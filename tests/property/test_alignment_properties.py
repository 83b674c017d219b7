"""Forced alignment against torchaudio and the list of all paths; word times against greedy decoding."""

import itertools

import pytest
import torch
import torchaudio
from hypothesis import given
from hypothesis import strategies as st

from omni_lib.alignment import best_path, word_times
from omni_lib.ctc import collapse, frames_needed
from omni_lib.decoding import greedy
from omni_lib.text import Vocabulary

VOCABULARY = Vocabulary()


def random_log_probs(seed: int, frames: int, symbols: int) -> torch.Tensor:
    return (3 * torch.randn(frames, symbols, generator=torch.Generator().manual_seed(seed))).log_softmax(-1)


def score(log_probs: torch.Tensor, path: list[int]) -> float:
    return log_probs[torch.arange(len(path)), torch.tensor(path, dtype=torch.long)].double().sum().item()


@given(
    seed=st.integers(0, 10_000),
    target=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    spare=st.integers(0, 25),
)
def test_best_path_is_torchaudios(seed, target, spare):
    """Random scores make the best path unique, so that path and score must both agree."""
    log_probs = random_log_probs(seed, frames_needed(target) + spare, 6)
    path = best_path(log_probs, target)
    theirs, scores = torchaudio.functional.forced_align(
        log_probs[None], torch.tensor([target], dtype=torch.int32), blank=0
    )
    assert collapse(path) == target
    assert score(log_probs, path) == pytest.approx(scores.double().sum().item(), abs=1e-4)
    assert path == theirs[0].tolist()


@given(seed=st.integers(0, 10_000), target=st.lists(st.integers(1, 2), max_size=3), spare=st.integers(0, 2))
def test_no_path_to_the_target_scores_better(seed, target, spare):
    frames = frames_needed(target) + spare
    log_probs = random_log_probs(seed, frames, 3)
    paths = [list(path) for path in itertools.product(range(3), repeat=frames) if collapse(path) == target]
    assert score(log_probs, best_path(log_probs, target)) == pytest.approx(
        max(score(log_probs, path) for path in paths)
    )


@given(st.lists(st.integers(0, 28), max_size=60))
def test_word_times_hold_the_words_of_greedy_decoding_in_order_and_within_the_clip(path):
    words = word_times(path, VOCABULARY, 0.01)  # the longest is shorter than the pause that ends a word
    log_probs = torch.nn.functional.one_hot(torch.tensor([path], dtype=torch.long), 29).float()
    assert [" ".join(word.word for word in words)] == greedy(log_probs, torch.tensor([len(path)]), VOCABULARY)
    edges = [edge for word in words for edge in (word.start, word.end)]
    assert edges == sorted(edges)
    assert all(word.start < word.end for word in words)
    assert not edges or (edges[0] >= 0 and edges[-1] <= round(0.01 * len(path), 3))
