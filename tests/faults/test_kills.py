"""A run that is killed at any instant, any number of times, and resumed ends with the same weights."""

import json
import os
import random
import shutil
import signal
import time

import psutil
import pytest

from omni_lib.training.checkpoint import BEST, periodic_checkpoints
from omni_lib.weights import load_checkpoint

STAGES = ("open", "half", "written", "synced", "replaced")
LAST_STEP = 18


def entries(folder) -> list[dict]:
    """The entries of a run's log, without the times. Fails if the log is not valid JSON."""
    log = json.loads((folder / "training_log.json").read_text(encoding="utf-8"))
    return [{key: value for key, value in entry.items() if "seconds" not in key} for entry in log["entries"]]


@pytest.fixture(scope="module")
def command(make_tiny_config, tmp_path_factory):
    """`command(folder)`: the arguments that train the tiny run in `folder`, or resume it."""

    def make(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(make_tiny_config(folder / "run").to_dict()))
        return ["train", "--config", str(folder / "config.json"), "--resume"]

    return make


@pytest.fixture(scope="module")
def unbroken(victims, command, tmp_path_factory):
    """The folder of an undisturbed run, and how many seconds it took."""
    folder = tmp_path_factory.mktemp("unbroken")
    arguments, began = command(folder), time.monotonic()
    assert victims.run(arguments, folder) == 0, (folder / "error.txt").read_text()
    return folder, time.monotonic() - began


@pytest.fixture
def ends_like_the_unbroken_run(victims, command, unbroken, unlike):
    """A function that resumes the run of a folder to its end and compares its files with the unbroken run."""

    def check(folder) -> None:
        whole = unbroken[0] / "run"
        assert victims.run(command(folder), folder) == 0, (folder / "error.txt").read_text()
        run = folder / "run"
        assert entries(run) == entries(whole)
        steps = [entry["step"] for entry in entries(run) if entry["type"] == "step"]
        assert steps == [4, 8, 12, 16, 18], "every step once"
        for name in (BEST, f"audio_enc_step_{LAST_STEP}.pt"):
            assert unlike(load_checkpoint(run / name), load_checkpoint(whole / name)) == [], name
        assert len(periodic_checkpoints(run)) == 3, (
            "the newest; one that was saved because of a signal counts"
        )
        names = [
            {path.name for path in folder.iterdir() if "_step_" not in path.name} for folder in (run, whole)
        ]
        assert names[0] == names[1] and not list(run.glob("*.partial")), "nothing half-written stays"
        assert "Traceback" not in (folder / "error.txt").read_text()

    return check


def drawn_strike(rng: random.Random) -> dict:
    """A write in which the run is killed, out of four periodic checkpoints, a best one, and eight logs."""
    file, count = rng.choice([("audio_enc_step", 4), ("audio_enc_best", 1), ("training_log", 8)])
    return {"file": file, "number": rng.randint(1, count), "at": rng.choice(STAGES)}


def whole_at_this_instant(folder) -> None:
    """Check what a killed run leaves: a log that is JSON, and checkpoints that load."""
    if (folder / "run" / "training_log.json").exists():
        entries(folder / "run")
    for path in (folder / "run").glob("*.pt"):
        load_checkpoint(path)


def test_a_run_killed_at_random_instants_ends_like_an_undisturbed_one(
    victims, command, unbroken, ends_like_the_unbroken_run, runs, tmp_path, record_property
):
    """SIGKILL at a random time (one run in three) or in a random write, then up to twice while it resumes."""
    kills = {"at a random time": 0, "inside a checkpoint write": 0, "inside a log write": 0}
    for number in range(runs):
        rng, folder = random.Random(f"kill {number}"), tmp_path / f"{number}"
        arguments = command(folder)
        for again in range(rng.randint(1, 3)):
            strike = drawn_strike(rng) if (number + again) % 3 else None
            if strike:
                status = victims.run(arguments, folder, strike)
            else:
                status = victims.kill_after(rng.uniform(0, unbroken[1]), signal.SIGKILL, arguments, folder)
                while status == 0 and again == 0:  # it ended first; kill it once
                    shutil.rmtree(folder / "run")
                    status = victims.kill_after(
                        rng.uniform(0, unbroken[1] / 2), signal.SIGKILL, arguments, folder
                    )
            assert status in (0, -signal.SIGKILL), (folder / "error.txt").read_text()
            assert status or again, "the first blow falls in every run"
            if status == 0:
                break
            what = (
                "at a random time"
                if not strike
                else f"inside a {'log' if 'log' in strike['file'] else 'checkpoint'} write"
            )
            kills[what] += 1
            print(f"run {number} of {runs}: killed {what}", flush=True)
            whole_at_this_instant(folder)
        ends_like_the_unbroken_run(folder)
        shutil.rmtree(folder)
    assert all(kills.values()), kills
    record_property("kills", kills)
    print(f"{runs} runs survived {sum(kills.values())} kills: {kills}")


@pytest.mark.parametrize("at", STAGES)
@pytest.mark.parametrize(("file", "number"), [("audio_enc_step", 2), ("training_log", 3)])
def test_a_write_that_is_killed_at_each_of_its_stages_leaves_the_old_file_or_the_new(
    victims, command, tmp_path, file, number, at
):
    arguments = command(tmp_path)
    assert victims.run(arguments, tmp_path, {"file": file, "number": number, "at": at}) == -signal.SIGKILL
    whole_at_this_instant(tmp_path)
    newest = periodic_checkpoints(tmp_path / "run")
    steps = [entry["step"] for entry in entries(tmp_path / "run") if entry["type"] == "step"]
    if file == "audio_enc_step":
        assert [path.name for path in newest] == [
            f"audio_enc_step_{step}.pt" for step in ((5, 10) if at == "replaced" else (5,))
        ]
    else:
        assert steps == ([4, 8] if at == "replaced" else [4])


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_run_that_is_asked_to_stop_saves_and_exits_130(
    victims, command, unbroken, ends_like_the_unbroken_run, runs, tmp_path, name
):
    """At random instants, with the signals of Ctrl-C, a shutdown and a closed terminal."""
    for number in range(max(1, runs // 10)):
        rng, folder = random.Random(f"{name} {number}"), tmp_path / f"{number}"
        longest = unbroken[1] / 4  # seconds
        while True:
            pid = victims.start(command(folder), folder)
            while not (folder / "run" / "training_log.json").exists():  # its first line, after four steps
                time.sleep(0.005)
            time.sleep(rng.uniform(0, longest))
            os.kill(pid, signal.SIGSTOP)  # so that it does not end between the look and the signal
            while psutil.Process(pid).status() not in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE):
                time.sleep(0.005)
            steps = [entry["step"] for entry in entries(folder / "run")]
            os.kill(pid, getattr(signal, name))
            os.kill(pid, signal.SIGCONT)
            status = victims.wait(pid)
            if max(steps) <= LAST_STEP - 6:  # the next line comes four steps later: it was still training
                break
            shutil.rmtree(folder)  # it may have ended first: strike sooner
            longest /= 2
        assert status == 130, (folder / "error.txt").read_text()
        step = load_checkpoint(periodic_checkpoints(folder / "run")[-1])["step"]
        assert f"Stopped at step {step}/{LAST_STEP}, saved" in (folder / "out.txt").read_text()
        ends_like_the_unbroken_run(folder)
