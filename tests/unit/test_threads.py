"""A run keeps the number of threads that it began with, whatever else the machine does when it goes on."""

import contextlib
import json
import os
import subprocess
import sys
import time

import psutil
import pytest
import torch

from omni_lib.cli import main
from omni_lib.errors import UserError
from omni_lib.machine import thread_plan
from omni_lib.machine import threads as threads_module
from omni_lib.machine.thread_plan import WAYS_TO_SET_IT, WAYS_TO_SET_THREADS, ThreadPlan, own_cores
from omni_lib.machine.threads import beside_other_programs, threads, threads_of_run
from omni_lib.runs.lock import RunRecord
from omni_lib.session import train
from omni_lib.training.checkpoint import periodic_checkpoints, save_checkpoint
from omni_lib.weights import load_checkpoint

FREE = ThreadPlan(asleep=False, cores=3, taken=0, reason="the 3 cores are free")
BUSY = ThreadPlan(asleep=True, cores=3, taken=2, reason="other programs use 2.0 of the 3 cores")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    """The user has set nothing, and torch would use three threads.

    Three, because on two cores libgomp's threads do not spin then: beside other tests they would wait long.
    """
    for name in (*WAYS_TO_SET_IT, *WAYS_TO_SET_THREADS):
        monkeypatch.delenv(name, raising=False)
    with threads(3):
        yield


def test_threads_are_set_inside_the_block_only():
    with pytest.raises(ValueError), threads(1):
        assert torch.get_num_threads() == 1
        raise ValueError
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(("plan", "began_with", "number", "line"), [
    (FREE, None, 3, "Using 3 threads: the 3 cores are free"),
    (BUSY, None, 1, "Using 1 of 3 threads: other programs use 2.0 of the 3 cores"),
    (None, None, 3, ""),
    (FREE, 1, 1, "Using 1 thread, as before the break"),
    (BUSY, 2, 2, "Using 2 threads, as before the break, which sleep while they wait"),
    (None, 1, 1, "Using 1 thread, as before the break"),
    (FREE, 4, 4, "Using 4 threads, as before the break: that is slow on 3 cores, but rounds the same"),
])  # fmt: skip
def test_a_new_run_follows_the_load_and_a_resumed_one_keeps_its_number(plan, began_with, number, line):
    assert threads_of_run(plan, began_with) == (number, line)


