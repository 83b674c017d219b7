"""Lesson 05 run from the first cell to the last: it trains, stops, resumes and reports an error rate."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def output_of(cell: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


@pytest.mark.slow
def test_full_training_stops_resumes_and_ends_with_an_error_rate(make_tiny_config, tmp_path, monkeypatch):
    config = make_tiny_config(tmp_path / "run", num_epochs=6)
    (tmp_path / "tiny.json").write_text(json.dumps(config.to_dict()))
    monkeypatch.setenv("OMNI_CONFIG", str(tmp_path / "tiny.json"))
    monkeypatch.setenv("OMNI_HOME", str(tmp_path / "home"))
    notebook = nbformat.read(NOTEBOOKS / "05_full_training.ipynb", as_version=4)

    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()

    printed = "\n".join(output_of(cell) for cell in notebook.cells if cell.cell_type == "code")
    assert "finished with exit code 0 at step 36" in printed
    assert "audio_enc_step_36.pt: WER" in printed and "8 utterances" in printed
    assert printed.count("  said:  ") >= 3 and "what was said" in printed
    log = json.loads((tmp_path / "run" / "training_log.json").read_text())
    assert [entry["step"] for entry in log["entries"] if entry["type"] == "epoch"] == [6, 12, 18, 24, 30, 36]
    pictures = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 7  # range test, panel, curves, four logs
    assert (tmp_path / "run" / "audio_enc_step_36.pt").exists()
