"""Quotes and spaces that other programs put around cells and paths: read, or refused by their own cause."""

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


def imported(clips: Path, contents: str) -> list[tuple[str, str]]:
    """The texts and speakers that `omni data folder` writes; no line but the summary may be reported."""
    (clips / "t.csv").write_text(contents, encoding="utf-8", newline="")
    said: list[str] = []
    rows = read_manifest(folder.prepare(clips / "t.csv", clips.parent / f"{clips.name}_out", said.append))
    assert len(said) == 1
    return [(row.text, row.speaker) for row in rows.utterances]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "lines",
    [
        ['"path" , "text" , "speaker"', '"a.wav" , "hello, you" , "ann"', '"b.wav","yes","ben"'],
        ["path,text,speaker", '"a.wav" ,"hello, you" ,ann', "b.wav,yes,ben"],
        ["path, text, speaker", 'a.wav, "hello, you", ann', 'b.wav, "yes" , ben'],
        ["path,\ttext,\tspeaker", 'a.wav,\t"hello, you",\tann', "b.wav,\tyes,\tben"],
        ["path,\xa0text,\xa0speaker", 'a.wav,\xa0"hello, you",\xa0ann', "b.wav,\xa0yes,\xa0ben"],
        ["path; text; speaker", 'a.wav ; "hello; you" ; ann', 'b.wav; "yes"; ben'],
        ["path,text,speaker", '  "a.wav","hello, you","ann"  ', '  "b.wav","yes","ben"  '],
    ],
)
def test_spaces_around_quotes_do_not_belong_to_the_cell(clips, lines, end):
    assert imported(clips, end.join(lines) + end) == [("hello you", "ann"), ("yes", "ben")]


def test_spaces_beside_quotes_within_a_cell_change_no_word(clips):
    rows = 'a.wav,"he said , ""hello"" , you"\nb.wav,"yes, ""no"""\n'
    assert imported(clips, "path,text\n" + rows) == [("he said hello you", ""), ("yes no", "")]


@pytest.mark.parametrize(
    ("cell", "more"),
    [
        ("'a.wav'", ""),
        ("<a.wav>", ""),
        ("`a.wav`", ""),
        ("['a.wav']", ""),
        ("\"{'path': 'a.wav', 'bytes': None}\"", ""),
        ("a.wav?raw=1", ""),
        ("a.wav#t=1", ""),
        ("cat a.wav |", ""),
        ("a.wav:0:16000", "; times of a segment belong in columns start and end"),
    ],
)
def test_a_path_in_quotes_or_with_something_behind_it_is_named(clips, cell, more):
    with pytest.raises(UserError, match="does not exist") as e:
        imported(clips, f"path,text\n{cell},hello\n")
    assert str(e.value).endswith(f"write the path alone, a.wav{more}")
