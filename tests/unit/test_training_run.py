"""Training from a cell: real processes are started, found, stopped, resumed and killed; and the panel."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import matplotlib.pyplot as plt
import nbformat
import psutil
import pytest
import torch
from nbclient import NotebookClient

from omni_lib.cli import main
from omni_lib.course.figures import compared_curves
from omni_lib.course.training_run import TrainingRun, compare
from omni_lib.course.widgets.live_curves import round_numbers, training_charts
from omni_lib.course.widgets.still import RULES, WIDGET_VIEW
from omni_lib.course.widgets.training_panel import TrainingPanel
from omni_lib.errors import UserError
from omni_lib.runs import background, finding
from omni_lib.runs import process as training_process
from omni_lib.runs.background import CONSOLE
from omni_lib.runs.lock import RECORD, RunLock, RunRecord, read_record
from omni_lib.runs.log_window import Window
from omni_lib.runs.progress import ProgressFile, StepBar
from omni_lib.runs.status import State, Status, how_it_ended
from omni_lib.trainer import train
from omni_lib.training.checkpoint import periodic_checkpoints
from omni_lib.training.diagnosis import Posteriors
from omni_lib.training.outlook import Outlook
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


@contextlib.contextmanager
def suspended(run: TrainingRun):
    """Suspend the process of the run inside the block; it may be killed there."""
    process = run.process()
    process.suspend()
    try:
        yield
    finally:
        with contextlib.suppress(psutil.Error):
            process.resume()


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
    monkeypatch.setattr(finding, "ROOT", tmp_path)
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
        kernel.communicate(timeout=30)
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
    pid = training_process.spawn_through_a_go_between(command, tmp_path, tmp_path / CONSOLE, dict(os.environ))
    try:
        said = until(lambda: re.match(r"parent (\d+)\n", (tmp_path / CONSOLE).read_text()))
        assert int(said.group(1)) != os.getpid() and training_process.lives(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_killed_run_is_reported_and_can_be_resumed(long_run):
    long_run.process().kill()
    with pytest.raises(UserError, match="died, killed by SIGKILL: the system does that when memory runs out"):
        long_run.wait()
    assert long_run.status().exit_code == -signal.SIGKILL
    training_process._children.clear()  # as after a restart of the kernel: the exit code is lost
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


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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


REFUSED = {
    "other settings": (
        {"num_epochs": 10},
        "was trained with num_epochs = 3, now it is 10: set it back to resume",
    ),
    "no data": ({"data_path": "nowhere.csv"}, "nowhere.csv does not exist"),
    "a value out of range": ({"batch_size": 0}, "batch_size is 0"),
    "no such device": ({"device": "mps"}, "device is mps, and torch finds none here"),
}


@pytest.mark.parametrize("refused", REFUSED)
def test_what_the_training_would_refuse_is_refused_with_its_words_and_changes_nothing(
    stopped, tmp_path, monkeypatch, capsys, refused
):
    monkeypatch.setattr(background, "spawn", lambda *_: pytest.fail("no process may be started"))
    changes, words = REFUSED[refused]
    before, status = files(tmp_path), TrainingRun(tmp_path / "run").status()
    with pytest.raises(UserError, match=words) as refusal:
        TrainingRun.start(stopped, set=changes)
    assert files(tmp_path) == before
    assert TrainingRun(tmp_path / "run").status() == replace(status, seconds_since_entry=ANY)
    assert status.state is State.STOPPED and read_record(tmp_path / "run").settings.num_epochs == 3
    overrides = [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    assert main(["train", "--config", str(stopped), "--resume", *overrides]) == 2
    assert capsys.readouterr().err == f"omni: {refusal.value}\n"
    assert read_record(tmp_path / "run").settings.num_epochs == 3, "the command line leaves the record, too"


def test_a_new_run_without_data_leaves_no_folder(write_config, tmp_path):
    for data, words in (("nothing.csv", r"nothing\.csv does not exist"), ("empty.csv", "has no usable row")):
        (tmp_path / "empty.csv").write_text("audio_path,transcription\n")
        with pytest.raises(UserError, match=words):
            TrainingRun.start(write_config(data_path=str(tmp_path / data)))
        assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_is_refused_before_the_start(write_config, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written .*choose another save_dir"):
        TrainingRun.start(write_config(), folder=tmp_path / "file" / "run")


def test_what_only_the_process_finds_leaves_the_record_of_the_run_before_it(stopped, tmp_path, monkeypatch):
    """As when the run changes between the check and the start: `resume` repeats the command that trained."""
    monkeypatch.setattr(background, "refuse_early", lambda config, directory: None)
    before = {path: content for path, content in files(tmp_path / "run").items() if CONSOLE not in path}
    with pytest.raises(UserError, match="/run was trained with num_epochs = 3, now it is 10: set it back"):
        TrainingRun.start(stopped, set={"num_epochs": 10}).wait()
    after = files(tmp_path / "run")
    assert {path: after[path] for path in before} == before
    run = TrainingRun.attach(tmp_path / "run")
    run.resume()
    assert run.wait() is State.FINISHED and run.status().step == 18


def test_a_row_that_cannot_be_read_any_more_is_named_when_a_run_goes_on(
    make_tiny_config, tones_csv, tmp_path
):
    shutil.copytree(tones_csv.parent, tmp_path / "data")
    data = tmp_path / "data" / "asr.csv"
    config = make_tiny_config(tmp_path / "run", data_path=str(data))
    (tmp_path / "tiny.json").write_text(json.dumps(config.to_dict()))
    train(config, max_steps=1, report=lambda line: None)
    (tmp_path / "data" / "wav" / "train_1.wav").unlink()
    missing = r"line 3 \(train_1.wav\) .*, a train row, is missing\..*a row that is left out now: line 3: "
    with pytest.raises(UserError, match=missing + "wav/train_1.wav does not exist"):
        TrainingRun.start(tmp_path / "tiny.json")


def test_a_finished_run_stays_finished_without_its_data(make_tiny_config, tones_csv, tmp_path):
    """The report at the end needs the data; the run does not."""
    shutil.copytree(tones_csv.parent, tmp_path / "data")
    data = tmp_path / "data" / "asr.csv"
    config = make_tiny_config(tmp_path / "run", data_path=str(data), num_epochs=1, log_every=1)
    (tmp_path / "tiny.json").write_text(json.dumps(config.to_dict()))
    train(config, report=lambda line: None)
    data.unlink()
    run = TrainingRun.start(tmp_path / "tiny.json")
    assert run.wait() is State.FINISHED
    words = "it trained to the end, but made no report: exit code 2: the run is finished"
    assert run.status().exit_code == 2 and words in run.status().reason
    assert f"{data} does not exist" in run.status().reason
    training_process._children.clear()  # as after a restart of the kernel
    assert words in TrainingRun.attach(run.folder).status().reason
    before = files(run.folder)
    assert TrainingRun.start_or_attach(tmp_path / "tiny.json").status().state is State.FINISHED
    assert files(run.folder) == before, "nothing was started"


def test_a_change_that_was_accepted_lengthens_or_shortens_a_run_which_ends_as_finished(
    make_tiny_config, tones_csv, tmp_path
):
    for rows, steps in ((12, 10), (28, 21)):  # 24 rows made 18 steps; 12 make 9, and 10 were done
        shutil.copytree(tones_csv.parent, tmp_path / str(rows) / "data")
        data = tmp_path / str(rows) / "data" / "asr.csv"
        config = make_tiny_config(
            tmp_path / str(rows) / "run", data_path=str(data), batch_size=4, log_every=1
        )
        file = tmp_path / str(rows) / "tiny.json"
        file.write_text(json.dumps(config.to_dict()))
        train(config, max_steps=10, report=lambda line: None)
        header, *lines = data.read_text(encoding="utf-8").splitlines()
        changed = lines[:rows] + lines[: max(0, rows - 24)] + lines[24:]
        data.write_text("\n".join([header, *changed]), encoding="utf-8")
        run = TrainingRun.start(file, set={"accept_changed_data": True})
        assert run.wait() is State.FINISHED
        training_process._children.clear()  # as after a restart of the kernel
        run = TrainingRun.attach(run.folder)
        status = run.status()
        assert (status.state, status.reason) == (State.FINISHED, "it trained to the end")
        assert status.step == steps
        data.write_text("\n".join([header, *lines]), encoding="utf-8")
        run.resume()  # the change is not accepted a second time, but a finished run only reports it
        assert run.wait() is State.FINISHED
        assert "is finished, and" in run.console(40)


def test_a_later_change_must_be_accepted_again(stopped, tones_csv, tmp_path):
    config = json.loads(stopped.read_text())
    shutil.copytree(tones_csv.parent, tmp_path / "data")
    data = tmp_path / "data" / "asr.csv"
    stopped.write_text(json.dumps(config | {"data_path": str(data), "num_epochs": 3}))
    lines = data.read_text(encoding="utf-8").splitlines()
    data.write_text("\n".join([lines[0], lines[2], lines[1], *lines[3:]]), encoding="utf-8")
    run = TrainingRun.start(stopped, set={"accept_changed_data": True})
    run.kill()
    before = files(run.folder)
    with pytest.raises(UserError, match=r"order of the train rows: .*set=\{'accept_changed_data': True\}"):
        run.resume()
    assert files(run.folder) == before
    data.write_text("\n".join(lines), encoding="utf-8")
    run.resume()
    assert run.wait() is State.FINISHED


def test_a_damaged_log_is_named_wherever_it_is_read(trained, tmp_path):
    shutil.copytree(trained[0].folder, tmp_path / "run")
    config = replace(trained[1], save_dir=str(tmp_path / "run"))
    (tmp_path / "tiny.json").write_text(json.dumps(config.to_dict()))
    log = tmp_path / "run" / "training_log.json"
    whole = json.loads(log.read_text())
    step = next(entry for entry in whole["entries"] if entry["type"] == "step")
    for contents in (
        {"entries": []},
        {"config": [], "entries": []},
        {"config": None, "entries": []},
        {"config": {}, "entries": [{"step": 1}]},
        {"config": {}, "entries": [{"step": 1, "type": "step", "total_steps": 6}]},
        {"config": {}, "entries": [step | {"ctc_loss": "x"}]},
        {"config": {}, "entries": [step | {"type": []}]},
    ):
        log.write_text(json.dumps(contents))
        run = TrainingRun.attach(tmp_path / "run")
        assert "is not a training log: delete it" in repr(run)
        for read in (
            run.status,
            run.panel,
            run.settings,
            lambda run=run: compare(run, run),
            lambda: TrainingRun.start_or_attach(tmp_path / "tiny.json"),
        ):
            with pytest.raises(UserError, match="is not a training log: delete it, and"):
                read()
    log.unlink()
    assert TrainingRun.attach(tmp_path / "run").status().saved_step, "the remedy helps"


def test_a_second_training_beside_another_is_warned_about(write_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(finding, "ROOT", tmp_path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(background, "spawn", full)
    config = write_config()
    with RunLock(tmp_path / "checkpoints" / "other"):
        with (
            pytest.warns(
                UserWarning, match=rf"going on in .*other \(process {os.getpid()}\): each slows the other"
            ),
            pytest.raises(UserError, match="cannot be written"),
        ):
            TrainingRun.start(config)
    with RunLock(tmp_path / "beside"), pytest.warns(UserWarning, match="going on in .*beside"):
        with pytest.raises(UserError, match="cannot be written"):
            TrainingRun.start(config)  # its folder is tmp_path / "run"
    with warnings.catch_warnings(), pytest.raises(UserError, match="cannot be written"):
        warnings.simplefilter("error")  # both have ended
        TrainingRun.start(config)


def test_a_run_that_the_training_refuses_later_says_why(write_config, tmp_path, monkeypatch):
    monkeypatch.setattr(background, "refuse_early", lambda config, directory: None)
    run = TrainingRun.start(write_config(data_path=str(tmp_path / "nothing.csv")))
    with pytest.raises(UserError, match=r"died, exit code 2: .*nothing\.csv"):
        run.wait()
    assert run.status().exit_code == 2
    training_process._children.clear()
    assert run.status().exit_code == 2, "read from its last words"


def test_a_folder_taken_meanwhile_is_refused_with_the_holders_name(write_config, tmp_path, monkeypatch):
    """The check before the start may come too early; then the lock refuses, and its message is reported."""
    config = write_config()
    with RunLock(tmp_path / "run"):
        monkeypatch.setattr(TrainingRun, "process", lambda self: None)
        for _ in ("refused before the start", "refused by the lock"):
            with pytest.raises(UserError, match=f"^process {os.getpid()} on .* is training into"):
                TrainingRun.start(config)
            monkeypatch.setattr(background, "refuse_early", lambda config, directory: None)
        assert read_record(tmp_path / "run").pid == os.getpid(), "the record names who holds the lock"


def test_a_kernel_does_not_kill_itself(tmp_path):
    with RunLock(tmp_path), pytest.raises(UserError, match="this kernel itself is training"):
        TrainingRun(tmp_path).kill()


def test_a_folder_without_a_run_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(finding, "ROOT", tmp_path)
    with pytest.raises(UserError, match="there is no training run in checkpoints/"):
        TrainingRun.attach()
    with pytest.raises(UserError, match="holds no training"):
        TrainingRun.attach(tmp_path)
    (tmp_path / "training_log.json").write_text('{"config": {}, "entries": []}')
    with pytest.raises(UserError, match="does not record how its run was started"):
        TrainingRun.attach(tmp_path).resume()


def test_time_left_goes_by_the_pace_of_the_last_lines():
    paces = ((10, 9.0), (20, 2.0), (30, 2.0))
    entries = [
        {"type": "step", "step": step, "seconds_per_step": pace, "total_steps": 100} for step, pace in paces
    ]
    assert Status(State.RUNNING, None, "", entries, 10.0).seconds_left == 70 * 2.0 - 10.0
    assert Status(State.RUNNING, None, "", []).seconds_left is None


def test_two_runs_are_compared_in_one_figure(trained, tmp_path):
    plt.close("all")  # figures of other tests in this process
    run = TrainingRun(trained[0].folder)
    (loss, wer) = compared_curves([("first", run.status().entries), ("second", run.status().entries)]).axes
    assert len(loss.lines) == len(wer.lines) == 2 and "dev" in wer.get_title()
    picture = compare(trained[0].folder, run)
    assert picture.png.startswith(b"\x89PNG") and run.folder.name in picture.description
    assert not [number for number in plt.get_fignums() if plt.figure(number).axes[0] is not loss], (
        "none is left open"
    )
    plt.close("all")
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
    assert panel._kill.layout.display == "none"
    panel._stop.click()
    assert long_run.wait() is State.STOPPED
    step = load_checkpoint(periodic_checkpoints(long_run.folder)[-1])["step"]
    assert f"stopped</b>: it was asked to stop, and saved step {step} first" in panel._title.value
    assert f"{step} of 1200" in panel._figures.value
    assert panel._stop.disabled and not panel._resume.disabled and panel._kill.layout.display == "none"
    panel._resume.click()
    assert long_run.process() and "running" in panel._title.value
    with suspended(long_run):  # it cannot react to the first click yet
        panel._stop.click()
        assert (panel._stop.disabled, panel._stop.description) == (True, "Stopping…")
        panel._stop.click()  # the second of a double click
        assert long_run.process(), "only “End without saving” ends it"
        lost = f"the steps after {step}, its newest checkpoint, are lost"
        assert f"“End without saving” does not wait: then {lost}" in panel._note.value
        assert panel._kill.layout.display == "" and panel._kill.description == "End without saving"
        panel._kill.click()
    assert long_run.process() is None and panel._kill.layout.display == "none"
    assert f"died</b>: it was ended without saving: {lost}" in panel._title.value


def test_a_finished_run_is_trained_again_beside_it_and_compared(write_config, tmp_path):
    run = TrainingRun.start(write_config(num_epochs=2))
    panel = run.panel()
    assert panel._again.layout.display == panel._compare.layout.display == "none"
    run.wait()
    assert panel._again.layout.display == panel._compare.layout.display == ""
    panel._compare.click()
    assert "there is no other run beside" in panel._note.value and "<img" not in panel._comparison.value
    before = files(tmp_path / "run")
    panel._again.click()
    assert run.folder == tmp_path / "run_2" and "trains into" in panel._note.value
    assert panel._again.layout.display == "none", "not while it is going on"
    assert run.wait() is State.FINISHED and "run_2</code>" in panel._title.value
    assert run.settings().save_dir == str(tmp_path / "run_2") and run.trained_with(
        TrainingRun(tmp_path / "run").settings()
    )
    assert files(tmp_path / "run") == before, "the old run stays as it was"
    panel._compare.click()
    assert panel._comparison.layout.display == "" and "of the runs run_2, run" in panel._comparison.value
    panel._compare.click()
    assert panel._comparison.layout.display == "none"


def test_a_run_whose_command_is_unknown_cannot_be_trained_again(trained):
    panel = TrainingRun(trained[0].folder).panel()
    panel._again.click()
    assert "does not record how its run was started" in panel._note.value


def test_the_panel_shows_each_step_before_the_first_line_of_the_log(make_tiny_config, tmp_path):
    """A run of which only the progress file is there yet."""
    outlook = Outlook(total_steps=40, steps_per_epoch=10, frames_per_step=50.0, first_loss=123.0)
    with RunLock(tmp_path):
        file = ProgressFile(tmp_path)
        file.add(doing="computing training features", done=340, of=1000)
        panel = TrainingRun(tmp_path).panel()
        assert "computing training features, 340 of 1000" in panel._figures.value
        with StepBar(file, 0, outlook, make_tiny_config(tmp_path, log_every=100)) as bar:
            for _ in range(13):
                bar.update(Window(1, 77.0, Posteriors(frames=50)))
        panel.refresh()
    assert panel._bar.value == 13 / 40 and "13 of 40" in panel._figures.value
    assert "computing" not in panel._figures.value and "77.0" in panel._figures.value
    assert "predicted for an untrained model, 2 points, 123 at step 40" in panel._charts.value
    assert "training, 1 points, 77 at step 10" in panel._charts.value


def test_the_panel_says_that_the_machine_is_busy_only_after_a_while(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(finding, "ROOT", tmp_path)
    panel = TrainingRun(tmp_path / "checkpoints" / "mine").panel()
    for busy in (1.4, 1.4, 0.1, 1.4, 1.4):
        panel._show_neighbours(busy)
        assert panel._neighbours.value == ""
    panel._show_neighbours(1.4)
    assert "other programs use 1.4 of its" in panel._neighbours.value
    with RunLock(tmp_path / "checkpoints" / "other"):
        panel._show_neighbours(1.4)
        assert "Another training is going on in checkpoints/other" in panel._neighbours.value
    panel._show_neighbours(0.0)
    assert panel._neighbours.value == ""


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
        with pytest.raises(UserError, match="died, it was ended without saving"):
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
        (15, None, "Epoch 3/3:", State.DIED, "killed without a last word"),  # before the last save
        (15, None, "", State.DIED, "it ended, nobody recorded why, and the steps after 15, its newest"),
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
        UserError, match="died, it ended, nobody recorded why, and all its steps are lost.*yet$"
    ):
        run.wait()


def test_the_panel_has_a_picture_for_where_no_kernel_runs(trained):
    data, metadata = TrainingRun(trained[0].folder).panel().still_bundle()
    assert data["image/png"].startswith("iVBOR") and "dev word error rate" in metadata["image/png"]["alt"]
    assert data["text/html"].count("<svg") == 4 and "finished</b>" in data["text/html"]


@pytest.mark.parametrize(
    "interval", [0.01, 2.0]
)  # seconds: the panel itself sees the end first, or the cell that waits does
def test_an_executed_notebook_keeps_the_curves_of_the_whole_training(write_config, interval):
    """The picture beside the widget is renewed at the end, so that a code host shows the whole training."""
    source = [
        f"from omni_lib.course.widgets import training_panel\ntraining_panel.INTERVAL = {interval}\n"
        "from omni_lib.course.training_run import TrainingRun\n"
        f"run = TrainingRun.start({str(write_config())!r})\nrun.panel()",
        "print((await run.ended()).value)",
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    cells = [nbformat.v4.new_code_cell(text) for text in source]
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel}, cells=cells)
    NotebookClient(notebook, timeout=300).execute()
    view, rules, panel = notebook.cells[0].outputs
    assert list(view.data) == [WIDGET_VIEW] and rules.data["text/html"] == RULES
    assert (
        "finished" in panel.metadata["image/png"]["alt"]
        and "at step 18" in panel.metadata["image/png"]["alt"]
    )
    assert panel.data["image/png"] and "finished</b>" in panel.data["text/html"]
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
    from omni_lib.course.widgets.panel_html import transcripts_table

    assert "<script>" not in transcripts_table(Status(State.RUNNING, None, "", [entry]))


def test_a_comparison_is_drawn_once_by_a_new_kernel(trained):
    folder = str(trained[0].folder)
    source = f"from omni_lib.course.training_run import compare\ncompare({folder!r}, {folder!r})"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    cells = [nbformat.v4.new_code_cell(source)]
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel}, cells=cells)
    NotebookClient(notebook, timeout=300).execute()
    (output,) = notebook.cells[0].outputs
    assert output.output_type == "execute_result" and output.data["image/png"]


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
            assert 0 <= x <= 400 and 0 <= y <= 165
    assert "dev, nothing yet" in svg and "training batches, 3 points, 130 at step 30" in svg
    assert "<svg" in training_charts([], None), "before the first line"


@pytest.mark.parametrize("top", [0.0004, 0.003, 0.9, 1.0, 7.3, 100, 105, 2500, 123456])
def test_round_numbers_reach_nearly_to_the_top(top):
    numbers = round_numbers(top)
    assert numbers[0] == 0 and 0.6 * top < numbers[-1] <= top * 1.000001 and 4 <= len(numbers) <= 6
