"""The header of each lesson and the list at its end."""

import re
from importlib import import_module

import pytest

from omni_lib.course import board, lab, lesson_page
from omni_lib.course.notebooks import LESSONS
from omni_lib.machine.clone import ROOT

MODULES = {name: import_module(f"omni_lib.course.lessons.{module}") for name, module in LESSONS.items()}
each = pytest.mark.parametrize(("name", "lesson"), MODULES.items(), ids=list(MODULES))


@pytest.fixture(autouse=True)
def my_home(tmp_path, monkeypatch):
    monkeypatch.setenv("OMNI_HOME", str(tmp_path))


@each
def test_every_link_of_a_header_leads_to_a_file(name, lesson, monkeypatch):
    for folder in (ROOT / "notebooks", ROOT / "omni_lib" / "course"):
        monkeypatch.chdir(folder)
        links = re.findall(r'href="([^"]*)"', lesson_page.header(lesson)._repr_html_())
        assert len(links) >= 2 and not any(re.match(r"\w+:|/", link) for link in links), "relative links"
        code = [link for link in links if not link.endswith(".ipynb")]
        assert code and all((folder / link).is_file() for link in code)
        assert all((ROOT / "notebooks" / link).is_file() for link in links if link.endswith(".ipynb"))


def test_the_lessons_are_linked_in_order():
    names = list(LESSONS)
    for index, lesson in enumerate(MODULES.values()):
        header = lesson_page.header(lesson)
        assert header.before == ([""] + names)[index] and header.after == (names + [""])[index + 1]


def test_outside_the_project_the_links_are_those_of_the_originals(tmp_path):
    assert lesson_page.link_to("omni_lib/audio.py", tmp_path) == "../omni_lib/audio.py"
    assert lesson_page.link_to("README.md", ROOT / "notebooks" / "my") == "../../README.md"


def test_code_that_jupyterlab_does_not_serve_is_named_without_a_link(tmp_path, monkeypatch):
    lesson = MODULES["01_mel_features"]
    for served in (ROOT, ROOT.parent):
        monkeypatch.setenv(lab.SERVED, str(served))
        assert 'audio.py">omni_lib/audio.py</a>' in lesson_page.header(lesson)._repr_html_()
    monkeypatch.setenv(lab.SERVED, str(tmp_path))
    text = lesson_page.header(lesson)._repr_html_()
    assert "Its code, in the folder of the project: omni_lib/audio.py, " in text
    links = re.findall(r'href="([^"]*)"', text)
    assert links == ["00_start_here.ipynb", "02_encoder.ipynb"], "the other copies"


def test_the_minutes_are_those_of_the_teachers_table():
    assert lesson_page.minutes_of("00") == ("20", "–")
    assert "extras 15 more" in lesson_page.header(MODULES["01_mel_features"]).time
    with pytest.raises(KeyError, match="no row for lesson 07"):
        lesson_page.minutes_of("07")


@each
def test_every_aim_is_shown_by_exercises_of_its_lesson(name, lesson):
    names = {exercise.name for exercise in lesson.EXERCISES}
    assert {shown for aim in lesson_page.AIMS[lesson.NUMBER] for shown in aim.shown_by} <= names


def test_an_aim_is_reached_when_all_its_exercises_are_right():
    lesson = MODULES["00_start_here"]
    assert "✓ say" not in repr(lesson_page.can_do(lesson))
    lesson.pipeline_order.check("b")
    reached = lesson_page.can_do(lesson)
    assert "✓ say how sound becomes text" in repr(reached) and "○ answer an exercise" in repr(reached)
    assert reached._repr_html_().count("✓") == 2, "one in the heading"
    assert board.summary(lesson).right == 1
