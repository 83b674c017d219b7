"""Questions: choose an option, give a number, or write an answer and compare it with ours.

A usual mistake gets its own reply, which says what it overlooks.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from omni_lib.course.exercises.card import CardOf, Face
from omni_lib.course.exercises.checking import Exercise
from omni_lib.course.exercises.progress import Progress
from omni_lib.course.exercises.readings import Reading, read
from omni_lib.course.exercises.sandbox import NotAttempted, NotYet, described
from omni_lib.course.exercises.verdict import Note, Outcome, Verdict


def is_blank(answer: Any) -> bool:
    """Whether nothing was answered: `...`, None or an empty text."""
    return answer is ... or answer is None or isinstance(answer, str) and not answer.strip()


def _plain(text: str) -> str:
    """A text in lower case, without quotes around it and a full stop at its end."""
    return " ".join(text.lower().split()).strip("'\"` .")


def _single(answer: Any) -> Any:
    """An answer without a list or tuple around it, if that holds nothing else."""
    return answer[0] if isinstance(answer, (list, tuple)) and len(answer) == 1 else answer


# What people write before the letter of an option.
_SAID = (
    r"(?:=|(?:(?:the|my) )?(?:option|answer|letter|choice)(?: is)?|it is|it's|"
    r"i(?:'d| would|'ll| will)? (?:choose|take|think|say|pick|guess|go (?:for|with)))"
)


@dataclass(frozen=True, repr=False)
class Choice(Exercise):
    """A choice of one option by its letter. Every option has its own reply."""

    prompt: str
    options: dict[str, str]  # letter -> text
    right: str
    replies: dict[str, str]  # letter -> why it is right, or what it overlooks

    @property
    def blank(self) -> str:
        listed = "\n".join(f"  {letter})  {option}" for letter, option in self.options.items())
        return f"{self.prompt}\n{listed}\nAnswer with a letter: .check('{next(iter(self.options))}')"

    @property
    def face(self) -> Face:
        return Face("choice", self.prompt, options=self.options)

    def examine(self, answer: Any) -> str:
        if is_blank(answer):
            raise NotAttempted
        letter = self.written(answer)
        if letter is None:
            raise NotYet(
                f"answer with one of the letters {', '.join(self.options)}; this is {described(answer)}"
            )
        if letter != self.right:
            raise NotYet(self.replies[letter])
        return self.replies[letter]

    def written(self, answer: Any) -> str | None:
        """The letter of an option, however it is written: " B ", "(b)", "the answer is b", "b) hello"."""
        answer = _single(answer)
        text = _plain(answer) if isinstance(answer, str) else ""
        options = {letter: _plain(option) for letter, option in self.options.items()}
        for letter, option in options.items():
            if len(option) > 1 and text == option:
                return letter
        found = re.fullmatch(
            rf"(?:{_SAID}[\s:=]*)*[(\[*]*([a-z])[)\]*]*!?\s*(?:,? because .*|is (?:right|correct|true)|"
            r"[).:,–-]+\s*(.*))?",
            text,
        )
        letter, rest = (found[1], found[2] or "") if found else ("", "")
        return letter if letter in options and options[letter].startswith(rest) else None

    def solution(self) -> Note:
        return Note(f"**{self.right})** {self.options[self.right]}\n\n{self.replies[self.right]}")


@dataclass(frozen=True, repr=False)
class Number(Exercise):
    """A number within a tolerance, with its unit or without it.

    In percent, "50%", 50 and the fraction 0.5 are the same answer.
    """

    prompt: str
    right: float
    tolerance: float  # absolute
    praise: str
    slips: tuple[tuple[float, str], ...] = ()  # (result of a usual mistake, what to say)
    unit: str = ""

    @property
    def blank(self) -> str:
        return f"{self.prompt}\nAnswer with a number: .check(…)"

    @property
    def face(self) -> Face:
        return Face("number", self.prompt, unit=self.unit)

    def examine(self, answer: Any) -> str:
        if is_blank(answer):
            raise NotAttempted
        try:
            found = self._read(answer)
        except (TypeError, ValueError, ArithmeticError, RuntimeError):  # the last: a tensor of several values
            raise NotYet(f"a number is wanted here, and nothing else; this is {described(answer)}") from None
        number = found.values[0]
        if not math.isfinite(number):
            raise NotYet(f"{number} is not a finite number")
        if any(abs(value - self.right) <= self.tolerance for value in found.values):
            if not found.unit_fits:
                raise NotYet(f"the number is right, but not what stands behind it; the unit is {self.unit}")
            return self.praise
        readings = [*found.values, *found.doubtful]
        nearest = sorted(self.slips, key=lambda each: min(abs(each[0] - reading) for reading in readings))
        for slip, message in nearest:
            near = max(self.tolerance, 1e-9 * abs(slip))
            short, shorter = (float(f"{slip:.{digits}g}") for digits in (3, 2))
            rounded = [] if short == slip else [short, shorter] if abs(slip) < 100 else [short]
            if any(abs(reading - slip) <= near or reading in rounded for reading in readings):
                raise NotYet(message)
        if (
            self.unit == "%"
            and len(readings) > 1
            and number < self.right < readings[1]
            and number < 0.1 * self.right
        ):
            raise NotYet(f"{number:g}% is too low, and as a fraction, {100 * number:g}%, it is too high")
        raise NotYet(f"{number:g} is too {'high' if number > self.right else 'low'}")

    def written(self, answer: Any) -> str | None:
        """The number as text, if it is a finite one."""
        try:
            number = self._read(answer).values[0]
        except (TypeError, ValueError, ArithmeticError, RuntimeError):
            return None
        if not math.isfinite(number):
            return None
        return answer.strip() if isinstance(answer, str) else f"{number:.10g}"

    def _read(self, answer: Any) -> Reading:
        """What an answer can mean: in percent, a number without a percent sign may be a fraction."""
        if isinstance(answer, bool):
            raise TypeError(answer)
        if isinstance(answer, np.ndarray) and answer.size == 1:
            answer = answer.item()
        found = read(answer, self.unit, self.prompt) if isinstance(answer, str) else Reading((float(answer),))
        if found.doubtful and (self.right % 1 or self.right >= 1000):  # "2,257" for 2.257, "2.304" for 2304
            found = replace(found, values=(*found.doubtful, *found.values), doubtful=())
        if self.unit == "%" and not found.percent:
            found = replace(found, values=(*found.values, 100 * found.values[0]))
        return found

    def solution(self) -> Note:
        number = f"{round(self.right, 3):,.10g}"
        unit = self.unit if self.unit == "%" else f" {self.unit}".rstrip()
        return Note(f"**{number}{unit}**\n\n{self.praise}")


@dataclass(frozen=True, repr=False)
class Reflection(Exercise):
    """A question with an answer in words, which the learner compares with ours.

    No program judges the words. `check` shows our answer and its points, `judge` takes which of them the
    learner's answer had; all of them count as right, and the board marks it as judged by the learner.
    """

    prompt: str
    model: str  # our answer
    points: tuple[str, ...]  # two to four: what an answer should say

    @property
    def blank(self) -> str:
        return f"{self.prompt}\nAnswer in a sentence or two, then compare: .check('…')"

    @property
    def face(self) -> Face:
        return Face("text", self.prompt, points=self.points, model=self.model)

    def examine(self, answer: Any) -> str:
        """Our answer with its points, for whoever has written one.

        Raises:
            NotAttempted: nothing is written.
            NotYet: it is not a text.
        """
        if is_blank(answer):
            raise NotAttempted
        if not isinstance(answer, str):
            raise NotYet(f"a sentence in quotes is wanted here; this is {described(answer)}")
        points = "\n".join(f"  {number}. {point}" for number, point in enumerate(self.points, 1))
        ticks = ", ".join(["True"] * len(self.points))
        return f"Our answer: {self.model}\nIts points:\n{points}\nWhich of them has yours? .judge({ticks})"

    def reply_to(self, answer: Any = ...) -> Verdict:
        verdict = super().reply_to(answer)
        return replace(verdict, outcome=Outcome.COMPARE) if verdict.outcome is Outcome.RIGHT else verdict

    def written(self, answer: Any) -> str | None:
        return answer.strip() if isinstance(answer, str) else None

    def judge(self, *ticks: bool) -> Verdict:
        """Judge the answer that was given last: for each point in turn, whether the answer has it."""
        card = CardOf(self)
        if "answer" not in Progress.mine().entry(self.key):
            return Verdict(Outcome.NOT_ATTEMPTED, self.blank, card)
        if len(ticks) != len(self.points):
            return Verdict(Outcome.NOT_YET, f"there are {len(self.points)} points, each True or False", card)
        Progress.mine().add_ticks(self.key, [bool(tick) for tick in ticks])
        return replace(self._judged(ticks), card=card)

    def remembered(self) -> Verdict | None:
        ticks = Progress.mine().entry(self.key).get("ticks", [])
        return self._judged(ticks) if len(ticks) == len(self.points) else super().remembered()

    def _judged(self, ticks: Any) -> Verdict:
        missing = [point for point, tick in zip(self.points, ticks, strict=True) if not tick]
        if not missing:
            return Verdict(Outcome.JUDGED_RIGHT, "Your answer has all the points of ours.")
        found = f"{len(ticks) - len(missing)} of {len(ticks)} points"
        return Verdict(Outcome.NOT_YET, f"{found}. Add to your answer: {'; '.join(missing)}.")

    def solution(self) -> Note:
        return Note("\n\n".join([self.model, *(f"{n}. {point}" for n, point in enumerate(self.points, 1))]))
