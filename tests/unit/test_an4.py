"""CMU AN4: a small copy of its layout in every form, the real corpus where it is at hand, and hostile
archives."""

import csv
import io
import random
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib.corpora import an4, archive
from omni_lib.corpora.archive import unpack
from omni_lib.errors import UserError
from omni_lib.manifest import read_manifest

REAL = Path(__file__).parents[2] / ".." / "shared" / "an4"
TRAIN = {
    "an4_clstk/fash/an251-fash-b": "YES",
    "an4_clstk/fnsv/cen5-fnsv-b": "P I T T S B U R G H",
    "an4_clstk/mtos/an1-mtos-b": "GO TWO",
}
TEST = {"an4test_clstk/fcaw/an406-fcaw-b": "RUBOUT G M E F THREE NINE"}


def samples(seed: int) -> np.ndarray:
    """Half a second of a slow wave, 16-bit."""
    return (8000 * np.sin(np.arange(8000) / (20 + seed))).astype(np.int16)


def make_an4(root: Path, form: str = "wav", test: bool = False, endian: str = "BIG") -> Path:
    """A corpus of AN4's layout below the folder `root`."""
    (root / "etc").mkdir(parents=True)
    for part, texts in (("train", TRAIN), ("test", TEST if test else {})):
        if texts:
            (root / "etc" / f"an4_{part}.fileids").write_text("".join(f"{file_id}\n" for file_id in texts))
            spoken = (f"<s> {text} </s> ({Path(file_id).name})\n" for file_id, text in texts.items())
            (root / "etc" / f"an4_{part}.transcription").write_text("".join(spoken))
        for seed, file_id in enumerate(texts):
            path = root / "wav" / f"{file_id}.{form}"
            path.parent.mkdir(parents=True)
            kinds = {
                "wav": {"format": "WAV"},
                "sph": {"format": "NIST", "endian": "BIG"},
                "raw": {"format": "RAW", "endian": endian},
            }
            soundfile.write(path, samples(seed), 16_000, subtype="PCM_16", **kinds[form])
    return root


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def prepare(source: Path, out: Path, **more) -> tuple[list[dict[str, str]], list[str]]:
    """The rows of asr.csv and the lines of the report."""
    said: list[str] = []
    with open(an4.prepare(source, out, said.append, **more), newline="") as file:
        return list(csv.DictReader(file)), said


@pytest.mark.parametrize("form", ["wav", "sph", "raw"])
@pytest.mark.parametrize("place", ["an4 itself", "its parent", "archive"])
def test_every_form_and_place_gives_the_same_rows_and_samples(tmp_path, form, place):
    root, out = make_an4(tmp_path / "source" / "an4", form), tmp_path / "out"
    source = root if place == "an4 itself" else root.parent
    if place == "archive":
        source = tmp_path / f"an4_{form}.tar.gz"
        with tarfile.open(source, "w:gz") as tar:
            tar.add(root, "an4")
    rows, _ = prepare(source, out)
    assert [(row["audio_path"], row["transcription"], row["speaker"], row["split"]) for row in rows] == [
        ("wav/fash/an251-fash-b.wav", "yes", "fash", "train"),
        ("wav/fnsv/cen5-fnsv-b.wav", "p i t t s b u r g h", "fnsv", "dev"),
        ("wav/mtos/an1-mtos-b.wav", "go two", "mtos", "dev"),
    ]
    for seed, row in enumerate(rows):
        info = soundfile.info(out / row["audio_path"])
        assert (info.format, info.subtype, info.samplerate, info.channels) == ("WAV", "PCM_16", 16_000, 1)
        assert np.array_equal(soundfile.read(out / row["audio_path"], dtype="int16")[0], samples(seed))
    assert sorted(path.name for path in out.iterdir()) == ["asr.csv", "corpus.json", "wav"]


def test_raw_samples_of_the_other_byte_order_are_recognised(tmp_path):
    rows, _ = prepare(make_an4(tmp_path / "an4", "raw", endian="LITTLE"), tmp_path / "out")
    assert np.array_equal(
        soundfile.read(tmp_path / "out" / rows[0]["audio_path"], dtype="int16")[0], samples(0)
    )


