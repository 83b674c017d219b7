"""Full disks, read-only and vanishing folders: one line, the last checkpoint stays, the run can go on."""

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from omni_lib.errors import UserError
from omni_lib.runs.log import read_log
from omni_lib.session import train
from omni_lib.training.checkpoint import BEST, periodic_checkpoints
from omni_lib.weights import damage, load_checkpoint


def quiet(line: str) -> None:
    """Receives what training reports, and drops it."""


@contextlib.contextmanager
def mounted(folder, options: str):
    """A small file system in memory at `folder`; skips where this user may not mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"needs the right to mount a small disk (root on Linux): {done.stderr.strip()}")
    try:
        yield
    finally:
        while os.path.ismount(folder):
            subprocess.run(["umount", "-l", folder], check=True)


needs_mount = pytest.mark.skipif(
    not shutil.which("mount") or sys.platform != "linux", reason="needs Linux' mount to make a small disk"
)


@pytest.fixture(scope="module")
def unbroken(make_tiny_config, tmp_path_factory):
    return train(make_tiny_config(tmp_path_factory.mktemp("unbroken") / "run"), report=quiet)


@pytest.fixture
def ends_like_the_unbroken_run(unbroken, unlike):
    def check(result) -> None:
        assert unlike(load_checkpoint(result.checkpoint), load_checkpoint(unbroken.checkpoint)) == []
        steps = [
            entry["step"]
            for entry in read_log(result.folder / "training_log.json")["entries"]
            if entry["type"] == "step"
        ]
        assert steps == [4, 8, 12, 16, 18]

    return check


@needs_mount
@pytest.mark.parametrize("kilobytes", [600, 3000, 6500])
def test_a_full_disk_is_reported_in_one_line_and_the_run_goes_on_when_there_is_room(
    make_tiny_config, tmp_path, ends_like_the_unbroken_run, kilobytes
):
    """A checkpoint of this run is 1.8 MB: the disk is full at the first, the second or the fourth."""
    with mounted(tmp_path / "disk", f"size={kilobytes}k"):
        config = make_tiny_config(tmp_path / "disk" / "run")
        with pytest.raises(
            UserError, match=r"cannot be written \(No space left on device\): free some space"
        ) as refusal:
            train(config, report=quiet)
        assert "\n" not in str(refusal.value)
        kept = periodic_checkpoints(tmp_path / "disk" / "run")
        assert len(kept) + (tmp_path / "disk" / "run" / BEST).exists() == kilobytes // 1820
        assert not any(damage(path) for path in kept)
        json.loads((tmp_path / "disk" / "run" / "training_log.json").read_text(encoding="utf-8"))
        assert not list((tmp_path / "disk" / "run").glob("*.partial"))
        subprocess.run(["mount", "-o", "remount,size=100m", tmp_path / "disk"], check=True)
        ends_like_the_unbroken_run(train(config, resume=True, report=quiet))


@needs_mount
def test_a_disk_that_turns_read_only(make_tiny_config, tmp_path, ends_like_the_unbroken_run):
    """Linux remounts a failed disk like this: refused before a run; during a run the saved files are kept."""
    with mounted(tmp_path / "disk", "size=100m"):
        config = make_tiny_config(tmp_path / "disk" / "run")

        def spoil(line: str) -> None:
            if (
                "audio_enc_step_10.pt" in line
            ):  # a second view of the disk, through which nothing can be written, lies over the first
                subprocess.run(["mount", "--bind", tmp_path / "disk", tmp_path / "disk"], check=True)
                subprocess.run(["mount", "-o", "remount,bind,ro", tmp_path / "disk"], check=True)

        with pytest.raises(UserError, match="cannot be written .Read-only file system"):
            train(config, report=spoil)
        assert [path.name for path in periodic_checkpoints(tmp_path / "disk" / "run")] == [
            "audio_enc_step_5.pt",
            "audio_enc_step_10.pt",
        ]
        with pytest.raises(UserError, match="cannot be written .Read-only file system"):
            train(config, resume=True, report=quiet)
        subprocess.run(["umount", tmp_path / "disk"], check=True)
        ends_like_the_unbroken_run(train(config, resume=True, report=quiet))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT])
def test_a_write_that_fails_at_any_moment_of_a_run(
    make_tiny_config, tmp_path, monkeypatch, number, ends_like_the_unbroken_run
):
    """Without mounting a disk: the error of the operating system, at the seventh write of the run."""
    config, writes, true_fsync = make_tiny_config(tmp_path / "run"), [], os.fsync

    def failing(descriptor: int) -> None:
        writes.append(descriptor)
        if len(writes) >= 14:
            raise OSError(number, os.strerror(number))
        true_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(UserError) as refusal:
        train(config, report=quiet)
    monkeypatch.undo()
    assert os.strerror(number) in str(refusal.value) and "\n" not in str(refusal.value)
    assert not any(damage(path) for path in periodic_checkpoints(tmp_path / "run")) and not list(
        (tmp_path / "run").glob("*.partial")
    )
    ends_like_the_unbroken_run(train(config, resume=True, report=quiet))


@pytest.mark.parametrize(
    ("when", "how"),
    [
        ("Epoch 2/3:", "deleted"),
        ("audio_enc_step_10.pt", "moved away"),
        ("audio_enc_step_10.pt", "emptied"),
        ("[Step 12/18]", "emptied"),
        ("Epoch 2/3 dev", "deleted"),
    ],
)
def test_a_folder_that_vanishes_under_a_run_is_made_again(
    make_tiny_config, tmp_path, ends_like_the_unbroken_run, when, how
):
    """The run is in memory: it reports this, saves at once, and ends with the same weights."""
    config, run, lines = make_tiny_config(tmp_path / "run"), tmp_path / "run", []

    def report(line: str) -> None:
        lines.append(line)
        if when in line and not lines.count("gone"):
            lines.append("gone")
            if how == "moved away":
                run.rename(tmp_path / "elsewhere")
            else:
                shutil.rmtree(run)
            if how == "emptied":
                run.mkdir()

    ends_like_the_unbroken_run(train(config, report=report))
    (said,) = [line for line in lines if "was removed while the run goes on" in line]
    assert "audio_enc_step_" in said and "\n" not in said
    assert load_checkpoint(run / BEST)["step"] in (12, 18)


def test_a_folder_that_cannot_be_made_again(make_tiny_config, tmp_path):
    """A file has taken its place: one line, no traceback."""
    config, run = make_tiny_config(tmp_path / "run"), tmp_path / "run"

    def report(line: str) -> None:
        if "audio_enc_step_5.pt" in line:
            run.rename(tmp_path / "elsewhere")
            run.write_text("in the way")

    with pytest.raises(UserError, match="run.* cannot be written"):
        train(config, report=report)
    assert load_checkpoint(tmp_path / "elsewhere" / "audio_enc_step_5.pt")["step"] == 5


@pytest.mark.parametrize("end", ["deleted", "a file"])
def test_a_save_dir_that_cannot_be_a_folder_is_refused_before_anything_is_read(
    make_tiny_config, tmp_path, end
):
    (tmp_path / "a file").write_text("")
    target = tmp_path / "a file" / "run" if end == "deleted" else tmp_path / "a file"
    with pytest.raises(UserError, match="cannot be written"):
        train(make_tiny_config(target, data_path="nowhere.csv"), report=quiet)


# The reader of the output is gone


WAITS_BEHIND_STEP_4 = """
import os, sys, time
from omni_lib.cli import main
from omni_lib.runs.journal import Journal
add = Journal.add_steps
def add_and_wait(self, *arguments, step, **options):
    add(self, *arguments, step=step, **options)
    while step == 4 and os.isatty(1):
        time.sleep(0.01)
