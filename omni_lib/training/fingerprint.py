"""The rows that a run was trained on, as its checkpoints remember them, and what has changed in them since.

A resumed run must see the data that it began with: batches and augmentation are drawn by row number, so
another order is another run, and the dev error rates before and after a change cannot be compared. Each
checkpoint therefore holds, for every training and dev row in the order of use, its text and a hash of its
sound file.

The hash is of the file's bytes. A path does not count, so that a folder may be moved, copied or named
otherwise. Neither does the time of the last change: a copy has a new one, and some tools keep the old one
when they change a file. The size is not enough: two recordings of one length have the same. Hashing reads
each file once, at about 1 GB/s on one core: 7 s for the 100 hours of LibriSpeech (6.3 GB of FLAC), if the
disk is as fast. The rows take about 250 bytes each in a checkpoint; `omni export` leaves them out, together
with all that only a resumed run needs.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from omni_lib.machine.files import file_sha256
from omni_lib.manifest import Utterance

_DIGITS = 16  # hexadecimal, of the hash: enough to tell files apart that nobody has forged
_LONGEST = 60  # characters of a text that a message quotes
_KEYS = ("texts", "sounds", "files", "lines")


@dataclass(frozen=True)
class Row:
    """One utterance; two rows are equal if their text and their sound are."""

    text: str
    sound: str  # of the SHA-256 of the file's bytes
    file: str = field(compare=False)  # its name without folders, for messages
    line: int = field(compare=False)  # of the manifest, for messages

    def __str__(self) -> str:
        return f"line {self.line} ({self.file})"


@dataclass(frozen=True)
class Fingerprint:
    """The rows of one run, in the order of use."""

    train: tuple[Row, ...]
    dev: tuple[Row, ...]

    @classmethod
    def of(cls, train: Sequence[Utterance], dev: Sequence[Utterance]) -> Fingerprint:
        """The fingerprint of the rows that are used.

        Raises:
            UserError: a sound file cannot be read.
        """
        with ThreadPoolExecutor() as pool:  # hashing lets other threads run
            paths = {row.path for row in (*train, *dev)}
            hashes = dict(zip(paths, pool.map(file_sha256, paths), strict=True))
        rows = [
            tuple(Row(row.text, hashes[row.path][:_DIGITS], row.path.name, row.line) for row in split)
            for split in (train, dev)
        ]
        return cls(*rows)

    def state_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {"train": _columns(self.train), "dev": _columns(self.dev)}

    @classmethod
    def from_state_dict(cls, state: Any) -> Fingerprint:
        """The fingerprint that `state_dict()` gave.

        Raises:
            TypeError: `state` is something else.
            KeyError: a part is missing.
        """
        if not isinstance(state, dict):
            raise TypeError(f"a fingerprint is a dictionary, not a {type(state).__name__}")
        return cls(_rows(state["train"]), _rows(state["dev"]))

    def first_change(self, now: Fingerprint) -> str | None:
        """The first row that is different in `now`, and what is: old -> new; None if no row is.

        Training rows come before dev rows.
        """
        for split, old, new, other_old, other_new in (
            ("train", self.train, now.train, self.dev, now.dev),
            ("dev", self.dev, now.dev, self.train, now.train),
        ):
            if old != new:
                moved_out = Counter(other_new) - Counter(other_old)
                moved_in = Counter(other_old) - Counter(other_new)
                change = _first_change(split, old, new, moved_out, moved_in)
                count = _changes(self.train, now.train) + _changes(self.dev, now.dev)
                return change + (f", the first of {count} rows that changed" if count > 1 else "")
        return None


def _first_change(
    split: str, old: Sequence[Row], new: Sequence[Row], moved_out: Counter[Row], moved_in: Counter[Row]
) -> str:
    """The first change within one split; `moved_out` and `moved_in`: rows the other split gained and lost."""
    gone, added = Counter(old) - Counter(new), Counter(new) - Counter(old)
    was, now = next((was, now) for was, now in zip_longest(old, new) if was != now)
    other = "dev" if split == "train" else "train"
    if was is not None and gone[was] and now is not None and added[now] and not moved_out[was]:
        if was.sound == now.sound:
            return f"{now}, text: {_difference(was.text, now.text)}"
        if was.text == now.text and was.file == now.file:
            return f"{now}, sound: the file's SHA-256 {was.sound[:8]} -> {now.sound[:8]}"
        return f"{split} row: {was} {_quoted(was.text)} -> {now} {_quoted(now.text)}"
    if was is not None and gone[was]:
        if moved_out[was]:
            return f"{was}, split: {split} -> {other}"
        return f"{was} {_quoted(was.text)}, a {split} row, is missing"
    if now is not None and added[now]:
        if moved_in[now]:
            return f"{now}, split: {other} -> {split}"
        return f"{now} {_quoted(now.text)} is a new {split} row"
    assert was is not None and now is not None, "the same rows in another order are as many"
    old_row, new_row = str(was), str(now)
    if old_row == new_row:  # one file with several texts
        old_row, new_row = f"{was} {_quoted(was.text)}", f"{now} {_quoted(now.text)}"
    return f"order of the {split} rows: where {old_row} was, {new_row} is"


def _changes(old: Sequence[Row], new: Sequence[Row]) -> int:
    """How many rows were edited, added or removed; where none was, how many have another place."""
    gone, added = Counter(old) - Counter(new), Counter(new) - Counter(old)
    edits = max(gone.total(), added.total())
    return edits or sum(was != now for was, now in zip(old, new, strict=True))


def _difference(old: str, new: str) -> str:
    """`'old' -> 'new'`; of long texts, the part around the first character that differs."""
    start = max(0, len(os.path.commonprefix([old, new])) - _LONGEST // 2)
    return f"{_quoted(old, start)} -> {_quoted(new, start)}"


def _quoted(text: str, start: int = 0) -> str:
    start = start if len(text) > _LONGEST else 0
    end = start + _LONGEST
    return f"'{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}'"


def _columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {
        "texts": [row.text for row in rows],
        "sounds": [row.sound for row in rows],
        "files": [row.file for row in rows],
        "lines": [row.line for row in rows],
    }


def _rows(columns: Any) -> tuple[Row, ...]:
    if not isinstance(columns, dict):
        raise TypeError(f"the rows of a fingerprint are a dictionary, not a {type(columns).__name__}")
    for key in _KEYS:
        kind = int if key == "lines" else str
        # it must be a list before it is walked: an untrusted checkpoint may hold a tensor of a billion zeros
        if not isinstance(columns[key], list) or not all(type(value) is kind for value in columns[key]):
            raise TypeError(f"the {key} of a fingerprint are a list of {kind.__name__}")
    return tuple(Row(*values) for values in zip(*(columns[key] for key in _KEYS), strict=True))
