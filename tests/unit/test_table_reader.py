"""Tables of other programs: what is read as it is, and what is refused with a remedy that helps when it is
followed."""

import csv
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib.corpora import folder
from omni_lib.errors import UserError
from omni_lib.machine.tables import is_litter, known_column
from omni_lib.manifest import read_manifest


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with three sounds of 2 s, 4 s and 1 s, and what operating systems leave behind."""
    place = tmp_path / "clips"
    for name, seconds in {"a.wav": 2, "b.wav": 4, "wavs/LJ001-0001.wav": 1}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(place / name, 0.5 * np.sin(np.arange(seconds * 8000) / 5), 8000)
    for name in ("._a.wav", "._t.csv", ".DS_Store", "Thumbs.db", "desktop.ini"):
        (place / name).write_bytes(b"\0\5\26\7")
    return place


def imported(place: Path, table: str, name: str = "t.csv") -> tuple[list[tuple[str, float]], list[str]]:
    """Texts and seconds of the rows that are written, and what is left out."""
    (place / name).write_text(table, encoding="utf-8")
    said: list[str] = []
    out = place.parent / "out"
    with open(folder.prepare(place, out, said.append), newline="", encoding="utf-8") as file:
        rows = [
            (row["transcription"], soundfile.info(out / row["audio_path"]).duration)
            for row in csv.DictReader(file)
        ]
    return rows, [line for line in said if line.startswith("left out")]


WHOLE = {
    "DeepSpeech": "wav_filename,wav_filesize,transcript\na.wav,41988,hello\n",
    "SpeechBrain": "ID,duration,wav,spk_id,wrd\nx1,2.0,a.wav,ann,HELLO\n",
    "Hugging Face": "file_name,text\na.wav,hello\n",
    "pandas' row numbers": ",path,sentence\n0,a.wav,hello\n",
    "Excel's empty columns": "path,text,,\na.wav,hello,,\n",
    "Excel's sep=": "sep=;\npath;text\na.wav;hello\n",
    "sep= in quotes": '"sep=;"\r\npath;text\r\na.wav;hello\r\n',
    "commas behind the rows": "path,text\na.wav,hello,,\n",
    "a space before a quote": 'path, text\na.wav, "hello"\n',
    "quotes with backslashes": 'path,text\na.wav,"\\"hello\\""\n',
    "pipes": "path|text\na.wav|hello\n",
    "a backslash in the path": "path,text\n.\\a.wav,hello\n",
    "capitals": "AUDIO_PATH,Transcription\na.wav,Hello\n",
    "NeMo": '{"audio_filepath": "a.wav", "duration": 2.0, "text": "hello"}\n',
    "JSON by name": '{"x1": {"wav": "a.wav", "length": 2.0, "words": "HELLO"}}',
    "Hugging Face's audio": '[{"audio": {"path": "a.wav", "bytes": null}, "text": "hello"}]',
}


@pytest.mark.parametrize("form", WHOLE)
def test_forms_of_other_programs_are_read(place, form):
    rows, left_out = imported(place, WHOLE[form], "t.json" if WHOLE[form][0] in "{[" else "t.csv")
    assert (rows, left_out) == ([("hello", 2.0)], [])


def test_ljspeechs_own_form_takes_the_last_column(place):
    assert imported(place, "LJ001-0001|Dr. 2|doctor two\n")[0] == [("doctor two", 1.0)]


SEGMENTS = {
    "Kaldi": "path,start,end,text\na.wav,0.5,1.25,hello\n",
    "SpeechBrain's samples": "ID,duration,wav,start,stop,wrd\nx,2.0,a.wav,4000,10000,hello there you\n",
    "milliseconds": "path,start_ms,end_ms,text\na.wav,500,1250,hello\n",
    "milliseconds found out": "path,start,end,text\na.wav,500,1250,hello\nb.wav,500,1250,hello\n",
    "the unit in brackets": "path,Start [ms],Duration [ms],text\na.wav,500,750,hello\n",
    "onset and offset": "path,onset,offset,text\na.wav,0.5,1.25,hello\n",
    "a clock": "path,start,end,text\na.wav,0:00.5,0:01.25,hello\n".replace("0:00.5", "0:00:00.5").replace(
        "0:01.25", "0:00:01.25"
    ),
    "NeMo": '{"audio_filepath": "a.wav", "offset": 0.5, "duration": 0.75, "text": "hello"}\n',
}


@pytest.mark.parametrize("form", SEGMENTS)
def test_segments_are_cut_out(place, form):
    rows, left_out = imported(place, SEGMENTS[form], "t.json" if SEGMENTS[form][0] == "{" else "t.csv")
    assert {seconds for _, seconds in rows} == {0.75} and not left_out


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("a.wav,1.5,2.5,hello", "ends at 2.5 s and the recording at 2.00 s"),
        ("a.wav,1.0,0.5,hello", "has no length"),
        ("a.wav,-1,0.5,hello", "has no length"),
        ("a.wav,x,0.5,hello", "'x', which is not a number"),
        ("a.wav,0.5,,hello", "end is '', which|duration is ''"),
        ("a.wav,nan,1,hello", "not a number"),
    ],
)
def test_segments_that_are_not_there_are_left_out_by_name(place, row, why):
    rows, (problem,) = imported(place, f"path,start,end,text\na.wav,0.5,1.5,yes\n{row}\n")
    assert rows == [("yes", 1.0)] and "line 3" in problem and any(each in problem for each in why.split("|"))


def test_a_duration_alone_is_only_a_check(place):
    rows, (problem,) = imported(place, "path,text,duration\na.wav,one,2\na.wav,two,2000\na.wav,part,0.7\n")
    assert [text for text, _ in rows] == ["one", "two"]
    assert "line 4: its duration is 0.7 and the recording lasts 2.00 s" in problem


# Each refused table, the words of its remedy, and the table with the remedy followed
REMEDIES = {
    "names that nobody knows": (
        "clip id,what\na.wav,hi\n".replace("clip id", "soundfile"), "audio_path",
        ("soundfile,what", "audio_path,transcription"),
    ),
    "no header and three columns": (
        "a.wav,x,hi\nb.wav,y,hi\n", "put a first line",
        ("a.wav,x", "audio_path,speaker,transcription\na.wav,x"),
    ),
    "times of unknown names": (
        "path,text,x0,x1\na.wav,hi you,0.0,1.0\na.wav,bye,1.0,2.0\n", "rename them to start and end",
        ("x0,x1", "start,end"),
    ),
    "a start without an end": (
        "path,text,start\na.wav,hi you,0.5\n", "add a column end",
        (",start\na.wav,hi you,0.5", ",start,end\na.wav,hi you,0.5,1.5"),
    ),
    "frames": (
        "path,text,start_frame,end_frame\na.wav,hi you,0,8000\n", "_samples",
        ("start_frame,end_frame", "start_samples,end_samples"),
    ),
    "other capitals": ("path,text\nA.WAV,hi\n", "write a.wav", ("A.WAV", "a.wav")),
    "no ending": ("path,text\na,hi\n", "write a.wav", ("\na,", "\na.wav,")),
    "another folder": ("path,text\nLJ001-0001.wav,hi\n", "write wavs/LJ001-0001.wav", ("LJ0", "wavs/LJ0")),
    "a path of Windows": ("path,text\nC:\\x\\a.wav,hi\n", "write a.wav", ("C:\\x\\", "")),
    "a path of another computer": ("path,text\n/home/me/a.wav,hi\n", "write a.wav", ("/home/me/", "")),
    "a comma in a text": ("path,text\na.wav,hi, you\n", "put quotes around", ("hi, you", '"hi, you"')),
    "typographic quotes": ("path,text\na.wav,“hi, you”\n", "straight quotes", ("“hi, you”", '"hi, you"')),
    "single quotes": ("path,text\na.wav,'hi, you'\n", "double quotes", ("'hi, you'", '"hi, you"')),
    "a quote inside": (
        'path,text\na.wav,so "hi, you"\n', "double the quotes inside",
        ('so "hi, you"', '"so ""hi, you"""'),
    ),
    "a name as in a web address": ("path,text\n%61.wav,hi\n", "write it as a path: a.wav", ("%61", "a")),
    "a file address": ("path,text\nfile:./a.wav,hi\n", "write it as a path: ./a.wav", ("file:", "")),
    "an evaluation split": ("path,text,split\na.wav,hi,eval\n", "write dev or test", ("eval", "test")),
    "a split of another name": ("path,text,split\na.wav,hi,validation\n", "write dev", ("validation", "dev")),
    "NULL": ("path,text\na.wav,NULL\n", "null", ("NULL", "null")),
    "a sound in a tag": ("path,text\na.wav,[door] hi\n", "write [noise]", ("[door]", "[noise]")),
    "a duration of a part": (
        "path,text,duration\na.wav,hi you,1.0\n", "add a column start",
        ("duration\na.wav,hi you,1.0", "duration,start\na.wav,hi you,1.0,0.5"),
    ),
    "one column": ("a.wav hello\n", "with a comma", ("a.wav hello", "a.wav,hello")),
}  # fmt: skip


