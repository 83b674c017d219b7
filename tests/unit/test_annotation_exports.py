"""Tables as annotation programs and pandas export them: parts of recordings are never taught as wholes."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib.corpora import folder
from omni_lib.errors import UserError
from omni_lib.manifest import read_manifest


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder with two different sounds of 2 s."""
    (tmp_path / "in").mkdir()
    for number, name in enumerate(("a.wav", "b.wav")):
        sound = 0.5 * np.sin(np.arange(32_000) / (5 + number))
        soundfile.write(tmp_path / "in" / name, sound, 16_000)
    return tmp_path / "in"


def imported(clips: Path, contents: object, name: str = "t.json") -> tuple[list[str], str]:
    """The texts that `omni data folder` writes, and its lines."""
    text = contents if isinstance(contents, str) else json.dumps(contents)
    (clips / name).write_text(text, encoding="utf-8")
    said: list[str] = []
    out = folder.prepare(clips / name, clips.parent / "out", said.append)
    return [row.text for row in read_manifest(out).utterances], "\n".join(said)


SPAN = {"start": 0.5, "end": 1.5, "channel": 0, "labels": ["Speech"]}


@pytest.mark.parametrize("spans", [[SPAN], [SPAN, {**SPAN, "start": 1.5, "end": 2}]])
def test_spans_of_label_studio_are_not_overlooked(clips, spans):
    row = {"audio": "a.wav", "label": spans, "transcription": "hello"}
    cell = json.dumps(spans).replace('"', '""')
    for contents, name in (
        ([row], "t.json"),
        (f'audio,label,transcription\na.wav,"{cell}",hello\n', "t.csv"),
    ):
        with pytest.raises(UserError, match="the column 'label', which holds starts and ends: write a row"):
            imported(clips, contents, name)
    (clips / "m.csv").write_text(f'audio_path,label,transcription\na.wav,"{cell}",hello\n')
    with pytest.raises(UserError, match="the column 'label', which holds starts and ends"):
        read_manifest(clips / "m.csv")


def test_an_alignment_of_the_words_is_not_taken_for_spans(clips):
    words = [{"word": "hello", "start": 0.5, "end": 1.5}]
    texts, _ = imported(clips, [{"audio": "a.wav", "alignment": words, "text": "hello"}])
    assert texts == ["hello"]


def test_several_texts_of_one_recording_are_not_joined(clips):
    rows = [
        {"audio": "a.wav", "transcription": ["hello world", "how are you"]},
        {"audio": "b.wav", "transcription": ["yes", "please"]},
    ]
    texts, said = imported(clips, rows)
    assert texts == ["yes please"]
    assert "transcription holds several texts: write a row for each, with its start and end" in said


@pytest.mark.parametrize(
    "contents",
    [
        {"path": {"0": "a.wav", "1": "b.wav"}, "text": {"0": "hello", "1": "yes"}},
        {"path": ["a.wav", "b.wav"], "text": ["hello", "yes"]},
        {"columns": ["path", "text"], "index": [0, 1], "data": [["a.wav", "hello"], ["b.wav", "yes"]]},
    ],
)
def test_tables_of_pandas_by_column_are_named(clips, contents):
    with pytest.raises(UserError, match="is written column by column: .*orient='records'"):
        imported(clips, contents)


def test_the_remedy_for_tables_by_column_helps(clips):
    rows = [{"path": "a.wav", "text": "hello"}, {"path": "b.wav", "text": "yes"}]
    assert imported(clips, rows)[0] == ["hello", "yes"]


@pytest.mark.parametrize("header", ["start\tend\ttext", "start\tend\tspeaker\ttext"])
def test_a_transcript_of_one_recording_in_a_table_is_named(clips, header):
    cells = {"start": "0", "end": "1310", "speaker": "ann", "text": "hello world"}
    row = "\t".join(cells[name] for name in header.split("\t"))
    with pytest.raises(UserError, match="is a transcript of one recording, .*header audio_path,start,end"):
        imported(clips, f"{header}\n{row}\n", "t.tsv")


def test_a_transcript_with_a_column_more_is_told_to_add_the_file(clips):
    with pytest.raises(UserError, match="or add it, if these are the texts of one recording"):
        imported(clips, "tmin\ttier\ttext\ttmax\n0\twords\thello\t1.3\n", "t.tsv")


