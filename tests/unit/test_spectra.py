"""The log-mel with adjustable settings: the encoder's at the defaults, and back to a sound."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from omni_lib.audio import LogMel, read_audio
from omni_lib.course import materials
from omni_lib.course.spectra import Settings, empty_filters, log_mel, mel_filters, power_spectrogram, sound_of
from omni_lib.errors import UserError


def mel_of(waveform: torch.Tensor, settings: Settings) -> torch.Tensor:
    return log_mel(power_spectrogram(waveform, settings), mel_filters(settings))


@pytest.mark.parametrize("samples", [16_000, 12_345, 160, 100, 0])
def test_the_default_is_the_encoders_log_mel(samples):
    waveform = torch.randn(samples, generator=torch.Generator().manual_seed(samples))
    if samples:
        # A single frame may differ in the last bits: some processors round its matrix product differently.
        rounding = 2e-6 if samples // 160 == 1 else 0.0
        torch.testing.assert_close(mel_of(waveform, Settings()), LogMel()(waveform), rtol=0, atol=rounding)


@settings(max_examples=15)
@given(
    window=st.integers(80, 1600),
    hop=st.integers(32, 640),
    n_mels=st.integers(8, 160),
    samples=st.integers(1600, 8000),
)
def test_shapes_and_finite_values(window, hop, n_mels, samples):
    waveform = torch.randn(samples, generator=torch.Generator().manual_seed(samples))
    mel = mel_of(waveform, Settings(window, hop, 2048, n_mels))
    assert mel.shape == (samples // hop, n_mels) and torch.isfinite(mel).all()


def test_a_tone_is_loudest_in_the_filter_that_contains_it():
    settings = Settings()
    tone = torch.sin(2 * math.pi * 1000 * torch.arange(16_000) / 16_000)
    power = power_spectrogram(tone, settings)
    assert abs(int(power[50].argmax()) * settings.bin_hertz - 1000) <= settings.bin_hertz
    loudest = int(mel_of(tone, settings)[50].argmax())
    assert mel_filters(settings)[round(1000 / settings.bin_hertz), loudest] > 0.5


def test_a_short_transform_leaves_filters_empty():
    assert empty_filters(mel_filters(Settings())) == 0
    assert empty_filters(mel_filters(Settings(n_fft=400))) > 0
    assert empty_filters(mel_filters(Settings(n_fft=400, n_mels=40))) == 0


@pytest.mark.parametrize(
    "settings", [Settings(), Settings(n_fft=400), Settings(window=640, hop=320, n_mels=80)]
)
def test_the_sound_that_is_re_made_has_nearly_the_same_mel(settings):
    clips = materials.clips()
    waveform, other = (read_audio(clips[name].path)[:16_000] for name in ("hello", "cat"))
    mel = mel_of(waveform, settings)
    sound = sound_of(mel, settings, len(waveform))
    assert sound.shape == waveform.shape and torch.isfinite(sound).all()
    lost, unlike = ((mel_of(each, settings) - mel).abs().mean() for each in (sound, other))
    assert lost < 0.3 < 1.0 < unlike
    assert torch.equal(sound, sound_of(mel, settings, len(waveform))), "the same every time"


def test_the_random_numbers_of_the_caller_are_not_touched():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    sound_of(torch.zeros(10, 128), Settings(), 1600)
    assert torch.equal(torch.rand(3), expected)


def test_silence_stays_silent():
    settings = Settings()
    assert sound_of(mel_of(torch.zeros(1600), settings), settings, 1600).abs().max() < 1e-3


@pytest.mark.parametrize("samples", [0, 100, 512])
def test_a_sound_that_is_too_short_is_refused(samples):
    with pytest.raises(UserError, match="ms of sound are too short for an FFT of 1024 points"):
        sound_of(torch.zeros(samples // 160, 128), Settings(), samples)
    assert sound_of(torch.zeros(3, 128), Settings(), 513).shape == (513,), "one sample more is enough"


def test_windows_that_overlap_too_little_are_refused():
    with pytest.raises(UserError, match="windows of 25.0 ms every 20.0 ms overlap by less than half"):
        sound_of(torch.zeros(10, 128), Settings(hop=320), 3200)
    assert sound_of(torch.zeros(10, 128), Settings(hop=200), 2000).shape == (2000,), "a half is enough"
