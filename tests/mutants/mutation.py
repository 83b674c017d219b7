"""Mutants of a solution: the same function with one small mistake, made mechanically from its syntax tree.

Each mistake is one that people make: another operator or comparison, a constant that is one off, another
axis, a term or a factor left out, arguments exchanged, rounding the other way, a clamp left out, a return too
early.
"""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

ARITHMETIC = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add, ast.Div),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Div, ast.Mult),
    ast.Pow: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
}
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
NAMES = {  # the function that is taken by mistake
    "ceil": "floor",
    "log": "log10",
    "log10": "log",
    "abs": "sum",
    "sum": "mean",
    "min": "max",
    "max": "min",
    "amax": "amin",
    "sqrt": "square",
    "square": "abs",
    "rfft": "fft",
    "softmax": "log_softmax",
    "logsumexp": "amax",
    "sort": "reverse",
    "comb": "perm",
    "eye": "ones_like",
    "zeros": "ones",
}
LEFT_OUT = {"sqrt", "abs", "log", "softmax", "sum", "ceil", "sort", "reversed", "list", "masked_fill", "eval"}
CLAMPS = {"min", "max", "clamp"}


@dataclass(frozen=True)
class Mutant:
    """A wrong function, named by the first line that differs: "return a + b  →  return a - b"."""

    name: str
    function: Callable[..., Any]


@cache
def mutants(function: Callable[..., Any]) -> list[Mutant]:
    """Every mutant of a function, each with one change, in the order of its source."""
    source = textwrap.dedent(inspect.getsource(function))
    tree = ast.parse(source)
    skipped = (
        {id(each) for each in ast.walk(tree.body[0].args)}
        if isinstance(tree.body[0], ast.FunctionDef)
        else set()
    )
    original = ast.unparse(tree)
    found, seen = [], {original}
    for place, node in enumerate(ast.walk(tree)):
        if id(node) in skipped and not isinstance(node, ast.Constant):
            continue
        for number in range(sum(1 for _ in changes(node))):
            changed = copy.deepcopy(tree)
            target = list(ast.walk(changed))[place]
            replacement = list(changes(target))[number][1]
            mutated = ast.fix_missing_locations(Replace(target, replacement).visit(changed))
            text = ast.unparse(mutated)
            if text in seen:
                continue
            seen.add(text)
            name = first_difference(original, text)
            namesakes = sum(other.name.partition(" (no. ")[0] == name for other in found)
            numbered = f"{name} (no. {namesakes + 1})" if namesakes else name
            found.append(Mutant(numbered, compiled(text, function)))
    return found


def first_difference(original: str, mutated: str) -> str:
    """The first line that differs, before and after; of a line that is left out, only the line before."""
    before, after = original.splitlines(), mutated.splitlines()
    place = next(n for n, line in enumerate([*before, ""]) if n >= len(after) or line != after[n])
    left_out = before[place + 1 :] == after[place:] or after[place].strip() in ("pass", "break")
    return f"{before[place].strip()}  →  {'(left out)' if left_out else after[place].strip()}"


