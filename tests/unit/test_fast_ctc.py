"""The CTC loss for training is torch's: the same values and gradients, and torch's own where float32 ends."""

import math
import random

import pytest
import torch

from omni_lib import ctc
from omni_lib.training import fast_ctc
from omni_lib.training.fast_ctc import forward_backward


def example(seed: int, sharpness: float = 3.0) -> tuple[torch.Tensor, torch.Tensor, list[list[int]]]:
    """Logits (5, 40, 6), lengths, and targets with repeated letters, one of them empty."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    targets = [[rng.randint(1, 5) for _ in range(length)] for length in (0, 1, 4, 9, 12)]
    return sharpness * torch.randn(5, 40, 6), torch.tensor([40, 1, 17, 40, 31]), targets


def by(loss, logits, lengths, targets) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss, and the gradient of a weighted sum of it by the logits."""
    logits = logits.clone().requires_grad_()
    value = loss(logits.log_softmax(-1), lengths, targets)
    (value * torch.arange(1, len(targets) + 1)).sum().backward()
    return value.detach(), logits.grad


@pytest.fixture
def always(monkeypatch):
    """However small the batch is."""
    monkeypatch.setattr(fast_ctc, "FEWEST_STATES", 0)


@pytest.mark.parametrize("seed", range(6))
def test_values_and_gradients_are_those_of_torch_in_double_precision(always, monkeypatch, seed):
    logits, lengths, targets = example(seed)
    assert forward_backward(logits.log_softmax(-1), lengths, targets) is not None
    value, gradient = by(fast_ctc.ctc_loss, logits, lengths, targets)
    expected, expected_gradient = by(ctc.ctc_loss, logits.double(), lengths, targets)
    torch.testing.assert_close(value.double(), expected, atol=1e-4, rtol=1e-6)
    torch.testing.assert_close(gradient.double(), expected_gradient, atol=1e-4, rtol=1e-4)
    assert value.dtype == gradient.dtype == torch.float32


def test_the_gradient_by_log_probs_is_torchs_too(always):
    """It adds the probabilities, which cancel where a softmax comes before; beyond the lengths it is zero."""
    logits, lengths, targets = example(7)
    gradients = []
    for loss in (fast_ctc.ctc_loss, ctc.ctc_loss):
        log_probs = logits.log_softmax(-1).detach().requires_grad_()
        loss(log_probs, lengths, targets).sum().backward()
        gradients.append(log_probs.grad)
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-4)
    assert gradients[0][1, 1:].abs().max() == 0


def test_what_the_padding_holds_does_not_matter(always):
    logits, lengths, targets = example(8)
    log_probs = logits.log_softmax(-1)
    loss, gradient = forward_backward(log_probs, lengths, targets)
    for row, length in enumerate(lengths.tolist()):
        log_probs[row, length:] = torch.randn_like(log_probs[row, length:])
    again, again_gradient = forward_backward(log_probs, lengths, targets)
    torch.testing.assert_close(again, loss)
    torch.testing.assert_close(again_gradient, gradient)


@pytest.mark.parametrize("blank", [4.0, 8.0, 16.0])
def test_a_model_that_emits_blanks_nearly_always_needs_no_help(always, blank):
    """As every model does for its first epochs; the text has many letters."""
    torch.manual_seed(12)
    logits = torch.randn(2, 300, 29)
    logits[..., 0] += blank
    targets = [[1 + number % 28 for number in range(length)] for length in (120, 30)]
    lengths = torch.tensor([300, 200])
    found = forward_backward(logits.log_softmax(-1), lengths, targets)
    assert found is not None
    value, gradient = by(fast_ctc.ctc_loss, logits, lengths, targets)
    expected, expected_gradient = by(ctc.ctc_loss, logits.double(), lengths, targets)
    torch.testing.assert_close(value.double(), expected, atol=1e-3, rtol=1e-6)
    torch.testing.assert_close(gradient.double(), expected_gradient, atol=1e-4, rtol=1e-4)


def test_a_text_with_a_single_path_of_improbable_letters_is_left_to_torch(always):
    """Until the end it would be far more probable to wait in the blank: float32 forgets the other states."""
    targets, lengths = [[1, 2, 3, 4, 5] * 4], torch.tensor([21])
    logits = torch.zeros(1, 21, 6)
    logits[:, :20, 0] = 60.0
    logits[:, 20, 0] = -60.0
    assert forward_backward(logits.log_softmax(-1), lengths, targets) is None
    value, gradient = by(fast_ctc.ctc_loss, logits, lengths, targets)
    expected, expected_gradient = by(ctc.ctc_loss, logits, lengths, targets)
    assert torch.equal(value, expected) and torch.equal(gradient, expected_gradient)
    assert value.item() > 18 * 60


@pytest.mark.parametrize("sharpness", [10.0, 30.0, 100.0, 1000.0])
def test_however_sure_of_itself_a_model_is_the_loss_is_right(always, sharpness):
    for seed in range(8):
        logits, lengths, targets = example(seed, sharpness)
        value, _ = by(fast_ctc.ctc_loss, logits, lengths, targets)
        expected, _ = by(ctc.ctc_loss, logits.double(), lengths, targets)
        torch.testing.assert_close(value.double(), expected, atol=2e-3, rtol=1e-5)


def test_a_text_without_a_path_has_an_infinite_loss(always):
    logits, lengths, targets = example(9)
    targets[1] = [1, 1]  # in one frame
    value, _ = by(fast_ctc.ctc_loss, logits, lengths, targets)
    assert value.isinf().tolist() == [False, True, False, False, False]


@pytest.mark.parametrize("text", [[], [1]])
def test_a_row_without_frames_has_only_the_path_of_an_empty_text(always, text):
    logits, lengths, targets = example(9)
    lengths[2], targets[2] = 0, text
    value, gradient = by(fast_ctc.ctc_loss, logits, lengths, targets)
    expected, by_torch = by(ctc.ctc_loss, logits, lengths, targets)
    torch.testing.assert_close(value, expected)
    assert value[2] == (math.inf if text else 0)
    torch.testing.assert_close(gradient, by_torch, equal_nan=True)


def test_not_a_number_stays_not_a_number(always):
    logits, lengths, targets = example(10)
    logits[2, 3, 1] = float("nan")
    assert by(fast_ctc.ctc_loss, logits, lengths, targets)[0][2].isnan()


@pytest.mark.parametrize("small", ["few states", "no gradient", "double precision", "too many", "nothing"])
def test_torchs_loss_is_used_where_it_is_faster_or_all_there_is(monkeypatch, small):
    logits, lengths, targets = example(11)
    monkeypatch.setattr(fast_ctc, "FEWEST_STATES", 10_000 if small == "few states" else 0)
    monkeypatch.setattr(fast_ctc, "forward_backward", lambda *arguments: pytest.fail("not torch's"))
    log_probs = logits.log_softmax(-1).requires_grad_(small != "no gradient")
    if small == "double precision":
        log_probs = log_probs.double()
    if small == "too many":
        monkeypatch.setattr(fast_ctc, "MOST_STATES", 1)
    if small == "nothing":
        monkeypatch.setattr(fast_ctc, "FEWEST_STATES", 1)
        log_probs, lengths, targets = log_probs[:0], lengths[:0], []
    torch.testing.assert_close(
        fast_ctc.ctc_loss(log_probs, lengths, targets), ctc.ctc_loss(log_probs, lengths, targets)
    )
