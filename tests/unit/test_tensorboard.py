"""TensorBoard shows the figures of the log, also of resumed runs; a missing installation is named."""

import json
import threading
from pathlib import Path

import pytest

from omni_lib.errors import UserError
from omni_lib.runs import tensorboard
from omni_lib.session import train


def quiet(line: str) -> None:
    """Receives what training reports, and drops it."""


def shown(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Each curve as TensorBoard itself reads it."""
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="the extra is not installed"
    )
    events = accumulator.EventAccumulator(str(folder / tensorboard.FOLDER))
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }


def test_it_shows_the_figures_of_the_log_each_once_after_a_kill_too(make_tiny_config, tmp_path):
    """Stopped at step 9; without the checkpoint of step 9, as after a kill, the run goes on from step 5."""
    config = make_tiny_config(tmp_path / "run", tensorboard=True, log_every=1)
    train(config, max_steps=9, report=quiet)
    (tmp_path / "run" / "audio_enc_step_9.pt").unlink()
    train(config, resume=True, max_steps=12, report=quiet)
    entries = json.loads((tmp_path / "run" / "training_log.json").read_text(encoding="utf-8"))["entries"]
    curves = shown(tmp_path / "run")
    for kind, name in (
        ("step", "ctc_loss"),
        ("step", "wer"),
        ("step", "learning_rate"),
        ("epoch", "dev_wer"),
    ):
        expected = [
            (entry["step"], pytest.approx(entry[name], rel=1e-5))
            for entry in entries
            if entry["type"] == kind
        ]
        assert curves[f"{kind}/{name}"] == expected
    assert [step for step, _ in curves["step/ctc_loss"]] == list(range(1, 13))


def test_the_thread_that_writes_the_curves_ends_with_the_run(make_tiny_config, tmp_path):
    pytest.importorskip("tensorboard", reason="the extra is not installed")
    config = make_tiny_config(tmp_path / "run", tensorboard=True, log_every=1)
    before = set(threading.enumerate())
    train(config, max_steps=1, report=quiet)
    assert (tmp_path / "run" / tensorboard.FOLDER).is_dir()
    assert set(threading.enumerate()) <= before


def test_without_the_setting_nothing_is_written(make_tiny_config, tmp_path):
    train(make_tiny_config(tmp_path / "run"), max_steps=1, report=quiet)
    assert not (tmp_path / "run" / tensorboard.FOLDER).exists()


def test_where_it_is_not_installed_the_run_is_refused_before_it_begins(
    make_tiny_config, tmp_path, monkeypatch
):
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install -c constraints.txt tensorboard"):
        train(make_tiny_config(tmp_path / "run", tensorboard=True), report=lambda line: pytest.fail(line))
    assert not (tmp_path / "run").exists()
