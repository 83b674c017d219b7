"""The training loop: it learns, can be stopped anywhere, and refuses what is wrong before the first step."""

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
import torch

from omni_lib.cli import main
from omni_lib.config import Config
from omni_lib.ctc import ctc_loss
from omni_lib.encoder import embedding_lengths
from omni_lib.errors import UserError
from omni_lib.manifest import read_manifest, write_manifest
from omni_lib.runs.lock import LOCK
from omni_lib.runs.log import read_log
from omni_lib.session import train
from omni_lib.trainer import Trainer
from omni_lib.training.checkpoint import BEST, periodic_checkpoints
from omni_lib.weights import load_checkpoint

STEPS = 18  # of a tiny run: 3 epochs of 6


def quiet(line: str) -> None:
    """Receives what training reports, and drops it."""


def entries(folder) -> list[dict]:
    """The entries of the log of a run, without the seconds."""
    log = json.loads((folder / "training_log.json").read_text(encoding="utf-8"))
    return [{key: value for key, value in entry.items() if "seconds" not in key} for entry in log["entries"]]


def assert_same(left, right, where: str = "checkpoint") -> None:
    """Equal to the last bit, all the way down; the settings may differ in `save_dir`."""
    assert type(left) is type(right), where
    if isinstance(left, dict):
        assert left.keys() == right.keys(), where
        for key in left:
            if key != "save_dir":
                assert_same(left[key], right[key], f"{where}.{key}")
    elif isinstance(left, list | tuple):
        assert len(left) == len(right), where
        for index, pair in enumerate(zip(left, right, strict=True)):
            assert_same(*pair, f"{where}[{index}]")
    elif isinstance(left, torch.Tensor):
        assert torch.equal(left, right), where
    else:
        assert left == right, where


@pytest.fixture(scope="module")
def unbroken(make_tiny_config, tmp_path_factory):
    """A run from the first step to the last, its result, and every line that it reported."""
    lines = []
    folder = tmp_path_factory.mktemp("unbroken") / "run"

    def report(line):
        lines.append(line)
        if (folder / "training_log.json").exists():  # valid JSON at every instant
            json.loads((folder / "training_log.json").read_text(encoding="utf-8"))

    return train(make_tiny_config(folder), report=report), lines


# It learns


def test_the_gradient_of_a_step_is_clipped_to_its_largest_norm(make_tiny_config, tmp_path):
    trainer = Trainer(make_tiny_config(tmp_path / "run", gradient_clip=1e-3), tmp_path / "run", quiet)
    trainer.train_step(next(iter(trainer.batches.epoch(1))))
    gradients = [p.grad for p in trainer.model.parameters() if p.grad is not None]
    assert torch.nn.utils.get_total_norm(gradients).item() == pytest.approx(1e-3, rel=1e-3)


def test_it_learns(trained):
    """From chance to nearly no errors on the training clips, and to some words of unknown voices."""
    steps = [entry for entry in entries(trained[0].folder) if entry["type"] == "step"]
    epochs = [entry for entry in entries(trained[0].folder) if entry["type"] == "epoch"]
    assert steps[-1]["ctc_loss"] < 0.1 * steps[0]["ctc_loss"]
    assert steps[0]["wer"] > 0.9 and steps[-1]["wer"] < 0.15
    assert epochs[-1]["dev_wer"] < epochs[0]["dev_wer"] and epochs[-1]["dev_cer"] < 0.5 * epochs[0]["dev_cer"]


def test_ctc_loss_is_nats_per_utterance(tiny_config):
    """The logged figure is the mean over utterances of each one's whole loss, whatever is minimised."""
    config = replace(tiny_config, dropout=0.0, log_every=1)
    trainer = Trainer(config, Path(config.save_dir), quiet)
    batch = next(iter(trainer.batches.epoch(1)))
    expected = ctc_loss(*trainer.recogniser.train()(batch.mel, batch.lengths), batch.targets).mean().item()
    train(config, max_steps=1, report=quiet)
    assert entries(Path(config.save_dir))[0]["ctc_loss"] == pytest.approx(expected, rel=1e-4)
    assert expected > 20, "tens at the start"


