"""What a check or a hint shows: as text, and in a notebook as a box."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    NOT_ATTEMPTED = "not attempted"
    NOT_YET = "not yet"
    RIGHT = "right"


SIGNS = {Outcome.NOT_ATTEMPTED: "○", Outcome.NOT_YET: "✗", Outcome.RIGHT: "✓"}
COLOURS = {
    Outcome.NOT_ATTEMPTED: "#808080",
    Outcome.NOT_YET: "#E69F00",
    Outcome.RIGHT: "#009E73",
}  # Okabe & Ito 2008


@dataclass(frozen=True)
class Verdict:
    """What a check found, as text and, in a notebook, as a box."""

    outcome: Outcome
    message: str

    def __repr__(self) -> str:
        return f"{SIGNS[self.outcome]} {self.outcome.value}. {self.message}".strip()

    def _repr_html_(self) -> str:
        box = f"border-left: 4px solid {COLOURS[self.outcome]}; padding: 2px 10px; white-space: pre-wrap"
        message = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(self.message, quote=False))
        return f'<div style="{box}"><b>{SIGNS[self.outcome]} {self.outcome.value}.</b> {message}</div>'


@dataclass(frozen=True)
class Note:
    """Markdown to be shown: a hint or a solution."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text
