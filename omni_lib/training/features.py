"""The log-mels of one utterance at each speed, and the bytes that they take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from omni_lib.audio import HOP_LENGTH, N_MELS, SAMPLE_RATE, LogMel, change_speed, read_audio
from omni_lib.errors import UserError
from omni_lib.machine.sound.reading import open_sound
from omni_lib.manifest import Utterance

FRAME_BYTES = 4 * N_MELS  # of float32
Watch = Callable[[str, int, int], None]  # what is computed, how many are done, of how many


def rendered(utterance: Utterance, speeds: Sequence[float], log_mel: LogMel) -> dict[float, Tensor]:
    """Raw log-mels (frames, 128) by speed."""
    waveform = read_audio(utterance.path)
    # contiguous, as in the files: a sum over another layout of the same numbers may be rounded differently
    return {speed: log_mel(change_speed(waveform, speed)).contiguous() for speed in speeds}


def expected_bytes(path: Path, speeds: Sequence[float]) -> int:
    """Bytes of the features of a file, estimated from its header."""
    try:
        with open_sound(path) as sound:
            seconds = sound.frames / max(sound.rate, 1)
    except UserError:  # reading the file will raise the right error
        return 0
    return sum(int(seconds / speed * SAMPLE_RATE / HOP_LENGTH + 1) for speed in speeds) * FRAME_BYTES
