"""The card of an exercise: the question, a place for the answer, Check · Hint · Solution, and the verdict.

Where a notebook's kernel runs, it is a widget. Elsewhere (a script, a code host, a printed page, a notebook
that is opened again) the question and the verdict are HTML or plain text, and `check`, `hint` and `solution`
do what the buttons do.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import anywidget
import traitlets
from IPython.core.getipython import get_ipython
from IPython.display import display

from omni_lib.course.exercises.progress import Progress
from omni_lib.course.exercises.verdict import Mimebundle, Note, Outcome, Verdict, inline_html, note_html
from omni_lib.course.still import STILL, display_with_still

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Face:
    """What a card shows before an answer is given."""

    kind: Literal["code", "choice", "number", "text"]
    prompt: str
    options: dict[str, str] = field(default_factory=dict)  # of a choice: letter -> text
    unit: str = ""  # of a number, shown behind the field
    points: tuple[str, ...] = ()  # of a text: what the learner compares their own answer with
    model: str = ""  # of a text: our answer, shown once the learner has written one


class OnCard(Protocol):
    """What a card needs of its exercise: see `checking.Exercise`."""

    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def blank(self) -> str: ...
    @property
    def face(self) -> Face: ...
    def check(self, answer: Any = ...) -> Verdict: ...
    def hint(self) -> Note: ...
    def solution(self) -> Note: ...


@dataclass(frozen=True)
class CardOf:
    """How an exercise and a verdict on it are shown together.

    `answer` is, of a code exercise, the function that was checked.
    """

    exercise: OnCard
    answer: Any = None

    def bundle(self, verdict: Verdict | None) -> Mimebundle:
        """The question and the verdict as a MIME bundle of HTML and plain text."""
        return {
            "text/plain": _as_text(self.exercise, verdict),
            "text/html": f'<div class="{STILL}">{_as_html(self.exercise, verdict)}</div>',
        }, {}

    def display(self, verdict: Verdict | None) -> None:
        """Show the card: with a kernel as a widget, beside HTML that the notebook keeps."""
        data, metadata = self.bundle(verdict)
        if getattr(get_ipython(), "kernel", None) is None:
            display(data, raw=True, metadata=metadata)
            return
        card = Card(self.exercise, verdict, self.answer)
        handle = display_with_still(card, data, metadata)
        card.renew_still = lambda latest: handle.update(self.bundle(latest)[0], raw=True)


class Card(anywidget.AnyWidget):
    """The card as a widget. It can be used with the keyboard alone, and names its parts for screen readers.

    The browser sends `{"action": "check" | "hint" | "solution" | "judge", "answer": str, "ticks": [bool]}`.
    """

    _esm = _HERE / "card.js"
    _css = _HERE / "card.css"

    face = traitlets.Dict().tag(sync=True)
    answer = traitlets.Unicode().tag(sync=True)  # the letter, the number or the text
    model = traitlets.Unicode().tag(sync=True)  # HTML; empty until there is an answer to compare with it
    ticks = traitlets.List(traitlets.Bool()).tag(sync=True)  # which points the learner's answer has
    verdict = traitlets.Unicode().tag(sync=True)  # HTML
    note = traitlets.Unicode().tag(sync=True)  # HTML: the hints so far, or the solution

    def __init__(self, exercise: OnCard, verdict: Verdict | None, answer: Any = None) -> None:
        """A card that shows `verdict`; `answer` is as in `CardOf`."""
        self._exercise, self._function, face = exercise, answer, exercise.face
        self.renew_still: Callable[[Verdict | None], object] | None = None  # replaces the HTML beside it
        super().__init__(
            face={
                "kind": face.kind,
                "name": exercise.name,
                "prompt": inline_html(face.prompt),
                "options": [[letter, inline_html(option)] for letter, option in face.options.items()],
                "unit": face.unit,
                "points": [inline_html(point) for point in face.points],
            }
        )
        self.show(verdict)
        self.on_msg(lambda _, content, buffers: self.receive(content))

    def receive(self, message: dict[str, Any]) -> None:
        """Do what a button of the card asks for."""
        action = message.get("action")
        if action == "check":
            self.show(self._exercise.check(self._given(str(message.get("answer", "")))))
        elif action == "judge" and hasattr(self._exercise, "judge"):
            given = str(message.get("answer", ""))
            if given != self.answer:  # changed after it was compared
                verdict = self._exercise.check(self._given(given))
                if verdict.outcome is Outcome.NOT_ATTEMPTED:  # it was deleted
                    self.show(verdict)
                    return
            self.show(self._exercise.judge(*(bool(tick) for tick in message.get("ticks", []))))
        elif action in ("hint", "solution"):
            note = self._exercise.hint() if action == "hint" else self._exercise.solution()
            self.note = note_html(note)

    def show(self, verdict: Verdict | None) -> None:
        """Show a verdict, and the answer and the ticks that the learner's progress keeps."""
        face, entry = self._exercise.face, Progress.mine().entry(self._exercise.key)
        self.answer = entry.get("answer", "")
        compared = face.kind == "text" and bool(self.answer)
        self.model = inline_html(face.model) if compared else ""
        self.ticks = entry.get("ticks", [False] * len(face.points)) if compared else []
        self.verdict = "" if verdict is None else _short(verdict, face)._repr_html_()
        if self.renew_still is not None:
            self.renew_still(verdict)

    def _given(self, answer: str) -> Any:
        """The answer to check: what was chosen or written, or the function as the notebook has it now."""
        if self._exercise.face.kind != "code":
            return answer if answer.strip() else ...
        defined = getattr(get_ipython(), "user_ns", {})
        name = getattr(self._function, "__name__", self._exercise.name)
        return defined.get(name, ... if self._function is None else self._function)


def _short(verdict: Verdict, face: Face) -> Verdict:
    """A verdict that stands below its question, and so does not repeat it."""
    if verdict.outcome is Outcome.NOT_ATTEMPTED:
        wanted = {
            "code": "Fill in the code above, run its cell, and check again.",
            "choice": "Choose an option first.",
            "number": "Write a number first.",
            "text": "Write an answer first.",
        }
        return Verdict(verdict.outcome, wanted[face.kind])
    if verdict.outcome is Outcome.COMPARE:
        return Verdict(verdict.outcome, "Tick the points that your answer has, then press Judge.")
    return verdict


def _as_text(exercise: OnCard, verdict: Verdict | None) -> str:
    if verdict is None:
        return exercise.blank
    if exercise.face.kind == "code" or verdict.outcome is Outcome.NOT_ATTEMPTED:
        return repr(verdict)
    return f"{exercise.blank}\n{verdict!r}"


def _as_html(exercise: OnCard, verdict: Verdict | None) -> str:
    """The card where no kernel runs: the question, its options, and the verdict."""
    face = exercise.face
    below = "" if verdict is None else verdict._repr_html_()
    if face.kind == "code" and verdict is not None and verdict.outcome is Outcome.NOT_ATTEMPTED:
        return below  # it repeats the goal
    question = f'<div style="white-space: pre-wrap">{inline_html(face.prompt)}</div>'
    if face.options:
        rows = "".join(f"<li>{inline_html(option)}</li>" for option in face.options.values())
        question += f'<ol type="{html.escape(next(iter(face.options)))}">{rows}</ol>'
    if verdict is not None and verdict.outcome is Outcome.NOT_ATTEMPTED:
        below = ""
    return question + below
