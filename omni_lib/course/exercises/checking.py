"""Exercises and how an answer is judged: not attempted, not yet or right, with a message that helps.

    from omni_lib.course.lessons import mel_features as lesson

    lesson.hertz_to_mel.check(hertz_to_mel)    # your function
    lesson.hertz_to_mel.hint()                 # one more hint each time
    lesson.hertz_to_mel.solution()

A check calls the function with fixed inputs, easy ones first, and compares the results with a reference from
torch or from this library. It uses nothing else from the notebook. The outcome is kept in one file in the
learner's home (`progress`).
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
from omni_lib.course.exercises.sandbox import Attempt, NotAttempted, NotYet, as_written, described
from omni_lib.course.exercises.verdict import Note, Outcome, Verdict
from omni_lib.errors import UserError


@dataclass(frozen=True)
class Exercise(ABC):
    """The base of code exercises and questions.

    `key` is unique in the course and begins with the number of the lesson: "01.hertz_to_mel".
    """

    key: str

    @property
    @abstractmethod
    def blank(self) -> str:
        """The message for somebody who has not answered yet: what there is to do."""

    @abstractmethod
    def examine(self, answer: Any) -> str:
        """The message for a right answer, which also explains it.

        Raises:
            NotAttempted, NotYet: the answer is not right.
        """

    def check(self, answer: Any = ...) -> Verdict:
        """Judge an answer and save the outcome."""
        try:
            verdict = Verdict(Outcome.RIGHT, self.examine(answer))
        except NotAttempted:
            return Verdict(Outcome.NOT_ATTEMPTED, self.blank)
        except NotYet as found:
            verdict = Verdict(Outcome.NOT_YET, str(found))
        Progress.mine().add_try(self.key, right=verdict.outcome is Outcome.RIGHT)
        return verdict


class TrainingPlace(Protocol):
    """A place in the training loop that a right answer can take over: `plug_in.PlugIn`.

    It is a protocol so that this module need not import the trainer.
    """

    def compare_runs(self, exercise: CodeExercise, function: Any) -> Comparison | Verdict:
        """Train some steps with `function` in that place and as many with the library's function."""


@dataclass(frozen=True)
class CodeExercise(Exercise):
    """A function to write.

    `judge` calls the learner's function through an `Attempt` and raises NotYet where a result is wrong.
    `solution()` shows the source of `answer`. `plug_in` names the places in the library that a right answer
    can take over for twenty real training steps. An `extra` is not part of the five hours that the course
    takes, and no later exercise depends on it.
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
        except Exception as error:  # the judge cannot work with the value that the function returned
            found = f"{type(error).__name__}: {error}"
            raise NotYet(
                f"what your function returns cannot be compared ({found}): does it have the right type?"
            ) from error
        return self.praise

    def hint(self) -> Note:
        """The hints so far and the next one. Each says more than the one before it."""
        number = min(Progress.mine().add_hint(self.key), len(self.hints))
        hints = enumerate(self.hints[:number], 1)
        return Note("\n\n".join(f"**Hint {place} of {len(self.hints)}.** {hint}" for place, hint in hints))

    def solution(self) -> Note:
        """One way to write the function. A right answer may differ from it."""
        return Note(f"```python\n{source_of(self.answer)}\n```")

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


def source_of(function: Callable[..., Any]) -> str:
    """The source of a function of the library, without indentation and trailing newline."""
    return textwrap.dedent(inspect.getsource(function)).rstrip()


def require(holds: bool, message: str) -> None:
    """Raise NotYet with `message` unless `holds`."""
    if not holds:
        raise NotYet(message)


def expect_equal(attempt: Attempt, arguments: tuple[Any, ...], expected: Any, why: str = "") -> None:
    """The answer for `arguments` must equal a plain value: a number, a text, or a list of those.

    Where a list is expected, a tuple or a 1-D tensor is right too.

    Raises:
        NotYet: it differs, which the message explains with `why`.
    """
    got = attempt(*arguments)
    if isinstance(got, (Tensor, np.ndarray, np.generic)):
        got = got.tolist()
    plain = list(got) if isinstance(got, tuple) else got
    called = f"called with {as_written(arguments)}, your function returns"
    number_wanted = isinstance(expected, (int, float)) and not isinstance(expected, bool)
    if number_wanted and not isinstance(plain, (int, float)):
        raise NotYet(f"{called} {described(got)}; a number is wanted")
    if plain != (list(expected) if isinstance(expected, tuple) else expected):
        raise NotYet(f"{called} {quoted(got)}, and it should be {expected!r}. {why}".strip())


def quoted(value: Any) -> str:
    """A value as Python writes it, or in words where that is too long."""
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
    """The answer for `arguments` must be a tensor (or array, number, list) close to `expected`.

    Args:
        why: what a message about wrong values ends with.
        axes: names of the axes of `expected`, such as "B T D", for messages about wrong shapes.
        tolerance: relative to the largest value; by default as the answer's precision allows.

    Returns:
        The answer, in float64.

    Raises:
        NotYet: its type, shape or values are wrong.
    """
    got, wanted = attempt(*arguments), torch.as_tensor(expected).detach().double()
    try:
        tensor = torch.as_tensor(got).detach()
    except (TypeError, ValueError, RuntimeError):
        raise NotYet(
            f"your function returns {described(got)}; a tensor of shape {tuple(wanted.shape)} is wanted"
        ) from None
    if tensor.is_complex():
        raise NotYet(
            "your function returns complex numbers; their magnitude (`.abs()`) or its square is wanted"
        )
    if tuple(tensor.shape) != tuple(wanted.shape):
        raise NotYet(_shape_message(tuple(tensor.shape), tuple(wanted.shape), axes))
    if tolerance is None:
        tolerance = 1e-3 if tensor.dtype in (torch.float16, torch.bfloat16) else 1e-4
    value = tensor.double()
    close = torch.isclose(value, wanted, rtol=tolerance, atol=tolerance * _scale(wanted), equal_nan=True)
    if not bool(close.all()):
        called = f"called with {as_written(arguments)}"
        raise NotYet(f"{called}: {_value_message(value, wanted, close)} {why}".strip())
    return value


def _scale(wanted: Tensor) -> float:
    """The largest finite magnitude, or 1 where nothing is finite."""
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
        return f"{message}. An axis is missing (did a sum or a mean remove it? `keepdim=True`, `[None]`)"
    if len(got) == len(wanted) + 1:
        return f"{message}. There is one axis too many (`squeeze`, or an index)"
    return message


def _value_message(got: Tensor, wanted: Tensor, close: Tensor) -> str:
    if bool(got.isnan().any()) and not bool(wanted.isnan().any()):
        nans = f"{int(got.isnan().sum())} of {got.numel()} values are NaN"
        return f"{nans} (0 / 0, log of a negative number, or inf - inf?)."
    if got.ndim == 0:
        return f"your function returns {float(got):.6g}, and it should be {float(wanted):.6g}."
    first = tuple(int(i) for i in (~close).nonzero()[0])
    index = first if len(first) > 1 else first[0]
    example = f"at index {index} it is {float(got[first]):.6g} and should be {float(wanted[first]):.6g}"
    message = f"{int((~close).sum())} of {got.numel()} values differ; {example}."
    nonzero = (wanted != 0) & wanted.isfinite()
    ratios = got[nonzero] / wanted[nonzero]
    constant = ratios.numel() > 1 and torch.allclose(ratios, ratios[0].expand_as(ratios), rtol=1e-3)
    if constant and not 0.999 < float(ratios[0]) < 1.001:
        message += f" Every value is {float(ratios[0]):.4g} times what it should be."
    return message
