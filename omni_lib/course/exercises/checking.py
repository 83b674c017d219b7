"""Exercises and how an answer is judged: not attempted, not yet or right, with a message that helps.

    from omni_lib.course.lessons import mel_features as lesson

    lesson.hertz_to_mel.check(hertz_to_mel)    # your function
    lesson.hertz_to_mel.hint()                 # one more hint each time
    lesson.hertz_to_mel.solution()

A notebook shows an exercise, and every verdict on it, as a card with buttons for these three (`card`).

A check calls the function with fixed inputs, easy ones first, and compares the results with a reference from
torch or from this library. It uses nothing else from the notebook, not even torch's settings there
(`torch_settings`). The outcome is kept in one file in the learner's home (`progress`).
"""

from __future__ import annotations

import functools
import inspect
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch

from omni_lib.course.exercises.answers import self_contained
from omni_lib.course.exercises.card import CardOf, Face
from omni_lib.course.exercises.comparison import Comparison
from omni_lib.course.exercises.kept_values import KeptValues
from omni_lib.course.exercises.notebook_source import CannotKeep
from omni_lib.course.exercises.progress import Progress
from omni_lib.course.exercises.sandbox import Attempt, NotAttempted, NotYet, TooSlow
from omni_lib.course.exercises.torch_settings import settings_of_torch
from omni_lib.course.exercises.verdict import Mimebundle, Note, Outcome, Verdict
from omni_lib.errors import UserError


@dataclass(frozen=True, repr=False)
class Exercise(ABC):
    """The base of code exercises and questions. A notebook shows it as a card, a terminal as text.

    `key` is unique in the course and begins with the number of the lesson: "01.hertz_to_mel". Each of
    `hints` says more than the one before it.
    """

    key: str
    hints: tuple[str, ...] = field(kw_only=True)

    @property
    def name(self) -> str:
        """The name in the lesson's module: the key without the number of the lesson."""
        return self.key.split(".", 1)[1]

    @property
    @abstractmethod
    def blank(self) -> str:
        """The message for somebody who has not answered yet: what there is to do."""

    @property
    @abstractmethod
    def face(self) -> Face:
        """What the card shows before an answer is given."""

    @abstractmethod
    def examine(self, answer: Any) -> str:
        """The message for a right answer, which also explains it.

        Raises:
            NotAttempted, NotYet: the answer is not right.
        """

    @abstractmethod
    def solution(self) -> Note:
        """A right answer, and why it is right."""

    def written(self, answer: Any) -> str | None:
        """The answer as the learner's progress keeps it; None for one that is not kept."""
        return None

    def kept(self, answer: Any) -> dict[str, str]:
        """Of a right answer, what a training with the learner's own parts needs (`Progress.add_try`)."""
        return {}

    def reply_to(self, answer: Any = ...) -> Verdict:
        """The verdict on an answer. It is not saved, and does not count as the learner's."""
        try:
            return Verdict(Outcome.RIGHT, self.examine(answer))
        except NotAttempted:
            return Verdict(Outcome.NOT_ATTEMPTED, self.blank)
        except NotYet as found:
            return Verdict(Outcome.NOT_YET, str(found))

    def check(self, answer: Any = ...) -> Verdict:
        """Judge an answer and save the outcome."""
        verdict = self.reply_to(answer)
        if verdict.outcome is not Outcome.NOT_ATTEMPTED:
            right = verdict.outcome is Outcome.RIGHT
            kept = self.kept(answer) if right else {}
            Progress.mine().add_try(self.key, right=right, answer=self.written(answer), **kept)
        return replace(verdict, card=CardOf(self, answer))

    def remembered(self) -> Verdict | None:
        """The verdict on the answer that the learner gave last; None if none is kept."""
        answer = Progress.mine().entry(self.key).get("answer")
        return None if answer is None else self.reply_to(answer)

    def hint(self) -> Note:
        """The hints so far and the next one. Each says more than the one before it."""
        number = min(Progress.mine().add_hint(self.key), len(self.hints))
        hints = enumerate(self.hints[:number], 1)
        return Note("\n\n".join(f"**Hint {place} of {len(self.hints)}.** {hint}" for place, hint in hints))

    def __repr__(self) -> str:
        verdict = self.remembered()
        return self.blank if verdict is None else f"{self.blank}\n{verdict!r}"

    def _repr_mimebundle_(self, **_: Any) -> Mimebundle:
        return CardOf(self).bundle(self.remembered())

    def _ipython_display_(self, **_: Any) -> None:
        CardOf(self).display(self.remembered())


_OURS = "_solution_of_the_course"


def _itself(answer: Any) -> Any:
    return answer


class TrainingPlace(Protocol):
    """A place in the training loop that a right answer can take over: `plug_in.PlugIn`.

    It is a protocol so that this module need not import the trainer.
    """

    def compare_runs(self, exercise: CodeExercise, function: Any) -> Comparison | Verdict:
        """Train some steps with `function` in that place and as many with the library's function."""


