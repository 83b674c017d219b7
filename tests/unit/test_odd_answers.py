"""A check gives a verdict and never raises, whatever a function returns or a question is answered with."""

from importlib import import_module

import numpy as np
import pytest
import torch

from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.exercises.questions import Number, Reflection
from omni_lib.course.exercises.verdict import Outcome
from omni_lib.course.notebooks import LESSONS

pytestmark = pytest.mark.slow

ODD = [
    *(-1, True, 1.5, float("nan"), float("inf"), 10**400, 1j, "a", "", b"x", None, object(), range(3)),
    *([], [1], [[1], [2, 3]], ["a"], [None], (), (1, 2, 3), {}, {"a": 1}, set()),
    *(
        torch.tensor(1),
        torch.tensor([]),
        torch.zeros(2, 3, 4, 5),
        torch.tensor(1j),
        torch.tensor([True]),
        torch.zeros(2, 3).bfloat16(),
    ),
    *(np.zeros(3), np.array("a"), np.array(1)),
]
EXERCISES = [
    each for name in LESSONS.values() for each in import_module(f"omni_lib.course.lessons.{name}").EXERCISES
]


@pytest.fixture(autouse=True)
def my_home(tmp_path, monkeypatch):
    monkeypatch.setenv("OMNI_HOME", str(tmp_path))


@pytest.mark.parametrize("exercise", EXERCISES, ids=[exercise.key for exercise in EXERCISES])
def test_an_odd_answer_gets_a_verdict(exercise):
    for odd in ODD:
        verdict = exercise.check((lambda *_, odd=odd: odd) if isinstance(exercise, CodeExercise) else odd)
        assert verdict.message
        assert verdict.outcome is not Outcome.RIGHT or not isinstance(exercise, CodeExercise), odd


@pytest.mark.parametrize("value", [10**400, torch.tensor(1j), torch.zeros(2), np.zeros(2), "a dozen", [12]])
def test_an_answer_that_is_not_a_number_is_not_yet_right(value):
    assert (
        "a number is wanted"
        in Number("99.n", "How many?", 12, 0, "Twelve.", hints=("A dozen.",)).check(value).message
    )


@pytest.mark.parametrize("blank", ["", "  ", None, ...])
def test_an_empty_sentence_is_a_blank(blank):
    question = Reflection("99.t", "Why?", "Because.", ("one point", "another"), hints=("Think.",))
    assert question.check(blank).outcome is Outcome.NOT_ATTEMPTED


@pytest.mark.parametrize("key", ["00.numbers_left", "00.pipeline_order"])
def test_an_empty_field_is_a_blank(key):
    (question,) = (each for each in EXERCISES if each.key == key)
    assert question.check(" ").outcome is Outcome.NOT_ATTEMPTED
