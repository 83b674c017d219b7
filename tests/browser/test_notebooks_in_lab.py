"""Each notebook runs in a fresh workspace from its first cell to its last without any error."""

import nbformat
import pytest

from tests.browser.lab import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOKS = ROOT / "notebooks"


def pictures(cells) -> int:
    """How many pictures the outputs of the cells hold."""
    return sum("image/png" in output.get("data", {}) for cell in cells for output in cell.get("outputs", []))


@pytest.mark.usefixtures("embedded_corpus")
@pytest.mark.parametrize("name", [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))])
def test_it_runs_from_top_to_bottom(open_notebook, name):
    notebook = open_notebook(name)
    notebook.run_all(timeout=240)
    notebook.assert_clean()
    notebook.screenshots(name)
    if name == "05_full_training":
        assert_it_trained_to_the_end(notebook.contents()["cells"], name)


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
