"""Training from a cell: real processes are started, found, stopped, resumed and killed."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from omni_lib.course.training_run import TrainingRun
from omni_lib.errors import UserError
from omni_lib.runs import discovery
from omni_lib.runs import process as training_process
from omni_lib.runs.console import CONSOLE
from omni_lib.runs.lock import RunLock
from omni_lib.runs.status import State, Status, how_it_ended
from omni_lib.session import train
from omni_lib.training.checkpoint import periodic_checkpoints
from omni_lib.weights import load_checkpoint
from tests.unit.training_runs import suspended, until


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
    with pytest.raises(UserError, match=r"nothing is running in .*: the run is finished$"):
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


def test_the_log_keeps_the_transcripts_of_the_first_three_dev_clips(trained):
    entries = TrainingRun(trained[0].folder).status().of_type("epoch")
    assert all([len(entry["transcripts"]) for entry in entries])
    assert {tuple(each["said"] for each in entry["transcripts"]) for entry in entries} == {
        tuple(each["said"] for each in entries[0]["transcripts"])
    }, "the same clips in every epoch"
    assert [each["heard"] for each in entries[0]["transcripts"]] != [
        each["heard"] for each in entries[-1]["transcripts"]
    ]


def test_stop_saves_and_resume_goes_on_to_the_end(write_config):
    config = write_config(num_epochs=10, checkpoint_freq=100_000)
    run = TrainingRun.start(config)
    until(lambda: run.status().entries)
    run.stop()
    assert run.wait() is State.STOPPED
    step = load_checkpoint(periodic_checkpoints(run.folder)[-1])["step"]
    assert 0 < step < 60
    status = run.status()
    assert (status.exit_code, status.step, status.saved_step) == (130, step, step)
    assert status.reason == f"it was asked to stop, and saved step {step} first"
    assert f"step {step}/60" in repr(run)
    with pytest.raises(UserError, match=r"nothing is running in .*run\.resume\(\)"):
        run.stop()
    run.resume()
    assert asyncio.run(run.ended()) is State.FINISHED
    assert f"Resuming at step {step}/60" in (run.folder / CONSOLE).read_text(encoding="utf-8")
    assert [entry["step"] for entry in run.status().of_type("step")] == list(range(1, 61))


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
    with pytest.raises(UserError, match="was trained with seed = 0, now it is 7: set it back"):
        TrainingRun.start_or_attach(tmp_path / "tiny.json", set={"seed": 7})
    (
        long_run.folder / "training_log.json"
    ).unlink()  # as before its first line: the command names the settings
    with pytest.raises(UserError, match="was trained with seed = 0, now it is 7: set it back"):
        TrainingRun.start_or_attach(tmp_path / "tiny.json", set={"seed": 7})
    with pytest.raises(UserError, match="trains on .*asr.csv, not on .*other.csv: set data_path back"):
        TrainingRun.start_or_attach(tmp_path / "tiny.json", set={"data_path": tmp_path / "other.csv"})
    assert long_run.process().pid == pid, "the run goes on"
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "run").symlink_to(long_run.folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(discovery, "ROOT", tmp_path)
    assert TrainingRun.attach().process().pid == pid


def test_it_outlives_who_started_it_and_can_be_stopped_by_who_finds_it(write_config, tmp_path):
    """As when a kernel is restarted: the process that called `start` is killed, with its process group."""
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
        kernel.communicate(timeout=120)
        run = TrainingRun.attach(tmp_path / "run")
        until(lambda: run.status().entries)
        assert run.status().state is State.RUNNING
        run.stop()
        assert run.wait() is State.STOPPED, "although nobody was there to see its exit code"
    finally:
        kernel.kill()
        TrainingRun(tmp_path / "run").kill()


def test_a_detached_process_is_started_and_writes_its_log(tmp_path):
    """How Windows does it; there a kernel that is shut down takes its children along."""
    command = [
        sys.executable,
        "-c",
        "import os, time; print('parent', os.getppid(), flush=True); time.sleep(60)",
    ]
    pid = training_process.spawn_detached(command, tmp_path, tmp_path / CONSOLE, dict(os.environ))
    try:
        said = until(lambda: re.match(r"parent (\d+)\n", (tmp_path / CONSOLE).read_text()))
        assert int(said.group(1)) != os.getpid() and training_process.is_alive(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_another_process_with_the_number_of_one_that_has_ended_is_not_taken_for_it(monkeypatch):
    """Windows soon gives a number to another process."""
    gone = SimpleNamespace(is_running=lambda: False)  # psutil compares the time of the start
    assert training_process.is_alive(os.getpid())
    monkeypatch.setitem(training_process._grandchildren, os.getpid(), gone)
    assert not training_process.is_alive(os.getpid())


def test_a_killed_run_is_reported_and_can_be_resumed(long_run):
    long_run.process().kill()
    with pytest.raises(
        UserError, match="ended early: killed by SIGKILL: the system ends processes when memory runs out"
    ):
        long_run.wait()
    assert long_run.status().exit_code == -signal.SIGKILL
    training_process._children.clear()  # as after a restart of the kernel: the exit code is lost
    with pytest.raises(UserError, match="ended early: killed without a message"):
        long_run.wait()
    with RunLock(long_run.folder):
        pass


def test_what_cannot_be_stopped_or_ended_is_one_line(long_run, monkeypatch):
    """A button would swallow any other exception. A process may end while it is being ended."""
    with monkeypatch.context() as patch:
        patch.setattr(Path, "touch", lambda path: (_ for _ in ()).throw(PermissionError(13, "not yours")))
        with pytest.raises(UserError, match="cannot be told to stop .not yours.: make that folder writable"):
            long_run.stop()
    ended = long_run.process()
    long_run.kill()
    training_process.kill(ended)


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


def test_time_left_goes_by_the_pace_of_the_last_lines():
    paces = ((10, 9.0), (20, 2.0), (30, 2.0))
    entries = [
        {"type": "step", "step": step, "seconds_per_step": pace, "total_steps": 100} for step, pace in paces
    ]
    assert Status(State.RUNNING, None, "", entries, 10.0).seconds_left == 70 * 2.0 - 10.0
    assert Status(State.RUNNING, None, "", []).seconds_left is None


def test_a_run_that_was_asked_to_stop_and_then_killed_does_not_claim_to_be_saved(long_run):
    with suspended(long_run):
        long_run.stop()
        long_run.kill()
    for _ in ("this kernel", "a later one"):
        status = TrainingRun(long_run.folder).status()
        assert (status.state, status.saved_step) == (State.DIED, None)
        assert status.reason == (
            "it was ended without saving: all its steps are lost, because there is no checkpoint yet"
        )
        with pytest.raises(UserError, match="ended early: it was ended without saving"):
            long_run.wait()
        training_process._children.clear()


@pytest.mark.parametrize(
    ("code", "said", "state", "reason"),
    [
        (130, "Stopped at step 231/2500, saved: a.pt\nGo on …", State.STOPPED, "saved step 231 first"),
        (None, "Stopped at step 231/2500, saved: a.pt\nGo on …", State.STOPPED, "saved step 231 first"),
        (0, "Stopped at step 231/2500, saved: a.pt\nGo on …", State.STOPPED, "saved step 231 first"),
        (130, "omni: interrupted", State.DIED, "interrupted before it could save"),
        (None, "omni: interrupted", State.DIED, "interrupted before it could save"),
        (0, "Ready for Stage E!", State.FINISHED, "trained to the end"),
        (None, "Time: 1 min\nReady for Stage E!", State.FINISHED, "trained to the end"),
        (1, "Traceback (most recent call last)\nKeyError: 'x'", State.DIED, "exit code 1: KeyError: 'x'"),
    ],
)
def test_the_state_tells_what_was_saved(code, said, state, reason):
    entries = [{"type": "step", "step": 200, "total_steps": 2500}]
    status = how_it_ended(code, said, entries, saved_step=231)
    assert status.state is state and status.reason.endswith(reason)
    assert status.step == 231, "the checkpoint's, not that of the last line of the log"


@pytest.mark.parametrize(
    ("saved", "code", "said", "state", "reason"),
    [
        (18, None, "", State.FINISHED, "it trained to the end"),
        (18, -9, "", State.FINISHED, "it trained to the end, but made no report: killed by SIGKILL"),
        (15, None, "Epoch 3/3:", State.DIED, "killed without a message"),  # before the last save
        (15, None, "", State.DIED, "why it ended was not recorded, and the steps after 15, its newest"),
        (15, -9, "", State.DIED, "killed by SIGKILL"),
    ],
)
def test_a_run_is_finished_once_its_last_step_is_saved(saved, code, said, state, reason):
    entries = [{"type": "step", "step": 18, "total_steps": 18}]
    status = how_it_ended(code, said, entries, saved_step=saved)
    assert status.state is state and status.reason.startswith(reason)


def test_a_run_that_was_not_started_by_a_notebook_is_stopped_if_its_last_step_is_saved(
    make_tiny_config, tmp_path
):
    """`train` in a kernel, or `omni train` in a terminal: no console file tells how it ended."""
    config = make_tiny_config(tmp_path / "run", log_every=1)
    train(config, max_steps=4, report=lambda line: None)
    run = TrainingRun.attach(tmp_path / "run")
    assert run.wait() is State.STOPPED
    assert run.status().reason == "it ended before its last step, and step 4 is saved"
    periodic_checkpoints(run.folder)[-1].unlink()
    with pytest.raises(
        UserError, match="ended early: why it ended was not recorded, and all its steps are lost.*yet$"
    ):
        run.wait()
