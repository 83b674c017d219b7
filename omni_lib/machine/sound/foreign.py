"""Files that libsndfile cannot read, known by their first bytes, so that a message can name what they are."""

from __future__ import annotations

import re

from omni_lib.machine.sound.parts import Bytes, UnreadableSound

TO_WAV = "convert it: ffmpeg -i FILE -ar 16000 -ac 1 NEW.wav"
_UNPACK = "unpack it, and use the sound files in it"

_FOREIGN = (  # of the first bytes, what such a file is, and the remedy
    (rb"\x1a\x45\xdf\xa3", "a WebM or Matroska file, as browsers record it", TO_WAV),
    (rb"....ftyp", "an MP4 or M4A file", TO_WAV),
    (rb"\x30\x26\xb2\x75", "a WMA file", TO_WAV),
    (rb"#!AMR", "an AMR file", TO_WAV),
    (rb"\x0b\x77", "an AC-3 stream", TO_WAV),
    (rb"RIFF....AVI ", "an AVI video", TO_WAV),
    (rb"\xff[\xf0\xf1\xf8\xf9]", "an AAC stream", TO_WAV),
    (rb"/annex/objects/|(?:\.\./)*\.git/annex/", "a pointer of git-annex", "fetch it with git annex get"),
    (rb"\s*\{\s*\"|data:audio/", "text, not sound", "download the sound file itself"),
    (rb"\x89PNG|GIF8|\xff\xd8\xff|%PDF-", "a picture or a document", "name the recording"),
    (rb"BZh[1-9]|\xfd7zXZ|7z\xbc\xaf|Rar!", "an archive", _UNPACK),
    (rb"\x1f\x8b", "a gzip archive", _UNPACK),
    (rb"PK\x03\x04", "a ZIP archive", _UNPACK),
    (rb"\s*<(?:!doctype|html|\?xml)", "a web page or XML", "download the sound file itself"),
    (rb"version https://git-lfs", "a pointer of Git LFS", "fetch the file with git lfs pull"),
)


def refuse_foreign(data: Bytes, start: int) -> None:
    """
    Raises:
        UnreadableSound: the file is empty, or begins as one of a kind that cannot be read.
    """
    if start >= data.size:
        raise UnreadableSound("is empty: it holds no samples")
    for beginning, kind, remedy in _FOREIGN:
        if re.match(beginning, data.at(start, 64), re.DOTALL | re.IGNORECASE):
            raise UnreadableSound(f"is {kind}, which cannot be read whatever its name is: {remedy}")