def compiled(source: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """The function that `source` defines, among the globals of the original."""
    scope = dict(vars(inspect.getmodule(original)))
    code = compile(
        "from __future__ import annotations\n" + source, f"<mutant of {original.__name__}>", "exec"
    )
    exec(code, scope)  # noqa: S102  (our own solution, changed by the functions above)
    return scope[original.__name__]


class Replace(ast.NodeTransformer):
    """Puts a node, or several statements, in the place of another."""

    def __init__(self, target: ast.AST, replacement: Any) -> None:
        self.target, self.replacement = target, replacement

    def visit(self, node: ast.AST) -> Any:
        return self.replacement if node is self.target else super().generic_visit(node)


def changes(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """(what changes, the changed node) for every mistake that can be made in this node alone."""
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        yield from other_operators(node)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for operator in COMPARISONS.get(type(node.ops[0]), ()):
            yield words(node.ops[0], operator), replaced(node, ops=[operator()])
    if isinstance(node, ast.BoolOp):
        for number, value in enumerate(node.values):
            kept = [*node.values[:number], *node.values[number + 1 :]]
            yield (
                f"without `{ast.unparse(value)}`",
                kept[0] if len(kept) == 1 else replaced(node, values=kept),
            )
    if isinstance(node, ast.UnaryOp):
        yield f"without {type(node.op).__name__}", node.operand
    if isinstance(node, ast.IfExp):
        yield "always the first", node.body
        yield "always the second", node.orelse
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        yield from other_constants(node)
    if isinstance(node, ast.Slice):
        for side in ("lower", "upper"):
            if getattr(node, side) is not None:
                yield f"slice without its {side} end", replaced(node, **{side: None})
    if isinstance(node, ast.Call):
        yield from other_calls(node)
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield "without .T", node.value
    yield from other_statements(node)


def other_operators(node: Any) -> Iterator[tuple[str, Any]]:
    for operator in ARITHMETIC.get(type(node.op), ()):
        yield words(node.op, operator), replaced(node, op=operator())
    if isinstance(node, ast.BinOp):
        yield f"without `{ast.unparse(node.right)}`", node.left
        yield f"without `{ast.unparse(node.left)}`", node.right
        if isinstance(node.op, (ast.Sub, ast.Div, ast.FloorDiv, ast.MatMult, ast.Pow)):
            yield "sides exchanged", replaced(node, left=node.right, right=node.left)


def other_constants(node: ast.Constant) -> Iterator[tuple[str, Any]]:
    value = node.value
    if isinstance(value, bool):
        yield f"{value} became {not value}", ast.Constant(not value)
        return
    others = [value + 1, value - 1] + ([2 * value, value / 2] if isinstance(value, float) else [])
    for other in dict.fromkeys(others):
        yield f"{value} became {other}", ast.Constant(other)


def other_calls(node: ast.Call) -> Iterator[tuple[str, Any]]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in NAMES:
        func = copy.deepcopy(node.func)
        setattr(func, "attr" if isinstance(func, ast.Attribute) else "id", NAMES[name])
        yield f"{name} became {NAMES[name]}", replaced(node, func=func)
    method = isinstance(node.func, ast.Attribute) and not is_module(node.func.value)
    if name in LEFT_OUT and method:
        yield f"without .{name}()", node.func.value
    elif name in LEFT_OUT and node.args:
        yield f"without {name}()", node.args[0]
    if name in CLAMPS and len(node.args) == 2:
        for argument in node.args:
            yield f"`{ast.unparse(argument)}` in place of {name}", argument
    for number in range(0 if name in CLAMPS else len(node.args) - 1):
        args = list(node.args)
        args[number], args[number + 1] = args[number + 1], args[number]
        yield f"arguments {number} and {number + 1} of {name} exchanged", replaced(node, args=args)
    for number, keyword in enumerate(node.keywords):
        kept = [*node.keywords[:number], *node.keywords[number + 1 :]]
        yield f"without {keyword.arg}=", replaced(node, keywords=kept)


def is_module(value: ast.AST) -> bool:
    """Whether `value` in `value.name(…)` is a module such as torch, math or torch.fft."""
    root = value
    while isinstance(root, ast.Attribute):
        root = root.value
    return isinstance(root, ast.Name) and root.id in {"torch", "math", "torchaudio", "random"}


def other_statements(node: ast.AST) -> Iterator[tuple[str, Any]]:
    if isinstance(node, ast.If):
        yield "if: always", [*node.body]
        yield "if: never", [*node.orelse] or [ast.Pass()]
    if isinstance(node, ast.For):
        yield "loop left out", [ast.Pass()]
        yield "loop ends after one round", replaced(node, body=[*node.body, ast.Break()])
        if isinstance(node.body[-1], (ast.Assign, ast.AugAssign, ast.Expr)) and len(node.body) > 1:
            yield "last line of the loop left out", replaced(node, body=node.body[:-1])
    if isinstance(node, ast.AugAssign):
        yield "line left out", [ast.Pass()]
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "line left out", [ast.Pass()]
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        early = ast.Return(ast.Name(node.targets[0].id, ast.Load()))
        yield f"returns {node.targets[0].id} at once", [node, early]


def words(operator: ast.AST, other: type[ast.AST]) -> str:
    return f"{type(operator).__name__} became {other.__name__}"


def replaced(node: Any, **fields: Any) -> Any:
    changed = copy.copy(node)
    for field, value in fields.items():
        setattr(changed, field, value)
    return changed
