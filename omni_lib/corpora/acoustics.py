"""Simulated recording conditions: resampling, room reverberation, noise and level. Only numpy, in float64.

All powers and levels are means over the samples of waveforms within -1…1; a power in dB is 10·log10.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000  # Hz
PEAK = 0.98  # the largest sample of a recording, so that nothing clips

Waveform = NDArray[np.float64]  # (samples,)

NOISES = ("white", "pink", "brown", "hum", "murmur")


def resample(waveform: Waveform, source_rate: int, target_rate: int = SAMPLE_RATE) -> Waveform:
    """Change the sample rate in the frequency domain.

    Frequencies near and above the lower of the two Nyquist limits are faded out, so nothing aliases.
    """
    grain = source_rate // np.gcd(source_rate, target_rate)
    # a whole number of grains is a whole number of output samples
    padded = np.pad(waveform, (0, -len(waveform) % grain + grain))
    samples = len(padded) * target_rate // source_rate
    spectrum = np.fft.rfft(padded)
    frequencies = np.fft.rfftfreq(len(padded), 1 / source_rate)
    limit = min(source_rate, target_rate) / 2
    spectrum *= np.clip((limit - frequencies) / (0.05 * limit), 0, 1)
    return np.fft.irfft(spectrum[: samples // 2 + 1], samples) * (target_rate / source_rate)


def reverberate(waveform: Waveform, rt60: float, direct_db: float, rng: np.random.Generator) -> Waveform:
    """Reverberant speech of a small room, by convolution with a simulated impulse response.

    The response is the direct sound and a tail of noise that decays by 60 dB in `rt60` seconds. `direct_db`
    is the energy of the direct sound relative to the tail. The result is `rt60` seconds longer.
    """
    time = np.arange(int(rt60 * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / rt60)
    tail[: int(0.003 * SAMPLE_RATE)] = 0  # the nearest wall is half a metre away
    response = tail * np.sqrt(10 ** (-direct_db / 10) / np.sum(tail**2))
    response[0] = 1
    length = len(waveform) + len(response) - 1
    padded = 1 << (length - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(waveform, padded) * np.fft.rfft(response, padded), padded)[:length]


def band_limit(waveform: Waveform, low: float, high: float) -> Waveform:
    """The band that a microphone or a telephone passes: `low` to `high` Hz, faded out over half an octave
    beyond either limit."""
    frequencies = np.maximum(np.fft.rfftfreq(len(waveform), 1 / SAMPLE_RATE), 1.0)
    octaves_outside = np.maximum(np.log2(low / frequencies), np.log2(frequencies / high))
    return np.fft.irfft(np.fft.rfft(waveform) * np.clip(1 - 2 * octaves_outside, 0, 1), len(waveform))


def noise(colour: str, samples: int, rng: np.random.Generator) -> Waveform:
    """Noise of one of the `NOISES`, of unit power.

    white: the same power at every frequency; pink: falling by 3 dB an octave; brown: by 6; hum: a transformer
    at 50 or 60 Hz and its harmonics, over pink noise; murmur: noise with the spectrum of speech, swelling
    about four times a second like people talking next door.
    """
    frequencies = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 1.0)
    gains: dict[str, Callable[[], Waveform]] = {
        "white": lambda: np.ones_like(frequencies),
        "pink": lambda: frequencies**-0.5,
        "brown": lambda: frequencies**-1.0,
        "hum": lambda: frequencies**-0.5,
        "murmur": lambda: 1 / (1 + (frequencies / 500) ** 1.5),
    }
    gain = gains[colour]() * (frequencies > 40)  # microphones pass little below 40 Hz
    result = np.fft.irfft(np.fft.rfft(rng.standard_normal(samples)) * gain, samples)
    result /= np.sqrt(np.mean(result**2))
    time = np.arange(samples) / SAMPLE_RATE
    if colour == "hum":
        mains = rng.choice([50.0, 60.0])
        for harmonic in range(1, 8):
            result += np.sin(2 * np.pi * (mains * harmonic * time + rng.random())) / harmonic
    if colour == "murmur":
        for swell in rng.uniform(2.0, 6.0, size=3):
            result *= 1 + 0.4 * np.sin(2 * np.pi * (swell * time + rng.random()))
    return result / float(np.sqrt(np.mean(result**2)))


def record(
    speech: Waveform,
    lead: float,
    tail: float,
    shortest: float,
    snr_db: float,
    colour: str,
    level_db: float,
    rng: np.random.Generator,
    grain: int = 1,
) -> Waveform:
    """Put speech between `lead` and `tail` seconds of background, add noise, set the level.

    The signal-to-noise ratio is the speech's power, from its first sample to its last, over the noise's. A
    recording shorter than `shortest` seconds gets a longer tail. `level_db` (dBFS) is the whole recording's
    power; it is lowered where it would clip. The tail is extended until the number of samples is a multiple
    of `grain`: a length with a large prime factor makes the Fourier transforms ten times slower.
    """
    before = int(lead * SAMPLE_RATE)
    samples = max(before + len(speech) + int(tail * SAMPLE_RATE), int(shortest * SAMPLE_RATE))
    samples += -samples % grain
    clean = np.zeros(samples)
    clean[before : before + len(speech)] = speech
    background = noise(colour, samples, rng) * np.sqrt(np.mean(speech**2) * 10 ** (-snr_db / 10))
    recording: Waveform = clean + background
    loudness, peak = float(np.sqrt(np.mean(recording**2))), float(np.abs(recording).max())
    gain: float = min(10.0 ** (level_db / 20) / loudness, PEAK / peak)
    return recording * gain
