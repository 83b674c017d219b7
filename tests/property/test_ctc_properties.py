"""CTC against its definition: the sum over every path, written out."""

import itertools
import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from omni_lib.ctc import collapse, ctc_loss, entropic_ctc_loss, frames_needed, is_feasible
from omni_lib.text import BLANK

SYMBOLS = 4
TARGETS = st.lists(st.integers(1, SYMBOLS - 1), max_size=4)
ROWS = st.tuples(st.lists(st.integers(1, 28), max_size=12), st.integers(1, 24))  # a target and its frames


def random_log_probs(seed: int, frames: int, symbols: int = SYMBOLS) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(1, frames, symbols, generator=generator, dtype=torch.float64)).log_softmax(-1)


@given(seed=st.integers(0, 1000), frames=st.integers(1, 5), target=TARGETS)
def test_loss_is_minus_the_logarithm_of_the_summed_probability_of_all_paths(seed, frames, target):
    log_probs = random_log_probs(seed, frames)
    paths = [path for path in itertools.product(range(SYMBOLS), repeat=frames) if collapse(path) == target]
    summed = sum(
        math.exp(sum(log_probs[0, t, symbol].item() for t, symbol in enumerate(path))) for path in paths
    )
    loss = ctc_loss(log_probs, torch.tensor([frames]), [target]).item()
    if paths:
        assert math.isclose(loss, -math.log(summed), rel_tol=1e-9, abs_tol=1e-9)
    else:
        assert loss == math.inf


@given(
    seed=st.integers(0, 1000),
    frames=st.integers(1, 5),
    padding=st.integers(0, 2),
    target=TARGETS,
    weight=st.floats(0.01, 5),
)
def test_entropic_loss_and_gradient_are_those_of_the_loss_minus_the_entropy(
    seed, frames, padding, target, weight
):
    """Rényi's entropy of order 1 / (1 + weight), from every path written out; padding does not count."""
    logits = random_log_probs(seed, frames + padding).requires_grad_()
    log_probs = logits.log_softmax(-1)
    lengths = torch.tensor([frames])
    paths = [path for path in itertools.product(range(SYMBOLS), repeat=frames) if collapse(path) == target]
    loss = entropic_ctc_loss(log_probs, lengths, [target], weight).sum()
    if not paths:
        assert loss.item() == math.inf
        return
    order = 1 / (1 + weight)
    scores = torch.stack([log_probs[0, range(frames), path].sum() for path in paths])
    entropy = (order * scores.log_softmax(0)).logsumexp(0) / (1 - order)
    expected = -scores.logsumexp(0) - weight * entropy
    torch.testing.assert_close(loss, expected, rtol=1e-7, atol=1e-7)
    gradients = [torch.autograd.grad(value, logits, retain_graph=True)[0] for value in (loss, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-7, atol=1e-7)


@given(seed=st.integers(0, 1000), rows=st.lists(ROWS, min_size=1, max_size=5))
def test_a_row_is_feasible_exactly_where_its_loss_is_finite(seed, rows):
    targets, lengths = [target for target, _ in rows], torch.tensor([frames for _, frames in rows])
    log_probs = random_log_probs(seed, int(lengths.max()), 29).expand(len(rows), -1, -1)
    loss = ctc_loss(log_probs, lengths, targets)
    assert torch.isfinite(loss).tolist() == [is_feasible(target, frames) for target, frames in rows]


@given(seed=st.integers(0, 1000), target=st.lists(st.integers(1, 3), min_size=1, max_size=30))
def test_frames_needed_is_the_fewest_frames_with_a_finite_loss(seed, target):
    needed = frames_needed(target)
    log_probs = random_log_probs(seed, needed)
    assert math.isfinite(ctc_loss(log_probs, torch.tensor([needed]), [target]).item())
    if needed > 1:
        assert ctc_loss(log_probs, torch.tensor([needed - 1]), [target]).item() == math.inf


@given(st.lists(st.integers(0, 28), max_size=40))
def test_collapse_merges_repeats_before_it_drops_blanks(path):
    """Against the definition, symbol by symbol; and the result has a path of that length."""
    expected = [
        symbol for t, symbol in enumerate(path) if symbol != BLANK and (t == 0 or path[t - 1] != symbol)
    ]
    assert collapse(path) == expected
    assert is_feasible(expected, len(path))


@given(
    target=st.lists(st.integers(1, 28), max_size=20),
    repeats=st.lists(st.integers(1, 3), min_size=20, max_size=20),
)
def test_a_target_spelt_out_with_blanks_collapses_to_itself(target, repeats):
    path = [BLANK]
    for symbol, times in zip(target, repeats, strict=False):
        path += [symbol] * times + [BLANK] * times
    assert collapse(path) == target
