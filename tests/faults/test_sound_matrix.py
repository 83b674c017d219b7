"""Containers x damages x tables: no sound is lost without a word, and none is made up.

Each file's true length comes from how it was made, or from a count of its frames that shares nothing with the
reader's.
"""

import random
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from omni_lib.audio import examine_audio
from omni_lib.corpora import folder
from omni_lib.errors import UserError

RATE = 16_000
PCM = {  # container, subtype, byte order: bytes of a sample
    ("WAV", "PCM_16", "FILE"): 2,
    ("WAV", "PCM_U8", "FILE"): 1,
    ("WAV", "PCM_24", "FILE"): 3,
    ("WAV", "FLOAT", "FILE"): 4,
    ("WAV", "ULAW", "FILE"): 1,
    ("WAV", "PCM_16", "BIG"): 2,  # RIFX
    ("WAVEX", "PCM_16", "FILE"): 2,
    ("RF64", "PCM_16", "FILE"): 2,
    ("W64", "PCM_16", "FILE"): 2,
    ("AU", "PCM_16", "BIG"): 2,
    ("AU", "FLOAT", "LITTLE"): 4,
    ("AIFF", "PCM_16", "FILE"): 2,
    ("AIFF", "PCM_24", "FILE"): 3,
    ("CAF", "PCM_16", "FILE"): 2,
    ("NIST", "PCM_16", "FILE"): 2,
}
CODED = [
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
]
MP3_MARGIN = 1105  # samples: what encoder and decoder add at the start of an MP3 file without a LAME header
LAYER_3 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)  # kbit/s of MPEG 2


@dataclass
class Made:
    """A file, and how much sound is in it: `least` to `most` samples of each channel; None where a cut makes
    that unknown.
    """

    contents: bytes
    least: int | None
    most: int | None
    what: str


@dataclass(frozen=True)
class Whole:
    """A file as its encoder wrote it."""

    form: str
    kind: tuple[str, ...]  # with its subtype and perhaps its byte order
    contents: bytes
    samples: int
    width: int  # bytes of a sample of all channels; 0 where they are coded

    @property
    def start(self) -> int:
        """Of the samples: libsndfile writes them last."""
        return len(self.contents) - self.samples * self.width


def whole(rng: random.Random, path: Path) -> Whole:
    """One of the containers, written by libsndfile."""
    return written(rng, path, rng.choice(CODED if rng.random() < 0.45 else list(PCM)))


def written(rng: random.Random, path: Path, kind: tuple[str, ...]) -> Whole:
    """A file of a container, a subtype and perhaps a byte order."""
    form, subtype, *order = kind
    samples, channels = 2 * rng.randint(1500, 12_000), rng.choice([1, 1, 2]) if order else 1
    noise = np.random.default_rng(rng.getrandbits(32)).standard_normal((samples, channels)) * 0.1
    steps = np.cumsum(noise, axis=0)
    sound = np.clip(0.5 * noise + 0.3 * np.sin(0.1 * steps), -0.9, 0.9)
    soundfile.write(path, sound, RATE, format=form, subtype=subtype, endian=order[0] if order else None)
    width = PCM[form, subtype, order[0]] * channels if order else 0
    return Whole(form, kind, path.read_bytes(), samples, width)


def mp3_frames(contents: bytes) -> list[int]:
    """Where the whole frames of a 16 kHz MPEG 2 file begin."""
    at, found = contents.find(b"\xff\xf3"), []
    while at >= 0 and at + 4 <= len(contents) and contents[at : at + 2] == b"\xff\xf3":
        length = 72 * LAYER_3[contents[at + 2] >> 4] * 1000 // RATE + (contents[at + 2] >> 1 & 1)
        if at + length > len(contents):
            break
        found.append(at)
        at += length
    return found


def flac_frames(contents: bytes) -> list[int]:
    """Where the frames of a FLAC file begin: their headers carry 0, 1, 2 …"""
    found: list[int] = []
    for match in re.finditer(rb"\xff\xf8..[\0-\x7f]", contents, re.DOTALL):
        if contents[match.end() - 1] == len(found):
            found.append(match.start())
    return found


