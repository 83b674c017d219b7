"""Questions: choose an option, give a number, or write an answer and compare it with ours.

A usual mistake gets its own reply, which says what it overlooks.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from omni_lib.course.exercises.card import CardOf, Face
from omni_lib.course.exercises.checking import Exercise
from omni_lib.course.exercises.progress import Progress
from omni_lib.course.exercises.sandbox import NotAttempted, NotYet, described
from omni_lib.course.exercises.verdict import Note, Outcome, Verdict

_COMMA = re.compile(r"(?<=\d),(?=\d{1,2}(?!\d))")  # of 0,5 or 2,26; three digits behind it are thousands
_THOUSANDS = re.compile(r"(?<=\d)[,\s](?=\d{3}(?!\d))")  # the comma of 62,500, the space of 62 500
_THREE_DECIMALS = re.compile(
    r"(?<=\d),(?=\d{3}\D*$)"
)  # the comma of 13,816, if a decimal fraction is asked for
_HOURS = re.compile(r"(\d+)\s*h(?:ours?)?\s*(\d+)\s*m(?:in(?:utes?)?)?", re.IGNORECASE)  # 2h 15m
_SPELLINGS = {"Hz": ("hertz",), "h": ("hours", "hour"), "times": ("x",)}  # other ways to write a unit


def is_blank(answer: Any) -> bool:
    """Whether nothing was answered: `...`, None or an empty text."""
    return answer is ... or answer is None or isinstance(answer, str) and not answer.strip()


def _plain(answer: str) -> str:
    """An answer with a hyphen as its minus sign and "%" for "percent", so that "− 5 percent" is "-5 %"."""
    text = re.sub(r"^[-−–]\s*", "-", answer.strip())
    return re.sub(r"\s*per\s?cent$", "%", text, flags=re.IGNORECASE)


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
        """The letter of an option, however it is written: "b", " B ", "b)", "(b)", "b."."""
        letter = answer.strip().strip("().").strip().lower() if isinstance(answer, str) else ""
        return letter if letter in self.options else None

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
            readings = self._readings(answer)
        except (TypeError, ValueError, ArithmeticError, RuntimeError):  # the last: a tensor of several values
            raise NotYet(f"a number is wanted here, and nothing else; this is {described(answer)}") from None
        number = readings[0]
        if not math.isfinite(number):
            raise NotYet(f"{number} is not a finite number")
        if any(abs(reading - self.right) <= self.tolerance for reading in readings):
            return self.praise
        nearest = sorted(self.slips, key=lambda each: min(abs(each[0] - reading) for reading in readings))
        for slip, message in nearest:
            near = max(self.tolerance, 1e-9 * abs(slip))
            short, shorter = (float(f"{slip:.{digits}g}") for digits in (3, 2))
            rounded = [] if short == slip else [short, shorter]
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
            number = self._readings(answer)[0]
        except (TypeError, ValueError, ArithmeticError, RuntimeError):
            return None
        if not math.isfinite(number):
            return None
        return answer.strip() if isinstance(answer, str) else f"{number:.10g}"

    def _readings(self, answer: Any) -> list[float]:
        """The numbers that an answer can mean, the most likely one first."""
        if not isinstance(answer, str):
            number = float(answer)
            return [number, 100 * number] if self.unit == "%" else [number]
        text = _plain(answer)
        readings = [self._value(text)]
        if self.right % 1 and (decimal := _THREE_DECIMALS.sub(".", text)) != text:
            readings.insert(0, self._value(decimal))
        if self.unit == "%" and not text.endswith("%"):
            readings.append(100 * readings[0])  # of a fraction
        return readings

    def _value(self, text: str) -> float:
        """The number in `text`; "50%" is 50 where percent are asked for, and 0.5 elsewhere.

        A fraction ("3/6"), a decimal comma ("2,26") and hours with minutes ("2h 15m") are read, too.
        """
        if self.unit == "h" and (found := _HOURS.fullmatch(text)):
            return int(found[1]) + int(found[2]) / 60
        text = _COMMA.sub(".", _THOUSANDS.sub("", text))
        if text.endswith("%"):
            return float(text.removesuffix("%")) / (1 if self.unit == "%" else 100)
        for unit in (*_SPELLINGS.get(self.unit, ()), self.unit, self.unit.removesuffix("s")):
            if unit and text.lower().endswith(unit.lower()):
                text = text[: -len(unit)]
                break
        return float(Fraction(text)) if "/" in text else float(text)

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
