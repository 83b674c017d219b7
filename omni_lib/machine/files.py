"""Files that are written whole or not at all, and hashes that tell whether two files are the same."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from omni_lib.errors import UserError

PARTIAL = ".partial"  # added to the name of a file while it is being written
# how often Windows is asked to replace a file that another process reads, and seconds between the tries
TRIES, PAUSE = 40 if os.name == "nt" else 1, 0.05


@contextlib.contextmanager
def replaced_atomically(path: Path) -> Iterator[BinaryIO]:
    """A file opened for writing, which takes the place of `path` in one step when the `with` block ends.

    A process that is killed at any instant leaves the old file or the new one, never a part of either. Where
    several processes may write the same file, the caller holds a lock. A missing folder is made.

    Raises:
        OSError: the disk is full, or the folder cannot be written. An older file of that name is still whole
            then.
    """
    partial = path.with_name(path.name + PARTIAL)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(partial, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # the contents reach the disk before the name does
        _replace(partial, path)
        _sync_folder(path.parent)
    except BaseException:  # also Ctrl-C: nothing half-written may remain
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def _replace(partial: Path, path: Path) -> None:
    """Give `partial` the name `path`.

    Windows refuses that while another process has `path` open. A reader, such as a panel that looks at the
    log of a training, is done after an instant, so there it is tried again for two seconds. Other systems
    refuse it for reasons that last.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            os.replace(partial, path)
            return
        except PermissionError:
            if not tries_left:
                raise
            time.sleep(PAUSE)


def write_atomically(
    path: Path, contents: bytes, remedy: str = "free some space or choose another folder"
) -> None:
    """As `replaced_atomically`, for contents that are in memory already.

    Args:
        remedy: what the user can do where the file cannot be written.

    Raises:
        UserError: `path` is a folder, the disk is full, or the folder cannot be written. An older file of
            that name is still whole then.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder: name a file in it")
    try:
        with replaced_atomically(path) as file:
            file.write(contents)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error}): {remedy}") from None


def _sync_folder(folder: Path) -> None:
    """Make sure that the folder shows the new file after a power cut. Windows needs no such call.

    A folder that this user may not list, or that lies on a network disk, may refuse the call although the
    file in it is written (PostgreSQL's `fsync_fname` ignores the same errors).
    """
    if os.name != "posix":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def refused_write(folder: Path) -> OSError | None:
    """Why nothing can be written into `folder`, or into the folder where it would be made; None if it can.

    It tries to write: permission bits prove little for root, on Windows, or on a read-only disk.
    """
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error


def sha256(data: bytes) -> str:
    """The hash of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """The same hash of a file, which may be larger than the memory.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