def test_what_the_user_has_set_comes_first_and_a_break_in_the_rounding_is_said(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    plan = thread_plan.plan_threads(os.environ, 4, lambda: 1.0)
    sleeping = "3 threads, which sleep while they wait: OMP_NUM_THREADS is set to 3, and other programs"
    for began_with in (None, 3):
        number, line = threads_of_run(plan, began_with)
        assert number == 3 and line.startswith(f"Using {sleeping}")
    number, line = threads_of_run(plan, 1)
    assert number == 3
    assert (
        line.startswith("! OMP_NUM_THREADS is set to 3, but the run had 1 thread so far") and "round" in line
    )


def test_processes_that_train_together_keep_the_number_that_they_have(monkeypatch):
    monkeypatch.setattr(threads_module, "world_size", lambda: 2)
    assert threads_of_run(BUSY, 1) == (3, "")


@pytest.mark.parametrize(("busy", "number"), [(0.1, 3), (1.0, 2)])
def test_a_notebook_computes_with_the_threads_that_have_cores_now(monkeypatch, busy, number):
    monkeypatch.setattr(threads_module, "busy_cores", lambda: busy)
    monkeypatch.setattr(threads_module, "own_cores", lambda: [0, 1, 2])
    with beside_other_programs():
        assert torch.get_num_threads() == number
    assert torch.get_num_threads() == 3


# Trainings


def same(left, right) -> bool:
    """Whether the weights of two checkpoints agree to the last bit."""
    left, right = load_checkpoint(left)["resume"]["model"], load_checkpoint(right)["resume"]["model"]
    return all(torch.equal(left[name], right[name]) for name in left)


def recorded(folder) -> int | None:
    return load_checkpoint(periodic_checkpoints(folder)[-1])["resume"]["threads"]


def test_a_run_that_goes_on_under_another_load_ends_with_the_same_weights(make_tiny_config, tmp_path):
    unbroken = {}
    for first, then, number in ((FREE, BUSY, 3), (BUSY, FREE, 1)):
        lines: list[str] = []
        settings = make_tiny_config(tmp_path / f"unbroken_{number}", num_epochs=1)
        unbroken[number] = train(settings, plan=first, report=lines.append)
        assert f"Using {first.describe(3)}" in lines

        lines.clear()
        settings = make_tiny_config(tmp_path / f"broken_{number}", num_epochs=1)
        train(settings, max_steps=3, plan=first, report=lines.append)
        result = train(settings, resume=True, plan=then, report=lines.append)
        assert any(
            line.startswith(f"Using {thread_plan.plural(number)}, as before the break") for line in lines
        )
        assert recorded(result.folder) == recorded(unbroken[number].folder) == number
        assert same(result.checkpoint, unbroken[number].checkpoint)
        assert torch.get_num_threads() == 3
    # the number matters: had it changed at the break, the weights would differ
    assert not same(unbroken[1].checkpoint, unbroken[3].checkpoint)


def test_a_checkpoint_without_a_number_goes_on_with_as_many_as_torch_uses(make_tiny_config, tmp_path):
    config = make_tiny_config(tmp_path / "run", num_epochs=1)
    first = train(config, max_steps=1, report=lambda line: None)
    contents = load_checkpoint(first.checkpoint)
    del contents["resume"]["threads"]
    save_checkpoint(first.checkpoint, contents)
    lines: list[str] = []
    train(config, resume=True, max_steps=2, plan=BUSY, report=lines.append)
    assert recorded(first.folder) == 3
    assert not any("thread" in line for line in lines)

    for number in (0, -1, 10**9, "two", 1.5, True, [1]):
        contents["resume"]["threads"] = number
        save_checkpoint(first.folder / "audio_enc_step_3.pt", contents)
        with pytest.raises(UserError, match="number of threads"):
            train(config, resume=True, report=lambda line: None)


@contextlib.contextmanager
def busy_neighbour():
    """A process that keeps one of our cores busy."""
    neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(neighbour.pid, {own_cores()[0]})
    try:
        while psutil.Process(neighbour.pid).cpu_times().user < 0.1:  # it still starts
            time.sleep(0.01)
        yield
    finally:
        neighbour.kill()
        neighbour.wait()


def test_omni_train_beside_a_busy_process_leaves_it_a_core_and_goes_on_so(make_tiny_config, tmp_path):
    config = make_tiny_config(tmp_path / "run")
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    command = [sys.executable, "-m", "omni_lib.train", "--config", str(tmp_path / "config.json")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with busy_neighbour():
        ended = subprocess.run(
            [*command, "--max-steps", "2"], env=environment, capture_output=True, text=True, check=True
        )
    number = recorded(tmp_path / "run")
    if len(own_cores()) > 1:
        assert f"Using {number} of " in ended.stdout and "other programs use" in ended.stdout
        assert 1 <= number < len(own_cores())
    lines: list[str] = []
    train(config, resume=True, max_steps=4, plan=FREE, report=lines.append)
    assert f"Using {thread_plan.plural(number)}, as before the break" in " ".join(lines)
    assert recorded(tmp_path / "run") == number


def test_omni_train_names_another_training_of_ours(make_tiny_config, tmp_path, monkeypatch, capsys):
    """It names a process that lives and has such a record; here this one."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    config = make_tiny_config(tmp_path / "mine")
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    (tmp_path / "other").mkdir()
    RunRecord.of(os.getpid(), ["omni", "train", "--config", "x.json"], tmp_path).write(tmp_path / "other")
    assert main(["train", "--config", str(tmp_path / "config.json"), "--max-steps", "1"]) == 0
    said = f"! Another training is going on in {tmp_path / 'other'} (process {os.getpid()}): each slows"
    assert said in capsys.readouterr().out
