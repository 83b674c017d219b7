"""How far a learner is: one file of theirs, ~/.omni/progress.json (OMNI_HOME names another folder). It is never sent anywhere."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from filelock import FileLock

VERSION = 1
_unsaved: dict[str, dict[str, Any]] = {}  # progress of somebody whose folder cannot be written


def home() -> Path:
    """The learner's own folder: `OMNI_HOME`, or `.omni` in their home."""
    return Path(os.environ.get("OMNI_HOME") or Path.home() / ".omni")


class Progress:
    """The progress file. Each change reads, changes and replaces it as a whole, so two notebooks may be open at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def mine(cls) -> Progress:
        return cls(home() / "progress.json")

    def read(self) -> dict[str, dict[str, Any]]:
        """Exercise key → {"right": bool, "tries": int, "hints": int}; nothing where the file cannot be understood."""
        try:
            return self._load()
        except (OSError, _NotOurs):
            return {}

    def _load(self) -> dict[str, dict[str, Any]]:
        try:
            contents = json.loads(self.path.read_text(encoding="utf-8"))
            if contents["version"] > VERSION:
                raise _NotOurs(later=True)
            return {str(key): _entry(value) for key, value in contents["exercises"].items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise _NotOurs(later=False) from None

    def record(self, key: str, *, right: bool) -> None:
        """One more try; what was right once stays right."""

        def change(entry: dict[str, Any]) -> None:
            entry["tries"] += not entry["right"]
            entry["right"] = entry["right"] or right

        self._change(key, change)

    def one_more_hint(self, key: str) -> int:
        """Count a hint, and return how many have been asked for."""

        def change(entry: dict[str, Any]) -> None:
            entry["hints"] += 1

        return self._change(key, change)["hints"]

    def reset(self, lesson: str) -> None:
        """Forget the exercises of one lesson, by its number: "03"."""
        self._update(
            lambda exercises: [exercises.pop(key) for key in list(exercises) if key.startswith(f"{lesson}.")]
        )

    def _change(self, key: str, change: Any) -> dict[str, Any]:
        changed: dict[str, Any] = {}

        def update(exercises: dict[str, dict[str, Any]]) -> None:
            entry = exercises.setdefault(key, _entry({}))
            change(entry)
            changed.update(entry)

        self._update(update)
        return changed

    def _update(self, update: Any) -> None:
        """Change the file under a lock. Where that cannot be, it is remembered as long as Python runs."""
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
                _replace(
                    self.path,
                    json.dumps({"version": VERSION, "exercises": exercises}, indent=1, sort_keys=True) + "\n",
                )
        except (OSError, _NotOurs):  # a lock that cannot be had is an OSError too
            update(exercises)


class _NotOurs(Exception):
    """The progress file is damaged, or of a later version of the course."""

    def __init__(self, later: bool) -> None:
        super().__init__()
        self.later = later


def _entry(value: dict[str, Any]) -> dict[str, Any]:
    return {
        "right": bool(value.get("right", False)),
        "tries": int(value.get("tries", 0)),
        "hints": int(value.get("hints", 0)),
    }


def _replace(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".progress-", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
