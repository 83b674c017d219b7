"""What a training from a cell refuses before anything is started, and that it changes nothing then."""

import json
import os
import shutil
import sys
import warnings
from dataclasses import replace
from unittest.mock import ANY

import pytest

from omni_lib.cli import main
from omni_lib.course.training_run import TrainingRun, compare
from omni_lib.errors import UserError
from omni_lib.runs import background, discovery, launch
from omni_lib.runs import process as training_process
from omni_lib.runs.console import CONSOLE, begin_session
from omni_lib.runs.lock import RunLock, read_record
from omni_lib.runs.status import State
from omni_lib.session import train
from tests.unit.training_runs import files


def test_bad_settings_are_refused_before_anything_is_started(write_config, tmp_path):
    with pytest.raises(UserError, match="unknown setting 'epochs'"):
        TrainingRun.start(write_config(), set={"epochs": 3})
    with pytest.raises(UserError, match="does not exist"):
        TrainingRun.start(tmp_path / "nowhere.json")
    assert not (tmp_path / "run").exists()


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
    monkeypatch.setattr(launch, "spawn", lambda *_: pytest.fail("no process may be started"))
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


def test_a_process_that_is_ending_is_waited_for_although_its_record_is_gone_already(tmp_path):
    """A process that is refused restores the record of the run before it, and says why only afterwards."""
    run = TrainingRun(tmp_path)
    begin_session(tmp_path, ["omni", "train"])
    go = tmp_path / "go"
    ending = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
    ending += "print('omni: the disk is full'); raise SystemExit(2)"
    run._pid = training_process.spawn([sys.executable, "-c", ending], tmp_path, tmp_path / CONSOLE)
    assert run.process() is not None and run.status().state is State.RUNNING
    go.touch()
    with pytest.raises(UserError, match="exit code 2: the disk is full"):
        run.wait()
    assert run.process() is None


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
    monkeypatch.setattr(discovery, "ROOT", tmp_path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(launch, "spawn", full)
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
    with pytest.raises(UserError, match=r"ended early: exit code 2: .*nothing\.csv"):
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
    monkeypatch.setattr(discovery, "ROOT", tmp_path)
    with pytest.raises(UserError, match="there is no training run in checkpoints/"):
        TrainingRun.attach()
    with pytest.raises(UserError, match="holds no training"):
        TrainingRun.attach(tmp_path)
    (tmp_path / "training_log.json").write_text('{"config": {}, "entries": []}')
    with pytest.raises(UserError, match="does not record how its run was started"):
        TrainingRun.attach(tmp_path).resume()
