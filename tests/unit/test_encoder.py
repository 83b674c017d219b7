"""The encoder: shapes, parameter counts, and independence of the padding."""

import math

import pytest
import torch
from torch import nn

from omni_lib.config import Config
from omni_lib.encoder import (
    AudioEncoder,
    MaskedBatchNorm,
    PairPool,
    SelfAttention,
    apply_rotary,
    block_time,
    convolve_time,
    count_parameters,
)
from omni_lib.errors import UserError

SMALL = {"d_model": 16, "n_layers": 2, "n_heads": 2, "d_ff": 32, "dropout": 0.0}


def small_encoder(**changes) -> AudioEncoder:
    torch.manual_seed(0)
    return AudioEncoder(**{**SMALL, **changes})


def test_one_second_makes_twelve_embeddings_of_192_channels():
    encoder = AudioEncoder.from_config(Config()).eval()
    embeddings, lengths = encoder(torch.randn(2, 100, 128), torch.tensor([100, 38]))
    assert embeddings.shape == (2, 12, 192)
    assert lengths.tolist() == [12, 5]


def test_four_times_subsampling_makes_an_embedding_every_40_ms():
    embeddings, lengths = small_encoder(downsample_time=4).eval()(
        torch.randn(1, 100, 128), torch.tensor([100])
    )
    assert embeddings.shape == (1, 25, 16) and lengths.tolist() == [25]


def test_every_frame_attends_to_some_frame_however_much_padding_and_however_small_the_reach(monkeypatch):
    """A softmax over none is NaN on some backends, and NaN · 0 is NaN: it would spread from the padding."""
    attention, masks = torch.nn.functional.scaled_dot_product_attention, []

    def watched(*tensors, attn_mask):
        masks.append(attn_mask)
        return attention(*tensors, attn_mask=attn_mask)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", watched)
    encoder, mel = small_encoder(blocks_before_pool=1).eval(), torch.randn(3, 400, 128)
    padded, lengths = encoder(mel, torch.tensor([400, 40, 0]), reach=40)
    alone, _ = encoder(mel[1:2, :40], torch.tensor([40]), reach=40)
    torch.testing.assert_close(padded[1:2, : lengths[1]], alone)
    assert len(masks) == 4 and all(mask.expand(-1, -1, mask.shape[-1], -1).any(-1).all() for mask in masks)


