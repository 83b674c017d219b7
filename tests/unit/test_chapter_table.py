"""The table of the teacher's guide: every statement of the chapter is in the lesson that it names."""

import json
import re

import pytest

from omni_lib.course.materials import ROOT
from omni_lib.course.notebooks import LESSONS

GUIDE = ROOT / "notebooks" / "README.md"
SECTIONS = (  # of the chapter, with the least number of its statements
    ("What is Stage B?", 4), ("The task", 8), ("CTC loss", 5), ("Metrics", 4), ("Configuration", 5),
    ("Progress", 2), ("Data", 3), ("Output files", 3), ("Running", 5), ("Self-check", 5),
)  # fmt: skip
FIGURES = (  # of the chapter
    "89.3", "45.23", "18.67", "12.34", "8.45", "78.5%", "45.2%", "25.8%", "12.3%", "10.5M", "8 h 15 m",
    "12 GB", "1e-4", "10–20%", "50–100", "30–45", "10–15", "xjkdf wkejf", "hllo wrld", "hello wrold",
    "step_2000",
)  # fmt: skip


def sources(number):
    """The source of every cell of a lesson."""
    (stem,) = (stem for stem in LESSONS if stem.startswith(number))
    cells = json.loads((ROOT / "notebooks" / f"{stem}.ipynb").read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells]


def rows():
    """(section, statement, number of the lesson, words of the cell) of each row."""
    lines = re.findall(r"^\| (.+?) \| (.+?) \| (0\d) \| (.+) \|$", GUIDE.read_text(encoding="utf-8"), re.M)
    sections = {section for section, _ in SECTIONS}
    return [line for line in lines if line[0] in sections]


@pytest.mark.parametrize(("section", "least"), SECTIONS)
def test_every_section_of_the_chapter_has_its_rows(section, least):
    assert sum(row[0] == section for row in rows()) >= least


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[2]}: {row[1]}")
def test_the_cell_that_a_row_names_exists(row):
    _, _, number, words = row
    assert sum(words in source for source in sources(number)) >= 1, f"no cell of lesson {number} has: {words}"


def test_no_statement_stands_twice():
    statements = [row[:2] for row in rows()]
    assert len(set(statements)) == len(statements) >= 48


def test_every_figure_of_the_chapter_is_in_some_lesson():
    text = "\n".join(source for stem in LESSONS for source in sources(stem[:2]))
    assert [figure for figure in FIGURES if figure not in text] == []
