"""The committed notebooks store what they compute, with all exercises blank.

nbval runs in a process of its own for each notebook, so that a kernel that dies takes nothing else with it.
`browser/test_notebooks_in_lab.py` runs the notebooks solved.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from omni_lib.course.notebooks import (
    FOLDER,
    LARGEST,
    LESSONS,
    LONG,
    faults,
    lesson_of,
    normalise,
    short_training,
)

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NOTEBOOKS = [FOLDER / f"{name}.ipynb" for name in LESSONS]
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def nbval(path, home, *options):
    """Run nbval over one notebook; (exit status, what it said)."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "tests.notebooks.as_stored",
        "-c",
        os.devnull,
        f"--rootdir={path.parent}",
    ]
    sanitize = f"--nbval-sanitize-with={HERE / 'nbval_sanitize.cfg'}"
    path_of_modules = os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])
    environment = os.environ | {"OMNI_HOME": str(home), "PYTHONPATH": path_of_modules, "OMP_NUM_THREADS": "1"}
    environment["OMNI_CONFIG"] = str(short_training(home, epochs=8))
    command += [*options, sanitize, str(path)]
    done = subprocess.run(
        command, cwd=path.parent, env=environment, capture_output=True, text=True, timeout=900
    )
    return done.returncode, done.stdout + done.stderr


def read(path):
    return nbformat.read(path, as_version=4)


@each
def test_a_notebook_is_well_kept(path):
    notebook = read(path)
    assert faults(notebook, lesson_of(path)) == []
    assert path.stat().st_size < LARGEST
    assert read(path) == normalise(notebook), "run `make notebooks`"


@each
def test_it_stores_neither_paths_nor_times(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/home/|/Users/|/root/|/tmp/|[A-Z]:\\\\Users|\b\d{4}-\d\d-\d\dT\d\d:\d\d", text)


@each
def test_every_section_has_prose_and_the_lesson_ends_with_its_references(path):
    notebook = read(path)
    assert notebook.cells[0].source.startswith(f"# {path.stem[:2]} · ")
    assert any(
        re.search(r"^#+ References", cell.source, re.MULTILINE)
        for cell in notebook.cells[-4:]
        if cell.cell_type == "markdown"
    )


def test_only_what_the_full_training_gave_is_not_compared():
    """Of lesson 05. The other two cells print numbers that depend on the processor."""
    ignored = [
        cell for cell in read(FOLDER / "05_full_training.ipynb").cells if "nbval-ignore-output" in tags(cell)
    ]
    others = [cell.source.splitlines()[0] for cell in ignored if LONG not in tags(cell)]
    assert others == [
        'short = settings("configs/lesson_short.json", mixed_precision=False)',
        'trainer = workbench(replace(short, schedule="constant", warmup_steps=5))',
    ]


@each
def test_long_runs_are_stored_as_such(path):
    """A cell of a long run is not compared, and only lesson 05 has any."""
    long = [cell for cell in read(path).cells if LONG in tags(cell)]
    assert all("nbval-ignore-output" in tags(cell) and cell.outputs for cell in long)
    assert bool(long) == (path.stem == "05_full_training")


def tags(cell):
    return cell.metadata.get("tags", [])


def first_comparable(notebook):
    """Number of the first code cell whose stored text can be changed."""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and "nbval-ignore-output" not in cell.metadata.get("tags", []):
            if any("text" in output or "text/plain" in output.get("data", {}) for output in cell.outputs):
                return number
    raise AssertionError("no cell of this notebook is compared with anything")


@pytest.mark.slow
@pytest.mark.usefixtures("embedded_corpus")
@each
def test_blank_it_computes_what_it_stores_and_a_changed_output_is_noticed(path, tmp_path):
    """One run shows both: of all cells, only the one whose stored output was changed here disagrees."""
    notebook = read(path)
    number = first_comparable(notebook)
    for output in notebook.cells[number].outputs:
        if "text" in output:
            output.text += "7"
        elif "text/plain" in output.get("data", {}):
            output.data["text/plain"] += "7"
    nbformat.write(notebook, tmp_path / path.name)
    status, said = nbval(tmp_path / path.name, tmp_path, "--nbval")
    code_cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert status == 1, said
    assert re.search(rf"\b1 failed, {len(code_cells) - 1} passed\b", said), said
    changed = code_cells.index(notebook.cells[number])
    assert re.search(rf"::Cell {changed}\b", said.rpartition("short test summary")[2]), said
