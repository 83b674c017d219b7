"""Sound files of every kind become 16 kHz mono or one clear line; log-mels have the shape and the values they
should.
"""

import math
import warnings

import numpy as np
import pytest
import soundfile
import torch
import torchaudio

from omni_lib.audio import (
    HOP_LENGTH,
    LEAST_DEVIATION,
    LOG_FLOOR,
    N_MELS,
    LogMel,
    change_speed,
    feature_statistics,
    read_audio,
    samples_at_speed,
)
from omni_lib.errors import UserError


def sine(rate: int, seconds: float = 1.0, hertz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def refusal(path) -> str:
    """The one line with which `path` is refused."""
    with pytest.raises(UserError) as caught:
        read_audio(path)
    assert "\n" not in str(caught.value) and path.name[:50] in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000, 192000, 44101, 22255, 15999])
def test_every_rate_becomes_16_khz_and_keeps_its_pitch(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", sine(rate), rate)
    waveform = read_audio(tmp_path / "a.wav")
    assert waveform.dtype == torch.float32 and abs(len(waveform) - 16_000) <= 1
    spectrum = torch.fft.rfft(waveform[:16_000] * torch.hann_window(16_000)[: len(waveform)], n=16_000).abs()
    assert spectrum.argmax() == 440
    assert waveform[1000:-1000].abs().max() == pytest.approx(0.5, abs=0.01)


def test_a_file_at_16_khz_is_read_to_the_bit(tmp_path):
    samples = np.random.default_rng(0).integers(-32768, 32768, 5000).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="PCM_16")
    assert np.array_equal((read_audio(tmp_path / "a.wav") * 32768).numpy(), samples)


@pytest.mark.parametrize("channels", [1, 2, 8])
def test_channels_are_averaged(tmp_path, channels):
    samples = np.tile(np.linspace(-0.5, 0.5, channels) + 0.25, (160, 1))
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    assert torch.allclose(
        read_audio(tmp_path / "a.wav"), torch.full((160,), float(samples[0].mean())), atol=1e-6
    )


@pytest.mark.parametrize("form", ["wav", "flac", "ogg", "mp3", "aiff", "au", "caf", "w64", "rf64"])
def test_every_format_of_libsndfile_is_read(tmp_path, form):
    soundfile.write(tmp_path / f"a.{form}", sine(16_000), 16_000)
    waveform = read_audio(tmp_path / f"a.{form}").numpy()
    assert waveform.shape == (16_000,)
    assert np.abs(waveform - sine(16_000))[500:-500].max() < (0.05 if form in ("ogg", "mp3") else 1e-3)


def test_the_contents_and_not_the_name_say_what_a_file_is(tmp_path):
    soundfile.write(tmp_path / "a.wav", sine(16_000), 16_000, format="FLAC")
    assert read_audio(tmp_path / "a.wav").shape == (16_000,)


def test_a_path_with_spaces_and_accents(tmp_path):
    path = tmp_path / "ä ö" / "日本 1.wav"
    path.parent.mkdir()
    soundfile.write(path, sine(16_000), 16_000)
    assert read_audio(str(path)).shape == (16_000,)


def test_silence_is_sound(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(1600), 16_000)
    assert torch.equal(read_audio(tmp_path / "a.wav"), torch.zeros(1600))


