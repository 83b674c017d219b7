"""The trellis against the list of all paths, against torch's CTC loss, and against a closed formula."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from omni_lib.alignment import best_path
from omni_lib.course.trellis import (
    Collapse,
    backward_mass,
    best_states,
    count_alignments,
    forward_mass,
    occupancy,
    random_alignment,
    read_path,
    region,
    states_of,
    write_path,
)
from omni_lib.course.widgets.trellis_drawing import cells_of
from omni_lib.ctc import collapse, ctc_loss, frames_needed

TARGETS = st.lists(st.integers(1, 3), max_size=4)


def random_log_probs(seed: int, frames: int, symbols: int) -> torch.Tensor:
    return (2 * torch.randn(frames, symbols, generator=torch.Generator().manual_seed(seed))).log_softmax(-1)


def all_paths(target: list[int], frames: int) -> list[tuple[int, ...]]:
    return [path for path in itertools.product(range(4), repeat=frames) if collapse(path) == target]


@given(target=TARGETS, frames=st.integers(0, 6))
def test_the_count_equals_the_length_of_the_list(target, frames):
    assert count_alignments(target, frames) == len(all_paths(target, frames))


@given(target=st.lists(st.integers(1, 5), max_size=30), frames=st.integers(0, 120))
def test_the_count_is_the_closed_formula(target, frames):
    """With T frames and L symbols, r of them repeats: choose the 2 L changes among T + L - r places."""
    repeats = frames_needed(target) - len(target)
    places = frames + len(target) - repeats
    assert count_alignments(target, frames) == (math.comb(places, 2 * len(target)) if places >= 0 else 0)


@given(target=TARGETS, frames=st.integers(1, 6))
def test_the_region_is_the_union_of_all_paths(target, frames):
    visited = {(state, t) for path in all_paths(target, frames) for t, state in enumerate(best_states(path))}
    cells = region(target, frames)
    assert cells.from_start.shape == (2 * len(target) + 1, frames)
    assert {(int(s), int(t)) for s, t in zip(*cells.feasible.nonzero(), strict=True)} == visited


@given(seed=st.integers(0, 9999), target=st.lists(st.integers(1, 5), max_size=12), spare=st.integers(0, 20))
def test_forward_and_backward_mass_are_the_loss(seed, target, spare):
    frames = max(1, frames_needed(target) + spare)
    log_probs = random_log_probs(seed, frames, 6)
    forward, backward = forward_mass(log_probs, target), backward_mass(log_probs, target)
    loss = ctc_loss(log_probs[None].double(), torch.tensor([frames]), [target]).item()
    assert -forward[-1, -2:].logsumexp(0).item() == pytest.approx(loss)
    for t in range(frames):  # every whole path is somewhere at every frame
        assert -(forward[t] + backward[t]).logsumexp(0).item() == pytest.approx(loss)


@given(seed=st.integers(0, 9999), target=TARGETS, frames=st.integers(1, 5))
def test_occupancy_is_the_share_of_the_paths_through_a_cell(seed, target, frames):
    paths = all_paths(target, frames)
    log_probs = random_log_probs(seed, frames, 4)
    if not paths:
        return
    weights = {path: log_probs[range(frames), list(path)].double().sum().exp().item() for path in paths}
    expected = torch.zeros(frames, len(states_of(target)), dtype=torch.float64)
    for path, weight in weights.items():
        for t, state in enumerate(best_states(path)):
            expected[t, state] += weight / sum(weights.values())
    assert torch.allclose(occupancy(log_probs, target), expected, atol=1e-6)


@given(seed=st.integers(0, 9999), target=st.lists(st.integers(1, 28), max_size=20), spare=st.integers(0, 30))
def test_a_random_alignment_spells_its_text(seed, target, spare):
    path = random_alignment(target, frames_needed(target) + spare, seed)
    assert len(path) == frames_needed(target) + spare
    assert collapse(path) == target


@given(
    seed=st.integers(0, 9999),
    target=st.lists(st.integers(1, 5), min_size=1, max_size=12),
    spare=st.integers(0, 20),
)
def test_the_states_of_the_best_path_emit_it(seed, target, spare):
    path = best_path(random_log_probs(seed, frames_needed(target) + spare, 6), target)
    states = best_states(path)
    assert [states_of(target)[state] for state in states] == path
    assert all(0 <= after - before <= 2 for before, after in itertools.pairwise(states))


@given(st.text("abz _", max_size=30))
def test_a_path_is_written_as_it_is_read(text):
    assert write_path(read_path(text)) == text
    steps = Collapse(read_path(text))
    assert sum(frames for _, frames in steps.runs) == len(text)
    assert all(left != right for (left, _), (right, _) in itertools.pairwise(steps.runs))


@given(seed=st.integers(0, 9999), target=st.lists(st.integers(1, 3), min_size=1, max_size=5))
def test_every_drawn_cell_is_the_sum_that_its_arrows_show(seed, target):
    """In the order of the recursion each cell needs only cells before it, and the last two give the loss."""
    frames = frames_needed(target) + seed % 4
    log_probs = random_log_probs(seed, frames, 5).double()
    cells = cells_of(log_probs, forward_mass(log_probs, target), target)
    known: dict[tuple[int, int], float] = {}
    for cell in cells:
        terms = [known[cell.frame - 1, term.state] for term in cell.terms]
        assert [term.mass for term in cell.terms] == terms
        assert cell.mass == pytest.approx(cell.share * (sum(terms) if cell.frame else 1))
        known[cell.frame, cell.state] = cell.mass
    ends = sum(known.get((frames - 1, state), 0.0) for state in (2 * len(target) - 1, 2 * len(target)))
    loss = ctc_loss(log_probs[None], torch.tensor([frames]), [target])
    assert -math.log(ends) == pytest.approx(float(loss), abs=1e-6)
