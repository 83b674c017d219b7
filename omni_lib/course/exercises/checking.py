"""Exercises that answer back: not attempted, not yet, or right, and in words that help.

    from omni_lib.course.lessons import mel_features as lesson

    lesson.hertz_to_mel.check(hertz_to_mel)    # your function
    lesson.hertz_to_mel.hint()                 # one more hint each time
    lesson.hertz_to_mel.solution()

A check never sees a name of yours but the function it is given, calls it with seeded inputs, easy ones first, and compares with
a reference of torch or of this library. How far you are is kept in one file of yours (`progress`), and nowhere else.
"""

from __future__ import annotations

import inspect
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from omni_lib.course.exercises.comparison import Comparison
from omni_lib.course.exercises.progress import Progress
from omni_lib.course.exercises.sandbox import Attempt, NotAttempted, NotYet, described, shown
from omni_lib.course.exercises.verdict import Note, Outcome, Verdict
from omni_lib.errors import UserError


@dataclass(frozen=True)
class Exercise(ABC):
    """What a code exercise and a question have in common.

    `key` is unique in the course and begins with the lesson's number: "01.hertz_to_mel".
    """

    key: str

    @property
    @abstractmethod
    def blank(self) -> str:
        """What is said to somebody who has not answered."""

    @abstractmethod
    def examine(self, answer: Any) -> str:
        """A word of praise, which explains, for a right answer.

        Raises:
            NotAttempted, NotYet: it is not right.
        """

    def check(self, answer: Any = ...) -> Verdict:
        """Judge an answer, and remember the outcome."""
        try:
            verdict = Verdict(Outcome.RIGHT, self.examine(answer))
        except NotAttempted:
            return Verdict(Outcome.NOT_ATTEMPTED, self.blank)
        except NotYet as found:
            verdict = Verdict(Outcome.NOT_YET, str(found))
        Progress.mine().record(self.key, right=verdict.outcome is Outcome.RIGHT)
        return verdict


class TrainingPlace(Protocol):
    """A place in the training loop that a right answer can take over; `plug_in.PlugIn` is the one there is."""

    def train_with(self, exercise: CodeExercise, function: Any) -> Comparison | Verdict:
        """Train some steps with `function` in that place and as many without it."""


@dataclass(frozen=True)
class CodeExercise(Exercise):
    """A function to write.

    `judge` is given an `Attempt` and raises NotYet; `answer` is our solution, whose source `solution()` shows. `plug_in` names the place
    in the library that a right answer can take over for twenty real training steps. An `extra` is beyond the way of about five hours
    through the course: nothing that follows leans on having done it.
    """

    goal: str
    difficulty: int  # 1 (a line) to 5 (think for a while)
    minutes: int  # an estimate
    judge: Callable[[Attempt], None]
    answer: Callable[..., Any]
    hints: tuple[str, ...]
    praise: str
    plug_in: TrainingPlace | None = None
    extra: bool = False

    @property
    def blank(self) -> str:
        extra = " An extra: leave it for later if time is short." if self.extra else ""
        dots = "●" * self.difficulty + "○" * (5 - self.difficulty)
        return f"{self.goal}\nDifficulty {dots}, about {self.minutes} minutes (an estimate).{extra}"

    def examine(self, answer: Any) -> str:
        attempt = Attempt(answer)
        try:
            self.judge(attempt)
        except (NotAttempted, NotYet):
            raise
        except (
            Exception
        ) as error:  # what the learner's function returns is so odd that the judge stumbles over it
            found = f"{type(error).__name__}: {error}"
            raise NotYet(
                f"what your function returns cannot be compared ({found}): is it of the type that is asked for?"
            ) from error
        return self.praise

    def hint(self) -> Note:
        """The next hint, more telling each time."""
        number = min(Progress.mine().one_more_hint(self.key), len(self.hints))
        return Note(
            "\n\n".join(
                f"**Hint {place} of {len(self.hints)}.** {hint}"
                for place, hint in enumerate(self.hints[:number], 1)
            )
        )

    def solution(self) -> Note:
        """A way to write it; yours may differ."""
        return Note(f"```python\n{source_of(self.answer)}\n```")

    def try_in_training(self, function: Any) -> Comparison | Verdict:
        """Run twenty real training steps with `function` in the library's place, beside twenty without it.

        A function that is blank or not right yet gets its verdict instead.

        Raises:
            UserError: there is no such place for this exercise.
        """
        if self.plug_in is None:
            raise UserError(
                f"{self.key} has no place in the training loop: try_in_training is for exercises that have one"
            )
        return self.plug_in.train_with(self, function)


def source_of(function: Callable[..., Any]) -> str:
    """The source of a function of the library, dedented, without a trailing newline."""
    return textwrap.dedent(inspect.getsource(function)).rstrip()


