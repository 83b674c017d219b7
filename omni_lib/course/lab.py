"""JupyterLab, opened on the learner's own copies of the notebooks.

    omni lab                        the copies are in notebooks/my (`make lab` does the same)
    omni lab --workspace FOLDER     the copies are in FOLDER

The original notebooks are in `notebooks/`, where `git pull` may change them at any time. So a learner works
on copies, which git ignores and no update overwrites:

- A notebook without a copy is copied, without its outputs: a learner predicts them first.
- A copy that the learner has not changed is updated with its original.
- A copy that the learner has changed stays as it is. If its original changes, the new original is put beside
  it, as `05_full_training.new.ipynb`.

JupyterLab serves the whole project if the copies are in it, so that the links of a lesson lead to the code.
If they are elsewhere, it serves that folder, and a lesson names its code without links.

The learner has changed a copy if its bytes differ from those that were written, whose hashes are in
`.copies.json`. To start a notebook again from the beginning, delete the copy.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from filelock import FileLock

from omni_lib.errors import UserError
from omni_lib.machine.clone import INSTALL, ROOT
from omni_lib.machine.files import replaced_atomically, sha256

RECORD = ".copies.json"
# Held while the copies are refreshed: two terminals may open JupyterLab at the same time.
LOCK = ".copies.lock"
LOG = ".jupyter.log"  # what the server prints
SERVED = "OMNI_LAB_ROOT"  # variable of the kernels: the folder that JupyterLab serves
CONFIG = ".jupyter"  # defaults for JupyterLab, below what the learner has set
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/filebrowser-extension:browser": {"showLastModifiedColumn": False},  # room for the names
}


@dataclass
class Copies:
    """What one refresh of the workspace did."""

    fresh: list[str] = field(default_factory=list)  # copied for the first time, or again after a deletion
    updated: list[str] = field(default_factory=list)  # unchanged copies, replaced by their changed original
    offered: dict[str, str] = field(default_factory=dict)  # a changed copy -> the new original beside it

    def lines(self) -> Iterator[str]:
        """What the learner should know: a line for all updated copies, and one for each new original."""
        if self.updated:
            yield f"updated (you had not changed them): {', '.join(self.updated)}"
        for mine, new in self.offered.items():
            yield f"{mine} has a newer original: your copy stays as it is, the new one is beside it as {new}"


def shipped_notebooks(root: Path = ROOT) -> list[Path]:
    """The originals, in the order of the course.

    Raises:
        UserError: no notebook is found, because omni_lib was installed without the rest of the project.
    """
    originals = sorted((root / "notebooks").glob("*.ipynb"))
    if not originals:
        raise UserError(
            f"no notebooks in {root / 'notebooks'}: clone the project and install it there with `{INSTALL}`"
        )
    return originals


def refresh_copies(originals: Sequence[Path], workspace: Path) -> Copies:
    """Update `workspace` from `originals` without losing anything that the learner wrote.

    Raises:
        UserError: an original is not a notebook, or the workspace cannot be written.
    """
    done = Copies()
    contents = {original.name: without_outputs(original) for original in originals}
    try:
        workspace.mkdir(parents=True, exist_ok=True)
        with FileLock(workspace / LOCK):
            before = _read_record(workspace)
            hashes = dict(before)
            for name, content in contents.items():
                _refresh(workspace / name, content, hashes, done)
            if hashes != before:
                _write(workspace / RECORD, json.dumps(hashes, indent=2, sort_keys=True).encode() + b"\n")
    except OSError as error:
        raise UserError(
            f"cannot keep your notebooks in {workspace}: {error.strerror or error}; "
            "choose a folder that you can write to with `omni lab --workspace FOLDER`"
        ) from error
    return done


def _refresh(mine: Path, content: bytes, hashes: dict[str, str], done: Copies) -> None:
    """Write or update one copy, or put `content` beside it where the learner has changed it.

    Args:
        content: the original, without outputs.
        hashes: of each file that was written here, by its name; updated in place.
    """
    latest = sha256(content)

    def write(target: Path) -> None:
        _write(target, content)
        hashes[target.name] = latest

    if not mine.exists():
        write(mine)
        done.fresh.append(mine.name)
        return
    current = sha256(mine.read_bytes())
    if current == latest:
        hashes[mine.name] = latest
        return
    if current == hashes.get(mine.name):
        write(mine)
        done.updated.append(mine.name)
        return
    # The learner has changed this copy. Offer a new original once: if the learner deletes it, it stays
    # deleted.
    offers = [mine.name, *(beside.name for beside in _names_beside(mine, hashes))]
    if latest in (hashes.get(name) for name in offers):
        return
    for beside in _names_beside(mine, hashes):
        if not beside.exists() or sha256(beside.read_bytes()) == hashes.get(beside.name):
            write(beside)
            done.offered[mine.name] = beside.name
            return


def without_outputs(original: Path) -> bytes:
    """The contents of a notebook as a learner opens it: no outputs and no execution counts.

    Raises:
        UserError: the file is not a notebook.
    """
    try:
        notebook = json.loads(original.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell["outputs"], cell["execution_count"] = [], None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{original} is not a notebook ({error}): restore it, for example with `git checkout -- "
            f"notebooks/{original.name}`"
        ) from error
    return json.dumps(notebook, indent=1, ensure_ascii=False).encode() + b"\n"


def _names_beside(mine: Path, hashes: dict[str, str]) -> Iterator[Path]:
    """`x.new.ipynb`, `x.new2.ipynb`, …, up to the first name that does not exist and was never used."""
    number = 1
    while True:
        name = mine.with_name(f"{mine.stem}.new{number if number > 1 else ''}.ipynb")
        yield name
        if name.name not in hashes and not name.exists():
            return
        number += 1


def _read_record(workspace: Path) -> dict[str, str]:
    """The hashes of what was copied; empty if the record is damaged, so that every copy counts as changed."""
    try:
        record = json.loads((workspace / RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): str(value) for name, value in record.items()} if isinstance(record, dict) else {}


def _write(target: Path, content: bytes) -> None:
    with replaced_atomically(target) as file:
        file.write(content)


def lab_command(root: Path, first: str = "", extra: Sequence[str] = ()) -> list[str]:
    """The command that serves the folder `root`, and opens the notebook `first` in it if one is named.

    The server listens on this machine only. Jupyter draws a new token at each start and requires it. The
    token is not on the command line, where other users of the machine could read it.
    """
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={root}",
        "--ServerApp.answer_yes=True",  # on Windows Ctrl-C reaches the server: stop it without a question
    ]
    if first:
        command.append(f"--LabApp.default_url=/lab/tree/{first}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--ServerApp.allow_root=True")  # in a container, root is often the only user
    return [*command, *extra]


def open_lab(workspace: Path | None = None, extra: Sequence[str] = ()) -> int:
    """Refresh the copies, serve them with JupyterLab until Ctrl-C is pressed, and return the exit code.

    It prints three lines: the address, the folder, and how to stop. Before them there is a line for all
    copies that were updated, and one for each new original beside a copy.

    Args:
        workspace: the folder of the copies; `notebooks/my` in the project if not given.
        extra: more arguments for JupyterLab, such as `--no-browser`.

    Raises:
        UserError: JupyterLab or the notebooks are not installed, or the workspace cannot be written.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise UserError(
            f"JupyterLab is not installed in {sys.prefix}: run `{INSTALL}` in the project's folder"
        )
    folder = (workspace or ROOT / "notebooks" / "my").expanduser().resolve()
    copies = refresh_copies(shipped_notebooks(), folder)
    for name in (*copies.fresh, *copies.updated, *copies.offered.values()):
        sign(folder / name)
    for line in copies.lines():
        print(line)
    root = ROOT if folder.is_relative_to(ROOT) else folder
    # The first time, open the first lesson. Later, JupyterLab itself restores what was open.
    first = (folder / copies.fresh[0]).relative_to(root).as_posix() if copies.fresh else ""
    return _serve(lab_command(root, first, extra), root, folder, f"lab/tree/{first}" if first else "lab")