def test_what_cannot_be_read_is_named(tmp_path):
    assert "does not exist" in refusal(tmp_path / "nowhere.wav")
    assert "is a folder" in refusal(tmp_path)
    (tmp_path / "zero.wav").touch()
    assert "is empty" in refusal(tmp_path / "zero.wav")
    (tmp_path / "letter.wav").write_text("Dear listener, " * 100)
    assert "cannot be read as sound" in refusal(tmp_path / "letter.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    assert "is empty" in refusal(tmp_path / "empty.wav")
    (tmp_path / "headerless.raw").write_bytes(bytes(3200))
    assert "headerless" in refusal(tmp_path / "headerless.raw")
    assert "cannot be read" in refusal(tmp_path / ("x" * 300 + ".wav"))


def test_a_file_that_may_not_be_opened_is_named(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", sine(16_000), 16_000)

    def deny(*arguments, **more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", deny)
    assert "Permission denied" in refusal(tmp_path / "a.wav")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers_are_refused(tmp_path, bad):
    samples = sine(16_000)
    samples[77] = bad
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    assert "not finite" in refusal(tmp_path / "a.wav")


@pytest.mark.parametrize("form", ["wav", "aiff", "sph", "flac", "mp3"])
def test_a_file_that_was_cut_off_is_refused(tmp_path, form):
    kinds = {"sph": {"format": "NIST", "subtype": "PCM_16"}}
    soundfile.write(
        tmp_path / f"whole.{form}",
        np.random.default_rng(0).uniform(-0.5, 0.5, 16_000),
        16_000,
        **kinds.get(form, {}),
    )
    whole = (tmp_path / f"whole.{form}").read_bytes()
    assert read_audio(tmp_path / f"whole.{form}").shape == (16_000,)
    (tmp_path / f"cut.{form}").write_bytes(whole[: len(whole) // 2])
    refusal(tmp_path / f"cut.{form}")


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF024])
def test_a_recording_whose_size_was_left_open_is_read(tmp_path, size):
    soundfile.write(tmp_path / "a.wav", sine(16_000), 16_000)
    contents = bytearray((tmp_path / "a.wav").read_bytes())
    contents[4:8] = contents[40:44] = size.to_bytes(4, "little")  # of the file, and of its chunk of samples
    if size == 0:
        contents[40:44] = (32_000).to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(contents)
    assert read_audio(tmp_path / "a.wav").shape == (16_000,)


def test_a_header_that_promises_more_samples_than_the_memory_holds(tmp_path):
    soundfile.write(tmp_path / "a.flac", sine(16_000), 16_000)
    contents = bytearray((tmp_path / "a.flac").read_bytes())
    contents[21] |= 0x0F  # the 36 bits of STREAMINFO's number of samples
    contents[22:26] = b"\xff\xff\xff\xff"
    (tmp_path / "a.flac").write_bytes(contents)
    promised = 2**36 - 1
    assert f"promises {promised} samples, 16000 are there" in refusal(tmp_path / "a.flac")


@pytest.mark.parametrize("rate", [1, 500, 1_500_000])
def test_rates_of_no_recording_are_refused(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", np.zeros(1000), rate)
    assert f"{rate} Hz" in refusal(tmp_path / "a.wav")


def test_a_second_is_100_frames_of_128():
    assert LogMel()(torch.zeros(16_000)).shape == (100, 128)
    assert LogMel()(torch.zeros(2, 3, 16_000)).shape == (2, 3, 100, 128)
    assert LogMel()(torch.zeros(0, 16_000)).shape == (0, 100, 128)


def test_log_mels_are_computed_in_full_precision_within_autocast_too():
    noise = torch.randn(16_000, generator=torch.Generator().manual_seed(2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = LogMel()(noise)
    torch.testing.assert_close(found, LogMel()(noise), rtol=0, atol=0)


def test_frames_are_samples_over_the_hop_for_every_length():
    log_mel, noise = LogMel(), torch.randn(2000, generator=torch.Generator().manual_seed(0))
    for samples in [*range(0, 700, 7), 159, 160, 161, 319, 320, 511, 512, 513, 1999, 2000]:
        mel = log_mel(noise[:samples])
        assert mel.shape == (samples // HOP_LENGTH, N_MELS)
        assert torch.isfinite(mel).all()


def test_no_mel_filter_is_empty_where_the_window_s_own_400_points_leave_some():
    assert (LogMel().mel_spectrogram.mel_scale.fb.sum(dim=0) > 0).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchaudio's own warning of the very thing
        short = LogMel(n_fft=400).mel_spectrogram.mel_scale.fb
    assert short.shape[1] == 128 and (short.sum(dim=0) == 0).sum() == 4


def test_it_is_the_logarithm_of_torchaudio_s_mel_spectrogram():
    noise = torch.randn(16_000, generator=torch.Generator().manual_seed(1))
    transform = torchaudio.transforms.MelSpectrogram(
        16_000, n_fft=1024, win_length=400, hop_length=160, n_mels=128, pad_mode="constant"
    )
    expected = torch.log(transform(noise)[:, :100] + 1e-6).T
    torch.testing.assert_close(LogMel()(noise), expected, rtol=0, atol=0)


def test_a_higher_tone_is_in_a_higher_filter():
    loudest = [
        LogMel()(torch.from_numpy(sine(16_000, hertz=hertz)).float()).mean(dim=0).argmax()
        for hertz in (200, 500, 1000, 3000, 7000)
    ]
    assert loudest == sorted(set(loudest))


def test_digital_silence_is_the_floor():
    mel = LogMel()(torch.zeros(1600))
    torch.testing.assert_close(mel, torch.full_like(mel, float(np.log(LOG_FLOOR))))


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.1])
def test_speed_changes_length_and_pitch_together(speed):
    waveform = torch.from_numpy(sine(16_000, seconds=3.0)).float()
    for samples in (48_000, 47_999, 12_345):
        assert len(change_speed(waveform[:samples], speed)) == samples_at_speed(samples, speed)
    faster = change_speed(waveform, speed)[:16_000]
    assert torch.fft.rfft(faster * torch.hann_window(16_000)).abs().argmax() == round(440 * speed)


@pytest.mark.parametrize("ripple", [0.0, 1e-5, 0.05])
def test_a_filter_without_sound_is_not_divided_by_its_tiny_deviation(ripple):
    """Telephone speech ends at 4 kHz. Divided by the deviation there, the least noise would be enormous."""
    generator = torch.Generator().manual_seed(3)
    telephone = 3 * torch.randn(300, N_MELS, generator=generator) - 5
    telephone[:, 90:] = math.log(LOG_FLOOR) + ripple * torch.randn(300, N_MELS - 90, generator=generator)
    mean, deviation = feature_statistics([telephone])
    assert deviation[:90].min() > 2 and (deviation[90:] == LEAST_DEVIATION).all()
    assert ((telephone + 1 - mean) / deviation).abs().max() < 6


def test_feature_statistics_are_those_of_all_frames_together():
    generator = torch.Generator().manual_seed(2)
    features = [3 + 2 * torch.randn(frames, 128, generator=generator) for frames in (10, 300, 1)]
    mean, deviation = feature_statistics(features)
    everything = torch.cat(features).double()
    torch.testing.assert_close(mean, everything.mean(dim=0))
    torch.testing.assert_close(deviation, everything.std(dim=0, correction=0))
