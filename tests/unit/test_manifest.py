"""`asr.csv`: whatever a table holds, each row is used or listed with its line and its reason."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_lib.errors import UserError
from omni_lib.manifest import SPLITS, Utterance, assign_splits, read_manifest, write_manifest

HEADER = b"audio_path,transcription,speaker,split\n"


@pytest.fixture
def table(tmp_path: Path):
    """A function that writes bytes to an asr.csv beside two files, a.wav and b.wav."""
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).touch()

    def write(contents: bytes) -> Path:
        (tmp_path / "asr.csv").write_bytes(contents)
        return tmp_path / "asr.csv"

    return write


def test_a_row_and_its_defaults(table, tmp_path):
    (row,) = read_manifest(
        table(b"audio_path,transcription\na.wav,Don't STOP!\n"), deal_splits=False
    ).utterances
    assert row == Utterance(tmp_path / "a.wav", "dont stop", line=2)


@pytest.mark.parametrize(
    "contents",
    [
        b"\xef\xbb\xbf" + HEADER + b"a.wav,one,s,train\nb.wav,two,t,dev\n",  # BOM
        (HEADER + b"a.wav,one,s,train\nb.wav,two,t,dev\n").replace(b"\n", b"\r\n"),
        HEADER + b'"a.wav","one","s","train"\n"b.wav","two","t","dev"',  # quotes, and no end of the last line
        # another order, one column more
        b"split,speaker,transcription,audio_path,note\ntrain,s,one,a.wav,x\ndev,t,two,b.wav,y\n",
        HEADER + b"\n a.wav , one ,s,train\n\n\nb.wav,two,t,dev\n\n",  # blank lines and spaces
    ],
)
def test_the_ways_to_write_a_table(table, contents):
    manifest = read_manifest(table(contents))
    assert [(row.path.name, row.text, row.speaker, row.split) for row in manifest.utterances] == [
        ("a.wav", "one", "s", "train"),
        ("b.wav", "two", "t", "dev"),
    ]
    assert manifest.problems == []


def test_absolute_and_parent_paths(table, tmp_path):
    path = table(HEADER + f"{tmp_path / 'a.wav'},one,,\n../{tmp_path.name}/b.wav,two,,\n".encode())
    assert [row.path.resolve() for row in read_manifest(path).utterances] == [
        tmp_path / "a.wav",
        tmp_path / "b.wav",
    ]


BAD_ROWS = {
    b",one,,": "audio_path is empty",
    b"a\0.wav,one,,": "NUL",
    b"c.wav,one,,": "c.wav does not exist",
    b"a.wav,,,": "holds no word",
    b"a.wav": "holds no word",
    b"a.wav,one 1,,": "'1'",
    b"a.wav,one,s,training": "split 'training' must be one of train, dev, test",
    b"a.wav,one, two,s,train": "more cells than the header",
    b'a.wav,"one\nb.wav,two",s,train': "several lines",
    b"x" * 300 + b",one,,": "File name too long",
}


@pytest.mark.parametrize("bad", BAD_ROWS)
def test_bad_rows_are_listed_by_line_and_the_others_used(table, bad):
    manifest = read_manifest(table(HEADER + b"a.wav,one,,\n" + bad + b"\nb.wav,two,,\n"))
    assert [row.text for row in manifest.utterances] == ["one", "two"]
    (problem,) = manifest.problems
    assert problem.line == 3 + bad.count(b"\n") and BAD_ROWS[bad] in problem.reason
    assert "\n" not in str(problem)


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (b"", "audio_path and transcription"),
        (b"a.wav,one\n", "lacks the columns audio_path and transcription"),
        (b"audio_path\na.wav\n", "lacks the column transcription"),
        (HEADER, "no usable row"),
        (HEADER + b"c.wav,one,,\n", "no usable row; the first problem is at line 2: c.wav"),
        (HEADER + b"a.wav,one,,\nb.wav,caf\xe9,,\n", "not UTF-8 at byte 60"),
        (HEADER.decode().encode("utf-16"), "not UTF-8 at byte 0"),
        (HEADER + b'a.wav,"one,,\nb.wav,two,,\n', "from line 2 on: unexpected end of data"),
        (HEADER + b"a.wav," + b"x" * 200_000 + b",,\n", "field larger than field limit"),
    ],
)
def test_tables_that_cannot_be_used_are_refused_in_one_line(table, contents, words):
    with pytest.raises(UserError, match=words) as refusal:
        read_manifest(table(contents))
    assert "\n" not in str(refusal.value) and "asr.csv" in str(refusal.value)


def test_lines_are_counted_with_the_blank_ones(table):
    manifest = read_manifest(table(HEADER + b"\n\n\na.wav,one,,\n\n\nc.wav,two,,\n"))
    assert ([row.line for row in manifest.utterances], [problem.line for problem in manifest.problems]) == (
        [5],
        [8],
    )


@pytest.mark.parametrize("address", ["file://", "file://localhost", "file:", "FILE://"])
def test_the_address_of_a_file_is_refused_with_its_path(tmp_path, address):
    (tmp_path / "a b.wav").touch()
    table = tmp_path / "asr.csv"
    table.write_text(f"audio_path,transcription\n{address}{tmp_path}/a%20b.wav,one\n", encoding="utf-8")
    with pytest.raises(UserError, match=f"so write it as a path: {tmp_path}/a b.wav$"):
        read_manifest(table)
    table.write_text(f"audio_path,transcription\n{tmp_path}/a b.wav,one\n", encoding="utf-8")
    assert read_manifest(table).utterances[0].path == tmp_path / "a b.wav"


def test_a_split_of_another_name_is_refused_with_ours(tmp_path):
    (tmp_path / "a.wav").touch()
    (tmp_path / "asr.csv").write_text("audio_path,transcription\na.wav,one\n", encoding="utf-8")
    manifest = read_manifest(tmp_path / "asr.csv")
    for name, ours in (
        ("valid", "write dev"),
        ("te", "write test"),
        ("eval", "write dev or test"),
        ("nightly", "train, dev, test$"),
    ):
        with pytest.raises(UserError, match=f"split '{name}' must be one of .*{ours}"):
            manifest.split(name)


def test_no_table_at_all(tmp_path):
    for path in (tmp_path / "asr.csv", tmp_path / "nowhere" / "asr.csv"):
        with pytest.raises(UserError, match=f"correct the path, or .*'omni data synth --out {path.parent}'"):
            read_manifest(path)
    with pytest.raises(UserError, match=r"none\.csv does not exist: .*with one of the commands"):
        read_manifest(tmp_path / "none.csv")  # the embedded corpus would not have that name
    (tmp_path / "words.csv").write_text("audio_path,transcription\n")
    with pytest.raises(UserError, match=r"correct the path \(in that folder: words\.csv\)"):
        read_manifest(tmp_path / "asr.csv")
    with pytest.raises(UserError, match="cannot be read"):
        read_manifest(tmp_path)


def test_rows_that_stand_twice_are_both_there_with_their_lines(table):
    manifest = read_manifest(table(HEADER + b"a.wav,one,s,train\na.wav,one,s,train\n"))
    assert [row.line for row in manifest.utterances] == [2, 3]


def test_an_empty_split_is_named_with_those_there_are(table):
    manifest = read_manifest(table(HEADER + b"a.wav,one,s,train\nb.wav,two,t,dev\n"))
    assert [row.text for row in manifest.split("dev")] == ["two"]
    with pytest.raises(UserError, match=r"'test' \(it has: dev, train\)"):
        manifest.split("test")


def test_what_is_written_is_read_again(tmp_path):
    rows = [
        Utterance(tmp_path / "wav" / "a, b.wav", "one two", "Zoë", "train", "free", "scottish"),
        Utterance(tmp_path / 'say "c".wav', "three", "", "dev"),
    ]
    for row in rows:
        row.path.parent.mkdir(exist_ok=True)
        row.path.touch()
    write_manifest(tmp_path / "asr.csv", rows)
    read = read_manifest(tmp_path / "asr.csv").utterances
    assert [Utterance(**{**vars(row), "line": 0}) for row in read] == rows
    assert sorted(path.name for path in tmp_path.iterdir()) == ["asr.csv", 'say "c".wav', "wav"]
    assert str(tmp_path) not in (tmp_path / "asr.csv").read_text(encoding="utf-8"), "the folder can be moved"


def test_rows_can_be_written_into_another_folder(tmp_path, monkeypatch):
    """The paths of a manifest that was read by a relative path are relative to the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "a.wav").touch()
    (tmp_path / "first" / "asr.csv").write_bytes(HEADER + b"a.wav,one,s,train\n")
    write_manifest("second/asr.csv", read_manifest("first/asr.csv").utterances)
    (row,) = read_manifest("second/asr.csv").utterances
    assert row.path == tmp_path / "first" / "a.wav" and row.text == "one"


