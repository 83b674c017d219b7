"""Decoding without a language model."""

import importlib.util
import itertools
import math
from collections import defaultdict

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from omni_lib.ctc import collapse, ctc_loss
from omni_lib.decoding import greedy, log_add, prefix_search
from omni_lib.text import BLANK, SPACE, Vocabulary

VOCABULARY = Vocabulary()


def log_probs_of(*paths: str) -> tuple[torch.Tensor, torch.Tensor]:
    """log_probs (B, T, 29) with these most probable paths (_ for blank), padded with z, and their lengths."""
    longest = max(map(len, paths))
    indices = [
        [BLANK if c == "_" else VOCABULARY.encode(c)[0] for c in path.ljust(longest, "z")] for path in paths
    ]
    logits = 5.0 * torch.nn.functional.one_hot(torch.tensor(indices, dtype=torch.long), 29)
    return logits.log_softmax(-1), torch.tensor([len(path) for path in paths])


def test_greedy_collapses_and_ignores_the_padding():
    assert greedy(*log_probs_of("hhe_l_lo", "hi", "", "____"), VOCABULARY) == ["hello", "hi", "", ""]


def test_surplus_spaces_are_removed():
    assert greedy(*log_probs_of("_ a_ _ b __"), VOCABULARY) == ["a b"]


def test_an_empty_batch_decodes_to_no_texts():
    assert greedy(torch.zeros(2, 0, 29), torch.tensor([0, 0]), VOCABULARY) == ["", ""]
    assert prefix_search(torch.zeros(2, 0, 29), torch.tensor([0, 0]), VOCABULARY) == ["", ""]


def test_where_one_path_dominates_prefix_search_agrees_with_greedy():
    paths = log_probs_of("hhe_l_lo", "hi", "", "____", "_ a_ _ b __", "a   ")
    assert (
        prefix_search(*paths, VOCABULARY) == greedy(*paths, VOCABULARY) == ["hello", "hi", "", "", "a b", "a"]
    )


def test_many_paths_of_one_text_outweigh_the_best_path_of_another():
    """Graves et al. 2006, figure 2: blank has 0.6 in both frames, and yet the best text is "a" with 0.64."""
    log_probs = torch.full((1, 2, 29), -1e4)
    log_probs[..., BLANK], log_probs[..., VOCABULARY.encode("a")[0]] = math.log(0.6), math.log(0.4)
    assert greedy(log_probs, torch.tensor([2]), VOCABULARY) == [""]
    assert prefix_search(log_probs, torch.tensor([2]), VOCABULARY) == ["a"]


def emissions(seed: int, frames: int, symbols: list[int], sharpness: float) -> torch.Tensor:
    """Log-probabilities (frames, 29) over a few symbols alone."""
    logits = torch.full((frames, 29), -1e4)
    logits[:, symbols] = sharpness * torch.randn(
        frames, len(symbols), generator=torch.Generator().manual_seed(seed)
    )
    return logits.log_softmax(dim=-1)


@given(st.integers(0, 2**31), st.integers(1, 6), st.floats(0.1, 2))
def test_it_finds_the_most_probable_of_all_texts(seed, frames, sharpness):
    """Against every path over blank, space, a and b."""
    symbols = [BLANK, SPACE, *VOCABULARY.encode("ab")]
    log_probs = emissions(seed, frames, symbols, sharpness)
    probability: dict[str, float] = defaultdict(float)
    for path in itertools.product(symbols, repeat=frames):
        text = " ".join(VOCABULARY.decode(collapse(path)).split())
        probability[text] += math.exp(
            sum(log_probs[frame, symbol].item() for frame, symbol in enumerate(path))
        )
    found = prefix_search(log_probs[None], torch.tensor([frames]), VOCABULARY, beam=10_000)[0]
    assert probability[found] >= max(probability.values()) * 0.98, (
        "but for paths through symbols rarer than one in a thousand"
    )


@pytest.mark.skipif(importlib.util.find_spec("flashlight") is None, reason="flashlight-text is not installed")
@pytest.mark.parametrize("seed", range(8))
def test_the_compiled_search_finds_nothing_more_probable(seed):
    from torchaudio.models.decoder import ctc_decoder

    log_probs = emissions(seed, 60, [BLANK, *VOCABULARY.encode("abcdef")], sharpness=3.0)
    names = ["|" if symbol == " " else symbol for symbol in VOCABULARY.symbols]
    search = ctc_decoder(
        lexicon=None,
        tokens=names,
        beam_size=200,
        beam_threshold=1e4,
        log_add=True,
        blank_token=names[BLANK],
        sil_token="|",
    )
    compiled = [index for index in search(log_probs[None])[0][0].tokens.tolist() if index != SPACE]
    ours = VOCABULARY.encode(prefix_search(log_probs[None], torch.tensor([60]), VOCABULARY, beam=200)[0])
    losses = ctc_loss(log_probs.expand(2, -1, -1), torch.tensor([60, 60]), [ours, compiled])
    assert losses[0] <= losses[1] + 1e-3, "at least as likely as what the compiled search finds"


def test_padding_is_ignored():
    log_probs = emissions(0, 40, [BLANK, SPACE, *VOCABULARY.encode("abc")], sharpness=2.0)
    alone = prefix_search(log_probs[None, :25], torch.tensor([25]), VOCABULARY)
    assert prefix_search(log_probs[None], torch.tensor([25]), VOCABULARY) == alone != [""]


@given(st.floats(-50, 5), st.floats(-50, 5))
def test_log_add_adds(left, right):
    assert log_add(left, right) == pytest.approx(math.log(math.exp(left) + math.exp(right)))
    assert log_add(left, -math.inf) == log_add(-math.inf, left) == left
