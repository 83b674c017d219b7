"""Columns that say who speaks, what to test on or what to leave out: read, or noted; and rows that recur."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib.config import Config
from omni_lib.corpora import folder
from omni_lib.errors import UserError
from omni_lib.manifest import Utterance, assign_splits, read_manifest
from omni_lib.training.audit import audit, describe


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder with three different sounds of 2 s."""
    for number, name in enumerate(("a.wav", "b.wav", "c.wav")):
        soundfile.write(tmp_path / name, 0.5 * np.sin(np.arange(32_000) / (5 + number)), 16_000)
    return tmp_path


def imported(clips: Path, header: str, *rows: str) -> tuple[list[Utterance], list[str]]:
    """The rows that `omni data folder` writes, and its lines but the last."""
    (clips / "t.csv").write_text("\n".join([f"path,text,{header}", *rows]) + "\n", encoding="utf-8")
    said: list[str] = []
    made = folder.prepare(clips / "t.csv", clips.parent / f"{clips.name}_out", said.append)
    return read_manifest(made, deal_splits=False).utterances, said[:-1]


@pytest.mark.parametrize("name", ["Sprecher", "SprecherID", "locuteur", "hablante", "диктор", "voice"])
def test_speakers_are_known_in_other_languages(clips, name):
    rows, said = imported(clips, name, "a.wav,hello,ann", "b.wav,yes,ben")
    assert [row.speaker for row in rows] == ["ann", "ben"] and not said


def test_a_speaker_has_one_name_in_both_normal_forms(clips):
    rows, _ = imported(clips, "speaker", "a.wav,hello,Ren\u00e9", "b.wav,yes,Rene\u0301")
    assert rows[0].speaker == rows[1].speaker


@pytest.mark.parametrize(
    ("name", "cells", "noted"),
    [
        ("fold", "1 2 3", "for tests"),
        ("CV_Fold", "0 0 1", "for tests"),
        ("is_test", "0 1 0", "for tests"),
        ("train", "True False True", "for tests"),
        ("held-out", "no yes no", "for tests"),
        ("in_test_set", "false true false", "for tests"),
        ("exclude", "0 1 0", "leave out"),
        ("is_deleted", "False True False", "leave out"),
        ("valid", "1 0 1", "leave out"),
        ("status", "ok rejected ok", "leave out"),
        ("status", "done pending todo", "leave out"),
        ("audio_quality", "good bad good", "leave out"),
        ("review", "Passed Failed Passed", "leave out"),
    ],
)
def test_a_column_that_chooses_rows_is_noted(clips, name, cells, noted):
    rows, said = imported(
        clips, name, *(f"{n}.wav,hello {n},{cell}" for n, cell in zip("abc", cells.split(), strict=True))
    )
    assert len(rows) == 3 and len(said) == 1
    assert f"its column {name} may say which rows" in said[0] and noted in said[0]


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("fold", "1 1 1"),
        ("test", "mic room mic"),
        ("valid", "1 1 1"),
        ("session", "1 2 3"),
        ("use", "a b c"),
        ("emotion", "good bad good"),
        ("status", "new old new"),
        ("down_votes", "1 0 0"),
    ],
)
def test_other_columns_are_not_noted(clips, name, cells):
    _, said = imported(
        clips, name, *(f"{n}.wav,hello {n},{cell}" for n, cell in zip("abc", cells.split(), strict=True))
    )
    assert not said


def test_a_fold_beside_a_split_is_not_noted(clips):
    _, said = imported(clips, "split,fold", "a.wav,hello,train,1", "b.wav,yes,dev,2", "c.wav,no,test,3")
    assert not said


@pytest.mark.parametrize("second", ["a.wav", "./a.wav", "copy.wav"])
def test_a_row_that_is_there_twice_stays_in_one_split(clips, second):
    (clips / "copy.wav").write_bytes((clips / "a.wav").read_bytes())
    rows, said = imported(clips, "note", "a.wav,hello,", f"{second},hello,", "b.wav,yes,", "c.wav,no,")
    copied = second == "copy.wav"
    assert len(said) == copied and (not copied or "remove one of these rows" in said[0])
    assert len(rows) == 4 and rows[0].path == rows[1].path
    dealt = assign_splits(rows)
    assert dealt[0].split == dealt[1].split


def test_one_sound_of_two_speakers_is_noted(clips):
    _, said = imported(clips, "speaker", "a.wav,hello,ann", "a.wav,hello,ben", "b.wav,yes,ben")
    assert len(said) == 1 and "has the speaker 'ann', and this row 'ben'" in said[0]


@pytest.mark.parametrize("names", ["inicio,duración", "Beginn,Dauer", "seg_begin,seg_len", "debut,dur"])
def test_a_start_and_a_length_under_other_names_are_refused(clips, names):
    first, second = names.split(",")
    with pytest.raises(UserError, match=f"'{first}' and '{second}'.* rename them to start and duration"):
        imported(clips, names, "a.wav,hello,0.5,0.8", "b.wav,yes,0,0.7")


