"""WAV, RIFX, RF64, Wave64, AIFF, CAF, AU and NIST: how many bytes of samples are there.

`headers.py` reads what the header of each of them says.

The outer size, which a WAV file has in addition to the size of its data chunk, is not used: ten public
recorders write it a few bytes off. A size that was left open, because the recorder could not seek back or was
killed, means "up to the end of the file".
"""

from __future__ import annotations

from omni_lib.machine.sound.headers import Samples, chunks, header_reader, is_name, is_open
from omni_lib.machine.sound.parts import AGAIN, Bytes, Contents, Part, UnreadableSound, refuse_many, replaced

# Bytes that may be missing at the end, 2 ms at 16 kHz: writers count a header or a padding byte that is not
# there. Whether a file was cut by so little makes no difference to what is said in it.
_FEW = 64
_MP3 = 0x55  # in the place where 1 stands for PCM


def contents(data: Bytes, start: int) -> Contents | None:
    """The parts of a file in one of these containers; None where it is in another.

    Raises:
        UnreadableSound: fewer bytes of sound are there than their chunk promises.
    """
    parts: list[Part] = []
    notes: list[str] = []
    at = start
    while at < data.size and (find := header_reader(data, at)) and (sound := find(data, at)):
        # libsndfile reads this container under its former name
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
            parts.append(Part(pieces, bytes_of_sound=end - sound.start - sound.offset))
            notes += ["counts its header as sound: it is read to the end of the file"] if whole_file else []
        else:
            if (there := data.size - sound.start) < sound.size:
                promise = f"its header promises {sound.size} bytes of sound, {there} are there"
                raise UnreadableSound(f"is truncated: {promise}; {AGAIN}")
            end = _after(data, sound)
            pieces = _padded(replaced(at, end, renamed), sound.unpadded)
            parts.append(Part(pieces, sound.size - sound.offset, sound.counted))
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
    for chunk in chunks(data, start + 12, data.size, "little"):
        if chunk.name == b"fmt ":
            tag = int.from_bytes(data.at(chunk.start, 2), "little")
        if chunk.name == b"data":
            there = data.size - chunk.start
            if tag == _MP3 and not is_open(chunk.size) and chunk.size > there:
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


def _after(data: Bytes, sound: Samples) -> int:
    """The position after the samples, their padding and the chunks that follow them."""
    assert sound.size is not None
    at = min(sound.start + sound.size, data.size)
    if at == data.size or header_reader(data, at):
        return at
    if sound.order is None:
        return at
    if not is_name(data.at(at, 4)) and sound.size % 2:
        at += 1
    for chunk in chunks(data, at, data.size, sound.order):
        if header_reader(data, chunk.start - 8):
            return chunk.start - 8
        if chunk.start + chunk.size > data.size:
            return chunk.start - 8
        if chunk.name in (b"data", b"SSND"):  # libsndfile refuses it, other programs read the first alone
            raise UnreadableSound(
                "is damaged: it has a second chunk of samples, where its format allows one; export it again"
            )
        at = chunk.start + chunk.size
    if not header_reader(data, at):
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
