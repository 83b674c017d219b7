"""The learner's progress, in one file of theirs: ~/.omni/progress.json. It is never sent anywhere.

The environment variable OMNI_HOME names another folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock

from omni_lib.machine.files import replaced_atomically

VERSION = 1
Entry = dict[str, Any]  # {"right": bool, "tries": int, "hints": int} of one exercise
_unsaved: dict[str, Entry] = {}  # for a learner whose folder cannot be written


def home() -> Path:
    """The learner's own folder: `OMNI_HOME`, or `.omni` in their home."""
    return Path(os.environ.get("OMNI_HOME") or Path.home() / ".omni")


class Progress:
    """The progress file.

    Each change reads, changes and replaces it as a whole, so two notebooks may be open at once.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def mine(cls) -> Progress:
        """The progress of whoever runs this process."""
        return cls(home() / "progress.json")

    def read(self) -> dict[str, Entry]:
        """Exercise key → {"right": bool, "tries": int, "hints": int}; empty where the file is unreadable."""
        try:
            return self._load()
        except (OSError, _NotOurs):
            return {}

    def _load(self) -> dict[str, Entry]:
        try:
            contents = json.loads(self.path.read_text(encoding="utf-8"))
            if contents["version"] > VERSION:
                raise _NotOurs(later=True)
            return {str(key): _entry(value) for key, value in contents["exercises"].items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise _NotOurs(later=False) from None

    def add_try(self, key: str, *, right: bool) -> None:
        """Count a try. An exercise that was right once stays right."""

        def change(entry: Entry) -> None:
            entry["tries"] += not entry["right"]
            entry["right"] = entry["right"] or right

        self._change(key, change)

    def add_hint(self, key: str) -> int:
        """Count a hint and return how many the learner has asked for."""

        def change(entry: Entry) -> None:
            entry["hints"] += 1

        return int(self._change(key, change)["hints"])

    def reset(self, lesson: str) -> None:
        """Forget the exercises of one lesson, by its number: "03"."""

        def forget(exercises: dict[str, Entry]) -> None:
            for key in [key for key in exercises if key.startswith(f"{lesson}.")]:
                del exercises[key]

        self._update(forget)

    def _change(self, key: str, change: Callable[[Entry], None]) -> Entry:
        changed: Entry = {}

        def update(exercises: dict[str, Entry]) -> None:
            entry = exercises.setdefault(key, _entry({}))
            change(entry)
            changed.update(entry)

        self._update(update)
        return changed

    def _update(self, update: Callable[[dict[str, Entry]], None]) -> None:
        """Change the file under a lock, or, where it cannot be written, only what this process remembers."""
        exercises = _unsaved
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock"), timeout=5):
                try:
                    exercises = self._load()
                except _NotOurs as found:
                    if found.later:
                        raise
                    self.path.replace(self.path.with_suffix(".damaged"))  # kept, rather than overwritten
                    exercises = {}
                update(exercises)
                contents = {"version": VERSION, "exercises": exercises}
                with replaced_atomically(self.path) as file:
                    file.write(json.dumps(contents, indent=1, sort_keys=True).encode() + b"\n")
        except (OSError, _NotOurs):  # filelock.Timeout is an OSError too
            update(exercises)


class _NotOurs(Exception):
    """The progress file is damaged, or was written by a later version of the course."""

    def __init__(self, later: bool) -> None:
        super().__init__()
        self.later = later


def _entry(value: Entry) -> Entry:
    return {
        "right": bool(value.get("right", False)),
        "tries": int(value.get("tries", 0)),
        "hints": int(value.get("hints", 0)),
    }