def sign(notebook: Path) -> None:
    """Tell Jupyter that a notebook is trusted, so that the outputs that a learner saves in it are shown.

    Nothing is done where the list of signatures cannot be written.
    """
    import nbformat
    from nbformat.sign import NotebookNotary

    with contextlib.suppress(OSError, sqlite3.Error):
        NotebookNotary().sign(nbformat.read(notebook, as_version=4))


def server_environment(config: Path, root: Path) -> Mapping[str, str]:
    """The variables of the server. Our defaults are written to the folder `config`, which it reads last.

    Its kernels learn which folder it serves, `root`.

    JupyterLab layers `labconfig/default_setting_overrides.json` of each configuration folder below the
    settings that its user has changed.
    """
    _write(config / "labconfig" / "default_setting_overrides.json", json.dumps(SETTINGS, indent=2).encode())
    before = os.environ.get("JUPYTER_CONFIG_PATH", "")
    paths = os.pathsep.join(filter(None, [before, str(config)]))
    return os.environ | {"JUPYTER_CONFIG_PATH": paths, SERVED: str(root)}


def _addresses(root: Path, page: str = "lab") -> dict[int, str]:
    """Process number → address of a page, with its token, of each server of this user that serves `root`."""
    from jupyter_server.serverapp import list_running_servers

    return {
        server["pid"]: f"{server['url']}{page}?token={server['token']}"
        for server in list_running_servers()
        if Path(server["root_dir"]) == root
    }


def _announce(server: subprocess.Popen[bytes], root: Path, before: set[int], folder: Path, page: str) -> None:
    """Print the three lines as soon as the server has said its address, or has ended."""
    while server.poll() is None:
        new = {pid: address for pid, address in _addresses(root, page).items() if pid not in before}
        if new:
            address = new.get(server.pid, next(iter(new.values())))
            print(f"address  {address}\nfolder   {folder}\nstop     Ctrl-C", flush=True)
            return
        time.sleep(0.2)


def _serve(
    command: Sequence[str], root: Path | None = None, folder: Path | None = None, page: str = "lab"
) -> int:
    """Run the server until it ends. Ctrl-C, SIGHUP and SIGTERM stop it cleanly, with exit code 0.

    Args:
        root: the folder that it serves; its address is printed if it is given.
        folder: of the copies, where the server's own messages are written.
        page: what the printed address opens.
    """
    asked_to_stop = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True
        if os.name == "posix":  # on Windows Ctrl-C reaches the server by itself
            server.terminate()

    with contextlib.ExitStack() as files:
        log, environment, before = None, None, set[int]()
        if root is not None and folder is not None:
            log = files.enter_context(open(folder / LOG, "wb"))
            environment, before = server_environment(folder / CONFIG, root), set(_addresses(root))
        # The server gets a session of its own, so that it receives one signal, from here. If the terminal
        # sent a second one, the server would cut its shutdown short, and might leave kernels running.
        server = subprocess.Popen(
            list(command), start_new_session=os.name == "posix", stdout=log, stderr=log, env=environment
        )
        numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
        previous = {number: signal.signal(number, stop) for number in numbers}
        try:
            if root is not None and folder is not None:
                _announce(server, root, before, folder, page)
            code = server.wait()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
    if code and not asked_to_stop and folder is not None:
        said = (folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        print("\n".join(said), file=sys.stderr)
    return 0 if asked_to_stop else code
