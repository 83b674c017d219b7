"""Each notebook, solved, runs in a fresh workspace from its first cell to its last without any error.

Every exercise and question has the course's own answer, and its check must say that it is right.
`notebooks/test_committed_notebooks.py` runs the notebooks blank.
"""

import nbformat
import pytest

from omni_lib.course.exercises.progress import Progress
from omni_lib.course.notebooks import LESSONS, lesson_of, solved
from tests.browser.lab import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOKS = ROOT / "notebooks"
RUNS = {"tiny", "tiny_with_2_own", "tiny_muon_rate_0", "tiny_seed_1"}  # of 05, its capstone, its experiments


def pictures(cells) -> int:
    """How many pictures the outputs of the cells hold."""
    return sum("image/png" in output.get("data", {}) for cell in cells for output in cell.get("outputs", []))


@pytest.mark.usefixtures("embedded_corpus")
@pytest.mark.parametrize("name", LESSONS)
def test_solved_it_runs_from_top_to_bottom_and_every_check_is_right(open_notebook, tmp_path, name):
    lesson = lesson_of(NOTEBOOKS / f"{name}.ipynb")
    node = solved(nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4), lesson)
    home = f"import os\nos.environ['OMNI_HOME'] = {str(tmp_path)!r}"
    node.cells.insert(0, nbformat.v4.new_code_cell(home))
    notebook = open_notebook(notebook=node)
    notebook.run_all(timeout=1200)
    notebook.assert_clean()
    notebook.screenshots(name)
    progress = Progress(tmp_path / "progress.json").read()
    right = {key for key, entry in progress.items() if entry["right"]}
    assert right == {exercise.key for exercise in lesson.EXERCISES}
    if name == "05_full_training":
        assert_it_trained_to_the_end(notebook.contents()["cells"], name)
        checkpoints = notebook.server.notebooks.parents[1] / "checkpoints"  # as the fixture `server` says
        assert {saved.parent.name for saved in checkpoints.rglob("audio_enc_step_18.pt")} >= RUNS


def assert_it_trained_to_the_end(cells, name: str) -> None:
    """The cells print an error rate and transcripts, and draw as many figures as the stored notebook has."""
    printed = "\n".join(
        "".join(output.get("text", "")) for cell in cells for output in cell.get("outputs", [])
    )
    assert "finished at step 18" in printed
    assert "audio_enc_step_18.pt: WER" in printed and "8 utterances" in printed
    assert printed.count("  said:  ") >= 3 and "was said" in printed
    stored = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    assert pictures(cells) == pictures(stored.cells) > 10