Journal.add_steps = add_and_wait
sys.exit(main(["train", "--config", sys.argv[1]]))
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no terminals of this kind")
@pytest.mark.parametrize("ending", ["terminal", "pipe"])
def test_a_closed_terminal_or_pipe_saves_the_run(
    make_tiny_config, tmp_path, ends_like_the_unbroken_run, ending
):
    """`omni train` in a window that is closed; `omni train | head -3`.

    In the window, the run waits behind step 4 until it is closed.
    """
    config = make_tiny_config(tmp_path / "run")
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    command = [sys.executable, "-c", WAITS_BEHIND_STEP_4, str(tmp_path / "config.json")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    if ending == "terminal":
        import pty

        pid, screen = pty.fork()
        if pid == 0:
            os.execve(command[0], command, environment)
    else:
        screen, theirs = os.pipe()
        pid = subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment).pid
        os.close(theirs)
    seen = b""
    while b"[Step 4/18]" not in seen and (piece := os.read(screen, 4096)):
        seen += piece
    os.close(screen)
    _, state = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(state) != -signal.SIGHUP, "it ended by itself"
    step = load_checkpoint(periodic_checkpoints(tmp_path / "run")[-1])["step"]
    assert (4 <= step < 18) if ending == "terminal" else step == 18, (
        "a pipe is only read no more: the run goes on to its end"
    )
    ends_like_the_unbroken_run(train(config, resume=True, report=quiet))


def test_under_nohup_a_hang_up_does_not_stop_the_run(victims, make_tiny_config, tmp_path):
    if not hasattr(signal, "SIGHUP"):
        pytest.skip("Windows has no SIGHUP")
    (tmp_path / "config.json").write_text(json.dumps(make_tiny_config(tmp_path / "run").to_dict()))
    pid = victims.start(["train", "--config", str(tmp_path / "config.json")], tmp_path, ignored=["SIGHUP"])
    while not (tmp_path / "run" / "training_log.json").exists():
        time.sleep(0.005)
    os.kill(pid, signal.SIGHUP)
    assert victims.wait(pid) == 0
    assert (tmp_path / "run" / "audio_enc_step_18.pt").exists()
