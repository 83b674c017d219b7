"""Receptive fields against gradients of a real subsampler; attention weights against the output."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from omni_lib.audio import N_MELS
from omni_lib.course.receptive_field import (
    Influence,
    attention_maps,
    attention_weights,
    halvings,
    receptive_field,
)
from omni_lib.encoder import AudioEncoder, PairPool, SelfAttention, Subsampler, embedding_lengths


class Front(torch.nn.Module):
    """Subsampler and pooling without the blocks between."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.subsampler, self.pool = Subsampler(8, channels=4), PairPool(8)
        for norm in [*self.subsampler.norms, self.subsampler.residual_norm]:
            torch.nn.init.constant_(
                norm.bias, 3.0
            )  # no ReLU is shut, so that whatever is connected has a gradient

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        x, lengths = self.subsampler(mel[None], torch.tensor([len(mel)]))
        return self.pool(x)[0]


FRONT = Front().eval()


@settings(max_examples=25)
@given(frames=st.integers(8, 90), share=st.floats(0, 1, exclude_max=True))
def test_the_field_is_where_the_gradient_is(frames, share):
    embedding = int(share * embedding_lengths(frames))
    mel = torch.randn(frames, N_MELS, generator=torch.Generator().manual_seed(frames)).requires_grad_(True)
    (gradient,) = torch.autograd.grad(FRONT(mel)[embedding].sum(), mel)
    reached = gradient.abs().sum(dim=1).nonzero().squeeze(1).tolist()
    field = receptive_field(embedding, frames)
    assert reached == list(range(field.first, field.last + 1))
    assert field.frames == len(reached) <= 23


@given(st.integers(0, 5000))
def test_the_lengths_are_the_encoders(frames):
    counts = halvings(frames)
    assert counts[0] == frames and counts[3] == embedding_lengths(frames)
    assert counts[2] == embedding_lengths(frames, downsample_time=4)


@given(embedding=st.integers(0, 60), samples=st.integers(4800, 80_000))
def test_the_samples_lie_in_the_clip(embedding, samples):
    frames = samples // 160
    if embedding < embedding_lengths(frames):
        start, end = receptive_field(embedding, frames).samples(samples)
        assert 0 <= start < end <= samples and end - start <= 22 * 160 + 400


@given(steps=st.integers(1, 30), seed=st.integers(0, 99))
def test_attention_weights_are_what_the_encoder_attends_with(steps, seed):
    """Multiplied by the values and projected, they give the output of the fused attention."""
    torch.manual_seed(seed)
    attention, x = SelfAttention(24, 3).eval(), torch.randn(1, steps, 24)
    weights = attention_weights(attention, x)
    assert weights.shape == (1, 3, steps, steps)
    assert torch.allclose(weights.sum(dim=-1), torch.ones(1, 3, steps))
    value = attention.query_value(x).chunk(2, dim=-1)[1].unflatten(-1, (3, -1)).transpose(1, 2)
    ours = attention.output((weights @ value).transpose(1, 2).flatten(2))
    assert torch.allclose(ours, attention(x, torch.ones(1, steps, dtype=torch.bool)), atol=1e-5)


def test_maps_of_a_whole_encoder_and_the_encoder_unchanged():
    torch.manual_seed(0)
    encoder = AudioEncoder(d_model=24, n_layers=4, n_heads=3, d_ff=32).eval()
    mel = torch.randn(70, N_MELS)
    before = encoder(mel[None], torch.tensor([70]))[0]
    maps = attention_maps(encoder, mel)
    assert [tuple(weights.shape) for weights in maps] == 4 * [(3, 18, 18)]
    assert torch.equal(encoder(mel[None], torch.tensor([70]))[0], before)
    assert not any(block.attention._forward_pre_hooks for block in encoder.blocks)


def test_influence_is_the_gradients_share_and_largest_near_the_embedding():
    torch.manual_seed(0)
    encoder = AudioEncoder(d_model=24, n_layers=4, n_heads=3, d_ff=32).eval()
    influence = Influence(encoder, torch.randn(160, N_MELS))
    weights = influence.of(10)
    assert weights.shape == (160,) and weights.sum().item() == pytest.approx(1.0) and (weights >= 0).all()
    assert abs(int(weights.argmax()) - 84) <= 12
    assert torch.equal(influence.of(10), weights), "as often as one asks"
