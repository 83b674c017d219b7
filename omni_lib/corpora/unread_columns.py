"""Notes on columns that seem to say who speaks, which rows to test on or to leave out, and are not read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from omni_lib.corpora.speaker_checks import note_people

# the names of such columns, and cells by which they are known
_MARKS = frozenset("0 1 0.0 1.0 true false yes no y n t f x".split()) | {""}
_FOR_TESTS = re.compile(
    r"(?:(?:is|in|for)[_ -]?)?(?:train|training|test|testing|dev|valid|validation|val|eval|held[_ -]?out"
    r"|holdout)(?:[_ -]?(?:set|split))?",
    re.IGNORECASE,
)
_FOLD = re.compile(r"(?:k|cv|test)?[_ -]?folds?(?:[_ -]?(?:id|no|number|index))?", re.IGNORECASE)
_MOST_FOLDS = 20
_KEPT = re.compile(
    r"(?:is[_ -]?|to[_ -]?)?(?:excluded?|skip(?:ped)?|ignored?|deleted?|discard(?:ed)?|rejected|removed?"
    r"|drop(?:ped)?|bad|broken|invalid|keep|included?|usable?|used?|good|ok|correct|accepted|approved"
    r"|verified|validated|valid)",
    re.IGNORECASE,
)
_REJECTED = frozenset("reject rejected exclude excluded discard discarded invalid unusable".split())
# columns of a review, and what they hold in rows that were not passed
_REVIEW = re.compile(
    r"(?:.*[_ -])?(?:status|state|review|quality|qc|qa|verdict|decision|validation|approval)", re.IGNORECASE
)
_NOT_PASSED = frozenset(
    "pending todo to-do draft open unverified unreviewed unchecked failed fail bad poor wrong skip skipped"
    " error incomplete unusable".split()
) | {"in progress", "needs review", "to do", "not ok", "in review"}
_RECOGNISER = re.compile(  # numbers that only a recogniser gives
    r"(?:avg|average|mean)_?log_?prob|no_?speech_?prob|compression_ratio"
    r"|(?:asr|whisper)_(?:confidence|score)",
    re.IGNORECASE,
)


def note_unread(names: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Notes on columns that seem to say who speaks, or which rows to test on or to leave out."""
    notes = note_people(names, rows) + _note_votes(rows)
    if machine := [name for name in (rows[0] if rows else ()) if _RECOGNISER.fullmatch(name.strip())]:
        notes.append(
            f"its column {machine[0]} is of a recogniser: if that wrote the texts too, correct them first, or"
            " its errors are learned"
        )
    for name in rows[0] if rows else ():
        cells = {row.get(name, "").strip().lower() for row in rows}
        if name in names.values() or len(cells) < 2:
            continue
        marks = cells <= _MARKS
        folds = len(cells) <= _MOST_FOLDS and _FOLD.fullmatch(name.strip())
        not_passed = cells & _NOT_PASSED and _REVIEW.fullmatch(name.strip())
        if (marks and _KEPT.fullmatch(name.strip())) or cells & _REJECTED or not_passed:
            notes.append(
                f"its column {name} may say which rows to leave out, and is not read: remove those rows"
            )
        elif "split" not in names and (folds or (marks and _FOR_TESTS.fullmatch(name.strip()))):
            notes.append(
                f"its column {name} may say which rows are for tests, and is not read: write train, dev or"
                " test into a column split"
            )
    return notes


def _note_votes(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """A note on rows that more people of Common Voice called wrong than right."""
    votes = [(row.get("up_votes", ""), row.get("down_votes", "")) for row in rows]
    numbers = [(int(up), int(down)) for up, down in votes if up.isdecimal() and down.isdecimal()]
    rejected = sum(down > up for up, down in numbers)
    if not rejected:
        return []
    return [f"{rejected} of its rows have more down_votes than up_votes, and are read: remove those rows"]
