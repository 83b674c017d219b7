"""LibriSpeech, LJ Speech and Common Voice, from small replicas in their published layout."""

import csv
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib import cli
from omni_lib.audio import read_audio
from omni_lib.corpora import commonvoice, download, librispeech, ljspeech, published
from omni_lib.errors import UserError
from omni_lib.manifest import read_manifest
from tests.unit.test_download import Server, server  # noqa: F401


def sound(path: Path, rate: int, seconds: float = 1.0, **form: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.3 * np.sin(np.arange(int(rate * seconds)) / 9), rate, **form)


def make_librispeech(place: Path, subsets=("train-clean-100", "dev-clean", "test-other")) -> Path:
    root = place / "LibriSpeech"
    for number, subset in enumerate(subsets):
        speaker, chapter = 84 + number, 121123
        folder = root / subset / str(speaker) / str(chapter)
        lines = []
        for index, text in enumerate(("GO DO YOU HEAR", "THAT'S WHAT MISTER SMITH SAID")):
            sound(folder / f"{speaker}-{chapter}-{index:04}.flac", 16_000, 1 + index, subtype="PCM_16")
            lines.append(f"{speaker}-{chapter}-{index:04} {text}\n")
        (folder / f"{speaker}-{chapter}.trans.txt").write_text("".join(lines), encoding="utf-8")
    for name in ("README.TXT", "SPEAKERS.TXT", "CHAPTERS.TXT"):
        (root / name).write_text("; ID | SEX | SUBSET\n")
    return root


def make_ljspeech(place: Path) -> Path:
    root, lines = place / "LJSpeech-1.1", []
    for name, text in {
        "LJ001-0001": 'Printing, in the "only" sense',
        "LJ001-0002": "in being comparatively modern.",
        "LJ015-0001": "Mr. Paul was\u2019nt there",
        "LJ020-0001": "thirty-six pounds",
    }.items():
        sound(root / "wavs" / f"{name}.wav", 22_050, subtype="PCM_16")
        lines.append(f"{name}|{text.replace('thirty-six pounds', '£36')}|{text}\n")
    (root / "metadata.csv").write_text("".join(lines), encoding="utf-8")
    (root / "README").write_text("The LJ Speech Dataset")
    return root


HEADER = (
    "client_id\tpath\tsentence_id\tsentence\tsentence_domain\tup_votes\tdown_votes\tage\tgender\taccents"
    "\tvariant\tlocale\tsegment"
)


