"""FLAC (RFC 9639): frame headers hold a number and a checksum, so the last one gives the stream's length.

A recorder that cannot go back leaves the length in STREAMINFO at 0, "unknown" (section 8.2). libsndfile then
fails, and it stops early where the length is too small.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import soundfile

from omni_lib.machine.sound.parts import (
    AGAIN,
    CONVERT,
    Bytes,
    Contents,
    Part,
    UnreadableSound,
    View,
    refuse_many,
    replaced,
)

MAGIC = b"fLaC"
# followed by STREAMINFO, always first and 34 bytes long
_STARTS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
_LONGEST_HEADER = 16  # bytes of a frame's header, at most


def _table() -> list[int]:
    """CRC-8 of each byte, polynomial x^8 + x^2 + x + 1 (section 9.1.8)."""
    rows = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte << 1 ^ 0x107) if byte & 0x80 else byte << 1
        rows.append(byte)
    return rows


_CRC_8 = _table()


@dataclass(frozen=True)
class _Frame:
    start: int  # byte of the file
    number: int  # of the frame, or of its first sample where block sizes vary
    samples: int
    varies: bool


def contents(data: Bytes, start: int) -> Contents:
    """The parts of a FLAC file whose mark begins at `start`.

    Raises:
        UnreadableSound: frames are missing.
    """
    parts: list[Part] = []
    notes: list[str] = []
    while start < data.size:
        following = [data.find(mark, start + 8, data.size) for mark in _STARTS]
        end = min((found for found in following if found >= 0), default=data.size)
        part, cut = _part(data, start, end)
        parts.append(part)
        refuse_many(parts)
        notes += ["ends within a FLAC frame, which is left out: the recording was cut off"] if cut else []
        start = end
    return Contents(tuple(parts), tuple(notes), framed=True)


def _part(data: Bytes, start: int, end: int) -> tuple[Part, bool]:
    """One stream, and whether its last frame is incomplete."""
    sound = _after_metadata(data, start)
    promised = data.number(start + 21, 5, "big") & 0xF_FFFF_FFFF
    frames = _frames(data, sound, end)
    first = next(frames, None)
    if first is None:
        if promised:
            raise UnreadableSound(
                f"is truncated: its header promises {promised} samples, none are there; {AGAIN}"
            )
        return Part(((start, end),), most=0), False
    last, length, before = first, first.samples, 0
    # the number of a frame that does not follow the last one, and the number that would follow it
    ahead: tuple[int, int] | None = None
    for frame in frames:
        expected = last.number + (last.samples if first.varies else 1)
        if frame.number == expected:
            before, last, length, ahead = length, frame, length + frame.samples, None
        elif frame.number > expected:
            if ahead and frame.number == ahead[1]:
                raise UnreadableSound(
                    f"is damaged: FLAC frames are missing after {length} samples; {CONVERT}"
                )
            ahead = (frame.number, frame.number + (frame.samples if first.varies else 1))
    if length < promised:
        raise UnreadableSound(
            f"is truncated: its header promises {promised} samples, {length} are there; {AGAIN}"
        )
    cut = not _is_whole(data, start, sound, last, end)
    if cut and promised:
        raise UnreadableSound(
            f"is truncated or damaged: the last of its {promised} samples cannot be decoded; {AGAIN}"
        )
    if cut:
        end, length = last.start, before
    patches = [] if length == promised else [(start + 21, _total(data, start, length))]
    return Part(replaced(start, end, patches), most=length, least=length), cut


def _total(data: Bytes, start: int, samples: int) -> bytes:
    """The five bytes of STREAMINFO that end in the number of samples; the first four bits stay."""
    kept = data.at(start + 21, 1)[0] & 0xF0
    return (kept << 32 | samples).to_bytes(5, "big")


def _after_metadata(data: Bytes, start: int) -> int:
    at, last = start + 4, False
    while not last:
        head = data.number(at, 4, "big")
        last, at = bool(head >> 31), at + 4 + (head & 0xFF_FFFF)
    return at


def _frames(data: Bytes, start: int, end: int) -> Iterator[_Frame]:
    """Everything that looks like the header of a frame of this stream, in order."""
    second = data.at(start, 2)[1:]
    if data.at(start, 1) != b"\xff" or second not in (b"\xf8", b"\xf9"):
        return
    sync = re.compile(re.escape(b"\xff" + second))
    while start < end:
        block = data.at(start, min(2**16 + _LONGEST_HEADER, end - start))
        fresh = len(block) if start + len(block) >= end else len(block) - _LONGEST_HEADER
        for match in sync.finditer(block):
            if match.start() < fresh and (
                frame := _frame(block[match.start() :][:_LONGEST_HEADER], start + match.start())
            ):
                yield frame
        start += max(1, fresh)


def _frame(head: bytes, start: int) -> _Frame | None:
    """The header of a frame (section 9.1), or None where its fields or its checksum do not agree."""
    if len(head) < 6:
        return None
    block_code, rate_code = head[2] >> 4, head[2] & 15
    if block_code == 0 or rate_code == 15 or head[3] >> 4 > 10 or head[3] & 1:
        return None
    ones = 8 - (head[4] ^ 0xFF).bit_length()  # leading ones: the bytes of a number as in UTF-8, up to 36 bits
    if ones == 1 or ones == 8:
        return None
    number, at = head[4] & (0x7F >> ones), 5
    for byte in head[5 : 5 + max(0, ones - 1)]:
        number, at = number << 6 | byte & 0x3F, at + 1
    extra = {6: 1, 7: 2}.get(block_code, 0)
    if block_code == 1:
        samples = 192
    elif block_code < 6:
        samples = 576 << block_code - 2
    elif extra:
        samples = int.from_bytes(head[at : at + extra], "big") + 1
    else:
        samples = 256 << block_code - 8
    at += extra + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if at >= len(head):
        return None
    check = 0
    for byte in head[:at]:
        check = _CRC_8[check ^ byte]
    return _Frame(start, number, samples, head[1] == 0xF9) if check == head[at] else None


def _is_whole(data: Bytes, start: int, metadata_end: int, frame: _Frame, end: int) -> bool:
    """Whether a frame can be decoded: libFLAC checks it in a stream that holds this frame alone."""
    pieces = (
        (start, start + 21),
        _total(data, start, frame.samples),
        (start + 26, metadata_end),
        (frame.start, end),
    )
    try:
        with soundfile.SoundFile(View(data.file, pieces)) as sound:
            return len(sound.read(frame.samples, dtype="float32")) == frame.samples
    except soundfile.SoundFileError:
        return False