@given(
    st.lists(
        st.lists(
            st.one_of(
                st.sampled_from(["a.wav", "b.wav", "one two", "train", "test", ""]),
                st.text("ab ,\";'é7\0\r\n\t", max_size=6),
            ),
            max_size=6,
        ).map(lambda cells: ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)),
        max_size=8,
    )
)
def test_rows_in_are_rows_used_plus_rows_listed(table, rows):
    path = table(HEADER + "".join(f"{row}\n" for row in rows).encode())
    written = sum(row != "" for row in rows)
    try:
        manifest = read_manifest(path)
    except UserError as refusal:
        assert "no usable row" in str(refusal)  # and never any other trouble: the table itself is well-formed
        return
    assert len(manifest.utterances) + len(manifest.problems) == written
    lines = [row.line for row in manifest.utterances] + [problem.line for problem in manifest.problems]
    assert len(set(lines)) == written
    assert all(row.path.is_file() and row.text and row.split in SPLITS for row in manifest.utterances)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_manifest_or_one_line_of_refusal(table, contents):
    try:
        assert read_manifest(table(contents)).utterances
    except UserError as refusal:
        assert str(refusal) and "\n" not in str(refusal).replace("\\n", "")


def rows_of(speakers: list[tuple[str, str]]) -> list[Utterance]:
    return [
        Utterance(Path(f"{index}.wav"), "one", speaker, split)
        for index, (speaker, split) in enumerate(speakers)
    ]


