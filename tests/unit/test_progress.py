"""What a run writes about the moment, and what whoever watches makes of it."""

import json
import math
import os

import pytest

from omni_lib.course.lessons.full_training.solutions import initial_loss
from omni_lib.encoder import embedding_lengths
from omni_lib.manifest import read_manifest
from omni_lib.runs import progress as progress_file
from omni_lib.runs.log import FILE_NAME as LOG
from omni_lib.runs.log import read_log
from omni_lib.runs.log_window import Window
from omni_lib.runs.progress import FILE_NAME, Progress, ProgressFile, ProgressReader, StepBar
from omni_lib.runs.status import State, Status
from omni_lib.session import train
from omni_lib.trainer import Trainer
from omni_lib.training import outlook
from omni_lib.training.batching import TrainingBatches
from omni_lib.training.diagnosis import Posteriors
from omni_lib.training.feature_cache import FeatureCache
from omni_lib.training.outlook import Outlook, uniform_loss

OUTLOOK = Outlook(total_steps=100, steps_per_epoch=10, frames_per_step=50.0, first_loss=200.0)


@pytest.fixture
def clock(monkeypatch):
    """The clock of the progress file, set by hand: `clock.now += 1`."""

    class Clock:
        now = 0.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(progress_file, "time", clock)
    return clock


def quiet(line: str) -> None:
    pass


def lines(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / FILE_NAME).read_text().splitlines()]


def take_steps(bar: StepBar, clock, steps: int, seconds: float, frames: int = 50) -> None:
    for _ in range(steps):
        clock.now += seconds
        bar.update(Window(1, 7.0, Posteriors(frames=frames)))


def test_a_run_writes_a_point_every_ten_steps_and_otherwise_a_line_a_second(
    make_tiny_config, tmp_path, clock
):
    config = make_tiny_config(tmp_path, log_every=100)
    with StepBar(ProgressFile(tmp_path), 0, OUTLOOK, config) as bar:
        take_steps(bar, clock, 10, 0.3)
        take_steps(bar, clock, 2, 5.0)
        with bar.evaluation():
            clock.now += 60
            assert ProgressReader(tmp_path).read().doing == "evaluating on dev"
        take_steps(bar, clock, 8, 0.0)
    progress = ProgressReader(tmp_path).read()
    assert [line["step"] for line in lines(tmp_path) if "step" in line] == [4, 8, 10, 11, 12, 20]
    assert [point["step"] for point in progress.points] == [10, 20]
    assert [point["seconds_per_step"] for point in progress.points] == pytest.approx([0.3, 1.0])
    assert (progress.step, progress.doing, progress.evaluations) == (20, "", [60.0])
    assert progress.points[0]["ctc_loss"] == 7.0 and progress.outlook == OUTLOOK


def test_time_left_is_that_of_the_frames_to_come_and_leaves_out_the_first_points(
    make_tiny_config, tmp_path, clock
):
    """The first ten steps prepare the computations; the next ten have long clips."""
    reader = ProgressReader(tmp_path)
    with StepBar(ProgressFile(tmp_path), 0, OUTLOOK, make_tiny_config(tmp_path, log_every=100)) as bar:
        assert reader.read().seconds_left is None
        take_steps(bar, clock, 10, 9.0)
        assert reader.read().seconds_left == pytest.approx(90 * 9.0), "there is nothing else to go by"
        take_steps(bar, clock, 10, 2.0, frames=100)
        assert reader.read().seconds_left == pytest.approx(80 * 1.0), "a step has 50 frames, not 100"
        with bar.evaluation():
            clock.now += 3.0
        assert reader.read().seconds_left == pytest.approx(80 * 1.0 + 8 * 3.0), "of 8 more epochs"
    entries = [{"type": "step", "step": 20, "seconds_per_step": 7.0, "total_steps": 100}]
    status = Status(State.RUNNING, None, "", entries, 4.0, None, reader.read())
    assert status.seconds_left == pytest.approx(80 * 1.0 + 8 * 3.0 - 4.0)


def test_a_resumed_run_loses_the_points_after_its_checkpoint(make_tiny_config, tmp_path, clock):
    config, reader = make_tiny_config(tmp_path, log_every=100), ProgressReader(tmp_path)
    with StepBar(ProgressFile(tmp_path), 0, OUTLOOK, config) as bar:
        take_steps(bar, clock, 33, 1.0)
    assert [point["step"] for point in reader.read().points] == [10, 20, 30] and reader.read().step == 33
    with StepBar(ProgressFile(tmp_path), 20, OUTLOOK, config) as bar:
        assert reader.read().step == 20 and reader.read().seconds_left is None
        take_steps(bar, clock, 10, 1.0)
    for progress in (reader.read(), ProgressReader(tmp_path).read()):
        assert [point["step"] for point in progress.points] == [10, 20, 30] and progress.began == 20