def test_output_lengths_for_every_length_up_to_4000():
    """Halve up, halve up, halve down, of an int and of a tensor; this is 12 for 100 and 5 for 38."""
    encoder = small_encoder()
    frames = range(4001)
    expected = [math.ceil(math.ceil(n / 2) / 2) // 2 for n in frames]
    assert (expected[100], expected[38]) == (12, 5)
    assert [encoder.output_lengths(n) for n in frames] == expected
    assert encoder.output_lengths(torch.arange(4001)).tolist() == expected


@pytest.mark.parametrize(("downsample_time", "before_pool"), [(4, 2), (8, 2), (8, 1), (8, 0)])
def test_output_lengths_are_those_of_the_output(downsample_time, before_pool):
    """Both the lengths that the encoder returns and the tensor that it returns, for one clip alone."""
    encoder = small_encoder(downsample_time=downsample_time, blocks_before_pool=before_pool).eval()
    with torch.inference_mode():
        for frames in [*range(0, 70), *range(95, 106), 399, 400, 997, 1000, 1599, 4000]:
            embeddings, lengths = encoder(torch.randn(1, frames, 128), torch.tensor([frames]))
            assert embeddings.shape[1] == lengths.item() == encoder.output_lengths(frames), frames


def test_the_default_encoder_has_at_most_two_and_a_half_million_parameters():
    encoder = AudioEncoder.from_config(Config())
    assert count_parameters(encoder) <= 2_500_000
    assert count_parameters(encoder) == sum(parameter.numel() for parameter in encoder.parameters())


def test_frozen_parameters_are_not_counted():
    layer = nn.Linear(3, 5)
    layer.bias.requires_grad_(False)
    assert count_parameters(layer) == 15


def test_feature_statistics_are_saved_with_the_weights_and_used():
    encoder = small_encoder().eval()
    state = encoder.state_dict()
    assert state["feature_mean"].shape == state["feature_deviation"].shape == (128,)
    mel, lengths = torch.randn(1, 50, 128), torch.tensor([50])
    plain = encoder(mel, lengths)[0]
    encoder.feature_mean.fill_(-7.0)
    encoder.feature_deviation.fill_(3.0)
    torch.testing.assert_close(encoder(mel * 3.0 - 7.0, lengths)[0], plain, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("training", [False, True])
def test_rows_too_short_for_an_embedding_give_zeros_and_finite_gradients(training):
    encoder = small_encoder().train(training)
    lengths = torch.tensor([60, 4, 1, 0])
    embeddings, out_lengths = encoder(torch.randn(4, 60, 128), lengths)
    assert out_lengths.tolist() == [7, 0, 0, 0]
    assert torch.all(embeddings[1:] == 0)
    assert torch.isfinite(embeddings).all() and embeddings[0].abs().sum() > 0
    embeddings.square().sum().backward()
    gradients = [parameter.grad for parameter in encoder.parameters() if parameter.grad is not None]
    assert gradients and all(torch.isfinite(gradient).all() for gradient in gradients)
    assert all(torch.isfinite(buffer).all() for buffer in encoder.buffers())


@pytest.mark.parametrize("frames", [0, 1, 2, 4])
def test_a_batch_of_too_short_rows_alone_gives_no_embeddings(frames):
    embeddings, lengths = small_encoder().eval()(torch.randn(2, frames, 128), torch.tensor([frames, 0]))
    assert lengths.tolist() == [0, 0]
    assert torch.isfinite(embeddings).all() and torch.all(embeddings == 0)


def test_masked_batch_norm_is_torch_batch_norm_where_nothing_is_padded():
    """Outputs, gradients and both running statistics (with the unbiased variance, as in algorithm 2)."""
    torch.manual_seed(1)
    ours, theirs = MaskedBatchNorm(5).double(), nn.BatchNorm1d(5).double()
    with torch.no_grad():
        for norm in (ours, theirs):
            norm.weight.copy_(torch.linspace(0.5, 2, 5))
            norm.bias.copy_(torch.linspace(-1, 1, 5))
    mask = torch.ones(3, 4, dtype=torch.bool)
    for _ in range(3):
        x = torch.randn(3, 4, 5, dtype=torch.float64) * 3 + 2
        x_ours, x_theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
        out_ours, out_theirs = ours(x_ours, mask), theirs(x_theirs.transpose(1, 2)).transpose(1, 2)
        torch.testing.assert_close(out_ours, out_theirs, atol=1e-9, rtol=0)
        out_ours.pow(3).sum().backward()
        out_theirs.pow(3).sum().backward()
        torch.testing.assert_close(x_ours.grad, x_theirs.grad, atol=1e-8, rtol=0)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean, atol=1e-12, rtol=0)
    torch.testing.assert_close(ours.running_var, theirs.running_var, atol=1e-12, rtol=0)
    x = torch.randn(3, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(
        ours.eval()(x, mask), theirs.eval()(x.transpose(1, 2)).transpose(1, 2), atol=1e-9, rtol=0
    )


def test_masked_batch_norm_counts_valid_frames_only():
    """The statistics of a padded batch are torch's on its valid frames, put one after another."""
    torch.manual_seed(2)
    x, lengths = torch.randn(2, 6, 3, dtype=torch.float64), torch.tensor([6, 2])
    x[1, 2:] = 1e6
    mask = torch.arange(6) < lengths[:, None]
    ours, theirs = MaskedBatchNorm(3).double(), nn.BatchNorm1d(3).double()
    out = ours(x, mask)
    torch.testing.assert_close(out[mask], theirs(x[mask]), atol=1e-9, rtol=0)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean, atol=1e-12, rtol=0)
    torch.testing.assert_close(ours.running_var, theirs.running_var, atol=1e-12, rtol=0)


def test_masked_batch_norm_of_one_valid_frame_is_finite():
    norm = MaskedBatchNorm(3)
    assert torch.isfinite(norm(torch.randn(1, 1, 3), torch.ones(1, 1, dtype=torch.bool))).all()
    assert torch.isfinite(norm.running_var).all()


def test_rotary_scores_depend_on_the_distance_of_positions_only():
    torch.manual_seed(3)
    query = torch.randn(8, dtype=torch.float64).expand(1, 1, 12, 8)
    key = torch.randn(8, dtype=torch.float64).expand(1, 1, 12, 8)
    scores = (apply_rotary(query) @ apply_rotary(key).transpose(-1, -2))[0, 0]
    for offset in range(-11, 12):
        diagonal = scores.diagonal(offset)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-12, rtol=0)
    assert len({round(value, 6) for value in scores[0].tolist()}) == 12, "positions make a difference"


def test_rotary_counts_exactly_in_bfloat16_too():
    """Position 401 rounds to 402 in bfloat16; the angle must not."""
    x = torch.ones(1, 1, 402, 8)
    torch.testing.assert_close(apply_rotary(x.bfloat16()).float(), apply_rotary(x), atol=0.02, rtol=0)


@pytest.mark.parametrize("precision", [torch.float64, torch.bfloat16, torch.float16])
def test_an_encoder_that_was_converted_computes_in_its_own_precision(precision):
    """`encoder.bfloat16()` and `encoder.half()` work on a CPU too, and return what was asked for."""
    encoder, mel = small_encoder().eval(), torch.randn(2, 100, 128)
    lengths = torch.tensor([100, 38])
    exact, _ = encoder(mel, lengths)
    found, _ = encoder.to(precision)(mel.to(precision), lengths)
    assert found.dtype == precision
    torch.testing.assert_close(found.float(), exact, atol=20 * torch.finfo(precision).eps + 1e-5, rtol=0)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"downsample_time": 2}, "downsample_time is 2: it must be 4 or 8"),
        ({"d_model": 9, "n_heads": 3}, "d_model 9 must be a multiple of 2 x n_heads"),
    ],
)
def test_sizes_that_would_compute_something_else_are_refused(sizes, words):
    with pytest.raises(UserError, match=words):
        small_encoder(**sizes)


