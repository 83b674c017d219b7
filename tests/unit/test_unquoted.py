"""A letter that is given to `check` without quotes."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

from omni_lib.course.exercises import unquoted


@pytest.fixture
def shell(monkeypatch):
    """A shell in which the lessons' replies are switched on, with a question `lesson.rotary`."""
    own = InteractiveShell()
    monkeypatch.setattr(unquoted, "get_ipython", lambda: own)
    unquoted.reply_to_letters_without_quotes()
    own.run_cell("from omni_lib.course.lessons import encoder as lesson")
    return own


def test_a_letter_without_quotes_is_told_to_take_them(shell, capsys):
    shell.run_cell("lesson.rotary.check( b )")
    said = "".join(capsys.readouterr())
    assert 'Put the letter in quotes, as in .check("b")' in said and "NameError" not in said


@pytest.mark.parametrize("source", ["lesson.rotary.check(answer)", "print(b)", "lesson.rotary.check(b + 1)"])
def test_any_other_unknown_name_is_an_error_as_usual(shell, capsys, source):
    shell.run_cell(source)
    said = "".join(capsys.readouterr())
    assert "NameError" in said and "quotes" not in said


def test_outside_a_notebook_nothing_happens(monkeypatch):
    monkeypatch.setattr(unquoted, "get_ipython", lambda: None)
    unquoted.reply_to_letters_without_quotes()
