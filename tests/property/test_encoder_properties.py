"""For any lengths, padding and values in the padding: an utterance has the embeddings that it has alone."""

import copy
import math
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from omni_lib.encoder import AudioEncoder, valid_frames

pytestmark = pytest.mark.slow

FEWER = settings(
    max_examples=settings.default.max_examples // 2
)  # each example runs an encoder several times

LENGTHS = st.lists(st.one_of(st.integers(0, 9), st.integers(0, 90)), min_size=1, max_size=4)
RUBBISH = st.sampled_from([0.0, 1.0, -50.0, 1e8, math.inf, math.nan])


@cache
def encoder(dtype: torch.dtype, downsample_time: int = 8, before_pool: int = 4) -> AudioEncoder:
    """A small encoder in training mode, without dropout, whose norms have already seen data."""
    torch.manual_seed(7)
    small = {"d_model": 24, "n_layers": 4, "n_heads": 2, "d_ff": 32, "dropout": 0.0}
    made = AudioEncoder(**small, downsample_time=downsample_time, blocks_before_pool=before_pool).to(dtype)
    made.feature_mean.normal_()
    made.feature_deviation.uniform_(0.5, 2.0)
    for _ in range(3):
        made(torch.randn(3, 80, 128, dtype=dtype), torch.tensor([80, 61, 33]))
    return made


def padded(
    lengths: list[int], extra: int, rubbish: float, seed: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Random log-mels of these lengths, `extra` frames longer than the longest, with noise in the padding."""
    generator = torch.Generator().manual_seed(seed)
    rows = [
        torch.randn(length, 128, generator=generator, dtype=dtype) for length in lengths
    ]  # the same whatever the padding
    mel = rubbish * torch.randn(len(lengths), max(lengths) + extra, 128, generator=generator, dtype=dtype)
    for row, clip in enumerate(rows):
        mel[row, : len(clip)] = clip
    return mel, torch.tensor(lengths)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
@pytest.mark.parametrize(("downsample_time", "before_pool"), [(8, 4), (8, 1), (4, 4)])
@FEWER
@given(lengths=LENGTHS, extra=st.integers(0, 40), rubbish=RUBBISH, seed=st.integers(0, 1000))
def test_in_evaluation_alone_or_in_any_padded_batch_is_the_same(
    dtype, tolerance, downsample_time, before_pool, lengths, extra, rubbish, seed
):
    model = copy.deepcopy(encoder(dtype, downsample_time, before_pool)).eval()
    mel, frames = padded(lengths, extra, rubbish, seed, dtype)
    with torch.inference_mode():
        batch, batch_lengths = model(mel, frames)
        assert batch_lengths.tolist() == [model.output_lengths(length) for length in lengths]
        assert torch.all(batch[~valid_frames(batch_lengths, batch.shape[1])] == 0), (
            "embeddings beyond the end are zero"
        )
        for row, length in enumerate(lengths):
            alone, _ = model(mel[row : row + 1, :length], frames[row : row + 1])
            torch.testing.assert_close(
                batch[row, : batch_lengths[row]], alone[0, : batch_lengths[row]], atol=tolerance, rtol=0
            )


@pytest.mark.parametrize("before_pool", [4, 1])
@FEWER
@given(lengths=LENGTHS, extra=st.integers(1, 40), rubbish=RUBBISH, seed=st.integers(0, 1000))
def test_in_training_more_padding_changes_neither_outputs_nor_statistics_nor_gradients(
    before_pool, lengths, extra, rubbish, seed
):
    results = []
    for more in (0, extra):
        model = copy.deepcopy(encoder(torch.float64, 8, before_pool)).train()
        model.zero_grad()
        mel, frames = padded(lengths, more, rubbish, seed, torch.float64)
        embeddings, out_lengths = model(mel, frames)
        kept = embeddings[:, : int(out_lengths.max())]
        if any(out_lengths.tolist()):
            kept.square().mean().backward()
        gradients = {
            name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None
        }
        results.append((kept, dict(model.named_buffers()), gradients))
    (kept, buffers, gradients), (kept_more, buffers_more, gradients_more) = results
    torch.testing.assert_close(kept_more, kept, atol=1e-9, rtol=0)
    for name in buffers:
        torch.testing.assert_close(buffers_more[name], buffers[name], atol=1e-9, rtol=0, msg=name)
    assert gradients.keys() == gradients_more.keys()
    for name in gradients:
        assert torch.isfinite(gradients[name]).all(), name
        torch.testing.assert_close(gradients_more[name], gradients[name], atol=1e-7, rtol=1e-7, msg=name)
