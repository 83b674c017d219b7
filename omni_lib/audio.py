"""From a sound file to the input of the encoder: waveform (samples,) → log-mel (frames, 128).

A frame is 10 ms. One second of sound is exactly 100 frames: 16,000 samples over a hop of 160.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
import torchaudio
from torch import Tensor, nn

from omni_lib.errors import UserError
from omni_lib.machine.resources import free_memory
from omni_lib.machine.sound.content import FULL_SCALE, Channels, Content
from omni_lib.machine.sound.reading import OpenSound, open_sound

SAMPLE_RATE = 16_000  # Hz
HOP_LENGTH = 160  # samples: 10 ms
WINDOW_LENGTH = 400  # samples: 25 ms
N_FFT = 1024  # points; see LogMel
N_MELS = 128
LOG_FLOOR = 1e-6  # added to the mel power before the logarithm, so that digital silence is finite
# The log-mels of speech deviate by 2 to 5 nats, but in filters above the band of telephone speech hardly at
# all. Divided by that, the noise of another recording would become an enormous input.
LEAST_DEVIATION = 1.0  # nats

_FEW_SPIKES = 1e-3  # the share of samples beyond full scale below which the others have another scale
_BLOCK = 2**20  # samples per channel that are read at a time; only the mean of the channels is kept
_BYTES_PER_SAMPLE = 16  # memory for the mono signal at its own rate and at 16 kHz, temporary copies included


@dataclass(frozen=True)
class ExaminedAudio:
    """The sound of a file that was read to its end, and what is unusual about it.

    Attributes:
        waveform: (samples,), float32, 16 kHz, mono.
        rate: the sample rate of the file in Hz.
        fault: why the file is useless for training, for example silence; "" if it is usable. The text begins
            with the path.
        notes: remarks about a usable file, for example that its channels cancel. Each begins with the path.
    """

    waveform: Tensor
    rate: int
    fault: str
    notes: tuple[str, ...]


def examine_audio(path: str | Path) -> ExaminedAudio:
    """Read a sound file of any rate, container and number of channels, and examine its content.

    Channels are averaged; if they cancel each other, only one is used. Other rates are resampled to 16 kHz.
    In an MP3 file without a LAME header, the silence that the MP3 encoder put first (up to 0.1 s) remains.

    Raises:
        UserError: the file is missing, is not a sound file, is truncated, damaged, empty, or far beyond full
            scale, or holds values that are not finite.
    """
    path = Path(path)
    content = Content()
    with open_sound(path) as sound:
        _refuse_too_long(path, sound.frames, sound.rate)
        blocks = list(_mono_blocks(sound, _BLOCK, content))
        samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    waveform = resample(torch.from_numpy(samples), sound.rate)
    fault = f"{path} {content.fault}" if content.fault else ""
    return ExaminedAudio(waveform, sound.rate, fault, tuple(f"{path} {note}" for note in content.notes))


def read_audio(path: str | Path) -> Tensor:
    """The waveform (samples,) of a sound file, float32, 16 kHz, mono, as `examine_audio` reads it.

    Raises:
        UserError: as `examine_audio`.
    """
    return examine_audio(path).waveform


def read_blocks(path: str | Path, seconds: float, content: Content) -> tuple[int, Iterator[Tensor]]:
    """Read a file of any length in blocks.

    Args:
        content: every block is added to it; at the end it also holds the rate and the notes of the file.

    Returns:
        The sample rate in Hz, and blocks (samples,) of `seconds`, mono, at that rate.

    Raises:
        UserError: as `examine_audio`, either in this call or when a block is read.
    """
    path = Path(path)
    with open_sound(path) as sound:
        rate = _checked_rate(path, sound.rate)

    def blocks() -> Iterator[Tensor]:
        with open_sound(path) as sound:
            for block in _mono_blocks(sound, int(seconds * rate), content):
                yield torch.from_numpy(block)

    return rate, blocks()


def _mono_blocks(sound: OpenSound, size: int, content: Content) -> Iterator[np.ndarray]:
    """The mean of the channels (samples,), float32, `size` samples at a time; one channel if they cancel.

    Whether they cancel is known only at the end, so files with several channels are read twice.
    """
    content.rate = _checked_rate(sound.path, sound.rate)
    for note in sound.notes:
        content.remark(note)
    channel = None
    if sound.channels > 1:
        channels = Channels()
        for block in sound.blocks(size):
            channels.add(block)
        channel = channels.to_read()
    if channel is not None:
        content.remark(f"has channels that cancel each other: channel {channel + 1} alone is read")
    for block in sound.blocks(size):
        with np.errstate(over="ignore", invalid="ignore"):  # values that are not finite are refused below
            mono = (
                block.mean(axis=1) if channel is None else block[:, min(channel, block.shape[1] - 1)].copy()
            )
        _refuse_impossible(sound.path, mono)
        content.add(mono)
        yield mono
    if content.samples == 0:
        raise UserError(f"{sound.path} is empty: record or export it again")


def _refuse_impossible(path: Path, block: np.ndarray) -> None:
    if not np.isfinite(block).all():
        raise UserError(f"{path} holds samples that are not finite numbers: export it again as 16-bit PCM")
    if len(block) and (peak := float(np.abs(block).max())) > FULL_SCALE:
        if int((np.abs(block) > FULL_SCALE).sum()) < _FEW_SPIKES * len(block):
            raise UserError(
                f"{path} has a few samples of up to {peak:.3g} among others within full scale (1), as where"
                " it was damaged: copy or export it again"
            )
        if 100 <= peak <= 2**16 and float(block.min()) >= 0:
            raise UserError(
                f"{path} has samples of 0 to {peak:.5g}, far beyond full scale (1), as of unsigned integers:"
                " export it again as 16-bit PCM"
            )
        raise UserError(
            f"{path} has samples of {peak:.5g}, far beyond full scale (1): "
            f"divide them by {_true_scale(peak):.5g}, or export it again as 16-bit PCM"
        )


def _true_scale(peak: float) -> float:
    """The divisor for samples of up to `peak`: the full scale of integers of that size, or the peak."""
    if peak < 100:  # these are not integers but a mix that is far too loud
        return peak
    return next((2.0**bits for bits in (7, 15, 23, 31) if peak <= 2**bits), peak)


def _checked_rate(path: Path, rate: int) -> int:
    if not 1000 <= rate <= 1_000_000:
        raise UserError(
            f"{path} has a sample rate of {rate} Hz, which is not plausible for speech: export it at 16000 Hz"
        )
    return rate


def _refuse_too_long(path: Path, samples: int, rate: int) -> None:
    """Refuse a file that would not fit into memory, before it is read."""
    seconds = samples / max(rate, 1)
    needed, free = _BYTES_PER_SAMPLE * (samples + seconds * SAMPLE_RATE), free_memory()
    if needed > free:
        raise UserError(
            f"{path} lasts {seconds:.0f} s by its header, and reading it takes {needed / 1e9:.1f} GB, but "
            f"only {free / 1e9:.1f} GB of memory are free: "
            "cut it at pauses, or export it again if it is shorter"
        )


def resampling_ratio(rate: int) -> Fraction:
    """`rate` / 16000 Hz as a fraction whose denominator is at most 640.

    The resampler has one filter for each unit of the denominator. The usual rates need up to 640; 44101 Hz
    would need 16,000 and gigabytes of memory. So such a rate is approximated by the nearest fraction. This
    changes the speed by less than one part in a thousand: by 2e-6 for 44101 Hz, by 6e-5 for 16001 Hz.
    """
    return Fraction(rate, SAMPLE_RATE).limit_denominator(640)


def resample(waveform: Tensor, rate: int) -> Tensor:
    """Resample `waveform` (samples,) from `rate` in Hz to 16 kHz."""
    ratio = resampling_ratio(rate)
    if ratio == 1:
        return waveform
    resampled: Tensor = torchaudio.functional.resample(waveform, ratio.numerator, ratio.denominator)
    return resampled


def change_speed(waveform: Tensor, speed: float) -> Tensor:
    """Play `waveform` (samples,) faster (speed > 1) or slower; the pitch changes too, as on a tape machine.

    This is the speed perturbation of Ko et al. 2015, "Audio augmentation for speech recognition".
    """
    if speed == 1.0:
        return waveform
    played: Tensor = torchaudio.functional.resample(waveform, round(SAMPLE_RATE * speed), SAMPLE_RATE)
    return played


def samples_at_speed(samples: int, speed: float) -> int:
    """The number of samples that `change_speed` returns for `samples` samples."""
    return -(-samples * SAMPLE_RATE // round(SAMPLE_RATE * speed))


class LogMel(nn.Module):
    """waveform (…, samples) → log-mel (…, frames, 128), natural logarithm of power, frames = samples // 160.

    The window has 400 samples (25 ms), but the Fourier transform has 1024 points. The narrowest of the 128
    mel filters between 0 and 8 kHz span only 28 Hz. With 400 points there is one bin every 40 Hz, and some of
    these filters would contain no bin at all. The longer, zero-padded transform samples the same spectrum
    every 15.6 Hz, so that each filter contains at least one bin.
    """

    def __init__(self, n_fft: int = N_FFT) -> None:
        super().__init__()
        self.mel_spectrogram = torchaudio.transforms.MelSpectrogram(
            sample_rate=SAMPLE_RATE,
            n_fft=n_fft,
            win_length=WINDOW_LENGTH,
            hop_length=HOP_LENGTH,
            n_mels=N_MELS,
            center=True,  # frame t is centred on sample 160 t
            pad_mode="constant",  # zeros around the clip: reflection fails for clips below half a window
        )

    def forward(self, waveform: Tensor) -> Tensor:
        """waveform (…, samples), 16 kHz → log-mel (…, samples // 160, 128)."""
        frames = waveform.shape[-1] // HOP_LENGTH
        if frames == 0 or waveform.numel() == 0:
            return waveform.new_zeros(*waveform.shape[:-1], frames, N_MELS)
        # in full precision: bfloat16 would round a log-mel by up to 0.03
        with torch.autocast(waveform.device.type, enabled=False):
            # the centred transform has one more frame, which is dropped
            mel = self.mel_spectrogram(waveform)[..., :frames]  # (…, 128, frames)
        return torch.log(mel + LOG_FLOOR).transpose(-1, -2)  # (…, frames, 128)


def feature_statistics(features: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each mel filter over log-mels (frames, 128): each (128,), float64.

    No deviation is below `LEAST_DEVIATION`.
    """
    count = sum(len(feature) for feature in features)
    nothing = torch.zeros(N_MELS, dtype=torch.float64)
    mean = sum((feature.double().sum(dim=0) for feature in features), nothing) / count
    variance = sum(((feature.double() - mean).square().sum(dim=0) for feature in features), nothing) / count
    return mean, variance.sqrt().clamp_min(LEAST_DEVIATION)
