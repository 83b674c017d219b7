"""`omni data folder`: anybody's recordings beside anybody's table."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib.corpora import folder
from omni_lib.errors import UserError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with four clips of other rates, channels and formats, two of them of the same name, and no
    table yet."""
    place = tmp_path / "my clips"
    for name, rate, channels in (
        ("a/hello.wav", 16_000, 1),
        ("b/hello.flac", 44_100, 2),
        ("b/größe.ogg", 8_000, 1),
        ("c.wav", 48_000, 1),
    ):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(place / name, 0.5 * np.sin(np.arange(rate * channels)).reshape(-1, channels), rate)
    return place


def prepare(source: Path, out: Path) -> tuple[list[dict[str, str]], list[str]]:
    """The rows of asr.csv and the lines of the report."""
    said: list[str] = []
    with open(folder.prepare(source, out, said.append), newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file)), said


TABLES = {
    "header": ("t.csv", 'audio_path,transcription\na/hello.wav,Hello\nb/hello.flac,"Hello, you!"\n'),
    "no header": ("t.csv", 'a/hello.wav,Hello\nb/hello.flac,"Hello, you!"\n'),
    "tsv": ("t.tsv", "path\ttext\na/hello.wav\tHello\nb/hello.flac\tHello, you!\n"),
    "tsv, no header": ("t.TSV", "a/hello.wav\tHello\nb/hello.flac\tHello, you!\n"),
    "a quote in a tsv": ("t.tsv", 'a/hello.wav\t"Hello\nb/hello.flac\tHello, "you"!\n'),
    "columns turned round": ("t.csv", 'text,path\nHello,a/hello.wav\n"Hello, you!",b/hello.flac\n'),
    "semicolons": ("t.csv", "a/hello.wav;Hello\nb/hello.flac;Hello, you!\n"),
    "BOM, CRLF, blank lines": (
        "t.csv",
        '\ufeffPath,Text\r\n\r\na/hello.wav,Hello\r\nb/hello.flac,"Hello, you!"\r\n',
    ),
}


@pytest.mark.parametrize("table", TABLES)
def test_tables_of_every_form_give_the_same_corpus(source, tmp_path, table):
    name, text = TABLES[table]
    (source / name).write_bytes(text.encode())
    rows, said = prepare(source, tmp_path / "out")
    assert [(row["audio_path"], row["transcription"]) for row in rows] == [
        ("wav/hello.wav", "hello"),
        ("wav/hello_2.wav", "hello you"),
    ]
    assert said == [f"{name}: 2 rows, 2 written, 0 left out"]
    for row in rows:
        info = soundfile.info(tmp_path / "out" / row["audio_path"])
        assert (info.format, info.subtype, info.samplerate, info.channels, info.frames) == (
            "WAV",
            "PCM_16",
            16_000,
            1,
            16_000,
        )


def test_the_table_itself_can_be_the_source_and_names_columns_of_speaker_and_split(source, tmp_path):
    (source / "other.csv").write_text("x,y\n")
    (source / "t.csv").write_text(
        "file,sentence,client_id,split\nb/größe.ogg,size,Ada,dev\nc.wav,see,,\n", encoding="utf-8"
    )
    rows, _ = prepare(source / "t.csv", tmp_path / "out")
    assert [(row["audio_path"], row["speaker"], row["split"]) for row in rows] == [
        ("wav/gr__e.wav", "Ada", "dev"),
        ("wav/c.wav", "", ""),
    ]


@pytest.mark.parametrize(("tables", "words"), [([], "no .csv"), (["one.csv", "two.tsv"], "one.csv, two.tsv")])
def test_the_folder_must_hold_one_table(source, tmp_path, tables, words):
    for name in tables:
        (source / name).write_text("c.wav,see\n")
    with pytest.raises(UserError, match=words.replace(".", r"\.")):
        folder.prepare(source, tmp_path / "out")


BAD_ROWS = {
    "nowhere.wav,gone": "does not exist",
    "../outside.wav,out": "leads out",
    "/etc/hostname,out": "leads out",
    "a,a folder": "a is a folder, not a sound file",
    "c.wav,route B52": "no single usual reading",
    "c.wav,!!!": "no word",
    ",words": "path is empty",
    "c.wav": "1 cells instead of 2",
    "c.wav,one,two": "3 cells instead of 2",
    "c\0.wav,nul": "NUL",
    "empty.wav,nothing": "empty.wav",
    "loud.wav,shout": "far beyond full scale",
    "t.csv,table": "cannot be read as sound",
    f"{'x' * 300}.wav,long": "xxx",
    '"c.wav","one\ntwo"': "several lines",
    "link.wav,linked": "leads out",
}


