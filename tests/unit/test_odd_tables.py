"""Tables as spreadsheets, R, recipes and careless exports write them: read, or refused by their own cause."""

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
    for number, name in enumerate(("a.wav", "b.wav")):
        soundfile.write(tmp_path / name, 0.5 * np.sin(np.arange(32_000) / (5 + number)), 16_000)
    return tmp_path


def imported(clips: Path, contents: str | bytes, name: str = "t.csv") -> tuple[list[str], list[str]]:
    """The texts that `omni data folder` writes, and its lines but the last."""
    (clips / name).write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    said: list[str] = []
    out = clips.parent / f"{clips.name}_out"
    rows = read_manifest(folder.prepare(clips / name, out, said.append)).utterances
    return [row.text for row in rows], said[:-1]


@pytest.mark.parametrize(
    "contents",
    [
        '"path","text"\n"1","a.wav","hello"\n"2","b.wav","yes"\n',  # R's write.table
        "path,speaker,text\n1,a.wav,ann,hello\n2,b.wav,ben,yes\n",
        '"path,text"\n"a.wav,hello"\n"b.wav,yes"\n',  # a spreadsheet that did not split the lines
        '"a.wav,hello"\n"b.wav,yes"\n',
        '"path;text"\n\n"a.wav;""hello"""\n"b.wav;yes"\n',
        "key,wav,txt\n1,a.wav,hello\n2,b.wav,yes\n",  # WeNet
        "sep=;\npath,text\na.wav,hello\nb.wav,yes\n",  # a first line that was kept in a copy with commas
        "AudioFile;Transcripts\na.wav;hello\nb.wav;yes\n",
        json.dumps(
            {"version": 1, "data": [{"path": "a.wav", "text": "hello"}, {"path": "b.wav", "text": "yes"}]}
        ),
    ],
)
def test_tables_of_other_programs_are_read(clips, contents):
    assert imported(clips, contents) == (["hello", "yes"], [])


def test_a_text_with_a_comma_in_every_row_is_not_taken_for_names_of_rows(clips):
    with pytest.raises(UserError, match="line 2: 3 cells instead of 2: put quotes around a text"):
        imported(clips, "path,text\na.wav,hello, you\nb.wav,yes, you\n")


def test_one_json_object_with_a_list_in_it_is_one_row(clips):
    row = {"path": "a.wav", "text": "hello", "words": [{"word": "hello"}]}
    assert imported(clips, json.dumps(row), "t.json")[0] == ["hello"]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"<!DOCTYPE html><html><table>", "is a web page, not a table: download the file itself"),
        ("<html>".encode("utf-16"), "is a web page, not a table"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS, not a table: .* git lfs pull"),
        (bytes(300), "begins with zeros, .*, not a table: copy it again"),
        (b"a.wav hello, you\nb.wav yes\n", "spaces between its files and texts, .*: separate them"),
        (b"a.wav hello\nb.wav yes\n", "spaces between its files and texts, .*: separate them"),
    ],
)
def test_what_is_not_a_table_is_named(clips, contents, message):
    with pytest.raises(UserError, match=rf"t\.csv .*{message}"):
        imported(clips, contents)


def test_a_name_with_a_space_behind_an_ending_is_read(clips):
    (clips / "a.wav").rename(clips / "a.mp3 (copy).wav")
    assert imported(clips, "a.mp3 (copy).wav,hello\nb.wav,yes\n")[0] == ["hello", "yes"]


def test_a_text_in_two_lines_gets_a_remedy_that_helps(clips):
    found, said = imported(clips, 'path,text\na.wav,"hello\nyou"\nb.wav,yes\n')
    assert (
        found == ["yes"] and "runs over several lines: close its quotes, or write it in one line" in said[0]
    )


@pytest.mark.parametrize("error", ["#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "########"])
def test_errors_of_a_spreadsheet_are_not_texts(clips, error):
    found, said = imported(clips, f"path\ttext\na.wav\t{error}\nb.wav\tyes\n", "t.tsv")
    assert found == ["yes"] and "which programs write for a missing text" in said[0]


def test_texts_in_files_of_their_own_are_named(clips):
    for name in ("a", "b"):
        (clips / f"{name}.txt").write_text("hello")
    with pytest.raises(UserError, match="a.txt.* holds the text of a.wav alone: write a table"):
        folder.prepare(clips, clips.parent / "out")
    (clips / "list.txt").write_text("a.wav\thello\n")
    assert folder.prepare(clips, clips.parent / "out").exists()


@pytest.mark.parametrize("text", ["it is 5 in. long", "it is 5 in.", "please call 999", "Dial 101!"])
def test_inches_and_numbers_of_telephones_are_refused(clips, text):
    found, said = imported(clips, f"path\ttext\na.wav\t{text}\nb.wav\tyes\n", "t.tsv")
    assert found == ["yes"] and "write it out as spoken" in said[0]


@pytest.mark.parametrize("text", ["I let 5 in. Then I slept", "call 100 people", "5 in the room", "dial 9"])
def test_what_resembles_them_is_read(clips, text):
    assert imported(clips, f"path\ttext\na.wav\t{text}\n", "t.tsv")[1] == []


def test_remarks_in_round_brackets_beside_most_texts_are_noted(clips):
    texts = ["(happy) hello", "(sad) yes", "I see you (calm)"]
    _, said = imported(clips, "path\ttext\n" + "".join(f"a.wav\t{text}\n" for text in texts), "t.tsv")
    assert any("words in round brackets, which are read, such as '(happy) hello'" in line for line in said)
    texts = ["(laughs) hello", "(coughs) yes", "I see you (noise)"]
    found, said = imported(clips, "path\ttext\n" + "".join(f"b.wav\t{text}\n" for text in texts), "u.tsv")
    assert found == ["hello", "yes", "i see you"] and not any("which are read" in line for line in said)


def test_texts_cut_off_with_an_ellipsis_are_noted(clips):
    texts = ["this text has been cu...", "that text is cut of a...", "these are also too lo..."]
    _, said = imported(clips, "path\ttext\n" + "".join(f"a.wav\t{text}\n" for text in texts), "t.tsv")
    assert any("3 texts have exactly 24 characters" in line for line in said)


def test_parts_of_speech_are_not_words(clips):
    found, said = imported(clips, "path\ttext\na.wav\tHello/UH world/NN\nb.wav\tand/or\n", "t.tsv")
    assert found == ["and or"] and "has parts of speech behind its words" in said[0]


@pytest.mark.parametrize(
    ("cell", "name"), [("1", "0001.wav"), ("utt1.wav", "utt01.wav"), ("3_10", "03_010.wav")]
)
def test_zeros_that_a_spreadsheet_dropped_are_named(clips, cell, name):
    (clips / "a.wav").rename(clips / name)
    _, said = imported(clips, f"path,text\n{cell},hello\nb.wav,yes\n")
    assert (
        f"line 2: {cell} does not exist, but does with other zeros before its number: write {name}" in said[0]
    )
