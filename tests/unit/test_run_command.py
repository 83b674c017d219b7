"""The command line of a run is made from what a notebook gives, refused in one line, or repeated."""

from pathlib import Path

import numpy as np
import pytest
import torch

from omni_lib.course.training_run import TrainingRun
from omni_lib.errors import UserError
from omni_lib.runs.command import overrides, repeated
from omni_lib.runs.lock import read_record, settings_of


def test_a_path_and_numbers_of_other_libraries_are_settings(tmp_path):
    (tmp_path / "tiny.json").write_text("{}")
    given = {
        "data_path": Path("data") / "asr.csv",
        "num_epochs": np.int64(3),
        "learning_rate": torch.tensor(0.5),
        "word_ctc": np.float64(2.5),
        "spec_augment": np.bool_(True),
    }
    words = [word for change in overrides(given, tmp_path / "a=b") for word in ("--set", change)]
    settings = settings_of(["--config", "tiny.json", *words], tmp_path)
    assert (settings.data_path, settings.num_epochs) == (str(Path("data") / "asr.csv"), 3)
    assert (settings.learning_rate, settings.word_ctc, settings.spec_augment) == (0.5, 2.5, True)
    assert settings.save_dir == str(tmp_path / "a=b")


def test_an_empty_folder_is_none():
    assert overrides({"seed": 1}, "") == overrides({"seed": 1}, None) == ["seed=1"]


@pytest.mark.parametrize(
    ("config", "set", "words"),
    [
        (None, None, "config is of the type NoneType: give the path"),
        ({"num_epochs": 5}, None, "config is of the type dict: give the path"),
        (
            "configs/audio_enc_tiny.json",
            ["num_epochs=5"],
            r"set is of the type list: .*set=\{'num_epochs': 5",
        ),
        ("configs/audio_enc_tiny.json", "num_epochs=5", "set is of the type str: give a dictionary"),
        ("configs/audio_enc_tiny.json", {"seed": object()}, "seed is of the type object: a setting is"),
        ("configs/audio_enc_tiny.json", {"seed": torch.ones(2)}, "seed is of the type Tensor: a setting is"),
    ],
)
def test_what_is_not_a_setting_is_refused_in_one_line(config, set, words, tmp_path):
    for start in (TrainingRun.start, TrainingRun.start_or_attach):
        with pytest.raises(UserError, match=words) as refusal:
            start(config, set=set, folder=tmp_path / "run")
        assert "\n" not in str(refusal.value)
    assert not (tmp_path / "run").exists()


def test_a_repeated_command_neither_stops_early_nor_accepts_another_change():
    command = ["python", "-m", "omni_lib.train", "--config", "a.json", "--set", "seed=3"]
    extras = ["--set", "accept_changed_data=true", "--max-steps", "5"]
    assert repeated([*command, *extras]) == [*command, "--resume"]
    assert repeated([*command, "--resume", "--set=accept_changed_data=true", "--max-steps=5"]) == [
        *command,
        "--resume",
    ]


@pytest.mark.parametrize(
    "contents",
    [
        "[1]",
        "null",
        '{"pid": 1}',
        '{"pid": "x", "started": 0.0, "host": "h", "command": [], "directory": "/"}',
        '{"pid": 1, "started": 0.0, "host": "h", "command": null, "directory": "/"}',
        '{"pid": 1, "started": 0.0, "host": "h", "command": [1], "directory": "/"}',
    ],
)
def test_a_record_of_another_form_counts_as_none(tmp_path, contents):
    (tmp_path / "run.json").write_text(contents)
    assert read_record(tmp_path) is None
    with pytest.raises(UserError, match="does not record how its run was started"):
        TrainingRun.attach(tmp_path).resume()


def test_two_folders_are_refused(tmp_path):
    with pytest.raises(UserError, match="folder is .* and save_dir is .*: give only one of them"):
        overrides({"save_dir": str(tmp_path / "b")}, tmp_path / "a")
    assert len(overrides({"save_dir": str(tmp_path / "a")}, tmp_path / "a")) == 2
