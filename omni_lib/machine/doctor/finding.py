"""The result of one check of the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """The result of one check. `miss` (missing) and `wrong` must be fixed; `ok` and `note` need not."""

    state: Literal["ok", "note", "miss", "wrong"]
    what: str
    detail: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        between = " " if self.state == "ok" else ": "
        text = between.join(part for part in (self.what, self.detail) if part)
        return f"{self.state:<5} {text}{'; ' + self.remedy if self.remedy else ''}"