def test_a_pool_is_initialised_as_the_mean_of_pairs_and_drops_an_odd_last_frame():
    x = torch.randn(2, 5, 6)
    torch.testing.assert_close(PairPool(6)(x), (x[:, 0:4:2] + x[:, 1:4:2]) / 2)
    assert PairPool(6)(x[:, :1]).shape == (2, 0, 6)


@pytest.mark.parametrize("before_pool", [0, 1, 3, 4, 9])
def test_blocks_before_the_pool_work_at_25_hz_and_the_others_at_12_5(before_pool):
    encoder = small_encoder(n_layers=4, blocks_before_pool=before_pool).eval()
    states = encoder.hidden_states(torch.randn(2, 100, 128), torch.tensor([100, 38]))
    seen = [(x.shape[1], lengths.tolist()) for x, lengths in states]
    early = min(before_pool, 4)
    assert seen == early * [(25, [25, 10])] + (4 - early) * [(12, [12, 5])]
    assert [block_time(index, before_pool, 8) for index in range(4)] == early * [4] + (4 - early) * [8]
    embeddings, lengths = encoder.embed(*states[-1])
    assert (embeddings.shape[1], lengths.tolist()) == (12, [12, 5])


@pytest.mark.parametrize("before_pool", [0, 2, 4])
def test_with_four_times_subsampling_nothing_is_pooled(before_pool):
    encoder = small_encoder(n_layers=4, downsample_time=4, blocks_before_pool=before_pool).eval()
    states = encoder.hidden_states(torch.randn(2, 100, 128), torch.tensor([100, 38]))
    assert encoder.pool is None
    assert [(x.shape[1], lengths.tolist()) for x, lengths in [*states, encoder.embed(*states[-1])]] == 5 * [
        (25, [25, 10])
    ]


def test_a_convolution_over_time_is_that_of_torch():
    for conv in (
        nn.Conv1d(6, 6, 5, padding=2, groups=6, bias=False),
        nn.Conv1d(6, 6, 3, padding=1, groups=2),
    ):
        x = torch.randn(2, 7, 6, requires_grad=True)
        expected = conv(x.transpose(1, 2)).transpose(1, 2)
        torch.testing.assert_close(convolve_time(conv, x), expected)
        wanted = torch.randn_like(expected)
        for got, gradient in zip(
            torch.autograd.grad(convolve_time(conv, x), [x, conv.weight], wanted),
            torch.autograd.grad(expected, [x, conv.weight], wanted),
            strict=True,
        ):
            torch.testing.assert_close(got, gradient)


def test_rotary_keeps_the_norm_of_vectors():
    x = torch.randn(2, 3, 7, 8, dtype=torch.float64)
    torch.testing.assert_close(apply_rotary(x).norm(dim=-1), x.norm(dim=-1), atol=1e-12, rtol=0)


def test_attention_depends_on_the_order_of_frames():
    """Without positions, permuted frames would only permute the outputs."""
    torch.manual_seed(4)
    attention, x, mask = SelfAttention(16, 2), 3 * torch.randn(1, 9, 16), torch.ones(1, 9, dtype=torch.bool)
    order = torch.tensor([0, 5, 2, 3, 8, 1, 6, 7, 4])
    assert not torch.allclose(attention(x[:, order], mask), attention(x, mask)[:, order], atol=1e-3)


def test_the_shift_of_the_layer_norm_can_do_what_a_key_bias_would_do():
    """Lesson 02 gives this as the reason why the keys have no bias, which rotation would not cancel."""
    torch.manual_seed(5)
    attention, biased = SelfAttention(16, 2).double(), SelfAttention(16, 2).double()
    x, mask = torch.randn(1, 9, 16, dtype=torch.float64), torch.ones(1, 9, dtype=torch.bool)
    biased.load_state_dict(attention.state_dict())
    bias = torch.randn(16, dtype=torch.float64)
    biased.key.bias = nn.Parameter(bias)
    assert not torch.allclose(biased(x, mask), attention(x, mask), atol=1e-3), "the bias has an effect"

    shift = torch.linalg.solve(attention.key.weight.detach(), bias)  # of the layer norm in front
    with torch.no_grad():  # queries and values have biases, which take the shift back
        attention.query_value.bias -= attention.query_value.weight @ shift
    torch.testing.assert_close(attention(x + shift, mask), biased(x, mask), atol=1e-9, rtol=0)


def test_dropout_acts_in_training_and_not_in_evaluation():
    encoder = small_encoder(dropout=0.5)
    mel, lengths = torch.randn(1, 64, 128), torch.tensor([64])
    assert not torch.equal(encoder(mel, lengths)[0], encoder(mel, lengths)[0])
    encoder.eval()
    assert torch.equal(encoder(mel, lengths)[0], encoder(mel, lengths)[0])