@pytest.mark.parametrize("mistake", REMEDIES)
def test_every_remedy_helps(place, mistake):
    table, words, (before, after) = REMEDIES[mistake]
    with pytest.raises(UserError) as refusal:
        imported(place, table)
    assert words in str(refusal.value) and str(refusal.value).isprintable()
    assert before in table
    rows, left_out = imported(place, table.replace(before, after))
    assert rows and not left_out


def test_a_unit_that_several_would_do_for_is_not_guessed(place):
    table = "path,start,end,text\na.wav,0,2000,hello\n"
    with pytest.raises(UserError, match="ms or samples.*start_ms"):
        imported(place, table)
    assert imported(place, table.replace("start,end", "start_ms,end_ms"))[0] == [("hello", 2.0)]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_either_form_of_an_accent_names_the_file(place, form):
    other = "NFD" if form == "NFC" else "NFC"
    (place / "a.wav").rename(place / unicodedata.normalize(form, "café.wav"))
    assert imported(place, f"path,text\n{unicodedata.normalize(other, 'café.wav')},hi\n")[0] == [("hi", 2.0)]


def test_a_manifest_of_another_form_is_refused_with_the_command_that_reads_it(place):
    for table in (
        WHOLE["DeepSpeech"],
        WHOLE["Excel's sep="],
        SEGMENTS["Kaldi"].replace("path,", "audio_path,").replace("text", "transcription"),
    ):
        (place / "t.csv").write_text(table)
        with pytest.raises(UserError, match=r"'omni data folder .*t\.csv --out DIR'"):
            read_manifest(place / "t.csv")
        folder.prepare(place / "t.csv", place.parent / "out", lambda line: None)
        assert read_manifest(place.parent / "out" / "asr.csv").utterances


