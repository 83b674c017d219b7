"""The folder for what can be computed again: log-mels of large corpora, findings about sound files.

It is the system's folder for caches, or the one that the environment variable OMNI_CACHE names. It may be
removed whenever no training runs: a training whose log-mels do not fit into memory reads them from it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import platformdirs

from omni_lib.errors import UserError

VARIABLE = "OMNI_CACHE"


def cache_folder() -> Path:
    """The folder, made where it is not there yet.

    Raises:
        UserError: it cannot be written.
    """
    named = os.environ.get(VARIABLE)
    folder = Path(named) if named else platformdirs.user_cache_path("omni-lib", appauthor=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"the cache folder {folder} cannot be made ({error.strerror}): "
            f"set {VARIABLE} to a folder of yours"
        ) from None
    return folder.resolve()


def bytes_in(folder: Path) -> int:
    """What the files below `folder` take, in bytes."""
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # removed meanwhile
            size += path.stat().st_size if path.is_file() else 0
    return size


def clear() -> int:
    """Remove everything in the cache folder but files in use, on Windows; how many bytes were removed."""
    folder = cache_folder()
    size = bytes_in(folder)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    return size - bytes_in(folder)
