"""Files written whole or not at all, and the hashes that tell whether two files are the same."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from omni_lib.errors import UserError

PARTIAL = ".partial"  # behind the name of a file that is being written


def write_atomically(path: Path, contents: bytes) -> None:
    """Put `contents` in the place of the file `path` in one step.

    A process killed at any instant leaves the old file or the new one, never half of either.

    Raises:
        UserError: the disk is full or the folder read-only; an older file of that name is still whole then.
    """
    partial = path.with_name(path.name + PARTIAL)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise UserError(
            f"{path} cannot be written ({error.strerror or error}): free some space or choose another save_dir"
        ) from None


def _sync_folder(folder: Path) -> None:
    """After a power cut the folder shows the new file; Windows has no such call, and needs none."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """As `sha256`, of a file that may be larger than the memory.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