def require(holds: bool, message: str) -> None:
    """Raise NotYet with `message` unless `holds`."""
    if not holds:
        raise NotYet(message)


def expect_equal(attempt: Attempt, arguments: tuple[Any, ...], expected: Any, why: str = "") -> None:
    """The answer for `arguments` must equal a plain value: a number, a text, a list of those (a tuple or 1-D tensor will do)."""
    got = attempt(*arguments)
    if isinstance(got, (Tensor, np.ndarray, np.generic)):
        got = got.tolist()
    plain = list(got) if isinstance(got, tuple) else got
    if (
        isinstance(expected, (int, float))
        and not isinstance(expected, bool)
        and not isinstance(plain, (int, float))
    ):
        raise NotYet(
            f"called with {shown(arguments)}, your function returns {described(got)}; a number is wanted"
        )
    if plain != (list(expected) if isinstance(expected, tuple) else expected):
        found = f"called with {shown(arguments)}, your function returns {described_value(got)}"
        raise NotYet(f"{found}, and it should be {expected!r}. {why}".strip())


def described_value(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else described(value)


def expect_close(
    attempt: Attempt,
    arguments: tuple[Any, ...],
    expected: Tensor | float,
    why: str = "",
    axes: str = "",
    tolerance: float | None = None,
) -> Tensor:
    """The answer for `arguments` must be a tensor (array, number, list) near `expected`; it is returned, in float64.

    Args:
        axes: names of the axes of `expected`, such as "B T D", to say which are exchanged or missing.
        tolerance: relative to the largest value; by default what the answer's precision allows.
    """
    got, wanted = attempt(*arguments), torch.as_tensor(expected).detach().double()
    try:
        tensor = torch.as_tensor(got).detach()
    except (TypeError, ValueError, RuntimeError):
        raise NotYet(
            f"your function returns {described(got)}; a tensor of shape {tuple(wanted.shape)} is wanted"
        ) from None
    if tensor.is_complex():
        raise NotYet("your function returns complex numbers; their size (`.abs()`) or its square is wanted")
    if tuple(tensor.shape) != tuple(wanted.shape):
        raise NotYet(_shape_message(tuple(tensor.shape), tuple(wanted.shape), axes))
    if tolerance is None:
        tolerance = 1e-3 if tensor.dtype in (torch.float16, torch.bfloat16) else 1e-4
    close, value = (
        torch.isclose(
            tensor.double(), wanted, rtol=tolerance, atol=tolerance * _scale(wanted), equal_nan=True
        ),
        tensor.double(),
    )
    if not bool(close.all()):
        raise NotYet(f"called with {shown(arguments)}: {_value_message(value, wanted, close)} {why}".strip())
    return value


def _scale(wanted: Tensor) -> float:
    finite = wanted[wanted.isfinite()]
    return float(finite.abs().max()) if finite.numel() else 1.0


def _shape_message(got: tuple[int, ...], wanted: tuple[int, ...], axes: str) -> str:
    names = axes.split()
    label = f" = ({', '.join(names)})" if names else ""
    message = f"your function returns shape {got}; shape {wanted}{label} is wanted"
    if sorted(got) == sorted(wanted):
        where = f": {names[-1]} comes last here" if names else ""
        return f"{message}. The axes are in another order{where} (`transpose`, `permute`)"
    if len(got) == len(wanted) - 1:
        return f"{message}. An axis is missing (did a sum or a mean swallow it? `keepdim=True`, `[None]`)"
    if len(got) == len(wanted) + 1:
        return f"{message}. There is one axis too many (`squeeze`, or an index)"
    return message


def _value_message(got: Tensor, wanted: Tensor, close: Tensor) -> str:
    if bool(got.isnan().any()) and not bool(wanted.isnan().any()):
        return f"{int(got.isnan().sum())} of {got.numel()} values are NaN (0 / 0, log of a negative number, or inf - inf?)."
    if got.ndim == 0:
        return f"your function returns {float(got):.6g}, and it should be {float(wanted):.6g}."
    first = tuple(int(i) for i in (~close).nonzero()[0])
    place = f"at index {first if len(first) > 1 else first[0]} it is {float(got[first]):.6g} and should be {float(wanted[first]):.6g}"
    message = f"{int((~close).sum())} of {got.numel()} values differ; {place}."
    both = got[(wanted != 0) & wanted.isfinite()] / wanted[(wanted != 0) & wanted.isfinite()]
    if (
        both.numel() > 1
        and torch.allclose(both, both[0].expand_as(both), rtol=1e-3)
        and not 0.999 < float(both[0]) < 1.001
    ):
        message += f" Every value is {float(both[0]):.4g} times what it should be."
    return message
