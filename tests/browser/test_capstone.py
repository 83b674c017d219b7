"""The capstone of lesson 05 alone: a learner who has solved two of the ten parts trains with them."""

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.lab import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

COLLAPSE = """\
from itertools import groupby
from omni_lib.course.lessons import ctc_alignment, full_training

BLANK = 0

def collapse(path):
    return [symbol for symbol, _ in groupby(path) if symbol != BLANK]"""
LEARNING_RATE = """\
from math import cos, pi

def learning_rate(step, total_steps, peak, warmup_steps):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak / 2 * (1 + cos(pi * (step - warmup_steps) / (total_steps - warmup_steps)))"""


def section(title: str) -> list[str]:
    """The code of the cells below a heading of lesson 05, up to the next heading."""
    cells = nbformat.read(ROOT / "notebooks" / "05_full_training.ipynb", as_version=4).cells
    begins = [number for number, cell in enumerate(cells) if cell.source.startswith("## ")]
    first = next(number for number in begins if cells[number].source.startswith(f"## {title}"))
    last = next(number for number in begins if number > first)
    return [cell.source for cell in cells[first:last] if cell.cell_type == "code"]


def test_two_parts_of_the_learner_train_and_the_board_names_them(open_notebook, tmp_path):
    board, training = section("Your own recogniser")[:2]
    notebook = open_notebook(
        source=[
            f"import os\nos.environ['OMNI_HOME'] = {str(tmp_path)!r}",
            COLLAPSE,
            "ctc_alignment.collapse.check(collapse)",
            LEARNING_RATE,
            "full_training.learning_rate.check(learning_rate)",
            board,
            training,
            "await own.ended()\nstatus = own.status()",
            "print(status.state.value, 'at step', status.step, own.folder.name)",
        ]
    )
    notebook.run_all(timeout=600)
    notebook.assert_clean()
    outputs = notebook.page.locator(".jp-OutputArea-output")  # drawn some time after they have arrived
    expect(outputs.filter(has_text="2 of 10 parts are yours").first).to_be_visible()
    expect(outputs.filter(has_text="at step").filter(has_text="_with_2_own").first).to_be_visible()
    shown = notebook.page.locator(".jp-OutputArea-output").all_inner_texts()
    table = next(text for text in shown if "2 of 10 parts are yours" in text)
    assert table.count("yours\n") + table.count("yours\t") >= 2 and "not solved yet (lesson 01)" in table
    (ended,) = (text for text in shown if "at step" in text and "finished" in text and "_with_2_own" in text)
    assert "finished at step 18" in ended
