"""Texts that a line break tore, cells under the name of another column, and translations are named by row."""

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
    """A folder with three different sounds of 2 s, and the same sounds in a folder wavs."""
    (tmp_path / "wavs").mkdir()
    for number, name in enumerate(("a.wav", "b.wav", "c.wav", "wavs/a.wav", "wavs/b.wav")):
        soundfile.write(tmp_path / name, 0.5 * np.sin(np.arange(32_000) / (5 + number)), 16_000)
    return tmp_path


def imported(clips: Path, contents: str, name: str = "t.csv") -> tuple[list[str], str]:
    """The texts that `omni data folder` writes, and its report."""
    (clips / name).write_bytes(contents.encode())
    said: list[str] = []
    path = folder.prepare(clips / name, clips.parent / f"{clips.name}_out", said.append)
    return [row.text for row in read_manifest(path).utterances], "\n".join(said)


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("path,text\r\na.wav,hello\nworld\r\nb.wav,yes\r\n", 2),
        ("path\ttext\na.wav\thello\n\nworld\nb.wav\tyes\n", 2),
        ("path,speaker,text\na.wav,ann,hello\nworld\nb.wav,ben,yes\n", 2),
        ("path,speaker,text\na.wav,ann,hello\nbig, blue\nb.wav,ben,yes\n", 2),
        ("text;path\nhello\nworld;a.wav\nyes;b.wav\n", 3),
        ("a.wav,hello\nworld\nb.wav,yes\n", 1),
    ],
)
def test_half_of_a_text_is_not_taught_as_the_whole(clips, table, line):
    texts, said = imported(clips, table)
    assert texts == ["yes"]
    assert f"line {line}: its text may " in said and "write each text in one line" in said


def test_half_of_a_text_in_ljspeechs_form(clips):
    texts, said = imported(clips, "a|hello\nworld\nb|yes\n")
    assert texts == ["yes"] and "line 1: its text may go on in line 2, 'world'" in said


@pytest.mark.parametrize("beside", ["# Ann", "---", "b.wav", "12"])
def test_a_line_that_is_not_a_text_tears_nothing(clips, beside):
    assert imported(clips, f"path,text\na.wav,hello\n{beside}\nc.wav,yes\n")[0] == ["hello", "yes"]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (
            "path,speaker,text,split\na.wav,ann,yes,train\nb.wav,hello world,train,\nc.wav,ann,yes,dev\n",
            "line 3: its text is 'train' and its split is empty",
        ),
        (
            "path,speaker,text,split\na.wav,ann,yes,train\nb.wav,hello,test,\nc.wav,ann,yes,train\n",
            "line 3: its text is 'test' and its split is empty",
        ),
        (
            "path,speaker,text\na.wav,ann,yes\nb.wav,,ann\nc.wav,ann,yes\n",
            "line 3: its text is 'ann' and its speaker is empty",
        ),
        (
            "path,text,gender\na.wav,yes,male\nb.wav,male,\nc.wav,yes,male\n",
            "line 3: its text is 'male' and its gender is empty",
        ),
        (
            "path,speaker,text\na.wav,ann,yes\nb.wav,how are you,ann\nc.wav,ben,yes\n",
            "line 3: its speaker is 'how are you' and its text 'ann'",
        ),
    ],
)
def test_the_cell_of_another_column_is_not_a_text(clips, table, reason):
    texts, said = imported(clips, table)
    assert texts == ["yes", "yes"] and reason in said and "correct the row" in said


@pytest.mark.parametrize(
    "table",
    [
        "path,text,label\na.wav,yes,\nb.wav,no,no\nc.wav,no,no\n",  # the label is what was said
        "path,speaker,text\na.wav,the old man,no\nb.wav,the old man,how are you\nc.wav,woman in red,yes\n",
        "path,speaker,text\na.wav,ann,ann\nb.wav,ben,ben\nc.wav,ben,ann\n",  # they say their names
        "path,text,previous\na.wav,hello,\nb.wav,how are you,hello\nc.wav,fine thanks,how are you\n",
        "path,speaker,text\na.wav,Mary Ann Lee,yes\nb.wav,Ben Ray Fox,no\nc.wav,Al Roe Jr,yes\n",
    ],
)
def test_cells_that_only_resemble_others_are_read(clips, table):
    assert len(imported(clips, table)[0]) == 3


@pytest.mark.parametrize(
    "cells",
    [
        {"source_lang": "de", "target_lang": "en"},
        {"src_lang": "French", "tgt_lang": "English"},
        {"taskname": "s2t_translation"},
        {"task": "translate"},
    ],
)
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_translation_is_not_what_was_said(clips, cells, form):
    said = dict.fromkeys(cells, "en") if len(cells) > 1 else dict.fromkeys(cells, "asr")
    rows = [{"path": "a.wav", "text": "yes", **said}, {"path": "b.wav", "text": "no", **cells}]
    csv = "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]) + "\n"
    lines = "\n".join(map(json.dumps, rows)) + "\n"
    texts, report = imported(clips, csv if form == "csv" else lines, f"t.{form}")
    assert texts == ["yes"] and "translation: write what was said, or leave the row out" in report


@pytest.mark.parametrize(
    "cells", [("source_lang,target_lang", "en-US,en"), ("task", "command"), ("audio_lang,text", "eng,yes")]
)
def test_a_transcript_in_the_same_language_is_read(clips, cells):
    names, values = cells
    table = f"path,transcription,{names}\na.wav,hello,{values}\nb.wav,yes,{values.replace('yes', 'hello')}\n"
    assert imported(clips, table.replace(",text", ",note"))[0] == ["hello", "yes"]


def test_two_forms_of_a_text_without_a_common_word_are_refused(clips):
    table = 'path,raw_text,text\na.wav,"Hello, you!",hello you\nb.wav,Good morning,so long\n'
    with pytest.raises(UserError, match="text and raw_text, which have no word in common in line 3: if"):
        imported(clips, table)


@pytest.mark.parametrize("raw", ["Dr. Who", "1 2 3 go", "OK", ""])
def test_two_forms_of_a_text_may_differ(clips, raw):
    table = f"path,raw_text,text\na.wav,Hello you,hello you\nb.wav,{raw},doctor who\n"
    assert imported(clips, table)[0] == ["hello you", "doctor who"]
