"""`asr.csv`: the list of what was said where.

    audio_path,transcription[,speaker][,split][,kind][,accent]

Paths are absolute or relative to the folder of the CSV. A row that cannot be used is never dropped in silence: rows in
the file = `Manifest.utterances` + `Manifest.problems`, and each problem names its line and its reason.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from omni_lib.errors import UserError, one_line
from omni_lib.machine.files import write_atomically
from omni_lib.text import normalise

SPLITS = ("train", "dev", "test")
COLUMNS = ("audio_path", "transcription", "speaker", "split", "kind", "accent")


@dataclass(frozen=True)
class Utterance:
    """One row: an audio file and the words spoken in it."""

    path: Path
    text: str  # normalised: a-z and single spaces
    speaker: str = ""  # "" when the manifest does not say
    split: str = ""  # train, dev or test
    kind: str = ""  # kind of sentence (free, digits, …), for WER by kind
    accent: str = ""
    line: int = 0  # of the CSV file, 1-based; 0 when not read from one


@dataclass(frozen=True)
class Problem:
    """A row that is left out, and why."""

    line: int
    reason: str

    def __str__(self) -> str:
        return one_line(f"line {self.line}: {self.reason}")


@dataclass
class Manifest:
    """The usable rows of one CSV file and the problems of the others."""

    path: Path
    utterances: list[Utterance] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def split(self, name: str) -> list[Utterance]:
        """The utterances of one split.

        Raises:
            UserError: the split is empty.
        """
        chosen = [utterance for utterance in self.utterances if utterance.split == name]
        if not chosen:
            present = ", ".join(sorted({utterance.split for utterance in self.utterances})) or "none"
            raise UserError(f"{self.path} has no usable row of split '{name}' (it has: {present})")
        return chosen


def read_manifest(path: str | Path, deal_splits: bool = True) -> Manifest:
    """Read and validate a manifest; rows without a split are dealt one, by speaker (see `assign_splits`).

    The audio itself is not opened here: only its path is checked to exist.

    Raises:
        UserError: the file cannot be read as UTF-8 CSV, lacks a required column, or has no usable row.
    """
    path = Path(path)
    manifest = Manifest(path)
    for line, cells in read_table(path, required=("audio_path", "transcription")):
        try:
            manifest.utterances.append(_utterance(path.parent, line, cells))
        except UserError as error:
            manifest.problems.append(Problem(line, str(error)))
    if not manifest.utterances:
        first = f"; the first problem is at {manifest.problems[0]}" if manifest.problems else ""
        raise UserError(f"{path} has no usable row{first}")
    if deal_splits:
        manifest.utterances = assign_splits(manifest.utterances)
    return manifest


def read_table(
    path: Path, required: Sequence[str] = (), delimiter: str = ","
) -> list[tuple[int, dict[str | None, str]]]:
    """The rows of a CSV file with their 1-based line numbers, as dictionaries of its header; blank lines are skipped.

    Raises:
        UserError: no such file, not UTF-8, malformed CSV, or a column of `required` missing from the header.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        # strict, because a quote that is never closed would otherwise swallow all the rows below it
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey=None, strict=True)
        rows = [
            (reader.reader.line_num, row) for row in reader
        ]  # DictReader's own count stops at a blank line before the row
        header = reader.fieldnames or []
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist: make the embedded corpus with 'omni data synth --out {path.parent}'"
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 at byte {error.start}: save it as UTF-8 text") from None
    except csv.Error as error:
        raise UserError(
            f"{path} from line {reader.line_num + 1} on: {error} (is a quote not closed?)"
        ) from None
    except ValueError:
        raise UserError(f"{path} contains a NUL byte: no file can have that name") from None
    twice = sorted({column for column in header if column and header.count(column) > 1})
    if twice:
        raise UserError(f"{path} has the column {' and '.join(twice)} twice: which one is meant?")
    missing = [column for column in required if column not in header]
    if missing:
        raise UserError(
            f"{path} lacks the column {' and '.join(missing)}: its first line is audio_path,transcription[,speaker][,split]"
        )
    return rows