def patched(contents: bytes, *patches: tuple[int, bytes]) -> bytes:
    changed = bytearray(contents)
    for position, patch in patches:
        changed[position : position + len(patch)] = patch
    return bytes(changed)


def left_open(rng: random.Random, file: Whole) -> bytes:
    """The header as a recorder leaves it that could not go back, or died."""
    contents, end = file.contents, file.start
    if file.form in ("WAV", "WAVEX"):
        little = contents[:4] == b"RIFF"
        size = rng.choice([0, 0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF, 0x80000000])
        number = struct.pack("<I" if little else ">I", size)
        return patched(contents, (4, number), (end - 4, number))
    if file.form == "RF64":
        return patched(contents, (20, bytes(16)))
    if file.form == "W64":
        return patched(contents, (16, bytes(8)), (end - 8, rng.choice([bytes(8), struct.pack("<Q", 24)])))
    if file.form == "AU":
        return patched(contents, (8, rng.choice([bytes(4), b"\xff" * 4])))
    if file.form == "AIFF":
        common = contents.index(b"COMM")
        return patched(
            contents, (4, bytes(4)), (common + 10, bytes(4)), (contents.index(b"SSND") + 4, bytes(4))
        )
    if file.form == "CAF":
        return patched(contents, (contents.index(b"data") + 4, b"\xff" * 8))
    if file.form == "NIST":
        field = re.search(rb"sample_count -i \d+", contents)
        return patched(contents, (field.start(), b"sample_count -i 0".ljust(len(field[0]))))
    if file.form == "FLAC":
        return patched(contents, (21, bytes([contents[21] & 0xF0, 0, 0, 0, 0])))
    return contents[mp3_frames(contents)[1] :]  # without the frame that gives the length


def open_length(file: Whole, contents: bytes) -> tuple[int, int]:
    """The least and most samples in a file whose header gives no length: of what bytes there are."""
    if file.form == "MP3":
        frames = len(mp3_frames(contents)) * 576
        return frames - MP3_MARGIN, frames
    if file.form == "FLAC":
        frames = len(flac_frames(contents))
        whole_file = len(contents) == len(file.contents)
        return (file.samples,) * 2 if whole_file else (max(0, frames - 2) * 4096, frames * 4096)
    there = max(0, len(contents) - file.start) // file.width
    return there, there


