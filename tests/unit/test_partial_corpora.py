"""Corpora that were copied, converted or renamed in part."""

from pathlib import Path

import pytest

from omni_lib.corpora import commonvoice, librispeech, ljspeech
from omni_lib.errors import UserError
from tests.unit.test_published_corpora import (
    LIBRISPEECH,
    make_commonvoice,
    make_librispeech,
    make_ljspeech,
    rows_of,
    shown,
)


def test_a_librispeech_list_that_is_there_twice_counts_once(tmp_path):
    chapter = make_librispeech(tmp_path) / "dev-clean" / "85" / "121123"
    text = (chapter / "85-121123.trans.txt").read_text().replace("0000 ", "0000\t").replace(" YOU", "  YOU")
    (chapter / "85-121123 (1).trans.txt").write_text(text)
    said: list[str] = []
    rows = rows_of(librispeech.prepare([tmp_path], tmp_path / "out", said.append))
    assert shown(rows, "transcription", "speaker", "split", "kind") == LIBRISPEECH
    assert sum("is listed twice" in line for line in said) == 2


def test_a_sound_that_was_converted_is_read_with_a_note(tmp_path):
    """Its name says what is spoken in it, whatever its ending is."""
    root = make_librispeech(tmp_path) / "dev-clean" / "85" / "121123"
    (root / "85-121123-0000.flac").rename(root / "85-121123-0000.wav")
    (root / "86-121123-0009.wav").write_bytes((root / "85-121123-0000.wav").read_bytes())
    said: list[str] = []
    rows = rows_of(librispeech.prepare([tmp_path], tmp_path / "out", said.append))
    assert shown(rows, "transcription", "speaker", "split", "kind") == LIBRISPEECH
    assert "0009.wav: its .trans.txt does not say what is said in it" in said[0]
    assert said[1].endswith("published: 1, such as 85-121123-0000.wav")


def test_clips_that_were_converted_are_read_with_a_note(tmp_path):
    root = make_commonvoice(tmp_path)
    for clip in (root / "en" / "clips").iterdir():
        clip.rename(clip.with_suffix(".wav"))
    said: list[str] = []
    rows = rows_of(commonvoice.prepare([root], tmp_path / "out", said.append))
    assert [Path(row["audio_path"]).suffix for row in rows] == [".wav"] * 4
    assert said[0].startswith("note: sounds with another ending than those that are published: 4, such as")


def test_speakers_whose_long_names_begin_alike_stay_apart(tmp_path):
    root = make_commonvoice(tmp_path) / "en"
    for number, split in enumerate(("train", "dev", "test")):
        lines = (root / f"{split}.tsv").read_text(encoding="utf-8").splitlines()
        cells = [f"{number:0128}\t{line.partition(chr(9))[2]}" for line in lines[1:]]
        (root / f"{split}.tsv").write_text("\n".join([lines[0], *cells, ""]), encoding="utf-8")
    rows = rows_of(commonvoice.prepare([root], tmp_path / "out", lambda line: None))
    assert [row["speaker"] for row in rows] == [*["0" * 16] * 2, f"{1:0128}", f"{2:0128}"]


def test_a_clip_in_several_tables_of_common_voice_is_noted(tmp_path):
    root = make_commonvoice(tmp_path) / "en"
    train = (root / "train.tsv").read_text(encoding="utf-8").splitlines()
    with open(root / "test.tsv", "a", encoding="utf-8") as file:
        file.write(train[1] + "\n")
    said: list[str] = []
    rows = rows_of(commonvoice.prepare([root], tmp_path / "out", said.append))
    assert [row["split"] for row in rows] == ["train", "train", "dev", "test", "test"]
    assert said[0].startswith(
        "note: 1 clips are in several tables, such as common_voice_en_1.mp3 in train.tsv"
    )


def test_a_sentence_of_common_voice_in_two_lines_is_named(tmp_path):
    root = make_commonvoice(tmp_path) / "en"
    text = (root / "dev.tsv").read_text(encoding="utf-8")
    (root / "dev.tsv").write_text(text.replace("It is", "It\nis"), encoding="utf-8")
    said: list[str] = []
    rows = rows_of(commonvoice.prepare([root], tmp_path / "out", said.append))
    assert [row["split"] for row in rows] == ["train", "train", "test"]
    assert "dev.tsv line 2: its sentence goes on in the next line: write it in one line" in said[0]


def test_utterances_in_two_subsets_of_librispeech_are_noted(tmp_path):
    make_librispeech(tmp_path / "a", ("dev-clean",))
    make_librispeech(tmp_path / "b", ("train-clean-5", "test-other"))
    said: list[str] = []
    librispeech.prepare([tmp_path / "a", tmp_path / "b"], tmp_path / "out", said.append)
    assert said[0] == (
        "note: 2 utterances are in two subsets, such as 84-121123-0000 in dev-clean and train-clean-5: name"
        " only one of these subsets"
    )


def test_a_last_column_of_ljspeech_that_is_not_the_text_is_refused(tmp_path):
    root = make_ljspeech(tmp_path)
    lines = (root / "metadata.csv").read_text(encoding="utf-8").splitlines()
    (root / "metadata.csv").write_text("\n".join(line.rpartition("|")[0] + "|linda" for line in lines) + "\n")
    with pytest.raises(UserError, match="'linda' behind .*where LJ Speech has the same text"):
        ljspeech.prepare([root], tmp_path / "out", print)
    assert not (tmp_path / "out").exists()
