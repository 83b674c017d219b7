"""What a check or a hint returns: text, which a notebook shows as a card, as a box or as Markdown."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from IPython.display import display

from omni_lib.course.palette import BLUE, GREEN, GREY, ORANGE

Mimebundle = tuple[dict[str, Any], dict[str, Any]]  # data and metadata, each by MIME type


class Outcome(Enum):
    """How far an answer is."""

    NOT_ATTEMPTED = "not attempted"
    COMPARE = "compare"  # written, and not judged by the learner yet
    NOT_YET = "not yet"
    RIGHT = "right"
    JUDGED_RIGHT = "right, judged by you"

    @property
    def counts_as_right(self) -> bool:
        """Whether the board counts the answer as right."""
        return self in (Outcome.RIGHT, Outcome.JUDGED_RIGHT)


OUTCOME_SIGNS = {
    Outcome.NOT_ATTEMPTED: "○",
    Outcome.COMPARE: "?",
    Outcome.NOT_YET: "✗",
    Outcome.RIGHT: "✓",
    Outcome.JUDGED_RIGHT: "☑",
}
OUTCOME_COLOURS = {
    Outcome.NOT_ATTEMPTED: GREY,
    Outcome.COMPARE: BLUE,
    Outcome.NOT_YET: ORANGE,
    Outcome.RIGHT: GREEN,
    Outcome.JUDGED_RIGHT: GREEN,
}


def sign_html(outcome: Outcome, title: str = "") -> str:
    """The sign of an outcome as HTML: in the colour of the page's text, over a line in its own colour."""
    named = f' title="{html.escape(title, quote=True)}"' if title else ""
    line = f"border-bottom: 2px solid {OUTCOME_COLOURS[outcome]}"
    return f'<span{named} style="{line}">{OUTCOME_SIGNS[outcome]}</span>'


class QuestionAndVerdict(Protocol):
    """The question that a verdict belongs to, and how both are shown together: `card.CardOf`."""

    def bundle(self, verdict: Verdict | None) -> Mimebundle:
        """Both as a MIME bundle of HTML and plain text."""

    def display(self, verdict: Verdict | None) -> None:
        """Show both in a notebook, as a card that works while its kernel lives."""


@dataclass(frozen=True)
class Verdict:
    """The result of a check. A notebook shows it below its question, or as a box with a coloured edge."""

    outcome: Outcome
    message: str
    # With it a notebook shows the question too; None: a box with the verdict alone.
    card: QuestionAndVerdict | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"{OUTCOME_SIGNS[self.outcome]} {self.outcome.value}. {self._sentence}".strip()

    def _repr_html_(self) -> str:
        sign, colour = OUTCOME_SIGNS[self.outcome], OUTCOME_COLOURS[self.outcome]
        box = f"border-left: 4px solid {colour}; padding: 2px 10px; white-space: pre-wrap"
        return f'<div style="{box}"><b>{sign} {self.outcome.value}.</b> {inline_html(self._sentence)}</div>'

    @property
    def _sentence(self) -> str:
        sentence = self.message[:1].upper() + self.message[1:]
        ends = self.outcome is not Outcome.NOT_YET or sentence.endswith((".", "?", "!", "…"))
        return sentence if ends else f"{sentence}."

    def _repr_mimebundle_(self, **_: Any) -> Mimebundle:
        if self.card is not None:
            return self.card.bundle(self)
        return {"text/plain": repr(self), "text/html": self._repr_html_()}, {}

    def _ipython_display_(self, **_: Any) -> None:
        if self.card is not None:
            self.card.display(self)
        else:
            data, metadata = self._repr_mimebundle_()
            display(data, raw=True, metadata=metadata)


@dataclass(frozen=True)
class Note:
    """A text in Markdown, such as a hint, a solution or a table."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text


def inline_html(text: str) -> str:
    """A text as HTML: escaped, with `code` and **bold** as in Markdown."""
    code = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
    return re.sub(r"\*\*([^*\n]+)\*\*", r"<b>\1</b>", code)


def note_html(note: Note) -> str:
    """A hint or a solution as HTML: paragraphs, `code`, **bold**, and blocks of code between backticks."""
    parts = re.split(r"```(?:python)?\n(.*?)\n```", note.text, flags=re.DOTALL)
    blocks = []
    for number, part in enumerate(parts):  # every second part is code
        if number % 2:
            blocks.append(f'<pre tabindex="0"><code>{html.escape(part, quote=False)}</code></pre>')
        else:
            blocks += [f"<p>{inline_html(text)}</p>" for text in part.split("\n\n") if text.strip()]
    return "".join(blocks)