# What it writes


def test_a_run_ends_with_its_last_step_saved_and_three_checkpoints_and_the_best(unbroken):
    result, _ = unbroken
    assert (result.step, result.total_steps, result.interrupted) == (STEPS, STEPS, False)
    assert [path.name for path in periodic_checkpoints(result.folder)] == [
        f"audio_enc_step_{step}.pt" for step in (10, 15, 18)
    ]
    assert result.checkpoint == periodic_checkpoints(result.folder)[-1]
    assert sorted(os.listdir(result.folder)) == sorted(
        [
            BEST,
            LOCK,
            "training_log.json",
            "progress.jsonl",
            "audio_enc_step_10.pt",
            "audio_enc_step_15.pt",
            "audio_enc_step_18.pt",
        ]
    )


def test_checkpoints_have_the_promised_keys(unbroken):
    contents = load_checkpoint(unbroken[0].checkpoint)
    assert contents.keys() >= {"enc", "head", "config", "vocabulary", "feature_stats", "step", "metrics"}
    assert contents["step"] == STEPS and len(contents["vocabulary"]) == 29
    assert contents["metrics"].keys() >= {"dev_wer", "dev_cer"}
    assert torch.equal(contents["feature_stats"]["mean"], contents["enc"]["feature_mean"])
    assert Config(**contents["config"]).intermediate_ctc == 0.3


def test_the_best_checkpoint_is_of_the_epoch_with_the_lowest_dev_wer(trained):
    epochs = [entry for entry in entries(trained[0].folder) if entry["type"] == "epoch"]
    best = min(epochs, key=lambda entry: entry["dev_wer"])  # the first of several
    contents = load_checkpoint(trained[0].folder / BEST)
    assert contents["step"] == best["step"]
    assert contents["metrics"]["dev_wer"] == best["dev_wer"]


def test_log_lines_look_like_the_chapters(unbroken):
    lines = [line for line in unbroken[1] if line.startswith("[Step")]
    assert [line.split()[1] for line in lines] == [f"{step}/{STEPS}]" for step in (4, 8, 12, 16, 18)]
    for line in lines:
        assert re.fullmatch(r"\[Step \d+/18\] ctc_loss=\d+\.\d\d wer=\d+\.\d% \| \d+\.\d\ds/step", line), line


def test_the_parameter_count_that_is_printed_is_true(unbroken):
    contents = load_checkpoint(unbroken[0].checkpoint)["enc"]
    buffers = ("running_mean", "running_var", "feature_mean", "feature_deviation")
    truth = sum(value.numel() for name, value in contents.items() if not name.endswith(buffers))
    assert any(f"({truth / 1e6:.2f}M parameters)" in line for line in unbroken[1])


def test_the_log_has_each_step_once(unbroken):
    log = read_log(unbroken[0].folder / "training_log.json")
    assert [entry["step"] for entry in log["entries"] if entry["type"] == "step"] == [4, 8, 12, 16, 18]
    assert [(entry["step"], entry["epoch"]) for entry in log["entries"] if entry["type"] == "epoch"] == [
        (6, 1),
        (12, 2),
        (18, 3),
    ]
    assert all(0 <= entry["dev_cer"] for entry in log["entries"] if entry["type"] == "epoch")
    assert log["config"]["num_epochs"] == 3


# The same again


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(unbroken, make_tiny_config, tmp_path):
    again = train(make_tiny_config(tmp_path / "again"), report=quiet)
    assert_same(load_checkpoint(again.checkpoint), load_checkpoint(unbroken[0].checkpoint))
    assert entries(again.folder) == entries(unbroken[0].folder)
    other = train(make_tiny_config(tmp_path / "other", seed=1), max_steps=1, report=quiet)
    same = train(make_tiny_config(tmp_path / "same"), max_steps=1, report=quiet)
    weights = [load_checkpoint(result.checkpoint)["enc"]["norm.weight"] for result in (other, same)]
    assert not torch.equal(*weights)


