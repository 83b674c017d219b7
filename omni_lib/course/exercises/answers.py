"""The source of a right answer, kept with the learner's progress, so that a later lesson can use it.

    text = self_contained(collapse)      # source, imports, and whatever else of the notebook it needs
    collapse = loaded("03.collapse", text)

The text is a module of its own. Beside the function it has the imports that the function needs, the
constants, and the notebook's other functions that it calls. It is the learner's own code, and loading it runs
it with all their rights, as their notebook does.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import importlib.util
import inspect
import linecache
import symtable
import sys
import textwrap
from collections.abc import Iterator
from importlib.abc import InspectLoader
from types import FunctionType, ModuleType
from typing import Any

import torch

ANSWER = "ANSWER"  # the name under which the module of an answer has the function
LONGEST = 100_000  # characters; no answer is as long, but a table of constants could be
_PLAIN = (int, float, complex, str, bytes, bool, type(None), tuple, list, dict, set, frozenset)


class CannotKeep(Exception):
    """An answer depends on something that its source does not say. The message completes 'because …'."""


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
    except Exception as error:
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

    def add(self, thing: Any) -> str:
        """Add a function or class with everything that it uses; returns its name."""
        source = _source_of(thing)
        name = _defined_name(ast.parse(source))
        self._names[name] = thing
        scope = _globals_of(thing)
        for used in _globals_in(source):
            if used in scope and used not in self._names:
                self.bind(used, scope[used])
        self.definitions.append(source)
        return name

    def bind(self, name: str, value: Any) -> None:
        """Make `name` stand for `value` in the module."""
        self._names[name] = value
        if factory := _factory_of(value):
            # such as `padding_mask = lesson.padding_mask.or_ours(padding_mask)`
            cells = dict(zip(value.__code__.co_freevars, value.__closure__, strict=True))
            for variable, cell in cells.items():
                self.bind(f"{name}_{variable}", cell.cell_contents)
            self.bind(factory.__name__, factory)
            given = ", ".join(f"{variable}={name}_{variable}" for variable in cells)
            self.definitions.append(f"{name} = {factory.__name__}({given})")
        elif isinstance(value, ModuleType):
            self.imports.append(f"import {value.__name__} as {name}")
        elif importable := _importable(value):
            self.imports.append(f"from {importable[0]} import {importable[1]} as {name}")
        elif isinstance(inspect.unwrap(value), (FunctionType, type)):
            if self.add(value) != name:
                self.definitions.append(f"{name} = {_defined_name(ast.parse(_source_of(value)))}")
        elif isinstance(value, torch.dtype):
            self.constants += ["import torch", f"{name} = {value!r}"]
        elif isinstance(value, _PLAIN) and _is_literal(value):
            self.constants.append(f"{name} = {value!r}")
        else:
            raise CannotKeep(
                f"it uses `{name}` of the notebook, which has no source of its own: write it into the "
                "function"
            )


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


def _source_of(thing: Any) -> str:
    """The source of a function or class with its decorators, also of one that was defined in a notebook."""
    thing = inspect.unwrap(thing)
    if not isinstance(thing, (FunctionType, type)):
        raise CannotKeep("it is not a function written with `def`")
    if isinstance(thing, FunctionType) and any(name != "__class__" for name in thing.__code__.co_freevars):
        raise CannotKeep("it was made inside another function")
    try:
        source = _class_source(thing) if isinstance(thing, type) else inspect.getsource(thing)
        source = textwrap.dedent(source).rstrip()
        _defined_name(ast.parse(source))
    except (OSError, TypeError, SyntaxError, IndexError):
        raise CannotKeep("its source was not found") from None
    return source


def _class_source(thing: type) -> str:
    """The source of a class: found by one of its methods, since the classes of a notebook have no file."""
    codes = (value.__code__ for value in vars(thing).values() if isinstance(value, FunctionType))
    code = next(codes, None)
    if code is None:
        return inspect.getsource(thing)
    lines = linecache.getlines(code.co_filename)
    for node in ast.walk(ast.parse("".join(lines))):
        if isinstance(node, ast.ClassDef) and node.name == thing.__name__:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if first <= code.co_firstlineno <= (node.end_lineno or first):
                return "".join(lines[first - 1 : node.end_lineno])
    raise OSError("no such class in that file")


def _defined_name(tree: ast.Module) -> str:
    """The name that the only statement of a source defines.

    Raises:
        SyntaxError: it defines none, as the line in which a `lambda` is handed on.
    """
    if len(tree.body) == 1:
        (node,) = tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            return node.name
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            target = node.targets[0]
            if len(node.targets) == 1 and isinstance(target, ast.Name):
                return target.id
    raise SyntaxError("not one definition")


def _globals_of(thing: Any) -> dict[str, Any]:
    """The names that a function or class finds in the notebook or module that it was defined in."""
    thing = inspect.unwrap(thing)
    if isinstance(thing, FunctionType):
        return thing.__globals__
    for value in vars(thing).values():
        if isinstance(value, FunctionType):
            return value.__globals__
    return vars(sys.modules[thing.__module__])


def _globals_in(source: str) -> list[str]:
    """The names that a source looks up outside itself, each once, apart from Python's own.

    Local variables are not among them, although the notebook may have a variable of that name; nor are
    annotations, which are never evaluated.
    """

    def walk(table: symtable.SymbolTable) -> Iterator[str]:
        for symbol in table.get_symbols():
            outside = symbol.is_global() or table.get_type() == "module" and not symbol.is_assigned()
            if symbol.is_referenced() and outside:
                yield symbol.get_name()
        for child in table.get_children():
            yield from walk(child)

    names = walk(symtable.symtable(f"from __future__ import annotations\n{source}", "answer", "exec"))
    return [name for name in dict.fromkeys(names) if not hasattr(builtins, name)]


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
