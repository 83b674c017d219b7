"""How many threads a training uses, whether they wait awake or asleep, and that OpenMP is told in time."""

import os
import re
import subprocess
import sys
import time

import psutil
import pytest

from omni_lib.machine import thread_plan
from omni_lib.machine.thread_plan import POLICY, busy_cores, choose_threads, own_cores, plan_threads


@pytest.mark.parametrize(("environment", "cores", "busy", "asleep", "reason"), [
    ({}, 2, 0.1, False, "the 2 cores are free"),
    ({}, 2, 1.0, True, "other programs use 1.0 of the 2 cores"),
    ({}, 8, 1.0, True, "other programs use 1.0 of the 8 cores"),
    ({}, 1, 1.0, False, "there is only one core"),
    ({"OMP_NUM_THREADS": "1"}, 2, 1.0, False, "OMP_NUM_THREADS is set to 1"),
    ({"MKL_NUM_THREADS": "1"}, 2, 1.0, False, "MKL_NUM_THREADS is set to 1"),
    ({"OMP_NUM_THREADS": "2"}, 4, 1.0, True,
     "OMP_NUM_THREADS is set to 2, and other programs use 1.0 of the 4 cores"),
    ({POLICY: "ACTIVE"}, 2, 1.0, False,
     "OMP_WAIT_POLICY is set to ACTIVE, and other programs use 1.0 of the 2 cores"),
    ({POLICY: "passive"}, 2, 0.0, True, "OMP_WAIT_POLICY is set to passive, and the 2 cores are free"),
    ({"GOMP_SPINCOUNT": "2000", "OMP_NUM_THREADS": "2"}, 2, 1.0, False,
     "OMP_NUM_THREADS is set to 2, and GOMP_SPINCOUNT is set to 2000"),
    ({"KMP_BLOCKTIME": "0"}, 2, 0.0, True, "KMP_BLOCKTIME is set to 0, and the 2 cores are free"),
])  # fmt: skip
def test_threads_sleep_only_beside_another_program_and_the_user_has_the_last_word(
    environment, cores, busy, asleep, reason
):
    plan = plan_threads(environment, cores, lambda: busy)
    assert (plan.asleep, plan.reason) == (asleep, reason)


@pytest.mark.parametrize(("environment", "cores", "at_most", "busy", "threads"), [
    ({}, 2, 2, 0.4, 2),
    ({}, 2, 2, 0.5, 1),
    ({}, 2, 2, 1.9, 1),  # at least one
    ({}, 8, 8, 1.2, 7),
    ({}, 8, 8, 1.6, 6),
    ({}, 8, 8, 8.0, 1),
    ({}, 8, 4, 1.0, 3),  # torch takes one thread for two logical cores
    ({}, 8, 4, 4.0, 2),
    ({}, 1, 1, 1.0, 1),
    ({"OMP_NUM_THREADS": "2"}, 2, 2, 1.0, 2),
    ({"MKL_NUM_THREADS": "2"}, 2, 2, 1.0, 2),
    ({POLICY: "PASSIVE"}, 2, 2, 1.0, 1),
])  # fmt: skip
def test_a_new_training_uses_the_threads_for_which_there_are_cores(
    environment, cores, at_most, busy, threads
):
    assert plan_threads(environment, cores, lambda: busy).threads(at_most) == threads


def test_a_plan_in_words():
    assert plan_threads({}, 2, lambda: 0.0).describe(2) == "2 threads: the 2 cores are free"
    beside = plan_threads({}, 4, lambda: 1.0)
    reason = "other programs use 1.0 of the 4 cores"
    assert beside.describe(4) == f"3 of 4 threads, which sleep while they wait: {reason}"
    assert beside.describe(2) == f"1 of 2 threads: {reason}"


def test_the_load_is_not_measured_where_nothing_depends_on_it():
    for environment in ({POLICY: "ACTIVE", "OMP_NUM_THREADS": "2"}, {"OMP_NUM_THREADS": "1"}):
        plan_threads(environment, 2, lambda: pytest.fail("measured"))
    plan_threads({}, 1, lambda: pytest.fail("measured"))


def test_a_busy_program_is_measured():
    before = busy_cores()
    core = own_cores()[0]
    neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(neighbour.pid, {core})
        while psutil.Process(neighbour.pid).cpu_times().user < 0.1:  # it still starts
            time.sleep(0.01)
        beside = busy_cores()
    finally:
        neighbour.kill()
        neighbour.wait()
    assert beside >= 0.5 and beside <= len(own_cores()) + 0.1
    assert before >= 0


@pytest.fixture
def chosen_anew():
    """`choose_threads` measures again, before and after the test."""
    choose_threads.cache_clear()
    yield
    choose_threads.cache_clear()


def test_nothing_is_set_once_torch_is_there(monkeypatch, chosen_anew):
    for name in (POLICY, *thread_plan.WAYS_TO_SET_THREADS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(thread_plan, "busy_cores", lambda: 1.0)
    monkeypatch.setattr(thread_plan, "own_cores", lambda: [0, 1])
    plan = choose_threads()
    assert not plan.asleep and plan.threads(2) == 1
    assert POLICY not in os.environ


def test_a_process_chooses_once(monkeypatch, chosen_anew):
    """The variable that the first choice sets is not taken for one that the user has set."""
    for name in thread_plan.WAYS_TO_SET_THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(thread_plan, "own_cores", lambda: [0, 1])
    monkeypatch.setattr(thread_plan, "busy_cores", lambda: 1.0)
    first = choose_threads()
    monkeypatch.setenv(POLICY, "PASSIVE")
    monkeypatch.setattr(thread_plan, "busy_cores", lambda: pytest.fail("measured again"))
    assert choose_threads() == first


TRAINING = """
import sys
from omni_lib.machine import thread_plan
thread_plan.own_cores = lambda: [0, 1]
thread_plan.busy_cores = lambda: float(sys.argv[1])
from omni_lib.cli import main
sys.exit(main(["train", "--config", "there is no such file.json"]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only libgomp prints its settings")
@pytest.mark.parametrize(("busy", "spins"), [(0.0, True), (1.0, False)])
def test_openmp_reads_the_choice_when_torch_loads_it(busy, spins):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
    ended = subprocess.run(
        [sys.executable, "-c", TRAINING, str(busy)],
        env={**environment, "OMP_DISPLAY_ENV": "VERBOSE", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    (count,) = re.findall(r"GOMP_SPINCOUNT = '(\d+)'", ended.stderr)
    assert (int(count) > 0) == spins


BY_MODULE = """
import runpy, sys
sys.argv = ["train", "--help"]
try:
    runpy.run_module("omni_lib.train", run_name="__main__")
except SystemExit:
    print("torch" in sys.modules)
"""


def test_a_training_by_module_chooses_before_torch_is_imported(tmp_path):
    """`python -m omni_lib.train` imports the command line first, and the trainer only inside the command."""
    ended = subprocess.run([sys.executable, "-c", BY_MODULE], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "False"
