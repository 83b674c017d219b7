"""Two trainings into one folder, stale locks, and stopping without signals, with real processes."""

import json
import os
import socket
import subprocess
import sys
import time

import psutil
import pytest
from filelock import FileLock

from omni_lib.cli import main
from omni_lib.errors import UserError
from omni_lib.runs.interruption import STOP_FILE, ask_to_stop
from omni_lib.runs.lock import (
    LOCK,
    RECORD,
    RunLock,
    RunRecord,
    read_record,
    refuse_if_held,
    remove_unused,
)
from omni_lib.runs.process import is_alive
from omni_lib.session import train
from omni_lib.training.checkpoint import periodic_checkpoints
from omni_lib.weights import load_checkpoint

pytestmark = pytest.mark.training

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}


def holder(folder) -> subprocess.Popen:
    """Another process that holds the lock on `folder` until its standard input is closed."""
    code = "import sys; from pathlib import Path; from omni_lib.runs.lock import RunLock\n"
    code += "with RunLock(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert process.stdout.readline() == "held\n"
    return process


def ended(process: subprocess.Popen) -> int:
    process.communicate(timeout=300)
    return process.returncode


def long_run(make_tiny_config, tmp_path, *arguments) -> subprocess.Popen:
    """A training of 1200 steps that has logged its first."""
    config = make_tiny_config(tmp_path / "run", num_epochs=200, log_every=1, checkpoint_freq=1000)
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    process = subprocess.Popen(
        [sys.executable, "-m", "omni_lib.train", "--config", str(tmp_path / "config.json"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ENVIRONMENT,
    )
    while process.poll() is None and not (tmp_path / "run" / "training_log.json").exists():
        time.sleep(0.01)
    return process


@pytest.mark.skipif(sys.platform != "linux", reason="how Linux shows a process whose first thread has ended")
def test_a_process_is_there_until_its_last_thread_has_ended(tmp_path):
    """Every killed training is in this state for an instant: it holds its lock, and has no exit code yet."""
    code = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(600,)).start(); "
    code += "ctypes.CDLL(None).pthread_exit(None)"
    child = subprocess.Popen([sys.executable, "-c", code])
    try:
        process, record = psutil.Process(child.pid), RunRecord.of(child.pid, ["python"], tmp_path)
        while process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert child.poll() is None and record.process() == process and is_alive(child.pid)
        child.kill()
        while process.num_threads() > 1:
            time.sleep(0.01)
        assert record.process() is None and not is_alive(child.pid)
    finally:
        child.kill()
        child.wait()


def test_a_folder_is_locked_while_another_process_holds_it_and_free_afterwards(tmp_path):
    process = holder(tmp_path)
    with pytest.raises(
        UserError,
        match=f"^process {process.pid} on .* is training into {tmp_path}: .*choose another save_dir$",
    ):
        RunLock(tmp_path).__enter__()
    assert ended(process) == 0
    with RunLock(tmp_path):
        assert read_record(tmp_path).pid == os.getpid()
    assert read_record(tmp_path) is None, "this process goes on, but trains no more"


def test_a_killed_process_leaves_no_lock(tmp_path):
    process = holder(tmp_path)
    process.kill()
    ended(process)
    assert (
        (tmp_path / LOCK).exists()
        and read_record(tmp_path).pid == process.pid
        and read_record(tmp_path).process() is None
    )
    with RunLock(tmp_path):
        pass


def test_one_process_cannot_train_into_a_folder_twice(tmp_path):
    with RunLock(tmp_path), pytest.raises(UserError, match=f"process {os.getpid()} "):
        RunLock(tmp_path).__enter__()
    with RunLock(tmp_path):
        pass


def test_a_refused_run_leaves_no_folder(tmp_path):
    with pytest.raises(UserError, match="no such data"), RunLock(tmp_path / "run"):
        raise UserError("no such data")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows does not delete a file that a process has open")
def test_a_run_that_starts_while_a_refused_one_cleans_up_is_alone_in_the_folder(tmp_path, monkeypatch):
    """It takes the lock as soon as that is free; a third run must find it held, whatever was deleted."""
    folder, second, release = tmp_path / "run", RunLock(tmp_path / "run"), FileLock.release

    def release_and_start_another(lock, *arguments, **named):
        monkeypatch.undo()
        release(lock, *arguments, **named)
        second.__enter__()

    with pytest.raises(UserError, match="no such data"), RunLock(folder):
        monkeypatch.setattr(FileLock, "release", release_and_start_another)
        raise UserError("no such data")
    try:
        assert (folder / LOCK).exists() and read_record(folder).pid == os.getpid()
        with pytest.raises(UserError, match="is training into"):
            RunLock(folder).__enter__()
    finally:
        second.__exit__(None, None, None)


def test_only_an_empty_folder_that_nobody_holds_is_removed(tmp_path):
    process = holder(tmp_path / "held")
    (tmp_path / "held" / RECORD).unlink()  # the instant before it is written
    remove_unused(tmp_path / "held")
    assert (tmp_path / "held" / LOCK).exists()
    assert ended(process) == 0
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes.txt").write_text("mine")
    remove_unused(tmp_path / "used")
    assert os.listdir(tmp_path / "used") == ["notes.txt"]
    (tmp_path / "empty").mkdir()
    remove_unused(tmp_path / "empty")
    assert not (tmp_path / "empty").exists()


def test_a_refused_run_puts_the_record_of_the_run_before_it_back(tmp_path, monkeypatch):
    """Otherwise `resume` would repeat the refused command. A run that has trained keeps its own record."""
    before = RunRecord(2**22 + 1, 0.0, "here", ["omni", "train", "--config", "first.json"], "/")
    before.write(tmp_path)
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "omni_lib.train", "--config=second.json"])
    with pytest.raises(UserError, match="other settings"), RunLock(tmp_path):
        assert read_record(tmp_path).pid == os.getpid()
        raise UserError("other settings")
    assert read_record(tmp_path) == before
    with pytest.raises(UserError, match="not finite"), RunLock(tmp_path):
        (tmp_path / "audio_enc_step_5.pt").write_bytes(b"saved")
        raise UserError("the loss is not finite")
    assert read_record(tmp_path).command[-1] == "--config=second.json" and read_record(tmp_path).is_command


