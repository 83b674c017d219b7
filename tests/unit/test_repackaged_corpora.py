"""Corpora as people and other sites pack them again: read, or refused by their own cause."""

import shutil
import zipfile
from pathlib import Path

import pytest

from omni_lib.corpora import commonvoice, librispeech
from omni_lib.errors import UserError
from tests.unit.test_published_corpora import (
    LIBRISPEECH,
    make_commonvoice,
    make_librispeech,
    packed,
    rows_of,
    shown,
)


def prepared(corpus, source: Path, out: Path) -> tuple[list[dict[str, str]], list[str]]:
    said: list[str] = []
    return rows_of(corpus.prepare([source], out, said.append)), said


def changed(table: Path, before: str, after: str) -> None:
    text = table.read_text(encoding="utf-8")
    assert before in text
    table.write_text(text.replace(before, after), encoding="utf-8")


@pytest.mark.parametrize("below", ["LibriSpeech", "data"])
def test_a_librispeech_in_further_folders_is_found(tmp_path, below):
    (tmp_path / "all" / below).mkdir(parents=True)
    make_librispeech(tmp_path / "all" / below)
    (tmp_path / "all" / "__MACOSX" / "LibriSpeech" / "dev-clean").mkdir(parents=True)
    rows, _ = prepared(librispeech, tmp_path / "all", tmp_path / "out")
    assert shown(rows, "transcription", "speaker", "split", "kind") == LIBRISPEECH


def test_mini_librispeech_is_read(tmp_path):
    make_librispeech(tmp_path, ("train-clean-5", "dev-clean-2"))
    rows, _ = prepared(librispeech, tmp_path, tmp_path / "out")
    assert {(row["split"], row["kind"]) for row in rows} == {
        ("train", "train-clean-5"),
        ("dev", "dev-clean-2"),
    }


def test_a_sound_whose_ending_has_capitals_is_read(tmp_path):
    chapter = make_librispeech(tmp_path) / "dev-clean" / "85" / "121123"
    (chapter / "85-121123-0000.flac").rename(chapter / "85-121123-0000.FLAC")
    rows, said = prepared(librispeech, tmp_path, tmp_path / "out")
    assert shown(rows, "transcription", "speaker", "split", "kind") == LIBRISPEECH
    assert said[-1].endswith("0 left out")


def test_a_folder_of_archives_names_them(tmp_path):
    (tmp_path / "files").mkdir()
    packed(make_librispeech(tmp_path), tmp_path / "files" / "dev-clean.tar.gz")
    with pytest.raises(UserError, match="it holds the archive dev-clean.tar.gz: name that"):
        librispeech.prepare([tmp_path / "files"], tmp_path / "out")


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"<!DOCTYPE html><html>", "is a web page, not an archive: download the file itself"),
        (b"\xfd7zXZ\0", "is packed in a way that is not read here: unpack it, and name its folder"),
        (b"client_id\tpath\n" * 99, "is text, not an archive: name the folder of the corpus"),
    ],
)
def test_what_is_not_a_tar_archive_is_named(tmp_path, contents, message):
    (tmp_path / "a.tar.gz").write_bytes(contents)
    for corpus in (commonvoice, librispeech):
        with pytest.raises(UserError, match=message):
            corpus.prepare([tmp_path / "a.tar.gz"], tmp_path / "out")


def test_a_zip_archive_is_to_be_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "cv.zip", "w") as archive:
        archive.writestr("en/train.tsv", "")
    with pytest.raises(UserError, match="cv.zip is a ZIP archive, .*: unpack it, and name its folder"):
        commonvoice.prepare([tmp_path / "cv.zip"], tmp_path / "out")


COMMON_VOICE = [
    ("hello said she and left two cats", "train"),
    ("dont", "train"),
    ("it is seven percent", "dev"),
    ("uber allen gipfeln cafe", "test"),
]


@pytest.mark.parametrize(
    "change", ["doubled", "clips/ in the paths", "no endings", "no tabs at the ends", "no locale"]
)
def test_a_common_voice_that_was_packed_again_is_read(tmp_path, change):
    root = make_commonvoice(tmp_path)
    if change == "doubled":
        (tmp_path / "again").mkdir()
        root = root.rename(tmp_path / "again" / root.name).parent
        (tmp_path / "more").mkdir()
        root = root.rename(tmp_path / "more" / "again").parent
    for split in ("train", "dev", "test") if change != "doubled" else ():
        table = root / "en" / f"{split}.tsv"
        if change == "clips/ in the paths":
            changed(table, "\tcommon_voice", "\tclips/common_voice")
        if change == "no endings":
            changed(table, ".mp3\t", "\t")
        if change == "no tabs at the ends":
            changed(table, "\t\ten\t\n", "\n")
        if change == "no locale":
            changed(table, "\ten\t\n", "\t\t\n")
    rows, said = prepared(commonvoice, root, tmp_path / "out")
    assert shown(rows, "transcription", "split") == COMMON_VOICE
    assert said[-1].endswith("0 left out")


def test_a_common_voice_without_train_is_read(tmp_path):
    root = make_commonvoice(tmp_path)
    (root / "en" / "train.tsv").unlink()
    rows, said = prepared(commonvoice, root, tmp_path / "out")
    assert shown(rows, "transcription", "split") == COMMON_VOICE[2:]
    assert said[0] == "train.tsv is not there: no row has the split train"


def renamed(root: Path, old: str, new: str) -> None:
    shutil.move(root / "en" / old, root / "en" / new)


def without_splits(root: Path) -> None:
    for split in ("train", "dev", "test"):
        (root / "en" / f"{split}.tsv").unlink()


def with_archive(root: Path) -> None:
    packed(root / "en" / "clips", root / "en" / "clips.tar")
    shutil.rmtree(root / "en" / "clips")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_splits, "has validated.tsv, and none of train.tsv, dev.tsv and test.tsv, which hold the"),
        (with_archive, "has no folder clips beside its tables: unpack clips.tar there"),
        (
            lambda root: renamed(root, "clips", "mp3"),
            "has no folder clips beside its tables: unpack the whole",
        ),
        (
            lambda root: (root / "en").rename(root / "de"),
            "holds de/train.tsv and no en/train.tsv: the rules for",
        ),
    ],
)
def test_what_a_common_voice_lacks_is_named(tmp_path, change, message):
    root = make_commonvoice(tmp_path)
    change(root)
    with pytest.raises(UserError, match=message):
        commonvoice.prepare([root], tmp_path / "out")


def test_a_table_in_place_of_an_archive_leaves_no_folder(tmp_path):
    table = make_commonvoice(tmp_path) / "en" / "train.tsv"
    with pytest.raises(UserError, match="is text, not an archive: name the folder of the corpus"):
        commonvoice.prepare([table], tmp_path / "out", print)
    assert not (tmp_path / "out").exists()
