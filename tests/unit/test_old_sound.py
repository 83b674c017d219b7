"""Sound of old programs and in codes of whole blocks: each sample once, none made up, or one line."""

import struct

import numpy as np
import pytest
import soundfile

from omni_lib.audio import examine_audio, read_audio
from omni_lib.errors import UserError

RATE = 16_000
SINE = (0.3 * np.sin(np.arange(RATE - 1) / 9)).astype(np.float32)
WORDS = (SINE * 32_767).astype("<i2")
BYTES = (SINE * 127 + 128).astype("u1").tobytes()


def voc(*blocks: tuple[int, bytes], end: bytes = b"\0") -> bytes:
    body = b"".join(bytes([kind]) + struct.pack("<I", len(held))[:3] + held for kind, held in blocks)
    return b"Creative Voice File\x1a" + struct.pack("<HHH", 26, 0x10A, 0x1129) + body + end


NEW = struct.pack("<IBBHI", RATE, 16, 1, 4, 0)
EXTENDED = struct.pack("<HBB", 65_536 - 256_000_000 // RATE, 0, 0)
AT_8000 = bytes([256 - 125, 0])  # a divisor of a million, and no code


@pytest.mark.parametrize("end", [b"\0", b"", b"\0\0"])
@pytest.mark.parametrize("cut", [0, 1, 5001])
def test_all_blocks_of_a_voc_file_are_read(tmp_path, cut, end):
    samples = WORDS.tobytes()
    blocks = [(5, b"a remark\0"), (9, NEW + samples[:cut]), (4, b"\1\0"), (2, samples[cut:])]
    (tmp_path / "a.voc").write_bytes(voc(*blocks, end=end))
    found = examine_audio(tmp_path / "a.voc")
    assert not found.notes and np.abs(found.waveform.numpy() - SINE).max() < 1e-4


def test_a_voc_file_of_bytes_with_a_pause(tmp_path):
    pause = struct.pack("<HB", 999, AT_8000[0])
    first, second = BYTES[:8000], BYTES[8000:]
    for blocks in (
        [(1, AT_8000 + first), (3, pause), (1, AT_8000 + second)],
        [(1, AT_8000 + first), (3, pause), (2, second)],
    ):
        (tmp_path / "a.voc").write_bytes(voc(*blocks))
        assert len(read_audio(tmp_path / "a.voc")) == 2 * (len(BYTES) + 1000)
    (tmp_path / "a.voc").write_bytes(voc((8, EXTENDED), (1, b"\0\0" + BYTES)))
    assert np.abs(read_audio(tmp_path / "a.voc").numpy() - SINE).max() < 0.02


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (voc((9, NEW + WORDS.tobytes()))[:-500], "is truncated: it ends within a block"),
        (voc((1, bytes([131, 1]) + BYTES)), "a code of VOC that is not read .1.: convert it"),
        (voc((6, b"\1\0"), (9, NEW + WORDS.tobytes()), (7, b"")), "repeated or not known .type 6.: convert"),
        (voc((1, AT_8000 + BYTES), (9, NEW + WORDS.tobytes())), "of different rates or forms: convert it"),
        (voc((5, b"a remark\0")), "is empty"),
    ],
)
def test_a_voc_file_that_cannot_be_read_whole_is_named(tmp_path, contents, words):
    (tmp_path / "a.voc").write_bytes(contents)
    with pytest.raises(UserError, match=words):
        read_audio(tmp_path / "a.voc")


@pytest.mark.parametrize("code", ["IMA_ADPCM", "MS_ADPCM", "GSM610"])
def test_the_filling_of_a_last_block_is_not_sound(tmp_path, code):
    """The chunk `fact` holds the number of samples."""
    soundfile.write(tmp_path / "a.wav", SINE, RATE, subtype=code, format="WAV")
    contents = bytearray((tmp_path / "a.wav").read_bytes())
    place = contents.index(b"fact") + 8
    contents[place : place + 4] = struct.pack("<I", len(SINE))
    (tmp_path / "a.wav").write_bytes(contents)
    assert len(read_audio(tmp_path / "a.wav")) == len(SINE)
    contents[place : place + 4] = struct.pack("<I", 10)  # a number that cannot be right is not believed
    (tmp_path / "a.wav").write_bytes(contents)
    assert len(read_audio(tmp_path / "a.wav")) >= len(SINE)


@pytest.mark.parametrize("padding", [b"", b"\0"])
def test_an_odd_number_of_bytes_in_an_8svx_file(tmp_path, padding):
    samples = (SINE * 127).astype("i1").tobytes()
    head = struct.pack(">IIIHBBI", len(samples), 0, 0, RATE, 1, 0, 65_536)
    body = b"8SVXVHDR" + struct.pack(">I", 20) + head
    body += b"BODY" + struct.pack(">I", len(samples)) + samples + padding
    (tmp_path / "a.8svx").write_bytes(b"FORM" + struct.pack(">I", len(body)) + body)
    assert len(read_audio(tmp_path / "a.8svx")) == len(SINE)


def test_samples_of_an_aiff_file_that_begin_behind_an_offset(tmp_path):
    soundfile.write(tmp_path / "a.aiff", SINE, RATE, subtype="PCM_16")
    contents = (tmp_path / "a.aiff").read_bytes()
    place = contents.index(b"SSND") + 4
    size = struct.unpack(">I", contents[place : place + 4])[0]
    head = struct.pack(">III", size + 6, 6, 0) + bytes(6)
    (tmp_path / "a.aiff").write_bytes(contents[:place] + head + contents[place + 12 :])
    assert np.abs(read_audio(tmp_path / "a.aiff").numpy() - SINE).max() < 1e-4


@pytest.mark.parametrize(
    "before",
    [b"\r\n", b'--part\r\nContent-Disposition: form-data; name="a"\r\n\r\n', b"HTTP/1.1 200 OK\r\n\r\n"],
)
def test_what_a_web_transfer_put_before_a_header_is_named(tmp_path, before):
    soundfile.write(tmp_path / "a.wav", SINE, RATE)
    (tmp_path / "a.wav").write_bytes(before + (tmp_path / "a.wav").read_bytes())
    with pytest.raises(UserError, match=f"has {len(before)} bytes before its WAV header"):
        read_audio(tmp_path / "a.wav")


def test_a_wav_file_in_another_code_is_not_called_damaged(tmp_path):
    form = struct.pack("<HHIIHHHH", 0x161, 1, RATE, 4000, 512, 0, 0, 0)
    body = (
        b"WAVEfmt "
        + struct.pack("<I", len(form))
        + form
        + b"data"
        + struct.pack("<I", 4096)
        + bytes(range(256)) * 16
    )
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    with pytest.raises(
        UserError, match="a coding that is not read, or a damaged header.: convert it: ffmpeg"
    ):
        read_audio(tmp_path / "a.wav")


def test_a_few_frames_by_chance_do_not_make_an_mp3(tmp_path):
    """Samples without a header hold bytes like those of MP3 frames; four of them end in something else."""
    frame = b"\xff\xfb\x90\x00".ljust(417, b"\x55")
    for name, start, words in (("a.raw", b"\1\2\3\4", "an unknown format"), ("a.sox", b".SoX", "SoX's own")):
        (tmp_path / name).write_bytes(start + bytes(range(100)) + 4 * frame + bytes(range(256)) * 8)
        with pytest.raises(UserError, match=words):
            read_audio(tmp_path / name)
