"""The learner's own copies of the notebooks.

The original notebooks are in `notebooks/`, where `git pull` may change them at any time. So a learner works
on copies, which git ignores and no update overwrites:

- A notebook without a copy is copied, without its outputs: a learner predicts them first.
- A copy that the learner has not changed is updated with its original.
- A copy that the learner has changed stays as it is. If its original changes, the new original is put beside
  it, as `05_full_training.new.ipynb`.

The learner has changed a copy if its bytes differ from those that were written, whose hashes are in
`.copies.json`. To start a notebook again from the beginning, delete the copy.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from omni_lib.errors import UserError
from omni_lib.machine.clone import INSTALL, ROOT
from omni_lib.machine.files import replaced_atomically, sha256

RECORD = ".copies.json"
# Held while the copies are refreshed: two terminals may open JupyterLab at the same time.
LOCK = ".copies.lock"


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


def sign(notebook: Path) -> None:
    """Tell Jupyter that a notebook is trusted, so that the outputs that a learner saves in it are shown.

    Nothing is done where the list of signatures cannot be written.
    """
    import nbformat
    from nbformat.sign import NotebookNotary

    with contextlib.suppress(OSError, sqlite3.Error):
        NotebookNotary().sign(nbformat.read(notebook, as_version=4))
