"""Every notebook runs from its first cell to its last, as a learner would run it, on a corpus and settings that take seconds."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def output_of(cell: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


@pytest.mark.slow
def test_full_training_runs_and_ends_with_an_error_rate(make_tiny_config, tmp_path, monkeypatch):
    config = make_tiny_config(tmp_path / "run")
    (tmp_path / "tiny.json").write_text(json.dumps(config.to_dict()))
    monkeypatch.setenv("OMNI_CONFIG", str(tmp_path / "tiny.json"))
    notebook = nbformat.read(NOTEBOOKS / "05_full_training.ipynb", as_version=4)

    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()

    printed = "\n".join(output_of(cell) for cell in notebook.cells if cell.cell_type == "code")
    assert "[Step 18/18] ctc_loss=" in printed
    assert "Training complete! test, greedy: WER" in printed and "test, beam search with a 3-gram" in printed
    pictures = [output for cell in notebook.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
    assert len(pictures) == 1
    assert (tmp_path / "run" / "audio_enc_step_18.pt").exists()