@pytest.mark.parametrize("bad", BAD_ROWS)
def test_bad_rows_are_listed_by_line_and_the_others_used(source, tmp_path, bad):
    soundfile.write(tmp_path / "outside.wav", np.ones(16_000), 16_000)
    soundfile.write(source / "empty.wav", np.zeros(0), 16_000)
    soundfile.write(source / "loud.wav", np.full(16_000, 20_000.0), 16_000, subtype="FLOAT")
    (source / "link.wav").symlink_to(tmp_path / "outside.wav")
    soundfile.write(source / "d.wav", 0.5 * np.sin(np.arange(16_000) / 7), 16_000)
    (source / "t.csv").write_text(f"path,text\nc.wav,first\n{bad}\nd.wav,last\n", encoding="utf-8")
    rows, said = prepare(source, tmp_path / "out")
    assert [row["transcription"] for row in rows] == ["first", "last"]
    assert len(said) == 2 and BAD_ROWS[bad] in said[0]
    assert said[0].startswith(f"left out, t.csv line {3 + bad.count(chr(10))}: ")
    assert said[1] == "t.csv: 3 rows, 2 written, 1 left out"
    assert len(list((tmp_path / "out" / "wav").iterdir())) == 2


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (b"", "is empty"),
        (b"path,text\n", "no row"),
        (b"nowhere.wav,gone\n", "no row that can be used; the first problem is at line 1"),
        ("path,text\nc.wav,größe\n".encode("latin-1"), "not UTF-8"),
        (b'c.wav,"one\nc.wav,two\n', "from line 1 on: unexpected end of data"),
    ],
)
def test_tables_that_cannot_be_used_are_refused_in_one_line_and_leave_nothing(
    source, tmp_path, contents, words
):
    (source / "t.csv").write_bytes(contents)
    with pytest.raises(UserError, match=words) as refusal:
        folder.prepare(source, tmp_path / "out", lambda line: None)
    assert "\n" not in str(refusal.value)
    assert [path.name for path in tmp_path.iterdir()] == ["my clips"]


def test_a_second_run_does_nothing_and_a_changed_clip_makes_it_anew(source, tmp_path):
    (source / "t.csv").write_text("c.wav,see\n")
    prepare(source, tmp_path / "out")
    _, said = prepare(source, tmp_path / "out")
    assert "already there" in said[0]
    soundfile.write(source / "c.wav", 0.1 * np.sin(np.arange(8000)), 16_000)
    prepare(source, tmp_path / "out")
    assert soundfile.info(tmp_path / "out" / "wav" / "c.wav").frames == 8000


def test_the_source_is_never_overwritten(source):
    (source / "asr.csv").write_text("c.wav,see\n")
    with pytest.raises(UserError, match="was not made by this command"):
        folder.prepare(source, source)
    assert (source / "asr.csv").read_text() == "c.wav,see\n"


@pytest.mark.parametrize("header", ["path,time,text", "path,channel,text"])
def test_a_whole_recording_with_several_texts_is_noted(tmp_path, header):
    for name, period in (("a", 9), ("b", 7)):
        soundfile.write(tmp_path / f"{name}.wav", 0.3 * np.sin(np.arange(16_000) / period), 16_000)
    rows = "a.wav,0-1,the cat\na.wav,1-2,sat on the mat\nb.wav,0-1,Hello\nb.wav,0-1,hello\n"
    (tmp_path / "t.csv").write_text(f"{header}\n{rows}", encoding="utf-8")
    said: list[str] = []
    path = folder.prepare(tmp_path, tmp_path / "out", said.append)
    notes = [line for line in said if line.startswith("note, ")]
    assert len(notes) == 1 and "a.wav has another text at line 3" in notes[0] and "start and end" in notes[0]
    with open(path, encoding="utf-8", newline="") as file:
        texts = [row["transcription"] for row in csv.DictReader(file)]
    assert texts == ["the cat", "sat on the mat", "hello", "hello"]


def test_samples_beside_a_duration_in_seconds_are_cut_out(tmp_path):
    """SpeechBrain: ID,duration,wav,start,stop,wrd."""
    soundfile.write(tmp_path / "a.wav", 0.3 * np.sin(np.arange(32_000) / 9), 16_000)
    rows = "1,0.75,a.wav,0,12000,the cat\n2,1.25,a.wav,12000,32000,sat on the mat\n"
    (tmp_path / "t.csv").write_text(f"ID,duration,wav,start,stop,wrd\n{rows}", encoding="utf-8")
    path = folder.prepare(tmp_path, tmp_path / "out", lambda line: None)
    lengths = [soundfile.info(clip).frames for clip in sorted((path.parent / "wav").iterdir())]
    assert lengths == [12_000, 20_000]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_table_in_utf_16_is_named(tmp_path, encoding):
    (tmp_path / "t.tsv").write_bytes("path\ttext\na.wav\thello world\n".encode(encoding))
    with pytest.raises(UserError, match="not UTF-8: save it as UTF-8"):
        folder.prepare(tmp_path, tmp_path / "out")
