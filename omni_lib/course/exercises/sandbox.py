"""Calls a learner's function so that its mistakes end in a message and not in a broken notebook.

What it covers:

- Exceptions become a message, including SystemExit and KeyboardInterrupt.
- An endless loop in Python code is interrupted after `SECONDS` of computing, or with the kernel. What other
  programs compute in between does not count, so that a right answer stays right on a busy machine.
- The function gets copies of its arguments, and changes to them are reported.
- What the function prints or displays is not shown, so that it does not mix with the verdict.
- The function finds torch's own settings (`torch_settings`), and what it changes in them does not last.

What it does not cover. This is not a security sandbox: the function is the learner's own code and runs in
their kernel.

- It can use files, the network and every module, with all rights of the learner.
- Changes to global state stay, such as torch's random generator or a patched module.
- A single long call into compiled code (a huge matrix product, `time.sleep`) is interrupted only when it
  returns. Until then its thread goes on in the background, as does one that catches every exception.
- Memory is not limited, and a crash of the interpreter itself (a segmentation fault) ends the kernel.
- Standard output is redirected for the whole process: what other threads print meanwhile is collected too.

The time limit works on every system. The call runs in its own thread, and when time is up an exception is
raised inside that thread. Signals would not work on Windows, and a second process cannot be given a function
defined in a notebook.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import inspect
import io
import math
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from IPython.utils.capture import capture_output

from omni_lib.course.exercises.torch_settings import settings_of_torch

SECONDS = 10.0  # for one call, of computing
BY_THE_CLOCK = 4  # times as long by the clock, for a call that waits, or a machine that is busy
MOST_NUMBERS = 3  # in a message: a learner can compare two or three numbers, not a matrix
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


class NotYet(Exception):
    """An answer is not right yet. The message explains what is wrong in terms of the exercise."""


class TooSlow(NotYet):
    """A call did not finish within its time limit."""


class NotAttempted(Exception):
    """The answer is still the blank that the notebook came with."""


class _TimeUp(BaseException):
    """Raised inside the learner's thread; `except Exception` does not catch it."""


class Attempt:
    """A learner's function, safe to call: `attempt(*arguments)` returns what the function returns.

    Raises:
        NotAttempted: it returns `...` or raises NotImplementedError.
        NotYet: it is not a function, raises, takes too long, changes its arguments, or returns None.
    """

    def __init__(self, function: Any, seconds: float | None = None) -> None:
        if function is ...:
            raise NotAttempted
        if not callable(function):
            raise NotYet(
                "`check` needs your function itself, without brackets after its name; "
                f"it was given {described(function)}"
            )
        self.function = function
        self.seconds = SECONDS if seconds is None else seconds

    def __call__(self, *arguments: Any) -> Any:
        given = copy.deepcopy(arguments)
        result, _ = call(self.function, given, self.seconds, as_written(arguments))
        for place, (before, after) in enumerate(zip(arguments, given, strict=True)):
            if not same_values(before, after):
                raise NotYet(
                    f"your function changes its input{self._named(arguments, place)}. Work on a copy"
                )
        if result is ...:
            raise NotAttempted
        if result is None:
            raise NotYet(
                f"called with {as_written(arguments)}, your function returns None: is the `return` missing?"
            )
        return result

    def _named(self, arguments: tuple[Any, ...], place: int) -> str:
        """The argument at a place by its name; as it is written where it has none or is the only one."""
        if len(arguments) == 1:
            return f" ({as_written(arguments)})"
        # a module is called through a method of torch that takes `*args`
        function = self.function.forward if isinstance(self.function, torch.nn.Module) else self.function
        try:
            return f" `{list(inspect.signature(function).parameters)[place]}`"
        except (TypeError, ValueError, IndexError):  # it takes `*arguments`, or has no signature
            return f" ({as_written(arguments[place : place + 1])})"


def call(
    function: Callable[..., Any], arguments: tuple[Any, ...], seconds: float, example: str
) -> tuple[Any, str]:
    """What `function(*arguments)` returns, and what it printed.

    Args:
        seconds: the time limit.
        example: the arguments as a message quotes them.

    Raises:
        TooSlow: it did not finish in time.
        NotAttempted, NotYet: see `Attempt`.
    """
    outcome: dict[str, Any] = {}

    printed = io.StringIO()
    thread = threading.Thread(target=_work, args=(function, arguments, outcome), daemon=True, name="answer")
    displayed = capture_output(stdout=False, stderr=False)  # figures in a notebook, which would be many
    with contextlib.redirect_stdout(printed), displayed, settings_of_torch():
        thread.start()
        try:
            _wait(thread, outcome, seconds)
        finally:  # also if the learner interrupts the kernel meanwhile
            _stop(thread.ident or 0, outcome)
    error = outcome.get("error")
    if isinstance(error, _TimeUp) or not _is_over(outcome):
        raise TooSlow(
            f"called with {example}, your function did not finish within {seconds:g} seconds: "
            "is one of its loops endless?"
        )
    if isinstance(error, NotImplementedError):
        raise NotAttempted
    if error is not None:
        raise NotYet(
            f"called with {example}, your function raises {type(error).__name__}: {_first_line(error)}"
        ) from error
    return outcome["result"], printed.getvalue()