@pytest.mark.parametrize(
    ("stops", "lost"),
    [
        ([9], None),  # in the middle of an epoch, between two log lines
        ([12], None),  # at an epoch's end
        (
            [12],
            10,
        ),  # killed after step 12: the last periodic checkpoint is of step 10, the log and the best go to 12
        ([1, 5, 17], None),  # again and again
    ],
    ids=["mid-epoch", "epoch's end", "killed after a periodic checkpoint", "three times"],
)
def test_a_run_that_was_stopped_and_resumed_ends_with_the_same_checkpoint(
    unbroken, make_tiny_config, tmp_path, stops, lost
):
    """All tensors of encoder, heads, averages and optimiser, and all that the log says, to the last bit."""
    config = make_tiny_config(tmp_path / "run")
    for stop in stops:
        result = train(config, resume=True, max_steps=stop, report=quiet)
        assert (result.step, result.interrupted) == (stop, True)
        assert result.checkpoint.name == f"audio_enc_step_{stop}.pt" and result.checkpoint.exists()
    if lost:
        for path in periodic_checkpoints(result.folder):
            if path.name != f"audio_enc_step_{lost}.pt":
                path.unlink()
    torch.manual_seed(1234)  # whatever else the process did
    torch.rand(7)
    result = train(config, resume=True, report=quiet)
    assert not result.interrupted
    assert_same(load_checkpoint(result.checkpoint), load_checkpoint(unbroken[0].checkpoint))
    assert_same(load_checkpoint(result.folder / BEST), load_checkpoint(unbroken[0].folder / BEST), "best")
    assert entries(result.folder) == entries(unbroken[0].folder)


def test_max_steps_does_not_change_the_schedule(unbroken, make_tiny_config, tmp_path):
    """A run that ends at step 8 had the learning rates of the whole run up to there."""
    train(make_tiny_config(tmp_path / "cut"), max_steps=8, report=quiet)
    assert entries(tmp_path / "cut") == [entry for entry in entries(unbroken[0].folder) if entry["step"] <= 8]


