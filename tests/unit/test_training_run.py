"""Training from a cell: real processes that are started, found again, stopped, resumed and killed, and the panel's contents."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient

from omni_lib.course.training_run import TrainingRun, compare
from omni_lib.course.widgets.live_curves import round_numbers, training_charts
from omni_lib.course.widgets.training_panel import TrainingPanel
from omni_lib.errors import UserError
from omni_lib.runs import background
from omni_lib.runs import process as training_process
from omni_lib.runs.background import CONSOLE
from omni_lib.runs.lock import RECORD, RunLock, read_record
from omni_lib.runs.status import State, Status
from omni_lib.trainer import train
from omni_lib.training.checkpoint import periodic_checkpoints
from omni_lib.weights import load_checkpoint


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


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


def until(condition, seconds: float = 120.0):
    """Wait for what `condition` returns to be true, and return it."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return value


def test_a_run_is_started_watched_and_waited_for(write_config, tmp_path):
    run = TrainingRun.start(
        write_config(),
        set={"num_epochs": 2, "data_path": str(json.loads(write_config().read_text())["data_path"])},
    )
    assert run.folder == tmp_path / "run" and run.process().pid != os.getpid()
    assert os.getsid(run.process().pid) != os.getsid(0), "a session of its own"
    assert run.wait() is State.FINISHED
    status = run.status()
    assert (status.step, status.total_steps, status.exit_code, status.seconds_left) == (12, 12, 0, 0.0)
    assert (tmp_path / "run" / "audio_enc_step_12.pt").exists()
    assert [entry["epoch"] for entry in status.of_type("epoch")] == [1, 2]
    assert run.console(1) == "Ready for Stage E!" and "step 12/12" in repr(run)
    with pytest.raises(UserError, match=r"nothing is running in .*run\.resume\(\)"):
        run.stop()


def test_a_run_that_is_over_is_shown_as_it_ended_unless_the_settings_are_others(trained, tmp_path):
    result, config = trained
    (tmp_path / "tiny.json").write_text(json.dumps(config.to_dict()))
    before = sorted(os.listdir(result.folder))
    assert TrainingRun.start_or_attach(tmp_path / "tiny.json").status().state is State.FINISHED
    assert sorted(os.listdir(result.folder)) == before, "nothing was started"
    other = TrainingRun.start_or_attach(tmp_path / "tiny.json", set={"seed": 7}, folder=tmp_path / "other")
    other.kill()
    assert (other.folder, (tmp_path / "other" / CONSOLE).exists()) == (tmp_path / "other", True)
    assert not TrainingRun(result.folder).trained_with(replace(config, seed=7))


def test_the_log_keeps_what_was_heard_of_the_first_three_dev_clips(trained):
    entries = TrainingRun(trained[0].folder).status().of_type("epoch")
    assert all([len(entry["transcripts"]) for entry in entries])
    assert {tuple(each["said"] for each in entry["transcripts"]) for entry in entries} == {
        tuple(each["said"] for each in entries[0]["transcripts"])
    }, "the same clips in every epoch"
    assert [each["heard"] for each in entries[0]["transcripts"]] != [
        each["heard"] for each in entries[-1]["transcripts"]
    ]


def test_stop_saves_and_resume_goes_on_to_the_end(write_config):
    config = write_config(num_epochs=20, checkpoint_freq=100_000)
    run = TrainingRun.start(config)
    until(lambda: run.status().entries)
    run.stop()
    assert run.wait() is State.STOPPED
    assert run.status().exit_code == 130
    step = load_checkpoint(periodic_checkpoints(run.folder)[-1])["step"]
    assert 0 < step < 120
    run.resume()
    assert asyncio.run(run.ended()) is State.FINISHED
    assert f"Resuming at step {step}/120" in (run.folder / CONSOLE).read_text(encoding="utf-8")
    assert [entry["step"] for entry in run.status().of_type("step")] == list(range(1, 121))


