"""Notes on who speaks in the rows of a table. Whoever is taken for two people may come into two splits.

Then the error rate is lower than with new speakers.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from omni_lib.corpora.table import Row
from omni_lib.text_rules.missing import missing_text

# words in the names of columns of people; author, artist and the like are left out, since they may not speak
_PEOPLE = frozenset(
    "speaker speakers spk spkr talker reader narrator user username participant subject patient student pupil"
    " child caller actor worker informant respondent interviewee volunteer donor contributor learner"
    " locuteur sprecher sprecherin hablante locutor parlante spreker person voice".split()
)
_BESIDE = frozenset("id ids name code no nr num number hash key label uid uuid anon index of the nom".split())
_NOBODY = frozenset("unknown unk unnamed anonymous ? - -- n.a. missing".split())
_SHORTENED = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)  # 123456789012, as a spreadsheet shows it
_WHO = re.compile(r"(?:recorded|spoken|read|said|voiced)[ _-]?by", re.IGNORECASE)


def note_people(names: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Notes on columns that may name the speakers, and are not read; only if no column is.

    Args:
        names: our names of the known columns, and the table's own.
        rows: the cells of each row by the table's names of the columns.
    """
    if "speaker" in names:
        return []
    notes = []
    for name in rows[0] if rows else ():
        cells = [cell for row in rows if (cell := row.get(name, "").strip())]
        if name not in names.values() and _names_people(name) and 1 < len(set(cells)) < len(cells):
            notes.append(
                f"its column {name} may say who speaks, and is not read: rename it to speaker, so that nobody"
                " is in several splits"
            )
    return notes


def _names_people(name: str) -> bool:
    words = re.findall("[a-z]+", re.sub("(?<=[a-z])(?=[A-Z])", " ", name).lower())
    known = bool(words) and all(word in _PEOPLE or word in _BESIDE for word in words)
    return known and not _PEOPLE.isdisjoint(words) or _WHO.fullmatch(name.strip()) is not None


def note_speakers(rows: Sequence[Row]) -> list[str]:
    """Notes on rows without a speaker beside others with one, and on names that hardly differ.

    Rows with a split are left out: nothing is assigned to them.
    """
    used = [row for row in rows if not row.problem and not row.cells.get("split")]
    return note_names([row.cells.get("speaker", "") for row in used])


def note_names(speakers: Sequence[str]) -> list[str]:
    """Notes on the speakers of all rows: on those that are empty beside others, and on names alike."""
    named = list(filter(None, speakers))
    notes = []
    if 0 < len(named) < len(speakers):
        notes.append(
            f"{len(speakers) - len(named)} of {len(speakers)} rows have no speaker, and each of them counts"
            " as another person: write the speaker into every row"
        )
    for speaker, rows in Counter(named).items():
        why = (
            "stands for a missing name: leave the cell empty, or write the name"
            if missing_text(speaker) or speaker.lower() in _NOBODY
            else "is a number that a spreadsheet shortened: export it as text"
            if _SHORTENED.fullmatch(speaker)
            else ""
        )
        if why and rows > 1:
            notes.append(f"the speaker {speaker[:40]!r} of {rows} rows counts as one person, and {why}")
    alike: dict[str, set[str]] = defaultdict(set)
    for speaker in named:
        alike[_plain(speaker)].add(speaker)
    if several := [sorted(names) for names in alike.values() if len(names) > 1]:
        first, second, *_ = several[0]
        notes.append(
            f"the speakers {first[:40]!r} and {second[:40]!r} count as two: write one name if they are one"
            " person"
        )
    return notes


def _plain(speaker: str) -> str:
    """A name without what spreadsheets and people change: capitals, separators, leading zeros, .0"""
    number = re.sub(r"^0+(?=\d)|(?<=\d)\.0$", "", speaker.strip())
    return re.sub(r"[\s_.-]+", " ", number.casefold())
