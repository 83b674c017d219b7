"""What a check or a hint returns: text, which a notebook shows as a box or as Markdown."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from enum import Enum

from omni_lib.course.palette import GREEN, INK, ORANGE


class Outcome(Enum):
    """How far an answer is."""

    NOT_ATTEMPTED = "not attempted"
    NOT_YET = "not yet"
    RIGHT = "right"


OUTCOME_SIGNS = {Outcome.NOT_ATTEMPTED: "○", Outcome.NOT_YET: "✗", Outcome.RIGHT: "✓"}
OUTCOME_COLOURS = {Outcome.NOT_ATTEMPTED: INK, Outcome.NOT_YET: ORANGE, Outcome.RIGHT: GREEN}


@dataclass(frozen=True)
class Verdict:
    """The result of a check. A notebook shows it as a box with a coloured edge."""

    outcome: Outcome
    message: str

    def __repr__(self) -> str:
        return f"{OUTCOME_SIGNS[self.outcome]} {self.outcome.value}. {self.message}".strip()

    def _repr_html_(self) -> str:
        sign, colour = OUTCOME_SIGNS[self.outcome], OUTCOME_COLOURS[self.outcome]
        box = f"border-left: 4px solid {colour}; padding: 2px 10px; white-space: pre-wrap"
        message = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(self.message, quote=False))
        return f'<div style="{box}"><b>{sign} {self.outcome.value}.</b> {message}</div>'


@dataclass(frozen=True)
class Note:
    """A text in Markdown, such as a hint, a solution or a table."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text
