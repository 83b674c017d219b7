"""What people and programs write into a cell in place of a text: TBD, NaN, #REF!, 12.0."""

from __future__ import annotations

import re

_PLACEHOLDER = re.compile(  # a whole cell that people write where a text is to come
    r"[\[(<{]?(?:tbd|todo|(?-i:TO DO)|to be transcribed|un(?:transcribed|titled)|lorem ipsum.*"
    r"|inaudible|unintelligible|indiscernible|(?:audio )?(?:not|un)[ -]?(?:audible|intelligible)"
    r"|no (?:audio|speech)|no (?:audio|speech|sound|voice|text|words) (?:detected|found|available)"
    r"|empty (?:audio|recording)"
    r"|transcription failed|(?:no|missing) transcri(?:pt|ption)(?: available)?"
    r"|not transcribed(?: yet)?)[\])>}]?[.!]?",
    re.IGNORECASE | re.DOTALL,
)
_BY_PROGRAMS = frozenset(  # a whole cell that programs write for a missing text
    ("undefined", "NaN", "nan", "NULL", "None", "NA", "N/A", "n/a", "n.a.", "N.A.", "<NA>", "#N/A", "\\N")
)
_CELL_ERROR = re.compile(r"#(?:REF!|NAME\?|VALUE!|DIV/0!|NULL!|NUM!|SPILL!|CALC!)|#{3,}")  # of a spreadsheet
_WORDS = ("NULL", "None", "undefined", "nan")  # those that somebody may have said


def missing_text(written: str) -> str:
    """What a cell holds in place of a text, with the remedy, for a message; "" if it may be a text.

    Args:
        written: the cell without spaces around it.
    """
    if written in _BY_PROGRAMS or _CELL_ERROR.fullmatch(written):
        remedy = f" (if somebody said the word: {as_said(written.lower())})" if written in _WORDS else ""
        return f"{written!r}, which programs write for a missing text: write what was said{remedy}"
    if _PLACEHOLDER.fullmatch(written):
        return f"{written[:40]!r}, which stands for a missing text: write what was said"
    if re.fullmatch(r"-?\d+\.0+ ?%?", written):
        return (
            f"{written!r}, which may be a whole number that a program wrote with decimals:"
            " write what was said"
        )
    return ""


def as_said(word: str) -> str:
    """A word with a capital if it is also what programs write for a missing text: Undefined, Nan."""
    return word.capitalize() if word in ("undefined", "nan") else word
