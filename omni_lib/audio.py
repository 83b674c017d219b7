"""From a sound file to what the encoder sees: waveform (samples,) → log-mel (frames, 128).

A frame is 10 ms. One second of sound is exactly 100 frames: 16,000 samples over a hop of 160.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
import torch
import torchaudio
from torch import Tensor, nn

from omni_lib.errors import UserError
from omni_lib.machine.resources import free_memory

SAMPLE_RATE = 16_000  # Hz
HOP_LENGTH = 160  # samples: 10 ms
WINDOW_LENGTH = 400  # samples: 25 ms
N_FFT = 1024  # points; see LogMel
N_MELS = 128
LOG_FLOOR = 1e-6  # added to the mel power before the logarithm, so that digital silence is finite
LOUDEST = 2.0**31  # integers that were taken for floats; beyond that the power of a sample may overflow

_BLOCK = 2**20  # samples of each channel that are read at a time: of many channels only the mean is kept
_BYTES_PER_SAMPLE = (
    16  # of the mono signal at its own rate and at 16 kHz, with the copies that are made on the way
)


def read_audio(path: str | Path) -> Tensor:
    """Read any file that libsndfile reads, as 16 kHz mono.

    Returns:
        waveform (samples,), float32; channels are averaged, other rates are resampled.

    Raises:
        UserError: the file is missing, no sound file, truncated, empty, or holds values that are no numbers.
    """
    path = Path(path)
    with _opened(path) as file:
        expected, rate = file.frames, file.samplerate
        _refuse_too_long(path, expected, rate)
        blocks = list(_mixed_down(file, _BLOCK))
        samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    _refuse_incomplete(path, len(samples), expected)
    return resample(_checked(path, torch.from_numpy(samples)), _checked_rate(path, rate))


def read_blocks(path: str | Path, seconds: float) -> tuple[int, Iterator[Tensor]]:
    """Read a file of any length piece by piece: its sample rate in Hz, and blocks (samples,) of `seconds`, mono, at that rate.

    Raises:
        UserError: as `read_audio`, here or when the block in question is wanted.
    """
    path = Path(path)
    with _opened(path) as file:
        expected, rate = file.frames, _checked_rate(path, file.samplerate)

    def blocks() -> Iterator[Tensor]:
        read = 0
        with _opened(path) as file:
            for block in _mixed_down(file, int(seconds * rate)):
                read += len(block)
                yield _checked(path, torch.from_numpy(block))
        _refuse_incomplete(path, read, expected)

    return rate, blocks()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """The file, open; what libsndfile and the system say against it, in our words."""
    try:
        if not path.is_file():
            raise UserError(f"{path} does not exist or is no file")
        _refuse_truncated(path)
        with soundfile.SoundFile(path) as file:
            yield file
    except (soundfile.SoundFileError, OSError, TypeError) as error:
        reason = (
            "headerless samples"
            if isinstance(error, TypeError)
            else str(error).rpartition(": ")[2].rstrip(".")
        )
        raise UserError(f"{path} cannot be read as sound ({reason}): use WAV, FLAC, OGG or MP3") from None
    except (MemoryError, ValueError):  # numpy's words for an array of a size that no file of sound has
        raise UserError(
            f"{path} is damaged or too long: its header promises more samples than the memory holds"
        ) from None


def _mixed_down(file: soundfile.SoundFile, size: int) -> Iterator[np.ndarray]:
    """The mean of the channels, `size` samples at a time: (samples,), float32."""
    while len(block := file.read(size, dtype="float32", always_2d=True)):  # (samples, channels)
        with np.errstate(over="ignore", invalid="ignore"):  # what is no number is refused afterwards, by name
            yield block.mean(axis=1)


def _refuse_incomplete(path: Path, samples: int, expected: int) -> None:
    if samples == 0:
        raise UserError(f"{path} is empty: it holds no samples")
    if samples < expected:
        raise UserError(f"{path} is truncated: its header promises {expected} samples, {samples} can be read")


def _checked(path: Path, waveform: Tensor) -> Tensor:
    if not torch.isfinite(waveform).all():
        raise UserError(f"{path} holds samples that are not finite numbers: export it again as 16-bit PCM")
    if len(waveform) and (peak := waveform.abs().max().item()) > LOUDEST:
        raise UserError(
            f"{path} has samples of {peak:.3g}, far beyond full scale (1): export it again as 16-bit PCM"
        )
    return waveform


def _checked_rate(path: Path, rate: int) -> int:
    if not 1000 <= rate <= 1_000_000:
        raise UserError(
            f"{path} has a sample rate of {rate} Hz, which no recording of speech has: export it at 16000 Hz"
        )
    return rate


def _refuse_too_long(path: Path, samples: int, rate: int) -> None:
    """The memory should not be full of one file when that turns out to be too long; nor of one whose header lies."""
    seconds = samples / max(rate, 1)
    needed, free = _BYTES_PER_SAMPLE * (samples + seconds * SAMPLE_RATE), free_memory()
    if needed > free:
        raise UserError(
            f"{path} lasts {seconds:.0f} s by its header, which takes {needed / 1e9:.1f} GB to read, and {free / 1e9:.1f} GB of memory "
            "are free: cut it at pauses, or export it again if it is not so long"
        )


def resampling_ratio(rate: int) -> Fraction:
    """`rate` over 16000 Hz, in terms of at most 640.

    The resampler keeps a filter for each step of the ratio. The usual rates have up to 640 steps; 44101 Hz would have 16,000 and take
    gigabytes, so it is read as the nearest ratio of few steps: 1e-6 too fast.
    """
    return Fraction(rate, SAMPLE_RATE).limit_denominator(640)


def resample(waveform: Tensor, rate: int) -> Tensor:
    """`waveform` (samples,) of any `rate` in Hz, at 16 kHz."""
    ratio = resampling_ratio(rate)
    return (
        waveform
        if ratio == 1
        else torchaudio.functional.resample(waveform, ratio.numerator, ratio.denominator)
    )


def _refuse_truncated(path: Path) -> None:
    """libsndfile silently shortens a WAV, AIFF or NIST file that was cut off; a learner should hear of it."""
    with open(path, "rb") as file:
        header = file.read(1024)
    promised, actual = 0, path.stat().st_size
    if header[:4] in (b"RIFF", b"FORM"):
        size = int.from_bytes(header[4:8], "little" if header[:4] == b"RIFF" else "big")
        streamed = size == 0 or size >= 0x7FFFF000  # a recorder that could not seek back left the size open
        promised = 0 if streamed else size + 8
    elif (
        header[:7] == b"NIST_1A" and b"embedded-" not in header
    ):  # packed samples need fewer bytes than they say
        fields = dict(
            re.findall(rb"^(sample_count|sample_n_bytes|channel_count) -i (\d{1,12})", header, re.MULTILINE)
        )
        if b"sample_count" in fields:  # of each channel
            promised = 1024 + int(fields[b"sample_count"]) * int(fields.get(b"sample_n_bytes", 1)) * int(
                fields.get(b"channel_count", 1)
            )
    if actual < promised:
        raise UserError(
            f"{path} is truncated: its header promises {promised} bytes, the file has {actual}; copy it again"
        )


def change_speed(waveform: Tensor, speed: float) -> Tensor:
    """Play `waveform` (samples,) faster (speed > 1) or slower, pitch and all, as a tape machine would.

    Speed perturbation after Ko et al. 2015, "Audio augmentation for speech recognition".
    """
    if speed == 1.0:
        return waveform
    return torchaudio.functional.resample(waveform, round(SAMPLE_RATE * speed), SAMPLE_RATE)


def samples_at_speed(samples: int, speed: float) -> int:
    """The length that `change_speed` makes of `samples`."""
    return -(-samples * SAMPLE_RATE // round(SAMPLE_RATE * speed))


class LogMel(nn.Module):
    """waveform (…, samples) → log-mel (…, frames, 128), natural logarithm of power, frames = samples // 160.

    The window is 25 ms, but the Fourier transform has 1024 points: 128 mel filters between 0 and 8 kHz are as narrow as
    27 Hz at the low end, and with the window's own 400 points (one bin every 40 Hz) some of them would contain no bin at
    all. A longer, zero-padded transform samples the same spectrum every 15.6 Hz, so that each filter sees something.
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
            pad_mode="constant",  # silence around the clip: reflection fails on clips shorter than half a window
        )

    def forward(self, waveform: Tensor) -> Tensor:
        frames = waveform.shape[-1] // HOP_LENGTH
        if frames == 0:
            return waveform.new_zeros(*waveform.shape[:-1], 0, N_MELS)
        mel = self.mel_spectrogram(waveform)[
            ..., :frames
        ]  # (…, 128, frames): the centred transform has one frame more
        return torch.log(mel + LOG_FLOOR).transpose(-1, -2)  # (…, frames, 128)


def feature_statistics(features: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each mel filter over a list of log-mels (frames, 128), in float64: two (128,)."""
    count = sum(len(feature) for feature in features)
    mean = sum(feature.double().sum(dim=0) for feature in features) / count
    variance = sum((feature.double() - mean).square().sum(dim=0) for feature in features) / count
    return mean, variance.sqrt()