def test_a_second_run_is_refused_and_the_first_is_found_from_folder_config_or_nothing(
    long_run, write_config, tmp_path, monkeypatch
):
    pid = long_run.process().pid
    with pytest.raises(UserError, match=f"process {pid} is training into .*attach.* finds it"):
        TrainingRun.start(tmp_path / "tiny.json")
    with pytest.raises(UserError, match=f"process {pid} is training"):
        long_run.resume()
    with pytest.raises(UserError, match="is not over after 0 s: it goes on"):
        long_run.wait(timeout=0)
    for where in (long_run.folder, tmp_path / "tiny.json"):
        assert TrainingRun.attach(where).process().pid == pid
    assert TrainingRun.start_or_attach(tmp_path / "tiny.json").process().pid == pid
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "run").symlink_to(long_run.folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(background, "ROOT", tmp_path)
    assert TrainingRun.attach().process().pid == pid


def test_it_outlives_who_started_it_and_can_be_stopped_by_who_finds_it(write_config, tmp_path):
    """As when a kernel is restarted: the process that called `start` is killed, with all that is in its process group."""
    config = write_config(num_epochs=200, checkpoint_freq=100_000)
    code = "import sys; from omni_lib.course.training_run import TrainingRun\n"
    code += "TrainingRun.start(sys.argv[1]); print('started', flush=True); sys.stdin.read()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    kernel = subprocess.Popen(
        [sys.executable, "-c", code, str(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    try:
        assert kernel.stdout.readline() == "started\n"
        os.killpg(kernel.pid, signal.SIGKILL)
        kernel.communicate(timeout=30)
        run = TrainingRun.attach(tmp_path / "run")
        until(lambda: run.status().entries)
        assert run.status().state is State.RUNNING
        run.stop()
        assert run.wait() is State.STOPPED, "although nobody was there to see its exit code"
    finally:
        kernel.kill()
        TrainingRun(tmp_path / "run").kill()


def test_a_process_of_nobodys_is_started_and_writes_its_log(tmp_path):
    """How Windows does it; there a kernel that is shut down takes its children along."""
    command = [
        sys.executable,
        "-c",
        "import os, time; print('parent', os.getppid(), flush=True); time.sleep(60)",
    ]
    pid = training_process.spawn_through_a_go_between(command, tmp_path, tmp_path / CONSOLE, dict(os.environ))
    try:
        said = until(lambda: re.match(r"parent (\d+)\n", (tmp_path / CONSOLE).read_text()))
        assert int(said.group(1)) != os.getpid() and training_process.lives(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_killed_run_says_so_and_can_be_resumed(long_run):
    long_run.process().kill()
    with pytest.raises(UserError, match="died, killed by SIGKILL: the system does that when memory runs out"):
        long_run.wait()
    assert long_run.status().exit_code == -signal.SIGKILL
    training_process._children.clear()  # as after a restart of the kernel: nobody knows the exit code
    with pytest.raises(UserError, match="died, killed without a last word"):
        long_run.wait()
    with RunLock(long_run.folder):
        pass


def test_a_watched_run_ends_with_the_weights_of_one_that_nobody_watches(
    write_config, make_tiny_config, tmp_path
):
    run = TrainingRun.start(write_config())
    panel = run.panel()
    while run.process():
        panel.refresh()
    assert run.wait() is State.FINISHED
    alone = train(make_tiny_config(tmp_path / "alone", log_every=1), report=lambda line: None)
    watched = load_checkpoint(periodic_checkpoints(run.folder)[-1])
    assert watched["step"] == alone.step
    for part in ("enc", "head"):
        expected = load_checkpoint(alone.checkpoint)[part]
        assert watched[part].keys() == expected.keys()
        assert all(torch.equal(watched[part][name], expected[name]) for name in expected)


def test_bad_settings_are_refused_before_anything_is_started(write_config, tmp_path):
    with pytest.raises(UserError, match="unknown setting 'epochs'"):
        TrainingRun.start(write_config(), set={"epochs": 3})
    with pytest.raises(UserError, match="does not exist"):
        TrainingRun.start(tmp_path / "nowhere.json")
    assert not (tmp_path / "run").exists()


def test_a_run_that_the_training_refuses_says_why(write_config, tmp_path):
    run = TrainingRun.start(write_config(data_path=str(tmp_path / "nothing.csv")))
    with pytest.raises(UserError, match=r"died, exit code 2: .*nothing\.csv"):
        run.wait()
    assert run.status().exit_code == 2
    training_process._children.clear()
    assert run.status().exit_code == 2, "read from its last words"


def test_a_folder_taken_meanwhile_is_refused_with_the_holders_name(write_config, tmp_path, monkeypatch):
    """The check before the start may come too early; then the lock refuses, and `start` says what it said."""
    config = write_config()
    with RunLock(tmp_path / "run"):
        monkeypatch.setattr(TrainingRun, "process", lambda self: None)
        with pytest.raises(UserError, match=f"ended at once: process {os.getpid()} on .* is training into"):
            TrainingRun.start(config)
        assert read_record(tmp_path / "run").pid == os.getpid(), "the record names who holds the lock"


def test_a_kernel_does_not_kill_itself(tmp_path):
    with RunLock(tmp_path), pytest.raises(UserError, match="this kernel itself is training"):
        TrainingRun(tmp_path).kill()


def test_nothing_to_attach_to_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(background, "ROOT", tmp_path)
    with pytest.raises(UserError, match="no training is to be found in checkpoints/"):
        TrainingRun.attach()
    with pytest.raises(UserError, match="holds no training"):
        TrainingRun.attach(tmp_path)
    (tmp_path / "training_log.json").write_text('{"entries": []}')
    with pytest.raises(UserError, match="does not say how its run was started"):
        TrainingRun.attach(tmp_path).resume()


def test_time_left_goes_by_the_pace_of_the_last_lines():
    paces = ((10, 9.0), (20, 2.0), (30, 2.0))
    entries = [
        {"type": "step", "step": step, "seconds_per_step": pace, "total_steps": 100} for step, pace in paces
    ]
    assert Status(State.RUNNING, None, "", entries, 10.0).seconds_left == 70 * 2.0 - 10.0
    assert Status(State.RUNNING, None, "", []).seconds_left is None


def test_two_runs_are_compared_in_one_figure(trained, tmp_path):
    figure = compare(trained[0].folder, TrainingRun(trained[0].folder))
    (loss, wer) = figure.axes
    assert len(loss.lines) == len(wer.lines) == 2 and "dev" in wer.get_title()
    (tmp_path / RECORD).write_text("{}")
    with pytest.raises(UserError, match="has logged nothing yet"):
        compare(trained[0].folder, tmp_path)


# The panel


def panel_text(panel: TrainingPanel) -> str:
    return " ".join(child.value for child in panel.children if isinstance(getattr(child, "value", None), str))


def test_the_panel_shows_what_the_log_says(trained):
    panel = TrainingRun(trained[0].folder).panel()
    last = [entry for entry in panel.run.status().entries if entry["type"] == "step"][-1]
    text = panel_text(panel)
    assert (
        f"{last['step']} of {last['step']}" in text
        and f"{last['ctc_loss']:.1f}" in text
        and f"{last['blank_rate']:.0%}" in text
    )
    assert text.count("<svg") == 4 and "the chapter's timeline" in text.replace("&#x27;", "'")
    heard = panel.run.status().of_type("epoch")[-1]["transcripts"]
    assert all(each["said"] in text and each["heard"] in text for each in heard)
    assert panel._bar.value == 1.0 and panel._stop.disabled


def test_the_panels_buttons_stop_resume_and_show_the_log(long_run):
    panel = long_run.panel()
    assert not panel._stop.disabled and panel._resume.disabled
    panel._open.click()
    assert "Loading audio data" in panel._console.value
    panel._stop.click()
    assert panel._stop.description == "Stop now"
    assert long_run.wait() is State.STOPPED
    assert "stopped" in panel._title.value and panel._stop.disabled and not panel._resume.disabled
    panel._resume.click()
    assert long_run.process() and "running" in panel._title.value
    panel._stop.click()
    panel._stop.click()  # now
    until(lambda: long_run.process() is None)


def test_the_panel_has_a_picture_for_where_no_kernel_runs(trained):
    data, metadata = TrainingRun(trained[0].folder).panel()._repr_mimebundle_()
    assert data["image/png"].startswith("iVBOR") and "dev word error rate" in metadata["image/png"]["alt"]
    assert "application/vnd.jupyter.widget-view+json" in data


@pytest.mark.parametrize(
    "interval", [0.01, 2.0]
)  # seconds: the panel itself sees the end first, or the cell that waits does
def test_an_executed_notebook_keeps_the_curves_of_the_whole_training(write_config, interval):
    """The picture beside the widget is renewed at the end, so that a code host shows the training and not its first second."""
    source = [
        f"from omni_lib.course.widgets import training_panel\ntraining_panel.INTERVAL = {interval}\n"
        f"from omni_lib.course.training_run import TrainingRun\nrun = TrainingRun.start({str(write_config())!r})\nrun.panel()",
        "print((await run.ended()).value)",
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    cells = [nbformat.v4.new_code_cell(text) for text in source]
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel}, cells=cells)
    NotebookClient(notebook, timeout=300).execute()
    (panel,) = notebook.cells[0].outputs
    assert (
        "finished" in panel.metadata["image/png"]["alt"]
        and "at step 18" in panel.metadata["image/png"]["alt"]
    )
    assert panel.data["image/png"] and panel.data["application/vnd.jupyter.widget-view+json"]
    assert notebook.cells[1].outputs[0].text == "finished\n"


def test_a_newer_panel_retires_the_one_before_it(trained):
    run = TrainingRun(trained[0].folder)
    before = run.panel()
    run.panel()
    assert "newer panel" in panel_text(before)


def test_nothing_of_a_transcript_is_taken_for_markup(trained):
    entry = {
        "type": "epoch",
        "step": 1,
        "epoch": 1,
        "dev_wer": 1.0,
        "transcripts": [{"said": "<b>", "heard": "<script>"}],
    }
    from omni_lib.course.widgets.training_panel import _transcripts

    assert "<script>" not in _transcripts(Status(State.RUNNING, None, "", [entry]))


# The curves


def test_charts_have_a_point_for_each_entry_within_the_picture():
    steps = [
        {"type": "step", "step": s, "ctc_loss": 100 / s, "wer": 1.3, "blank_rate": 0.5, "learning_rate": 1e-3}
        for s in (10, 20, 30)
    ]
    svg = training_charts(steps, 100)
    lines = [points.split() for points in re.findall(r'points="([^"]*)"', svg)]
    assert [len(points) for points in lines] == [
        3,
        5,
        3,
        0,
        3,
        3,
    ]  # loss; timeline, training, dev; blank; rate
    for points in lines:
        for point in points:
            x, y = map(float, point.split(","))
            assert 0 <= x <= 480 and 0 <= y <= 230
    assert "dev, nothing yet" in svg and "training batches, 3 points, 130 at step 30" in svg
    assert "<svg" in training_charts([], None), "before the first line"


@pytest.mark.parametrize("top", [0.0004, 0.003, 0.9, 1.0, 7.3, 100, 105, 2500, 123456])
def test_round_numbers_reach_nearly_to_the_top(top):
    numbers = round_numbers(top)
    assert numbers[0] == 0 and 0.6 * top < numbers[-1] <= top * 1.000001 and 4 <= len(numbers) <= 6