def test_the_pace_in_the_log_counts_the_steps_of_this_session_only(make_tiny_config, tmp_path, monkeypatch):
    """A run that was stopped between two lines of its log goes on with the steps since the first of them."""
    monkeypatch.setattr(StepBar, "seconds", property(lambda bar: 3.0 * bar.step))  # a step takes 3 s
    config = make_tiny_config(tmp_path / "run", log_every=4)
    train(config, max_steps=6, report=quiet)
    train(config, resume=True, max_steps=12, report=quiet)
    steps = [entry for entry in read_log(tmp_path / "run" / LOG)["entries"] if entry["type"] == "step"]
    assert [(entry["step"], entry["seconds_per_step"]) for entry in steps] == [(4, 3.0), (8, 3.0), (12, 3.0)]


def test_half_a_line_is_read_when_it_is_whole_and_a_damaged_one_is_skipped(tmp_path):
    file, reader = tmp_path / FILE_NAME, ProgressReader(tmp_path)
    assert reader.read() == Progress()
    damaged = [b"\0\0\0", b"[2]", b'"step"', b'{"other": 1}', b"[" * 100_000, b'{"step": "x"}']
    file.write_bytes(b"\n".join([b'{"step": 1}', *damaged, b'{"step": 3']))
    assert reader.read().step == 1
    with open(file, "ab") as more:
        more.write(b"0}\n")
    assert reader.read().step == 30
    file.write_bytes(b'{"step": 2}\n')
    assert reader.read().step == 2, "another file"
    os.remove(file)
    assert reader.read() == Progress()


def test_where_there_is_no_folder_nothing_is_written(tmp_path):
    ProgressFile(tmp_path / "nowhere").add(step=1)
    assert not (tmp_path / "nowhere").exists()


def test_features_are_counted_before_the_first_step(tones_csv, tmp_path, monkeypatch):
    monkeypatch.setattr(progress_file, "INTERVAL", 0.0)
    file, reader = ProgressFile(tmp_path), ProgressReader(tmp_path)
    rows = read_manifest(tones_csv).split("train")[:3]
    FeatureCache(rows, title="training features", watch=file.computing)
    assert reader.read().doing == "computing training features, 2 of 3"
    monkeypatch.setenv("OMNI_HOME", str(tmp_path / "home"))
    FeatureCache(rows, title="dev features", memory_budget=0, watch=file.computing)
    assert [(line["doing"], line["done"], line["of"]) for line in lines(tmp_path)] == [
        *(("computing training features", done, 3) for done in range(3)),
        *(("computing dev features", done, 3) for done in range(4)),
    ]


@pytest.mark.parametrize(
    ("frames", "text"), [(40, [1, 2, 3]), (9, [5, 5, 5, 2]), (6, [5, 5, 5, 2]), (5, [5, 5, 5, 2]), (30, [])]
)
def test_the_predicted_loss_is_the_one_of_lesson_05(frames, text):
    repeats = sum(left == right for left, right in zip(text, text[1:], strict=False))
    expected = initial_loss(frames, len(text), repeats)
    assert uniform_loss(frames, text, 29) == (
        expected if math.isinf(expected) else pytest.approx(expected, rel=1e-9)
    )


def test_no_loss_is_predicted_if_no_clip_of_the_plan_has_a_path(make_tiny_config, tmp_path, monkeypatch):
    """At a high speed all clips of a small corpus can have fewer CTC frames than letters."""
    monkeypatch.setattr(outlook, "uniform_loss", lambda frames, target, symbols: math.inf)
    trainer = Trainer(make_tiny_config(tmp_path / "run"), tmp_path / "run", report=lambda line: None)
    assert Outlook.of(trainer.batches).first_loss is None


def test_a_training_begins_with_the_loss_that_was_predicted(make_tiny_config, tmp_path):
    """At a rate so low that it learns nothing, the whole first epoch has that loss."""
    config = make_tiny_config(tmp_path / "run", log_every=6, learning_rate=1e-9)
    train(config, max_steps=6, report=quiet)
    progress = ProgressReader(tmp_path / "run").read()
    cache = FeatureCache(read_manifest(config.data_path).split("train"), config.speeds)
    batches = TrainingBatches(cache, config, cache.features(0).mean(dim=0))
    assert progress.outlook == Outlook.of(batches)
    (point,) = progress.points
    assert point["step"] == len(batches) == 6
    assert progress.outlook.frames_per_step == sum(ctc_frames_of_batches(batches)) / 6
    assert point["ctc_loss"] == pytest.approx(progress.outlook.first_loss, rel=0.1)


def ctc_frames_of_batches(batches: TrainingBatches) -> list[int]:
    """CTC frames of the batches of the first epoch as the encoder counts them."""
    config = batches.config
    return [
        int(embedding_lengths(batch.lengths, config.downsample_time).sum()) * config.ctc_frames_per_embedding
        for batch in batches.epoch(1)
    ]
