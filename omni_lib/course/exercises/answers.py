"""The source of a right answer, kept with the learner's progress, so that a later lesson can use it.

    text = self_contained(collapse)      # source, imports, and whatever else of the notebook it needs
    collapse = loaded("03.collapse", text)

The text is a module of its own. Beside the function it has the imports that the function needs, the
constants, and the notebook's other functions that it calls. It is the learner's own code, and loading it runs
it with all their rights, as their notebook does.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import linecache
import math
import sys
from collections.abc import Mapping
from importlib.abc import InspectLoader
from types import FunctionType, ModuleType
from typing import Any

import torch

from omni_lib.course.exercises.notebook_source import (
    CannotKeep,
    SourceNotFound,
    defined_name,
    globals_in,
    globals_of,
    methods_of,
    source_of,
)

ANSWER = "ANSWER"  # the name under which the module of an answer has the function
LONGEST = 100_000  # characters; no answer is as long, but a table of constants could be
_PLAIN = (int, float, complex, str, bytes, bool, type(None), tuple, list, dict, set, frozenset)


def self_contained(answer: Any) -> str:
    """The source of a module whose `ANSWER` is this function or class.

    Raises:
        CannotKeep: it is neither written with `def` or `class`, nor a `lambda` with a name; or it uses
            something of the notebook that has no source, such as a tensor.
    """
    module = _Module()
    if _factory_of(answer):
        module.bind(ANSWER, answer)
        text = f"{module.text()}\n"
    else:
        name = module.add(answer)
        text = f"{module.text()}\n\n{ANSWER} = {name}\n"
    if len(text) > LONGEST:
        raise CannotKeep("with everything that it uses, its source is too long")
    try:
        loaded("answer", text)
    except Exception as error:  # whatever the learner's source raises where it is defined
        raise CannotKeep(f"its source does not work on its own ({type(error).__name__}: {error})") from error
    return text


def loaded(key: str, text: str) -> Any:
    """The function of a kept answer.

    Args:
        key: of the exercise, named in a traceback.

    Raises:
        Exception: whatever the source raises when it is run, SyntaxError included.
    """
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    loader = _TextLoader(text, f"<your answer {key} {digest}>")
    spec = importlib.util.spec_from_loader(f"answer_{key.replace('.', '_')}_{digest}", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # `dataclass` looks for it there
    loader.exec_module(module)
    # so that tracebacks, and `inspect.getsource`, show the lines
    linecache.cache[loader.filename] = (len(text), None, text.splitlines(keepends=True), loader.filename)
    return getattr(module, ANSWER)


class _TextLoader(InspectLoader):
    """Imports a module from its text."""

    def __init__(self, text: str, filename: str) -> None:
        self.source, self.filename = text, filename

    def get_source(self, fullname: str) -> str:
        return self.source

    def get_code(self, fullname: str) -> Any:
        return self.source_to_code(self.source, self.filename)


class _Module:
    """The parts of a module that are collected for one answer."""

    def __init__(self) -> None:
        self.imports: list[str] = []
        self.constants: list[str] = []
        self.definitions: list[str] = []
        self._names: dict[str, Any] = {}  # what each name of the module is bound to

    def text(self) -> str:
        """Imports, constants, and definitions, in an order in which each finds those before it."""
        head = "\n".join(["from __future__ import annotations", "", *self.imports, *self.constants])
        return "\n\n\n".join([head, *self.definitions])

    def add(self, thing: Any, scope: Mapping[str, Any] | None = None) -> str:
        """Add a function or class with everything that it uses; returns its name.

        Args:
            scope: the names of the notebook, for a class that does not know them itself.
        """
        source = source_of(thing)
        name = defined_name(ast.parse(source))
        self._names[name] = thing
        scope = globals_of(thing, scope)
        for used in globals_in(source):
            if used in scope and used not in self._names:
                self.bind(used, scope[used], scope)
        self.definitions.append(source)
        return name

    def bind(self, name: str, value: Any, scope: Mapping[str, Any] | None = None) -> None:
        """Make `name` stand for `value` in the module."""
        self._names[name] = value
        if factory := _factory_of(value):
            # such as `padding_mask = lesson.padding_mask.or_ours(padding_mask)`
            cells = dict(zip(value.__code__.co_freevars, value.__closure__, strict=True))
            for variable, cell in cells.items():
                self.bind(f"{name}_{variable}", cell.cell_contents, scope)
            self.bind(factory.__name__, factory, scope)
            given = ", ".join(f"{variable}={name}_{variable}" for variable in cells)
            self.definitions.append(f"{name} = {factory.__name__}({given})")
        elif isinstance(value, ModuleType):
            self.imports.append(f"import {value.__name__} as {name}")
        elif importable := _importable(value):
            self.imports.append(f"from {importable[0]} import {importable[1]} as {name}")
        elif isinstance(inspect.unwrap(value), (FunctionType, type)):
            self._define(name, value, scope)
        elif isinstance(value, torch.dtype):
            self.constants += ["import torch", f"{name} = {value!r}"]
        elif isinstance(value, float) and not math.isfinite(value):
            self.constants.append(f"{name} = float('{value}')")
        elif isinstance(value, _PLAIN) and _is_literal(value):
            self.constants.append(f"{name} = {value!r}")
        else:
            raise CannotKeep(
                f"it uses `{name}` of the notebook, which has no source of its own: write it into the "
                "function"
            )

    def _define(self, name: str, value: Any, scope: Mapping[str, Any] | None) -> None:
        """Make `name` stand for a function or class that was written in the notebook."""
        if _is_named_tuple(value):
            fields, defaults = list(value._fields), tuple(value._field_defaults.values())
            made = f"namedtuple({value.__name__!r}, {fields!r}, defaults={defaults!r})"
            self.constants += ["from collections import namedtuple", f"{name} = {made}"]
            return
        try:
            written = self.add(value, scope)
        except SourceNotFound as reason:
            raise CannotKeep(f"the source of `{name}` was not found") from reason
        if written != name:
            self.definitions.append(f"{name} = {written}")


def _is_named_tuple(value: Any) -> bool:
    """Whether `collections.namedtuple` can make this class: plain defaults, and no method."""
    named = isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_field_defaults")
    return named and not methods_of(value) and all(map(_is_literal, value._field_defaults.values()))


def _factory_of(value: Any) -> FunctionType | None:
    """The function that has made another one, if calling it with what that one remembers makes it again."""
    if not isinstance(value, FunctionType) or not value.__closure__:
        return None
    name, _, rest = value.__qualname__.partition(".<locals>.")
    factory = value.__globals__.get(name)
    if not isinstance(factory, FunctionType) or "." in rest:
        return None
    same = set(inspect.signature(factory).parameters) == set(value.__code__.co_freevars)
    return factory if same else None


def _importable(value: Any) -> tuple[str, str] | None:
    """(module, name) from which another process can import `value`; None for what only a notebook has."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module in ("__main__", "builtins"):
        return None
    if not name.isidentifier() or module.startswith("answer_"):
        return None
    return (module, name) if getattr(sys.modules.get(module), name, None) is value else None


def _is_literal(value: Any) -> bool:
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
