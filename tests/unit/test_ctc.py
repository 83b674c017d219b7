"""Collapse, the loss and the head, on cases that can be checked by hand."""

import math

import pytest
import torch

from omni_lib.config import Config
from omni_lib.ctc import CTCHead, collapse, ctc_loss, frames_needed, is_feasible
from omni_lib.recogniser import Recogniser
from omni_lib.text import BLANK, Vocabulary

VOCABULARY = Vocabulary()


def path_of(symbols: str) -> list[int]:
    """Class indices of a path written with _ for blank."""
    return [BLANK if symbol == "_" else VOCABULARY.encode(symbol)[0] for symbol in symbols]


def test_there_are_29_symbols():
    """Blank 0, space 1, a to z from 2 on, EOS last."""
    assert len(VOCABULARY) == 29
    assert VOCABULARY.symbols[BLANK] == "<blank>" and VOCABULARY.symbols[-1] == "<eos>"
    assert VOCABULARY.encode(" az") == [1, 2, 27]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("h h _ e l _ l o".replace(" ", ""), "hello"),
        ("hheeellllllooo", "helo"),  # the chapter says hello
        ("h_ee_lll_oo___", "helo"),  # the chapter says hello
        ("hell_lo", "hello"),  # the chapter says helllo
        ("hel_lo", "hello"),
        ("hello", "helo"),
        ("___", ""),
        ("", ""),
        ("a_a_a", "aaa"),
        ("_a  b_", "a b"),
    ],
)
def test_collapse(path, text):
    assert VOCABULARY.decode(collapse(path_of(path))) == text


def test_eos_decodes_to_nothing():
    eos = len(VOCABULARY) - 1
    assert VOCABULARY.decode(collapse([*path_of("a"), eos, *path_of("b")])) == "ab"


@pytest.mark.parametrize(("text", "frames"), [("hello", 6), ("helo", 4), ("", 0), ("aaa", 5), ("a a", 3)])
def test_frames_needed_counts_a_blank_between_doubled_letters(text, frames):
    target = VOCABULARY.encode(text)
    assert frames_needed(target) == frames
    assert is_feasible(target, frames)
    assert frames == 0 or not is_feasible(target, frames - 1)


def test_the_loss_of_hello_in_five_frames_is_infinite():
    """The chapter's own example: 38 mel frames make 5 embeddings, and hello needs 6."""
    log_probs = torch.randn(2, 6, 29).log_softmax(-1)
    loss = ctc_loss(log_probs, torch.tensor([5, 6]), [VOCABULARY.encode("hello")] * 2)
    assert loss[0] == math.inf
    assert torch.isfinite(loss[1]) and loss[1] > 0


def test_loss_of_the_only_path_is_its_own_probability():
    log_probs = torch.randn(1, 4, 29, dtype=torch.float64).log_softmax(-1)
    path = path_of("helo")
    loss = ctc_loss(log_probs, torch.tensor([4]), [path])
    torch.testing.assert_close(loss[0], -sum(log_probs[0, t, symbol] for t, symbol in enumerate(path)))


def test_loss_is_in_nats_per_utterance_and_batched():
    """With uniform probabilities a frame costs ln 29; the padding does not change the loss of a row."""
    uniform = torch.full((2, 3, 29), -math.log(29))
    loss = ctc_loss(uniform, torch.tensor([1, 3]), [path_of("a"), path_of("abc")])
    torch.testing.assert_close(loss, torch.tensor([math.log(29), 3 * math.log(29)]))
    uniform[0, 1:] = 7.0
    torch.testing.assert_close(ctc_loss(uniform, torch.tensor([1, 3]), [path_of("a"), path_of("abc")]), loss)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_head_emits_k_frames_from_each_embedding(k):
    head = CTCHead(16, 29, k)
    log_probs, lengths = head(torch.randn(2, 5, 16), torch.tensor([5, 3]))
    assert log_probs.shape == (2, 5 * k, 29)
    assert lengths.tolist() == [5 * k, 3 * k]
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(2, 5 * k))
    assert head.linear.out_features == 29 * k


@pytest.mark.parametrize("precision", [torch.float64, torch.bfloat16, torch.float16])
def test_log_probabilities_have_full_precision_whatever_the_embeddings(precision):
    """In bfloat16 they would be rounded to two or three digits, and torch's CTC loss would refuse them."""
    torch.manual_seed(0)
    head = CTCHead(16, 29).to(precision)
    log_probs, lengths = head(torch.randn(2, 5, 16, dtype=precision), torch.tensor([5, 3]))
    assert log_probs.dtype == (torch.float64 if precision == torch.float64 else torch.float32)
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(2, 5, dtype=log_probs.dtype))
    assert torch.isfinite(ctc_loss(log_probs, lengths, [path_of("a"), path_of("b")])).all()


def test_frames_of_one_embedding_are_adjacent_and_in_order():
    """CTC frames 2i and 2i + 1 are functions of embedding i alone."""
    head = CTCHead(16, 29, 2)
    embeddings = torch.randn(1, 5, 16)
    whole, _ = head(embeddings, torch.tensor([5]))
    for i in range(5):
        torch.testing.assert_close(
            whole[:, 2 * i : 2 * i + 2], head(embeddings[:, i : i + 1], torch.tensor([1]))[0]
        )


def test_embeddings_do_not_depend_on_k():
    """With the same seed the encoder is the same, whatever the head emits."""
    outputs, mel = [], torch.randn(1, 60, 128)
    for k in (1, 2, 4):
        torch.manual_seed(0)
        recogniser = Recogniser(
            Config(d_model=16, n_heads=2, n_layers=2, d_ff=32, ctc_frames_per_embedding=k)
        ).eval()
        embeddings, lengths = recogniser.encoder(mel, torch.tensor([60]))
        assert recogniser(mel, torch.tensor([60]))[1].item() == k * lengths.item()
        outputs.append(embeddings)
    assert torch.equal(outputs[0], outputs[1]) and torch.equal(outputs[0], outputs[2])
