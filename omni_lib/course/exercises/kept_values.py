"""Whether an answer is wrong because its calls share a value, such as one list for all of them.

    def collapse(path, text=[]):        # one list for all calls: a default is made once
        ...

The first call is right, and the next one finds what the first has left. The reply to its result would name a
mistake that the function does not make.
"""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

import numpy as np
import torch

from omni_lib.course.exercises.sandbox import same_values

_CAN_BE_KEPT = (bool, int, float, str, list, dict, set, torch.Tensor, np.ndarray, type(None))
_CACHED: Any = type(functools.cache(lambda: None))  # the class of what `functools.cache` returns


class KeptValues:
    """The values that a function finds again in its next call: its defaults, and the notebook's variables.

    So are the results that `functools.cache` keeps. Only those of the function itself count, and of the
    functions of the same notebook that it calls.
    """

    def __init__(self, function: Any) -> None:
        self.function = function
        self._before: dict[str, Any] = {}
        for name, _, value in _kept_by(function):
            with contextlib.suppress(Exception):  # what cannot be copied, such as a list with a generator
                self._before[name] = _copied(value)

    @property
    def changed(self) -> list[str]:
        """The names of the values that calls have changed since this object was made."""
        now = {name: value for name, _, value in _kept_by(self.function)}
        return [name for name, before in self._before.items() if not _same(before, now.get(name))]

    def made_anew(self) -> Iterator[Callable[..., Any]]:
        """The function that begins each call with these values as they were; then one with empty lists.

        A list that is not empty before a check may have been filled by the check before it.
        """
        before = {name: self._before[name] for name in self.changed}
        empty = {
            name: type(value)() if isinstance(value, (list, dict, set)) else value
            for name, value in before.items()
        }
        for values in (before, empty):

            def function(*arguments: Any, values: dict[str, Any] = values) -> Any:
                self._put_back({name: _copied(value) for name, value in values.items()})
                return self.function(*arguments)

            yield function

    @contextlib.contextmanager
    def put_back(self) -> Iterator[None]:
        """After the `with` block, these values are again what they were before it."""
        now = {name: value for name, _, value in _kept_by(self.function)}
        try:
            yield
        finally:
            self._put_back(now)

    def _put_back(self, values: dict[str, Any]) -> None:
        for name, put, _ in list(_kept_by(self.function)):
            if name in values:
                put(values[name])


def _copied(value: Any) -> Any:
    return copy.deepcopy(value.detach() if isinstance(value, torch.Tensor) else value)


def _same(before: Any, now: Any) -> bool:
    try:
        return type(before) is type(now) and same_values(before, now)
    except Exception:  # a list of arrays of different sizes
        return False


def _names_in(code: CodeType) -> Iterator[str]:
    """The names outside that a function looks up, also in its inner functions and comprehensions."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def _kept_by(
    function: Any, seen: frozenset[int] = frozenset()
) -> Iterator[tuple[str, Callable[[Any], None], Any]]:
    """(name, how to put another value there, value) of each value that `function` finds again."""
    if not isinstance(function, FunctionType) or id(function) in seen:
        return
    code, seen = function.__code__, seen | {id(function)}
    positional = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    for place, value in enumerate(defaults):
        if isinstance(value, _CAN_BE_KEPT):
            yield positional[len(positional) - len(defaults) + place], _default_at(function, place), value
    for name, value in (function.__kwdefaults__ or {}).items():
        if isinstance(value, _CAN_BE_KEPT):
            yield name, _item_of(function.__kwdefaults__ or {}, name), value
    found = {name: function.__globals__.get(name) for name in _names_in(code)}
    # A cache first: a function that sets variables for it is told of the cache.
    for name, value in sorted(found.items(), key=lambda item: not isinstance(item[1], _CACHED)):
        if name in function.__globals__ and isinstance(value, _CAN_BE_KEPT):
            yield name, _item_of(function.__globals__, name), value
        elif isinstance(value, FunctionType) and value.__globals__ is function.__globals__:
            yield from _kept_by(value, seen)
        elif isinstance(value, _CACHED) and value.__module__ == function.__module__:
            yield name, _emptied(value), value.cache_info().currsize
            yield from _kept_by(value.__wrapped__, seen)


def _default_at(function: FunctionType, place: int) -> Callable[[Any], None]:
    def put(value: Any) -> None:
        defaults = list(function.__defaults__ or ())
        defaults[place] = value
        function.__defaults__ = tuple(defaults)

    return put


def _emptied(cached: Any) -> Callable[[Any], None]:
    return lambda value: cached.cache_clear()


def _item_of(values: dict[str, Any], name: str) -> Callable[[Any], None]:
    return lambda value: values.__setitem__(name, value)
