"""Both beam decoders find the best text there is, and the same one."""

import itertools
import math
from collections import defaultdict

import pytest
import torch

from omni_lib.ctc import collapse
from omni_lib.inference.arpa import write_arpa
from omni_lib.inference.beam_search import (
    LM_WEIGHT,
    WORD_BONUS,
    FlashlightDecoder,
    PrefixBeamDecoder,
    make_decoder,
)
from omni_lib.inference.language_model import END, ORDERS, START, LanguageModel, estimate
from omni_lib.inference.lexicon import spellings
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


def readable(model: LanguageModel, beam: int = 100) -> PrefixBeamDecoder:
    return PrefixBeamDecoder(model, spellings(model, "the model", report=print), VOCABULARY, beam)


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

    assert readable(model, beam=10_000).decode(log_probs) == " ".join(best)


def test_the_model_mends_what_the_sound_leaves_open():
    log_probs = noisy_emissions("a kab", seed=0, noise=0.1)
    k, c = VOCABULARY.encode("kc")
    log_probs[5, c] = log_probs[5, k] - 0.5  # a little less likely, but a word
    assert readable(MODEL).decode(log_probs) == "a cab"


def both(model: LanguageModel, beam: int = 100) -> tuple[FlashlightDecoder, PrefixBeamDecoder]:
    pytest.importorskip(
        "flashlight.lib.text", reason="flashlight-text is not installed: the readable decoder is used"
    )
    lexicon = spellings(model, "the model", report=print)
    return FlashlightDecoder(model, lexicon, VOCABULARY, beam), readable(model, beam)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("order", ORDERS)
def test_the_compiled_decoder_agrees(seed, order):
    model = estimate(["a bee", "a cab", "bee bee", "abe a cab", "cab"], order)
    log_probs = noisy_emissions(("a bee", "abe a cab", "bee bee cab")[seed % 3], seed, noise=2.0)
    batch, lengths = log_probs[None], torch.tensor([len(log_probs)])
    compiled, reference = both(model)
    assert compiled(batch, lengths) == reference(batch, lengths)


@pytest.mark.parametrize("beam", [1, 2, 5])
@pytest.mark.parametrize("seed", range(8))
def test_the_compiled_decoder_drops_the_same_hypotheses(seed, beam):
    """With so small a beam, also where no hypothesis ends with a whole word."""
    log_probs = noisy_emissions("bee abe cab", seed, noise=2.0)
    batch, lengths = log_probs[None], torch.tensor([len(log_probs)])
    compiled, reference = both(MODEL, beam)
    assert compiled(batch, lengths) == reference(batch, lengths)


@pytest.mark.parametrize("decoder", [0, 1], ids=["compiled", "readable"])
def test_words_are_written_in_their_spelling(decoder):
    """Also a word of two separate letters, and two words with one spelling, of which the likelier counts."""
    words = {"Cab": -1.0, "A.B.": -1.0, "Bee": -9.0, "bee": -1.0, "[noise]": -0.1}
    marks = {(START,): -99.0, (END,): -1.0}
    model = LanguageModel(1, marks | {(word,): score for word, score in words.items()}, {})
    model.probability[("<unk>",)] = -99.0
    decode = both(model)[decoder]
    clip = noisy_emissions("bee a b cab", seed=0, noise=0.1)
    assert decode(clip[None], torch.tensor([len(clip)])) == ["bee a b cab"]


def test_padding_is_not_decoded(tmp_path):
    write_arpa(MODEL, tmp_path / "lm.arpa")
    decode = make_decoder(tmp_path / "lm.arpa", VOCABULARY)
    clip = noisy_emissions("a bee", 1, noise=0.5)
    padded = torch.cat([clip, torch.zeros(30, 29)])[None]
    assert decode(padded, torch.tensor([len(clip)])) == ["a bee"]


def test_no_sound_gives_no_text():
    empty = torch.full((3, 29), -20.0)
    empty[:, 0] = 0.0
    assert readable(MODEL).decode(empty) == ""


def test_the_decoder_of_a_file_reports_words_spelled_differently_and_references_without_any(tmp_path):
    model = estimate(["A bee", "a cab"], order=1)
    write_arpa(model, tmp_path / "lm.arpa")
    lines: list[str] = []
    make_decoder(tmp_path / "lm.arpa", VOCABULARY, ["hello world"], lines.append)
    assert len(lines) == 2 and all(line.startswith(str(tmp_path / "lm.arpa")) for line in lines)
    assert "1 spelled by the rule for transcripts (A → a)" in lines[0] and "none of its words" in lines[1]
