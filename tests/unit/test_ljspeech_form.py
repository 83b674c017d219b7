"""LJ Speech's form of a table: the last cell is the text, and a speaker or a label in its place is named."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib.corpora import folder
from omni_lib.errors import UserError
from omni_lib.manifest import read_manifest


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder with two different sounds of 2 s, as LJ Speech has them."""
    (tmp_path / "in" / "wavs").mkdir(parents=True)
    for number, name in enumerate("ab"):
        sound = 0.5 * np.sin(np.arange(32_000) / (5 + number))
        soundfile.write(tmp_path / "in" / "wavs" / f"{name}.wav", sound, 16_000)
    return tmp_path / "in"


def texts(clips: Path, table: str) -> list[str]:
    (clips / "metadata.csv").write_text(table, encoding="utf-8")
    out = folder.prepare(clips, clips.parent / "out", lambda line: None)
    return [row.text for row in read_manifest(out).utterances]


@pytest.mark.parametrize(
    "last", [("ann", "ben"), ("0", "1"), ("neutral", "neutral"), ("HH AH0 L OW1", "JH AH1 S T Y EH1 S")]
)
@pytest.mark.parametrize("said", [("Hello, world.", "Just yes."), ("Hello", "Yes")])
def test_a_last_cell_that_is_not_the_text_is_refused(clips, said, last):
    table = "".join(f"{name}|{text}|{cell}\n" for name, text, cell in zip("ab", said, last, strict=True))
    with pytest.raises(UserError, match="should follow in normalised form: remove the last column, or write"):
        texts(clips, table)


@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        ("a|It was 1850.|It was eighteen fifty.\nb|$5|five dollars\n", 2),
        ("a|Mr. Paul and Dr. May|mister paul and doctor may\nb|OK|okay\n", 2),
        ("a|1850|eighteen fifty\nb|42|forty two\n", 2),
        ("a|hello world|\nb|yes|yes\n", 1),
        ("a|hello world\nb|yes\n", 2),
    ],
)
def test_normalised_texts_are_read(clips, table, wanted):
    assert len(texts(clips, table)) == wanted


def test_both_remedies_help(clips):
    assert texts(clips, "a|hello world\nb|yes\n") == ["hello world", "yes"]
    head = "audio_path|transcription|speaker\n"
    assert texts(clips, head + "wavs/a.wav|hello world|ann\nwavs/b.wav|yes|ben\n") == ["hello world", "yes"]
