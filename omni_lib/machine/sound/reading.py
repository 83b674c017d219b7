"""A sound file of any kind, opened: its rate, its length, and its samples block by block."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from omni_lib.errors import UserError
from omni_lib.machine.sound import chunks, flac, mpeg, ogg, voc
from omni_lib.machine.sound.foreign import TO_WAV, refuse_foreign
from omni_lib.machine.sound.parts import (
    AGAIN,
    CONVERT,
    Bytes,
    Contents,
    Part,
    UnreadableSound,
    View,
    after_id3,
)

_WIDTHS = {  # bytes of a sample
    **{"PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4},
    **{"FLOAT": 4, "DOUBLE": 8, "ULAW": 1, "ALAW": 1},
}
_REASONS = {  # what libsndfile reports → in words of the field
    "Format not recognised": "an unknown format, or headerless samples",
    "SF_INFO struct incomplete": "its header gives an impossible sample rate or number of channels",
    "Error in WAV file. No 'data' chunk marker": "it has no samples, or none behind their format",
    "Error in WAV/W64/RF64 file. Malformed 'fmt ' chunk": "a coding that is not read, or a damaged header",
    "Channel count is zero": "its header gives 0 channels",
    "Bad channel count": "its header gives an impossible number of channels",
    "Too many channels specified": "its header gives more channels than a recording has",
}
_HEADED = {"AIFF": 8, "CAF": 4}  # bytes that stand before the samples in their chunk
_LARGEST_BLOCK = 4096  # samples of each channel in one block of ADPCM or GSM, at most
_UNCOUNTED = ("RAW", "PVF", "PAF", "IRCAM")  # containers that hold no length: there is nothing to compare


@dataclass(frozen=True)
class OpenSound:
    """A file that was examined, but not decoded.

    Attributes:
        rate: Hz.
        frames: samples of each channel.
        channels: of the part with most of them.
        notes: remarks on the file; the words follow its name.
    """

    path: Path
    rate: int
    frames: int
    channels: int
    notes: tuple[str, ...]
    _file: BinaryIO
    _parts: tuple[tuple[Part, int], ...]  # and the samples that each must yield
    _framed: bool

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """Blocks (samples, channels) of at most `size` samples of each channel, float32, full scale ±1, to
        the end of the last part.

        Raises:
            UserError: fewer samples can be decoded than are there.
        """
        for part, frames in self._parts:
            read = 0
            with _refusals(self.path), _opened(self._file, part, self._framed) as sound:
                # what a code of whole blocks adds behind the last sample is not read
                padded = not part.estimated and frames < sound.frames
                while len(
                    block := sound.read(
                        min(size, frames - read) if padded else size, dtype="float32", always_2d=True
                    )
                ):
                    read += len(block)
                    yield block
            if read < frames:
                raise UserError(
                    f"{self.path} is truncated or damaged: {read} of {frames} samples can be decoded; {AGAIN}"
                )


@contextlib.contextmanager
def open_sound(path: Path) -> Iterator[OpenSound]:
    """Examine a file and open it.

    Raises:
        UserError: it does not exist, is not a sound file, is truncated or damaged, or consists of parts with
            different rates.
    """
    with _refusals(path), contextlib.ExitStack() as stack:
        if not path.is_file():
            raise UserError(f"{path} {_missing(path)}")
        file = stack.enter_context(open(path, "rb"))
        found = _contents(Bytes(file))
        parts, rates, channels, notes = [], [], 1, list(found.notes)
        for part in found.parts:
            with _opened(file, part, found.framed) as sound:
                parts.append((part, _agreed_frames(part, sound)))
                rates.append(sound.samplerate)
                channels = max(channels, sound.channels)
                notes += _unchecked(part, sound)
        if not parts:
            raise UnreadableSound("is empty: it holds no samples")
        if len(set(rates)) > 1:
            raise UnreadableSound(
                f"consists of parts with {' and '.join(map(str, sorted(set(rates))))} Hz: "
                "split it into separate files"
            )
        yield OpenSound(
            path,
            rates[0],
            sum(frames for _, frames in parts),
            channels,
            tuple(notes),
            file,
            tuple(parts),
            found.framed,
        )


def _missing(path: Path) -> str:
    """The reason why `path` does not name a file, and the remedy."""
    if path.is_dir():
        return "is a folder: name the sound files in it"
    if re.match(r"(?:https?|ftp|s3|gs):/", str(path), re.IGNORECASE):
        return "is a web address: download the file, and name it"
    if re.search(r"[*?]", path.name):
        return "does not exist: name each file, because * and ? stand for themselves here"
    return "does not exist or is not a file: correct the path"


def _contents(data: Bytes) -> Contents:
    start = after_id3(data, 0)
    if data.at(start, 4) == flac.MAGIC:
        return flac.contents(data, start)
    if data.at(start, 4) == ogg.MAGIC:
        return ogg.contents(data, start)
    if data.at(start, 20) == voc.MAGIC:
        return voc.contents(data, start)
    if (inside := chunks.mp3_within(data, start)) is not None:
        if (first := mpeg.first_frame(data, inside)) is None:
            raise UnreadableSound(f"is damaged: it should hold MP3 frames, and none is there; {AGAIN}")
        return mpeg.contents(data, first)
    if found := chunks.contents(data, start):
        return found
    if _is_other(data, start) or (first := mpeg.first_frame(data, start)) is None:
        refuse_foreign(data, start)
        return Contents((Part(((start, data.size),)),))
    found = mpeg.contents(data, first)
    if data.is_blank(start, first) or mpeg.after_tags(data, start) == first:
        return found
    note = f"begins with {first - start} bytes that are not an MP3 frame and are not read"
    return replace(found, notes=(note, *found.notes))


def _is_other(data: Bytes, start: int) -> bool:
    """Whether the file begins as one of a container that is neither counted here nor MP3."""
    return data.at(start, 4) in (b"RIFF", b"RIFX", b"FORM", b"caff", b"RF64")


def _agreed_frames(part: Part, sound: soundfile.SoundFile) -> int:
    """The samples that libsndfile is going to decode, which must be as many as were counted.

    Raises:
        UnreadableSound: they are not.
    """
    frames = int(sound.frames)
    if part.estimated and part.most is not None:
        frames = min(frames, part.most)  # the decoder stops at the last frame
    if part.most is not None and not part.least <= frames <= part.most:
        raise UnreadableSound(
            f"is damaged: it has {part.most} samples, of which {frames} can be decoded; {CONVERT}"
        )
    width = _WIDTHS.get(sound.subtype)
    if part.bytes_of_sound is not None and width:
        there: int = max(0, part.bytes_of_sound - _HEADED.get(sound.format, 0)) // (width * sound.channels)
        if sound.format == "SVX" and frames == there + there % 2:  # libsndfile counts the padding of a chunk
            return there
        if frames != there:
            raise UnreadableSound(
                f"is damaged: its header leads to {frames} samples, its data to {there}; export it again"
            )
    if part.counted is not None and not width and 0 <= frames - part.counted < _LARGEST_BLOCK:
        return part.counted
    return frames


def _unchecked(part: Part, sound: soundfile.SoundFile) -> list[str]:
    if part.bytes_of_sound is not None or part.most is not None or sound.format in (*_UNCOUNTED, "OGG"):
        return []
    return [
        f"is a file of format {sound.format}, which looks whole when truncated: convert it to WAV to be sure"
    ]


@contextlib.contextmanager
def _opened(file: BinaryIO, part: Part, framed: bool) -> Iterator[soundfile.SoundFile]:
    """A part, open for decoding.

    Raises:
        UnreadableSound: it cannot be decoded, though its frames are there.
    """
    try:
        with soundfile.SoundFile(View(file, part.pieces)) as sound:
            yield sound
    except soundfile.SoundFileError as error:
        if framed:
            raise UnreadableSound(f"is damaged ({_reason(error)}): {CONVERT}") from None
        raise


def _reason(error: Exception) -> str:
    reason = str(error).rpartition(": ")[2].rstrip(".")
    return _REASONS.get(reason, reason)


def _remedy(error: Exception) -> str:
    if not isinstance(error, soundfile.SoundFileError) or "Format not recognised" in str(error):
        return "use WAV, FLAC, OGG or MP3"
    reason = _reason(error)
    return TO_WAV if reason not in _REASONS.values() or "coding" in reason else "export it again"


@contextlib.contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """Turns the errors of libsndfile and of the system about a file into a `UserError`."""
    try:
        yield
    except UnreadableSound as damage:
        raise UserError(f"{path} {damage}") from None
    except (soundfile.SoundFileError, OSError) as error:
        raise UserError(f"{path} cannot be read as sound ({_reason(error)}): {_remedy(error)}") from None
    except (MemoryError, ValueError):  # numpy raises these for an array larger than any sound file
        raise UserError(
            f"{path} is damaged or too long: its header promises more samples than the memory holds"
        ) from None
