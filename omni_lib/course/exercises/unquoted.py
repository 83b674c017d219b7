"""`lesson.rotary.check(b)`: a letter without quotes gets a line that says so, instead of a NameError."""

from __future__ import annotations

import traceback
from types import TracebackType
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display

from omni_lib.course.exercises.verdict import Outcome, Verdict


def reply_to_letters_without_quotes() -> None:
    """From now on, let this notebook answer `check(b)`. Every other error is shown as before."""
    shell = get_ipython()
    if shell is not None:
        shell.set_custom_exc((NameError,), _reply)


def _reply(
    shell: Any, kind: type[NameError], error: NameError, trace: TracebackType, tb_offset: int | None = None
) -> None:
    """Show what to write, if the name of the error is a letter that was given to `check`.

    IPython calls this with the exception of a cell, and prints what it raises itself.
    """
    letter, line = error.name, traceback.extract_tb(trace)[-1].line or ""
    if letter and len(letter) == 1 and f".check({letter})" in line.replace(" ", ""):
        told = f'put the letter in quotes, as in .check("{letter}"), or choose the option on the card'
        display(Verdict(Outcome.NOT_ATTEMPTED, told))
    else:
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
