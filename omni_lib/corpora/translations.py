"""Rows whose text is a translation of what was said, as tables for speech translation hold them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# names of columns, with _ between their words: the language of the sound, that of the text, and the task
_SPOKEN = re.compile(r"(?:source|src|audio|speech|spoken|input)_?lang(?:uage)?(?:_(?:id|code))?")
_WRITTEN = re.compile(r"(?:target|tgt|trg|text|output|translation)_?lang(?:uage)?(?:_(?:id|code))?")
_TASK = re.compile(r"tasks?(?:_?name)?")
_TRANSLATE = re.compile(r"(?:.*[_ ])?(?:translat(?:e|ion|ed)|ast|s2tt|s2st)", re.IGNORECASE)


def translated(rows: Sequence[tuple[int, Mapping[str, str]]]) -> dict[int, str]:
    """The lines whose text is in another language than the sound; the reasons.

    Args:
        rows: the line and the cells of each row, by the table's names of the columns.
    """
    columns = [(name, re.sub(r"[\s.-]+", "_", name.strip().lower())) for name in (rows[0][1] if rows else ())]
    spoken, written, task = (
        next((name for name, plain in columns if pattern.fullmatch(plain)), None)
        for pattern in (_SPOKEN, _WRITTEN, _TASK)
    )
    found = {}
    for line, row in rows:
        said, read = row.get(spoken or "", ""), row.get(written or "", "")
        if said and read and _language(said) != _language(read):
            found[line] = (
                f"its {spoken} is {said[:20]!r} and its {written} {read[:20]!r}, so its text is a"
                " translation: write what was said, or leave the row out"
            )
        elif _TRANSLATE.fullmatch(cell := row.get(task or "", "")):
            found[line] = (
                f"its {task} is {cell[:20]!r}, so its text may be a translation: write what was said, or"
                " leave the row out"
            )
    return found


def _language(code: str) -> str:
    """en-US, EN and eng → en; other words as they are."""
    first = re.split(r"[-_ (]", code.strip().lower())[0]
    return first[:2] if len(first) <= 3 or first in ("english", "german", "french", "spanish") else first
