"""Reading tables that other programs wrote: CSV dialects, column names, and paths of sound files."""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import unquote

from omni_lib.errors import UserError

SOUND_ENDINGS = (
    ".wav", ".flac", ".mp3", ".ogg", ".opus", ".oga", ".m4a", ".aac", ".aif", ".aiff", ".au", ".sph",
    ".webm", ".wma", ".mp4",
)  # fmt: skip
_MOST_FILES = 200_000  # the most files searched for one that is not at the path in the table

# The names of these columns in Kaldi, NeMo, SpeechBrain, Hugging Face, DeepSpeech, LJ Speech, Common Voice
# and torchaudio.
_NAMES = {
    "path": (
        "audio_path", "path", "audio", "file", "filename", "file_name", "wav", "wav_filename",
        "audio_filepath", "audio_file", "audio_filename", "filepath", "file_path", "wav_path", "wav_file",
        "wav_filepath", "sound", "recording", "clip", "clip_path", "audiofile", "wavfile", "sound_file",
        "sound_path", "recording_file", "recording_path", "clip_file",
    ),
    "text": (
        "transcription", "text", "sentence", "transcript", "wrd", "words", "normalized_text",
        "normalised_text", "normalized_transcription", "utterance", "raw_text", "raw_transcription",
        "transcripts", "transcriptions", "transcribed_text", "spoken_text", "txt",
    ),
    "speaker": (
        "speaker", "speaker_id", "client_id", "spk", "spk_id", "utt2spk", "speaker_name", "reader", "talker",
        "speakerid", "reader_id", "talker_id", "participant", "participant_id", "subject_id", "user_id",
        "spkid", "spkr", "spkr_id", "speaker_label", "speaker_code", "voice_id", "narrator", "narrator_id",
        "actor_id", "singer_id", "person_id", "contributor", "contributor_id", "person", "voice",
        "sprecher", "sprecherin", "sprecher_id", "locuteur", "locutrice", "locuteur_id", "id_locuteur",
        "hablante", "locutor", "locutora", "id_hablante", "orador", "falante", "parlante", "parlatore",
        "spreker", "talare", "диктор", "спикер", "说话人", "話者",
    ),
    "split": ("split", "subset", "partition"),
    "start": (
        "start", "start_time", "begin", "begin_time", "onset", "offset", "segment_start", "start_offset",
        "seg_start", "t_start", "time_start", "audio_start", "xmin", "tmin", "frame_offset",
    ),
    "end": (
        "end", "end_time", "stop", "stop_time", "finish", "segment_end", "end_offset", "seg_end", "t_end",
        "time_end", "audio_end", "xmax", "tmax",
    ),
    "duration": ("duration", "dur", "audio_duration", "clip_duration", "segment_duration", "num_samples"),
    "language": (
        "language", "lang", "locale", "language_code", "lang_id", "lang_code", "language_id", "language_name",
        "sprache", "langue", "idioma", "lingua", "taal",
    ),
    "channel": ("channel", "channel_id"),
}  # fmt: skip
COLUMNS = {name: (ours, rank) for ours, names in _NAMES.items() for rank, name in enumerate(names)}
_UNIT = re.compile(
    r"(?P<name>.*?)[\s_.-]*(?:[\[(]\s*(?P<in>[^\])]+?)\s*[\])]|[\s_.-](?:in_)?(?P<of>"
    r"s|sec|secs|seconds?|ms|msec|msecs|millis|milliseconds?|samples?|frames?"
    r"|m|mins?|minutes?|h|hrs?|hours?|us|ns|ticks|timecode|tc"
    r"|ss\.msec|(?:h+:)?m+:s+(?:[.,:]\w+)?))"  # ELAN: "Begin Time - hh:mm:ss.ms"
)
_UNITS = {
    "s": "s", "sec": "s", "second": "s", "msec": "ms", "milli": "ms", "millisecond": "ms",
    "sample": "samples", "frame": "frames", "ss.msec": "s",
}  # fmt: skip


def known_column(name: str) -> tuple[str, str, int] | None:
    """The standard name of a column, its unit and the rank of the given name, or None for an unknown name.

    The unit is s, ms, samples, frames, "", or another word behind the name of a start or an end.
    If several columns mean the same, the lowest rank is preferred.
    `known_column("Start [ms]")` is `("start", "ms", 0)`, and `known_column("up_votes")` is None.
    """
    key = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip(" \t\xa0\"'\ufeff#*:")).lower()
    unit = ""
    if key not in COLUMNS and (found := _UNIT.fullmatch(key)):
        given = found["in"] or found["of"]
        unit = "s" if given == "s" else "ms" if given == "ms" else _UNITS.get(given.removesuffix("s"), given)
        unit = "" if re.fullmatch(r"h+[:.]m+[:.]s+(?:[.,]\w+)?|m+:s+(?:[.,]\w+)?", unit) else unit
        key = found["name"]
    key = re.sub(r"[\s.\-]+", "_", key)
    if key not in COLUMNS:
        return None
    ours, rank = COLUMNS[key]
    if key in ("num_samples", "frame_offset"):  # the latter in torchaudio
        unit = "samples"
    times = ("start", "end", "duration") if unit in ("s", "ms", "samples", "frames") else ("start", "end")
    return (ours, unit, rank) if not unit or ours in times else None


