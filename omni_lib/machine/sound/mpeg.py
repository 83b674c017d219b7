"""MP3: every frame has a header with its length, so the frames can be counted from the first to the last.

The layout of a header: ISO/IEC 11172-3, section 2.4.1.3. Most files begin with a frame that holds no sound
but a tag with the number of frames ("Xing" or "Info", with LAME's addition for the silence around the sound;
"VBRI" by Fraunhofer's encoder). Live recorders cannot write one. Without it, libsndfile computes the length
as the size of the file divided by the bit rate of the first frame, and stops reading there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from omni_lib.machine.sound.parts import (
    AGAIN,
    CONVERT,
    Bytes,
    Contents,
    Part,
    UnreadableSound,
    after_id3,
    refuse_many,
)

_KBITS = {  # by MPEG version 1 or not, and layer
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)  # Hz, of MPEG 1; half of it in MPEG 2, a quarter in 2.5
_SYNC = re.compile(rb"\xff[\xe2-\xff]")
_CHAIN = 3  # frames in a row at the start of a file, or behind others, that are hardly chance
_FAR_CHAIN = 8  # the same for frames behind other bytes: samples without a header often look like three
# bytes before the first frame; a stream that was recorded from its middle begins with a part of a frame
_SEARCH = 2**16
_DECODER_DELAY = 529  # samples that mpg123 drops at the start where there is a tag
_TRIMMED = 2 * 4095  # samples at most that LAME's header marks as padding: 12 bits at either end


@dataclass(frozen=True)
class _Frame:
    length: int  # bytes
    samples: int  # of each channel
    rate: int  # Hz
    kind: tuple[int, int, int]  # version, layer and rate, which no encoder changes within a file
    side_info: int  # bytes between the header and the tag of a first frame


def _frame(head: bytes) -> _Frame | None:
    """What the four bytes of a header describe, or None if they are not a header."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)  # version 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
    bit_rate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or rate == 3 or not 1 <= bit_rate <= 14:
        return None
    first = version == 3
    hertz = _RATES[rate] // {3: 1, 2: 2, 0: 4}[version]
    kbits, padding = _KBITS[first, layer][bit_rate - 1], head[2] >> 1 & 1
    if layer == 1:
        length, samples = (12_000 * kbits // hertz + padding) * 4, 384
    else:
        samples = 1152 if first or layer == 2 else 576
        length = samples // 8 * 1000 * kbits // hertz + padding
    mono = head[3] >> 6 == 3
    return _Frame(
        length, samples, hertz, (version, layer, rate), (17 if mono else 32) if first else (9 if mono else 17)
    )


def first_frame(data: Bytes, start: int) -> int | None:
    """Where the frames begin, at `start` or a little behind it; None if the file is not an MP3."""
    if _is_chain(data, start):
        return start
    for at in _syncs(data, start, min(data.size, start + _SEARCH)):
        if _is_chain(data, at, _FAR_CHAIN):
            return at
    return None


def _syncs(data: Bytes, start: int, end: int) -> Iterator[int]:
    while start < end:
        block = data.at(start, min(2**16, end - start) + 1)
        yield from (start + match.start() for match in _SYNC.finditer(block))
        start += max(1, len(block) - 1)


def _is_chain(data: Bytes, at: int, whole: int = 0) -> bool:
    """Whether three frames of one kind follow one another, or as many as must be `whole`.

    At the end of the file fewer than three will do, and the last may be cut, unless they must be whole.
    """
    kind = None
    for number in range(whole or _CHAIN):
        frame = _frame(data.at(at, 4))
        if frame is None or (kind or frame.kind) != frame.kind:
            return False
        kind, at = frame.kind, at + frame.length
        if at >= data.size:
            return not whole and (number > 0 or at == data.size)
    return True


def contents(data: Bytes, start: int) -> Contents:
    """The parts of an MP3 file whose first frame begins at `start`.

    Raises:
        UnreadableSound: there is something else between frames, or there are fewer frames than the file's
            own header counts.
    """
    parts: list[Part] = []
    at, partial = start, False
    while at < data.size:
        part, at, partial = _part(data, at)
        parts += [part] if part else []
        refuse_many(parts)
    notes = ("ends within an MP3 frame: the recording may have been cut off",) if partial else ()
    return Contents(tuple(parts), notes, framed=True)


def _part(data: Bytes, start: int) -> tuple[Part | None, int, bool]:
    """Count frames of one kind, up to the next header of a file.

    Returns:
        the part, where the next begins, and whether the last frame is cut.
    """
    head = _frame(data.at(start, 4))
    assert head is not None
    promised = _promised_frames(data.at(start, head.length), head)
    at = start if promised is None else start + head.length
    sound, frames, end = at, 0, at
    partial = False
    while at < data.size:
        frame = _frame(data.at(at, 4))
        if frame is None or frame.kind != head.kind:
            if (following := _next_frame(data, at)) is None:
                at = data.size
                break
            at = following
            if (found := _frame(data.at(at, 4))) is None or found.kind != head.kind:
                break
        elif at + frame.length > data.size:
            partial, at = True, data.size
        elif frames and _promised_frames(data.at(at, frame.length), frame) is not None:
            break  # another file was joined to this one
        else:
            frames, at = frames + 1, at + frame.length
            end = at
    if promised is not None and promised > frames + (not partial):  # some encoders count their header, too
        raise UnreadableSound(
            f"is truncated: its header promises {promised} MP3 frames, {frames} are there; {AGAIN}"
        )
    if frames == 0:
        return None, at, partial
    samples = frames * head.samples
    if head.kind[1] != 3:  # in layers 1 and 2 no frame can tell libsndfile the length
        part = Part(((start, end),), most=samples, least=samples - head.samples + 1, estimated=True)
        return part, at, partial
    if promised == frames and data.at(start + 36, 4) != b"VBRI":  # which libsndfile takes for sound
        return Part(((start, end),), most=samples, least=samples - _TRIMMED), at, partial
    pieces = (_info_frame(data.at(sound, 4), frames), (sound, end))
    return Part(pieces, most=samples, least=samples - _DECODER_DELAY), at, partial


def _next_frame(data: Bytes, at: int) -> int | None:
    """Where the frames go on behind the tags at `at`; None where nothing but tags and other bytes follow.

    Raises:
        UnreadableSound: frames continue after bytes that are not a tag.
    """
    known = after_tags(data, at)
    if _is_chain(data, known):
        return known
    for sync in _syncs(data, known, data.size):
        if _is_chain(data, sync, _CHAIN):
            raise UnreadableSound(
                f"is damaged: bytes {known} to {sync} are not MP3 frames, sound may be missing; {CONVERT}"
            )
    return None


def after_tags(data: Bytes, at: int) -> int:
    """The position after any ID3v1, ID3v2 and APE tags and padding at `at`."""
    while at < data.size:
        before = at
        at = after_id3(data, at)
        if data.at(at, 3) == b"TAG":
            at += 128
        if data.at(at, 8) == b"APETAGEX":
            size = int.from_bytes(data.at(at + 12, 4), "little")
            at += 32 + (size if data.at(at + 23, 1)[:1] >= b"\x20" else 0)
        while (block := data.at(at, 4096)) and not block.strip(b"\0"):
            at += len(block)
        at += len(block) - len(block.lstrip(b"\0"))
        if at == before:
            break
    return at


def _promised_frames(frame: bytes, head: _Frame) -> int | None:
    """The number of frames in the tag of a first frame; 0 where it is left open, None without a tag."""
    for offset in (4 + head.side_info, 6 + head.side_info):  # the second with a checksum behind the header
        if frame[offset : offset + 4] in (b"Xing", b"Info"):
            counted = frame[offset + 7 : offset + 8] and frame[offset + 7] & 1
            return int.from_bytes(frame[offset + 8 : offset + 12], "big") if counted else 0
    if frame[36:40] == b"VBRI":
        return int.from_bytes(frame[50:54], "big")
    return None


def _info_frame(head: bytes, frames: int) -> bytes:
    """A first frame without sound that holds the true number of frames, as encoders write it."""
    first = head[1] >> 3 & 3 == 3
    bit_rate = 5 if first else 8  # 64 kbit/s: room enough
    header = bytes([0xFF, head[1] | 1, bit_rate << 4 | head[2] & 0x0C, head[3]])
    described = _frame(header)
    assert described is not None
    tag = b"Info" + (1).to_bytes(4, "big") + frames.to_bytes(4, "big")
    return (header + bytes(described.side_info) + tag).ljust(described.length, b"\0")
