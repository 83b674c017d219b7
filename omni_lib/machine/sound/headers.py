"""The headers of WAV, RIFX, RF64, Wave64, AIFF, CAF, AU and NIST: where samples are, by their own account.

`chunks.py` compares the sizes that they promise with the bytes that are there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from omni_lib.machine.sound.parts import AGAIN, Bytes, UnreadableSound

_MOST_TRAILING = 50  # chunks after the samples
_MOST_CHUNKS = 10_000  # a file with more is not a recording
_W64 = {  # the 16 bytes that Wave64 has for a name
    b"riff": bytes.fromhex("726966662e91cf11a5d628db04c10000"),
    b"wave": bytes.fromhex("77617665f3acd3118cd100c04f8edb8a"),
}


@dataclass(frozen=True)
class _Field:
    """A number in a header that follows from the bytes of sound there are: (bytes + plus) // per."""

    position: int
    width: int  # bytes
    order: str
    plus: int = 0
    per: int = 1

    def patch(self, there: int) -> tuple[int, bytes]:
        """Where it is written, and its bytes if `there` bytes of sound are there.

        Raises:
            UnreadableSound: the number is too large for the field.
        """
        number = (there + self.plus) // self.per
        if number >= 256**self.width - 256:
            raise UnreadableSound(
                "has more sound than its format can hold, with its length left open: convert it to FLAC"
            )
        return self.position, max(0, number).to_bytes(
            self.width, "little" if self.order == "little" else "big"
        )


@dataclass(frozen=True)
class Samples:
    """The samples of one file, or of one of several that were joined."""

    start: int  # byte of the file
    size: int | None  # bytes that the header promises; None where it leaves that open
    fields: tuple[_Field, ...] = ()  # what libsndfile must find in the header, where the size was left open
    order: str | None = None  # of the bytes in the sizes of chunks that may follow; None where none do
    unpadded: tuple[int, ...] = ()  # where libsndfile needs a byte after a chunk of odd size
    offset: int = 0  # bytes between the start and the first sample
    counted: int | None = None  # samples of each channel, by a chunk of their own


@dataclass(frozen=True)
class _Chunk:
    name: bytes
    start: int  # of what it holds
    size: int
    field: int  # where its size is written


def header_reader(data: Bytes, start: int) -> Callable[[Bytes, int], Samples | None] | None:
    """The function that reads the header at `start`; None where no header of these containers begins."""
    head = data.at(start, 40)
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return _wave
    if head[:16] == _W64[b"riff"] and head[24:40] == _W64[b"wave"]:
        return _wave64
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC", b"8SVX", b"16SV"):
        return _aiff
    if head[:4] in (b".snd", b"dns."):
        return _au
    if head[:4] == b"caff":
        return _caf
    return _nist if head[:7] == b"NIST_1A" else None


def chunks(data: Bytes, at: int, end: int, order: str) -> Iterator[_Chunk]:
    """Chunks of a name and a size of four bytes each; an odd size is padded, though not by every recorder."""
    for _ in range(_MOST_CHUNKS):
        if at + 8 > end or not is_name(name := data.at(at, 4)):
            return
        size = data.number(at + 4, 4, order)
        yield _Chunk(name, at + 8, size, at + 4)
        at += 8 + size
        if size % 2 and not is_name(data.at(at, 4)):
            at += 1


def is_name(name: bytes) -> bool:
    """Whether four bytes can be the name of a chunk: printable ASCII."""
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)


def is_open(size: int, width: int = 4) -> bool:
    """Whether a size means "not known yet".

    Recorders that fill the size in at the end write 0 at first. ffmpeg writes the largest number. sox and
    espeak write half of that, with some room for a header.
    """
    largest = 256**width
    if width == 4 and 0x7F000000 <= size < 0x7F000100:  # AIFF by sox
        return True
    return size == 0 or size >= largest - 256 or largest // 2 - 0x1000 <= size <= largest // 2 + 0x100


def _ends_with_chunks(data: Bytes, at: int, order: str) -> bool:
    """Whether chunks fill the file from `at` to its end: then a data chunk of size 0 is really empty."""
    end = at
    for chunk in islice(chunks(data, at, data.size, order), _MOST_TRAILING):
        end = chunk.start + chunk.size + chunk.size % 2
    return end in (data.size, data.size + 1)


