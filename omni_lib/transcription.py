"""A sound file in, its words and their times out: `omni transcribe`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from omni_lib.alignment import Word, word_times
from omni_lib.audio import HOP_LENGTH, SAMPLE_RATE, LogMel, read_audio
from omni_lib.config import Config
from omni_lib.errors import UserError
from omni_lib.recogniser import Recogniser

SILENCE = 1e-4  # peak amplitude, -80 dB of full scale: below it there is nothing to hear
LONGEST = 10.0  # seconds; the corpora's longest utterance, hence the longest the encoder has met


@dataclass(frozen=True)
class Transcript:
    """What was heard in one file."""

    path: Path
    text: str
    words: list[Word]


def shortest(recogniser: Recogniser) -> int:
    """The least sound, in ms, that makes an embedding."""
    frames = 1
    while recogniser.encoder.output_lengths(frames) == 0:
        frames += 1
    return frames * HOP_LENGTH * 1000 // SAMPLE_RATE


def transcribe(path: str | Path, recogniser: Recogniser, config: Config, warn: Callable[[str], None] | None = None) -> Transcript:
    """Transcribe one file greedily.

    Args:
        recogniser: in evaluation mode, with the settings `config` that it was trained with.
        warn: called with a line where the answer needs a caution (silence, a clip longer than those trained on).

    Raises:
        UserError: the file cannot be read, or is shorter than one embedding.
    """
    path = Path(path)
    warn = warn or (lambda line: print(line, file=sys.stderr))
    waveform = read_audio(path)
    if waveform.abs().max() < SILENCE:
        warn(f"{path} is silent: nothing to transcribe")
        return Transcript(path, "", [])
    mel = LogMel()(waveform)  # (frames, 128)
    if recogniser.encoder.output_lengths(len(mel)) == 0:
        raise UserError(f"{path} is too short ({len(waveform) * 1000 // SAMPLE_RATE} ms): one embedding needs {shortest(recogniser)} ms")
    seconds = len(waveform) / SAMPLE_RATE
    if seconds > LONGEST:
        warn(f"{path} lasts {seconds:.0f} s, the training clips at most {LONGEST:.0f} s: expect more errors, or cut it at pauses")
    with torch.inference_mode():
        log_probs, lengths = recogniser(mel[None], torch.tensor([len(mel)]))
    path_of_symbols = log_probs[0, : lengths[0]].argmax(dim=-1).tolist()
    seconds_per_frame = config.downsample_time * HOP_LENGTH / SAMPLE_RATE / config.ctc_frames_per_embedding
    words = word_times(path_of_symbols, recogniser.vocabulary, seconds_per_frame)
    return Transcript(path, " ".join(word.word for word in words), words)