def damaged(rng: random.Random, path: Path) -> Made:
    """One file with one kind of damage, or none."""
    file = whole(rng, path)
    contents, samples, form = file.contents, file.samples, file.form
    kinds = [
        "whole",
        "cut",
        "appended",
        "zeros",
        "ID3 before",
        "ID3 behind",
        "joined",
        "no header",
        "one bit",
    ]
    if form != "OGG":
        kinds += ["open", "open", "open and cut"]
    if form in ("WAV", "WAVEX", "RF64", "AIFF", "W64"):
        kinds += ["outer size", "outer size"]
    kind = rng.choice(kinds)
    exact: tuple[int | None, int | None] = (samples, samples)
    match kind:
        case "cut":
            contents = contents[: rng.randrange(len(contents))]
            exact = (None, samples)
        case "appended":
            contents += rng.randbytes(rng.randint(1, 400))
        case "zeros":
            contents += bytes(rng.randint(1, 5000))
        case "ID3 before":
            contents = b"ID3\x04\0\0\0\0\1\x00" + bytes(128) + contents
        case "ID3 behind":
            contents += b"TAG" + b"a song".ljust(125)
        case "joined":
            other = written(rng, path, file.kind)
            contents += other.contents
            exact = (samples + other.samples,) * 2
        case "no header":
            contents = contents[rng.randint(1, max(44, file.start)) :]
            exact = (None, samples + 4096)
            if form == "MP3":
                exact = (max(0, len(mp3_frames(contents)) * 576 - MP3_MARGIN), samples + 4096)
        case "open":
            contents = left_open(rng, file)
            exact = open_length(file, contents)
        case "open and cut":
            contents = left_open(rng, file)
            contents = contents[: rng.randint(len(contents) // 2, len(contents) - 1)]
            exact = open_length(file, contents)
        case "outer size":
            place, size = (16, 8) if form == "W64" else (4, 4)
            contents = patched(contents, (place, rng.randbytes(size)))
        case "one bit" if not file.width:
            first = mp3_frames(contents)[1] if form == "MP3" else len(contents) // 3  # LAME's tag is believed
            place = rng.randrange(first, len(contents))
            contents = patched(contents, (place, bytes([contents[place] ^ 1 << rng.randrange(8)])))
    return Made(contents, *exact, f"{form}, {kind}")


def test_each_length_is_that_of_an_independent_count_or_the_file_is_named(judged, inputs, tmp_path):
    read = 0
    for number in range(inputs(0.1)):
        rng = random.Random(f"sound matrix {number}")
        path = tmp_path / "clip"
        made = damaged(rng, path)
        path.write_bytes(made.contents)
        found = judged(examine_audio, path)
        if isinstance(found, UserError):
            assert path.name in str(found), made.what
            assert not made.what.endswith(
                ("whole", "outer size", "zeros", "ID3 before", "ID3 behind", "appended", "open")
            ), f"{number}: {made.what} is whole, but refused: {found}"
            continue
        read += 1
        named = any(path.name in note for note in found.notes)
        where = f"{number}: {made.what}, {len(found.waveform)} of {made.least} to {made.most}, {found.notes}"
        assert len(found.waveform) <= made.most, where
        assert named or (made.least is not None and len(found.waveform) >= made.least), where
    assert read > inputs(0.1) / 4, "enough of them could be read"


def a_table(rng: random.Random, place: Path) -> list[tuple[Path | None, Made | None]]:
    """A table and its recordings in `place`: for each row its file and what is in it, where there is one."""
    rows: list[tuple[Path | None, Made | None]] = []
    lines = []
    for number in range(rng.randint(1, 4)):
        path = place / f"clip_{number}.{rng.choice(['wav', 'flac', 'mp3', 'bin'])}"
        text = rng.choice(["hello world", "the cat sat", "it's late", "", "50 cats", "a, b and c"])
        if rng.random() < 0.1:
            rows.append((path, None))
        else:
            made = damaged(rng, path)
            path.write_bytes(made.contents)
            rows.append((path, made))
        lines.append(f"{path.name}\t{text}\n")
    header = rng.choice(["", "audio_path\ttranscription\n"])
    (place / "table.tsv").write_text(header + "".join(lines), encoding="utf-8")
    return rows


def test_rows_and_seconds_of_a_folder_are_used_or_named(judged, inputs, tmp_path):
    """Rows in = rows used + rows named; seconds used <= seconds there <= seconds used + seconds of the rows
    that are named.
    """
    used_rows = 0
    for number in range(inputs(0.01)):
        rng = random.Random(f"folder matrix {number}")
        place, said = tmp_path / f"{number}", []
        place.mkdir()
        rows = a_table(rng, place)
        found = judged(lambda: folder.prepare(place, place / "out", said.append))  # noqa: B023
        if isinstance(found, UserError):  # no row of the table can be used, and it is named as a whole
            assert "table.tsv" in str(found)
            continue
        first = 1 + (place / "table.tsv").read_text(encoding="utf-8").startswith("audio_path")

        def named(word: str) -> set[int]:
            lines = [re.search(r"line (\d+)", line) for line in said if line.startswith(word)]  # noqa: B023
            return {int(line[1]) - first for line in lines if line}  # noqa: B023

        left_out, noted = named("left out"), named("note")
        clips = sorted((place / "out" / "wav").iterdir())
        assert len(rows) == len(clips) + len(left_out), (number, found, said)
        written = {index: rows[index][0] for index in range(len(rows)) if index not in left_out}
        for index, path in written.items():
            (clip,) = [clip for clip in clips if clip.stem == path.stem]
            seconds, made = soundfile.info(clip).frames, rows[index][1]
            where = f"{number}, row {index}: {made.what}, {seconds} of {made.least} to {made.most}, {said}"
            assert seconds <= made.most, where
            assert index in noted or (made.least is not None and made.least <= seconds), where
            used_rows += 1
    assert used_rows > inputs(0.01) / 2, "enough of them could be used"