def splits_by_speaker(rows: list[Utterance]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.speaker, set()).add(row.split)
    return found


@given(st.lists(st.tuples(st.sampled_from("abcdefghij"), st.just("")), min_size=1, max_size=60))
def test_no_speaker_is_in_two_splits(speakers):
    rows = rows_of(speakers)
    dealt = assign_splits(rows)
    assert dealt == assign_splits(rows), "the same rows always get the same splits"
    assert [row.path for row in dealt] == [row.path for row in rows]
    voices = splits_by_speaker(dealt)
    if len(voices) > 2:
        assert all(len(splits) == 1 for splits in voices.values())
        assert {split for splits in voices.values() for split in splits} == set(SPLITS)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans()), min_size=1, max_size=40))
def test_a_speaker_whose_split_is_given_in_one_row_keeps_it_in_all(speakers):
    given_splits = {speaker: SPLITS[index % 3] for index, speaker in enumerate("abcdefgh")}
    dealt = assign_splits(
        rows_of([(speaker, given_splits[speaker] if known else "") for speaker, known in speakers])
    )
    settled = {speaker for speaker, known in speakers if known}
    voices = splits_by_speaker(dealt)
    assert all(voices[speaker] == {given_splits[speaker]} for speaker in settled)
    if settled:
        assert all(len(splits) == 1 for splits in voices.values())


def test_the_shares_are_about_those_asked_for():
    dealt = assign_splits(rows_of([(f"speaker{index % 100}", "") for index in range(1000)]))
    counts = {split: sum(row.split == split for row in dealt) for split in SPLITS}
    assert counts == {"train": 800, "dev": 100, "test": 100}


@pytest.mark.parametrize("speakers", [["me"] * 20, ["me", "you"] * 10, [""] * 20])
def test_one_voice_two_or_none_named_can_still_be_trained_on(speakers):
    dealt = assign_splits(rows_of([(speaker, "") for speaker in speakers]))
    assert [sum(row.split == split for row in dealt) for split in SPLITS] == [16, 2, 2]


def test_a_split_that_is_given_is_never_changed():
    rows = rows_of([("a", "train"), ("a", "test"), ("b", "dev")])
    assert assign_splits(rows) == rows


@pytest.mark.parametrize(
    ("name", "ours"),
    [("Split", "split"), ("subset", "split"), ("Speaker", "speaker"), ("speaker_id", "speaker")],
)
def test_speakers_and_splits_under_other_names_are_not_ignored(table, name, ours):
    """They would be dealt anew, so that rows for tests could be trained on."""
    with pytest.raises(UserError, match=f"has the column '{name}', .* rename it to {ours}"):
        read_manifest(table(f"audio_path,transcription,{name}\na.wav,hello,train\n".encode()))


def test_starts_in_samples_are_refused_in_a_manifest(table):
    with pytest.raises(UserError, match="has the column frame_offset"):
        read_manifest(table(b"audio_path,transcription,frame_offset,num_frames\na.wav,hello,800,1600\n"))


@pytest.mark.parametrize(
    ("contents", "kind"),
    [
        (b"<!DOCTYPE html><html>", "a web page, not a manifest"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS, not a manifest"),
        (b"PK\3\4\0\0", "a checkpoint, an Excel workbook or another archive, not a manifest"),
        (b"\x1f\x8b\x08", "packed, not a manifest: unpack it"),
        (b'{"audio_path": "a.wav"}\n', "JSON, not a manifest: 'omni data folder .*' reads"),
        (b'[ {"audio_path": "a.wav"}]', "JSON, not a manifest: 'omni data folder .*' reads"),
    ],
)
def test_what_is_named_in_place_of_a_manifest_is_told(tmp_path, contents, kind):
    (tmp_path / "asr.csv").write_bytes(contents)
    with pytest.raises(UserError, match=f"asr.csv is {kind}"):
        read_manifest(tmp_path / "asr.csv")
