"""The source of a function or class that was written in a notebook, and the names that it looks up there."""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import symtable
import sys
import textwrap
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any


class CannotKeep(Exception):
    """An answer depends on something that its source does not say.

    The message completes 'yours is right, but …' (`own_recogniser`).
    """


class SourceNotFound(CannotKeep):
    """The lines of an answer are in no file and in no cell that Python remembers."""


def source_of(thing: Any) -> str:
    """The source of a function or class with its decorators, also of one that was defined in a notebook.

    Raises:
        CannotKeep: it is neither, or was made inside another function.
        SourceNotFound: Python does not know its source.
    """
    thing = inspect.unwrap(thing)
    if not isinstance(thing, (FunctionType, type)):
        raise CannotKeep("it is not a function written with `def`")
    if isinstance(thing, FunctionType) and any(name != "__class__" for name in thing.__code__.co_freevars):
        raise CannotKeep("it was made inside another function")
    try:
        source = _class_source(thing) if isinstance(thing, type) else inspect.getsource(thing)
        source = textwrap.dedent(source).rstrip()
        defined_name(ast.parse(source))
    except (OSError, TypeError, SyntaxError, IndexError):
        raise SourceNotFound("its source was not found") from None
    return source


def _class_source(thing: type) -> str:
    """The source of a class, since the classes of a notebook have no file.

    It is found by one of its methods. A class without one is the last of its name in the notebook's cells.
    """
    method = next(iter(methods_of(thing)), None)
    if method is None and thing.__module__ != "__main__":
        return inspect.getsource(thing)
    for filename in [method.__code__.co_filename] if method else _cells():
        lines = linecache.getlines(filename)
        for node in reversed(list(ast.walk(ast.parse("".join(lines))))):
            if isinstance(node, ast.ClassDef) and node.name == thing.__name__:
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                last = node.end_lineno or first
                if method is None or first <= method.__code__.co_firstlineno <= last:
                    return "".join(lines[first - 1 : last])
    raise OSError("no such class")


def methods_of(thing: type) -> list[FunctionType]:
    """The methods of a class that were written, and not made by a decorator or a base class."""
    methods = [value for value in vars(thing).values() if isinstance(value, FunctionType)]
    return [
        method
        for method in methods
        if method.__globals__.get("__name__") == thing.__module__
        and linecache.getlines(method.__code__.co_filename)
    ]


def _cells() -> list[str]:
    """The names under which Python finds the sources of a notebook's cells, the last one first."""
    return [name for name, entry in reversed(linecache.cache.items()) if len(entry) == 4 and entry[1] is None]


def defined_name(tree: ast.Module) -> str:
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


def globals_of(thing: Any, scope: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The names that a function or class finds in the notebook or module that it was defined in.

    Args:
        scope: the names of the notebook, for a class that does not know them itself.
    """
    thing = inspect.unwrap(thing)
    if isinstance(thing, FunctionType):
        return thing.__globals__
    for method in methods_of(thing):
        return method.__globals__
    if scope is not None and thing.__module__ == "__main__":
        return scope
    return vars(sys.modules[thing.__module__])


def globals_in(source: str) -> list[str]:
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
