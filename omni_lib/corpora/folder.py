"""Your own recordings: any folder of sound files beside one table. `omni data folder SOURCE --out DIR`.

    audio_path,transcription                    clips/one.flac<tab>what is said in it
    clips/one.flac,what is said in it           clips/two.mp3<tab>and in the second

A header line is optional. It may add the columns speaker and split, and start and end (or offset and
duration); then that segment is cut out of the recording. Paths are relative to the table's folder.
`table_reader.py`, `table_header.py` and `machine/tables.py` define the accepted tables and column names, and
`transcripts.py` the rules for texts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor
from tqdm import tqdm

from omni_lib.audio import SAMPLE_RATE
from omni_lib.corpora.building import building, is_built
from omni_lib.corpora.clips import write_clip
from omni_lib.corpora.recordings import Recordings
from omni_lib.corpora.segments import Segments
from omni_lib.corpora.speaker_checks import note_speakers
from omni_lib.corpora.table import Row, Table
from omni_lib.corpora.table_finder import find_table
from omni_lib.corpora.table_reader import read_rows
from omni_lib.corpora.text_checks import check_texts
from omni_lib.corpora.text_lengths import lengths_note, shifted
from omni_lib.corpora.transcripts import spoken
from omni_lib.errors import UserError, one_line
from omni_lib.machine.files import file_sha256, sha256
from omni_lib.machine.sound.content import Content
from omni_lib.manifest import (
    SPLITS,
    Problem,
    Utterance,
    several_texts,
    shared_speakers,
    split_hint,
    words_in,
    write_manifest,
)

VERSION = 12  # of the output: a change rebuilds existing corpora

_ENGLISH = re.compile(  # en, en-US, English (India), British English; and in other languages
    r"en(?:g(?:lish)?)?(?:[-_ (].*)?|usa?|gb|british|american|australian|[a-z ]+ english"
    r"|englisch.*|anglais.*|ingl[eé]s.*|engels.*",
    re.IGNORECASE,
)


def prepare(source: Path, out: Path, report: Callable[[str], None] = print) -> Path:
    """Write `out/asr.csv` and 16 kHz mono PCM16 copies in `out/wav/`, and return the path of the CSV file.

    Every row of the table is either written or reported through `report(line)` with the reason.

    Args:
        source: the table, or a folder that holds exactly one.
        out: the folder to write; if it already holds the same corpus, nothing is changed.
        report: called with a line for each row that is left out, and with a summary.

    Raises:
        UserError: `source` holds no table or several, it cannot be read, no row of it can be used, or
            `out` holds something else.
    """
    path, out = find_table(Path(source)), Path(out)
    table, recordings = read_rows(path), Recordings(path.parent)
    stamp = {
        "corpus": "a folder of recordings",
        "version": VERSION,
        "source_sha256": _fingerprint(path, table),
    }
    if is_built(out, stamp):
        report(f"{out / 'asr.csv'} is already there, made from the same source")
        return out / "asr.csv"
    remarks = [*table.notes, *check_texts(path, table.rows), *note_speakers(table.rows)]
    try:
        segments = Segments(table, recordings.length)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    with building(out, stamp) as partial:
        written = _write_clips(table.rows, recordings, segments, partial / "wav")
        for problem in written.problems:
            report(f"left out, {path.name} {problem}")
        for note, line in written.all_notes().items():
            report(f"note, {path.name} {Problem(line, note)}")
        utterances = written.utterances
        texts = [utterance.text for utterance in utterances]
        if remark := lengths_note(texts, written.seconds):
            if shifted(texts, written.seconds):
                raise UserError(f"{path}: {remark}")
            remarks.append(remark)
        if remark := shared_speakers(utterances):
            remarks.append(remark)
        for remark in remarks:
            report(one_line(f"note, {path.name}: {remark}"))
        if not utterances:
            first = f"; the first problem is at {written.problems[0]}" if written.problems else ""
            raise UserError(f"{path} has no row that can be used{first}")
        counts = f"{len(utterances)} written, {len(written.problems)} left out"
        report(f"{path.name}: {len(table.rows)} rows, {counts}")
        write_manifest(partial / "asr.csv", utterances)
    return out / "asr.csv"


@dataclass
class _Written:
    """What became of the rows of a table."""

    utterances: list[Utterance] = field(default_factory=list)  # with the paths of the new clips
    seconds: list[float] = field(default_factory=list)  # of each of them
    problems: list[Problem] = field(default_factory=list)  # of the rows that are left out
    notes: dict[str, int] = field(default_factory=dict)  # on recordings that are used; the first row of each
    whole: list[Utterance] = field(default_factory=list)  # rows that use their recording uncut
    # the others, and their first and last samples
    cut: list[tuple[Utterance, tuple[int, int]]] = field(default_factory=list)

    def all_notes(self) -> dict[str, int]:
        """The notes on single recordings, then those on rows that share a recording; the row of each."""
        return self.notes | _contested(self.whole) | _overlapping(self.cut)


def _write_clips(rows: Sequence[Row], recordings: Recordings, segments: Segments, folder: Path) -> _Written:
    """Write the sound of each row that can be used as a clip in `folder`."""
    written = _Written()
    taken: set[str] = set()  # names of clips, in small letters
    heard: dict[str, Utterance] = {}  # the first row of each sound, by a hash of its samples
    clips: dict[str, Path] = {}  # and the clip that was written for it
    for row in tqdm(rows, desc="reading audio", unit="clip", leave=False, disable=None):
        try:
            said = _utterance(recordings, row)
            sound = recordings.read(said.path)
            bounds = segments.bounds(row, len(sound.waveform) / SAMPLE_RATE, sound.rate)
            part = _part(sound.waveform, bounds)
            again = heard.get(key := sha256(part.numpy().tobytes()))
            # one clip for the same sound and text, so that all its rows come into one split
            same = again is not None and again.text == said.text
            target = clips[key] if same else folder / _free_name(row.cells["path"], taken)
            if not same:
                write_clip(target, part)
        except UserError as error:
            written.problems.append(Problem(row.line, str(error)))
            continue
        for note in (*sound.notes, *_heard_before(again, said)):
            written.notes.setdefault(note, row.line)
        heard.setdefault(key, said)
        clips.setdefault(key, target)
        if bounds is None:
            written.whole.append(said)
        else:
            written.cut.append((said, bounds))
        taken.add(target.name.lower())
        written.seconds.append(len(part) / SAMPLE_RATE)
        written.utterances.append(Utterance(target, said.text, said.speaker, said.split))
    return written


def _heard_before(first: Utterance | None, said: Utterance) -> list[str]:
    """A note on a row with the same samples as the row `first`, which came before it."""
    if first is None:
        return []
    same = f"{said.path} is the same sound as {first.path} at line {first.line}, which"
    if first.text != said.text:
        different = first.path != said.path  # else another note names the file and its texts
        return [f"{same} has another text: correct one of them, or leave it out"] if different else []
    if first.split and said.split and first.split != said.split:
        return [
            f"{same} is in split {first.split!r}: keep one of these rows, or the error rate will be too low"
        ]
    if first.speaker != said.speaker:
        return [f"{same} has the speaker {first.speaker!r}, and this row {said.speaker!r}: keep one of them"]
    if first.path == said.path:
        return []
    return [f"{same} has the same text: remove one of these rows, or it counts twice"]


def _overlapping(cut: Sequence[tuple[Utterance, tuple[int, int]]]) -> dict[str, int]:
    """Notes on segments with different texts of which one covers more than half of the other; their rows."""
    notes: dict[str, int] = {}
    last: dict[Path, tuple[Utterance, tuple[int, int]]] = {}
    for said, (start, end) in sorted(cut, key=lambda each: (str(each[0].path), each[1])):
        before, (first, behind) = last.get(said.path, (said, (start, start)))
        if before.text != said.text and 2 * (min(end, behind) - start) > min(end - start, behind - first):
            note = (
                f"its segment of {said.path} overlaps that of line {before.line} by more than half, and each"
                " has a text of its own: correct start and end, or leave one out"
            )
            notes.setdefault(note, said.line)
        if end >= behind:
            last[said.path] = (said, (start, end))
    return notes


def _contested(whole: Sequence[Utterance]) -> dict[str, int]:
    """Notes on the recordings that have several texts but were not cut, and the first row of each."""
    notes = {}
    for path, lines in several_texts(whole).items():
        first, second, *_ = lines.values()
        remedy = "if each belongs to a part of it, add columns start and end"
        notes[f"{path} has another text at line {second}: {remedy}"] = first
    return notes


def _part(waveform: Tensor, bounds: tuple[int, int] | None) -> Tensor:
    """The samples of a segment, or all of them.

    Raises:
        UserError: the content of the segment is unusable, for example silent.
    """
    if bounds is None:
        return waveform
    part, content = waveform[slice(*bounds)], Content()
    content.add(part.numpy())
    if content.fault:
        raise UserError(f"its segment, samples {bounds[0]} to {bounds[1]} at 16 kHz, {content.fault}")
    return part


def _utterance(recordings: Recordings, row: Row) -> Utterance:
    """One row, checked except for the sound itself.

    Raises:
        UserError: it cannot be used.
    """
    if row.problem:
        raise UserError(row.problem)
    language = row.cells.get("language", "")
    if language and not language.isdecimal() and not _ENGLISH.fullmatch(language):
        raise UserError(f"its language is {language[:40]!r}, and the rules for transcripts are for English")
    path = recordings.find(row.cells["path"])
    recordings.refuse_channel(path, row.cells.get("channel", ""))
    text = words_in(row.cells["text"], spoken)
    split = row.cells.get("split", "").lower()
    if split and split not in SPLITS:
        raise UserError(f"split '{split}' must be one of {', '.join(SPLITS)}{split_hint(split)}")
    speaker = unicodedata.normalize("NFC", row.cells.get("speaker", ""))
    return Utterance(path, text, speaker, split, line=row.line)


def _free_name(shown: str, taken: set[str]) -> str:
    """An unused file name, with characters that every system allows: a/x.flac → x.wav; b/x.mp3 → x_2.wav."""
    stem = re.sub(r"[^\w-]", "_", Path(shown.replace("\\", "/")).stem, flags=re.ASCII)[:100] or "clip"
    name, number = f"{stem}.wav", 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}_{number}.wav"
    return name


def _fingerprint(path: Path, table: Table) -> str:
    """A hash of the table and of the size and modification time of each file that it names."""
    states: list[tuple[int, int] | None] = []
    for row in table.rows:
        try:
            state = (path.parent / row.cells["path"].replace("\\", "/")).stat()
            states.append((state.st_size, state.st_mtime_ns))
        except (OSError, ValueError, KeyError):  # a row that will be listed as a problem
            states.append(None)
    return sha256(f"{file_sha256(path)} {states}".encode())
