"""Questions: choose an option, give a number, or write a sentence.

A usual mistake gets its own reply, which says what it overlooks.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from omni_lib.course.exercises.checking import Exercise
from omni_lib.course.exercises.sandbox import NotAttempted, NotYet, described


@dataclass(frozen=True)
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

    def examine(self, answer: Any) -> str:
        if answer is ... or answer is None:
            raise NotAttempted
        letter = answer.strip().lower() if isinstance(answer, str) else ""
        if letter not in self.options:
            raise NotYet(
                f"answer with one of the letters {', '.join(self.options)}; this is {described(answer)}"
            )
        if letter != self.right:
            raise NotYet(self.replies[letter])
        return self.replies[letter]


@dataclass(frozen=True)
class Number(Exercise):
    """A number within a tolerance."""

    prompt: str
    right: float
    tolerance: float  # absolute
    praise: str
    slips: tuple[tuple[float, str], ...] = ()  # (result of a usual mistake, what to say)

    @property
    def blank(self) -> str:
        return f"{self.prompt}\nAnswer with a number: .check(…)"

    def examine(self, answer: Any) -> str:
        if answer is ... or answer is None:
            raise NotAttempted
        try:
            number = float(answer)
        except (TypeError, ValueError, OverflowError, RuntimeError):  # the last: a tensor of several values
            raise NotYet(f"a number is wanted here; this is {described(answer)}") from None
        if not math.isfinite(number):
            raise NotYet(f"{number} is not a finite number")
        if abs(number - self.right) <= self.tolerance:
            return self.praise
        for slip, message in self.slips:
            if abs(number - slip) <= max(self.tolerance, 1e-9 * abs(slip)):
                raise NotYet(message)
        raise NotYet(f"{number:g} is too {'high' if number > self.right else 'low'}")


@dataclass(frozen=True)
class ShortText(Exercise):
    """A sentence that must mention certain things. `model` is shown once it does.

    Patterns are regular expressions; case is ignored.
    """

    prompt: str
    mentions: tuple[tuple[str, str], ...]  # (pattern, what to say where it is missing)
    model: str
    contradictions: tuple[tuple[str, str], ...] = ()  # (pattern, what to say where it is found)

    @property
    def blank(self) -> str:
        return f"{self.prompt}\nAnswer with a sentence: .check('…')"

    def examine(self, answer: Any) -> str:
        if answer is ... or answer is None or isinstance(answer, str) and not answer.strip():
            raise NotAttempted
        if not isinstance(answer, str):
            raise NotYet(f"a sentence in quotes is wanted here; this is {described(answer)}")
        for pattern, message in self.contradictions:
            if re.search(pattern, answer, re.IGNORECASE):
                raise NotYet(message)
        for pattern, message in self.mentions:
            if not re.search(pattern, answer, re.IGNORECASE):
                raise NotYet(message)
        return f"It mentions what matters. In our words: {self.model}"
