"""JSON with `//` comments, as people write it: read, or refused with the line and what was probably meant."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from omni_lib.errors import UserError


def parse_json(text: str, path: Path) -> Any:
    """The value that `text`, the contents of the file `path`, stands for; `//` comments are left out.

    Raises:
        UserError: the text is not JSON, or a name is given twice in one object.
    """
    try:
        return json.loads(_without_comments(text), object_pairs_hook=_refuse_duplicates)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except json.JSONDecodeError as error:
        line = f"{path} line {error.lineno}"
        raise UserError(f"{line} is not JSON: {error.msg}{_hint(text, error.pos)}") from None
    except RecursionError:
        raise UserError(f"{path} is not JSON: it is nested too deeply") from None
    except ValueError:  # Python reads no number of more than 4300 digits
        raise UserError(f"{path} is not JSON: it holds a number of thousands of digits") from None


def _without_comments(text: str) -> str:
    """Remove `// …` up to the end of its line, but not inside a quoted text such as "https://…"."""
    return re.sub(r'("(?:\\.|[^"\\\n])*")|//[^\n]*', lambda match: match.group(1) or "", text)


def _hint(text: str, place: int) -> str:
    """The end of a message about text that is not JSON: what was probably meant; "" if that is unclear."""
    text = _without_comments(text)
    rest, before = text[place:].lstrip(), text[:place].rstrip()
    if rest[:1] in ("}", "]") and before.endswith(",") or re.match(r",\s*[}\]]", rest):
        return " (remove the comma before the bracket)"
    if rest[:1] in ("：", "，", "；"):
        return " (write : and , as on an English keyboard)"
    if rest[:1] == '"' and '"' not in rest[1:].partition("\n")[0]:
        return ' (a quote " is missing at its end)'
    if not text.strip():
        return ' (the file is empty: a config looks like {"seed": 1})'
    if (
        before.endswith('"')
        and re.match(r"[\d\"tf\[{]|-\d", rest)
        and re.search(r'[{,]\s*"[^"\n]*"$', before)
    ):
        return " (a colon is missing before it)"
    if rest[:1] in ("'", "“", "”", "‘", "’"):
        return ' (write names and texts in straight double quotes, ")'
    if rest.startswith(("#", "/*")):
        return " (write a comment as // up to the end of its line)"
    if "\\" in text[max(0, place - 1) : place + 1]:
        return " (in a path, write a backslash twice, or / in its place)"
    if re.match(r"[+.]\d", rest) or (re.search(r"\d,?$", before) and re.match(r"[\d._a-zA-Z]", rest)):
        return " (write numbers as in 1000, 0.001 or 1e-3)"
    if rest.startswith("{") or (before.endswith(("}", "]")) and rest):
        return " (keep one object of settings in a file)"
    if rest.startswith('"') and before[-1:] not in ("", "{", "[", ",", ":"):
        return " (a comma is missing before it)"
    if (unusual := text[place : place + 1]) and unusual.isspace() and not unusual.isascii():
        return " (a space here is not an ordinary one: type it again)"
    if before and not rest:
        return " (a bracket } is missing at the end)"
    if word := re.match(r"(?:True|False|None)\b", rest):
        return f" (write {word[0].lower().replace('none', 'null')})"
    if re.match(r"[A-Za-z_]\w*\s*[:=]", rest):
        return ' (a config looks like {"seed": 1}: names in double quotes, inside braces)'
    return ""


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for key, value in pairs:
        if key in settings:
            raise UserError(f"the setting {key!r} is given twice: remove one of the two")
        settings[key] = value
    return settings
