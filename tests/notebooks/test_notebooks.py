"""Lesson 05 run from the first cell to the last: it trains, stops, and trains with a learner's parts."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from omni_lib.course.own_recogniser import PARTS, exercise_of

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def output_of(cell: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


@pytest.mark.slow
def test_full_training_ends_with_an_error_rate_and_two_solved_parts_train(
    make_tiny_config, tmp_path, monkeypatch
):
    config = make_tiny_config(tmp_path / "run", num_epochs=6)
    (tmp_path / "tiny.json").write_text(json.dumps(config.to_dict()))
    monkeypatch.setenv("OMNI_CONFIG", str(tmp_path / "tiny.json"))
    monkeypatch.setenv("OMNI_HOME", str(tmp_path / "home"))
    for name in ("03.collapse", "04.edit_counts"):
        exercise_of(name).check(exercise_of(name).answer)
    notebook = nbformat.read(NOTEBOOKS / "05_full_training.ipynb", as_version=4)

    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()

    printed = "\n".join(output_of(cell) for cell in notebook.cells if cell.cell_type == "code")
    assert "finished at step 36" in printed
    assert printed.count("audio_enc_step_36.pt: WER") == 2 and "8 utterances" in printed
    assert f"2 of {len(PARTS)} parts are yours; audio_enc_step_36.pt" in printed
    assert printed.count("  said:  ") >= 3 and printed.count("was said:") == 3
    log = json.loads((tmp_path / "run" / "training_log.json").read_text())
    assert [entry["step"] for entry in log["entries"] if entry["type"] == "epoch"] == [6, 12, 18, 24, 30, 36]
    pictures = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    # range test, two recipes, four logs; panel and curves; panel and comparison of the own run; two changes
    assert len(pictures) == 12
    folders = {path.parent.name for path in tmp_path.glob("run*/audio_enc_step_36.pt")}
    assert folders == {"run", "run_with_2_own", "run_muon_rate_0", "run_seed_1"}