def _stop(thread: int, outcome: dict[str, Any]) -> None:
    """Interrupt a call that has not ended, in the thread of this number."""
    for _ in range(20):  # an `except:` or `finally:` of the function may catch the first ones
        if _is_over(outcome):
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_TimeUp))
        time.sleep(0.05)  # after an interrupt, `join` takes a thread that goes on for one that has ended


def _is_over(outcome: dict[str, Any]) -> bool:
    """Whether a call has returned or raised."""
    return "result" in outcome or "error" in outcome


def _wait(thread: threading.Thread, outcome: dict[str, Any], seconds: float) -> None:
    """Wait until a thread ends, has computed for `seconds`, or has taken `BY_THE_CLOCK` times as long."""
    end = time.monotonic() + BY_THE_CLOCK * seconds
    thread.join(seconds)
    while thread.is_alive() and time.monotonic() < end:
        left = seconds - _computed(outcome.get("clock"))
        if left <= 0:
            return
        thread.join(max(left, 0.02))


def _computed(clock: int | None) -> float:
    """The seconds for which the thread with this clock has computed; inf where the system cannot tell."""
    try:
        return math.inf if clock is None else time.clock_gettime(clock)
    except OSError:  # the thread has ended
        return math.inf


def _work(function: Callable[..., Any], arguments: tuple[Any, ...], outcome: dict[str, Any]) -> None:
    """Put what the function returns or raises into `outcome`. Time may be up once more meanwhile."""
    clock_of = getattr(time, "pthread_getcpuclockid", None)  # not on every system
    try:
        try:
            if clock_of is not None:
                outcome["clock"] = clock_of(threading.get_ident())
            outcome["result"] = function(*arguments)
        except BaseException as error:  # also SystemExit and KeyboardInterrupt, which would end the kernel
            outcome["error"] = error
    except _TimeUp as error:
        outcome["error"] = error


def _first_line(error: BaseException) -> str:
    """The first line of a message (torch lists every tensor that does not fit); two of `load_state_dict`."""
    lines = [line.strip() for line in str(error).splitlines()] or [""]
    text = " ".join(lines[: 2 if lines[0].startswith("Error(s) in loading state_dict") else 1])
    return text if len(text) <= 200 else f"{text[:199]}…"


def same_values(before: Any, after: Any) -> bool:
    """Whether two nested structures are equal; in tensors, NaN counts as equal to NaN."""
    if type(before) is not type(after):
        return False
    if isinstance(before, torch.Tensor):
        return before.shape == after.shape and torch.equal(torch.nan_to_num(before), torch.nan_to_num(after))
    if isinstance(before, np.ndarray):
        return before.shape == after.shape and np.array_equal(before, after)
    if isinstance(before, (list, tuple)):
        return len(before) == len(after) and all(map(same_values, before, after))
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(same_values(before[key], after[key]) for key in before)
    return bool(before == after)


def numbers_in(text: str) -> list[str]:
    """The numbers that a text shows, as written. Digits within a name (`log1p`, `float32`) do not count."""
    return _NUMBER.findall(text)


def described(value: Any) -> str:
    """A value in a few words: a number or a text as Python writes it, else its type, and its axes or size."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        kind = "a tensor" if isinstance(value, torch.Tensor) else "an array"
        return f"{kind} with {value.ndim} {'axis' if value.ndim == 1 else 'axes'}"
    if isinstance(value, (bool, int, float, str)) or value is None:
        text = repr(value)
        if len(numbers_in(text)) > MOST_NUMBERS:
            return f"a text of length {len(text) - 2}"
        return text if len(text) <= 60 else text[:57] + "…"
    name = type(value).__name__
    size = f" of length {len(value)}" if isinstance(value, (list, tuple, dict, set)) else ""
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}{size}"


def as_written(arguments: Any) -> str:
    """Arguments as a learner would type them; described in words where they are long or hold many numbers."""
    if isinstance(arguments, torch.Tensor) and arguments.numel() <= MOST_NUMBERS:
        return str(arguments.tolist())
    if isinstance(arguments, (list, tuple)):
        plain = not any(isinstance(value, (torch.Tensor, np.ndarray)) for value in arguments)
        if plain and len(repr(arguments)) <= 70 and len(numbers_in(repr(arguments))) <= MOST_NUMBERS:
            return repr(arguments) if isinstance(arguments, list) else ", ".join(map(repr, arguments))
        if isinstance(arguments, tuple):
            text = ", ".join(map(as_written, arguments))
            return text if len(numbers_in(text)) <= MOST_NUMBERS else f"{len(arguments)} arguments"
    return described(arguments)
