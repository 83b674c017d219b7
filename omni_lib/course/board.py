"""The learner's progress, exercise by exercise.

    board.everything()         # all lessons, a row for each
    board.summary(lesson)      # one lesson: what is right, and what is still open
    board.reset("01")          # forget the progress in one lesson, to do it again

Each call reads the progress file, so it includes the latest check.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.exercises.progress import Progress
from omni_lib.course.exercises.questions import Reflection
from omni_lib.course.exercises.verdict import OUTCOME_COLOURS, OUTCOME_SIGNS, Outcome, sign_html
from omni_lib.course.notebooks import LESSONS
from omni_lib.errors import UserError

_ON_BOARD = (Outcome.NOT_ATTEMPTED, Outcome.NOT_YET, Outcome.RIGHT, Outcome.JUDGED_RIGHT)


@dataclass(frozen=True)
class Standing:
    """One exercise or question and its best outcome so far."""

    name: str
    outcome: Outcome
    minutes: int  # an estimate; 0 for a question
    extra: bool


@dataclass(frozen=True)
class LessonStanding:
    """One lesson: a line of text and, in a notebook, a row of signs."""

    number: str
    title: str
    standings: tuple[Standing, ...]

    @property
    def right(self) -> int:
        """The number of exercises that count as right."""
        return sum(standing.outcome.counts_as_right for standing in self.standings)

    @property
    def open(self) -> tuple[Standing, ...]:
        """What is not right yet, in the order of the notebook."""
        return tuple(standing for standing in self.standings if not standing.outcome.counts_as_right)

    @property
    def count(self) -> str:
        """How many are right, in words."""
        own = sum(standing.outcome is Outcome.JUDGED_RIGHT for standing in self.standings)
        judged = f" ({own} judged by you)" if own else ""
        return f"{self.right} of {len(self.standings)} right{judged}"

    @property
    def advice(self) -> str:
        """What to do next."""
        if not self.open:
            return "Nothing is left open here."
        way = [standing for standing in self.open if not standing.extra]
        extras = [standing for standing in self.open if standing.extra]
        return " ".join(
            _still_open(title, standings)
            for title, standings in (("Open", way), ("Extras", extras))
            if standings
        )

    def __repr__(self) -> str:
        return f"{self.number} · {self.title}: {self.count}. {self.advice}"

    def _repr_html_(self) -> str:
        title, advice = html.escape(f"{self.number} · {self.title}"), html.escape(self.advice)
        heading = f"<b>{title}</b>: {self.count} {signs_of(self)}"
        colour = OUTCOME_COLOURS[Outcome.NOT_ATTEMPTED if self.open else Outcome.RIGHT]
        style = f"border-left: 4px solid {colour}; padding: 2px 10px"
        return f'<div style="{style}">{heading}<br>{advice}</div>'


def _still_open(title: str, standings: list[Standing]) -> str:
    tried = {Outcome.NOT_YET: " (tried)"}
    names = ", ".join(f"{standing.name}{tried.get(standing.outcome, '')}" for standing in standings)
    minutes = sum(standing.minutes for standing in standings)
    estimate = f"; writing the code takes about {minutes} minutes (an estimate)" if minutes else ""
    return f"{title}: {names}{estimate}."


@dataclass(frozen=True)
class Board:
    """All lessons, a row for each."""

    lessons: tuple[LessonStanding, ...]

    @property
    def total(self) -> str:
        """How many are right in the whole course, in words."""
        right = sum(lesson.right for lesson in self.lessons)
        count = sum(len(lesson.standings) for lesson in self.lessons)
        return f"{right} of {count} exercises and questions are right."

    def __repr__(self) -> str:
        width = max(len(lesson.title) for lesson in self.lessons)
        rows = [
            f"{lesson.number}  {lesson.title:{width}}  {lesson.right:2} of {len(lesson.standings):2}  "
            + "".join(OUTCOME_SIGNS[standing.outcome] for standing in lesson.standings)
            for lesson in self.lessons
        ]
        return "\n".join([*rows, self.total])

    def _repr_html_(self) -> str:
        left = 'style="text-align: left"'
        rows = "".join(
            f"<tr><td>{lesson.number}</td><td {left}>{html.escape(lesson.title)}</td>"
            f"<td>{lesson.right} of {len(lesson.standings)}</td><td {left}>{signs_of(lesson)}</td></tr>"
            for lesson in self.lessons
        )
        legend = ", ".join(f"{OUTCOME_SIGNS[outcome]} {outcome.value}" for outcome in _ON_BOARD)
        head = f"<tr><th></th><th {left}>lesson</th><th>right</th><th></th></tr>"
        caption = f"<div>{self.total} {legend}; point at a sign for its name.</div>"
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>{caption}"


def signs_of(lesson: LessonStanding) -> str:
    """A sign for each exercise, with its name as a tooltip."""
    return " ".join(
        sign_html(standing.outcome, f"{standing.name}: {standing.outcome.value}")
        for standing in lesson.standings
    )


def summary(lesson: Any) -> LessonStanding:
    """The progress in one lesson, given as its module in `omni_lib.course.lessons`."""
    entries = Progress.mine().read()
    standings = []
    for exercise in lesson.EXERCISES:
        entry = entries.get(exercise.key)
        tried = Outcome.NOT_YET if entry and entry["tries"] else Outcome.NOT_ATTEMPTED
        right = Outcome.JUDGED_RIGHT if isinstance(exercise, Reflection) else Outcome.RIGHT
        outcome = right if entry and entry["right"] else tried
        code = exercise if isinstance(exercise, CodeExercise) else None
        minutes, extra = (code.minutes, code.extra) if code else (0, False)
        standings.append(Standing(exercise.name, outcome, minutes, extra))
    return LessonStanding(lesson.NUMBER, lesson.TITLE, tuple(standings))


def everything() -> Board:
    """The progress in the whole course."""
    return Board(
        tuple(summary(import_module(f"omni_lib.course.lessons.{name}")) for name in LESSONS.values())
    )


def reset(number: str) -> str:
    """Forget the progress in one lesson, by its number: "03". The notebooks stay as they are.

    Raises:
        UserError: `number` is not the number of a lesson.
    """
    numbers = [name[:2] for name in LESSONS]
    if number not in numbers:
        raise UserError(f"there is no lesson {number!r}: it is one of {', '.join(numbers)}")
    Progress.mine().reset(number)
    return f"Lesson {number} is reset: none of its exercises counts as tried."
