"""Mutants of every solution are refused by the exercise's check: a sample always, and all of them nightly."""

import os

import pytest

from omni_lib.course.exercises.sandbox import MOST_NUMBERS, numbers_in
from omni_lib.machine.clone import ROOT
from tests.mutants.equivalent import EQUIVALENT, reason
from tests.mutants.mutation import mutants
from tests.mutants.table import code_exercises, reply

EXERCISES = code_exercises()
SAMPLE = 5  # mutants of each exercise, the same in every run
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=[each.key for each in EXERCISES])


@pytest.fixture(autouse=True)
def my_home(tmp_path, monkeypatch):
    monkeypatch.setenv("OMNI_HOME", str(tmp_path))


@each_exercise
def test_a_sample_of_mutants_is_refused_in_few_numbers(exercise):
    wrong = [mutant for mutant in mutants(exercise.answer) if reason(exercise.key, mutant.name) is None]
    for mutant in wrong[:: max(1, len(wrong) // SAMPLE)]:
        found = reply(exercise, mutant)
        assert found is not None, f"{exercise.key} takes this for right: {mutant.name}"
        assert few_numbers(found), found


@pytest.mark.nightly
@pytest.mark.skipif(not os.environ.get("OMNI_NIGHTLY"), reason="all mutants take a minute: OMNI_NIGHTLY=1")
@each_exercise
def test_every_mutant_is_refused_or_equivalent(exercise):
    for mutant in mutants(exercise.answer):
        refused = reply(exercise, mutant) is not None
        assert refused == (reason(exercise.key, mutant.name) is None), f"{exercise.key}: {mutant.name}"


@each_exercise
def test_each_listed_equivalent_is_one_mutant(exercise):
    changed = [mutant.name.split("  →  ")[1] for mutant in mutants(exercise.answer)]
    for part in EQUIVALENT.get(exercise.key, {}):
        assert sum(part in line for line in changed) == 1, (part, changed)


def test_only_exercises_have_equivalents():
    assert EQUIVALENT.keys() <= {exercise.key for exercise in EXERCISES}


@each_exercise
def test_there_are_mutants_and_each_has_a_name_of_its_own(exercise):
    names = [mutant.name for mutant in mutants(exercise.answer)]
    assert names and len(set(names)) == len(names), sorted(names)


def few_numbers(text):
    """Whether a reply shows three numbers at most, not counting what Python's own exception says."""
    return len(numbers_in(text.split("raises ")[0])) <= MOST_NUMBERS


@each_exercise
def test_the_table_in_the_readme_is_up_to_date(exercise):
    readme = (ROOT / "omni_lib" / "course" / "README.md").read_text(encoding="utf-8")
    made, equivalent = len(mutants(exercise.answer)), len(EQUIVALENT.get(exercise.key, {}))
    assert f"| `{exercise.key}` | {made} | {made - equivalent} | {equivalent} |" in readme, (
        "python tests/mutants/table.py"
    )
