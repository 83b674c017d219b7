"""Fixtures of the tests of trainings from a cell."""

import json
import sys
from pathlib import Path

import pytest

from omni_lib.course.training_run import TrainingRun
from omni_lib.runs.console import CONSOLE
from omni_lib.runs.lock import RunRecord
from omni_lib.session import train
from tests.unit.training_runs import until


@pytest.fixture
def write_config(make_tiny_config, tmp_path):
    """A function that writes a file of settings for a run in `tmp_path / "run"`."""

    def write(**changes) -> Path:
        config = make_tiny_config(tmp_path / "run", **{"log_every": 1, **changes})
        (tmp_path / "tiny.json").write_text(json.dumps(config.to_dict()))
        return tmp_path / "tiny.json"

    return write


@pytest.fixture
def long_run(write_config):
    """A run of 1200 steps that has logged at least one."""
    run = TrainingRun.start(write_config(num_epochs=200, checkpoint_freq=100_000))
    try:
        until(lambda: run.status().entries)
        yield run
    finally:
        run.kill()


@pytest.fixture
def stopped(make_tiny_config, tmp_path):
    """The settings of a run that was started from a file of settings, and stopped at step 5 of 18."""
    config = make_tiny_config(tmp_path / "run", log_every=1)
    (tmp_path / "tiny.json").write_text(json.dumps(config.to_dict()))
    train(config, max_steps=5, report=lambda line: None)
    command = [sys.executable, "-m", "omni_lib.train", "--config", str(tmp_path / "tiny.json")]
    RunRecord(2**22 + 1, 0.0, "here", command, str(tmp_path)).write(tmp_path / "run")
    (tmp_path / "run" / CONSOLE).write_text("--- start\nStopped at step 5/18, saved: audio_enc_step_5.pt\n")
    return tmp_path / "tiny.json"
