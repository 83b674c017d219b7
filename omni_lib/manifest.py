"""The manifest `asr.csv`: a table of audio files and the words spoken in them.

    audio_path,transcription[,speaker][,split][,kind][,accent]

Paths are absolute or relative to the folder of the CSV. A row that cannot be used is never dropped silently:
each row of the file is in `Manifest.utterances` or in `Manifest.problems`, and each problem has a line number
and a reason. A manifest lists whole audio files with their words. `omni data folder` reads tables of other
forms and writes a manifest.
"""

from __future__ import annotations

import csv
import io
import os
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from omni_lib.errors import UserError, one_line
from omni_lib.machine.files import write_atomically
from omni_lib.machine.manifest_table import TableRow, read_table, refuse_segments
from omni_lib.machine.tables import Sounds, split_text, too_many_cells
from omni_lib.text import normalise
from omni_lib.text_rules.missing import as_said, missing_text

SPLITS = ("train", "dev", "test")
COLUMNS = ("audio_path", "transcription", "speaker", "split", "kind", "accent")


@dataclass(frozen=True)
class Utterance:
    """One row: an audio file and the words spoken in it."""

    path: Path
    text: str  # normalised: a-z and single spaces
    speaker: str = ""  # "" when the manifest does not name one
    split: str = ""  # train, dev or test
    kind: str = ""  # kind of sentence (free, digits, …), for the WER of each kind
    accent: str = ""
    line: int = 0  # of the CSV file, 1-based; 0 when not read from one