@dataclass(frozen=True, repr=False)
class CodeExercise(Exercise):
    """A function or a class to write.

    `judge` calls the learner's function through an `Attempt` and raises NotYet where a result is wrong.
    `solution()` shows the source of `answer`. `plug_in` names the places in the library that a right answer
    can take over for twenty real training steps, and `as_part` turns a right answer into what later exercises
    call, where answers of several kinds are right. An `extra` is not part of the six hours that
    the course takes, and no later exercise depends on it.
    """

    goal: str
    difficulty: int  # 1 (a line) to 5 (think for a while)
    minutes: int  # an estimate
    judge: Callable[[Attempt], None]
    answer: Callable[..., Any]
    praise: str
    plug_in: TrainingPlace | None = None
    extra: bool = False
    as_part: Callable[[Any], Any] = _itself

    @property
    def blank(self) -> str:
        extra = " An extra: leave it for later if time is short." if self.extra else ""
        dots = "●" * self.difficulty + "○" * (5 - self.difficulty)
        return f"{self.goal}\nDifficulty {dots}, about {self.minutes} minutes (an estimate).{extra}"

    @property
    def face(self) -> Face:
        return Face("code", self.blank)

    def examine(self, answer: Any) -> str:
        if is_ours(answer):
            raise NotAttempted
        kept = KeptValues(answer)
        try:
            self._judged(answer)
        except TooSlow:
            raise
        except NotYet as found:
            self._expect_nothing_kept(kept, found)
            raise
        return self.praise

    def _judged(self, answer: Any) -> None:
        try:
            with settings_of_torch(), torch.random.fork_rng(devices=[]):
                self.judge(Attempt(answer))
        except (NotAttempted, NotYet):
            raise
        except Exception as error:  # the judge cannot work with the value that the function returned
            found = f"{type(error).__name__}: {error}"
            raise NotYet(
                f"what your function returns cannot be compared ({found}): does it have the right type?"
            ) from error

    def _expect_nothing_kept(self, kept: KeptValues, found: NotYet) -> None:
        """Raise another reply than `found` if the mistake is that one call finds what another has left."""
        if not (names := kept.changed):
            return
        with kept.put_back():
            if not any(self._differs(function, found) for function in kept.made_anew()):
                return
        raise NotYet(
            f"each call of your function finds in `{names[0]}` what the calls before it have left there. A "
            "default value is made once, and a variable outside the function is one for all calls: make it "
            "inside the function, anew in each call"
        ) from found

    def _differs(self, answer: Any, found: NotYet) -> bool:
        """Whether this answer gets another reply than `found`."""
        try:
            self._judged(answer)
        except NotAttempted:
            return False
        except NotYet as again:
            return str(again) != str(found)
        return True

    def kept(self, answer: Any) -> dict[str, str]:
        if self.plug_in is None:
            return {}
        try:
            return {"source": self_contained(answer)}
        except CannotKeep as reason:
            return {"unkept": str(reason)}

    def solution(self) -> Note:
        """One way to write the function. A right answer may differ from it."""
        return Note(f"```python\n{source_of(self.answer)}\n```")

    def or_ours(self, answer: Any) -> Any:
        """`answer` if it is right, and our solution if not: what later exercises build upon.

        Our solution is marked. A notebook gives it the name of the learner's function, and a check of that
        name must not count it as the learner's.
        """
        right = self.reply_to(answer).outcome is Outcome.RIGHT
        return self.as_part(answer) if right else marked_as_ours(self.as_part(self.answer))

    def try_in_training(self, function: Any) -> Comparison | Verdict:
        """Compare twenty real training steps with `function` in the library's place with twenty without it.

        A function that is blank or not right yet gets its verdict instead.

        Raises:
            UserError: the exercise has no place in the training loop.
        """
        if self.plug_in is None:
            raise UserError(
                f"{self.key} has no place in the training loop: `check` is all that this exercise offers"
            )
        return self.plug_in.compare_runs(self, function)


def marked_as_ours(answer: Any) -> Any:
    """A function that calls `answer`, or a subclass of it, of the same name and with a mark."""
    if isinstance(answer, type):
        found = ("__doc__", "__module__", "__firstlineno__")  # so that `inspect` finds the source
        kept = {name: vars(answer)[name] for name in found if name in vars(answer)}
        return type(answer.__name__, (answer,), {**kept, _OURS: True})

    @functools.wraps(answer, assigned=("__name__", "__doc__"))  # and not where it was defined
    def ours(*arguments: Any, **named: Any) -> Any:
        return answer(*arguments, **named)

    setattr(ours, _OURS, True)
    return ours


def is_ours(answer: Any) -> bool:
    """Whether `or_ours` has put our solution in the place of the learner's function or class."""
    return _OURS in getattr(answer, "__dict__", {})


def source_of(function: Callable[..., Any]) -> str:
    """The source of a function of the library, without indentation and trailing newline."""
    return textwrap.dedent(inspect.getsource(function)).rstrip()