def _wave(data: Bytes, start: int) -> Samples | None:
    order = "big" if data.at(start, 4) == b"RIFX" else "little"
    wide = data.at(start, 4) in (b"RF64", b"BW64")
    long_size = counted = None
    unpadded: list[int] = []
    for chunk in chunks(data, start + 12, data.size, order):
        if chunk.name == b"ds64":
            long_size = chunk.start + 8
        if chunk.name == b"fact" and chunk.size >= 4:
            counted = data.number(chunk.start, 4, order) or None
        if chunk.name == b"data":
            lacking = tuple(unpadded)
            if wide and long_size is not None and chunk.size == 0xFFFFFFFF:
                size, field, width = data.number(long_size, 8, "little"), long_size, 8
            else:
                size, field, width = chunk.size, chunk.field, 4
            if not is_open(size, width) or size <= data.size - chunk.start:
                if size or _ends_with_chunks(data, chunk.start, order):
                    fields = (_Field(field, width, order),)
                    return Samples(chunk.start, size, fields, order, lacking, counted=counted)
            return Samples(chunk.start, None, (_Field(field, width, order),), unpadded=lacking)
        if chunk.size % 2 and is_name(data.at(chunk.start + chunk.size, 4)):
            unpadded.append(chunk.start + chunk.size)
    return None


def _wave64(data: Bytes, start: int) -> Samples | None:
    """Names of 16 bytes, sizes of 8 that count in these 24, everything at multiples of 8."""
    at = start + 40
    for _ in range(_MOST_CHUNKS):
        if at + 24 > data.size:
            return None
        name, size = data.at(at, 4), data.number(at + 16, 8, "little")
        if name == b"data":
            unknown = is_open(size, 8) or size == 24
            field = _Field(at + 16, 8, "little", plus=24)
            return Samples(at + 24, None if unknown else max(0, size - 24), (field,))
        at += max(24, size + -size % 8)
    return None


def _aiff(data: Bytes, start: int) -> Samples | None:
    """The number of samples in COMM may be open, too; it is filled in if COMM comes first, as usual."""
    fields: list[_Field] = []
    for chunk in chunks(data, start + 12, data.size, "big"):
        if chunk.name == b"COMM":
            channels, bits = data.number(chunk.start, 2, "big"), data.number(chunk.start + 6, 2, "big")
            fields = [_Field(chunk.start + 2, 4, "big", plus=-8, per=max(1, channels * -(-bits // 8)))]
        if chunk.name in (b"SSND", b"BODY"):
            empty = chunk.size in (0, 8)  # an offset and a block size come before the samples
            unknown = is_open(chunk.size) or empty
            if empty and _ends_with_chunks(data, chunk.start + chunk.size, "big"):
                unknown = False
            fields.append(_Field(chunk.field, 4, "big"))
            offset = data.number(chunk.start, 4, "big") if chunk.name == b"SSND" and not empty else 0
            offset = offset if 8 + offset <= chunk.size else 0
            return Samples(chunk.start, None if unknown else chunk.size, tuple(fields), "big", offset=offset)
    return None


def _au(data: Bytes, start: int) -> Samples:
    order = "big" if data.at(start, 1) == b"." else "little"
    offset, size = data.number(start + 4, 4, order), data.number(start + 8, 4, order)
    if offset < 24 or start + offset > data.size:
        raise UnreadableSound(f"is truncated or damaged: its samples should begin after its end; {AGAIN}")
    return Samples(start + offset, None if is_open(size) else size, (_Field(start + 8, 4, order),))


def _caf(data: Bytes, start: int) -> Samples | None:
    at = start + 8
    for _ in range(_MOST_CHUNKS):
        if at + 12 > data.size:
            return None
        name, size = data.at(at, 4), data.number(at + 4, 8, "big")
        if name == b"data":
            # the standard's sign is -1; a count of edits, of 4 bytes, comes first
            unknown = is_open(size, 8) or size == 4
            return Samples(at + 12, None if unknown else size, (_Field(at + 4, 8, "big"),))
        at += 12 + size
    return None


def _nist(data: Bytes, start: int) -> Samples:
    header = data.at(start, 16)[8:16].strip()
    length = int(header) if header.isdigit() else 1024
    text = data.at(start, min(length, 2**16))
    found = re.findall(rb"^(sample_count|sample_n_bytes|channel_count) -i (\d{1,12})\s*$", text, re.MULTILINE)
    fields = {name: int(value) for name, value in found}
    if start + length > data.size:
        raise UnreadableSound(f"is truncated: it ends within its header; {AGAIN}")
    packed = b"embedded-" in text  # shorten: fewer bytes than the number of samples implies
    if packed or not fields.get(b"sample_count"):
        return Samples(start + length, None)
    each = fields.get(b"sample_n_bytes", 1) * fields.get(b"channel_count", 1)
    return Samples(start + length, fields[b"sample_count"] * each)
