"""A run of several processes, one of which is killed or stopped: all end and the run can be resumed.

Every kill is a real one, of a process that torchrun has started.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import torch.distributed as dist

from omni_lib.cli import main
from omni_lib.training.checkpoint import periodic_checkpoints
from omni_lib.weights import load_checkpoint

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (dist.is_available() and dist.is_gloo_available() and hasattr(os, "fork")),
        reason="no gloo, or a system whose processes take no signals from others (Windows)",
    ),
]
PATIENCE = 600  # seconds, on a busy machine


class Job:
    """`torchrun … -m omni_lib.train --config CONFIG --resume`, its processes and their output."""

    def __init__(self, config: Path, *options: str) -> None:
        launcher = [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            *options,
        ]
        self.process = psutil.Popen(
            [*launcher, "-m", "omni_lib.train", "--config", str(config), "--resume"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        )
        self.seen: set[psutil.Process] = set()
        self.out = self.error = ""

    def rank(self, number: int) -> psutil.Process:
        ranks = {}
        for child in self.process.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                ranks[child.environ().get("RANK")] = child
        self.seen |= {process for name, process in ranks.items() if name}
        return ranks[str(number)]

    def wait_for(self, found) -> None:
        """Wait until `found()` is true; fail if the job ends first."""
        end = time.monotonic() + PATIENCE
        while not found():
            assert self.process.poll() is None and time.monotonic() < end, self.process.communicate()
            time.sleep(0.01)

    def finish(self) -> int:
        self.out, self.error = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode

    @property
    def refusals(self) -> list[str]:
        """The error messages of our own processes, without torchrun's report."""
        return [line for line in self.error.splitlines() if line.startswith("omni: ")]

    def close(self) -> None:
        with contextlib.suppress(psutil.Error):
            for process in [*self.process.children(recursive=True), self.process]:
                with contextlib.suppress(psutil.Error):
                    process.kill()
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()


@pytest.fixture
def started(make_tiny_config, tmp_path) -> Iterator:
    """`started(settings, *options of torchrun)` → Job; processes that are left at the end are killed."""
    jobs = []

    def start(settings: dict, *options: str) -> Job:
        config = make_tiny_config(tmp_path / "run", **{"log_every": 1, "checkpoint_freq": 2, **settings})
        (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
        jobs.append(Job(tmp_path / "config.json", *options))
        return jobs[-1]

    yield start
    for job in jobs:
        job.close()


def logged_steps(folder: Path) -> list[int]:
    entries = json.loads((folder / "training_log.json").read_text(encoding="utf-8"))["entries"]
    return [entry["step"] for entry in entries if entry["type"] == "step"]


def test_a_killed_rank_ends_the_job_cleanly_and_one_process_can_go_on(started, tmp_path, capsys):
    job = started({"num_epochs": 100})
    job.wait_for(lambda: periodic_checkpoints(tmp_path / "run"))
    job.rank(1).kill()
    assert job.finish() == 1
    (line,) = job.refusals
    assert "another process of this training has ended" in line and "--resume" in line
    assert "omni_lib/" not in job.error, "no traceback of ours"
    assert "Signal 9" in job.error, "torchrun reports which one was killed"
    assert not [process for process in job.seen if process.is_running()]
    step = load_checkpoint(periodic_checkpoints(tmp_path / "run")[-1])["step"]
    assert 0 < step < 600
    resume = ["train", "--config", str(tmp_path / "config.json"), "--resume", "--max-steps", str(step + 3)]
    assert main(resume) == 0
    assert f"Resuming at step {step}/600" in capsys.readouterr().out
    assert logged_steps(tmp_path / "run") == list(range(1, step + 4))


def test_torchrun_goes_on_from_the_last_checkpoint(started, tmp_path):
    """Rank 0, which writes the files and holds the lock of the run, is killed."""
    job = started({"num_epochs": 10}, "--max-restarts", "1")
    job.wait_for(lambda: periodic_checkpoints(tmp_path / "run"))
    job.rank(0).kill()
    assert job.finish() == 0, job.error
    (resumed,) = [line for line in job.out.splitlines() if line.startswith("Resuming at step")]
    assert int(resumed.split()[3].split("/")[0]) >= 2
    assert load_checkpoint(tmp_path / "run" / "audio_enc_step_60.pt")["step"] == 60
    assert logged_steps(tmp_path / "run") == list(range(1, 61))
    assert "Ready for Stage E!" in job.out


@pytest.mark.parametrize(("number", "whom"), [(signal.SIGTERM, "rank 1"), (signal.SIGINT, "torchrun")])
def test_a_stop_signal_to_one_rank_stops_all_after_the_same_step(started, tmp_path, number, whom):
    job = started({"num_epochs": 200})
    job.wait_for(lambda: periodic_checkpoints(tmp_path / "run"))
    (job.rank(1) if whom == "rank 1" else job.process).send_signal(number)
    assert job.finish() != 0, "it did not reach the end of the schedule"
    (stopped,) = [line for line in job.out.splitlines() if line.startswith("Stopped at step")]
    step = int(stopped.split()[3].split("/")[0])
    assert load_checkpoint(tmp_path / "run" / f"audio_enc_step_{step}.pt")["step"] == step
    assert logged_steps(tmp_path / "run") == list(range(1, step + 1))
    assert not job.refusals and "omni_lib/" not in job.error, "no traceback of ours"


def test_an_error_of_all_ranks_is_printed_once(started, tmp_path):
    job = started({"data_path": str(tmp_path / "nowhere.csv")})
    assert job.finish() == 1
    (line,) = job.refusals
    assert "nowhere.csv" in line
