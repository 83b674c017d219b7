"""A run is resumed on the data that it began with: a change is named, and data that is the same goes on."""

import csv
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
import torch

from omni_lib.cli import main
from omni_lib.config import Config
from omni_lib.errors import UserError
from omni_lib.manifest import Utterance, read_manifest, write_manifest
from omni_lib.session import train
from omni_lib.training.checkpoint import periodic_checkpoints, save_checkpoint
from omni_lib.training.fingerprint import Fingerprint, Row
from omni_lib.weights import load_checkpoint

TEXTS = (
    "bad cab",
    "abe dad",
    "bee bad",
    "cab bad",
    "dad bee",
    "ebb cab",
    "bad abe",
    "bee dad",
)  # two for dev


def quiet(line: str) -> None:
    """Receives what training reports, and drops it."""


def read_rows(path: Path) -> list[list[str]]:
    """The cells of a manifest, its header first."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def write_rows_back(path: Path, rows: list[list[str]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def edited(path: Path, edit: Callable[[list[list[str]]], object]) -> None:
    """Apply `edit` to the cells of a manifest; cells are audio_path, transcription, speaker, split, …"""
    rows = read_rows(path)
    edit(rows)
    write_rows_back(path, rows)


def another_sound(path: Path) -> None:
    """Overwrite a sound with another of the same length, size and time of change."""
    samples, rate = soundfile.read(path)
    before = path.stat()
    soundfile.write(path, samples[::-1], rate, subtype="PCM_16")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size and path.stat().st_mtime_ns == before.st_mtime_ns


def set_cell(line: int, column: int, value: str) -> Callable[[Path], None]:
    """An edit of one cell; `line` counts from 1, the header included."""

    def edit(path: Path) -> None:
        edited(path, lambda rows: rows[line - 1].__setitem__(column, value))

    return edit


def swap(first: int, second: int, column: int | None = None) -> Callable[[Path], None]:
    """An edit that swaps two lines, or their cells in one column."""

    def exchange(rows: list[list[str]]) -> None:
        left, right = rows[first - 1], rows[second - 1]
        if column is None:
            rows[first - 1], rows[second - 1] = right, left
        else:
            left[column], right[column] = right[column], left[column]

    return lambda path: edited(path, exchange)


CHANGES = {
    "a corrected text": (set_cell(3, 1, "abe bad"), "line 3 (clip_1.wav), text: 'abe dad' -> 'abe bad'"),
    "swapped texts": (
        swap(2, 4, column=1),
        "line 2 (clip_0.wav), text: 'bad cab' -> 'bee bad', the first of 2 rows that changed",
    ),
    "other row order": (
        swap(3, 5),
        "order of the train rows: where line 3 (clip_1.wav) was, line 3 (clip_3.wav) is",
    ),
    "a sound replaced": (
        lambda path: another_sound(path.parent / "clip_2.wav"),
        "line 4 (clip_2.wav), sound: the file's SHA-256",
    ),
    "a row gone": (
        lambda path: edited(path, lambda rows: rows.pop(3)),
        "line 4 (clip_2.wav) 'bee bad', a train row, is missing",
    ),
    "a row more": (
        lambda path: edited(path, lambda rows: rows.insert(2, [rows[1][0], "cab", *rows[1][2:]])),
        "line 3 (clip_0.wav) 'cab' is a new train row",
    ),
    "another split": (set_cell(4, 3, "dev"), "line 4 (clip_2.wav), split: train -> dev"),
    "a dev text": (set_cell(9, 1, "bee"), "line 9 (clip_7.wav), text: 'bee dad' -> 'bee'"),
    "a dev sound": (
        lambda path: another_sound(path.parent / "clip_6.wav"),
        "line 8 (clip_6.wav), sound: the file's SHA-256",
    ),
}


@pytest.fixture(scope="module", params=[0.0, 1.0], ids=["", "word_ctc"])
def template(request, make_tiny_config, tones_csv, tmp_path_factory) -> tuple[Path, Config]:
    """A folder with data/ and run/, a run that stopped after its first step, and the settings of the run."""
    folder = tmp_path_factory.mktemp("template")
    (folder / "data").mkdir()
    rows = []
    for number, text in enumerate(TEXTS):
        path = folder / "data" / f"clip_{number}.wav"
        shutil.copy(tones_csv.parent / "wav" / f"train_{number}.wav", path)
        rows.append(Utterance(path, text, f"speaker{number}", "train" if number < 6 else "dev"))
    write_manifest(folder / "data" / "asr.csv", rows)
    settings = {"data_path": str(folder / "data" / "asr.csv"), "word_ctc": request.param, "muon_rate": 0.0}
    config = make_tiny_config(folder / "run", batch_size=3, num_epochs=2, **settings)
    train(config, max_steps=1, report=quiet)
    return folder, config


@pytest.fixture
def stopped(template, tmp_path) -> Config:
    """The settings of a run of one's own that stopped after one of its four steps: a copy, data included."""
    folder, config = template
    shutil.copytree(folder, tmp_path / "copy")
    data = tmp_path / "copy" / "data" / "asr.csv"
    return replace(config, data_path=str(data), save_dir=str(tmp_path / "copy" / "run"))


