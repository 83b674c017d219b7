"""Your own recordings: any folder of sound files beside one CSV or TSV file. `omni data folder SOURCE --out DIR`.

    audio_path,transcription                    clips/one.flac<tab>what is said in it
    clips/one.flac,what is said in it           clips/two.mp3<tab>and in the second

The first line may name the columns or not; a header may add speaker and split. Paths are relative to the table's folder.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from omni_lib.audio import examine_audio
from omni_lib.corpora.building import building, is_built
from omni_lib.corpora.clips import write_clip
from omni_lib.errors import UserError
from omni_lib.machine.files import file_sha256, sha256
from omni_lib.manifest import SPLITS, Problem, Utterance, write_manifest
from omni_lib.text import normalise

VERSION = 2  # of what is written: a change of it makes a corpus anew
_NAMES = {  # what others call our columns
    "path": ("audio_path", "path", "audio", "file", "filename", "file_name", "wav"),
    "text": ("transcription", "text", "sentence", "transcript"),
    "speaker": ("speaker", "speaker_id", "client_id"),
    "split": ("split",),
}


@dataclass(frozen=True)
class _Table:
    """The rows of a table that are no header, and where its columns are."""

    rows: list[tuple[int, list[str]]]  # 1-based line of the file, cells
    columns: dict[str, int]  # path, text and perhaps speaker and split → index of the cell
    width: int  # cells in a row


def prepare(source: Path, out: Path, report: Callable[[str], None] = print) -> Path:
    """Write `out/asr.csv` and 16 kHz mono PCM16 copies in `out/wav/`, and return the path of the CSV file.

    Rows of the table = rows written + rows that `report(line)` names with their reason.

    Args:
        source: the table, or a folder with exactly one *.csv or *.tsv in it.
        out: the folder to write; one that holds this very corpus already is left as it is.
        report: is told, line by line, what was left out and what was made.

    Raises:
        UserError: there is no such table or no single one, it cannot be read, no row of it can be used, or `out` holds something else.
    """
    path, out = _find_table(Path(source)), Path(out)
    table = _read_table(path)
    stamp = {
        "corpus": "a folder of recordings",
        "version": VERSION,
        "source_sha256": _fingerprint(path, table),
    }
    if is_built(out, stamp):
        report(f"{out / 'asr.csv'} is already there, made from the same source")
        return out / "asr.csv"
    with building(out, stamp) as partial:
        utterances: list[Utterance] = []
        problems: list[Problem] = []
        notes: list[Problem] = []  # on rows that are written
        taken: set[str] = set()
        for line, cells in tqdm(table.rows, desc="reading audio", unit="clip", leave=False, disable=None):
            try:
                row, target = (
                    _utterance(path.parent, table, line, cells),
                    partial / "wav" / _free_name(_cell(table, cells, "path"), taken),
                )
                sound = examine_audio(row.path)
                if sound.fault:
                    raise UserError(sound.fault)
                write_clip(target, sound.waveform)
            except UserError as error:
                problems.append(Problem(line, str(error)))
                continue
            notes += [Problem(line, note) for note in sound.notes]
            taken.add(target.name.lower())
            utterances.append(Utterance(target, row.text, row.speaker, row.split))
        for problem in problems:
            report(f"left out, {path.name} {problem}")
        for note in notes:
            report(f"note, {path.name} {note}")
        if not utterances:
            raise UserError(
                f"{path} has no row that can be used"
                + (f"; the first problem is at {problems[0]}" if problems else "")
            )
        report(f"{path.name}: {len(table.rows)} rows, {len(utterances)} written, {len(problems)} left out")
        write_manifest(partial / "asr.csv", utterances)
    return out / "asr.csv"


def _find_table(source: Path) -> Path:
    if source.is_file():
        return source
    if not source.is_dir():
        raise UserError(f"{source} does not exist: name a folder of recordings, or the CSV or TSV file in it")
    found = sorted(
        path for path in source.iterdir() if path.suffix.lower() in (".csv", ".tsv") and path.is_file()
    )
    if not found:
        raise UserError(
            f"{source} holds no .csv and no .tsv file: write one with a path and a text in each line"
        )
    if len(found) > 1:
        raise UserError(
            f"{source} holds {len(found)} tables, {', '.join(path.name for path in found)}: name the one you mean"
        )
    return found[0]


def _read_table(path: Path) -> _Table:
    """Take a CSV or TSV file apart; blank lines are skipped.

    Raises:
        UserError: it is not UTF-8 or not CSV.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8: save it as UTF-8 text") from None
    delimiter = _delimiter(text.partition("\n")[0])
    # Quotes keep a comma inside a cell. A TSV file needs none, and there they belong to the text.
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num, [cell.strip().strip('"') for cell in cells]))
    except csv.Error as error:
        first = rows[-1][0] + 1 if rows else 1
        raise UserError(f"{path} from line {first} on: {error} (is a quote not closed?)") from None
    if not rows:
        raise UserError(f"{path} is empty: write a path and a text in each line")
    first = [cell.lower() for cell in rows[0][1]]
    columns = {
        ours: first.index(name) for ours, names in _NAMES.items() for name in reversed(names) if name in first
    }
    if "path" in columns and "text" in columns:
        return _Table(rows[1:], columns, len(first))
    return _Table(rows, {"path": 0, "text": 1}, 2)


