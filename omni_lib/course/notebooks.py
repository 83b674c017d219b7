"""Executes the notebooks for a commit, so that their outputs are the same on every computer.

    python -m omni_lib.course.notebooks [notebooks/01_mel_features.ipynb …]     (or `make notebooks`)

A notebook runs from its first cell to its last with an empty progress file. What differs from run to run is
removed: sound, widget states and time stamps. Exercises stay blank; for the tests, `solved` fills them in.

Lesson 05 is executed with the full training. It is found in `checkpoints/audio_enc_tiny/`, followed if it is
going on, and else started, which takes as long as `make train`. The cells with the tag `long-run` show it.
The tests run them with a short training, so their outputs are not compared.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from omni_lib.config import load_config
from omni_lib.course.exercises.checking import CodeExercise, Exercise, source_of
from omni_lib.course.exercises.progress import Progress
from omni_lib.course.exercises.questions import Choice, Number, Reflection
from omni_lib.course.still import WIDGET_VIEW
from omni_lib.errors import UserError
from omni_lib.machine.clone import ROOT

FOLDER = ROOT / "notebooks"
LESSONS = {  # notebook -> module of its exercises
    "00_start_here": "start_here",
    "01_mel_features": "mel_features",
    "02_encoder": "encoder",
    "03_ctc_alignment": "ctc_alignment",
    "04_wer": "error_rate",
    "05_full_training": "full_training",
    "06_stage_e": "stage_e",
}
LARGEST = 1_500_000  # bytes of a committed notebook
QUIET = {"quiet", "exercise"}  # tags of cells without output
LONG = "long-run"  # tag of a cell whose stored output is that of the full training
_SOUND = re.compile(r"data:audio/[^\"']*")
_BUSY = re.compile(r"^note  busy: .*\n", re.MULTILINE)  # in `omni doctor`, about other processes at the time


def lesson_of(path: Path) -> Any:
    """The module with the exercises of a notebook."""
    return import_module(f"omni_lib.course.lessons.{LESSONS[path.stem]}")


def execute(path: Path) -> NotebookNode:
    """The notebook at `path`, executed as for a learner who has not answered anything in it yet.

    Raises:
        UserError: a cell fails, or takes too long.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    notebook: NotebookNode = nbformat.read(path, as_version=4)
    folder = {"metadata": {"path": str(path.parent)}}
    long = any(LONG in cell.metadata.get("tags", []) for cell in notebook.cells)
    timeout = 4 * 3600 if long else 600  # seconds for a cell
    with fresh_home(short=not long) as home:
        if long:
            solve_before(path.stem[:2], home)
        try:
            NotebookClient(notebook, timeout=timeout, kernel_name="python3", resources=folder).execute()
        except (CellExecutionError, CellTimeoutError) as error:
            raise UserError(f"{path.name} does not run: {str(error).strip().splitlines()[-1]}") from error
    return notebook


def solve_before(number: str, home: Path) -> None:
    """Enter the course's solutions of the lessons before `number` into the progress in `home`.

    The capstone then has parts to train with. Only exercises with a place in the training loop are entered.
    """
    for stem in LESSONS:
        for exercise in lesson_of(Path(stem)).EXERCISES if stem[:2] < number else ():
            if isinstance(exercise, CodeExercise) and exercise.plug_in:
                Progress(home / "progress.json").add_try(
                    exercise.key, right=True, **exercise.kept(exercise.answer)
                )


