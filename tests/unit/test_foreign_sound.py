"""Sound in wrappings that libsndfile does not know, or knows in another form."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib.audio import examine_audio, read_audio
from omni_lib.errors import UserError
from omni_lib.machine.sound.reading import open_sound

RATE = 16_000
SINE = (0.3 * np.sin(np.arange(RATE) / 9)).astype(np.float32)


def checksum(page: bytes) -> int:
    """RFC 3533, section 6: CRC-32 with the polynomial 0x04c11db7, bit by bit."""
    remainder = 0
    for byte in page:
        remainder ^= byte << 24
        for _ in range(8):
            remainder = (remainder << 1 ^ (0x04C11DB7 if remainder >> 31 else 0)) & 0xFFFFFFFF
    return remainder


def ogg(packets: list[bytes], samples: int) -> bytes:
    """An Ogg stream with a page for each packet; the last page gives the number of samples."""
    pages = b""
    for number, packet in enumerate(packets):
        lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
        flags = (2 if number == 0 else 0) | (4 if number == len(packets) - 1 else 0)
        position = samples if flags & 4 else 0
        head = b"OggS\0" + struct.pack("<BqIII", flags, position, 7, number, 0) + bytes([len(lacing)])
        page = head + lacing + packet
        pages += page[:22] + struct.pack("<I", checksum(page)) + page[26:]
    return pages


def flac_in_ogg(path: Path, samples: np.ndarray, counted: bool) -> bytes:
    soundfile.write(path, samples, RATE, format="FLAC")
    contents = path.read_bytes()
    start = contents.index(b"\xff\xf8", 42)  # of the frames
    if not counted:
        contents = contents[:21] + bytes([contents[21] & 0xF0, 0, 0, 0, 0]) + contents[26:]
    first = b"\x7fFLAC\1\0" + struct.pack(">H", 1) + contents[:42]
    frames = contents[start:]
    packets = [frames[at : at + 9000] for at in range(0, len(frames), 9000)]
    return ogg([first, contents[42:start], *packets], len(samples))


@pytest.mark.parametrize("counted", [True, False])
def test_flac_in_ogg_is_read_whole_alone_and_joined(tmp_path, counted):
    path = tmp_path / "a.oga"
    contents = flac_in_ogg(path, SINE, counted)
    path.write_bytes(contents)
    found = examine_audio(path)
    assert len(found.waveform) == RATE and not found.notes
    assert np.abs(found.waveform.numpy() - SINE).max() < 1e-4
    path.write_bytes(contents + contents)
    assert len(read_audio(path)) == 2 * RATE
    path.write_bytes(contents[: len(contents) // 2])
    with pytest.raises(UserError, match="truncated"):
        read_audio(path)


def wav(fmt: bytes, sound: bytes, before: bytes = b"", size: int | None = None) -> bytes:
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + before
    body += b"data" + struct.pack("<I", len(sound) if size is None else size) + sound
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_mp3_in_a_wav_file_is_read_whole_and_named_where_it_is_cut(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, SINE, RATE, format="MP3")
    frames = path.read_bytes()
    contents = wav(struct.pack("<HHIIHHHHIHHH", 0x55, 1, RATE, 4000, 1, 0, 12, 1, 2, 144, 1, 0), frames)
    path.write_bytes(contents)
    assert 0 <= len(read_audio(path)) / RATE - 1 < 0.15
    path.write_bytes(contents[:-500])
    with pytest.raises(UserError, match="truncated"):
        read_audio(path)


PCM = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
INTEGERS = (SINE * 32_767).astype("<i2").tobytes()


@pytest.mark.parametrize("size", [None, 0xFFFFFFFF])
def test_a_chunk_of_odd_size_without_its_padding_before_the_sound(tmp_path, size):
    odd = b"LIST" + struct.pack("<I", 17) + b"INFOISFT\5\0\0\0hello"
    (tmp_path / "a.wav").write_bytes(wav(PCM, INTEGERS, odd, size))
    found = examine_audio(tmp_path / "a.wav")
    assert len(found.waveform) == RATE and np.abs(found.waveform.numpy() - SINE).max() < 1e-4


def test_an_aiff_file_that_sox_wrote_into_a_pipe(tmp_path):
    path = tmp_path / "a.aiff"
    soundfile.write(path, SINE, RATE, format="AIFF", subtype="PCM_16")
    contents = bytearray(path.read_bytes())
    place, common = contents.index(b"SSND") + 4, contents.index(b"COMM")
    contents[4:8] = struct.pack(">I", 0x7F000000 + place)
    contents[place : place + 4] = struct.pack(">I", 0x7F000008)
    contents[common + 10 : common + 14] = struct.pack(">I", 0x7F000000 // 2)
    path.write_bytes(contents)
    assert len(read_audio(path)) == RATE


def test_an_mp3_stream_that_ends_within_a_frame_is_noted(tmp_path):
    path = tmp_path / "a.mp3"
    soundfile.write(path, SINE, RATE, format="MP3", bitrate_mode="CONSTANT")
    contents = path.read_bytes()
    path.write_bytes(contents[contents.index(contents[:2], 4) : len(contents) - 50])
    (note,) = examine_audio(path).notes
    assert "ends within an MP3 frame" in note and path.name in note


def test_much_that_the_header_does_not_count_is_noted_with_a_remedy(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(PCM, INTEGERS, size=len(INTEGERS) // 2))  # samples, where bytes belong
    (note,) = examine_audio(path).notes
    assert "ffmpeg -ignore_length 1" in note


def test_a_broadcast_wav_of_64_bits_is_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", SINE, RATE, format="RF64", subtype="PCM_16")
    contents = (tmp_path / "a.wav").read_bytes()
    for size in (contents[20:36], bytes(16)):  # known, and left open
        (tmp_path / "b.wav").write_bytes(b"BW64" + contents[4:20] + size + contents[36:])
        found = examine_audio(tmp_path / "b.wav")
        assert len(found.waveform) == RATE and not found.notes


def layer_2(frames: int, padded: int) -> bytes:
    """Silent frames of layer 2, 44.1 kHz and 64 kbit/s, of which every `padded`th is a byte longer."""
    found = b""
    for number in range(frames):
        padding = number % padded == 0
        found += (bytes([0xFF, 0xFD, 0x40 | padding << 1, 0xC0])).ljust(208 + padding, b"\0")
    return found


@pytest.mark.parametrize("skipped", [0, 208])
def test_layer_2_of_mpeg_is_read_to_its_last_frame(tmp_path, skipped):
    """libsndfile computes its length from the first frame, and some of the others are a byte longer."""
    path = tmp_path / "a.mp2"
    path.write_bytes(bytes([0xFF, 0xFD, 0x40, 0xC0]).ljust(208, b"\0")[skipped:] + layer_2(150, 2))
    with open_sound(path) as sound:
        samples = sum(len(block) for block in sound.blocks(10_000))
    assert (151 - skipped // 208) * 1152 - 1152 < samples <= (151 - skipped // 208) * 1152


@pytest.mark.parametrize("more", [0, 1])
def test_a_tag_of_fraunhofers_encoder_is_not_sound(tmp_path, more):
    """Its number of frames may count the frame that holds it. libsndfile takes that frame for sound."""
    path = tmp_path / "a.mp3"
    soundfile.write(path, SINE, RATE, format="MP3", bitrate_mode="CONSTANT")
    contents = path.read_bytes()
    with open_sound(path) as sound:
        plain = sum(len(block) for block in sound.blocks(10_000))
    first = contents.index(b"\xff\xf3", 4)
    frames = int.from_bytes(re.split(b"Xing|Info", contents)[1][4:8], "big")
    tag = bytearray(contents[:4].ljust(first, b"\0"))
    tag[36:54] = b"VBRI" + struct.pack(">HHHII", 1, 0, 75, len(contents), frames + more)
    path.write_bytes(bytes(tag) + contents[first:])
    found = examine_audio(path)
    assert plain <= len(found.waveform) <= frames * 576 and not found.notes


def test_a_tag_of_ape_before_an_mp3_is_not_a_reason_for_a_note(tmp_path):
    path = tmp_path / "a.mp3"
    soundfile.write(path, SINE, RATE, format="MP3")
    tag = b"APETAGEX" + struct.pack("<4I", 2000, 32, 0, 0xA0000000) + bytes(8)
    foot = b"APETAGEX" + struct.pack("<4I", 2000, 32, 0, 0x80000000) + bytes(8)
    path.write_bytes(tag + foot + path.read_bytes())
    found = examine_audio(path)
    assert len(found.waveform) == RATE and not found.notes


@pytest.mark.parametrize(("peak", "noted"), [(0.02, False), (0.006, False), (0.004, True), (0.0002, True)])
def test_a_very_quiet_recording_is_noted(tmp_path, peak, noted):
    soundfile.write(tmp_path / "a.wav", peak / 0.3 * SINE, RATE, subtype="FLOAT")
    found = examine_audio(tmp_path / "a.wav")
    assert not found.fault and any("is very quiet" in note for note in found.notes) == noted


FOREIGN = {
    b"": "is empty",
    b"\x1a\x45\xdf\xa3\x9f\x42\x86": "WebM",
    b"\0\0\0\x20ftypM4A \0\0": "MP4 or M4A",
    b"\0\0\0\x08wide\0\x0a\x25\x88mdat": "QuickTime",
    b"MAC \x96\x0f": "APE",
    b"FLV\x01\x05": "video",
    b"MThd\0\0\0\6": "MIDI",
    b"\x93NUMPY\1\0": "data, not sound",
    b"utt1 RIFF\x10\0\0\0WAVE": "archive of Kaldi",
    b"\0\5\x16\7\0\2": "name the file without ._",
    b"\xff\xf1\x60\x40\x0c\x3f\xfc": "AAC",
    b"#!AMR\n": "AMR",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "WMA",
    b"RIFF\x10\0\0\0AVI LIST": "AVI",
    b"\x1f\x8b\x08\0": "gzip archive, which cannot be read whatever its name is: unpack it",
    b"PK\x03\x04\x14\0": "ZIP archive",
    b"<!DOCTYPE html><html>": "web page",
    b"\xef\xbb\xbf<!DOCTYPE html>": "web page",
    "<html>".encode("utf-16"): "web page",
    b"<!-- saved from url -->": "web page",
    bytes(80): "begins with zeros, as where a copy was interrupted, .*: copy it again",
    b"\xd0\xcf\x11\xe0\xa1\xb1": "Thumbs.db",
    b"\0\0\0\1Bud1": "DS_Store",
    b"version https://git-lfs.github.com/spec/v1\n": "git lfs pull",
    b"/annex/objects/SHA256E-s1--x.wav\n": "git annex get",
    b'{"error": "not found"}': "is text, not sound",
    b"\x89PNG\r\n\x1a\n": "picture",
    b"BZh91AY&SY": "unpack it",
    ogg([b"Speex   1.2.1" + bytes(67)], 0): "Speex",
    ogg([b"\x80theora\3\2\1" + bytes(30)], 0): "video",
}


@pytest.mark.parametrize("contents", FOREIGN)
@pytest.mark.parametrize("tag", [b"", b"ID3\3\0\0\0\0\0\4abcd"])
def test_what_cannot_be_read_is_named_by_what_it_is(tmp_path, contents, tag):
    path = tmp_path / "a.wav"
    path.write_bytes(tag + contents + bytes(400 if contents and contents[:4] != b"OggS" else 0))
    with pytest.raises(UserError, match=FOREIGN[contents]) as refusal:
        read_audio(path)
    assert str(path) in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [b"hello world\r\n", "\ufeffà bientôt".encode(), "hello".encode("utf-16"), b"UklGRiRAAABXQVZF" * 900],
)
def test_a_text_with_the_name_of_a_sound_is_named(tmp_path, text):
    (tmp_path / "a.wav").write_bytes(text)
    with pytest.raises(UserError, match="cannot be read as sound, because it is text: name the sound"):
        read_audio(tmp_path / "a.wav")


def test_a_download_that_ended_within_the_cover_is_named(tmp_path):
    (tmp_path / "a.mp3").write_bytes(b"ID3\3\0\0\0\1\0\0" + bytes(900))
    with pytest.raises(UserError, match="is truncated: it ends within its ID3 tag; copy it again"):
        read_audio(tmp_path / "a.mp3")


def test_a_wav_file_without_samples_is_not_to_be_converted(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav(PCM, INTEGERS)[:30])
    with pytest.raises(UserError, match="it has no samples, .*: export it again"):
        read_audio(tmp_path / "a.wav")


@pytest.mark.parametrize("kind", [">i2", "<f4"])
def test_samples_that_were_written_in_another_format_are_not_taught(tmp_path, kind):
    """Bytes in the wrong order, or floats as integers, are as loud and irregular as random numbers."""
    voice = read_audio(Path(__file__).parents[2] / "data/clips/cat.flac").numpy()
    sound = (voice * 32767 if kind == ">i2" else voice).astype(kind).tobytes()
    width = np.dtype(kind).itemsize
    fmt = struct.pack("<HHIIHH", 1, 1, 16_000, 16_000 * width, width, 8 * width)
    (tmp_path / "a.wav").write_bytes(wav(fmt, sound))
    assert "is loud noise from end to end" in examine_audio(tmp_path / "a.wav").fault


@pytest.mark.parametrize("kind", ["u2 as i2", "i1 as u1", "u1 as i2", "i2 as u1", "i3 as i2", "i2 as i3"])
def test_samples_of_another_width_or_sign_are_not_taught(tmp_path, kind):
    voice = np.clip(read_audio(Path(__file__).parents[2] / "data/clips/cat.flac").numpy(), -0.999, 0.999)
    wide = (voice * 2**23).astype("<i4")
    bytes_of = {
        "u2": (voice * 32_768 + 32_768).astype("<u2").tobytes(),
        "i2": (voice * 32_768).astype("<i2").tobytes(),
        "i1": (voice * 128).astype("i1").tobytes(),
        "u1": (voice * 128 + 128).astype("u1").tobytes(),
        "i3": wide.view("u1").reshape(-1, 4)[:, :3].tobytes(),
    }
    true, read = kind.split(" as ")
    width = int(read[1])
    sound = bytes_of[true][: len(bytes_of[true]) // width * width]
    (tmp_path / "a.wav").write_bytes(
        wav(struct.pack("<HHIIHH", 1, 1, 16_000, 16_000 * width, width, 8 * width), sound)
    )
    assert (
        "its samples were in another format than its header says" in examine_audio(tmp_path / "a.wav").fault
    )


@pytest.mark.parametrize("gain", [2, 10, 50, 1000])
def test_loud_clipped_speech_is_not_taken_for_noise(tmp_path, gain):
    voice = read_audio(Path(__file__).parents[2] / "data/clips/cat.flac").numpy()
    soundfile.write(tmp_path / "a.wav", np.clip(gain * voice, -1, 1), 16_000)
    assert not examine_audio(tmp_path / "a.wav").fault
