"""How long every sound file is, found out by reading it to its end once.

A header can promise what the file does not hold, so an audit reads whole files; of 100 hours that takes many minutes, and every
start and every resume would read them again. So what was found is remembered in the cache folder, by path, size and time of the
last change. A file that was ever so little changed is read anew.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

import soundfile

from omni_lib.audio import read_audio
from omni_lib.errors import UserError
from omni_lib.machine.cache import cache_folder

_FILE = "sound.sqlite"
_AT_ONCE = 1000  # files that a kill may make us forget


class Sound(NamedTuple):
    """What an audit asks of a file that can be read whole."""

    samples: int  # at 16 kHz
    rate: int  # Hz, of the file


class KnownSound:
    """Inside `with KnownSound() as known:`, `known.sound(path)` reads only what is not known yet.

    The memory is a convenience: where it cannot be used (a read-only home, a damaged file) everything is read, and nothing is said.
    """

    def __init__(self) -> None:
        self._new: dict[str, tuple[int, int, int, int]] = {}
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> KnownSound:
        try:
            self._database = sqlite3.connect(cache_folder() / _FILE, timeout=10)
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS sound (path TEXT PRIMARY KEY, bytes INTEGER, changed INTEGER, samples INTEGER, rate INTEGER)"
            )
        except (sqlite3.Error, UserError):
            self._forget()
        return self

    def __exit__(self, *exception: object) -> None:
        self._write()
        self._forget()

    def sound(self, path: Path) -> Sound:
        """
        Raises:
            UserError: the file cannot be read to its end.
        """
        try:
            name, status = str(path.resolve()), path.stat()
        except OSError:
            return _read(path)  # which says what is wrong
        state = (status.st_size, status.st_mtime_ns)
        if known := self._look_up(name):
            if known[:2] == state:
                return Sound(*known[2:])
        found = _read(path)
        self._new[name] = (*state, *found)
        if len(self._new) >= _AT_ONCE:
            self._write()
        return found

    def _look_up(self, name: str) -> tuple[int, int, int, int] | None:
        if self._database is None:
            return None
        try:
            return self._database.execute(
                "SELECT bytes, changed, samples, rate FROM sound WHERE path = ?", (name,)
            ).fetchone()
        except sqlite3.Error:
            self._forget()
            return None

    def _write(self) -> None:
        if self._database is not None and self._new:
            try:
                with self._database:
                    rows = [(name, *state) for name, state in self._new.items()]
                    self._database.executemany("INSERT OR REPLACE INTO sound VALUES (?, ?, ?, ?, ?)", rows)
            except sqlite3.Error:
                self._forget()
        self._new.clear()

    def _forget(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _read(path: Path) -> Sound:
    return Sound(len(read_audio(path)), soundfile.info(path).samplerate)