@dataclass(frozen=True)
class Problem:
    """A row that cannot be used, and the reason."""

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
            UserError: the split is empty, or its name is not in `SPLITS`.
        """
        if name not in SPLITS:
            raise UserError(f"split '{name}' must be one of {', '.join(SPLITS)}{split_hint(name)}")
        chosen = [utterance for utterance in self.utterances if utterance.split == name]
        if not chosen:
            present = ", ".join(sorted({utterance.split for utterance in self.utterances})) or "none"
            raise UserError(
                f"{self.path} has no usable row of split '{name}' (it has: {present}): write {name} into the"
                " column split in the rows of some speakers, or leave that column empty in all rows, so that"
                " train, dev and test are assigned automatically"
            )
        return chosen


def several_texts(utterances: Iterable[Utterance]) -> dict[Path, dict[str, int]]:
    """The files that are listed with different texts: path → each text and its first line.

    At most one of the texts can be the transcript of the whole file.
    """
    lines: dict[Path, dict[str, int]] = {}
    for utterance in utterances:
        lines.setdefault(utterance.path, {}).setdefault(utterance.text, utterance.line)
    return {path: of_file for path, of_file in lines.items() if len(of_file) > 1}


def shared_speakers(utterances: Iterable[Utterance]) -> str:
    """A note on those of several speakers who are in more than one split; "" if there are none."""
    splits: dict[str, set[str]] = {}
    for utterance in utterances:
        if utterance.speaker and utterance.split:
            splits.setdefault(utterance.speaker, set()).add(utterance.split)
    shared = sorted(speaker for speaker, found in splits.items() if len(found) > 1)
    if not shared or len(splits) == 1:  # one speaker's own recogniser
        return ""
    return (
        f"{len(shared)} of {len(splits)} speakers are in several splits, such as {shared[0][:40]!r}: keep"
        " each in one split, or the error rate will be lower than with new speakers"
    )


def read_manifest(path: str | Path, deal_splits: bool = True) -> Manifest:
    """Read and validate a manifest; rows without a split are assigned one by speaker (see `assign_splits`).

    The audio files are not opened here; only their existence is checked.

    Raises:
        UserError: the file cannot be read as UTF-8 CSV, lacks a required column, or has no usable row.
    """
    path = Path(path)
    manifest, sounds = Manifest(path), Sounds(path.parent)
    rows = read_table(path)
    refuse_segments(path, rows)
    for line, cells in rows:
        try:
            manifest.utterances.append(_utterance(sounds, line, cells))
        except UserError as error:
            manifest.problems.append(Problem(line, str(error)))
    if not manifest.utterances:
        first = f"; the first problem is at {manifest.problems[0]}" if manifest.problems else ""
        raise UserError(f"{path} has no usable row{first}")
    if deal_splits:
        manifest.utterances = assign_splits(manifest.utterances)
    return manifest


def _utterance(sounds: Sounds, line: int, cells: TableRow) -> Utterance:
    if None in cells:
        raise UserError(f"more cells than the header: {too_many_cells([cells[None], *cells.values()])}")
    if "transcription" in cells and (
        cause := split_text(list(cells.values()), list(cells).index("transcription"))
    ):
        raise UserError(cause)
    values = {column: (cells.get(column) or "").strip() for column in COLUMNS}
    if any("\n" in value or "\r" in value for value in values.values()):
        raise UserError("a cell runs over several lines: close its quotes, or the rows below it are lost")
    if not values["audio_path"]:
        raise UserError("audio_path is empty")
    audio = sounds.find(values["audio_path"])
    text = words_in(values["transcription"])
    if values["split"] and values["split"] not in SPLITS:
        raise UserError(
            f"split '{values['split']}' must be one of {', '.join(SPLITS)}{split_hint(values['split'])}"
        )
    return Utterance(audio, text, values["speaker"], values["split"], values["kind"], values["accent"], line)


def split_hint(name: str) -> str:
    """The end of an error message, with the split that was probably meant; "" if that is unclear."""
    meant = {
        "train": ("train", "training", "tr", "trn", "entrenamiento", "treino"),
        "dev": ("dev", "devel", "development", "valid", "validation", "val", "vld", "validierung"),
        "test": ("test", "testing", "tst", "te", "tt", "teste", "prueba"),
        "dev or test": ("eval", "evaluation", "held", "heldout", "holdout"),
    }
    given = re.split(r"[-_. ]", name.strip().lower())[0]  # train-clean-100, dev_other
    return next((f": write {ours}" for ours, names in meant.items() if given in names), "")


def words_in(cell: str, read: Callable[[str], str] = normalise) -> str:
    """The words of a transcript, normalised by `read`.

    Raises:
        UserError: there are no words, or the cell holds a marker that programs write for a missing text.
    """
    if marker := missing_text(cell.strip()):
        raise UserError(f"the transcription is {marker}")
    text = read(cell)
    if not text:
        raise UserError("the transcription holds no word")
    return text


def assign_splits(
    utterances: Sequence[Utterance], dev_share: float = 0.1, test_share: float = 0.1
) -> list[Utterance]:
    """Assign a split to every utterance that has none, so that no speaker is in two splits.

    The speaker with the most utterances goes to train. The others are shuffled with a fixed seed and assigned
    to test and dev until each has its share of utterances, and then to train. A speaker who has a split in
    some rows gets the same split in all rows. An utterance without a speaker counts as a separate speaker.
    The same rows always get the same splits.

    One or two speakers cannot fill three splits. With so few, the audio files are assigned one by one, and a
    speaker can be in several splits.
    """
    settled = {  # the speakers with a split; the first row counts
        utterance.speaker: utterance.split
        for utterance in reversed(utterances)
        if utterance.speaker and utterance.split
    }
    open_rows = [
        index
        for index, utterance in enumerate(utterances)
        if not utterance.split and utterance.speaker not in settled
    ]
    by_speaker = bool(settled) or len({utterances[index].speaker or index for index in open_rows}) > 2
    groups = _groups(utterances, open_rows, by_speaker)
    dealt = _deal(groups, {"test": test_share, "dev": dev_share})
    if "dev" not in {*dealt.values(), *settled.values()}:
        # only two clips: training needs a dev set, but no test set
        dealt = {index: "dev" if split == "test" else split for index, split in dealt.items()}
    return [
        replace(utterance, split=utterance.split or dealt.get(index) or settled[utterance.speaker])
        for index, utterance in enumerate(utterances)
    ]


def _groups(utterances: Sequence[Utterance], rows: Iterable[int], by_speaker: bool) -> dict[str, list[int]]:
    """The indices of `rows` that must stay together: those of a speaker, or else of a file."""
    groups: dict[str, list[int]] = {}
    folders: dict[Path, str] = {}
    for index in rows:
        utterance = utterances[index]
        # where the file is, not how it is named: the splits must not depend on how the manifest was named
        folder = folders.setdefault(utterance.path.parent, os.path.realpath(utterance.path.parent))
        file = f"\0{os.path.join(folder, utterance.path.name)}"
        groups.setdefault((by_speaker and utterance.speaker) or file, []).append(index)
    return groups


def _deal(groups: Mapping[str, Sequence[int]], shares: Mapping[str, float]) -> dict[int, str]:
    """The split of each row: each group goes to the split that lacks the most, as a share of what it needs.

    Args:
        shares: of the rows, for all splits but train, which gets the largest group and the rest.
    """
    rows = sum(map(len, groups.values()))
    wanted = {split: share * rows for split, share in shares.items()}
    count = dict.fromkeys(shares, 0)  # rows so far
    names = sorted(groups)
    random.Random(0).shuffle(names)
    largest = max(names, key=lambda name: len(groups[name]), default=None)
    splits: dict[int, str] = {}
    for name in names:
        lacking = [split for split in count if count[split] < wanted[split] and name != largest]
        split = min(lacking, key=lambda split: count[split] / wanted[split], default="train")
        splits |= dict.fromkeys(groups[name], split)
        if split in count:
            count[split] += len(groups[name])
    return splits


def write_manifest(path: str | Path, utterances: Iterable[Utterance]) -> None:
    """Write a manifest; paths of files below its folder are relative to it, all others absolute.

    Raises:
        UserError: the file cannot be written.
    """
    path = Path(path)
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    for utterance in utterances:
        if utterance.path.is_relative_to(path.parent):
            shown = utterance.path.relative_to(path.parent).as_posix()
        else:
            shown = str(utterance.path.absolute())
        writer.writerow(
            [
                shown,
                as_said(utterance.text),
                utterance.speaker,
                utterance.split,
                utterance.kind,
                utterance.accent,
            ]
        )
    write_atomically(path, table.getvalue().encode())
