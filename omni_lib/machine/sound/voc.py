"""VOC, by Creative Labs: blocks of samples, silence and remarks. Sound cards and old games wrote it.

libsndfile reads one block, and takes the heads of further ones for samples. So it gets a WAV header and the
samples of all blocks. The layout: "Creative Voice (VOC) file format", in the manual of the Sound Blaster.
"""

from __future__ import annotations

from dataclasses import dataclass

from omni_lib.machine.sound.foreign import TO_WAV
from omni_lib.machine.sound.parts import AGAIN, Bytes, Contents, Part, UnreadableSound

MAGIC = b"Creative Voice File\x1a"
_END, _SOUND, _MORE, _SILENCE, _MARK, _TEXT, _EXTENDED, _NEW = 0, 1, 2, 3, 4, 5, 8, 9
_CODES = {0: (1, 8), 4: (1, 16), 6: (6, 8), 7: (7, 8)}  # of VOC: the code of WAV, and bits of a sample
_MOST_BLOCKS = 1_000_000


@dataclass(frozen=True)
class _Form:
    rate: int  # Hz
    channels: int
    code: int  # of VOC
    bits: int  # of a sample

    @property
    def silence(self) -> bytes:
        """One sample of each channel without sound."""
        return {0: b"\x80", 6: b"\xd5", 7: b"\xff"}.get(self.code, b"\0\0") * self.channels


def contents(data: Bytes, start: int) -> Contents:
    """The samples of all blocks of the VOC file at `start`.

    Raises:
        UnreadableSound: it is truncated, its samples are coded in a way that is not read, or blocks differ in
            their form or are repeated.
    """
    at = start + data.number(start + 20, 2, "little")
    form: _Form | None = None
    extended: tuple[int, int] | None = None  # rate and channels, by a block before that of the samples
    pieces: list[tuple[int, int] | bytes] = []
    for _ in range(_MOST_BLOCKS):
        if at >= data.size or (kind := data.at(at, 1)[0]) == _END:
            break
        size, body = data.number(at + 1, 3, "little"), at + 4
        at = body + size
        if at > data.size:
            raise UnreadableSound(f"is truncated: it ends within a block of its VOC file; {AGAIN}")
        if kind == _EXTENDED:
            divisor = 65536 - data.number(body, 2, "little")
            channels = data.number(body + 3, 1, "little") + 1
            extended = 256_000_000 // (divisor * channels), channels
        elif kind in (_SOUND, _NEW):
            found, head = _form(data, kind, body, extended)
            if form is not None and found != form:
                raise UnreadableSound(f"has VOC blocks of different rates or forms: {TO_WAV}")
            form, extended = found, None
            pieces.append((body + head, at))
        elif kind == _MORE and form:
            pieces.append((body, at))
        elif kind == _SILENCE and form:
            pieces.append(form.silence * (data.number(body, 2, "little") + 1))
        elif kind not in (_SILENCE, _MARK, _TEXT):
            raise UnreadableSound(f"has VOC blocks that are repeated or not known (type {kind}): {TO_WAV}")
    else:
        raise UnreadableSound(f"has more than {_MOST_BLOCKS} VOC blocks: {TO_WAV}")
    if form is None:
        raise UnreadableSound("is empty: it holds no samples")
    filled = tuple(piece for piece in pieces if isinstance(piece, bytes) or piece[0] < piece[1])
    count = sum(len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in filled)
    return Contents((Part((_wav_header(form, count), *filled), bytes_of_sound=count),))


def _form(data: Bytes, kind: int, body: int, extended: tuple[int, int] | None) -> tuple[_Form, int]:
    """The form of the samples in a block, and the bytes that stand before them."""
    if kind == _NEW:
        rate, channels = data.number(body, 4, "little"), data.number(body + 5, 1, "little")
        code, bits = data.number(body + 6, 2, "little"), data.number(body + 4, 1, "little")
        head = 12
    else:
        code, head = data.number(body + 1, 1, "little"), 2
        rate, channels = extended or (1_000_000 // (256 - data.number(body, 1, "little")), 1)
        bits = _CODES.get(code, (0, 0))[1]
    if code not in _CODES or bits != _CODES[code][1]:
        raise UnreadableSound(f"has samples in a code of VOC that is not read ({code}): {TO_WAV}")
    return _Form(rate, channels, code, bits), head


def _wav_header(form: _Form, count: int) -> bytes:
    """The header of a WAV file with `count` bytes of samples."""
    if count >= 2**32 - 256:
        raise UnreadableSound("has more sound than its format can hold: convert it to FLAC")
    width = form.channels * form.bits // 8
    numbers = (
        (16, 4), (_CODES[form.code][0], 2), (form.channels, 2), (form.rate, 4), (form.rate * width, 4),
        (width, 2), (form.bits, 2),
    )  # fmt: skip
    chunk = b"".join((number % 256**size).to_bytes(size, "little") for number, size in numbers)
    head = b"RIFF" + (36 + count).to_bytes(4, "little") + b"WAVEfmt " + chunk
    return head + b"data" + count.to_bytes(4, "little")