def data_of(config: Config) -> Path:
    return Path(config.data_path)


def forget_fingerprint(config: Config) -> None:
    """Make the checkpoint one of a version that kept no fingerprint."""
    (path,) = periodic_checkpoints(Path(config.save_dir))
    contents = load_checkpoint(path)
    del contents["resume"]["data"], contents["resume"]["words"], contents["config"]["accept_changed_data"]
    contents["config"]["data_path"] = config.data_path
    save_checkpoint(path, contents)


# What is the same goes on


def test_a_copied_folder_goes_on_whatever_its_times(stopped):
    for path in data_of(stopped).parent.iterdir():
        os.utime(path, (1, 1))
    result = train(stopped, resume=True, report=quiet)
    assert (result.step, result.total_steps, result.interrupted) == (4, 4, False)


def test_a_moved_folder_goes_on(stopped):
    elsewhere = data_of(stopped).parent.rename(data_of(stopped).parent.with_name("moved"))
    assert train(replace(stopped, data_path=str(elsewhere / "asr.csv")), resume=True, report=quiet).step == 4


def test_another_name_of_the_same_folder_goes_on(stopped, monkeypatch):
    monkeypatch.chdir(data_of(stopped).parents[1])
    assert train(replace(stopped, data_path="data/../data/asr.csv"), resume=True, report=quiet).step == 4


def test_what_training_does_not_use_may_change(stopped):
    """Names of files, speakers, accents, and where a line stands in the file."""
    data = data_of(stopped)
    (data.parent / "clip_1.wav").rename(data.parent / "renamed.wav")
    set_cell(3, 0, "renamed.wav")(data)
    set_cell(4, 2, "somebody else")(data)
    data.write_text(data.read_text(encoding="utf-8").replace("\n", "\n\n"), encoding="utf-8")
    assert train(stopped, resume=True, report=quiet).step == 4


# What has changed is named, and training goes on only when it is told to


