"""Ogg (RFC 3533): pages with a length, a number and a checksum. Vorbis, Opus and FLAC are packed in them.

libsndfile cannot read FLAC in Ogg. The pages of such a stream hold a FLAC file, cut up (xiph.org, "Ogg FLAC
mapping"), so it gets a view of what they hold.
"""

from __future__ import annotations

import zlib

from omni_lib.machine.sound import opus
from omni_lib.machine.sound.foreign import TO_WAV
from omni_lib.machine.sound.parts import (
    CONVERT,
    Bytes,
    Contents,
    Part,
    UnreadableSound,
    refuse_many,
    replaced,
)

MAGIC = b"OggS"
_FLAC = b"\x7fFLAC"  # and four more bytes stand before the FLAC file
_FOREIGN = {b"Speex   ": "Speex", b"\x80theora": "a video", b"fishead\0": "several streams"}
_HOLE = opus.RATE // 10  # samples of Opus from which a gap is noted
_FIRST, _LAST = 2, 4  # bits of a page: it begins, or ends, a stream
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def contents(data: Bytes, start: int) -> Contents:
    """The streams of an Ogg file whose first page begins at `start`, one after the other.

    Raises:
        UnreadableSound: a page is missing, damaged or incomplete.
    """
    parts: list[Part] = []
    pages: list[tuple[int, int]] = []  # what those of a FLAC stream hold
    samples = 0  # of it, by its last page
    packets: opus.Stream | None = None
    lost = 0  # samples of all Opus streams
    begin = at = start
    numbers: dict[bytes, int] = {}  # of the next page, by stream
    ended = heads = False
    while at < data.size:
        page = data.at(at, 27)
        if page[:4] != MAGIC:
            if ended and data.find(MAGIC, at, data.size) < 0:
                break  # something else was appended
            raise UnreadableSound(f"is damaged: byte {at} should begin an Ogg page; {CONVERT}")
        lacing = data.at(at + 27, page[26]) if len(page) == 27 else b""
        length = 27 + len(lacing) + sum(lacing)
        if len(page) < 27 or len(lacing) < page[26] or at + length > data.size:
            raise UnreadableSound(f"is truncated: it ends within an Ogg page; {CONVERT}")
        if _checksum(data.at(at, length)) != int.from_bytes(page[22:26], "little"):
            raise UnreadableSound(
                f"is damaged: the Ogg page at byte {at} does not fit its checksum; {CONVERT}"
            )
        flags, stream, number = page[5], page[14:18], int.from_bytes(page[18:22], "little")
        if flags & _FIRST and not heads:  # another file was joined to the one before
            parts += [_part(data, begin, at, pages, samples, packets)] if at > begin else []
            refuse_many(parts)
            lost += packets.lost if packets else 0
            begin, numbers, pages, packets = at, {}, [], None
        elif not flags & _FIRST and number != numbers.get(stream, number):
            raise UnreadableSound(f"is damaged: Ogg pages are missing before byte {at}; {CONVERT}")
        body = at + 27 + len(lacing)
        if flags & _FIRST:
            _refuse_foreign(data.at(body, 8))
        if pages or data.at(body, 5) == _FLAC:
            pages.append((body if pages else body + 9, at + length))
            samples = max(0, int.from_bytes(page[6:14], "little", signed=True)) or samples
        if data.at(body, 8) == opus.MAGIC:
            packets = opus.Stream()
        elif packets and not _is_comment(data, body):
            position = int.from_bytes(page[6:14], "little", signed=True)
            packets.add(at, lacing, data.at(body, sum(lacing)), position, bool(flags & _LAST))
        heads, ended = bool(flags & _FIRST), bool(flags & _LAST)
        numbers[stream] = number + 1
        at += length
    notes = [] if ended else ["has no page that ends the Ogg stream: the recording may have been cut off"]
    if (lost := lost + (packets.lost if packets else 0)) >= _HOLE:
        notes.append(
            f"lacks {lost / opus.RATE:.2f} s of its sound, as where packets of a call were lost: copy it"
            " again, or leave it out if words are missing"
        )
    parts.append(_part(data, begin, at, pages, samples, packets))
    return Contents(tuple(parts), tuple(notes), framed=True)


def _part(
    data: Bytes,
    begin: int,
    end: int,
    pages: list[tuple[int, int]],
    samples: int,
    packets: opus.Stream | None,
) -> Part:
    """A stream as it is, an Opus stream with its end marked, or the FLAC file in the pages of a stream, with
    the number of samples in its header.
    """
    if packets and packets.unended is not None:
        at = packets.unended
        page = bytearray(data.at(at, 27 + data.at(at + 26, 1)[0]))
        length = len(page) + sum(page[27:])
        page[5] |= _LAST
        checked = bytes(page) + data.at(at + len(page), length - len(page))
        page[22:26] = _checksum(checked).to_bytes(4, "little")
        return Part(replaced(begin, at + length, [(at, bytes(page))]))
    if not pages:
        return Part(((begin, end),))
    (first, first_end), *others = pages
    header = bytearray(data.at(first, first_end - first))
    if header[:4] != b"fLaC" or len(header) < 42:
        raise UnreadableSound(f"is damaged: its FLAC stream has no header; {CONVERT}")
    header[21:26] = bytes([header[21] & 0xF0 | samples >> 32 & 0x0F]) + (samples & 0xFFFFFFFF).to_bytes(
        4, "big"
    )
    return Part((bytes(header), *others), most=samples, least=samples)


def _is_comment(data: Bytes, body: int) -> bool:
    return data.at(body, 8) == b"OpusTags"


def _refuse_foreign(beginning: bytes) -> None:
    for mark, kind in _FOREIGN.items():
        if beginning.startswith(mark):
            raise UnreadableSound(f"holds {kind} in its Ogg pages, which cannot be read: {TO_WAV}")


def _checksum(page: bytes) -> int:
    """CRC-32 of a page, its own field as 0: zlib's polynomial, but highest bit first and not inverted."""
    turned = (page[:22] + bytes(4) + page[26:]).translate(_REVERSED)
    return int(f"{zlib.crc32(turned, 0xFFFFFFFF) ^ 0xFFFFFFFF:032b}"[::-1], 2)
