"""The bytes of a sound file, and the parts of it that libsndfile reads one after another."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO

_MOST_PARTS = 1000
_BLOCK = 2**20  # bytes that are read at a time


AGAIN = "copy it again"
CONVERT = "copy it again, or convert what is left: ffmpeg -i FILE -ar 16000 -ac 1 NEW.wav"


class UnreadableSound(Exception):
    """A sound file cannot be read completely. The message completes a sentence that begins with its name."""


@dataclass(frozen=True)
class Part:
    """A section of the file that can be decoded by itself. Two files joined by `cat` make two parts.

    Attributes:
        pieces: the input of libsndfile, in order: a range (start, end) of bytes of the file, or bytes that
            replace some of them.
        bytes_of_sound: the size of the chunk that holds the samples, if the container has such a chunk.
        counted: the number of samples per channel that the file gives for a code of whole blocks, the last
            of which is filled up.
        most, least: the largest and the smallest number of samples per channel by our own count of the
            frames. `most` is None if they were not counted.
        estimated: whether libsndfile computes the length from the size of the file. Then it may be too large.
    """

    pieces: tuple[tuple[int, int] | bytes, ...]
    bytes_of_sound: int | None = None
    counted: int | None = None
    most: int | None = None
    least: int = 0
    estimated: bool = False


@dataclass(frozen=True)
class Contents:
    """What was found in a file: its parts in order, and remarks to report to the user."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
    # whether every frame of the file was found; if so, a frame that cannot be decoded is damaged
    framed: bool = False


class Bytes:
    """An open file, read in blocks of 1 MB. Memory is never allocated by a length given in a header."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, io.SEEK_END)
        self._start, self._block = 0, b""

    def at(self, start: int, count: int) -> bytes:
        """`count` bytes (at most 1 MB) from `start`, fewer at the end of the file."""
        count = max(0, min(count, _BLOCK, self.size - start))
        if not self._start <= start <= start + count <= self._start + len(self._block):
            self.file.seek(start)
            self._start, self._block = start, self.file.read(_BLOCK)
        return self._block[start - self._start : start - self._start + count]

    def number(self, start: int, count: int, order: str) -> int:
        """An unsigned integer of `count` bytes, `order` "little" or "big".

        Raises:
            UnreadableSound: the file ends before the integer does.
        """
        found = self.at(start, count)
        if len(found) < count:
            raise UnreadableSound(f"is truncated: it ends within its header; {AGAIN}")
        return int.from_bytes(found, "little" if order == "little" else "big")

    def find(self, wanted: bytes, start: int, end: int) -> int:
        """The first position of `wanted` in [start, end), or -1."""
        while start + len(wanted) <= end:
            block = self.at(start, min(_BLOCK, end - start))
            if (index := block.find(wanted)) >= 0:
                return start + index
            start += max(1, len(block) - len(wanted) + 1)
        return -1

    def is_blank(self, start: int, end: int) -> bool:
        """Whether all bytes in [start, end) are zero."""
        while start < end:
            block = self.at(start, min(_BLOCK, end - start))
            if not block or block.strip(b"\0"):
                return not block
            start += len(block)
        return True


def after_id3(data: Bytes, start: int) -> int:
    """Where the sound begins: after any ID3v2 tags at `start` (id3.org, ID3v2.4 structure, section 3.1)."""
    while (head := data.at(start, 10))[:3] == b"ID3" and len(head) == 10 and max(head[6:]) < 128:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        start += 10 + size + (10 if head[5] & 0x10 else 0)  # a footer repeats the header
    return start


def refuse_many(parts: Sequence[Part]) -> None:
    """Refuse a file with a very large number of parts, for example one built to exhaust the memory.

    Raises:
        UnreadableSound: there are more than `_MOST_PARTS`.
    """
    if len(parts) > _MOST_PARTS:
        raise UnreadableSound(f"consists of more than {_MOST_PARTS} parts: split it into separate files")


def replaced(
    start: int, end: int, patches: Sequence[tuple[int, bytes]]
) -> tuple[tuple[int, int] | bytes, ...]:
    """The bytes [start, end) of the file, overwritten by `patches` (position, bytes), sorted by position."""
    pieces: list[tuple[int, int] | bytes] = []
    for position, patch in patches:
        pieces += [(start, position), patch]
        start = position + len(patch)
    return (*pieces, (start, end))


class View(io.RawIOBase):
    """The pieces of a part as one file that libsndfile can read and seek in."""

    def __init__(self, file: BinaryIO, pieces: Sequence[tuple[int, int] | bytes]) -> None:
        self._file, self._pieces = file, pieces
        lengths = (len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces)
        self._starts = list(accumulate(lengths, initial=0))
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._starts[-1]}[whence]
        self._position = max(0, origin + offset)
        return self._position

    # soundfile passes a cffi buffer
    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted, done = min(len(buffer), max(0, self._starts[-1] - self._position)), 0
        while done < wanted:
            index = bisect_right(self._starts, self._position) - 1
            within, piece = self._position - self._starts[index], self._pieces[index]
            left = min(wanted - done, self._starts[index + 1] - self._position)
            if isinstance(piece, bytes):
                found = piece[within : within + left]
            else:
                self._file.seek(piece[0] + within)
                found = self._file.read(left)
            if not found:  # the file was shortened while it was read
                break
            buffer[done : done + len(found)] = found
            done += len(found)
            self._position += len(found)
        return done