@pytest.mark.parametrize(("edit", "change"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_refused_by_name_and_accepted_on_request(stopped, edit, change):
    edit(data_of(stopped))
    checkpoints = {path: path.read_bytes() for path in periodic_checkpoints(Path(stopped.save_dir))}
    with pytest.raises(UserError) as refusal:
        train(stopped, resume=True, report=quiet)
    message = str(refusal.value)
    assert f"{stopped.data_path} has changed since the run in {stopped.save_dir}" in message
    assert change in message and "accept_changed_data=true" in message and "\n" not in message
    assert checkpoints == {path: path.read_bytes() for path in periodic_checkpoints(Path(stopped.save_dir))}

    lines: list[str] = []
    accepted = replace(stopped, accept_changed_data=True)
    result = train(accepted, resume=True, max_steps=2, report=lines.append)
    assert any(line.startswith("! ") and change in line for line in lines)
    assert result.step == 2
    # the changed data is the run's from now on
    assert train(stopped, resume=True, report=quiet).step == result.total_steps


def test_the_first_epoch_on_another_dev_set_begins_a_new_best(stopped):
    (path,) = periodic_checkpoints(Path(stopped.save_dir))
    contents = load_checkpoint(path)
    contents["resume"]["best_wer"] = 0.0  # no error rate is lower
    save_checkpoint(path, contents)
    set_cell(8, 1, "ebb")(data_of(stopped))
    train(replace(stopped, accept_changed_data=True), resume=True, report=quiet)
    assert (Path(stopped.save_dir) / "audio_enc_best.pt").exists()


def test_the_command_line_says_how_to_go_on_and_does(stopped, tmp_path, capsys):
    set_cell(3, 1, "abe bad")(data_of(stopped))
    (tmp_path / "settings.json").write_text(json.dumps(stopped.to_dict()), encoding="utf-8")
    command = ["train", "--config", str(tmp_path / "settings.json"), "--resume"]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    remedy = re.search(r"add (--set \S+) .*to go on", error)
    assert remedy, error
    assert main([*command, *remedy[1].split()]) == 0


# Checkpoints of versions that kept no fingerprint


def test_an_old_checkpoint_resumes(stopped):
    forget_fingerprint(stopped)
    result = train(stopped, resume=True, report=quiet)
    assert result.step == 4
    assert "data" in load_checkpoint(result.checkpoint)["resume"], "it has one now"


def test_an_old_checkpoint_with_data_elsewhere_is_refused_until_it_is_said_to_be_the_same(
    stopped, monkeypatch
):
    forget_fingerprint(stopped)
    monkeypatch.chdir(data_of(stopped).parent)
    assert train(replace(stopped, data_path="asr.csv"), resume=True, max_steps=2, report=quiet).step == 2
    periodic_checkpoints(Path(stopped.save_dir))[-1].unlink()
    shutil.copytree(data_of(stopped).parent, data_of(stopped).parents[1] / "elsewhere")
    elsewhere = replace(stopped, data_path=str(data_of(stopped).parents[1] / "elsewhere" / "asr.csv"))
    with pytest.raises(
        UserError, match="was trained with data_path = .*too old to tell .*accept_changed_data"
    ):
        train(elsewhere, resume=True, report=quiet)
    assert train(replace(elsewhere, accept_changed_data=True), resume=True, report=quiet).step == 4


def test_an_old_checkpoint_is_refused_for_the_words_or_the_steps_of_other_data(stopped):
    """It knows no more of its data; neither refusal blames the version."""
    forget_fingerprint(stopped)
    edited(data_of(stopped), lambda rows: rows.__delitem__(slice(2, 5)))
    known = (
        "had 4 words that occur more than once, now they have 1"
        if stopped.word_ctc
        else "has 4 steps, this data makes 2: .*accept_changed_data=true"
    )
    with pytest.raises(UserError, match=known) as refusal:
        train(stopped, resume=True, report=quiet)
    assert "version" not in str(refusal.value) and "\n" not in str(refusal.value)
    if not stopped.word_ctc:
        assert train(replace(stopped, accept_changed_data=True), resume=True, report=quiet).step == 2


def test_rows_of_one_file_in_another_order_are_told_apart_by_their_texts():
    rows = (Row("a", "00", "a.wav", 2), Row("b", "00", "a.wav", 3))
    now = (Row("b", "00", "a.wav", 2), Row("a", "00", "a.wav", 3))
    change = Fingerprint(rows, ()).first_change(Fingerprint(now, ()))
    assert change == (
        "order of the train rows: where line 2 (a.wav) 'a' was, line 2 (a.wav) 'b' is, "
        "the first of 2 rows that changed"
    )


def test_the_splits_do_not_depend_on_how_the_manifest_is_named(tmp_path, monkeypatch):
    """Without a column split, and with absolute paths beside relative ones."""
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    lines = ["audio_path,transcription"]
    for number in range(20):
        (tmp_path / "data" / f"{number}.wav").touch()
        lines.append(f"{f'{tmp_path}/data/' if number % 2 else ''}{number}.wav,bad cab")
    (tmp_path / "data" / "asr.csv").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    dealt = [
        [row.split for row in read_manifest(name).utterances]
        for name in (tmp_path / "data" / "asr.csv", "data/asr.csv", "link/asr.csv", tmp_path / "link/asr.csv")
    ]
    assert set(dealt[0]) == {"train", "dev", "test"} and dealt == [dealt[0]] * 4


# Contents that are not a fingerprint


@pytest.mark.parametrize(
    "part",
    [None, [], {}, {"train": {}}, {"train": [], "dev": []}, torch.zeros(1).expand(10**9)],
    ids=["none", "list", "empty", "no columns", "lists", "endless"],
)
def test_what_is_not_a_fingerprint_is_refused_in_one_line(stopped, part):
    (path,) = periodic_checkpoints(Path(stopped.save_dir))
    contents = load_checkpoint(path)
    torch.save(contents | {"resume": contents["resume"] | {"data": part}}, path)
    with pytest.raises(UserError, match="cannot be resumed by this version") as refusal:
        train(stopped, resume=True, report=quiet)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("texts", ["a"]),
        ("texts", "ab"),
        ("lines", ["1", "2"]),
        ("lines", [True, False]),
        ("sounds", [b"", b""]),
    ],
)
def test_columns_of_another_kind_or_length_are_refused(key, values):
    rows = (Row("a", "00", "a.wav", 2), Row("b", "11", "b.wav", 3))
    state = Fingerprint(rows, rows).state_dict()
    assert Fingerprint.from_state_dict(state) == Fingerprint(rows, rows)
    state["dev"][key] = values
    with pytest.raises((TypeError, ValueError)):
        Fingerprint.from_state_dict(state)


def test_of_long_texts_the_part_that_differs_is_quoted():
    old = tuple(Row(f"{'and ' * 100}{word}{' then' * 100}", "00", "a.wav", 2) for word in ("yes", "yes"))
    new = (old[0], replace(old[1], text=old[1].text.replace("yes", "no")))
    change = Fingerprint(old, ()).first_change(Fingerprint(new, ()))
    assert change is not None and len(change) < 200
    quoted = re.search(r"text: '(.*)' -> '(.*)'", change)
    assert quoted and "yes" in quoted[1] and "no then" in quoted[2]
