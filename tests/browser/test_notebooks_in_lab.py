"""Each notebook runs in a fresh workspace from its first cell to its last without any error."""

import pytest

from tests.browser.lab import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.usefixtures("embedded_corpus")
@pytest.mark.parametrize("name", [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))])
def test_it_runs_from_top_to_bottom(open_notebook, name):
    notebook = open_notebook(name)
    notebook.run_all(timeout=240)
    notebook.assert_clean()
    notebook.screenshots(name)