def test_the_record_of_an_earlier_run_is_not_taken_for_the_holder(tmp_path):
    process = holder(tmp_path)
    RunRecord(process.pid, 0.0, socket.gethostname(), ["python"], "/").write(tmp_path)  # of a run in 1970
    with pytest.raises(UserError, match="^another process is training into"):
        refuse_if_held(tmp_path)
    assert ended(process) == 0
    before = sorted(tmp_path.iterdir())
    refuse_if_held(tmp_path)
    refuse_if_held(tmp_path / "nowhere")
    assert sorted(tmp_path.iterdir()) == before


def test_a_record_holds_the_settings_that_its_command_names(tmp_path):
    (tmp_path / "tiny.json").write_text('{"num_epochs": 7}')
    command = ["python", "-m", "omni_lib.train", "--config", "tiny.json", "--set", "seed=3", "--resume"]
    settings = RunRecord(1, 0.0, "here", command, str(tmp_path)).settings
    assert (settings.num_epochs, settings.seed, settings.save_dir) == (7, 3, "checkpoints/tiny")


def test_a_record_does_not_match_a_reused_process_id(tmp_path):
    record = RunRecord.of(os.getpid(), ["python"], tmp_path)
    assert record.process().pid == os.getpid()
    later = RunRecord(
        record.pid, record.started - 60, record.host, record.command, record.directory
    )  # the pid was used before
    elsewhere = RunRecord(record.pid, record.started, "another computer", record.command, record.directory)
    assert later.process() is None and elsewhere.process() is None
    for damaged in ("", "[]", '{"pid": 3}'):
        (tmp_path / "run.json").write_text(damaged)
        assert read_record(tmp_path) is None


def test_a_second_training_is_refused_in_one_line_and_the_first_goes_on(make_tiny_config, tmp_path, capsys):
    process = long_run(make_tiny_config, tmp_path)
    try:
        for resume in ([], ["--resume"]):
            assert main(["train", "--config", str(tmp_path / "config.json"), *resume]) == 2
            (line,) = capsys.readouterr().err.splitlines()
            assert line.startswith(f"omni: process {process.pid} on ") and str(tmp_path / "run") in line
        assert process.poll() is None
    finally:
        process.kill()
        ended(process)
    assert main(["train", "--config", str(tmp_path / "config.json"), "--resume", "--max-steps", "1"]) == 0, (
        "killed: nothing is locked"
    )


def test_the_stop_file_saves_and_exits_130(make_tiny_config, tmp_path):
    process = long_run(make_tiny_config, tmp_path)
    try:
        ask_to_stop(tmp_path / "run")
        out, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, out
    step = load_checkpoint(periodic_checkpoints(tmp_path / "run")[-1])["step"]
    assert 0 < step < 1200 and f"Stopped at step {step}/1200" in out
    assert not (tmp_path / "run" / STOP_FILE).exists(), "obeyed"


def test_a_stale_stop_file_stops_nothing(make_tiny_config, tmp_path):
    config = make_tiny_config(tmp_path / "run", num_epochs=1)
    (tmp_path / "run").mkdir()
    ask_to_stop(tmp_path / "run")
    result = train(config, report=lambda line: None)
    assert (result.step, result.interrupted) == (6, False)


def test_the_stop_file_is_heeded_between_steps(make_tiny_config, tmp_path):
    config = make_tiny_config(tmp_path / "run", log_every=1)

    def report(line: str) -> None:
        if line.startswith("[Step 3/"):
            ask_to_stop(tmp_path / "run")

    assert train(config, report=report).step == 3
    assert train(config, resume=True, report=lambda line: None).step == 18