def make_commonvoice(place: Path) -> Path:
    root, number = place / "cv-corpus-17.0-2024-03-15" / "en", 0
    for split, sentences in {
        "train": ['"Hello" said she, and left 2 cats.', "Don't."],
        "dev": ["It is 7%."],
        "test": ["Über allen Gipfeln, café."],
    }.items():
        lines = [HEADER]
        for sentence in sentences:
            number += 1
            name = f"common_voice_en_{number}.mp3"
            sound(root / "clips" / name, 32_000, 1.5, format="MP3", subtype="MPEG_LAYER_III")
            client = f"{split:0<128}".encode().hex()[:128]
            lines.append(
                f"{client}\t{name}\tid{number}\t{sentence}\t\t2\t0\ttwenties\t\tScottish English\t\ten\t"
            )
        (root / f"{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.copy(root / "train.tsv", root / "validated.tsv")
    (root / "clip_durations.tsv").write_text("clip\tduration[ms]\n")
    return root.parent


def packed(folder: Path, archive: Path) -> Path:
    with tarfile.open(archive, f"w:{archive.suffix[1:]}") as file:
        file.add(folder, folder.name)
    return archive


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def shown(rows: list[dict[str, str]], *columns: str) -> list[tuple[str, ...]]:
    return [tuple(row[column] for column in columns) for row in rows]


LIBRISPEECH = [
    ("go do you hear", "84", "train", "train-clean-100"),
    ("thats what mister smith said", "84", "train", "train-clean-100"),
    ("go do you hear", "85", "dev", "dev-clean"),
    ("thats what mister smith said", "85", "dev", "dev-clean"),
    ("go do you hear", "86", "test", "test-other"),
    ("thats what mister smith said", "86", "test", "test-other"),
]


def test_librispeech_keeps_its_subsets_and_its_flac_where_it_lies(tmp_path):
    root = make_librispeech(tmp_path)
    said: list[str] = []
    for source in (root, tmp_path):
        path = librispeech.prepare([source], tmp_path / "out", said.append)
        rows = rows_of(path)
        assert shown(rows, "transcription", "speaker", "split", "kind") == LIBRISPEECH
        assert rows[0]["audio_path"] == str(
            root / "train-clean-100" / "84" / "121123" / "84-121123-0000.flac"
        )
    assert (
        said[-1]
        == "LibriSpeech: 6 utterances (train 2 of 1 speakers, dev 2 of 1 speakers, test 2 of 1 speakers), "
        "0 left out"
    )
    manifest = read_manifest(path)
    assert (
        not manifest.problems
        and [len(read_audio(row.path)) for row in manifest.utterances] == [16_000, 32_000] * 3
    )
    assert sorted(file.name for file in path.parent.iterdir()) == ["asr.csv", "corpus.json"]


def test_a_librispeech_chapter_without_its_list_is_named(tmp_path):
    root = make_librispeech(tmp_path)
    (root / "dev-clean" / "85" / "121123" / "85-121123.trans.txt").unlink()
    said: list[str] = []
    assert len(rows_of(librispeech.prepare([root], tmp_path / "out", said.append))) == 4
    assert any("dev-clean 85/121123: no list .trans.txt says" in line for line in said)


def test_archives_and_folders_of_single_subsets_add_up(tmp_path):
    root = make_librispeech(tmp_path / "a")
    archive = packed(make_librispeech(tmp_path / "b", ["dev-clean"]), tmp_path / "dev-clean.tar.gz")
    out = tmp_path / "out"
    rows = rows_of(librispeech.prepare([root / "train-clean-100", archive], out, lambda line: None))
    assert shown(rows, "split", "kind") == [("train", "train-clean-100")] * 2 + [("dev", "dev-clean")] * 2
    assert rows[2]["audio_path"] == "audio/dev-clean/LibriSpeech/dev-clean/84/121123/84-121123-0000.flac", (
        "the corpus can be moved"
    )
    said: list[str] = []
    unpacked = (out / "audio" / "dev-clean").stat().st_ino
    librispeech.prepare([root / "train-clean-100", archive], out, said.append)
    assert (out / "audio" / "dev-clean").stat().st_ino == unpacked and not any(
        "unpacking" in line for line in said
    )
    shutil.move(out, tmp_path / "moved")
    assert not read_manifest(tmp_path / "moved" / "asr.csv").problems
    with pytest.raises(UserError, match="dev-clean is given twice"):
        librispeech.prepare([root, archive], tmp_path / "out", lambda line: None)


def test_an_unpacking_that_was_killed_is_done_again(tmp_path):
    archive = packed(make_librispeech(tmp_path / "a", ["dev-clean"]), tmp_path / "dev-clean.tar.gz")
    half = tmp_path / "out" / "audio" / ".dev-clean.partial" / "LibriSpeech" / "dev-clean"
    half.mkdir(parents=True)
    (half / "half.flac").write_bytes(b"fLaC")
    assert len(rows_of(librispeech.prepare([archive], tmp_path / "out", lambda line: None))) == 2
    assert not list(tmp_path.rglob("half.flac"))


def test_a_damaged_archive_leaves_nothing(tmp_path):
    archive = packed(make_librispeech(tmp_path / "a", ["dev-clean"]), tmp_path / "dev-clean.tar.gz")
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"dev-clean\.tar\.gz.* is damaged"):
        librispeech.prepare([archive], tmp_path / "out", lambda line: None)
    assert not list((tmp_path / "out").rglob("*.flac")) and not (tmp_path / "out" / "asr.csv").exists()


