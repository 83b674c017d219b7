"""A right answer is kept as a source that works in another process, with all that it uses of the notebook."""

import functools
import linecache
import math

import pytest
import torch

from omni_lib.course.exercises.answers import loaded, self_contained
from omni_lib.course.exercises.notebook_source import CannotKeep


def of_cell(text, **names):
    """The namespace of a notebook after a cell with `text` has run, as IPython runs it."""
    filename = f"<cell {hash(text)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    namespace = {"__name__": "__main__", **names}
    exec(compile(text, filename, "exec"), namespace)  # noqa: S102 (a test plays the notebook)
    return namespace


def again(thing):
    return loaded("03.test", self_contained(thing))


def test_a_function_of_a_notebook_works_without_it():
    cell = of_cell(
        "import math as m\n"
        "import torch.nn.functional as F\n"
        "from torch import Tensor\n"
        "FLOOR, TABLE, kind = 1e-6, {'a': [1, 2]}, torch.float64\n"
        "def helper(x: float) -> float:\n"
        "    return m.log(x + FLOOR)\n"
        "def answer(x: Tensor, undefined: Missing = None, *, n: int = 2) -> Tensor:\n"
        "    mel = F.relu(x).to(kind)\n"
        "    return mel * helper(n) + sum(TABLE['a'])\n",
        torch=torch,
        Missing=object(),
        mel=torch.zeros(3),
    )
    mine = again(cell["answer"])
    assert torch.equal(mine(torch.ones(2)), cell["answer"](torch.ones(2)))
    assert mine.__globals__ is not cell["answer"].__globals__
    assert "mel =" not in self_contained(cell["answer"]).partition("def")[0], "a local name is not global"


def test_recursion_decorators_lambdas_and_classes():
    cell = of_cell(
        "from functools import cache\n"
        "from torch import nn\n"
        "@cache\n"
        "def fib(n):\n"
        "    return n if n < 2 else fib(n - 1) + fib(n - 2)\n"
        "twice = lambda n: 2 * fib(n)\n"
        "class Part(nn.Module):\n"
        "    def forward(self, x):\n"
        "        return x + 1\n"
        "class Whole(Part):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.part = Part()\n"
        "    def forward(self, x):\n"
        "        return self.part(super().forward(x))\n"
    )
    assert again(cell["fib"])(10) == 55
    assert again(cell["twice"])(10) == 110
    assert again(cell["Whole"])()(torch.zeros(1)).item() == 2


def test_constants_that_are_not_finite_are_kept():
    cell = of_cell(
        "NEG, POS = float('-inf'), float('inf')\nNAN = float('nan')\n"
        "def answer(x):\n    return [x + NEG, x + POS, NAN]\n"
    )
    low, high, neither = again(cell["answer"])(1.0)
    assert low == -math.inf and high == math.inf and math.isnan(neither)


@pytest.mark.parametrize(
    "definition",
    [
        "class Cell(NamedTuple):\n    cost: int\n    i: int = 7\n",
        "class Cell(NamedTuple):\n    cost: int\n    i: int = 7\n    def total(self): return self.cost\n",
        "@dataclass(order=True)\nclass Cell:\n    cost: int\n    i: int = 7\n",
        "Cell = namedtuple('Cell', 'cost i', defaults=(7,))\n",
        "class Cell:\n    i = 7\n    def __init__(self, cost):\n        self.cost = cost\n",
    ],
)
def test_small_records_of_a_notebook_are_kept(definition):
    """In Python 3.11 and 3.12 a class of a notebook that has no method of its own is hard to find."""
    cell = of_cell(
        "from collections import namedtuple\n"
        "from dataclasses import dataclass\n"
        "from typing import NamedTuple\n"
        f"{definition}"
        "def answer(x):\n    cell = Cell(x)\n    return cell.cost, cell.i\n"
    )
    assert again(cell["answer"])(1) == (1, 7)


def test_what_is_not_found_is_named():
    cell = of_cell(
        "Odd = type('Odd', (), {'cost': 1})\ndef answer(x):\n    return Odd.cost + x\n",
    )
    with pytest.raises(CannotKeep, match="the source of `Odd` was not found"):
        self_contained(cell["answer"])


def test_an_answer_that_was_loaded_can_be_kept_again():
    assert again(again(math_answer))(4.0) == 2.0


def math_answer(x):
    return math.sqrt(x)


def closure(n):
    m = n + 1

    def inner(x):
        return x + m

    return inner


def adapted(function):
    def inner(x):
        return 10 * function(x)

    return inner


def test_what_or_ours_returns_can_be_kept_and_used():
    """It is a function that a function of the library has made of the learner's."""
    cell = of_cell(
        "def mask(x):\n    return x + one\none = 1\nplain = mask\ndef user(x):\n    return mask(x) + 0.5\n",
    )
    cell["mask"] = adapted(cell["mask"])
    assert again(cell["user"])(1.0) == 20.5
    assert again(adapted(cell["plain"]))(1.0) == 20.0
    assert again(adapted(math_answer))(4.0) == 20.0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (closure(1), "inside another function"),
        (functools.partial(math_answer, 4.0), "not a function written with `def`"),
        (math.sqrt, "not a function written with `def`"),
        (of_cell("def f():\n    return x", x=torch.zeros(1))["f"], "uses `x` of the notebook"),
        (of_cell("def f(): pass\nf.__code__ = compile('0', '<nowhere>', 'eval')")["f"], "not found"),
        ([lambda x: x][0], "not found"),
    ],
)
def test_what_cannot_be_kept_says_why(answer, reason):
    with pytest.raises(CannotKeep, match=reason):
        self_contained(answer)


def test_a_source_that_fails_alone_is_refused():
    cell = of_cell("def f(x, y=later()):\n    return x", later=lambda: 1)
    with pytest.raises(CannotKeep):
        self_contained(cell["f"])