def csv_rows(path: Path, text: str, delimiter: str, quotes: bool = True) -> list[tuple[int, list[str]]]:
    """The rows of a CSV text that are not blank, each with the 1-based number of its last line.

    Spaces between a comma and a quote, on either side of a quoted cell, do not belong to the cell. Quotes
    inside a cell written as \\" are accepted if the text is malformed without that rule.

    Args:
        path: the file of the table, for messages.
        quotes: whether quotes enclose cells; if not, they are part of the text.

    Raises:
        UserError: the text is malformed.
    """
    plain: dict[str, Any] = {"quoting": csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE}
    tries = [(text, plain)]
    if quotes and '"' in text:
        mark = re.escape(delimiter)
        tidy = re.sub(rf'(^|{mark})[^\S\r\n]+(?=")', r"\1", text, flags=re.MULTILINE)
        tidy = re.sub(rf'(?<=")[^\S\r\n]+(?={mark}|\r?$)', "", tidy, flags=re.MULTILINE)
        if tidy != text:
            tidy = re.sub(rf"(?<={mark})[^\S\r\n]+", " ", tidy)
            tries.insert(0, (tidy, {**plain, "skipinitialspace": True}))
        if '\\"' in text:
            tries.append((text, {**plain, "escapechar": "\\", "skipinitialspace": True}))
    refusals = []
    for contents, dialect in tries:
        try:
            return _csv_rows(path, contents, {"delimiter": delimiter, **dialect})
        except UserError as error:
            refusals.append(error)
    raise refusals[tries.index((text, plain))]


def _csv_rows(path: Path, text: str, dialect: dict[str, Any]) -> list[tuple[int, list[str]]]:
    # strict, because otherwise a quote that is never closed would include all rows below it in one cell
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, **dialect)
    rows: list[tuple[int, list[str]]] = []
    done = 0
    try:
        for cells in reader:
            done = reader.line_num
            if cells:
                rows.append((done, cells))
    except csv.Error as error:
        raise UserError(f"{path} from line {done + 1} on: {error} (is a quote not closed?)") from None
    return rows


def too_many_cells(cells: Iterable[str], delimiter: str = ",") -> str:
    """The probable cause of a row with more cells than the header, and the remedy."""
    if delimiter not in ",;":  # where quotes are part of the text
        return f"a text must not contain {delimiter!r} here: write a space in its place"
    row = "".join(cell or "" for cell in cells)
    if re.search("[“”„]", row):
        return 'the quotes around the text are typographic: write straight quotes (")'
    if '"' in row:
        return "quotes must enclose the whole text: put one at each end, and double the quotes inside"
    if re.search(r"(?<!\w)'|'(?!\w)", row):
        return 'single quotes do not enclose a cell: put double quotes (") around a text with a comma'
    return f"put quotes around a text that contains a {'comma' if delimiter == ',' else 'semicolon'}"


def split_text(cells: Sequence[str], text: int) -> str | None:
    """The probable cause, and the remedy, if the text in cell `text` was split at one of its commas.

    In `hello.wav,yes, please` there is a space after one comma only: it probably belongs to the text.
    """
    said, behind = (cells[place] if place < len(cells) else "" for place in (text, text + 1))
    if not (said.strip() and behind.strip() and behind[0].isspace() and not said[0].isspace()):
        return None
    whole = f"{said},{behind}"
    return f"{whole!r} may be one text: put quotes around it, or remove the space after the comma"


def is_litter(path: PurePath) -> bool:
    """Whether an operating system made this file: ._x, .DS_Store, Thumbs.db, desktop.ini …"""
    name = path.name
    return (
        name.startswith("._")
        or name.lower() in (".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini")
        or "__MACOSX" in path.parts
    )


