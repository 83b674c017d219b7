"""Experiments before a long training, on the clips that come with the course; and the table of costs."""

import json
from dataclasses import replace

import pytest
import torch

from omni_lib.config import Config
from omni_lib.course import experiments, growth
from omni_lib.course.experiments import (
    beside_the_chapter,
    log_of,
    overfit,
    range_curve,
    range_test,
    settings,
    settings_table,
    with_one_change,
    workbench,
)
from omni_lib.course.figures import log_curves
from omni_lib.course.lessons import full_training
from omni_lib.errors import UserError
from omni_lib.trainer import Trainer


@pytest.fixture(scope="module")
def bench():
    trainer = workbench(
        settings("configs/lesson_short.json", schedule="constant", warmup_steps=3, mixed_precision=False)
    )
    return trainer, next(iter(trainer.batches.epoch(1)))


def test_settings_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = settings("configs/lesson_short.json", num_epochs=3)
    assert config.num_epochs == 3 and config.data_path.endswith("clips.csv")
    with pytest.raises(UserError, match="does not exist"):
        settings("configs/none.json")


def test_one_batch_is_overfitted_and_nothing_is_written(bench, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    snapshots = overfit(*bench, steps=16, every=8)
    assert [snapshot.step for snapshot in snapshots] == [0, 8, 16]
    assert snapshots[2].loss < snapshots[1].loss < snapshots[0].loss / 2
    assert all(len(snapshot.decoded) == 4 for snapshot in snapshots)
    assert list(tmp_path.iterdir()) == []


def test_the_range_test_ends_with_a_large_loss(bench):
    trainer, batch = bench
    trainer = workbench(replace(trainer.config, intermediate_ctc=0.0))
    rates = [1e-6, 1e-3, 1e-3, 1e-3, 0.1, 0.1, 0.1, 0.1]
    losses = range_test(trainer, batch, rates)
    assert losses[4] < losses[0] and max(losses[5:]) > 2 * losses[0]
    assert len(range_curve(rates, losses, 3e-3).axes) == 1


def test_every_setting_is_in_the_table_with_its_meaning():
    text = repr(
        settings_table(
            chapter=settings("configs/audio_enc_chapter.json"), ours=settings("configs/audio_enc_tiny.json")
        )
    )
    assert "| **`learning_rate`** | 0.0001 | 0.003 | the peak, if there is a warm-up |" in text
    for name in set(Config().to_dict()) - {"data_path", "save_dir"}:
        (line,) = (line for line in text.splitlines() if f"`{name}`" in line)
        assert len(line.split("|")[4].strip()) > 5, f"{name} has no comment in config.py"


@pytest.mark.parametrize("name", ["healthy", "chapter", "log_1", "log_2", "log_3"])
def test_the_logs_have_the_entries_of_the_loop_and_can_be_drawn(name):
    entries = log_of(name)
    assert {entry["type"] for entry in entries} == {"step", "epoch"}
    loss, blanks, wer = log_curves(entries, name).axes
    assert (
        len(loss.lines[0].get_xdata())
        == len(blanks.lines[0].get_xdata())
        == sum(entry["type"] == "step" for entry in entries)
    )
    assert len(wer.lines) == 2


def test_a_run_stands_beside_the_chapter_at_the_same_share_of_its_steps():
    listing = {
        "step 1": (0.0, "89.3", "100%", "xjkdf wkejf"),
        "step 100": (0.04, "45.23", "78.5%", "hllo wrld"),
        "epoch 20": (1.0, "8.45", "12.3%", "hello world"),
    }
    rows = repr(beside_the_chapter(log_of("healthy"), listing)).splitlines()
    assert rows[2].endswith("| – | – | – | – |")
    assert "| step 100 | 45.23 | 78.5% | hllo wrld | step 100 | 320 | 96.5% |" in rows[3]
    assert rows[4].startswith("| epoch 20 | 8.45 |") and "| step 2000 | 2.79 | 6.1% |" in rows[4]
    last = {"step": 80, "transcripts": [{"said": "", "heard": "one two three four five six"}], "dev_wer": 0.5}
    short = [{"type": "step", "step": 40, "ctc_loss": 12.345}, {"type": "epoch"} | last]
    assert "| step 40 | 12.3 | 50.0% | one two three four five … |" in repr(
        beside_the_chapter(short, listing)
    )
    assert len(repr(beside_the_chapter([], listing)).splitlines()) == 5


def test_an_experiment_changes_one_setting_into_a_folder_of_its_name(make_tiny_config, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(
        experiments.TrainingRun,
        "start_or_attach",
        lambda config, *, set, folder: started.append((set, folder.name)),
    )
    (tmp_path / "tiny.json").write_text(json.dumps(make_tiny_config(tmp_path / "run").to_dict()))
    with_one_change(tmp_path / "tiny.json", muon_rate=0)
    with_one_change(tmp_path / "tiny.json", schedule="constant")
    assert started == [
        ({"muon_rate": 0}, "run_muon_rate_0"),
        ({"schedule": "constant"}, "run_schedule_constant"),
    ]
    for change, message in (
        ({}, "0 settings are given"),
        ({"muon_rate": 0, "seed": 1}, "2 settings are given"),
        ({"batch_size": 4}, "batch_size is 4 already"),
        ({"learning_rat": 1}, "learning_rat"),
    ):
        with pytest.raises(UserError, match=message):
            with_one_change(tmp_path / "tiny.json", **change)


def test_the_source_that_is_shown_is_that_of_the_trainer():
    text = repr(full_training.source(Trainer.train_step))
    assert (
        text.startswith("```python\n# omni_lib/trainer.py\ndef train_step(self") and "clip_grad_norm_" in text
    )


def test_costs_are_proportional_and_measured_rows_are_marked():
    lines = repr(growth.table()).splitlines()[2:]
    assert [("measured" in line, "computed" in line) for line in lines] == [(True, False)] * 2 + [
        (False, True)
    ] * 5
    assert growth.feature_bytes(100) == 100 * 3600 * 100 * 128 * 4 * 3
    assert growth.sound_bytes(1) == 115_200_000
    dearest = max(run.cost for run in growth.MEASURED)
    assert f"{10_000 * 20 * dearest / 86_400:.1f} days" in lines[-1]
    assert torch.tensor([run.hours for run in growth.MEASURED]).max() < 2
