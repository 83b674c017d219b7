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
# Of one exercise: {"right": bool, "tries": int, "hints": int}, and, of a question that was answered,
# {"answer": str}, and, where the learner has judged that answer, {"ticks": list[bool]}. Of a code exercise
# with a place in training: {"source": str} of the latest right answer (see `answers`), or {"unkept": str},
# why it could not be kept.
Entry = dict[str, Any]
_unsaved: dict[Path, dict[str, Entry]] = {}  # by file: for a learner whose folder cannot be written


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
        """Exercise key → its `Entry`. Of an unreadable file: what this process remembers."""
        try:
            saved = self._load()
        except (OSError, _NotOurs):
            saved = {}
        return {**saved, **_unsaved.get(self.path, {})}

    def entry(self, key: str) -> Entry:
        """The `Entry` of one exercise; of one that was never tried: not right, no tries, no hints."""
        return self.read().get(key) or _entry({})

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

    def add_try(
        self,
        key: str,
        *,
        right: bool,
        answer: str | None = None,
        source: str | None = None,
        unkept: str | None = None,
    ) -> None:
        """Count a try. An exercise that was right once stays right.

        Args:
            answer: to remember, so that the card can show it again.
            source: of a right function, for a training with the learner's own parts.
            unkept: why the source of a right function cannot be kept.
        """

        def change(entry: Entry) -> None:
            entry["tries"] += not entry["right"]
            entry["right"] = entry["right"] or right
            if answer is not None:
                entry["answer"] = answer
                entry.pop("ticks", None)
            if source is not None or unkept is not None:
                entry.pop("source", None)
                entry.pop("unkept", None)
                entry |= {"source": source} if source is not None else {"unkept": unkept}

        self._change(key, change)

    def add_ticks(self, key: str, ticks: list[bool]) -> None:
        """Remember how the learner has judged their own answer; with all ticks, it is right."""

        def change(entry: Entry) -> None:
            entry["right"] = entry["right"] or all(ticks)
            entry["ticks"] = ticks

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
        remembered = _unsaved.setdefault(self.path, {})
        exercises = remembered
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock"), timeout=5):
                try:
                    exercises = {**self._load(), **remembered}
                except _NotOurs as found:
                    if found.later:
                        raise
                    self.path.replace(self.path.with_suffix(".damaged"))  # kept, rather than overwritten
                    exercises = dict(remembered)
                update(exercises)
                contents = {"version": VERSION, "exercises": exercises}
                with replaced_atomically(self.path) as file:
                    file.write(json.dumps(contents, indent=1, sort_keys=True).encode() + b"\n")
                remembered.clear()
        except (OSError, _NotOurs):  # filelock.Timeout is an OSError too
            if exercises is remembered:
                update(remembered)
            else:  # already changed, but it could not be written
                remembered.update(exercises)


class _NotOurs(Exception):
    """The progress file is damaged, or was written by a later version of the course."""

    def __init__(self, later: bool) -> None:
        super().__init__()
        self.later = later


def _entry(value: Entry) -> Entry:
    entry: Entry = {
        "right": bool(value.get("right", False)),
        "tries": int(value.get("tries", 0)),
        "hints": int(value.get("hints", 0)),
    }
    for name in ("answer", "source", "unkept"):
        if name in value:
            entry[name] = str(value[name])
    if "ticks" in value:
        entry["ticks"] = [bool(tick) for tick in value["ticks"]]
    return entry
