"""A cache of the length of each sound file and of whether its content is usable.

A header may announce more than the file holds, so an audit reads whole files. For 100 hours that takes many
minutes, and each start and resume would read them again. So the results are kept in the cache folder, by
path, size and modification time. A file is read again if any of these has changed.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import NamedTuple

from omni_lib.audio import examine_audio
from omni_lib.errors import UserError
from omni_lib.machine.cache import cache_folder

_FILE = "sound.sqlite"
_TABLE = "examined_4"  # a change of the checks gets a new number, so that files are read again
_AT_ONCE = 1000  # files that may have to be read again after a kill


class Sound(NamedTuple):
    """The audit results of a file; `fault` and `notes` as in `audio.ExaminedAudio`."""

    samples: int  # at 16 kHz
    rate: int  # Hz, of the file
    fault: str = ""
    notes: tuple[str, ...] = ()


class SoundCache:
    """Inside `with SoundCache() as cache:`, `cache.sound(path)` reads only files that are not in the cache.

    If the cache cannot be used (a read-only home, a damaged file), every file is read, without a message.
    """

    def __init__(self) -> None:
        self._new: dict[str, tuple[int, int, Sound]] = {}
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> SoundCache:
        try:
            self._database = sqlite3.connect(cache_folder() / _FILE, timeout=10)
            self._database.execute(
                f"CREATE TABLE IF NOT EXISTS {_TABLE} (path TEXT PRIMARY KEY, bytes INTEGER, "
                "changed INTEGER, samples INTEGER, rate INTEGER, fault TEXT, notes TEXT)"
            )
        except (sqlite3.Error, UserError):
            self._forget()
        return self

    def __exit__(self, *exception: object) -> None:
        self._write()
        self._forget()

    def sound(self, path: Path) -> Sound:
        """The audit results of the file at `path`.

        Raises:
            UserError: the file cannot be read to its end.
        """
        try:
            whole, status = str(path.resolve()), path.stat()
        except OSError:
            return _read(path)  # which reports what is wrong
        # SQLite refuses bytes that are not UTF-8, which names from old archives have
        name = whole.encode(errors="backslashreplace").decode()
        state = (status.st_size, status.st_mtime_ns)
        if known := self._look_up(name):
            if known[:2] == state:
                return known[2]
        found = _read(path)
        self._new[name] = (*state, found)
        if len(self._new) >= _AT_ONCE:
            self._write()
        return found

    def _look_up(self, name: str) -> tuple[int, int, Sound] | None:
        if self._database is None:
            return None
        columns = "bytes, changed, samples, rate, fault, notes"
        try:
            row = self._database.execute(f"SELECT {columns} FROM {_TABLE} WHERE path = ?", (name,)).fetchone()
        except sqlite3.Error:
            self._forget()
            return None
        if row is None:
            return None
        size, changed, samples, rate, fault, notes = row
        return size, changed, Sound(samples, rate, fault, tuple(json.loads(notes)))

    def _write(self) -> None:
        if self._database is not None and self._new:
            try:
                with self._database:
                    rows = [
                        (name, size, changed, sound.samples, sound.rate, sound.fault, json.dumps(sound.notes))
                        for name, (size, changed, sound) in self._new.items()
                    ]
                    self._database.executemany(
                        f"INSERT OR REPLACE INTO {_TABLE} VALUES (?, ?, ?, ?, ?, ?, ?)", rows
                    )
            except sqlite3.Error:
                self._forget()
        self._new.clear()

    def _forget(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _read(path: Path) -> Sound:
    found = examine_audio(path)
    return Sound(len(found.waveform), found.rate, found.fault, found.notes)