def test_starts_in_another_recording_are_not_segments(clips):
    rows, said = imported(clips, "source_start,length", "a.wav,hello,12.5,2.0", "b.wav,yes,20.1,2.0")
    assert len(rows) == 2 and not said


def test_the_names_of_torchaudio_are_samples(clips):
    rows, _ = imported(
        clips, "frame_offset,num_frames", "a.wav,hello,0,12800", "a.wav,yes,12800,16000", "b.wav,no,,"
    )
    assert [soundfile.info(row.path).frames for row in rows] == [12_800, 16_000, 32_000]


def test_speakers_in_several_splits_are_noted(clips):
    rows = ["a.wav,hello,ann,train", "b.wav,yes,ann,test", "c.wav,no,ben,dev"]
    _, said = imported(clips, "speaker,split", *rows)
    assert len(said) == 1 and "1 of 2 speakers are in several splits, such as 'ann'" in said[0]


def test_one_speaker_in_all_splits_is_not_noted(clips):
    rows = ["a.wav,hello,ann,train", "b.wav,yes,ann,test", "c.wav,no,ann,dev"]
    assert not imported(clips, "speaker,split", *rows)[1]


@pytest.mark.parametrize(
    "name",
    ["user", "Participant code", "subject", "ID_speaker", "recorded_by", "worker_id", "nom_locuteur"],
)
def test_a_column_that_may_name_the_speakers_is_noted(clips, name):
    _, said = imported(clips, name, "a.wav,hello,ann", "b.wav,yes,ann", "c.wav,no,ben")
    assert len(said) == 1 and f"its column {name} may say who speaks" in said[0]


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("user", "a b c"),
        ("user", "a a a"),
        ("speaker_gender", "f f m"),
        ("author", "a a b"),
        ("session", "1 1 2"),
    ],
)
def test_a_column_that_hardly_names_speakers_is_not_noted(clips, name, cells):
    _, said = imported(
        clips, name, *(f"{n}.wav,hello {n},{cell}" for n, cell in zip("abc", cells.split(), strict=True))
    )
    assert not said


def test_a_column_of_people_beside_a_speaker_is_not_noted(clips):
    assert not imported(clips, "speaker,user", "a.wav,hello,x,u", "b.wav,yes,y,u", "c.wav,no,z,v")[1]


@pytest.mark.parametrize(
    ("first", "second"), [("Ann", "ann"), ("7", "07"), ("7", "7.0"), ("Mary Lou", "mary_lou"), ("s-1", "s_1")]
)
def test_speakers_whose_names_hardly_differ_are_noted(clips, first, second):
    _, said = imported(clips, "speaker", f"a.wav,hello,{first}", f"b.wav,yes,{second}", "c.wav,no,ben")
    assert len(said) == 1 and "count as two: write one name if they are one person" in said[0]


def test_rows_without_a_speaker_are_noted_unless_they_have_a_split(clips):
    rows = ["a.wav,hello,ann,", "b.wav,yes,,", "c.wav,no,ben,"]
    _, said = imported(clips, "speaker,split", *rows)
    assert len(said) == 1 and "1 of 3 rows have no speaker" in said[0]
    assert not imported(clips, "speaker,split", *rows[::2], "b.wav,yes,,train")[1]


def test_names_of_speakers_that_differ_are_not_noted(clips):
    assert not imported(clips, "speaker", "a.wav,hello,p1", "b.wav,yes,p10", "c.wav,no,p11")[1]


def test_the_check_of_a_manifest_notes_speakers_alike_or_missing(clips):
    rows = "a.wav,hello,Ann\nb.wav,yes,ann\nc.wav,no,\n"
    (clips / "asr.csv").write_text(f"audio_path,transcription,speaker\n{rows}", encoding="utf-8")
    manifest = read_manifest(clips / "asr.csv")
    said = describe(manifest, audit(manifest, Config()), Config())
    assert "note, 1 of 3 rows have no speaker" in said and "note, the speakers 'Ann' and 'ann'" in said


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("#N/A", "stands for a missing name"),
        ("nan", "stands for a missing name"),
        ("unknown", "stands for a missing name"),
        ("1.23E+11", "is a number that a spreadsheet shortened"),
    ],
)
def test_a_name_that_several_people_may_share_is_noted(clips, name, why):
    rows, said = imported(clips, "speaker", f"a.wav,hello,{name}", f"b.wav,yes,{name}", "c.wav,no,ben")
    assert len(rows) == 3 and len(said) == 1
    assert f"the speaker '{name}' of 2 rows counts as one person, and {why}" in said[0]


def test_rows_that_were_voted_down_are_noted(clips):
    _, said = imported(clips, "up_votes,down_votes", "a.wav,hello,2,0", "b.wav,yes,0,2", "c.wav,no,2,1")
    assert len(said) == 1 and "1 of its rows have more down_votes than up_votes" in said[0]


@pytest.mark.parametrize("name", ["avg_logprob", "no_speech_prob", "compression_ratio"])
def test_texts_beside_the_numbers_of_a_recogniser_are_noted(clips, name):
    _, said = imported(clips, name, "a.wav,hello,0.1", "b.wav,yes,0.2")
    assert len(said) == 1 and f"its column {name} is of a recogniser" in said[0]