def _delimiter(first_line: str) -> str:
    """Tab, or the semicolon that some spreadsheets write for a comma."""
    if "\t" in first_line:
        return "\t"
    return ";" if ";" in first_line and "," not in first_line else ","


def _cell(table: _Table, cells: Sequence[str], column: str) -> str:
    return cells[table.columns[column]] if column in table.columns else ""


def _utterance(folder: Path, table: _Table, line: int, cells: Sequence[str]) -> Utterance:
    """One row, checked but for the sound itself.

    Raises:
        UserError: it cannot be used.
    """
    if len(cells) != table.width:
        raise UserError(
            f"{len(cells)} cells instead of {table.width}: put quotes around a text that contains a comma"
        )
    if any("\n" in cell or "\r" in cell for cell in cells):
        raise UserError("a cell runs over several lines: close its quotes")
    name, split = _cell(table, cells, "path"), _cell(table, cells, "split").lower()
    if not name:
        raise UserError("the path is empty")
    if "\0" in name:
        raise UserError("the path contains a NUL byte")
    try:
        path = (folder / name).resolve()
    except OSError as error:  # a name longer than the file system allows, or a circle of links
        raise UserError(f"{name[:80]} cannot be opened: {error.strerror}") from None
    if not path.is_relative_to(folder.resolve()):
        raise UserError(f"{name} leads out of the folder of the table: copy the file into it")
    text = normalise(_cell(table, cells, "text"))
    if not text:
        raise UserError("the transcription holds no word")
    if split and split not in SPLITS:
        raise UserError(f"split '{split}' is none of {', '.join(SPLITS)}")
    return Utterance(path, text, _cell(table, cells, "speaker"), split, line=line)


def _free_name(shown: str, taken: set[str]) -> str:
    """A file name made of a path, with letters that every system allows: a/x.flac → x.wav; b/x.mp3 → x_2.wav."""
    stem = re.sub(r"[^\w-]", "_", Path(shown.replace("\\", "/")).stem, flags=re.ASCII)[:100] or "clip"
    name, number = f"{stem}.wav", 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}_{number}.wav"
    return name


def _fingerprint(path: Path, table: _Table) -> str:
    """A hash that changes when the table does, or the size or time of a file that it names."""
    states = []
    for _, cells in table.rows:
        try:
            state = (path.parent / cells[table.columns["path"]]).stat()
            states.append((state.st_size, state.st_mtime_ns))
        except (OSError, ValueError, IndexError):  # a row that will be listed as a problem
            states.append(None)
    return sha256(f"{file_sha256(path)} {states}".encode())