class Sounds:
    """Finds the sound files that one table refers to, with paths relative to its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._index: dict[str, list[Path]] | None = None

    def find(self, name: str) -> Path:
        """The file that `name` refers to.

        Backslashes are read as slashes. Accented letters match in either of Unicode's two normal forms.
        Everything else must match exactly.

        Raises:
            UserError: the file does not exist; the message gives the most probable cause.
        """
        if "\0" in name:
            raise UserError("audio_path contains a NUL byte")
        slashes = name.replace("\\", "/")
        try:
            for form in dict.fromkeys(
                [name, slashes, unicodedata.normalize("NFC", slashes), unicodedata.normalize("NFD", slashes)]
            ):
                path = self.folder / form
                if path.is_file():
                    if is_litter(Path(form)):
                        raise UserError(
                            f"{name} is a file of the operating system, not a recording: remove the row"
                        )
                    return path
            cause = self._cause(slashes)
        except (OSError, ValueError) as error:  # a name longer than the file system allows
            raise UserError(
                f"{name[:80]} cannot be opened as an audio_path: {getattr(error, 'strerror', None) or error}"
            ) from None
        raise UserError(f"{name} {cause}")

    def of_that_name(self, name: str) -> str:
        """The files below the table's folder with the same file name as the path `name`, for a message."""
        return _shown(self._named(Path(name.replace("\\", "/")).name.lower()))

    def _cause(self, name: str) -> str:
        path = self.folder / name
        if path.is_dir():
            return "is a folder, not a sound file: give the path of a file in it"
        if (alone := _alone(name)) != name and (self.folder / alone).is_file():
            times = "; times of a segment belong in columns start and end" if re.search(r":\d", name) else ""
            return f"does not exist: write the path alone, {alone}{times}"
        plain = _without_escapes(name)
        if plain != name and ((self.folder / plain).is_file() or name.lower().startswith("file:")):
            return f"does not exist: it is written as in a web address, so write it as a path: {plain}"
        if "://" in name:
            return "does not exist: it is a web address, so download the file and give its path"
        if name.startswith("~"):
            return "does not exist: ~ is not a folder here, so write the path in full"
        if len(Path(name).parts) > 100:
            return "does not exist"
        same = self._named(Path(name).name.lower())
        alike = [other for other in same if other.as_posix().lower() == name.lower()]
        if alike:
            return f"does not exist, but does with other capitals: write {_shown(alike)}"
        if same:
            return f"does not exist, but a file of that name is elsewhere: write {_shown(same)}"
        stems = self._named(
            Path(name).stem.lower()
            if Path(name).suffix.lower() in SOUND_ENDINGS
            else Path(name).name.lower(),
            True,
        )
        if stems:
            return f"does not exist, but one with another ending does: write {_shown(stems)}"
        if alike := self._with_other_zeros(Path(name).name):
            return f"does not exist, but does with other zeros before its number: write {_shown(alike)}"
        if re.match(r"[A-Za-z]:/", name):
            return (
                "does not exist: it is a path of another computer: copy the file here and write its new path"
            )
        return f"does not exist (paths are relative to the folder of the CSV, {self.folder})"

    def _with_other_zeros(self, name: str) -> list[Path]:
        """The files whose names differ from `name` in the zeros before a number; spreadsheets drop them."""
        ending = Path(name).suffix.lower() in SOUND_ENDINGS
        stem = (Path(name).stem if ending else name).lower()
        if self._index is None or not re.search(r"\d", stem):
            return []
        wanted = _without_zeros(stem)
        return [
            path
            for key, paths in self._index.items()
            if key.startswith("/") and _without_zeros(key[1:]) == wanted
            for path in paths
        ]

    def _named(self, name: str, stem: bool = False) -> list[Path]:
        """The sound files below the folder with this name in lower case; with `stem`, with this stem."""
        if self._index is None:
            self._index = {}
            count = 0
            for folder, folders, files in os.walk(self.folder):
                folders.sort()
                for file in sorted(files):
                    count += 1
                    path = Path(folder, file).relative_to(self.folder)
                    if path.suffix.lower() in SOUND_ENDINGS and not is_litter(path):
                        key = unicodedata.normalize("NFC", file.lower())
                        self._index.setdefault(key, []).append(path)
                        self._index.setdefault("/" + Path(key).stem, []).append(path)
                if count > _MOST_FILES:
                    break
        return self._index.get(("/" if stem else "") + unicodedata.normalize("NFC", name), [])


def _alone(name: str) -> str:
    """The path in a cell that holds more: 'a.wav' in quotes, ['a.wav'], a.wav:0:16000, cat a.wav |"""
    ending = "|".join(map(re.escape, SOUND_ENDINGS))
    for path in (
        rf"['\"]([^'\"]+?(?:{ending}))['\"]",
        rf"(?:^|[\s<(\[`‘’“”«‹])([^\s<(\[`‘’“”«‹]+?(?:{ending}))(?![\w.])",
    ):
        if found := re.search(path, name, re.IGNORECASE):
            return found[1]
    return name


def _without_zeros(name: str) -> str:
    """A name without the zeros before its numbers: utt_001 → utt_1."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", name)


def _without_escapes(name: str) -> str:
    """A path written as in a web address, as a path: file:///home/a%20b.wav → /home/a b.wav."""
    path = unquote(re.sub(r"^file:(?://(?:localhost)?(?=/))?", "", name, flags=re.IGNORECASE))
    return path[1:] if re.match(r"/[A-Za-z]:/", path) else path


def _shown(paths: list[Path]) -> str:
    return " or ".join(path.as_posix() for path in paths[:3]) + (" …" if len(paths) > 3 else "")