@contextmanager
def fresh_home(short: bool = True) -> Iterator[Path]:
    """Use an empty progress file inside the `with` block.

    Args:
        short: whether lesson 05 trains for seconds, or as long as its settings say.
    """
    before = {name: os.environ.get(name) for name in ("OMNI_HOME", "OMNI_CONFIG")}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["OMNI_HOME"] = folder
        os.environ.pop("OMNI_CONFIG", None)
        if short:
            os.environ["OMNI_CONFIG"] = str(short_training(Path(folder)))
        try:
            yield Path(folder)
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def short_training(folder: Path, epochs: int | None = None) -> Path:
    """Write settings for a training of some seconds, whose run is saved below `folder`.

    Lesson 05 uses the settings that the environment variable `OMNI_CONFIG` names.

    Args:
        epochs: fewer than in `configs/lesson_short.json`, where what the run learns does not matter.
    """
    config = load_config(ROOT / "configs" / "lesson_short.json")
    run = folder / "checkpoints" / "lesson_short"
    config = replace(
        config,
        data_path=str(ROOT / config.data_path),
        save_dir=str(run),
        num_epochs=epochs or config.num_epochs,
    )
    path = folder / "lesson_short.json"
    path.write_text(json.dumps(config.to_dict()), encoding="utf-8")
    return path


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Remove from an executed notebook what differs from run to run and from machine to machine, in place.

    Raises:
        UserError: an output contains the path of a folder of this machine.
    """
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata = NotebookNode(kernelspec=kernel, language_info={"name": "python"})
    count = 0
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        for key in ("execution", "widgets", "ExecuteTime"):
            cell.metadata.pop(key, None)
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        kept = [_normalised(output, count) for output in cell.outputs if not _is_noise(output)]
        cell.outputs = _joined([output for output in kept if output.get("data", True)])
        if str(ROOT) in str(cell.outputs) or str(Path.home()) + os.sep in str(cell.outputs):
            raise UserError(
                f"the output of cell {number} contains a path of this machine: "
                "print it relative to the project instead"
            )
    return notebook


def _is_noise(output: NotebookNode) -> bool:
    return bool(output.output_type == "stream" and output.name == "stderr")  # progress bars and warnings


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Printed text in one output, however the timing of the kernel has split it."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == joined[-1].output_type == "stream":
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def _normalised(output: NotebookNode, count: int) -> NotebookNode:
    if "execution_count" in output:
        output.execution_count = count
    if output.output_type == "stream":
        output.text = _BUSY.sub("", output.text)
    data = output.get("data", {})
    data.pop(WIDGET_VIEW, None)  # without its kernel a widget is dead; the static figure beside it stays
    keep_one_figure(data)
    if "text/html" in data:
        data["text/html"] = _SOUND.sub("", data["text/html"])
    return output


def keep_one_figure(data: dict[str, Any]) -> None:
    """Remove the HTML of a figure that is there as an image too: only a live JupyterLab needs both."""
    if "image/png" in data:
        data.pop("text/html", None)


def solved(notebook: NotebookNode, lesson: Any) -> NotebookNode:
    """Fill in a right answer to every exercise and question and remove all outputs, in place.

    Raises:
        KeyError, AttributeError: a cell names an exercise that the lesson does not have.
    """
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        tags, names = cell.metadata.get("tags", []), cell.metadata.get("omni", {})
        if "exercise" in tags:
            cell.source = source_of(getattr(lesson, names["exercise"]).answer)
        elif "question" in tags:
            question = getattr(lesson, names["question"])
            asked = cell.source
            cell.source = f"{asked}.check({right_answer(question)!r})"
            if isinstance(question, Reflection):
                cell.source += f"\n{asked}.judge{tuple(True for _ in question.points)!r}"
    return notebook


def right_answer(exercise: Exercise) -> Any:
    """An answer that `exercise.check` accepts; of a reflection, our own answer, which has all its points."""
    if isinstance(exercise, CodeExercise):
        return exercise.answer
    if isinstance(exercise, Reflection):
        return exercise.model
    assert isinstance(exercise, (Choice, Number))
    return exercise.right


def faults(notebook: NotebookNode, lesson: Any) -> list[str]:
    """What is wrong with a committed notebook, one line for each fault."""
    found = []
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    if counts != list(range(1, len(counts) + 1)):
        found.append(f"execution counts are {counts}: run `make notebooks`")
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        tags = set(cell.metadata.get("tags", []))
        if not cell.outputs and not tags & QUIET:
            found.append(f"cell {number} has no output: show something or add the tag quiet\n{cell.source}")
        if len(cell.source.splitlines()) > 25 and "exercise" not in tags:
            found.append(f"cell {number} is longer than 25 lines")
        if _SOUND.search(str(cell.outputs)):
            found.append(f"cell {number} stores sound: run `make notebooks`")
        for output in cell.outputs:
            described = output.get("metadata", {}).get("image/png", {}).get("alt")
            if "image/png" in output.get("data", {}) and not described:
                found.append(
                    f"cell {number} has a figure without alternative text: figures.shown(figure, '…')"
                )
    used = [name for cell in notebook.cells for name in cell.metadata.get("omni", {}).values()]
    used = list(dict.fromkeys(used))  # a stub, its check and its training name the same exercise
    offered = [exercise.name for exercise in lesson.EXERCISES]
    if set(used) != set(offered):
        only = sorted(set(used) ^ set(offered))
        found.append(f"exercises only in the notebook or only in the lesson: {only}")
    elif used != offered:
        found.append(f"the lesson's EXERCISES must be in the order of the notebook: {', '.join(used)}")
    return found


def main(arguments: Sequence[str]) -> int:
    """Execute, normalise and rewrite the given notebooks, or all, and return the exit status."""
    paths = [Path(name) for name in arguments] or sorted(FOLDER.glob("*.ipynb"))
    status = 0
    for path in paths:
        try:
            notebook = normalise(execute(path))
        except UserError as error:
            print(error, file=sys.stderr)
            status = 2
            continue
        nbformat.validate(notebook)
        path.write_text(nbformat.writes(notebook, version=4, indent=1) + "\n", encoding="utf-8")
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
        for fault in faults(notebook, lesson_of(path)):
            print(f"  ! {fault}")
            status = status or 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