def test_an_empty_split_says_what_to_do_and_that_helps(place):
    rows = "".join(f"{name},one,train\n" for name in ("a.wav", "b.wav", "wavs/LJ001-0001.wav"))
    (place / "asr.csv").write_text("audio_path,transcription,split\n" + rows)
    with pytest.raises(UserError, match="leave that column empty in all rows"):
        read_manifest(place / "asr.csv").split("dev")
    (place / "asr.csv").write_text("audio_path,transcription,split\n" + rows.replace("train", ""))
    manifest = read_manifest(place / "asr.csv")
    assert all(manifest.split(name) for name in ("train", "dev", "test"))


def test_two_clips_are_dealt_to_train_and_dev(place):
    (place / "asr.csv").write_text("audio_path,transcription\na.wav,one\nb.wav,two\n")
    manifest = read_manifest(place / "asr.csv")
    assert len(manifest.split("train")) == len(manifest.split("dev")) == 1


def test_what_operating_systems_leave_is_never_data(place):
    for name in ("._a.wav", ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX/a.wav"):
        assert is_litter(Path(name))
    assert not is_litter(Path("a.wav")) and not is_litter(Path("_a.wav"))
    rows, (problem,) = imported(place, "path,text\na.wav,hi\n._a.wav,hi\n")
    assert rows == [("hi", 2.0)] and "of the operating system" in problem


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("Start [ms]", ("start", "ms")), ("duration_seconds", ("duration", "s")),
        ("audioFilepath", ("path", "")),
        ("num_samples", ("duration", "samples")), ("words", ("text", "")),
        ("up_votes", None), ("text (s)", None), ("", None),
    ],
)  # fmt: skip
def test_names_of_columns(name, column):
    found = known_column(name)
    assert (found[:2] if found else None) == column


@pytest.mark.parametrize("named", ["", "text", "wav.scp"])
@pytest.mark.parametrize("segments", [False, True])
def test_a_kaldi_folder_is_named_as_such_with_the_table_to_write(place, named, segments):
    (place / "wav.scp").write_text("u1 a.wav\nu2 b.wav\n")
    (place / "text").write_text("u1 HELLO\nu2 HI YOU\n")
    if segments:
        (place / "segments").write_text("u1 u1 0.0 1.0\nu2 u2 2.0 4.0\n")
    header = "audio_path,transcription" + ",start,end" * segments
    with pytest.raises(UserError, match=f"is a Kaldi data folder: write a table with a header {header} and"):
        folder.prepare(place / named, place.parent / "out", print)
    rows = ("a.wav,HELLO" + ",0.0,1.0" * segments, "b.wav,HI YOU" + ",2.0,4.0" * segments)
    written, left_out = imported(place, "\n".join([header, *rows]))
    assert written == [("hello", 1.0 if segments else 2.0), ("hi you", 2.0 if segments else 4.0)]
    assert not left_out, "the remedy helps, beside the files of Kaldi"
