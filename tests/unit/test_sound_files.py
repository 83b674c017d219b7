"""Sound files as recorders leave them: the data decide, not the header, and what is missing is named."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib.audio import examine_audio, read_audio
from omni_lib.errors import UserError

RATE = 16_000
SINE = (0.3 * np.sin(np.arange(RATE) / 9)).astype(np.float32)


def written(path: Path, samples: np.ndarray = SINE, rate: int = RATE, **form: str) -> bytearray:
    soundfile.write(path, samples, rate, **form)
    return bytearray(path.read_bytes())


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_audio(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def without_first_frame(contents: bytes) -> bytes:
    """An MP3 file without the frame that holds its length, as a live recorder writes it."""
    second = contents.index(contents[:2], 4)
    assert b"Xing" in contents[:second] or b"Info" in contents[:second]
    return bytes(contents[second:])


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE", "AVERAGE"])
@pytest.mark.parametrize("rate", [16_000, 22_050, 32_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_mp3_without_a_length_is_read_to_its_end(tmp_path, mode, rate, channels):
    seconds = 4
    noise = np.random.default_rng(0).standard_normal((rate * seconds, channels)) * 0.05
    noise[: rate * 2] *= 0.01  # quiet at first, so that a variable rate begins low
    contents = written(tmp_path / "a.mp3", noise, rate, bitrate_mode=mode, compression_level=0.1)
    (tmp_path / "a.mp3").write_bytes(without_first_frame(contents))
    found = examine_audio(tmp_path / "a.mp3")
    assert 0 <= len(found.waveform) / RATE - seconds < 0.15, "encoder delay and padding at most"
    assert not found.notes
    loud = found.waveform[int(RATE * 2.3) : int(RATE * 3.9)].square().mean().sqrt()
    assert loud > 0.01, "the loud half is there to its end"


@pytest.mark.parametrize("form", ["wav", "flac", "ogg", "mp3", "au", "aiff", "w64", "caf", "rf64"])
def test_joined_files_are_read_one_after_the_other(tmp_path, form):
    first = written(tmp_path / f"a.{form}", SINE)
    second = written(tmp_path / f"a.{form}", -SINE[:8000])
    (tmp_path / f"a.{form}").write_bytes(first + second)
    found = examine_audio(tmp_path / f"a.{form}")
    assert len(found.waveform) == 24_000 and not found.notes
    assert np.abs(found.waveform.numpy()[:16_000] - SINE)[500:-500].max() < 0.05


def test_joined_parts_of_different_rates_are_refused(tmp_path):
    contents = written(tmp_path / "a.flac") + written(tmp_path / "a.flac", SINE, 8000)
    (tmp_path / "a.flac").write_bytes(contents)
    assert "8000 and 16000 Hz" in refusal(tmp_path / "a.flac")


def test_a_live_flac_stream_is_read_whole_and_its_cut_end_is_named(tmp_path):
    contents = written(tmp_path / "a.flac")
    contents[21:26] = bytes([contents[21] & 0xF0, 0, 0, 0, 0])
    (tmp_path / "a.flac").write_bytes(contents)
    assert np.abs(read_audio(tmp_path / "a.flac").numpy() - SINE).max() < 1e-4
    (tmp_path / "a.flac").write_bytes(contents[:-3])
    found = examine_audio(tmp_path / "a.flac")
    assert len(found.waveform) == 3 * 4096 and "ends within a FLAC frame" in found.notes[0]


def test_a_flac_length_that_is_too_small_is_not_believed(tmp_path):
    contents = written(tmp_path / "a.flac")
    contents[22:26] = struct.pack(">I", 5000)
    (tmp_path / "a.flac").write_bytes(contents)
    assert len(read_audio(tmp_path / "a.flac")) == RATE


def test_a_missing_flac_frame_is_named(tmp_path):
    contents = written(tmp_path / "a.flac", np.tile(SINE, 3))
    contents[21:26] = bytes([contents[21] & 0xF0, 0, 0, 0, 0])
    frames = [
        contents.index(b"\xff\xf8" + contents[contents.index(b"\xff\xf8") + 2 :][:2] + bytes([n]))
        for n in (2, 3)
    ]
    (tmp_path / "a.flac").write_bytes(contents[: frames[0]] + contents[frames[1] :])
    assert "FLAC frames are missing after 8192 samples" in refusal(tmp_path / "a.flac")


def test_mp3_with_other_bytes_between_its_frames_is_refused(tmp_path):
    contents = written(tmp_path / "a.mp3", np.tile(SINE, 3))
    middle = contents.index(contents[:2], len(contents) // 2)
    (tmp_path / "a.mp3").write_bytes(contents[:middle] + b"\x01\x02\x03" * 50 + contents[middle:])
    assert "are not MP3 frames" in refusal(tmp_path / "a.mp3")


@pytest.mark.parametrize("size", [0, 8, 44 + 32_000, 1, 0xFFFFFFFF, 32_000, 32_036 + 8, 32_036 - 2])
def test_the_outer_size_of_a_wav_file_does_not_matter(tmp_path, size):
    contents = written(tmp_path / "a.wav")
    contents[4:8] = struct.pack("<I", size)
    (tmp_path / "a.wav").write_bytes(contents)
    found = examine_audio(tmp_path / "a.wav")
    assert len(found.waveform) == RATE and not found.notes


@pytest.mark.parametrize("form", ["wav", "rf64", "w64", "au", "aiff", "caf", "nist"])
def test_what_is_cut_in_half_is_named_in_every_container(tmp_path, form):
    contents = written(tmp_path / "a.wav", format=form.upper(), subtype="PCM_16")
    (tmp_path / "a.wav").write_bytes(contents[: len(contents) // 2])
    assert "is truncated: its header promises 320" in refusal(tmp_path / "a.wav")
    big = written(tmp_path / "a.wav", format="WAV", subtype="PCM_16", endian="BIG")
    assert big[:4] == b"RIFX" and len(read_audio(tmp_path / "a.wav")) == RATE
    (tmp_path / "a.wav").write_bytes(big[:20_000])
    assert "is truncated" in refusal(tmp_path / "a.wav")


def test_a_recorder_that_died_leaves_its_sound(tmp_path):
    contents = written(tmp_path / "a.wav")
    contents[4:8] = contents[40:44] = bytes(4)
    (tmp_path / "a.wav").write_bytes(contents[:-1001])  # an odd number: half a sample is lost
    assert len(read_audio(tmp_path / "a.wav")) == RATE - 501
    (tmp_path / "a.wav").write_bytes(contents[:44])
    assert "is empty" in refusal(tmp_path / "a.wav")
    (tmp_path / "a.wav").write_bytes(contents[:44] + b"LIST\4\0\0\0INFO")  # closed properly, without sound
    assert "is empty" in refusal(tmp_path / "a.wav")


def test_a_size_that_counts_the_header_in_is_noted(tmp_path):
    contents = written(tmp_path / "a.wav")
    contents[40:44] = struct.pack("<I", len(contents))
    (tmp_path / "a.wav").write_bytes(contents)
    found = examine_audio(tmp_path / "a.wav")
    assert len(found.waveform) == RATE and "counts its header as sound" in found.notes[0]


@pytest.mark.parametrize("form", ["wav", "rf64", "w64", "au", "aiff", "caf"])
@pytest.mark.parametrize("missing", [1, 2, 3, 40, 64])
def test_a_few_missing_bytes_are_noted_and_more_are_a_truncated_file(tmp_path, form, missing):
    """Writers count a padding byte or a header that is not there; a file cut by 2 ms is whole, too."""
    contents = written(tmp_path / "a.wav", format=form.upper(), subtype="PCM_16")
    (tmp_path / "a.wav").write_bytes(contents[:-missing])
    found = examine_audio(tmp_path / "a.wav")
    assert len(found.waveform) == RATE - -(-missing // 2) and not found.fault
    (note,) = found.notes
    lacking = "byte" if missing == 1 else f"{missing} bytes"
    assert f"a.wav lacks the last {lacking} that its header promises" in note
    assert np.abs(found.waveform.numpy() - SINE[: len(found.waveform)]).max() < 1e-4
    (tmp_path / "a.wav").write_bytes(contents[:-65])
    assert "is truncated" in refusal(tmp_path / "a.wav")


def test_sound_that_stops_within_a_wave_before_exact_zeros_is_noted(tmp_path):
    quiet = SINE * np.linspace(1, 0, RATE, dtype=np.float32) ** 4
    for samples, seconds in (
        (np.concatenate([SINE[:8000], np.zeros(8000)]), "0.50 s of"),
        (np.concatenate([SINE[:8000], np.zeros(2000), SINE[:8000]]), "0.13 s of"),
        (np.concatenate([SINE[:8000], np.zeros(1000), SINE[:8000]]), ""),
        (np.concatenate([quiet, np.zeros(8000)]), ""),
        (np.concatenate([np.zeros(8000), SINE]), ""),
    ):
        written(tmp_path / "a.wav", samples)
        notes = examine_audio(tmp_path / "a.wav").notes
        if not seconds:
            assert not notes
            continue
        assert f"stops within a wave at 0.50 s and goes on with {seconds} exact zeros" in notes[0]


def test_an_offset_far_larger_than_its_sound_is_noted(tmp_path):
    written(tmp_path / "a.wav", SINE * 0.01 + 0.5, subtype="FLOAT")
    assert "has an offset of 0.5, far larger than its sound" in examine_audio(tmp_path / "a.wav").notes[0]
    written(tmp_path / "a.wav", SINE + 0.5, subtype="FLOAT")
    assert not examine_audio(tmp_path / "a.wav").notes


def test_bytes_after_the_sound_are_noted_and_chunks_are_not(tmp_path):
    contents = written(tmp_path / "a.wav")
    (tmp_path / "a.wav").write_bytes(contents + b"LIST\4\0\0\0INFO")
    assert not examine_audio(tmp_path / "a.wav").notes
    (tmp_path / "a.wav").write_bytes(contents + b"\xfe\xff" * 500)
    found = examine_audio(tmp_path / "a.wav")
    assert len(found.waveform) == RATE and "has 1000 bytes after its sound" in found.notes[0]


def test_damaged_or_missing_ogg_pages_are_named(tmp_path):
    contents = written(tmp_path / "a.ogg", np.tile(SINE, 5))
    pages = [n for n in range(len(contents)) if contents[n : n + 4] == b"OggS"]
    (tmp_path / "a.ogg").write_bytes(contents[: pages[-1]])
    assert "no page that ends the Ogg stream" in examine_audio(tmp_path / "a.ogg").notes[0]
    (tmp_path / "a.ogg").write_bytes(contents[: pages[-2]] + contents[pages[-1] :])
    assert "pages are missing" in refusal(tmp_path / "a.ogg")
    contents[pages[-2] + 100] ^= 1
    (tmp_path / "a.ogg").write_bytes(contents)
    assert "does not fit its checksum" in refusal(tmp_path / "a.ogg")


def test_a_container_whose_length_is_not_checked_is_noted(tmp_path):
    written(tmp_path / "a.avr", format="AVR", subtype="PCM_16")
    assert "looks whole" in examine_audio(tmp_path / "a.avr").notes[0]


@pytest.mark.parametrize("gain", [-1.0, -0.9])
@pytest.mark.parametrize("channels", [2, 4])
def test_channels_that_cancel_are_read_from_one(tmp_path, gain, channels):
    pairs = np.stack([SINE, gain * SINE] * (channels // 2), axis=1)
    written(tmp_path / "a.wav", pairs)
    found = examine_audio(tmp_path / "a.wav")
    assert "channels that cancel" in found.notes[0] and "channel 1 alone" in found.notes[0]
    assert np.abs(found.waveform.numpy() - SINE).max() < 1e-4


def test_channels_that_cancel_in_a_part_are_read_from_one(tmp_path):
    second = np.where(np.arange(RATE) < RATE // 2, SINE, -SINE)
    written(tmp_path / "a.wav", np.stack([SINE, second], 1))
    found = examine_audio(tmp_path / "a.wav")
    assert "channels that cancel each other: channel 1 alone is read" in found.notes[0]
    assert len(found.notes) == 1 and np.allclose(found.waveform, SINE, atol=1e-4)


@pytest.mark.parametrize("zeros", [False, True])
def test_each_sample_twice_is_noted(tmp_path, zeros):
    twice = np.repeat(SINE, 2)
    twice[1::2] *= not zeros
    written(tmp_path / "a.wav", twice)
    assert "in every second place" in examine_audio(tmp_path / "a.wav").notes[0]
    written(tmp_path / "a.wav", np.round(SINE * 20) / 128, subtype="PCM_U8")  # few steps
    assert not examine_audio(tmp_path / "a.wav").notes


def test_a_few_samples_far_over_full_scale_are_not_a_scale(tmp_path):
    spiked = SINE.copy()
    spiked[100] = 1e6
    written(tmp_path / "a.wav", spiked, subtype="FLOAT")
    said = refusal(tmp_path / "a.wav")
    assert "a few samples of up to 1e+06" in said and "divide" not in said


@pytest.mark.parametrize("length", [1, 4, 11])
def test_a_header_that_was_cut_off_is_not_called_a_text(tmp_path, length):
    (tmp_path / "a.wav").write_bytes(written(tmp_path / "a.wav")[:length])
    assert "is truncated: it ends within its header" in refusal(tmp_path / "a.wav")


def test_the_peak_of_a_clip_that_is_hardly_there_is_named(tmp_path):
    written(tmp_path / "a.wav", SINE / 32_768, subtype="FLOAT")  # scaled twice
    assert "is silent, with a peak of 9e-06 of full scale: export" in examine_audio(tmp_path / "a.wav").fault


def test_ordinary_channels_are_averaged_without_a_note(tmp_path):
    noise = np.random.default_rng(0).standard_normal((RATE, 3)) * 0.1
    for samples in (noise, np.stack([SINE, 0 * SINE], axis=1), np.stack([SINE, 0.5 * SINE], axis=1)):
        written(tmp_path / "a.wav", samples, subtype="FLOAT")
        found = examine_audio(tmp_path / "a.wav")
        assert not found.notes and not found.fault
        assert np.abs(found.waveform.numpy() - samples.mean(axis=1)).max() < 1e-6


@pytest.mark.parametrize(
    ("samples", "fault"),
    [(np.zeros(RATE), "is silent"), (np.full(RATE, 0.25), "is constant at 0.25"), (SINE * 1e-4, "is silent")],
)
def test_a_clip_without_sound_is_named_but_can_be_read(tmp_path, samples, fault):
    written(tmp_path / "a.wav", samples, subtype="FLOAT")
    found = examine_audio(tmp_path / "a.wav")
    assert fault in found.fault and str(tmp_path / "a.wav") in found.fault and not found.notes
    assert len(found.waveform) == RATE


def test_a_clip_that_is_nearly_all_clipped_is_noted(tmp_path):
    written(tmp_path / "a.wav", np.clip(SINE * 100, -1, 1))
    assert "is clipped in 9" in examine_audio(tmp_path / "a.wav").notes[0]
    written(tmp_path / "a.wav", np.clip(SINE / 0.3, -1, 1))
    assert not examine_audio(tmp_path / "a.wav").notes


@pytest.mark.parametrize("scale", [3.0, 2.0**15, 2.0**23, 2.0**31])
def test_the_remedy_for_samples_beyond_full_scale_helps(tmp_path, scale):
    written(tmp_path / "a.wav", SINE * scale * 3, subtype="FLOAT")
    said = refusal(tmp_path / "a.wav") if scale == 3.0 else None
    written(tmp_path / "a.wav", SINE * scale / 0.3, subtype="FLOAT")
    said = said or refusal(tmp_path / "a.wav")
    divisor = float(said.split("divide them by ")[1].split(",")[0])
    written(tmp_path / "a.wav", SINE * scale / 0.3 / divisor, subtype="FLOAT")
    found = examine_audio(tmp_path / "a.wav")
    assert not found.fault and not found.notes


def test_samples_a_little_over_full_scale_are_noted(tmp_path):
    written(tmp_path / "a.wav", SINE * 5, subtype="FLOAT")
    assert "reaches 1.5, over full scale" in examine_audio(tmp_path / "a.wav").notes[0]


def test_a_first_frame_alone_is_empty_and_a_text_is_not_an_mp3(tmp_path):
    contents = bytes(written(tmp_path / "a.mp3"))
    first = bytearray(contents[: contents.index(contents[:2], 4)])
    (tmp_path / "a.mp3").write_bytes(first)
    assert "0 are there" in refusal(tmp_path / "a.mp3")
    tag = max(first.find(b"Xing"), first.find(b"Info"))
    first[tag + 8 : tag + 12] = bytes(4)
    (tmp_path / "a.mp3").write_bytes(first)
    assert "is empty" in refusal(tmp_path / "a.mp3")
    (tmp_path / "a.txt").write_bytes("\ufeffDear listener".encode("utf-16-le"))
    assert "cannot be read as sound" in refusal(tmp_path / "a.txt")


def test_thousands_of_joined_files_are_refused(tmp_path):
    header = bytes(written(tmp_path / "a.wav", np.zeros(0, np.float32)))
    (tmp_path / "a.wav").write_bytes(header * 1002)
    assert "more than 1000 parts" in refusal(tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("kind", "field", "value", "words"),
    [
        ("WAV", (24, 28), b"\0\0\0\0", "an impossible sample rate or number of channels"),
        ("WAV", (22, 24), b"\0\0", "0 channels"),
        ("WAV", (22, 24), b"\x60\xea", "more channels than a recording has"),
        ("AU", (16, 20), b"\0\0\0\0", "an impossible sample rate or number of channels"),
        ("AU", (20, 24), b"\0\0\0\0", "0 channels"),
    ],
)
def test_an_impossible_rate_or_number_of_channels_is_named(tmp_path, kind, field, value, words):
    contents = written(tmp_path / "a.snd", format=kind, subtype="PCM_16")
    contents[slice(*field)] = value
    (tmp_path / "a.snd").write_bytes(contents)
    found = refusal(tmp_path / "a.snd")
    assert f"(its header gives {words}): export it again" in found and "SF_INFO" not in found


@pytest.mark.parametrize("size", [0, 4, 1000])
def test_a_second_chunk_of_samples_is_named(tmp_path, size):
    """The first one may be the empty one: libsndfile refuses both, others read the first alone."""
    contents = bytes(written(tmp_path / "a.wav", subtype="PCM_16"))
    chunk = b"data" + struct.pack("<I", size) + bytes(size)
    for spoilt in (contents + chunk, contents[:36] + chunk + contents[36:]):
        (tmp_path / "a.wav").write_bytes(spoilt)
        assert "has a second chunk of samples" in refusal(tmp_path / "a.wav")
