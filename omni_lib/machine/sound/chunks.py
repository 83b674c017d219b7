"""WAV, RIFX, RF64, Wave64, AIFF, CAF, AU and NIST: where the samples are, and how many bytes are there.

The outer size, which a WAV file has in addition to the size of its data chunk, is not used: ten public
recorders write it a few bytes off. A size that was left open, because the recorder could not seek back or was
killed, means "up to the end of the file".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from omni_lib.machine.sound.parts import AGAIN, Bytes, Contents, Part, UnreadableSound, refuse_many, replaced

# Bytes that may be missing at the end, 2 ms at 16 kHz: writers count a header or a padding byte that is not
# there. Whether a file was cut by so little makes no difference to what is said in it.
_FEW = 64
_MOST_TRAILING = 50  # chunks after the samples
_MOST_CHUNKS = 10_000  # a file with more is not a recording
_MP3 = 0x55  # in the place where 1 stands for PCM
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
        number = (there + self.plus) // self.per
        if number >= 256**self.width - 256:
            raise UnreadableSound(
                "has more sound than its format can hold, with its length left open: convert it to FLAC"
            )
        return self.position, max(0, number).to_bytes(
            self.width, "little" if self.order == "little" else "big"
        )


@dataclass(frozen=True)
class _Sound:
    """The samples of one file, or of one of several that were joined."""

    start: int  # byte of the file
    size: int | None  # bytes that the header promises; None where it leaves that open
    fields: tuple[_Field, ...] = ()  # what libsndfile must find in the header, where the size was left open
    order: str | None = None  # of the bytes in the sizes of chunks that may follow; None where none do
    unpadded: tuple[int, ...] = ()  # where libsndfile needs a byte after a chunk of odd size


@dataclass(frozen=True)
class _Chunk:
    name: bytes
    start: int  # of what it holds
    size: int
    field: int  # where its size is written


def contents(data: Bytes, start: int) -> Contents | None:
    """The parts of a file in one of these containers; None where it is in another.

    Raises:
        UnreadableSound: fewer bytes of sound are there than their chunk promises.
    """
    parts: list[Part] = []
    notes: list[str] = []
    at = start
    while at < data.size and (find := _container(data, at)) and (sound := find(data, at)):
        # libsndfile knows this container under its former name
        renamed = [(at, b"RF64")] if data.at(at, 4) == b"BW64" else []
        whole_file = sound.size in (data.size - at, data.size - at - 8)  # as if the header were sound, too
        lacking = 0 if sound.size is None else sound.start + sound.size - data.size
        if few := bool(sound.fields) and not whole_file and 0 < lacking <= min(_FEW, data.size - sound.start):
            last = "byte" if lacking == 1 else f"{lacking} bytes"
            notes.append(f"lacks the last {last} that its header promises: it is read up to its end")
        if sound.size is None or whole_file or few:
            end = _next_header(data, at, sound.start)
            patches = renamed + [field.patch(end - sound.start) for field in sound.fields]
            pieces = _padded(replaced(at, end, patches), sound.unpadded)
            parts.append(Part(pieces, bytes_of_sound=end - sound.start))
            notes += ["counts its header as sound: it is read to the end of the file"] if whole_file else []
        else:
            if (there := data.size - sound.start) < sound.size:
                promise = f"its header promises {sound.size} bytes of sound, {there} are there"
                raise UnreadableSound(f"is truncated: {promise}; {AGAIN}")
            end = _after(data, sound)
            pieces = _padded(replaced(at, end, renamed), sound.unpadded)
            parts.append(Part(pieces, bytes_of_sound=sound.size))
        refuse_many(parts)
        at = end
    if parts and not data.is_blank(at, data.size) and data.at(at, 3) not in (b"TAG", b"ID3"):
        left = data.size - at
        longer = left > 1000 and data.at(start, 4) == b"RIFF"
        remedy = "; if they are sound: ffmpeg -ignore_length 1 -i FILE NEW.wav" if longer else ""
        notes.append(f"has {left} bytes after its sound, which its header does not count: not read{remedy}")
    return Contents(tuple(parts), tuple(notes)) if parts else None


def mp3_within(data: Bytes, start: int) -> int | None:
    """Where the MP3 frames begin in a WAV file that holds them in place of samples; None in another file.

    Raises:
        UnreadableSound: fewer bytes are there than their chunk promises.
    """
    if data.at(start, 4) != b"RIFF" or data.at(start + 8, 4) != b"WAVE":
        return None
    tag = 0
    for chunk in _chunks(data, start + 12, data.size, "little"):
        if chunk.name == b"fmt ":
            tag = int.from_bytes(data.at(chunk.start, 2), "little")
        if chunk.name == b"data":
            there = data.size - chunk.start
            if tag == _MP3 and not _is_open(chunk.size) and chunk.size > there:
                raise UnreadableSound(
                    f"is truncated: its header promises {chunk.size} bytes of MP3, {there} are there; {AGAIN}"
                )
            return chunk.start if tag == _MP3 else None
    return None


def _padded(
    pieces: tuple[tuple[int, int] | bytes, ...], unpadded: tuple[int, ...]
) -> tuple[tuple[int, int] | bytes, ...]:
    """`pieces` with the missing padding byte inserted at each place in `unpadded`."""
    for place in unpadded:
        split: list[tuple[int, int] | bytes] = []
        for piece in pieces:
            if isinstance(piece, tuple) and piece[0] < place <= piece[1]:
                split += [(piece[0], place), b"\0", (place, piece[1])]
            else:
                split.append(piece)
        pieces = tuple(split)
    return pieces


def _container(data: Bytes, start: int) -> Callable[[Bytes, int], _Sound | None] | None:
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


def _chunks(data: Bytes, at: int, end: int, order: str) -> Iterator[_Chunk]:
    """Chunks of a name and a size of four bytes each; an odd size is padded, though not by every recorder."""
    for _ in range(_MOST_CHUNKS):
        if at + 8 > end or not _is_name(name := data.at(at, 4)):
            return
        size = data.number(at + 4, 4, order)
        yield _Chunk(name, at + 8, size, at + 4)
        at += 8 + size
        if size % 2 and not _is_name(data.at(at, 4)):
            at += 1


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)


def _is_open(size: int, width: int = 4) -> bool:
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
    for chunk in islice(_chunks(data, at, data.size, order), _MOST_TRAILING):
        end = chunk.start + chunk.size + chunk.size % 2
    return end in (data.size, data.size + 1)


def _wave(data: Bytes, start: int) -> _Sound | None:
    order = "big" if data.at(start, 4) == b"RIFX" else "little"
    wide = data.at(start, 4) in (b"RF64", b"BW64")
    long_size = None
    unpadded: list[int] = []
    for chunk in _chunks(data, start + 12, data.size, order):
        if chunk.name == b"ds64":
            long_size = chunk.start + 8
        if chunk.name == b"data":
            lacking = tuple(unpadded)
            if wide and long_size is not None and chunk.size == 0xFFFFFFFF:
                size, field, width = data.number(long_size, 8, "little"), long_size, 8
            else:
                size, field, width = chunk.size, chunk.field, 4
            if not _is_open(size, width) or size <= data.size - chunk.start:
                if size or _ends_with_chunks(data, chunk.start, order):
                    return _Sound(chunk.start, size, (_Field(field, width, order),), order, lacking)
            return _Sound(chunk.start, None, (_Field(field, width, order),), unpadded=lacking)
        if chunk.size % 2 and _is_name(data.at(chunk.start + chunk.size, 4)):
            unpadded.append(chunk.start + chunk.size)
    return None


def _wave64(data: Bytes, start: int) -> _Sound | None:
    """Names of 16 bytes, sizes of 8 that count in these 24, everything at multiples of 8."""
    at = start + 40
    for _ in range(_MOST_CHUNKS):
        if at + 24 > data.size:
            return None
        name, size = data.at(at, 4), data.number(at + 16, 8, "little")
        if name == b"data":
            is_open = _is_open(size, 8) or size == 24
            field = _Field(at + 16, 8, "little", plus=24)
            return _Sound(at + 24, None if is_open else max(0, size - 24), (field,))
        at += max(24, size + -size % 8)
    return None


def _aiff(data: Bytes, start: int) -> _Sound | None:
    """The number of samples in COMM may be open, too; it is filled in if COMM comes first, as usual."""
    fields: list[_Field] = []
    for chunk in _chunks(data, start + 12, data.size, "big"):
        if chunk.name == b"COMM":
            channels, bits = data.number(chunk.start, 2, "big"), data.number(chunk.start + 6, 2, "big")
            fields = [_Field(chunk.start + 2, 4, "big", plus=-8, per=max(1, channels * -(-bits // 8)))]
        if chunk.name in (b"SSND", b"BODY"):
            empty = chunk.size in (0, 8)  # an offset and a block size come before the samples
            is_open = _is_open(chunk.size) or empty
            if empty and _ends_with_chunks(data, chunk.start + chunk.size, "big"):
                is_open = False
            fields.append(_Field(chunk.field, 4, "big"))
            return _Sound(chunk.start, None if is_open else chunk.size, tuple(fields), "big")
    return None


def _au(data: Bytes, start: int) -> _Sound:
    order = "big" if data.at(start, 1) == b"." else "little"
    offset, size = data.number(start + 4, 4, order), data.number(start + 8, 4, order)
    if offset < 24 or start + offset > data.size:
        raise UnreadableSound(f"is truncated or damaged: its samples should begin after its end; {AGAIN}")
    return _Sound(start + offset, None if _is_open(size) else size, (_Field(start + 8, 4, order),))


def _caf(data: Bytes, start: int) -> _Sound | None:
    at = start + 8
    for _ in range(_MOST_CHUNKS):
        if at + 12 > data.size:
            return None
        name, size = data.at(at, 4), data.number(at + 4, 8, "big")
        if name == b"data":
            # the standard's sign is -1; a count of edits, of 4 bytes, comes first
            is_open = _is_open(size, 8) or size == 4
            return _Sound(at + 12, None if is_open else size, (_Field(at + 4, 8, "big"),))
        at += 12 + size
    return None


def _nist(data: Bytes, start: int) -> _Sound:
    header = data.at(start, 16)[8:16].strip()
    length = int(header) if header.isdigit() else 1024
    text = data.at(start, min(length, 2**16))
    found = re.findall(rb"^(sample_count|sample_n_bytes|channel_count) -i (\d{1,12})\s*$", text, re.MULTILINE)
    fields = {name: int(value) for name, value in found}
    if start + length > data.size:
        raise UnreadableSound(f"is truncated: it ends within its header; {AGAIN}")
    packed = b"embedded-" in text  # shorten: fewer bytes than the number of samples implies
    if packed or not fields.get(b"sample_count"):
        return _Sound(start + length, None)
    each = fields.get(b"sample_n_bytes", 1) * fields.get(b"channel_count", 1)
    return _Sound(start + length, fields[b"sample_count"] * each)


def _after(data: Bytes, sound: _Sound) -> int:
    """The position after the samples, their padding and the chunks that follow them."""
    assert sound.size is not None
    at = min(sound.start + sound.size, data.size)
    if at == data.size or _container(data, at):
        return at
    if sound.order is None:
        return at
    if not _is_name(data.at(at, 4)) and sound.size % 2:
        at += 1
    for chunk in _chunks(data, at, data.size, sound.order):
        if _container(data, chunk.start - 8):
            return chunk.start - 8
        if chunk.start + chunk.size > data.size:
            return chunk.start - 8
        if chunk.name in (b"data", b"SSND"):  # libsndfile refuses it, other programs read the first alone
            raise UnreadableSound(
                "is damaged: it has a second chunk of samples, where its format allows one; export it again"
            )
        at = chunk.start + chunk.size
    if not _container(data, at):
        at += at % 2
    return min(at, data.size)


def _next_header(data: Bytes, start: int, sound: int) -> int:
    """Where the next file begins, if one was joined to a file of open length; else the end of the data.

    It begins with the same 16 bytes, except for a size.
    """
    head, at = data.at(start, 16), sound
    while (at := data.find(head[:4], at, data.size)) >= 0:
        if sum(one == other for one, other in zip(head, data.at(at, 16), strict=False)) >= 12:
            return at
        at += 1
    return data.size