def test_the_test_part_becomes_the_split_test_and_its_absence_is_said(tmp_path):
    rows, said = prepare(make_an4(tmp_path / "with" / "an4", test=True), tmp_path / "out_with")
    assert [(row["speaker"], row["transcription"]) for row in rows if row["split"] == "test"] == [
        ("fcaw", "rubout g m e f three nine")
    ]
    assert not any("not there" in line for line in said)
    rows, said = prepare(make_an4(tmp_path / "without" / "an4"), tmp_path / "out_without")
    assert {row["split"] for row in rows} == {"train", "dev"}
    assert any("an4_test.fileids" in line and "not there" in line for line in said)


def test_other_dev_speakers_and_absent_ones(tmp_path):
    rows, said = prepare(make_an4(tmp_path / "an4"), tmp_path / "out", dev_speakers=("fash", "nobody"))
    assert [row["split"] for row in rows] == ["dev", "train", "train"]
    assert any("nobody" in line and "fash" not in line for line in said)


def test_markup_is_not_speech(tmp_path):
    root = make_an4(tmp_path / "an4")
    edit(root / "etc" / "an4_train.transcription", "<s> YES </s>", "<s> YES(2) <sil> ++BREATH++ DON'T </s>")
    assert prepare(root, tmp_path / "out")[0][0]["transcription"] == "yes dont"


