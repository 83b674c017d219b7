"""Acoustics of the embedded corpus: resampling, noise, reverberation and loudness."""

import numpy as np
import pytest

from omni_lib.corpora.acoustics import NOISES, PEAK, SAMPLE_RATE, noise, record, resample, reverberate


def test_resampling_keeps_what_the_rate_can_carry_and_nothing_else():
    time = np.arange(22050) / 22050
    kept = resample(np.sin(2 * np.pi * 1000 * time), 22050)[:SAMPLE_RATE]
    expected = np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    assert np.abs(kept - expected)[1000:-1000].max() < 0.01
    assert (
        np.abs(resample(np.sin(2 * np.pi * 9500 * time), 22050)[1000:15000]).max() < 0.01
    )  # would fold to 6500 Hz


@pytest.mark.parametrize("colour", NOISES)
def test_noise_has_unit_power(colour):
    samples = noise(colour, 16000, np.random.default_rng(0))
    assert samples.shape == (16000,) and np.mean(samples**2) == pytest.approx(1)


@pytest.mark.parametrize("snr_db", [5.0, 17.5, 30.0])
@pytest.mark.parametrize("colour", NOISES)
def test_the_signal_to_noise_ratio_is_the_one_asked_for(snr_db, colour):
    speech = np.sin(2 * np.pi * 300 * np.arange(24000) / SAMPLE_RATE)

    def take(ratio: float) -> np.ndarray:
        return record(speech, 0.1, 0.2, 1.0, ratio, colour, -30.0, np.random.default_rng(0))

    clean, noisy = take(300.0), take(snr_db)
    background = noisy - clean * (noisy @ clean) / (clean @ clean)
    power_of_speech = np.mean(noisy**2) - np.mean(background**2)
    measured = 10 * np.log10(power_of_speech * len(noisy) / len(speech) / np.mean(background**2))
    assert measured == pytest.approx(snr_db, abs=0.5)
    assert 10 * np.log10(np.mean(noisy**2)) == pytest.approx(-30.0)


def test_a_loud_recording_is_turned_down_instead_of_clipped_and_a_short_one_padded():
    click = np.zeros(1600)
    click[800] = 1.0
    recording = record(click, 0.1, 0.1, 1.02, 30.0, "white", -12.0, np.random.default_rng(0))
    assert len(recording) == int(1.02 * SAMPLE_RATE) and np.abs(recording).max() == pytest.approx(PEAK)


def test_reverberation_decays_by_60_db_in_rt60():
    click = np.zeros(10)
    click[0] = 1.0
    response = reverberate(click, 0.4, 3.0, np.random.default_rng(0))
    first, last = response[160:1760], response[4800:6400]  # 0.01 and 0.3 s: 0.29 / 0.4 of 60 dB apart
    assert 10 * np.log10(np.mean(first**2) / np.mean(last**2)) == pytest.approx(43.5, abs=2)
    assert np.sum(response[1:] ** 2) == pytest.approx(10**-0.3, rel=0.01)
