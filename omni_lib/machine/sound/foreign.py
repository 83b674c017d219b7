"""Files that libsndfile cannot read, known by their first bytes, so that a message can name what they are."""

from __future__ import annotations

import re

from omni_lib.machine.mistaken import is_text, mistaken
from omni_lib.machine.sound.parts import AGAIN, Bytes, UnreadableSound

TO_WAV = "convert it: ffmpeg -i FILE -ar 16000 -ac 1 NEW.wav"
_UNPACK = "unpack it, and use the sound files in it"

_FOREIGN = (  # of the first bytes, what such a file is, and the remedy
    (rb"\x1a\x45\xdf\xa3", "a WebM or Matroska file, as browsers record it", TO_WAV),
    (rb"....ftyp", "an MP4 or M4A file", TO_WAV),
    (rb"....(?:moov|mdat|wide|free|skip)", "a QuickTime file", TO_WAV),
    (rb"\x30\x26\xb2\x75", "a WMA file", TO_WAV),
    (rb"#!AMR", "an AMR file", TO_WAV),
    (rb"\x0b\x77", "an AC-3 stream", TO_WAV),
    (rb"RIFF....AVI ", "an AVI video", TO_WAV),
    (rb"\xff[\xf0\xf1\xf9]", "an AAC stream", TO_WAV),
    (rb"MAC |wvpk|TTA[12]|DSD |\x02?#!SILK", "a file of APE, WavPack, TTA, DSD or SILK", TO_WAV),
    (rb"\.RMF|\.ra\xfd|FLV\x01|\x00\x00\x01\xba|(?:\x47.{187}){2}\x47", "a video or a radio stream", TO_WAV),
    (rb"\.SoX|XoS\.", "a file of SoX's own format", TO_WAV),
    (rb"\x02dss|\x03ds2", "a recording of a dictation machine (DSS)", "export it as WAV with its program"),
    (rb"MThd", "a MIDI file: notes, not sound", "name a recording"),
    (
        rb"\x93NUMPY|\x80[\x02-\x05]|PAR1|SQLite format 3|bplist|L\0\0\0\x01\x14\x02\0",
        "data, not sound",
        "name the sound file itself",
    ),
    (rb"\S+ RIFF|\S+ \0B", "an archive of Kaldi", "name the sound files that it was made from"),
    (rb"\s*\{\s*\"|data:audio/", "text, not sound", "download the sound file itself"),
    (rb"BZh[1-9]|\xfd7zXZ|7z\xbc\xaf|Rar!", "an archive", _UNPACK),
    (rb"\x1f\x8b", "a gzip archive", _UNPACK),
    (rb"PK\x03\x04", "a ZIP archive", _UNPACK),
    (rb"\s*<(?:!doctype|\?xml)", "a web page or XML", "download the sound file itself"),
)
_MARKS = (b"RIFF", b"RIFX", b"RF64", b"FORM", b"fLaC", b"OggS", b"caff")  # of files with a longer header
_SEARCHED = 4096  # bytes in which a header may begin behind something else


def refuse_foreign(data: Bytes, start: int) -> None:
    """
    Raises:
        UnreadableSound: the file is empty, or begins as one of a kind that cannot be read.
    """
    if start >= data.size:
        if start > data.size:  # a download that ended within the cover in front of an MP3
            raise UnreadableSound(f"is truncated: it ends within its ID3 tag; {AGAIN}")
        raise UnreadableSound("is empty: it holds no samples")
    head = data.at(start, 512)
    if len(head) < 12 and any(mark[: len(head)] == head[:4] for mark in _MARKS):
        raise UnreadableSound(f"is truncated: it ends within its header; {AGAIN}")
    found = mistaken(head) or next(
        (
            (kind, remedy)
            for beginning, kind, remedy in _FOREIGN
            if re.match(beginning, head, re.DOTALL | re.IGNORECASE)
        ),
        None,
    )
    if found:
        raise UnreadableSound(f"is {found[0]}, which cannot be read whatever its name is: {found[1]}")
    header = re.search(rb"RIFF....WAVE", data.at(start, _SEARCHED), re.DOTALL)
    if header and (before := header.start()):
        raise UnreadableSound(
            f"has {before} bytes before its WAV header, as of a web transfer: save the sound file alone"
        )
    if is_text(head):
        raise UnreadableSound("cannot be read as sound, because it is text: name the sound file itself")
