"""Find the table that describes a folder of recordings: `omni data folder SOURCE`.

`SOURCE` is the table itself, or a folder with exactly one table. A Kaldi data folder is refused with the
remedy: it has no table, since the path, the text and the times of a recording are in separate files. So are
transcripts of one recording that are not tables: subtitles, and the files of Praat, ELAN and Audacity.
"""

from __future__ import annotations

import re
from pathlib import Path

from omni_lib.errors import UserError
from omni_lib.machine.tables import SOUND_ENDINGS, is_litter

_TABLES = (".csv", ".tsv", ".jsonl")  # looked for first
_MAYBE = (".json", ".ndjson", ".manifest", ".psv", ".txt")  # where none of those is there
_TRANSCRIPTS = (".textgrid", ".eaf", ".srt", ".vtt", ".stm", ".ctm", ".trs", ".cha")
_FORMS = (  # the beginning of a file that holds the transcript of one recording, and what it is
    (re.compile(r"\s*WEBVTT|\s*(?:\d+\s*\n)?(?:\d+:)?\d+:\d+[,.]\d+ --> \d"), "a file of subtitles"),
    (
        re.compile(r'\s*(?:File type = "ooTextFile|"ooTextFile|Object class = "TextGrid)'),
        "a TextGrid of Praat",
    ),
    (re.compile(r"\s*<(?:\?xml[^>]*>\s*<)?ANNOTATION_DOCUMENT"), "a file of ELAN"),
    (re.compile(r"\d+[.,]\d+\t\d+[.,]\d+\t[^\t\n]*(?:\n|$)"), "a label track of Audacity"),
    (re.compile(r"\d+\.\d+([,;])\d+\.\d+\1(?![^\n]*\.(?:wav|flac|mp3|ogg)\b)"), "a list of times and texts"),
    (re.compile(r"(?:#.*\n\s*)*\s*\d+[.,]\d+ +\d+[.,]\d+ +[^\n,;\t|]+(?:\n|$)"), "a list of times and texts"),
    (re.compile(r"#\d+:\d\d:\d\d-\d#|LHD: Partitur"), "a transcript of one recording"),
    (re.compile(r"SPEAKER \S+ \d+ \d"), "a list of speaker turns (RTTM)"),
    (re.compile(r"(?:;;.*\n)*[^\s,;|]+ [\dABab] \d+\.\d+ +\d+\.\d+ \S"), "a transcript in the form CTM"),
    (re.compile(r"\d+ \d+ [A-Za-z][^,;\t|\n]*(?:\n|$)"), "a transcript of TIMIT"),
    (re.compile(r"#!MLF!#"), "a label file of HTK"),
    (
        re.compile(
            r"\d+:\d\d:\d\d\.\d+,\d+:\d\d:\d\d\.\d+\s*\n|\[\d+:\d\d[.:]\d+\]|\[[a-z]{2,6}:[^\]\n]*\]\s*\n"
            r"|\[Script Info\]"
        ),
        "a file of subtitles",
    ),
    (
        re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!DOCTYPE (?!html)[^>]*>\s*)?<(?:tt|Trans)\b"),
        "a transcript in XML",
    ),
    (re.compile(r"\s*<\?xml"), "a file in XML"),
    (re.compile(r"@(?:UTF8|Begin)\b|\*[A-Z]{1,3}:\t"), "a transcript in the form CHAT"),
    (re.compile(r"[^,;\t|\n]*\S \([\w.-]+\)[ \t]*(?:\n|$)"), "a transcript in the form TRN"),
    (
        re.compile(r"(?:;;.*\n)*[^\s,;|]+ [^\s,;|]+ [^\s,;|]+ \d+\.\d+ +\d+\.\d+ "),
        "a transcript in the form STM",
    ),
)
WRITE = "write a table with a header audio_path,start,end,transcription and a line for each segment"
_KALDI = ("wav.scp", "text", "segments", "utt2spk", "spk2utt")


def find_table(source: Path) -> Path:
    """The table that `source` is, or the only one in the folder `source`.

    Raises:
        UserError: the folder holds no table, or several.
    """
    _refuse_kaldi(source)
    if source.is_file():
        return source
    if not source.is_dir():
        raise UserError(f"{source} does not exist: name a folder of recordings, or the CSV or TSV file in it")
    files = sorted(path for path in source.iterdir() if path.is_file() and not is_litter(path))
    files = [path for path in files if not path.name.startswith(("~$", ".~lock"))]  # of an open spreadsheet
    found = [path for path in files if _is_table(path)]
    found = found or [
        path for path in files if path.suffix.lower() in _MAYBE and "readme" not in path.name.lower()
    ]
    if not found:
        sheets = [path.name for path in files if path.suffix.lower() in (".xlsx", ".xls", ".ods", ".numbers")]
        if below := sorted(path for path in source.glob("*/*") if _is_table(path)):
            raise UserError(f"{source} holds no table, but {below[0].parent.name} does: name {below[0]}")
        transcripts = [path.name for path in files if path.suffix.lower() in _TRANSCRIPTS]
        remedy = (
            f"save {sheets[0]} as CSV (UTF-8)"
            if sheets
            else f"{transcripts[0]} is not a table of recordings: {WRITE}"
            if transcripts
            else "write one with a path and a text in each line"
        )
        raise UserError(f"{source} holds no .csv and no .tsv file: {remedy}")
    sounds = {path.stem: path.name for path in files if path.suffix.lower() in SOUND_ENDINGS}
    if len(found) > 1 and not any(map(_is_table, found)):  # a text for each recording, beside it?
        found = [path for path in found if path.stem not in sounds] or found
    if len(found) > 1:
        if all(path.stem in sounds for path in found) and not any(map(_is_table, found)):
            raise UserError(
                f"{found[0]} holds the text of {sounds[found[0].stem]} alone: write a table with a header"
                " audio_path,transcription and a line for each recording"
            )
        raise UserError(
            f"{source} holds {len(found)} tables, {', '.join(path.name for path in found)}: name the one you"
            " mean"
        )
    return found[0]


def refuse_transcript(path: Path, text: str) -> None:
    """Refuse a file that holds what is said in one recording, and when, but does not name the recording.

    Raises:
        UserError: `text`, which is what the file at `path` holds, begins like one.
    """
    for beginning, form in _FORMS:
        if beginning.match(text):
            raise UserError(f"{path} is {form}, not a table of recordings: {WRITE}")


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in _TABLES and path.is_file() and not is_litter(path)


def _refuse_kaldi(source: Path) -> None:
    """Refuse the data folder of a Kaldi recipe, and each of its files.

    Raises:
        UserError: `source` is one, and no table lies in it.
    """
    folder = source if source.is_dir() else source.parent
    if source.is_dir():
        meant = not any(_is_table(path) for path in folder.iterdir())
    else:
        meant = source.name in _KALDI
    if meant and (folder / "wav.scp").is_file() and (folder / "text").is_file():
        cut = ", and the start and end from segments" if (folder / "segments").is_file() else ""
        raise UserError(
            f"{folder} is a Kaldi data folder: write a table with a header audio_path,transcription"
            f"{',start,end' if cut else ''} and, for each line of text, the file that wav.scp names for its"
            f" {'recording' if cut else 'key'}, its words{cut}"
        )
