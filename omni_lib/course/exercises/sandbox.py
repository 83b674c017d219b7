"""Runs what a learner wrote so that nothing it does can hurt the notebook: it may raise, print, loop for ever, or scribble on its inputs.

The time limit works on every system: the call runs in a thread of its own, and when time is up an exception is raised inside
that thread. No signal is needed, which Windows does not have, and no second process, to which a notebook's function cannot go.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import io
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

SECONDS = 10.0  # for one call


class NotYet(Exception):
    """An answer is not right yet; the message says what is wrong in the learner's terms."""


class NotAttempted(Exception):
    """The answer still is the blank that the notebook came with."""


class _TimeUp(BaseException):
    """Raised inside the learner's thread; no `except Exception` of theirs swallows it."""


class Attempt:
    """A learner's function, safe to call: `attempt(*arguments)` returns what it returns.

    Raises:
        NotAttempted: it returns `...` or raises NotImplementedError.
        NotYet: it is no function, raises, takes too long, changes its inputs, or returns None.
    """

    def __init__(self, function: Any, seconds: float = SECONDS) -> None:
        if function is ...:
            raise NotAttempted
        if not callable(function):
            raise NotYet(
                f"`check` wants your function itself, without brackets behind its name; it was given {described(function)}"
            )
        self.function, self.seconds = function, seconds
        self.printed = ""

    def __call__(self, *arguments: Any) -> Any:
        given = copy.deepcopy(arguments)
        result, self.printed = call(self.function, given, self.seconds, shown(arguments))
        if not unchanged(arguments, given):
            found = f"your function changes its input: called with {shown(arguments)}, it leaves {shown(given)} behind"
            raise NotYet(f"{found}. Work on a copy")
        if result is ...:
            raise NotAttempted
        if result is None:
            raise NotYet(
                f"called with {shown(arguments)}, your function returns None: is the `return` missing?"
            )
        return result


def call(
    function: Callable[..., Any], arguments: tuple[Any, ...], seconds: float, example: str
) -> tuple[Any, str]:
    """What `function(*arguments)` returns, and what it printed.

    Raises:
        NotAttempted, NotYet: see `Attempt`.
    """
    outcome: dict[str, Any] = {}

    def work() -> None:
        try:
            outcome["result"] = function(*arguments)
        except (
            BaseException
        ) as error:  # SystemExit and KeyboardInterrupt too: nothing of theirs may end the kernel
            outcome["error"] = error

    printed = io.StringIO()
    thread = threading.Thread(target=work, daemon=True, name="answer")
    with contextlib.redirect_stdout(printed):
        thread.start()
        thread.join(seconds)
        for _ in range(20):  # an `except:` or `finally:` of theirs may catch the first ones
            if not thread.is_alive():
                break
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_TimeUp)
            )
            thread.join(0.05)
    error = outcome.get("error")
    if isinstance(error, _TimeUp) or "result" not in outcome and error is None:
        raise NotYet(
            f"called with {example}, your function was not done after {seconds:g} seconds: does one of its loops never end?"
        )
    if isinstance(error, NotImplementedError):
        raise NotAttempted
    if error is not None:
        raise NotYet(
            f"called with {example}, your function raises {type(error).__name__}: {error}"
        ) from error
    return outcome["result"], printed.getvalue()


def unchanged(before: Any, after: Any) -> bool:
    """Whether two nests of tensors, arrays and plain values hold the same."""
    if isinstance(before, torch.Tensor):
        return before.shape == after.shape and torch.equal(torch.nan_to_num(before), torch.nan_to_num(after))
    if isinstance(before, np.ndarray):
        return before.shape == after.shape and np.array_equal(before, after)
    if isinstance(before, (list, tuple)):
        return len(before) == len(after) and all(map(unchanged, before, after))
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(unchanged(before[key], after[key]) for key in before)
    return bool(before == after)


def described(value: Any) -> str:
    """A value in a few words: what type it is, and its shape or size."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        kind = "a tensor" if isinstance(value, torch.Tensor) else "an array"
        return f"{kind} of shape {tuple(value.shape)}"
    if isinstance(value, (bool, int, float, str)) or value is None:
        text = repr(value)
        return text if len(text) <= 60 else text[:57] + "…"
    article = "an" if type(value).__name__[0] in "aeiou" else "a"
    return f"{article} {type(value).__name__}" + (
        f" of {len(value)}" if isinstance(value, (list, tuple, dict, set)) else ""
    )


def shown(arguments: Any) -> str:
    """Arguments as a learner would write them, where they are short enough."""
    if isinstance(arguments, torch.Tensor) and arguments.numel() <= 12:
        return str(arguments.tolist())
    if isinstance(arguments, (list, tuple)):
        if len(repr(arguments)) <= 70 and not any(
            isinstance(value, (torch.Tensor, np.ndarray)) for value in arguments
        ):
            return repr(arguments) if isinstance(arguments, list) else ", ".join(map(repr, arguments))
        if isinstance(arguments, tuple):
            return ", ".join(map(shown, arguments))
    return described(arguments)
