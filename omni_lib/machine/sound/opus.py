"""Opus in Ogg (RFC 7845): how long the packets of a page are, and where the stream ends.

A granule position counts the samples up to the end of the page, at 48 kHz. On the last page it may be smaller
than the packets, so that the end of the last packet is cut off (section 4.4); libsndfile accepts that only
where the page has the flag "end of stream", which a recorder that was interrupted does not write.
A position that grows by more than the packets hold means that packets were lost (section 4.1).
"""

from __future__ import annotations

MAGIC = b"OpusHead"
# samples in a frame, by the configuration in a packet's first five bits (RFC 6716, section 3.1)
_FRAMES = [480, 960, 1920, 2880] * 3 + [480, 960] * 2 + [120, 240, 480, 960] * 4
RATE = 48_000  # Hz, of every granule position


def samples(packet: bytes) -> int:
    """The samples of a packet, by its first two bytes; 0 for an empty one."""
    if not packet:
        return 0
    code = packet[0] & 3
    count = 1 if code == 0 else 2 if code < 3 else packet[1] & 63 if len(packet) > 1 else 0
    return count * _FRAMES[packet[0] >> 3]


class Stream:
    """The audio pages of one Opus stream, added one after the other.

    Attributes:
        lost: samples at 48 kHz, by the granule positions, for which no packet is there.
        unended: byte at which the last page with packets begins, if its last packet is cut off at the end and
            the page has no flag that ends the stream; else None.
    """

    def __init__(self) -> None:
        self.lost = 0
        self.unended: int | None = None
        self._position: int | None = None  # of the last page
        self._begun = b""  # the first bytes of a packet that goes on in the next page

    def add(self, at: int, lacing: bytes, body: bytes, position: int, ends: bool) -> None:
        """Add a page behind those of the headers.

        Args:
            at: byte of the file at which it begins.
            lacing: the lengths of its segments; a packet ends with the first one below 255.
            body: what it holds.
            position: its granule position; -1 if no packet ends on it.
            ends: whether it has the flag "end of stream".
        """
        count = start = end = packets = 0
        for length in lacing:
            end += length
            if length < 255:
                count += samples((self._begun + body[start:end])[:2])
                start, packets, self._begun = end, packets + 1, b""
        self._begun = (self._begun + body[start:end])[:2] if start < end else self._begun
        if position < 0 or not packets:  # a page without packets may end a stream
            return
        if position == 0 and self._position is None:  # the end of the comments
            return
        # the first position may be that of a broadcast, at which the recording began
        before = self._position if self._position is not None else max(0, position - count)
        self.lost += max(0, position - before - count)
        self.unended = at if position < before + count and not ends else None
        self._position = position
