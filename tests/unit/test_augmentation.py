"""Augmentation changes log-mels at random, within the given bounds."""

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from omni_lib.training.augmentation import (
    NOISE_BELOW,
    QUIETER,
    add_noise,
    colour,
    quiet,
    spec_augment,
    stretch_time,
    stretched,
    warp_frequency,
)

FILL = torch.arange(128) - 500.0  # nothing that a log-mel holds


@given(st.integers(1, 500), st.floats(0.5, 1.5))
def test_stretched_is_the_length_that_comes_out(frames, factor):
    mel = torch.randn(frames, 128)
    before = mel.clone()
    out = stretch_time(mel, factor)
    assert out.shape == (stretched(frames, factor), 128)
    assert mel.min() - 1e-4 <= out.min() and out.max() <= mel.max() + 1e-4, "between its neighbours"
    assert torch.equal(mel, before), "the cache is not written to"


def test_a_stretched_sound_comes_proportionally_later():
    mel = torch.zeros(200, 128)
    mel[100] = 1.0
    assert abs(stretch_time(mel, 1.2)[:, 0].argmax().item() - 120) <= 1
    assert abs(stretch_time(mel, 0.8)[:, 0].argmax().item() - 80) <= 1
    assert torch.equal(stretch_time(mel, 1.0), mel)


def test_a_longer_vocal_tract_moves_the_formants_down():
    mel = torch.zeros(3, 128)
    mel[:, 66] = 1.0
    assert warp_frequency(mel, 1.1)[0].argmax().item() == 60
    assert warp_frequency(mel, 0.9)[0].argmax().item() == 73


@given(st.floats(0.7, 1.3))
def test_warping_interpolates_between_filters_and_repeats_the_last(factor):
    ramp = torch.arange(128.0).repeat(2, 1)
    expected = (torch.arange(128) * factor).clamp(max=127).repeat(2, 1)
    torch.testing.assert_close(warp_frequency(ramp, factor), expected, atol=1e-3, rtol=1e-5)


def test_a_warp_by_one_changes_nothing():
    mel = torch.randn(5, 128)
    assert torch.equal(warp_frequency(mel, 1.0), mel)


def test_an_empty_log_mel_stays_empty():
    assert stretch_time(torch.zeros(0, 128), 1.2).shape == (0, 128)
    assert warp_frequency(torch.zeros(0, 128), 1.2).shape == (0, 128)


def test_colour_is_one_smooth_gain_for_the_whole_clip():
    mel = torch.randn(40, 128)
    before = mel.clone()
    gain = colour(mel, random.Random(1), 0.8) - mel
    assert torch.allclose(gain, gain[:1].expand_as(gain), atol=1e-5), "the same at every moment"
    assert gain[0].std() > 0.1
    assert gain[0].diff().diff().abs().gt(1e-4).sum() <= 8, "straight between six frequencies"
    assert torch.equal(mel, before), "the cache is not written to"


def test_colour_has_the_given_deviation_and_keeps_silence_silent():
    mel = torch.zeros(1, 128)
    gains = torch.stack([colour(mel, random.Random(seed), 0.5)[0] for seed in range(400)])
    assert gains[:, 0].std().item() == pytest.approx(0.5 * 2**0.5, rel=0.15), (
        "two gains at the ends of the curve"
    )
    silence = torch.full((3, 128), -13.8155)
    assert colour(silence, random.Random(2), 3.0).min() >= -13.8156


@given(st.integers(1, 3000), st.integers(0, 2**31), st.floats(-12, 3))
def test_noise_adds_the_given_power_at_every_level(frames, seed, loudness):
    mel = torch.randn(frames, 128, generator=torch.Generator().manual_seed(seed)) + loudness
    before = mel.clone()
    noisy = add_noise(mel, random.Random(seed))
    assert noisy.shape == mel.shape and (noisy >= mel).all()
    assert torch.equal(mel, before), "the cache is not written to"
    if frames >= 300:  # long enough for the noise's own fluctuation to even out
        added = (noisy.double().exp().sum() - mel.double().exp().sum()) / mel.double().exp().sum()
        decibels = -10 * added.log10().item()
        assert NOISE_BELOW[0] - 1 <= decibels <= NOISE_BELOW[1] + 1


def test_noise_is_steady_and_of_another_colour_each_time():
    silence = torch.full((1000, 128), -13.8155)
    noises = [add_noise(silence, random.Random(seed)).exp() - silence.exp() for seed in range(20)]
    for noise in noises:
        halves = noise[:500].mean(dim=0).log() - noise[500:].mean(dim=0).log()
        assert halves.abs().mean() < 0.3, "as loud in the second half as in the first"
    slopes = [(noise[:, 96:].mean().log() - noise[:, :32].mean().log()).item() for noise in noises]
    assert min(slopes) < -2 and max(slopes) > 0, "from brown to white"


def test_noise_added_to_an_empty_log_mel_is_empty():
    assert add_noise(torch.zeros(0, 128), random.Random(0)).shape == (0, 128)


def test_a_pause_is_made_of_the_quietest_frames_that_the_recording_has():
    levels = torch.arange(100.0)[torch.randperm(100, generator=torch.Generator().manual_seed(0))]
    mel = levels[:, None].expand(100, 128) / 10 - 5
    before, softer = mel.clone(), []
    for seed in range(200):
        pause = quiet(mel, 30, random.Random(seed))
        assert pause.shape == (30, 128) and torch.equal(pause, pause[:, :1].expand(30, 128)), "whole frames"
        assert pause.max() <= -5 + 0.9 + 1e-5 and pause.max() - pause.min() <= 0.9 + 1e-5, (
            "of the ten quietest"
        )
        softer.append(-5 - pause.min().item())
    assert torch.equal(mel, before), "the cache is not written to"
    own_level = sum(level <= 0 for level in softer)
    assert 60 < own_level < 140, "half of them at their own level"
    assert max(softer) > 0.6 * min(QUIETER, 13.8155 - 5), "and the others down to digital silence"


def test_a_pause_is_never_softer_than_digital_silence():
    silence = torch.full((3, 128), -13.8155)
    assert min(quiet(silence, 5, random.Random(seed)).min().item() for seed in range(20)) >= -13.8156
    assert torch.allclose(quiet(torch.zeros(0, 128), 4, random.Random(0)), silence[:1].expand(4, 128))
    assert quiet(silence, 0, random.Random(0)).shape == (0, 128)


@pytest.mark.parametrize("frames", [0, 1, 4, 49, 51, 100, 1000])
def test_masks_hold_the_fill_and_nothing_else_changes(frames):
    mel = torch.randn(frames, 128)
    before = mel.clone()
    shares = []
    for seed in range(40):
        masked = spec_augment(mel, random.Random(seed), FILL)
        changed = masked != mel
        assert torch.equal(masked[changed], FILL.expand(frames, -1)[changed])
        shares.append(changed.float().mean().item() if frames else 0.0)
    assert torch.equal(mel, before), "the cache is not written to"
    assert frames == 0 or 0.05 < sum(shares) / len(shares) < 0.6
