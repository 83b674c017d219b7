"""The board shows the progress of a learner, from their progress file alone."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from omni_lib.course import board
from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.exercises.expectations import expect_equal
from omni_lib.course.exercises.progress import Progress
from omni_lib.course.exercises.questions import Number, Reflection
from omni_lib.course.exercises.verdict import Outcome
from omni_lib.course.notebooks import LESSONS
from omni_lib.errors import UserError


@pytest.fixture(autouse=True)
def my_home(tmp_path, monkeypatch):
    monkeypatch.setenv("OMNI_HOME", str(tmp_path))


def double(x):
    return 2 * x


def lesson():
    judge = lambda attempt: expect_equal(attempt, (2,), 4)  # noqa: E731
    code = CodeExercise("01.double", "Double it.", 1, 4, judge, double, "Yes, twice.", hints=("times two",))
    return SimpleNamespace(
        NUMBER="01",
        TITLE="Doubling",
        EXERCISES=(code, Number("01.four", "2 · 2?", 4, 0, "Two twos are four.", hints=("Count.",))),
    )


def test_a_fresh_lesson_is_open_with_its_minutes():
    standing = board.summary(lesson())
    assert standing.right == 0
    assert [each.outcome for each in standing.standings] == [Outcome.NOT_ATTEMPTED] * 2
    estimate = "writing the code takes about 4 minutes (an estimate)"
    assert repr(standing) == f"01 · Doubling: 0 of 2 right. Open: double, four; {estimate}."


def test_extras_are_listed_separately():
    mine = lesson()
    mine.EXERCISES = (replace(mine.EXERCISES[0], key="01.double_again", extra=True), *mine.EXERCISES)
    assert board.summary(mine).advice == (
        "Open: double, four; writing the code takes about 4 minutes (an estimate). "
        "Extras: double_again; writing the code takes about 4 minutes (an estimate)."
    )
    mine.EXERCISES[0].check(double)
    assert "Extras" not in board.summary(mine).advice
    assert (
        "An extra: leave it for later" in mine.EXERCISES[0].blank and "extra" not in mine.EXERCISES[1].blank
    )


def test_tried_and_right_are_different_outcomes():
    mine = lesson()
    mine.EXERCISES[0].check(double)
    mine.EXERCISES[1].check(5)
    standing = board.summary(mine)
    assert [each.outcome for each in standing.standings] == [Outcome.RIGHT, Outcome.NOT_YET]
    assert repr(standing) == "01 · Doubling: 1 of 2 right. Open: four (tried)."
    assert (
        'title="double: right"' in standing._repr_html_()
        and 'title="four: not yet"' in standing._repr_html_()
    )


def test_what_the_learner_has_judged_counts_as_right_and_is_marked():
    mine = lesson()
    why = Reflection("01.why", "Why?", "Because.", ("one point", "another"), hints=("Think.",))
    mine.EXERCISES = (*mine.EXERCISES, why)
    why.check("So.")
    assert board.summary(mine).standings[2].outcome is Outcome.NOT_YET
    why.judge(True, True)
    standing = board.summary(mine)
    assert standing.standings[2].outcome is Outcome.JUDGED_RIGHT
    assert standing.count == "1 of 3 right (1 judged by you)"
    assert 'title="why: right, judged by you"' in standing._repr_html_() and "☑" in standing._repr_html_()


def test_a_hint_does_not_count_as_a_try():
    mine = lesson()
    mine.EXERCISES[0].hint()
    assert board.summary(mine).standings[0].outcome is Outcome.NOT_ATTEMPTED


def test_a_finished_lesson_has_nothing_open():
    mine = lesson()
    mine.EXERCISES[0].check(double)
    mine.EXERCISES[1].check(4)
    assert repr(board.summary(mine)) == "01 · Doubling: 2 of 2 right. Nothing is left open here."


def test_a_lesson_can_be_reset_and_the_others_stay():
    mine = lesson()
    mine.EXERCISES[0].check(double)
    Progress.mine().add_try("02.other", right=True)
    assert "01" in board.reset("01")
    assert board.summary(mine).right == 0
    assert Progress.mine().read()["02.other"]["right"]


@pytest.mark.parametrize("number", ["1", "07", "mel", ""])
def test_a_lesson_that_does_not_exist_is_refused(number):
    with pytest.raises(UserError, match="there is no lesson"):
        board.reset(number)


def test_the_board_has_every_lesson_in_order():
    everything = board.everything()
    assert [standing.number for standing in everything.lessons] == [name[:2] for name in LESSONS]
    assert repr(everything).splitlines()[-1].startswith("0 of ")
    assert len(repr(everything).splitlines()) == len(LESSONS) + 1
    assert everything._repr_html_().count("<tr>") == len(LESSONS) + 1


def test_the_board_counts_over_all_lessons():
    mine, first = lesson(), lesson()
    first.NUMBER = "00"
    mine.EXERCISES[1].check(4)
    whole = board.Board((board.summary(first), board.summary(mine)))
    assert whole.total == "2 of 4 exercises and questions are right."  # both have the same keys
