"""A learner's recordings: what the browser may send, and the corpus that keeps them."""

import csv
import os

import numpy as np
import pytest
import torch

from omni_lib.audio import read_audio
from omni_lib.course import materials, recordings
from omni_lib.course.recordings import (
    PROMPTS,
    add_recording,
    known_words,
    recognise,
    unknown_words,
    voice_recogniser,
    waveform_of,
)
from omni_lib.errors import UserError
from omni_lib.manifest import read_manifest
from omni_lib.text import normalise

GOOD = {"kind": "recording", "rate": 16_000, "source": "microphone"}


@pytest.fixture(scope="module")
def hello():
    return read_audio(materials.clips()["hello"].path)


@pytest.fixture(scope="module")
def heard(hello):
    return recognise(hello, *materials.pretrained())


def test_samples_become_a_waveform():
    samples = np.array([0, 16_384, -32_768, 32_767], dtype="<i2")
    for buffer in (samples.tobytes(), memoryview(samples.tobytes()), bytearray(samples.tobytes())):
        waveform = waveform_of(GOOD, [buffer])
        assert waveform.dtype == torch.float32
        assert waveform.tolist() == pytest.approx([0, 0.5, -1, 1], abs=1e-4)


@pytest.mark.parametrize(
    ("content", "buffers", "words"),
    [
        (None, [], "not a recording"),
        ("recording", [b"\0\0"], "not a recording"),
        ({}, [b"\0\0"], "not a recording"),
        (GOOD | {"kind": "speech"}, [b"\0\0"], "not a recording"),
        (GOOD | {"source": "http://elsewhere"}, [b"\0\0"], "not a recording"),
        (GOOD | {"rate": 44_100}, [b"\0\0"], "sound of 44100 Hz instead of 16000"),
        (GOOD | {"rate": "16000"}, [b"\0\0"], "'16000' Hz"),
        (GOOD | {"rate": None}, [b"\0\0"], "None Hz"),
        (GOOD, [], "without its samples"),
        (GOOD, None, "without its samples"),
        (GOOD, [b"\0\0", b"\0\0"], "without its samples"),
        (GOOD, [[0, 0]], "without its samples"),
        (GOOD, ["\0\0"], "without its samples"),
        (GOOD, [b""], "0 bytes"),
        (GOOD, [b"\0\0\0"], "3 bytes, which are not 16-bit samples"),
        (GOOD, [bytes(2 * 16_000 * 21)], "lasts 21 s, and the limit is 20 s"),
    ],
)
def test_a_malformed_message_is_refused_in_one_line(content, buffers, words):
    with pytest.raises(UserError, match=words) as refused:
        waveform_of(content, buffers)
    assert "\n" not in str(refused.value)


def test_a_recording_is_transcribed_with_the_times_of_its_words(heard, hello):
    assert heard.text == "hello world"
    assert len(heard.mel) == len(hello) // 160 and heard.log_probs.shape[1] == 29
    assert 0.1 < heard.words[0].start < heard.words[0].end <= heard.words[1].start < heard.words[1].end < 1.31


def test_silence_and_a_click_are_refused():
    recogniser, config = materials.pretrained()
    for waveform, words in (
        (torch.zeros(16_000), "silent"),
        (torch.zeros(0), "silent"),
        (torch.ones(300), r"too short \(18 ms\)"),
    ):
        with pytest.raises(UserError, match=words):
            recognise(waveform, recogniser, config)


def test_the_recogniser_for_voices_is_preferred(monkeypatch, tmp_path):
    monkeypatch.setattr(recordings, "VOICE", tmp_path / "none.pt")
    assert "synthetic voices only" in voice_recogniser()[2]
    monkeypatch.setattr(recordings, "VOICE", materials.PRETRAINED)
    assert "people" in voice_recogniser()[2]


def test_the_recogniser_of_a_checkpoint_is_named_by_its_corpus(tmp_path):
    mine = tmp_path / "audio_enc_step_2500.pt"
    mine.write_bytes(materials.PRETRAINED.read_bytes())
    recogniser, config, trained_on = voice_recogniser(mine)
    assert trained_on == f"the corpus {config.data_path}" and not recogniser.training
    assert "synthetic voices only" in voice_recogniser(materials.PRETRAINED)[2]


def test_a_checkpoint_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert materials.checkpoint("data/pretrained/audio_enc_tiny.pt") == materials.PRETRAINED
    (tmp_path / "mine.pt").touch()
    assert materials.checkpoint(tmp_path / "mine.pt") == tmp_path / "mine.pt"
    with pytest.raises(UserError, match=r"checkpoints/mine\.pt does not exist: train one in lesson 05"):
        materials.checkpoint("checkpoints/mine.pt")


def test_prompts_contain_only_known_words():
    assert len(known_words()) > 400
    assert [prompt for prompt in PROMPTS if unknown_words(prompt) or normalise(prompt) != prompt] == []
    assert unknown_words("hello hovercraft world") == ["hovercraft"]


def test_new_rows_are_valid_and_earlier_ones_stay(tmp_path, hello, heard):
    folder = tmp_path / "mine"
    first = add_recording(hello, "Hello, world!", heard, folder)
    second = add_recording(hello, "hello world", heard, folder)
    manifest = read_manifest(folder / "asr.csv")
    assert not manifest.problems
    assert [(row.path, row.text, row.speaker) for row in manifest.utterances] == [
        (p, "hello world", "me") for p in (first, second)
    ]
    assert torch.allclose(read_audio(first), hello, atol=1e-4)
    assert {path.name for path in folder.rglob("*")} == {"asr.csv", "wav", first.name, second.name}, (
        "no temporary file is left"
    )


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_manifest_with_other_columns_is_kept_byte_by_byte(tmp_path, hello, heard, end):
    """Columns in another order, an additional column, a broken row: all of it stays."""
    before = "transcription,mood,audio_path\nhello,happy,gone.wav" + end
    (tmp_path / "asr.csv").write_text(before, encoding="utf-8")
    written = add_recording(hello, "hello world", heard, tmp_path)
    after = (tmp_path / "asr.csv").read_text(encoding="utf-8")
    assert after.startswith(before)
    rows = list(csv.DictReader(after.splitlines()))
    assert rows[1] == {"transcription": "hello world", "mood": "", "audio_path": f"wav/{written.name}"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "write what you said first"),
        ("?!", "write what you said first"),
        ("4 you", "'4', which the letters a-z cannot spell"),
        ("hello " * 9, "needs 62 CTC frames and the recording has 48"),
    ],
)
def test_an_invalid_row_is_not_written(tmp_path, hello, heard, text, words):
    with pytest.raises(UserError, match=words):
        add_recording(hello, text, heard, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_a_file_that_is_not_a_manifest_is_not_changed(tmp_path, hello, heard):
    (tmp_path / "asr.csv").write_text("name,price\ntea,2\n", encoding="utf-8")
    with pytest.raises(UserError, match="lacks the columns audio_path and transcription"):
        add_recording(hello, "hello world", heard, tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["asr.csv"]


def test_if_the_row_cannot_be_written_the_sound_is_removed(tmp_path, hello, heard, monkeypatch):
    add_recording(hello, "hello world", heard, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="cannot be written: No space left"):
        add_recording(hello, "hello", heard, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_folder_that_is_a_file_is_named(tmp_path, hello, heard):
    (tmp_path / "mine").write_text("a file")
    with pytest.raises(UserError, match="mine cannot be written"):
        add_recording(hello, "hello", heard, tmp_path / "mine")