# Stopping and going on


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_and_exits_130_and_resume_finishes(make_tiny_config, tmp_path, capsys, number):
    config = make_tiny_config(tmp_path / "run", num_epochs=20, log_every=1)
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    process = subprocess.Popen(
        [sys.executable, "-m", "omni_lib.train", "--config", str(tmp_path / "config.json")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
    )
    try:
        while process.poll() is None and not (tmp_path / "run" / "training_log.json").exists():
            time.sleep(0.01)
        process.send_signal(number)
        out, error = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, error
    assert "Traceback" not in error
    path = periodic_checkpoints(tmp_path / "run")[-1]
    step = load_checkpoint(path)["step"]
    assert 0 < step < 120 and f"audio_enc_step_{step}.pt" in out
    if number == signal.SIGINT:
        assert main(["train", "--config", str(tmp_path / "config.json"), "--resume"]) == 0
        assert f"Resuming at step {step}/120" in capsys.readouterr().out
        assert (tmp_path / "run" / "audio_enc_step_120.pt").exists()
        steps = [entry["step"] for entry in entries(tmp_path / "run") if entry["type"] == "step"]
        assert steps == list(range(1, 121))


def test_a_folder_that_holds_a_run_is_refused_without_resume(unbroken, make_tiny_config):
    before = sorted(os.listdir(unbroken[0].folder))
    with pytest.raises(UserError, match="holds a run already: add --resume"):
        train(make_tiny_config(unbroken[0].folder), report=quiet)
    assert sorted(os.listdir(unbroken[0].folder)) == before


def test_resuming_a_finished_run_changes_nothing(unbroken, make_tiny_config):
    before = unbroken[0].checkpoint.read_bytes()
    result = train(make_tiny_config(unbroken[0].folder), resume=True, report=quiet)
    assert (result.step, result.total_steps, result.interrupted, result.checkpoint) == (
        STEPS,
        STEPS,
        False,
        unbroken[0].checkpoint,
    )
    assert unbroken[0].checkpoint.read_bytes() == before


def test_resuming_a_finished_run_on_changed_data_names_the_change_and_trains_nothing(
    make_tiny_config, tmp_path, write_rows
):
    rows = [("bad cab", "bad cab", "train")] * 6 + [("abe", "abe", "dev")]
    config = make_tiny_config(tmp_path / "run", data_path=str(write_rows(rows)), num_epochs=1)
    finished, lines = train(config, report=quiet), []
    before = finished.checkpoint.read_bytes()
    assert train(config, resume=True, report=lines.append).step == finished.step and lines == []

    write_rows([*rows[:2], ("bad cab", "bad dad", "train"), *rows[3:]])
    assert train(config, resume=True, report=lines.append).step == finished.step
    (line,) = lines
    assert "is finished" in line and "'bad cab'" in line and "'bad dad'" in line
    assert finished.checkpoint.read_bytes() == before

    shutil.rmtree(tmp_path / "rows")  # a finished run needs no data
    assert train(config, resume=True, report=quiet).checkpoint == finished.checkpoint


@pytest.mark.parametrize(
    "change", [{"learning_rate": 1e-4}, {"batch_size": 5}, {"spec_augment": False}, {"seed": 3}]
)
def test_resuming_with_another_setting_is_refused_by_name(unbroken, make_tiny_config, change):
    ((name, value),) = change.items()
    with pytest.raises(UserError, match=f"was trained with {name} = .*, now it is {value}: "):
        train(make_tiny_config(unbroken[0].folder, **change), resume=True, report=quiet)


def test_resuming_on_other_data_is_refused(make_tiny_config, tmp_path, write_rows):
    rows = [("bad cab", "bad cab", "train")] * 6 + [("abe", "abe", "dev")]
    config = make_tiny_config(tmp_path / "run", data_path=str(write_rows(rows)))
    train(config, max_steps=1, report=quiet)
    write_rows(rows[3:])
    with pytest.raises(UserError, match=r"line 5 \(clip_3.wav\) 'bad cab', a train row, is missing"):
        train(config, resume=True, report=quiet)


# Refusals


def test_a_gradient_that_is_not_finite_names_the_files_of_its_batch(make_tiny_config, tmp_path):
    trainer = Trainer(make_tiny_config(tmp_path / "run"), tmp_path / "run", quiet)
    files = [row.path.name for row in next(iter(trainer.batches.epoch(1))).utterances]
    with torch.no_grad():
        trainer.recogniser.head.linear.bias[3] = math.nan
    weights = trainer.recogniser.encoder.norm.weight.clone()
    with pytest.raises(UserError) as refusal:
        trainer.run()
    assert all(name in str(refusal.value) for name in files) and "learning_rate" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert torch.equal(trainer.recogniser.encoder.norm.weight, weights), "the step was not taken"


LONG = "abcdeabcdeabcdeabcde"  # 20 letters in the time of nine: too many for 13 frames, not for 26


@pytest.fixture
def one_impossible_row(write_rows):
    return write_rows(
        [("bad cab", "bad cab", "train")] * 4 + [("bad cab", LONG, "train"), ("abe", "abe", "dev")]
    )


def test_impossible_rows_are_refused_with_the_setting_that_mends_it(
    make_tiny_config, tmp_path, one_impossible_row
):
    config = make_tiny_config(
        tmp_path / "run", data_path=str(one_impossible_row), ctc_frames_per_embedding=1, speed_perturb=False
    )
    with pytest.raises(UserError) as refusal:
        train(config, report=quiet)
    message = str(refusal.value)
    assert (
        "1 of 5" in message
        and "set ctc_frames_per_embedding to 2" in message
        and "clip_4.wav" in message
        and "\n" not in message
    )
    assert not (tmp_path / "run").exists()
    mended = replace(config, ctc_frames_per_embedding=2)
    assert train(mended, max_steps=1, report=quiet).total_steps == 6


def test_few_impossible_rows_are_left_out_by_name(make_tiny_config, tmp_path, one_impossible_row):
    lines = []
    config = make_tiny_config(
        tmp_path / "run",
        data_path=str(one_impossible_row),
        ctc_frames_per_embedding=1,
        max_impossible=0.2,
        speed_perturb=False,
    )
    result = train(config, report=lines.append)
    assert any("clip_4.wav" in line and "no path" in line for line in lines)
    assert result.total_steps == 3, "four rows are left: one batch an epoch"
    assert all(
        math.isfinite(entry["ctc_loss"]) for entry in entries(result.folder) if entry["type"] == "step"
    )


@pytest.mark.parametrize(("augmentation", "speed"), [
    ({"speed_perturb": True}, "1.10"),
    ({"tempo_perturb": 0.12}, "1.14"),
    ({"speed_perturb": True, "tempo_perturb": 0.12}, "1.25"),
])  # fmt: skip
def test_rows_are_judged_at_the_fastest_speed_of_training(
    make_tiny_config, tmp_path, write_rows, augmentation, speed
):
    """A text that just fits at the original speed does not at a faster one."""
    path = write_rows([("bad cab dad", "a", "train"), ("abe", "abe", "dev")])
    fits = embedding_lengths(soundfile.info(path.parent / "clip_0.wav").frames // 160)
    write_rows([("bad cab dad", ("ab" * fits)[:fits], "train"), ("abe", "abe", "dev")])
    plain = {"speed_perturb": False, "tempo_perturb": 0.0}
    config = make_tiny_config(tmp_path / "run", data_path=str(path), ctc_frames_per_embedding=1, **plain)
    with pytest.raises(UserError, match=f"at speed {speed}"):
        train(replace(config, **augmentation), report=quiet)
    assert train(config, max_steps=1, report=quiet).step == 1


@pytest.mark.parametrize(("downsample_time", "k"), [(8, 4), (4, 2), (8, 1)])
def test_the_loss_in_the_middle_has_a_path_wherever_the_one_at_the_end_has(
    make_tiny_config, tmp_path, write_rows, downsample_time, k
):
    """A row that passes the audit at k frames per embedding must have a path in the middle too."""
    path = write_rows([("bad cab dad", "a", "train"), ("abe", "abe", "dev")])
    fits = k * embedding_lengths(soundfile.info(path.parent / "clip_0.wav").frames // 160, downsample_time)
    write_rows([("bad cab dad", ("ab" * fits)[:fits], "train"), ("abe", "abe", "dev")])
    config = make_tiny_config(
        tmp_path / "run",
        data_path=str(path),
        ctc_frames_per_embedding=k,
        downsample_time=downsample_time,
        speed_perturb=False,
        tempo_perturb=0.0,
        spec_augment=False,
    )
    assert train(config, max_steps=2, report=quiet).step == 2


def test_an_unreadable_training_clip_is_left_out_by_name(make_tiny_config, tmp_path, write_rows):
    path = write_rows([("bad cab", "bad cab", "train")] * 3 + [("abe", "abe", "dev")])
    (path.parent / "clip_1.wav").write_bytes(b"no sound")
    lines = []
    train(make_tiny_config(tmp_path / "run", data_path=str(path)), max_steps=1, report=lines.append)
    assert any("clip_1.wav" in line and "line 3" in line for line in lines)
    assert any("Found 2 audio samples" in line for line in lines)


def test_a_row_that_the_table_spoils_is_listed_once(make_tiny_config, tones_csv, tmp_path):
    """It belongs to no split: it is listed with the training rows, and not again with those of dev."""
    write_manifest(tmp_path / "asr.csv", read_manifest(tones_csv).utterances)
    with open(tmp_path / "asr.csv", "a", encoding="utf-8") as file:
        file.write("gone.wav,one two,me,train,,\n")
    said = []
    config = make_tiny_config(tmp_path / "run", data_path=str(tmp_path / "asr.csv"))
    train(config, max_steps=1, report=said.append)
    assert len([line for line in said if "gone.wav" in line]) == 1
