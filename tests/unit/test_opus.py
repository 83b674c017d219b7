"""Opus in Ogg (RFC 7845): the granule positions say where the sound ends, and where packets were lost."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib.audio import examine_audio
from omni_lib.errors import UserError
from omni_lib.machine.sound import ogg, opus

RATE = 16_000
SOUND = (0.3 * np.sin(np.arange(3 * RATE) / 9)).astype(np.float32)
HEADERS = 2  # pages before the sound


def pages(samples: np.ndarray = SOUND) -> list[bytearray]:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="OGG", subtype="OPUS")
    contents, found = file.getvalue(), []
    while contents:
        length = 27 + contents[26] + sum(contents[27 : 27 + contents[26]])
        found.append(bytearray(contents[:length]))
        contents = contents[length:]
    return found


def position(page: bytearray) -> int:
    return struct.unpack("<q", page[6:14])[0]


def move(page: bytearray, by: int) -> None:
    page[6:14] = struct.pack("<q", position(page) + by)


def written(path: Path, of: list[bytearray]) -> Path:
    for number, page in enumerate(of):
        page[18:22] = struct.pack("<I", number)
        page[22:26] = ogg._checksum(bytes(page)).to_bytes(4, "little")
    path.write_bytes(b"".join(of))
    return path


@pytest.mark.parametrize("length", [RATE // 2 - 7, len(SOUND) - 7])  # on one page, and on several
@pytest.mark.parametrize("nothing", [False, True], ids=["no end", "an empty page at the end"])
def test_the_end_is_cut_off_without_the_flag_that_ends_the_stream(tmp_path, length, nothing):
    found = pages(SOUND[:length])
    found[-1][5] &= ~4
    if nothing:
        found.append(bytearray(found[-1][:26]) + b"\0")
        found[-1][5] |= 4
    sound = examine_audio(written(tmp_path / "a.opus", found))
    assert abs(len(sound.waveform) - length) <= 1  # the position is rounded to 48 kHz
    assert any("no page that ends" in note for note in sound.notes) != nothing


def test_an_end_that_is_not_cut_off_needs_no_flag(tmp_path):
    found = pages()
    sound = examine_audio(written(tmp_path / "a.opus", found[:-1]))
    skipped = struct.unpack("<H", found[0][28 + 10 : 28 + 12])[0]
    assert len(sound.waveform) == (position(found[-2]) - skipped) * RATE // opus.RATE


@pytest.mark.parametrize("lost", range(1, 8))
def test_lost_packets_are_named(tmp_path, lost):
    found = pages(np.tile(SOUND, 3))
    del found[HEADERS + lost]
    try:
        said = " ".join(examine_audio(written(tmp_path / "a.opus", found)).notes)
    except UserError as error:  # the decoder does not fill every gap
        said = str(error)
    assert "lacks 1.00 s of its sound" in said or "samples can be decoded" in said


def test_a_recording_that_began_within_a_broadcast_lacks_nothing(tmp_path):
    found = pages()
    for page in found[HEADERS:]:
        move(page, 60 * opus.RATE)
    assert not examine_audio(written(tmp_path / "a.opus", found)).notes


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        (b"", 0),
        (b"\x08", 960),
        (b"\x09", 1920),
        (b"\x0a", 1920),
        (b"\x0b\x03", 2880),
        (b"\xfc", 960),
        (b"\x0b", 0),
    ],
)
def test_the_samples_of_a_packet(packet, samples):
    assert opus.samples(packet) == samples