TRANSCRIPTS, FILE_IDS = "an4_train.transcription", "an4_train.fileids"
FAULTS = {
    "no transcription": (TRANSCRIPTS, "<s> YES </s> (an251-fash-b)\n", "", "no line in"),
    "another name": (TRANSCRIPTS, "(an251-fash-b)", "(an252-fash-b)", "an251-fash-b has no line in"),
    "name not listed": (TRANSCRIPTS, "(an251-fash-b)", "(an252-fash-b)", "an252-fash-b is not in"),
    "no name": (TRANSCRIPTS, "(an251-fash-b)", "", "does not end in the (name)"),
    "twice transcribed": (TRANSCRIPTS, "<s> GO", "<s> NO </s> (an251-fash-b)\n<s> GO", "is listed twice"),
    "twice listed": (
        FILE_IDS,
        "an4_clstk/mtos",
        "an4_clstk/fash/an251-fash-b\nan4_clstk/mtos",
        "is listed twice",
    ),
    "digits": (TRANSCRIPTS, "YES", "YES 7", "'7'"),
    "no word": (TRANSCRIPTS, "<s> YES", "<s>", "holds no word"),
    "leaves the folder": (FILE_IDS, "an4_clstk/fash/", "an4_clstk/../../fash/", "is not of the form"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_lines_are_listed_with_their_reason_and_the_others_used(tmp_path, fault):
    name, old, new, reason = FAULTS[fault]
    root = make_an4(tmp_path / "an4")
    edit(root / "etc" / name, old, new)
    rows, said = prepare(root, tmp_path / "out")
    lost = [line for line in said if line.startswith("left out")]
    assert any(reason in line and name.split(".")[0] in line for line in lost), said
    assert {"go two", "p i t t s b u r g h"} <= {row["transcription"] for row in rows}
    assert f"{len(lost)} left out" in said[-1]


@pytest.mark.parametrize("damage", ["missing", "empty", "no sound", "cut off"])
@pytest.mark.parametrize("form", ["wav", "sph"])
def test_clips_that_cannot_be_read_are_listed(tmp_path, damage, form):
    root = make_an4(tmp_path / "an4", form)
    path = root / "wav" / f"an4_clstk/fash/an251-fash-b.{form}"
    contents = {"empty": b"", "no sound": b"hello " * 300, "cut off": path.read_bytes()[:9000]}
    path.unlink() if damage == "missing" else path.write_bytes(contents[damage])
    rows, said = prepare(root, tmp_path / "out")
    assert [row["speaker"] for row in rows] == ["fnsv", "mtos"]
    (line,) = [line for line in said if line.startswith("left out")]
    assert "an251-fash-b" in line and str(tmp_path) not in line
    assert not (tmp_path / "out" / "wav" / "fash").exists()


def test_nothing_usable_leaves_nothing_behind(tmp_path):
    root = make_an4(tmp_path / "an4")
    shutil.rmtree(root / "wav")
    with pytest.raises(UserError, match="no utterance"):
        an4.prepare(root, tmp_path / "out", lambda line: None)
    assert [path.name for path in tmp_path.iterdir()] == ["an4"]


def test_an_interrupted_run_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(path, waveform):
        raise KeyboardInterrupt

    monkeypatch.setattr(an4, "write_clip", interrupt)
    with pytest.raises(KeyboardInterrupt):
        an4.prepare(make_an4(tmp_path / "an4"), tmp_path / "out", lambda line: None)
    assert [path.name for path in tmp_path.iterdir()] == ["an4"]


def test_a_second_run_does_nothing_and_a_changed_source_makes_it_anew(tmp_path):
    root, out = make_an4(tmp_path / "an4"), tmp_path / "out"
    prepare(root, out)
    before = (out / "asr.csv").stat().st_mtime_ns
    _, said = prepare(root, out)
    assert (out / "asr.csv").stat().st_mtime_ns == before and "already there" in said[0]
    edit(root / "etc" / "an4_train.transcription", "YES", "NO")
    assert prepare(root, out)[0][0]["transcription"] == "no"
    (out / "wav" / "fash" / "an251-fash-b.wav").unlink()  # incomplete: made anew
    prepare(root, out)
    assert (out / "wav" / "fash" / "an251-fash-b.wav").is_file()


@pytest.mark.parametrize("name", ["asr.csv", "wav/mine.wav"])
def test_what_is_not_ours_is_never_overwritten(tmp_path, name):
    mine = tmp_path / "out" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(UserError, match="was not made by this command"):
        prepare(make_an4(tmp_path / "an4"), tmp_path / "out")
    assert mine.read_text() == "mine"


def test_a_manifest_that_was_edited_is_kept(tmp_path):
    root, out = make_an4(tmp_path / "an4"), tmp_path / "out"
    prepare(root, out)
    edit(out / "asr.csv", "yes", "yes yes")
    with pytest.raises(UserError, match="was changed"):
        prepare(root, out)
    assert "yes yes" in (out / "asr.csv").read_text()


@pytest.mark.parametrize("what", ["nothing", "empty folder", "text file"])
def test_a_source_that_is_not_an4_is_named(tmp_path, what):
    source = tmp_path / "source"
    if what == "empty folder":
        source.mkdir()
    elif what == "text file":
        source.write_text("hello")
    with pytest.raises(UserError, match="source"):
        an4.prepare(source, tmp_path / "out", lambda line: None)
    assert not (tmp_path / "out").exists()


def member(name: str, size: int = 5, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.type, made.linkname = size, kind, link
    return made


HOSTILE = {
    "parent": (member("../evil"), "leads out"),
    "parent inside": (member("an4/../../evil"), "leads out"),
    "absolute": (member("/tmp/evil"), "leads out"),
    "backslash": (member("..\\evil"), "leads out"),
    "drive": (member("C:evil"), "leads out"),
    "symbolic link": (member("evil", 0, tarfile.SYMTYPE, "/etc/passwd"), "not a plain file"),
    "hard link": (member("evil", 0, tarfile.LNKTYPE, "good"), "not a plain file"),
    "device": (member("evil", 0, tarfile.CHRTYPE), "not a plain file"),
    "pipe": (member("evil", 0, tarfile.FIFOTYPE), "not a plain file"),
    "name twice": (member("good"), "twice"),
    "endless name": (member("x" * 100_000), "a header of"),
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_archives_are_refused_and_write_nothing_outside(tmp_path, attack):
    evil, reason = HOSTILE[attack]
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz", format=tarfile.GNU_FORMAT) as tar:
        for info in (member("good"), evil):
            tar.addfile(info, io.BytesIO(b"hello"))
    with pytest.raises(UserError, match=reason):
        unpack(tmp_path / "evil.tar.gz", tmp_path / "into" / "here")
    outside = {path for path in tmp_path.rglob("*") if path.is_file()} - set(
        (tmp_path / "into" / "here").rglob("*")
    )
    assert outside == {tmp_path / "evil.tar.gz"}
    assert not Path("/tmp/evil").exists()


def test_a_bomb_is_stopped_while_it_unpacks(tmp_path):
    with tarfile.open(tmp_path / "bomb.tar.gz", "w:gz") as tar:
        tar.addfile(member("zeros", 50_000_000), io.BytesIO(bytes(50_000_000)))
    assert (tmp_path / "bomb.tar.gz").stat().st_size < 100_000
    with pytest.raises(UserError, match="more than 1000000 bytes"):
        unpack(tmp_path / "bomb.tar.gz", tmp_path / "into", max_bytes=1_000_000)
    assert sum(path.stat().st_size for path in (tmp_path / "into").rglob("*")) <= 1_000_000


def test_a_bomb_that_no_file_is_written_of_is_stopped_too(tmp_path):
    with tarfile.open(tmp_path / "bomb.tar.gz", "w:gz") as tar:
        tar.addfile(member("folder/", 0, tarfile.DIRTYPE))
    inside = b"".join(member(f"folder{number}/", 0, tarfile.DIRTYPE).tobuf() for number in range(50))
    (tmp_path / "many.tar").write_bytes(inside)
    with pytest.raises(UserError, match="more than 20 files"):
        unpack(tmp_path / "many.tar", tmp_path / "into", max_files=20)
    with tarfile.open(
        tmp_path / "skipped.tar.gz", "w:gz"
    ) as tar:  # a folder with contents, which are skipped but unpacked
        tar.addfile(member("folder", 50_000_000, tarfile.CONTTYPE), io.BytesIO(bytes(50_000_000)))
    with pytest.raises(UserError, match="more"):
        unpack(tmp_path / "skipped.tar.gz", tmp_path / "into2", max_bytes=1_000_000, max_files=10)


@pytest.mark.parametrize("cut", [1, 50, 300, 2000])
def test_a_damaged_archive_is_named(tmp_path, cut):
    noise = random.Random(0).randbytes(5000)
    with tarfile.open(tmp_path / "whole.tar.gz", "w:gz") as tar:
        tar.addfile(member("noise", len(noise)), io.BytesIO(noise))
    unpack(tmp_path / "whole.tar.gz", tmp_path / "whole")
    assert (tmp_path / "whole" / "noise").read_bytes() == noise
    (tmp_path / "cut.tar.gz").write_bytes((tmp_path / "whole.tar.gz").read_bytes()[:-cut])
    with pytest.raises(UserError, match=r"cut\.tar\.gz is damaged"):
        unpack(tmp_path / "cut.tar.gz", tmp_path / "cut")


def test_a_hostile_archive_of_an4_leaves_no_trace(tmp_path):
    with tarfile.open(tmp_path / "an4.tar.gz", "w:gz") as tar:
        tar.add(make_an4(tmp_path / "source" / "an4"), "an4")
        tar.addfile(member("../evil"), io.BytesIO(b"hello"))
    with pytest.raises(UserError, match="leads out"):
        an4.prepare(tmp_path / "an4.tar.gz", tmp_path / "out", lambda line: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["an4.tar.gz", "source"]
    assert archive.MAX_BYTES > 100 * 2**20, "AN4 itself must pass"


def test_where_says_who_publishes_it_its_size_and_its_licence():
    assert all(word in an4.WHERE for word in ("Carnegie Mellon", "64 MB", "Licence", "omni data an4"))


def test_the_real_corpus(tmp_path):
    if not (REAL / "etc" / "an4_train.fileids").is_file():
        pytest.skip(reason=f"CMU AN4 is not at {REAL}: the dev speakers and its 948 rows are NOT tested here")
    rows, said = prepare(REAL, tmp_path / "out")
    assert len(rows) == 948 and said[-1].endswith("0 left out")
    speakers = sorted({row["speaker"] for row in rows})
    assert len(speakers) == 74
    random.Random(0).shuffle(speakers)
    assert tuple(sorted(speakers[:10])) == an4.DEV_SPEAKERS
    assert tuple(sorted(speakers[10:20])) == an4.CONFIRMATION_SPEAKERS
    assert {row["speaker"] for row in rows if row["split"] == "dev"} == set(an4.DEV_SPEAKERS)
    source = soundfile.read(REAL / "wav" / "an4_clstk" / "fash" / "an251-fash-b.wav", dtype="int16")[0]
    assert np.array_equal(
        soundfile.read(tmp_path / "out" / "wav" / "fash" / "an251-fash-b.wav", dtype="int16")[0], source
    )
    assert not read_manifest(tmp_path / "out" / "asr.csv").problems
