"""Both beam decoders find the best text there is, and the same one."""

import itertools
import math
from collections import defaultdict

import pytest
import torch

from omni_lib.ctc import collapse
from omni_lib.inference.beam_search import (
    LM_WEIGHT,
    WORD_BONUS,
    FlashlightDecoder,
    PrefixBeamDecoder,
    make_decoder,
)
from omni_lib.inference.language_model import END, START, LanguageModel, estimate, write_arpa
from omni_lib.text import Vocabulary

VOCABULARY = Vocabulary()
MODEL = estimate(["a bee", "a cab", "bee bee", "abe a cab", "cab"], order=2)


def noisy_emissions(text: str, seed: int, noise: float) -> torch.Tensor:
    """Log-probabilities (T, 29) that lean to a path of `text`, more or less clearly."""
    generator = torch.Generator().manual_seed(seed)
    path = [symbol for index in VOCABULARY.encode(text) for symbol in (0, index)]
    logits = torch.randn(len(path), len(VOCABULARY), generator=generator) * noise
    logits[torch.arange(len(path)), path] += 4
    return logits.log_softmax(dim=-1)


def lm_score(model: LanguageModel, words: tuple[str, ...]) -> float:
    scores = [model.score((START, *words[:index]), word) for index, word in enumerate((*words, END))]
    return LM_WEIGHT * sum(scores) + WORD_BONUS * len(words)


@pytest.mark.parametrize("seed", range(6))
def test_it_finds_the_best_of_all_texts(seed):
    """Against every path of six frames over blank, space, a and b."""
    model = estimate(["a ab", "ab", "b a", "bab"], order=2)
    symbols = [0, *VOCABULARY.encode(" ab")]
    logits = torch.full((6, len(VOCABULARY)), -1e4)
    logits[:, symbols] = 2 * torch.randn(6, len(symbols), generator=torch.Generator().manual_seed(seed))
    log_probs = logits.log_softmax(dim=-1)

    probability: dict[tuple[str, ...], float] = defaultdict(float)
    for path in itertools.product(symbols, repeat=6):
        words = tuple(VOCABULARY.decode(collapse(path)).split())
        if set(words) <= set(model.words):
            probability[words] += math.exp(
                sum(log_probs[frame, symbol].item() for frame, symbol in enumerate(path))
            )
    best = max(probability, key=lambda words: math.log(probability[words]) + lm_score(model, words))

    assert PrefixBeamDecoder(model, VOCABULARY, beam=10_000).decode(log_probs) == " ".join(best)


def test_the_model_mends_what_the_sound_leaves_open():
    log_probs = noisy_emissions("a kab", seed=0, noise=0.1)
    k, c = VOCABULARY.encode("kc")
    log_probs[5, c] = log_probs[5, k] - 0.5  # a little less likely, but a word
    assert PrefixBeamDecoder(MODEL, VOCABULARY).decode(log_probs) == "a cab"


@pytest.mark.parametrize("seed", range(12))
def test_the_compiled_decoder_agrees(seed, tmp_path):
    pytest.importorskip(
        "flashlight.lib.text", reason="flashlight-text is not installed: the readable decoder is used"
    )
    write_arpa(MODEL, tmp_path / "lm.arpa")
    log_probs = noisy_emissions(("a bee", "abe a cab", "bee bee cab")[seed % 3], seed, noise=2.0)
    batch, lengths = log_probs[None], torch.tensor([len(log_probs)])
    compiled = FlashlightDecoder(tmp_path / "lm.arpa", MODEL, VOCABULARY)
    assert compiled(batch, lengths) == PrefixBeamDecoder(MODEL, VOCABULARY)(batch, lengths)


def test_padding_is_not_decoded(tmp_path):
    write_arpa(MODEL, tmp_path / "lm.arpa")
    decode = make_decoder(tmp_path / "lm.arpa", VOCABULARY)
    clip = noisy_emissions("a bee", 1, noise=0.5)
    padded = torch.cat([clip, torch.zeros(30, 29)])[None]
    assert decode(padded, torch.tensor([len(clip)])) == ["a bee"]


def test_no_sound_gives_no_text():
    empty = torch.full((3, 29), -20.0)
    empty[:, 0] = 0.0
    assert PrefixBeamDecoder(MODEL, VOCABULARY).decode(empty) == ""
