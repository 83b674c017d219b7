"""Two columns of a table with the same meaning that differ: only its owner can say which of them is right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

from omni_lib.corpora.transcripts import spoken
from omni_lib.errors import UserError
from omni_lib.machine.tables import known_column

# Columns that hold a text. `words` is not among them, because it may hold the number of words.
_TEXTS = ("transcription", "text", "sentence", "transcript", "wrd")
_COMPARED = 50  # rows in which the columns of texts are compared
# names of columns with the text as somebody corrected it
_CORRECTED = re.compile(
    r"(?:corrected|final|human|manual|gold|true|actual|verified|reviewed|edited|revised|fixed|checked)[ _-]?"
    r"(?:text|transcript|transcription|sentence|label)|(?:text|transcript|transcription|sentence)[ _-]?"
    r"(?:corrected|final|human|manual|gold|verified|reviewed|edited|revised|fixed|checked)"
    r"|gold|corrected|correction|ground[ _-]?truth",
    re.IGNORECASE,
)
# names of the same text in two forms: as printed and as spoken, so that only the words are compared
_FORMS = re.compile(
    r"(?:(?:raw|normali[sz]ed|clean(?:ed)?|original)_?(?:text|transcript|transcription|sentence)"
    r"|(?:text|transcript|transcription|sentence)_?(?:raw|normali[sz]ed|clean(?:ed)?|original))"
)
_SIMILAR = 0.6  # of two spellings of one text, by difflib; other columns of sentences have other words


def refuse_rival_texts(path: Path, rows: Sequence[tuple[int, Mapping[str, str]]]) -> None:
    """Refuse a table with two columns of texts that differ, such as a transcript and a recogniser's output.

    A text as printed and the same text in words count as equal.

    Args:
        path: the file of the table.
        rows: the line and the cells of each row; the first ones are compared.

    Raises:
        UserError: they differ.
    """
    columns = rows[0][1] if rows else ()
    rivals = [name for name in columns if name.strip().lower() in _TEXTS]
    rivals += [
        name
        for name in columns
        if rivals
        and name not in rivals
        and _CORRECTED.fullmatch(name.strip())
        and any(_SIMILAR < _similarity(cells, rivals[0], name) < 1 for _, cells in rows[:_COMPARED])
    ]
    _refuse_other_words(path, rows, rivals)
    for (line, cells), (first, *others) in product(rows[:_COMPARED], [rivals] if rivals else []):
        for other in others:
            try:
                differ = spoken(cells[first]) != spoken(cells[other])
            except (KeyError, UserError):  # a cell without a single reading
                continue
            if differ and cells[first] and cells[other]:
                raise UserError(
                    f"{path} has the columns {first} and {other}, which differ in line {line}: keep only the"
                    " one with what was said"
                )


def _refuse_other_words(
    path: Path, rows: Sequence[tuple[int, Mapping[str, str]]], texts: Sequence[str]
) -> None:
    """Refuse two forms of the texts that have no word in common, as where one of them was sorted alone.

    Raises:
        UserError: they have none, in a row without figures and with several words in both.
    """
    forms = [name for name in (rows[0][1] if rows else ()) if _FORMS.fullmatch(name.strip().lower())]
    first, *others = list(dict.fromkeys([*texts, *forms])) or [""]
    for line, cells in rows[:_COMPARED]:
        for other in (name for name in others if name in forms):
            one, two = cells.get(first, "").lower(), cells.get(other, "").lower()
            words = [set(re.findall(r"[^\W\d_]+", text)) for text in (one, two)]
            if min(map(len, words)) > 1 and not words[0] & words[1] and not re.search(r"\d", one + two):
                raise UserError(
                    f"{path} has the columns {first} and {other}, which have no word in common in line"
                    f" {line}: if one of them was sorted alone, export the table again; if not, keep only the"
                    " one with what was said"
                )


def _similarity(cells: Mapping[str, str], first: str, second: str) -> float:
    """From 0 to 1: how much of two cells is the same, without capitals and spaces at their ends."""
    one, other = (cells.get(name, "").strip().lower() for name in (first, second))
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio() if one and other else 0.0


def refuse_rival_files(
    path: Path, names: Mapping[str, str], rows: Sequence[tuple[int, Mapping[str, str]]]
) -> None:
    """Refuse a table with two columns of files, which are there and differ, as noisy and clean ones.

    Raises:
        UserError: it is not clear which of them holds what was said.
    """
    first = names["path"]
    others = [
        name
        for name in (rows[0][1] if rows else ())
        if name != first and (known := known_column(name)) and known[0] == "path"
    ]
    for (line, cells), other in product(rows[:_COMPARED], others):
        one, two = (path.parent / cells.get(name, "").replace("\\", "/") for name in (first, other))
        try:
            differ = one.is_file() and two.is_file() and not one.samefile(two)
        except (OSError, ValueError):  # a name that no file can have
            continue
        if differ:
            raise UserError(
                f"{path} has the columns {first} and {other}, which name different files in line {line}: keep"
                " only the one with the recordings of these texts"
            )
