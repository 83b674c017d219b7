"""Transcribe a sound file to words with their times: `omni transcribe`."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from omni_lib.alignment import Word, seconds_per_ctc_frame, word_times
from omni_lib.audio import HOP_LENGTH, SAMPLE_RATE
from omni_lib.config import Config
from omni_lib.errors import UserError
from omni_lib.inference.streaming import greedy_path, greedy_path_stream, mel_stream, sound_stream
from omni_lib.machine.sound.content import Content
from omni_lib.recogniser import Recogniser

LONGEST = 10.0  # seconds, the length of the longest utterances in the training corpora


@dataclass(frozen=True)
class Transcript:
    """The text of one sound file, and its words with their times."""

    path: Path
    text: str
    words: list[Word]


def shortest(recogniser: Recogniser) -> int:
    """The length in ms of the shortest sound that gives an embedding."""
    frames = next(n for n in itertools.count(1) if recogniser.encoder.output_lengths(n) > 0)
    return frames * HOP_LENGTH * 1000 // SAMPLE_RATE


def transcribe(
    path: str | Path,
    recogniser: Recogniser,
    config: Config,
    warn: Callable[[str], None] | None = None,
    longest: float = LONGEST,
) -> Transcript:
    """Transcribe one file greedily; long files need no more memory than short ones.

    Args:
        recogniser: a recogniser in evaluation mode.
        config: the settings that it was trained with.
        warn: called with a line about anything in the sound that makes the text doubtful (silence, clipping).
        longest: the length in seconds of the longest clip in training. In longer files, attention is limited
            to neighbouring frames (`streaming.py`); in shorter ones it is unlimited, as in training.

    Raises:
        UserError: the file cannot be read, or is shorter than one embedding.
    """
    path = Path(path)
    warn = warn or (lambda line: print(line, file=sys.stderr))
    content, sound_read, samples = Content(), list[Tensor](), 0
    sound = sound_stream(path, content=content)
    while samples <= longest * SAMPLE_RATE and (block := next(sound, None)) is not None:
        sound_read.append(block)
        samples += len(block)
    mel = mel_stream(itertools.chain(sound_read, sound))
    pieces: Iterable[Tensor]
    if samples <= longest * SAMPLE_RATE:  # the file has ended
        pieces = [greedy_path(torch.cat(list(mel)), recogniser)]
    else:
        pieces = greedy_path_stream(mel, recogniser, config)
    symbols = [symbol for piece in pieces for symbol in piece.tolist()]
    for remark in filter(None, (content.fault, *content.notes)):
        warn(f"{path} {remark}")
    if content.fault:
        return Transcript(path, "", [])
    if not symbols:
        length = content.samples * 1000 // content.rate
        raise UserError(f"{path} is too short ({length} ms): the model needs {shortest(recogniser)} ms")
    words = word_times(symbols, recogniser.vocabulary, seconds_per_ctc_frame(config))
    return Transcript(path, " ".join(word.word for word in words), words)