@pytest.mark.parametrize(
    ("contents", "form"),
    [
        ("0.0000 1.3100 hello\n1.31 2.46 how\n", "a list of times and texts"),
        ("# fe_03_00001.sph\n# by the LDC\n\n0.00 1.31 A: hello world\n", "a list of times and texts"),
        ("#00:00:00-0# hello world #00:00:01-3#\n", "a transcript of one recording"),
        ("LHD: Partitur 1.2\nSAM: 16000\n", "a transcript of one recording"),
        ("[ti:a title]\n[00:00.00]hello world\n", "a file of subtitles"),
        ('<?xml version="1.0"?><TEI><u>hello</u></TEI>', "a file in XML"),
        ("*AN:\thello world . 0_1310\n*B:\thow are you ?\n", "a transcript in the form CHAT"),
        ('{"start": 0.0, "end": 1.31, "text": "hello"}\n', "a transcript of one recording"),
    ],
)
def test_more_transcripts_of_one_recording_are_named(clips, contents, form):
    with pytest.raises(UserError, match=f"is {form}, not a table of recordings: write a table"):
        imported(clips, contents, "t.txt")


@pytest.mark.parametrize("contents", ["a.wav,0.5 1.5 hello is not one\n", "0.5 to 1.5 is said,a.wav\n"])
def test_a_row_that_begins_with_numbers_is_not_a_transcript_of_one_recording(clips, contents):
    assert len(imported(clips, contents, "t.csv")[0]) == 1


def test_a_number_of_a_language_is_no_reason_to_leave_a_row_out(clips):
    assert imported(clips, "path,text,lang_id\na.wav,hello,4\n", "t.csv")[0] == ["hello"]
    german = "path,text,lang_id\na.wav,das ist nicht gut und ich bin hier,3\n"
    with pytest.raises(UserError, match="seems to hold German texts"):
        imported(clips, german, "t.csv")


def test_dates_of_segments_are_not_dropped(clips):
    rows = "a.wav,2024-01-01 10:00:00.5,2024-01-01 10:00:01,hello\n"
    texts, _ = imported(clips, f"path,start,end,text\n{rows}b.wav,2024-01-02,2024-01-02,yes\n", "t.csv")
    assert texts == ["hello", "yes"]
    more = "a.wav,2024-01-01 10:00:01,2024-01-01 10:00:02,yes\n"
    with pytest.raises(UserError, match="different dates in its column start for the texts of one recording"):
        imported(clips, f"path,start,end,text\n{rows}{more}", "t.csv")


@pytest.mark.parametrize(
    "name", ["corrected_text", "final_transcript", "Transcript (human)", "gold", "text_edited"]
)
def test_a_corrected_text_beside_another_one_is_not_overlooked(clips, name):
    name = name.replace(" (human)", "_human")
    rows = "a.wav,helo wrld how are you,hello world how are you\nb.wav,yes,\n"
    with pytest.raises(UserError, match=f"the columns text and {name}, which differ in line 2: keep only"):
        imported(clips, f"path,text,{name}\n{rows}", "t.csv")


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("corrected_text", ("Hello there.", "Yes, please!")),  # the same words
        ("gold", ("1", "0")),
        ("final_label", ("happy", "sad")),
        ("prediction", ("hello their", "yes pleas")),
    ],
)
def test_other_columns_beside_a_text_are_ignored(clips, name, cells):
    rows = f'a.wav,hello there,"{cells[0]}"\nb.wav,yes please,"{cells[1]}"\n'
    assert imported(clips, f"path,text,{name}\n{rows}", "t.csv")[0] == ["hello there", "yes please"]


def test_two_columns_of_files_that_differ_are_refused(clips):
    with pytest.raises(UserError, match="the columns path and file, which name different files in line 3"):
        imported(clips, "path,file,text\na.wav,./a.wav,hello\nb.wav,a.wav,yes\n", "t.csv")
    same = "path,file,text\na.wav,./a.wav,hello\nb.wav,/data/b.wav,yes\n"
    assert imported(clips, same, "t.csv")[0] == ["hello", "yes"]