def test_librispeech_by_its_address(server, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(download, "_CHUNK", 500)
    archive = packed(make_librispeech(tmp_path / "a", ["dev-clean"]), tmp_path / "dev-clean.tar.gz")
    server.files["/resources/12/dev-clean.tar.gz"] = archive.read_bytes()
    address, out, said = server.address("/resources/12/dev-clean.tar.gz"), tmp_path / "out", []
    server.break_after, server.breaks = 2000, 1
    with pytest.raises(UserError, match="cannot be fetched"):
        librispeech.prepare([address], out, said.append)
    for _ in range(2):
        rows = rows_of(librispeech.prepare([address], out, said.append))
        assert shown(rows, "speaker", "kind") == [("84", "dev-clean")] * 2
    assert len(server.ranges) == 2 and server.ranges[1].startswith("bytes="), "fetched once, in two pieces"
    assert not list((out / "downloads").glob("dev-clean*")), "the archive does not take the room twice"


def test_what_is_wrong_in_librispeech_is_named(tmp_path):
    root = make_librispeech(tmp_path, ["dev-clean"])
    folder = root / "dev-clean" / "84" / "121123"
    sound(folder / "84-121123-0009.flac", 16_000)
    (folder / "84-121123-0001.flac").unlink()
    with open(folder / "84-121123.trans.txt", "a", encoding="utf-8") as file:
        file.write("84-121123-0000 AGAIN\n../x OUT\n84-121123-0009\n")
    said: list[str] = []
    assert len(rows_of(librispeech.prepare([root], tmp_path / "out", said.append))) == 1
    problems = (tmp_path / "out" / "left_out.txt").read_text(encoding="utf-8").splitlines()
    assert [f"left out, {problem}" for problem in problems] == said[:-1] and len(problems) == 4
    for problem, words in zip(problems, ("line 2", "line 3", "line 4", "line 5"), strict=True):
        assert problem.startswith(f"dev-clean 84-121123.trans.txt {words}: ")
    assert (
        "0001.flac is missing" in problems[0]
        and "twice" in problems[1]
        and "'../x'" in problems[2]
        and "no word" in problems[3]
    )


LJSPEECH = [
    ("LJ001-0001", "printing in the only sense", "train"),
    ("LJ001-0002", "in being comparatively modern", "train"),
    ("LJ015-0001", "mister paul wasnt there", "dev"),
    ("LJ020-0001", "thirty six pounds", "test"),
]


@pytest.mark.parametrize("form", ["folder", "bz2"])
def test_ljspeech_takes_the_written_out_text_and_holds_out_whole_sections(tmp_path, form):
    root = make_ljspeech(tmp_path)
    source = root if form == "folder" else packed(root, tmp_path / "LJSpeech-1.1.tar.bz2")
    rows = rows_of(ljspeech.prepare([source], tmp_path / "out", lambda line: None))
    assert [(Path(row["audio_path"]).stem, row["transcription"], row["split"]) for row in rows] == LJSPEECH
    assert {row["speaker"] for row in rows} == {"lj"}
    waveform = read_audio(read_manifest(tmp_path / "out" / "asr.csv").utterances[0].path)
    assert len(waveform) == 16_000, "22.05 kHz is resampled when it is read"


def test_what_is_wrong_in_ljspeech_is_named(tmp_path):
    root = make_ljspeech(tmp_path)
    with open(root / "metadata.csv", "a", encoding="utf-8") as file:
        file.write("LJ001-0001|twice|twice\nLJ1|a|b\nLJ001-0003|two cells\nLJ001-0004|gone|gone\n")
    sound(root / "wavs" / "LJ001-0009.wav", 22_050)
    said: list[str] = []
    ljspeech.prepare([root], tmp_path / "out", said.append)
    assert (
        len(said) == 6
        and said[-1].startswith("LJSpeech: 4 utterances (train 2 of ")
        and said[-1].endswith(", 5 left out")
    )


def test_commonvoice_keeps_its_splits_and_reads_mp3(tmp_path):
    root = make_commonvoice(tmp_path)
    for source in (root, root / "en", packed(root, tmp_path / "cv-corpus-17.0-2024-03-15-en.tar.gz")):
        said: list[str] = []
        rows = rows_of(commonvoice.prepare([source], tmp_path / "out", said.append))
        assert shown(rows, "transcription", "split", "accent") == [
            ("hello said she and left two cats", "train", "Scottish English"),
            ("dont", "train", "Scottish English"),
            ("it is seven percent", "dev", "Scottish English"),
            ("uber allen gipfeln cafe", "test", "Scottish English"),
        ]
        assert len({row["speaker"] for row in rows}) == 3 and {len(row["speaker"]) for row in rows} == {16}
    waveform = read_audio(read_manifest(tmp_path / "out" / "asr.csv").utterances[0].path)
    assert len(waveform) == pytest.approx(24_000, abs=2400) and waveform.abs().max() > 0.2


def test_what_is_wrong_in_commonvoice_is_named(tmp_path):
    root = make_commonvoice(tmp_path)
    with open(root / "en" / "train.tsv", "a", encoding="utf-8") as file:
        file.write("a\tcommon_voice_en_1.mp3\ti\ttwice\t\t\t\t\t\t\t\ten\t\n")
        file.write("a\t../../x.mp3\ti\tout\t\t\t\t\t\t\t\ten\t\n")
        file.write("a\tb.mp3\ti\tkein Englisch\t\t\t\t\t\t\t\tde\t\n")
        file.write("a\tc.mp3\ttoo few\n")
        file.write("a\tgone.mp3\ti\tgone\t\t\t\t\t\t\t\ten\t\n")
    (root / "en" / "dev.tsv").unlink()
    said: list[str] = []
    commonvoice.prepare([root], tmp_path / "out", said.append)
    assert said[0] == "dev.tsv is not there: no row has the split dev"
    for line, words in zip(
        said[1:6],
        ("twice", "leads elsewhere", "'de'", "3 cells instead of 13", "gone.mp3 is missing"),
        strict=True,
    ):
        assert line.startswith("left out, train.tsv line ") and words in line
    (root / "en" / "test.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(UserError, match="lacks the columns client_id and path and sentence"):
        commonvoice.prepare([root], tmp_path / "out", said.append)


def test_a_name_that_no_file_can_have_is_named_and_its_row_left_out(tmp_path):
    root = make_commonvoice(tmp_path)
    with open(root / "en" / "train.tsv", "a", encoding="utf-8") as file:
        file.write(f"a\t{'x' * 300}.mp3\ti\ttoo long\t\t\t\t\t\t\t\ten\t\n")
    said: list[str] = []
    commonvoice.prepare([root], tmp_path / "out", said.append)
    assert said[0].startswith("left out, train.tsv line 4: its sound xxx") and "cannot be read" in said[0]
    assert len(said[0]) < 300


def test_many_problems_are_counted_on_the_screen_and_listed_in_a_file(tmp_path):
    root = make_ljspeech(tmp_path)
    with open(root / "metadata.csv", "a", encoding="utf-8") as file:
        file.writelines(f"LJ002-{number:04}|gone|gone\n" for number in range(30))
    said: list[str] = []
    ljspeech.prepare([root], tmp_path / "out", said.append)
    assert sum(line.startswith("left out, ") for line in said) == published.SHOWN + 1
    assert said[published.SHOWN] == f"left out, 20 more: {tmp_path / 'out' / 'left_out.txt'}"
    left_out = tmp_path / "out" / "left_out.txt"
    assert len(left_out.read_text(encoding="utf-8").splitlines()) == 30
    left_out.unlink()
    left_out.mkdir()
    with pytest.raises(UserError, match=r"left_out\.txt is a folder"):
        ljspeech.prepare([root], tmp_path / "out", said.append)


@pytest.mark.parametrize("name", ["librispeech", "ljspeech", "commonvoice"])
def test_the_commands_say_where_the_corpus_is_and_refuse_what_is_not_it(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["data", name]) == 0
    told = capsys.readouterr().out
    assert "Licence: " in told and "https://" in told and f"omni data {name} " in told
    (tmp_path / "other").mkdir()
    assert cli.main(["data", name, "other"]) == 2
    assert " is not " in capsys.readouterr().err
    assert cli.main(["data", name, "nowhere"]) == 2
    assert "nowhere does not exist: name a folder, an archive or an address" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_a_folder_of_the_users_own_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "asr.csv").write_text("my own work")
    with pytest.raises(UserError, match="was not made by this command"):
        ljspeech.prepare([make_ljspeech(tmp_path)], tmp_path / "out")
    assert (tmp_path / "out" / "asr.csv").read_text() == "my own work"
