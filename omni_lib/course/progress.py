"""How far a learner is: one file of theirs, ~/.omni/progress.json (OMNI_HOME names another folder). It is never sent anywhere."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from filelock import FileLock

VERSION = 1


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
        """Exercise key → {"right": bool, "tries": int, "hints": int}; a damaged file counts as none, and is kept beside as .damaged."""
        try:
            contents = json.loads(self.path.read_text(encoding="utf-8"))
            exercises = contents["exercises"]
            if contents["version"] > VERSION:
                return {}  # of a later course: `_change` leaves it alone
            return {str(key): _entry(value) for key, value in exercises.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

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
        self._update(lambda exercises: [exercises.pop(key) for key in list(exercises) if key.startswith(f"{lesson}.")])

    def _change(self, key: str, change: Any) -> dict[str, Any]:
        changed: dict[str, Any] = {}

        def update(exercises: dict[str, dict[str, Any]]) -> None:
            entry = exercises.setdefault(key, _entry({}))
            change(entry)
            changed.update(entry)

        self._update(update)
        return changed

    def _update(self, update: Any) -> None:
        """Change the file under a lock. A folder that cannot be written costs the memory of it, never the answer."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path.with_suffix(".lock"))
            with lock.acquire(timeout=5):
                exercises = self.read()
                if self.path.exists() and not exercises and self.path.stat().st_size:
                    self._set_aside()
                update(exercises)
                _replace(self.path, json.dumps({"version": VERSION, "exercises": exercises}, indent=1, sort_keys=True) + "\n")
        except (OSError, TimeoutError):
            update(self.read())

    def _set_aside(self) -> None:
        """Keep what cannot be understood, rather than overwrite it."""
        try:
            understood = json.loads(self.path.read_text(encoding="utf-8"))
            if understood == {"version": VERSION, "exercises": {}}:
                return
        except ValueError:
            pass
        self.path.replace(self.path.with_suffix(".damaged"))


def _entry(value: dict[str, Any]) -> dict[str, Any]:
    return {"right": bool(value.get("right", False)), "tries": int(value.get("tries", 0)), "hints": int(value.get("hints", 0))}


def _replace(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".progress-", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