def _utterance(folder: Path, line: int, cells: dict[str | None, str]) -> Utterance:
    if None in cells:
        raise UserError("more cells than the header: put quotes around a text that contains a comma")
    values = {column: (cells.get(column) or "").strip() for column in COLUMNS}
    if any("\n" in value or "\r" in value for value in values.values()):
        raise UserError("a cell runs over several lines: close its quotes, or the rows below it are lost")
    if not values["audio_path"]:
        raise UserError("audio_path is empty")
    if "\0" in values["audio_path"]:
        raise UserError("audio_path contains a NUL byte")
    audio = folder / values["audio_path"]
    try:
        present = audio.is_file()
    except OSError as error:  # a name longer than the file system allows
        raise UserError(f"audio_path cannot be opened: {error.strerror}") from None
    if not present:
        raise UserError(
            f"{values['audio_path']} does not exist (paths are relative to the folder of the CSV, {folder})"
        )
    text = normalise(values["transcription"])
    if not text:
        raise UserError("the transcription holds no word")
    if values["split"] and values["split"] not in SPLITS:
        raise UserError(f"split '{values['split']}' is none of {', '.join(SPLITS)}")
    return Utterance(audio, text, values["speaker"], values["split"], values["kind"], values["accent"], line)


def assign_splits(
    utterances: Sequence[Utterance], dev_share: float = 0.1, test_share: float = 0.1
) -> list[Utterance]:
    """Give every utterance without a split one of its own, so that no speaker is in two splits.

    The speaker with most utterances goes to train; the others are shuffled by a fixed seed and dealt to test and dev until
    each has its share of utterances, and then to train. One who has a split in some rows keeps it in all, and an utterance
    without a speaker counts as a speaker of its own. The same rows always get the same splits. One or two voices cannot be
    dealt to three splits: where there are no more, each audio file counts for itself, and a voice is in several splits.
    """
    settled = {
        utterance.speaker: utterance.split
        for utterance in reversed(utterances)
        if utterance.speaker and utterance.split
    }
    open_rows = [
        index
        for index, utterance in enumerate(utterances)
        if not utterance.split and utterance.speaker not in settled
    ]
    by_voice = settled or len({utterances[index].speaker or index for index in open_rows}) > 2
    groups: dict[str, list[int]] = {}
    for index in open_rows:
        utterance = utterances[index]
        groups.setdefault((by_voice and utterance.speaker) or f"\0{utterance.path}", []).append(index)
    names = sorted(groups)
    random.Random(0).shuffle(names)
    dealt, wanted = (
        {"test": 0, "dev": 0},
        {"test": test_share * len(open_rows), "dev": dev_share * len(open_rows)},
    )
    splits = {
        index: settled[utterance.speaker]
        for index, utterance in enumerate(utterances)
        if utterance.speaker in settled
    }
    largest = max(names, key=lambda name: len(groups[name]), default=None)
    for name in names:
        lacking = [split for split in dealt if dealt[split] < wanted[split] and name != largest]
        split = min(lacking, key=lambda split: dealt[split] / wanted[split], default="train")
        splits |= dict.fromkeys(groups[name], split)
        if split in dealt:
            dealt[split] += len(groups[name])
    return [
        replace(utterance, split=utterance.split or splits[index])
        for index, utterance in enumerate(utterances)
    ]


def write_manifest(path: str | Path, utterances: Iterable[Utterance]) -> None:
    """Write `asr.csv`, paths relative to its folder where they lie below it."""
    path = Path(path)
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    for utterance in utterances:
        below = utterance.path.is_relative_to(path.parent)
        shown = utterance.path.relative_to(path.parent).as_posix() if below else str(utterance.path)
        writer.writerow(
            [shown, utterance.text, utterance.speaker, utterance.split, utterance.kind, utterance.accent]
        )
    write_atomically(path, table.getvalue().encode())
