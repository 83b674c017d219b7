"""The learner's copies: nothing of theirs is ever overwritten, and JupyterLab is started safely."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
from filelock import FileLock

from omni_lib.cli import main
from omni_lib.course import lab, notebook_copies
from omni_lib.course.notebook_copies import Copies, refresh_copies, shipped_notebooks
from omni_lib.errors import UserError

NAME = "05_full_training.ipynb"
NEW = "05_full_training.new.ipynb"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "a clone, ünïcode and all"
    (folder / "notebooks").mkdir(parents=True)
    ship(folder, "first edition")
    return folder


def ship(root: Path, content: str, name: str = NAME) -> None:
    """Write an original with one executed cell, whose source is `content`."""
    printed = nbformat.v4.new_output("stream", text="an output")
    cell = nbformat.v4.new_code_cell(content, outputs=[printed], execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), root / "notebooks" / name)


def refresh(root: Path) -> Copies:
    return refresh_copies(shipped_notebooks(root), root / "notebooks" / "my")


def mine(root: Path, name: str = NAME) -> Path:
    return root / "notebooks" / "my" / name


def contents(root: Path) -> dict[str, str]:
    return {file.name: edition(file) for file in mine(root).parent.glob("*.ipynb")}


def edition(file: Path) -> str:
    """The source of the first cell of a notebook, or a text that is not a notebook."""
    text = file.read_text(encoding="utf-8")
    try:
        return nbformat.reads(text, as_version=4).cells[0].source
    except nbformat.reader.NotJSONError:
        return text


def test_a_copy_opens_without_outputs_and_the_original_keeps_its_own(root: Path):
    refresh(root)
    copy, original = (nbformat.read(path, as_version=4) for path in (mine(root), root / "notebooks" / NAME))
    assert copy.cells[0].outputs == [] and copy.cells[0].execution_count is None
    assert original.cells[0].outputs and original.cells[0].execution_count == 1
    nbformat.validate(copy)


@pytest.mark.parametrize("damage", ["", "<<<<<<< HEAD", "[]", '{"cells": [{}]}'])
def test_an_original_that_is_not_a_notebook_is_named_and_nothing_is_copied(root: Path, damage: str):
    ship(root, "another", "01_mel_features.ipynb")
    (root / "notebooks" / NAME).write_text(damage)
    with pytest.raises(UserError, match=f"{NAME} is not a notebook.*git checkout"):
        refresh(root)
    assert contents(root) == {}


def test_each_notebook_is_copied_once(root: Path):
    assert refresh(root).fresh == [NAME]
    assert contents(root) == {NAME: "first edition"}
    assert refresh(root) == Copies()
    ship(root, "another", "06_stage_e.ipynb")
    assert refresh(root).fresh == ["06_stage_e.ipynb"]


def test_a_copy_never_touched_follows_its_original(root: Path):
    refresh(root)
    ship(root, "second edition")
    assert refresh(root).updated == [NAME]
    assert contents(root) == {NAME: "second edition"}


def test_work_is_kept_while_the_original_stays(root: Path):
    refresh(root)
    mine(root).write_text("my work")
    assert refresh(root) == Copies()
    assert contents(root) == {NAME: "my work"}


def test_work_is_kept_and_a_new_original_laid_beside_it_once(root: Path):
    refresh(root)
    mine(root).write_text("my work")
    ship(root, "second edition")
    assert refresh(root).offered == {NAME: NEW}
    assert contents(root) == {NAME: "my work", NEW: "second edition"}
    assert refresh(root) == Copies()
    mine(root, NEW).unlink()
    assert refresh(root) == Copies(), "declined is declined"
    assert contents(root) == {NAME: "my work"}


def test_an_offer_never_touched_is_replaced_by_the_next(root: Path):
    refresh(root)
    mine(root).write_text("my work")
    ship(root, "second edition")
    refresh(root)
    ship(root, "third edition")
    assert refresh(root).offered == {NAME: NEW}
    assert contents(root) == {NAME: "my work", NEW: "third edition"}


def test_work_in_an_offer_is_kept_too(root: Path):
    refresh(root)
    mine(root).write_text("my work")
    ship(root, "second edition")
    refresh(root)
    mine(root, NEW).write_text("my work in the second edition")
    ship(root, "third edition")
    assert refresh(root).offered == {NAME: "05_full_training.new2.ipynb"}
    assert contents(root) == {
        NAME: "my work",
        NEW: "my work in the second edition",
        "05_full_training.new2.ipynb": "third edition",
    }
    assert refresh(root) == Copies()


def test_a_deleted_copy_starts_over(root: Path):
    refresh(root)
    mine(root).write_text("my work")
    refresh(root)
    mine(root).unlink()
    assert refresh(root).fresh == [NAME]
    assert contents(root) == {NAME: "first edition"}


@pytest.mark.parametrize("damage", ["", "{", "[]", "\x00", '{"05_full_training.ipynb": 1}'])
def test_without_its_record_every_copy_counts_as_the_learners(root: Path, damage: str):
    refresh(root)
    mine(root).write_text("my work")
    mine(root, notebook_copies.RECORD).write_text(damage)
    ship(root, "second edition")
    refresh(root)
    assert contents(root) == {NAME: "my work", NEW: "second edition"}
    assert set(json.loads(mine(root, notebook_copies.RECORD).read_text())) >= {NEW}


def test_a_write_that_fails_leaves_the_old_copy_whole(root: Path, monkeypatch: pytest.MonkeyPatch):
    refresh(root)
    ship(root, "second edition")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match="No space left on device.*omni lab --workspace"):
        refresh(root)
    assert contents(root) == {NAME: "first edition"}
    assert not list(mine(root).parent.glob("*.partial"))


def test_a_file_in_the_place_of_the_folder_is_a_clear_answer(root: Path):
    mine(root).parent.write_text("no folder")
    with pytest.raises(UserError, match="cannot keep your notebooks"):
        refresh(root)


def test_without_the_clone_the_remedy_is_named(tmp_path: Path):
    with pytest.raises(UserError, match="clone the project"):
        shipped_notebooks(tmp_path)


def test_each_change_is_reported_in_one_line():
    copies = Copies(fresh=["a", "b"], updated=["c"], offered={"d": "d.new"})
    assert len(list(copies.lines())) == 2 and not any("\n" in line for line in copies.lines())


# --- the server ---------------------------------------------------------------------------------------------


def test_the_server_is_local_and_its_token_is_jupyters_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    command = lab.lab_command(tmp_path / "my notebooks", NAME, ["--no-browser"])
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert "--ServerApp.ip=127.0.0.1" in command
    assert f"--ServerApp.root_dir={tmp_path / 'my notebooks'}" in command
    assert f"--LabApp.default_url=/lab/tree/{NAME}" in command
    assert command[-1] == "--no-browser"
    assert not [
        argument
        for argument in command
        if "token" in argument or "password" in argument or "allow_root" in argument
    ]


def test_root_in_a_container_may_use_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert "--ServerApp.allow_root=True" in lab.lab_command(tmp_path)


def test_open_lab_copies_and_then_serves(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    served, signed = [], []
    monkeypatch.setattr(lab, "sign", signed.append)
    monkeypatch.setattr(lab, "ROOT", root)
    monkeypatch.setattr(lab, "shipped_notebooks", lambda: sorted((root / "notebooks").glob("*.ipynb")))
    monkeypatch.setattr(lab, "_serve", lambda command, *_: served.append(command) or 0)
    monkeypatch.chdir(tmp_path)  # the current folder does not matter
    assert lab.open_lab(extra=["--no-browser"]) == 0
    assert lab.open_lab(workspace=Path("own folder")) == 0
    assert lab.open_lab() == 0
    assert contents(root) == {NAME: "first edition"}
    assert edition(tmp_path / "own folder" / NAME) == "first edition"
    assert f"--ServerApp.root_dir={root}" in served[0], "the links to the code lead there"
    assert f"--LabApp.default_url=/lab/tree/notebooks/my/{NAME}" in served[0]
    assert f"--ServerApp.root_dir={tmp_path / 'own folder'}" in served[1]
    assert f"--LabApp.default_url=/lab/tree/{NAME}" in served[1]
    assert signed == [mine(root), tmp_path / "own folder" / NAME]
    assert [any("default_url" in argument for argument in command) for command in served] == [
        True,
        True,
        False,
    ]


def test_without_jupyterlab_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lab.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="JupyterLab is not installed.*pip install"):
        lab.open_lab()


def test_a_signed_copy_is_trusted(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from nbformat.sign import NotebookNotary

    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    refresh(root)
    assert not NotebookNotary().check_signature(nbformat.read(mine(root), as_version=4))
    notebook_copies.sign(mine(root))
    assert NotebookNotary().check_signature(nbformat.read(mine(root), as_version=4))


def test_three_lines_and_the_defaults_of_the_course(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path
):
    """A stand-in for the server: it leaves the file that names its address, and ends once that was read."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "theirs")
    served, copies = tmp_path / "project", tmp_path / "project" / "my"
    announced = tmp_path / "announced"
    copies.mkdir(parents=True)
    (tmp_path / "runtime").mkdir()
    source = f"""
import json, os, pathlib, time
print("noise of the server", os.environ["JUPYTER_CONFIG_PATH"])
info = {{"pid": os.getpid(), "root_dir": {str(served)!r}, "token": "abc", "url": "http://localhost:8888/"}}
file = pathlib.Path({str(tmp_path / "runtime")!r}) / f"jpserver-{{os.getpid()}}.json"
file.write_text(json.dumps(info))
while not pathlib.Path({str(announced)!r}).exists():
    time.sleep(0.01)
"""
    announce = lab._announce

    def announce_and_end(*arguments) -> None:
        announce(*arguments)
        announced.touch()

    monkeypatch.setattr(lab, "_announce", announce_and_end)
    assert lab._serve([sys.executable, "-c", source], served, copies) == 0
    assert capsys.readouterr().out.splitlines() == [
        "address  http://localhost:8888/lab?token=abc",
        f"folder   {copies}",
        "stop     Ctrl-C",
    ]
    noise = (copies / lab.LOG).read_text()
    assert f"noise of the server theirs{os.pathsep}{copies / lab.CONFIG}" in noise
    defaults = json.loads((copies / lab.CONFIG / "labconfig/default_setting_overrides.json").read_text())
    assert defaults["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


def test_what_a_server_says_before_it_fails_is_shown(capsys: pytest.CaptureFixture, tmp_path: Path):
    source = "import sys; print('no port is free', file=sys.stderr); sys.exit(3)"
    assert lab._serve([sys.executable, "-c", source], tmp_path, tmp_path) == 3
    said = capsys.readouterr()
    assert "no port is free" in said.err and said.out == ""


def test_the_servers_exit_code_is_ours():
    assert lab._serve([sys.executable, "-c", "raise SystemExit(3)"]) == 3


@pytest.mark.skipif(os.name != "posix", reason="signals to one process")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_stop_ends_the_server_without_an_error(name: str, tmp_path: Path):
    number = getattr(signal, name)
    started = tmp_path / "started"
    server = f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(60)"

    def stop() -> None:
        while not started.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    threading.Thread(target=stop, daemon=True).start()
    before = signal.getsignal(number)
    assert lab._serve([sys.executable, "-c", server]) == 0
    assert signal.getsignal(number) == before


@pytest.mark.skipif(os.name != "posix", reason="signals to one process")
def test_a_stop_while_the_server_starts_ends_it_too(monkeypatch: pytest.MonkeyPatch):
    """It ended this process alone, and the server went on in a session of its own."""
    started, popen = [], subprocess.Popen

    def interrupted(*arguments, **options):
        started.append(popen(*arguments, **options))
        os.kill(os.getpid(), signal.SIGINT)
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    assert lab._serve([sys.executable, "-c", "import time; time.sleep(60)"]) == 0
    assert started[0].returncode == -signal.SIGTERM


def test_git_ignores_the_copies():
    lines = (lab.ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "/notebooks/my/" in lines


def test_omni_lab_serves_the_copies_in_the_folder_that_workspace_names(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    served = []
    monkeypatch.setattr(lab, "ROOT", root)
    monkeypatch.setattr(lab, "shipped_notebooks", lambda: sorted((root / "notebooks").glob("*.ipynb")))
    monkeypatch.setattr(lab, "_serve", lambda command, *_: served.append(command) or 0)
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "--workspace", "her folder"]) == 0
    assert edition(tmp_path / "her folder" / NAME) == "first edition" and contents(root) == {}
    assert f"--ServerApp.root_dir={tmp_path / 'her folder'}" in served[0]
    (tmp_path / "a file").write_text("not a folder")
    assert main(["lab", "--workspace", "a file"]) == 2


def test_two_that_refresh_at_the_same_time_lose_nothing(root: Path):
    """The second one waits for the first, so that it does not write the same files."""
    refresh(root)
    ship(root, "second edition")
    with FileLock(mine(root).parent / notebook_copies.LOCK):
        thread = threading.Thread(target=refresh, args=(root,))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive() and contents(root) == {NAME: "first edition"}
    thread.join()
    assert contents(root) == {NAME: "second edition"}
