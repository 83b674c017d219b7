"""Muon takes steps of equal length in every direction; the schedule is the one that the settings describe."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from omni_lib.config import Config
from omni_lib.training.optimizer import Muon, Optimizers, averaged_copy, orthogonalise, schedule


@given(st.floats(0.02, 1.0))
def test_a_singular_value_above_a_fiftieth_of_the_norm_is_brought_near_one(value):
    other = (1 - value**2) ** 0.5
    found = orthogonalise(torch.tensor([[[value, 0.0], [0.0, other]]], dtype=torch.float64))
    assert 0.68 < found[0, 0, 0] < 1.21


@given(st.integers(2, 40), st.integers(0, 40), st.integers(0, 1000))
def test_singular_values_come_near_one_and_vectors_stay(rows, more, seed):
    columns = rows + more
    left, _ = torch.linalg.qr(
        torch.randn(rows, min(rows, columns), generator=torch.Generator().manual_seed(seed)).double()
    )
    right, _ = torch.linalg.qr(
        torch.randn(columns, min(rows, columns), generator=torch.Generator().manual_seed(seed + 1)).double()
    )
    stretched = left @ torch.diag(torch.linspace(1.0, 0.05, min(rows, columns)).double()) @ right.T
    found, both = orthogonalise(stretched[None])[0], orthogonalise(torch.stack([stretched, -3 * stretched]))
    assert torch.allclose(both, torch.stack([found, -found]), atol=1e-5), "each matrix of a batch by itself"
    along = left.T @ found @ right  # diagonal where the singular vectors are kept
    assert torch.allclose(along, torch.diag(along.diagonal()), atol=1e-6)
    assert 0.5 < along.diagonal().min() and along.diagonal().max() < 1.3


@pytest.mark.parametrize("size", [1e-6, 1.0, 3e4])
def test_float16_gives_the_same_matrices_whatever_their_size(size):
    """The norm of a matrix of large values is beyond the range of float16."""
    drawn = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0))
    matrices = (size * drawn).clamp(-6e4, 6e4).half()
    found = orthogonalise(matrices)
    assert found.dtype == torch.float16
    torch.testing.assert_close(found.float(), orthogonalise(matrices.float()), atol=1e-3, rtol=0)


def test_a_copied_muon_takes_the_same_steps():
    weights = [nn.Parameter(torch.randn(4, 6, generator=torch.Generator().manual_seed(0)))]
    optimizer = Muon(weights, lr=0.1)
    weights[0].grad = torch.ones(4, 6)
    optimizer.step()
    again = copy.deepcopy(optimizer)
    (twin,) = again.param_groups[0]["params"]
    twin.grad = torch.ones(4, 6)
    for each in (optimizer, again):
        each.step()
    assert torch.equal(twin, weights[0])


def test_a_step_has_the_length_of_the_rate_whatever_the_gradient():
    for scale in (1e-3, 1.0, 1e3):
        weight = nn.Parameter(torch.zeros(8, 8))
        optimizer = Muon([weight], lr=0.1)
        weight.grad = scale * torch.eye(8)
        optimizer.step()
        assert torch.allclose(weight.diagonal(), torch.full((8,), -0.1), atol=0.03)
        assert (weight - torch.diag(weight.diagonal())).abs().max() < 1e-4


def test_a_step_follows_the_orthogonalised_nesterov_momentum_and_the_weights_decay():
    weight = nn.Parameter(torch.ones(3, 5, dtype=torch.float64))
    optimizer = Muon([weight], lr=0.1, momentum=0.9, weight_decay=0.5)
    expected, average = torch.ones_like(weight), torch.zeros_like(weight)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        gradient = torch.randn(3, 5, generator=generator, dtype=torch.float64)
        weight.grad = gradient.clone()
        optimizer.step()
        average = 0.9 * average + 0.1 * gradient
        step = orthogonalise((0.1 * gradient + 0.9 * average)[None])[0]
        expected = (1 - 0.1 * 0.5) * expected - 0.1 * step
    torch.testing.assert_close(weight.detach(), expected.detach())


def test_a_tall_matrix_takes_longer_steps_than_its_transpose():
    """By the root of rows over columns: each output then changes as much as that of a square matrix."""
    gradient = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
    tall, wide = nn.Parameter(torch.zeros(8, 2)), nn.Parameter(torch.zeros(2, 8))
    for weight, its_gradient in ((tall, gradient), (wide, gradient.T)):
        weight.grad = its_gradient.clone()
        Muon([weight], lr=0.1).step()
    torch.testing.assert_close(tall.detach(), 2 * wide.detach().T)


def test_the_moving_average_follows_the_first_weights_closely_and_later_ones_slowly():
    layer = nn.Linear(1, 1, bias=False)
    averaged, values = averaged_copy(layer, decay=0.3), [5.0, 1.0, -2.0, 4.0, 0.0, 7.0]
    expected = values[0]  # the random initial weights do not count
    for updates, value in enumerate(values):
        nn.init.constant_(layer.weight, value)
        averaged.update_parameters(layer)
        if updates:
            decay = min(0.3, (1 + updates) / (10 + updates))
            expected = decay * expected + (1 - decay) * value
        assert averaged.module.weight.item() == pytest.approx(expected)


def test_it_finds_the_least_squares():
    torch.manual_seed(0)
    wanted, inputs = torch.randn(6, 4), torch.randn(64, 4)
    layer = nn.Linear(4, 6, bias=False)
    optimizer = Muon(list(layer.parameters()), lr=0.1)
    for step in range(200):
        optimizer.zero_grad()
        (layer(inputs) - inputs @ wanted.T).square().mean().backward()
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 200)
        optimizer.step()
    assert torch.allclose(layer.weight, wanted, atol=0.05)


def test_every_parameter_has_one_optimiser():
    blocks = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
    model = nn.ModuleDict({"blocks": blocks, "head": nn.Linear(4, 29)})
    for rate, expected in ((0.0, 1), (0.02, 2)):
        optimizers = Optimizers(blocks, model, Config(muon_rate=rate, weight_decay=0.1))
        owned = [
            id(p) for member in optimizers.members for group in member.param_groups for p in group["params"]
        ]
        assert len(optimizers.members) == expected
        assert sorted(owned) == sorted(id(p) for p in model.parameters())
        undecayed = [
            p
            for group in optimizers.members[0].param_groups
            if not group["weight_decay"]
            for p in group["params"]
        ]
        assert all(p.ndim == 1 for p in undecayed) and len(undecayed) == 4


def test_share_scales_every_rate():
    blocks = nn.Linear(4, 4)
    optimizers = Optimizers(blocks, blocks, Config(learning_rate=1e-3, muon_rate=0.02))
    blocks(torch.ones(1, 4)).sum().backward()
    optimizers.step(0.25)
    assert [member.param_groups[0]["lr"] for member in optimizers.members] == [0.25e-3, 0.005]


def test_rate_rises_then_falls_to_zero():
    config = Config(warmup_steps=10, schedule="cosine")
    shares = [schedule(step, 100, config) for step in range(101)]
    assert shares[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert shares[10] == 1.0 and shares[55] == pytest.approx(0.5) and shares[100] == pytest.approx(0)
    assert all(left > right for left, right in zip(shares[10:], shares[11:], strict=False))
    assert {schedule(step, 100, Config()) for step in range(100)} == {1.0}, "the chapter's is constant"
