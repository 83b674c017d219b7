"""Recordings of a learner's voice: check what the browser sends, transcribe it, add it to a corpus.

A recording stays on this machine: the browser sends it to the kernel, and only `add_recording` writes it, to
`data/recordings`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, SAMPLE_RATE
from omni_lib.config import Config
from omni_lib.corpora.clips import write_clip
from omni_lib.corpora.sentences import DEFAULT_COUNTS, write_lines
from omni_lib.course.clip_reading import Reading, read_clip
from omni_lib.course.materials import PRETRAINED, VOICE
from omni_lib.ctc import frames_needed
from omni_lib.errors import UserError
from omni_lib.inference.transcription import shortest
from omni_lib.machine.clone import ROOT
from omni_lib.machine.files import replaced_atomically
from omni_lib.machine.manifest_table import read_table
from omni_lib.machine.sound.content import SILENCE
from omni_lib.manifest import COLUMNS
from omni_lib.recogniser import Recogniser, load_recogniser
from omni_lib.text import Vocabulary, normalise

RECORDINGS = ROOT / "data" / "recordings"
LONGEST = 20.0  # seconds
RECORDING_SOURCES = ("microphone", "file")

# Sentences whose words occur in the training data: digits, spelled names, dates, commands, sentences.
PROMPTS = (
    "one two three four five",
    "seven zero nine six eight",
    "a n n a",
    "p e t e r",
    "the fourth of may nineteen ninety nine",
    "monday the third of july",
    "turn on the light in the kitchen",
    "play some music",
    "hello world",
    "how are you",
    "the cat sat on the mat",
    "would you like a cup of tea",
)


def waveform_of(content: Any, buffers: Sequence[Any]) -> Tensor:
    """The sound in a message from the browser: waveform (samples,), float32 within ±1.

    Args:
        content: {"kind": "recording", "rate": 16000, "source": "microphone" or "file"}.
        buffers: one buffer of 16-bit little-endian samples.

    Raises:
        UserError: the message is malformed or empty, or the sound is longer than `LONGEST`.
    """
    again = "reload the page and record again"
    if (
        not isinstance(content, dict)
        or content.get("kind") != "recording"
        or content.get("source") not in RECORDING_SOURCES
    ):
        raise UserError(f"the browser sent something that is not a recording: {again}")
    if isinstance(content.get("rate"), bool) or content.get("rate") != SAMPLE_RATE:
        raise UserError(
            f"the browser sent sound of {content.get('rate')!r} Hz instead of {SAMPLE_RATE}: {again}"
        )
    if (
        not isinstance(buffers, Sequence)
        or len(buffers) != 1
        or not isinstance(buffers[0], bytes | bytearray | memoryview)
    ):
        raise UserError(f"the browser sent a recording without its samples: {again}")
    data = bytes(buffers[0])
    if not data or len(data) % 2:
        raise UserError(f"the browser sent {len(data)} bytes, which are not 16-bit samples: {again}")
    seconds = len(data) / 2 / SAMPLE_RATE
    if seconds > LONGEST:
        raise UserError(
            f"the recording lasts {seconds:.0f} s, and the limit is {LONGEST:.0f} s: record it in parts"
        )
    samples = np.frombuffer(data, dtype="<i2").astype(np.float32) / 32_768
    return torch.from_numpy(samples)


def voice_recogniser(checkpoint: Path | None = None) -> tuple[Recogniser, Config, str]:
    """The recogniser of a checkpoint, in evaluation mode, its settings, and what it was trained on in words.

    Args:
        checkpoint: if not given, that of the recogniser for people's voices, or the one of the embedded
            corpus where the first is missing.

    Raises:
        UserError: the file is missing, damaged or not a checkpoint of omni train.
    """
    checkpoint = checkpoint or (VOICE if VOICE.exists() else PRETRAINED)
    recogniser, config = load_recogniser(checkpoint)
    data = {
        PRETRAINED: "synthetic voices only, never on a person's voice",
        VOICE: "some people's voices (CMU AN4) and on synthetic ones",
    }
    corpus = Path(config.data_path)
    own = corpus.relative_to(ROOT) if corpus.is_relative_to(ROOT) else corpus
    return recogniser, config, data.get(checkpoint, f"the corpus {own.as_posix()}")


def recognise(waveform: Tensor, recogniser: Recogniser, config: Config) -> Reading:
    """Transcribe waveform (samples,) greedily.

    Raises:
        UserError: it is silent, or shorter than one embedding.
    """
    if len(waveform) == 0 or waveform.abs().max() < SILENCE:
        raise UserError("the recording is silent: is the right microphone chosen, and not muted?")
    if recogniser.encoder.output_lengths(len(waveform) // HOP_LENGTH) == 0:
        milliseconds = len(waveform) * 1000 // SAMPLE_RATE
        raise UserError(
            f"the recording is too short ({milliseconds} ms): record at least {shortest(recogniser)} ms"
        )
    return read_clip(waveform, recogniser, config)


@cache
def known_words() -> frozenset[str]:
    """Every word of the embedded corpus. Both recognisers of the course were also trained on other words."""
    return frozenset(word for line in write_lines(DEFAULT_COUNTS, seed=0) for word in line.text.split())


def unknown_words(text: str) -> list[str]:
    """The words of `text` (normalised) that are not in the embedded corpus, sorted."""
    return sorted(set(text.split()) - known_words())


def add_recording(
    waveform: Tensor, transcription: str, heard: Reading, folder: Path = RECORDINGS, speaker: str = "me"
) -> Path:
    """Write `folder/wav/….wav` and append its row to `folder/asr.csv`: both or neither.

    Existing rows are kept as they are, whatever they contain. `omni data check` finds mistakes in them.

    Returns:
        The path of the sound file.

    Raises:
        UserError: the text is empty or too long for the sound, the folder cannot be written, or its `asr.csv`
            is not a manifest.
    """
    text = normalise(transcription)
    if not text:
        raise UserError("write what you said first: a row of a corpus needs its text")
    needed = frames_needed(Vocabulary().encode(text))
    if needed > len(heard.log_probs):
        raise UserError(
            f"the text needs {needed} CTC frames and the recording has {len(heard.log_probs)}: "
            "is the recording complete? Record it again, or shorten the text"
        )
    manifest = folder / "asr.csv"
    written = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        header = _header(manifest)
        written = _free_path(folder / "wav", text)
        write_clip(written, waveform)
        row = {
            "audio_path": written.relative_to(folder).as_posix(),
            "transcription": text,
            "speaker": speaker,
            "kind": "own voice",
        }
        _append(manifest, [row.get(column, "") for column in header])
    except BaseException as error:  # also Ctrl-C: no clip may remain without its row
        if written is not None:
            written.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise UserError(f"{folder} cannot be written: {error.strerror or error}") from None
        raise
    return written


def _header(manifest: Path) -> list[str]:
    """The columns of a manifest, or those of a new one where it does not exist yet."""
    if not manifest.exists() or not manifest.stat().st_size:
        return list(COLUMNS)
    read_table(manifest)  # raises where it cannot be read
    return next(csv.reader(io.StringIO(manifest.read_text(encoding="utf-8-sig"))))


def _free_path(folder: Path, text: str) -> Path:
    """An unused path whose name has the time and the text."""
    slug = re.sub("[^a-z]+", "-", text)[:40].strip("-")
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{slug}"
    names = (f"{stem}{suffix}.wav" for suffix in ("", *(f"-{number}" for number in range(2, 1000))))
    return next(folder / name for name in names if not (folder / name).exists())


def _append(manifest: Path, cells: Sequence[str]) -> None:
    """Replace the file by one with one more row, in one step."""
    before = manifest.read_bytes() if manifest.exists() else b""
    added = io.StringIO(newline="")
    writer = csv.writer(added)
    if not before:
        writer.writerow(COLUMNS)
    writer.writerow(cells)
    glue = b"" if not before or before.endswith(b"\n") else b"\r\n"
    with replaced_atomically(manifest) as file:
        file.write(before + glue + added.getvalue().encode())
