"""JupyterLab, opened on the learner's own copies of the notebooks.

    omni lab            (or `make lab`)

The notebooks that the project ships lie in `notebooks/`, and `git pull` may change them at any time. So a learner works on
copies in `notebooks/my/`, which git ignores and no update overwrites:

- a notebook without a copy is copied;
- a copy that was never touched follows its original;
- a copy that was worked in stays as it is, and a changed original is laid beside it as `05_full_training.new.ipynb`.

"Never touched" means byte for byte what was copied: `.copies.json` in the folder keeps the hashes. To start a notebook
over, delete the copy.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from omni_lib.errors import UserError
from omni_lib.machine.clone import ROOT

RECORD = ".copies.json"
INSTALL = "python -m pip install -c constraints.txt -e .[dev]"


@dataclass
class Copies:
    """What one refresh of the workspace did."""

    fresh: list[str] = field(
        default_factory=list
    )  # copied for the first time, or again after the copy was deleted
    updated: list[str] = field(
        default_factory=list
    )  # untouched copies that now follow their changed original
    offered: dict[str, str] = field(
        default_factory=dict
    )  # the learner's notebook -> the new original laid beside it

    def lines(self) -> Iterator[str]:
        """What the learner should know, a line each."""
        if self.fresh:
            yield f"copied for you: {', '.join(self.fresh)}"
        if self.updated:
            yield f"brought up to date (you had not changed them): {', '.join(self.updated)}"
        for mine, new in self.offered.items():
            yield f"{mine} has a newer original; yours stays as it is, the new one lies beside it as {new}"


def shipped_notebooks(root: Path = ROOT) -> list[Path]:
    """The originals, in the order of the course.

    Raises:
        UserError: there are none, because omni_lib was installed without its clone.
    """
    originals = sorted((root / "notebooks").glob("*.ipynb"))
    if not originals:
        raise UserError(
            f"no notebooks in {root / 'notebooks'}: clone the project and install it in place with `{INSTALL}`"
        )
    return originals


def refresh_copies(originals: Sequence[Path], workspace: Path) -> Copies:
    """Bring `workspace` up to date with `originals` without losing a byte of the learner's.

    Raises:
        UserError: the workspace cannot be written.
    """
    done = Copies()
    try:
        workspace.mkdir(parents=True, exist_ok=True)
        before = _read_record(workspace)
        hashes = dict(before)
        for original in originals:
            _refresh(original, workspace, hashes, done)
        if hashes != before:
            _write(workspace / RECORD, json.dumps(hashes, indent=2, sort_keys=True).encode() + b"\n")
    except OSError as error:
        raise UserError(
            f"cannot keep your notebooks in {workspace}: {error.strerror} ({error.filename}); "
            "choose a folder of yours with `omni lab --workspace FOLDER`"
        ) from error
    return done


def _refresh(original: Path, workspace: Path, hashes: dict[str, str], done: Copies) -> None:
    """One notebook: copy it, update it, or offer it beside the learner's. `hashes` are those of what we wrote, by name."""
    content = original.read_bytes()
    latest = _sha256(content)
    mine = workspace / original.name

    def write(target: Path) -> None:
        _write(target, content)
        hashes[target.name] = latest

    if not mine.exists():
        write(mine)
        done.fresh.append(mine.name)
        return
    current = _sha256(mine.read_bytes())
    if current == latest:
        hashes[mine.name] = latest
        return
    if current == hashes.get(mine.name):
        write(mine)
        done.updated.append(mine.name)
        return
    # The learner worked in this copy. Offer a new original once: one that was offered and then deleted stays away.
    offers = [mine.name, *(beside.name for beside in _names_beside(mine, hashes))]
    if latest in (hashes.get(name) for name in offers):
        return
    for beside in _names_beside(mine, hashes):
        if not beside.exists() or _sha256(beside.read_bytes()) == hashes.get(beside.name):
            write(beside)
            done.offered[mine.name] = beside.name
            return


def _names_beside(mine: Path, hashes: dict[str, str]) -> Iterator[Path]:
    """`x.new.ipynb`, `x.new2.ipynb`, … up to the first name that is free and was never used."""
    number = 1
    while True:
        name = mine.with_name(f"{mine.stem}.new{number if number > 1 else ''}.ipynb")
        yield name
        if name.name not in hashes and not name.exists():
            return
        number += 1


def _read_record(workspace: Path) -> dict[str, str]:
    """The hashes of what was copied. A damaged record counts as none: then every copy counts as the learner's."""
    try:
        record = json.loads((workspace / RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): str(value) for name, value in record.items()} if isinstance(record, dict) else {}


def _write(target: Path, content: bytes) -> None:
    """Write whole or not at all, so that a kill never leaves half a notebook under the learner's name."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".copying-", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.chmod(0o644)  # mkstemp makes 0600; a notebook is an ordinary file
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def lab_command(workspace: Path, first: str = "", extra: Sequence[str] = ()) -> list[str]:
    """The command that serves `workspace`, and opens the notebook `first` in it if one is named.

    The server listens on this machine only, and asks for the token that Jupyter draws at each start: nothing here puts
    a token on the command line, where other users of the machine could read it.
    """
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={workspace}",
        "--ServerApp.answer_yes=True",  # where Ctrl-C reaches it (Windows), once means stop, as elsewhere
    ]
    if first:
        command.append(f"--LabApp.default_url=/lab/tree/{first}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--ServerApp.allow_root=True")  # in a container root is often the only user there is
    return [*command, *extra]


def open_lab(workspace: Path | None = None, extra: Sequence[str] = ()) -> int:
    """Refresh the copies, serve them with JupyterLab until Ctrl-C, and return the exit code.

    Args:
        workspace: the folder of the copies; `notebooks/my` in the clone if not given.
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
    for line in copies.lines():
        print(line)
    print(f"your notebooks: {folder} (Ctrl-C stops JupyterLab)", flush=True)
    # The first time, open the first lesson; later JupyterLab itself restores what was open.
    return _serve(lab_command(folder, copies.fresh[0] if copies.fresh else "", extra))


def _serve(command: Sequence[str]) -> int:
    """Run the server until it ends; Ctrl-C, a closed terminal and SIGTERM stop it cleanly, and that counts as success."""
    asked_to_stop = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True
        if os.name == "posix":  # on Windows Ctrl-C reaches the server by itself
            server.terminate()

    # In a session of its own the server hears of a stop once, from here. Told twice, by the terminal too, it would cut
    # its own shutdown short and might leave kernels running.
    server = subprocess.Popen(list(command), start_new_session=os.name == "posix")
    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    previous = {number: signal.signal(number, stop) for number in numbers}
    try:
        code = server.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 0 if asked_to_stop else code
