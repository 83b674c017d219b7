"""The table of mutants: for each code exercise, how many wrong solutions its check refuses.

python tests/mutants/table.py                   # the table, in Markdown (about a minute)
python tests/mutants/table.py 03.collapse …     # these exercises only, and the survivors by name
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import torch

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.exercises.sandbox import Attempt, NotAttempted, NotYet
from omni_lib.course.notebooks import LESSONS
from tests.mutants.equivalent import reason
from tests.mutants.mutation import Mutant, mutants

SECONDS = 3.0  # for one call of a mutant; the slowest solution takes a tenth of it


def code_exercises() -> list[CodeExercise]:
    """The code exercises of the course, in its order."""
    lessons = [import_module(f"omni_lib.course.lessons.{name}") for name in LESSONS.values()]
    return [each for lesson in lessons for each in lesson.EXERCISES if isinstance(each, CodeExercise)]


def reply(exercise: CodeExercise, mutant: Mutant) -> str | None:
    """The reply with which the exercise's judge refuses a mutant; None where it takes it for right."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            exercise.judge(Attempt(mutant.function, seconds=SECONDS))
    except (NotYet, NotAttempted) as found:
        return str(found)
    except Exception as error:  # the judge cannot work with it: `CodeExercise.examine` refuses that, too
        return f"{type(error).__name__}: {error}"
    return None


def main(keys: Sequence[str]) -> int:
    """Print the table; exit status 1 where a mutant survives that is not listed as equivalent."""
    torch.set_num_threads(1)
    rows, status = [], 0
    for exercise in code_exercises():
        if keys and exercise.key not in keys:
            continue
        made = mutants(exercise.answer)
        alive = [mutant.name for mutant in made if reply(exercise, mutant) is None]
        unexplained = [name for name in alive if reason(exercise.key, name) is None]
        rows.append((exercise.key, len(made), len(made) - len(alive), len(alive) - len(unexplained)))
        for name in unexplained:
            print(f"{exercise.key} survives: {name}", file=sys.stderr, flush=True)
            status = 1
    print("| exercise | mutants | refused | equivalent |\n|---|---:|---:|---:|")
    for key, made_count, refused, equivalent in rows:
        print(f"| `{key}` | {made_count} | {refused} | {equivalent} |")
    sums = [sum(row[column] for row in rows) for column in (1, 2, 3)]
    print(f"| all | {sums[0]} | {sums[1]} | {sums[2]} |")
    return status


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main(sys.argv[1:]))
