"""The checker itself: it must handle every answer and explain what is wrong with it."""

import functools
import json
import signal
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from omni_lib.course.exercises import sandbox
from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.exercises.expectations import expect_close, expect_equal
from omni_lib.course.exercises.progress import Progress
from omni_lib.course.exercises.questions import Choice, Number, Reflection
from omni_lib.course.exercises.sandbox import Attempt, NotAttempted, NotYet, TooSlow
from omni_lib.course.exercises.verdict import Outcome, Verdict


@pytest.fixture(autouse=True)
def my_home(tmp_path, monkeypatch):
    monkeypatch.setenv("OMNI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def double_every_value(x):
    return 2 * x


def judge(attempt):
    for values in ([1.0, 2.0], [[0.0, -1.0], [3.0, 4.0], [5.0, 6.0]]):
        expect_close(
            attempt,
            (torch.tensor(values),),
            2 * torch.tensor(values),
            axes="T D" if isinstance(values[0], list) else "T",
        )


DOUBLE = CodeExercise(
    key="99.double",
    goal="Double.",
    difficulty=1,
    minutes=1,
    judge=judge,
    answer=double_every_value,
    hints=("One.", "Two."),
    praise="Yes.",
)


def raises_a_long_message(x):
    raise ValueError("long " * 100)


def loops(x):
    while True:
        pass


def loops_and_catches(x):
    while True:
        try:
            time.sleep(0.001)
        except Exception:
            pass


def leaves(x):
    sys.exit(3)


def scribbles(x):
    x.mul_(2)
    return x


def recurses(x):
    return recurses(x)


@pytest.mark.parametrize(
    ("answer", "fragment"),
    [
        (lambda x: x, "differ"),
        (lambda x: 3 * x, "1.5 times what it should be"),
        (lambda x: (2 * x).T if x.ndim == 2 else 2 * x, "another order"),
        (lambda x: (2 * x)[None], "one axis too many"),
        (lambda x: (2 * x).sum(-1) if x.ndim == 2 else 2 * x, "An axis is missing"),
        (lambda x: x * float("nan"), "NaN"),
        (lambda x: None, "is the `return` missing"),
        (lambda x: "2", "a tensor of shape (2,) is wanted"),
        (lambda x: torch.complex(2 * x, x), "complex"),
        (lambda x, y: x, "raises TypeError"),
        (lambda x: 1 / 0, "raises ZeroDivisionError"),
        (leaves, "raises SystemExit"),
        (raises_a_long_message, "long long…"),
        (recurses, "raises RecursionError"),
        (scribbles, "changes its input"),
        (3, "your function itself"),
        (torch.ones(2), "your function itself"),
    ],
)
def test_the_message_explains_what_is_wrong(answer, fragment):
    verdict = DOUBLE.check(answer)
    assert verdict.outcome is Outcome.NOT_YET
    assert fragment in verdict.message and fragment.split("`")[0] in verdict._repr_html_().replace(
        "&quot;", '"'
    )


@pytest.mark.parametrize("other", [3, None, "text", [1.0], np.ones(2)])
def test_an_input_that_gets_another_type_is_reported_as_changed(other):
    def puts_in(rows):
        rows[0] = other
        return 1

    for rows in ([torch.ones(2)], [np.ones(3)], [[1.0, 2.0]], [{"a": 1}]):
        with pytest.raises(NotYet, match="^your function changes its input"):
            Attempt(puts_in)(rows)


LIST, NUMBER_OF_CALLS, MEMORY = [], 0, {}


def into_a_default(x, doubled=[]):  # noqa: B006  (the mistake)
    doubled += (2 * x).tolist()
    return doubled


def into_a_list_outside(x):
    LIST.extend(2 * each for each in x.tolist())
    return LIST


def into_a_number_outside(x):
    global NUMBER_OF_CALLS
    NUMBER_OF_CALLS += 1
    return (1 + NUMBER_OF_CALLS) * x


def into_the_default_of_a_helper(x):
    return into_a_default(x)


def keeps_its_first_result(x, *, memory={}):  # noqa: B006  (the mistake)
    return memory.setdefault("doubled", 2 * x)


@functools.cache
def entry_of_the_last_list(place):
    return 2 * LIST[place]


def into_a_cache(x):
    LIST[:] = x.flatten().tolist()
    return torch.tensor([entry_of_the_last_list(place) for place in range(len(LIST))]).reshape(x.shape)


@pytest.mark.parametrize(
    ("answer", "name", "checks"),
    [
        (into_a_cache, "entry_of_the_last_list", 1),
        (into_a_default, "doubled", 2),
        (into_a_list_outside, "LIST", 2),
        (into_a_number_outside, "NUMBER_OF_CALLS", 1),
        (into_the_default_of_a_helper, "doubled", 2),
        (keeps_its_first_result, "memory", 1),
    ],
)
def test_a_value_that_calls_share_is_named(answer, name, checks):
    """The reply to a result that differs for this reason alone would name a mistake that was not made."""
    for _ in range(checks):
        verdict = DOUBLE.check(answer)
        assert verdict.outcome is Outcome.NOT_YET
        assert f"in `{name}` what the calls before it have left there" in verdict.message, verdict


def remembers_and_triples(x):
    MEMORY[len(MEMORY)] = x
    return 3 * x


def remembers_and_doubles(x):
    MEMORY[len(MEMORY)] = x
    return 2 * x


def test_a_value_that_calls_share_is_not_named_where_the_mistake_is_another():
    assert "1.5 times what it should be" in DOUBLE.check(remembers_and_triples).message
    assert DOUBLE.check(remembers_and_doubles).outcome is Outcome.RIGHT
    assert len(MEMORY) == 3, "the check leaves the learner's variables as the learner's function does"


class Interrupted(dict):
    """An outcome whose first entry is interrupted because time is up once more."""

    def __setitem__(self, key, value):
        if not hasattr(self, "tried"):
            self.tried = True
            raise sandbox._TimeUp
        super().__setitem__(key, value)


@pytest.mark.parametrize("answer", [double_every_value, lambda x: 1 / 0])
def test_time_that_is_up_twice_does_not_escape_from_the_thread(answer):
    """Python would print "Exception in thread answer" into the learner's notebook."""
    outcome = Interrupted()
    sandbox._work(answer, (torch.ones(1),), outcome)
    assert isinstance(outcome["error"], sandbox._TimeUp)


def test_weights_that_do_not_fit_are_named():
    def loads(x):
        torch.nn.Linear(1, 1).load_state_dict({})

    assert "Missing key(s) in state_dict" in DOUBLE.check(loads).message


def test_the_time_that_other_programs_take_does_not_count():
    """As on a busy machine, the call takes longer by the clock than the limit, and computes hardly at all."""

    def waits(x):
        time.sleep(0.5)
        return 2 * x

    assert torch.equal(Attempt(waits, seconds=0.2)(torch.ones(1)), 2 * torch.ones(1))


@pytest.mark.parametrize("answer", [loops, loops_and_catches])
def test_an_endless_loop_is_interrupted(answer):
    with pytest.raises(TooSlow, match="did not finish within"):
        Attempt(answer, seconds=0.3)(torch.ones(1))


def test_each_reply_ends_with_a_full_stop():
    """A judge need not write one, and may end with a question."""
    for message, shown in (
        ("too low", "Too low."),
        ("use `max`", "Use `max`."),
        ("really?", "Really?"),
        ("No.", "No."),
    ):
        assert repr(Verdict(Outcome.NOT_YET, message)).endswith(f". {shown}")
        assert Verdict(Outcome.NOT_YET, message)._repr_html_().count(".") == shown.count(".") + 1
    assert repr(Verdict(Outcome.COMPARE, "call .judge(True)")).endswith(".judge(True)")


def test_an_interrupted_kernel_interrupts_the_call(monkeypatch):
    """Otherwise an endless loop would go on in the background, and slow down every later cell."""
    begun, awaited, ended = threading.Event(), threading.Event(), threading.Event()
    wait = sandbox._wait

    def wait_and_say_so(*arguments):
        awaited.set()
        return wait(*arguments)

    monkeypatch.setattr(sandbox, "_wait", wait_and_say_so)

    def loops_until_it_is_interrupted(x):
        begun.set()
        try:
            loops(x)
        finally:
            ended.set()

    def interrupt():
        begun.wait()
        awaited.wait()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        Attempt(loops_until_it_is_interrupted)(torch.ones(1))
    assert ended.wait(120)


def test_a_check_does_not_draw_from_the_random_numbers_of_the_notebook():
    def judge_at_random(attempt):
        expect_close(attempt, (x := torch.rand(3),), 2 * x)

    torch.manual_seed(0)
    first = torch.rand(1)
    torch.manual_seed(0)
    exercise = replace(DOUBLE, judge=judge_at_random)
    assert exercise.check(lambda x: torch.manual_seed(7) and 2 * x).outcome is Outcome.RIGHT
    assert torch.equal(torch.rand(1), first)


@pytest.mark.parametrize(
    "answer",
    [
        double_every_value,
        lambda x: x.double() * 2,
        lambda x: (2 * x).half(),
        lambda x: 2 * x.numpy(),
        lambda x: (2 * x).tolist(),
        lambda x: torch.stack([2 * row for row in x]),
    ],
)
def test_a_right_answer_may_have_any_form(answer):
    assert DOUBLE.check(answer).outcome is Outcome.RIGHT


def unwritten(x):
    raise NotImplementedError


@pytest.mark.parametrize("blank", [..., lambda x: ..., unwritten])
def test_a_blank_is_not_attempted_and_not_counted(blank, my_home):
    verdict = DOUBLE.check(blank)
    assert verdict.outcome is Outcome.NOT_ATTEMPTED and "Double." in repr(verdict)
    assert not (my_home / "progress.json").exists()


def test_what_an_answer_prints_does_not_mix_with_the_verdict(capsys):
    assert DOUBLE.check(lambda x: print("noise") or 2 * x).outcome is Outcome.RIGHT
    assert "noise" not in capsys.readouterr().out


def test_hints_come_one_by_one_and_the_solution_is_source_code():
    assert [repr(DOUBLE.hint()).count("Hint") for _ in range(3)] == [1, 2, 2]
    assert "return 2 * x" in repr(DOUBLE.solution())


@given(
    st.one_of(
        st.none(),
        st.integers(),
        st.text(max_size=5),
        st.floats(),
        st.lists(st.integers(), max_size=3),
        st.binary(max_size=3),
    )
)
def test_no_answer_of_any_type_raises(answer):
    for exercise in (DOUBLE, CHOICE, NUMBER, TEXT):
        assert exercise.check(answer).outcome in Outcome
        assert exercise.check(lambda *arguments: answer).outcome in Outcome


CHOICE = Choice(
    "99.choice",
    "Which?",
    {"a": "this", "b": "that"},
    "b",
    {"a": "No: this is not that.", "b": "Indeed."},
    hints=("Not this.",),
)
NUMBER = Number(
    "99.number", "How many?", 12, 0, "Twelve.", slips=((13, "You rounded up."),), hints=("A dozen.",)
)
PERCENT = Number(
    "99.percent", "How much?", 50, 0.1, "Half.", slips=((25, "A quarter."),), unit="%", hints=("½",)
)
THIRD = Number(
    "99.third",
    "How much?",
    50,
    0.01,
    "Half.",
    slips=((100 / 3, "A third."), (12.5, "An eighth.")),
    unit="%",
    hints=("½",),
)
LARGE = Number("99.large", "How large?", 62_500, 0, "So large.", unit="Hz", hints=("Count.",))
FLOOR = Number(
    "99.floor",
    "How low?",
    -13.8155,
    0.02,
    "The floor.",
    slips=((0, "A power of zero has no logarithm."), (1e-6, "Its logarithm."), (1000, "A thousand.")),
    unit="nats",
    hints=("ln",),
)
HOURS = Number("99.hours", "How long?", 2.257, 0.02, "So long.", unit="h", hints=("Divide.",))
TEXT = Reflection(
    "99.text", "Why?", "Because lengths differ.", ("lengths differ", "so masks are needed"), hints=("Think.",)
)


@pytest.mark.parametrize(
    ("question", "answer", "outcome", "fragment"),
    [
        (CHOICE, "B", Outcome.RIGHT, "Indeed."),
        (CHOICE, "a", Outcome.NOT_YET, "this is not that"),
        (CHOICE, "c", Outcome.NOT_YET, "one of the letters a, b"),
        (CHOICE, ..., Outcome.NOT_ATTEMPTED, "b)  that"),
        (NUMBER, 12.0, Outcome.RIGHT, "Twelve"),
        (NUMBER, np.int64(12), Outcome.RIGHT, "Twelve"),
        (NUMBER, 13, Outcome.NOT_YET, "rounded up"),
        (NUMBER, 2, Outcome.NOT_YET, "too low"),
        (NUMBER, float("nan"), Outcome.NOT_YET, "not a finite number"),
        (NUMBER, "many", Outcome.NOT_YET, "number is wanted here"),
        (NUMBER, ..., Outcome.NOT_ATTEMPTED, "How many?"),
        (NUMBER, "12", Outcome.RIGHT, "Twelve"),
        (NUMBER, "1200%", Outcome.RIGHT, "Twelve"),
        (PERCENT, 50, Outcome.RIGHT, "Half"),
        (PERCENT, "50%", Outcome.RIGHT, "Half"),
        (PERCENT, " 50 % ", Outcome.RIGHT, "Half"),
        (PERCENT, 0.5, Outcome.RIGHT, "Half"),
        (PERCENT, ".5", Outcome.RIGHT, "Half"),
        (PERCENT, ".5%", Outcome.NOT_YET, "too low"),
        (PERCENT, 0.25, Outcome.NOT_YET, "A quarter"),
        (LARGE, "62,500", Outcome.RIGHT, "So large"),
        (LARGE, "62 500 Hz", Outcome.RIGHT, "So large"),
        (THIRD, "33%", Outcome.NOT_YET, "A third"),
        (THIRD, 33.3, Outcome.NOT_YET, "A third"),
        (THIRD, 33.5, Outcome.NOT_YET, "too low"),
        (THIRD, 12, Outcome.NOT_YET, "too low"),
        (THIRD, 12.5, Outcome.NOT_YET, "An eighth"),
        (NUMBER, "24/2", Outcome.RIGHT, "Twelve"),
        (NUMBER, "12/0", Outcome.NOT_YET, "number is wanted here"),
        (NUMBER, "12,0", Outcome.RIGHT, "Twelve"),
        (NUMBER, "12,5", Outcome.NOT_YET, "12.5 is too high"),
        (NUMBER, "12,000", Outcome.NOT_YET, "12000 is too high"),
        (PERCENT, "1/2", Outcome.RIGHT, "Half"),
        (PERCENT, "0,5", Outcome.RIGHT, "Half"),
        (LARGE, "62,500.0", Outcome.RIGHT, "So large"),
        (LARGE, "62 kHz", Outcome.NOT_YET, "62000 is too low"),
        (LARGE, "62500 hertz", Outcome.RIGHT, "So large"),
        (LARGE, "62,500hz", Outcome.RIGHT, "So large"),
        (PERCENT, "50 percent", Outcome.RIGHT, "Half"),
        (PERCENT, "0.5 per cent", Outcome.NOT_YET, "too low"),
        (PERCENT, "0.9", Outcome.NOT_YET, "as a fraction, 90%, it is too high"),
        (FLOOR, "-13,816 Nats", Outcome.RIGHT, "The floor"),
        (FLOOR, "\N{MINUS SIGN} 13.816", Outcome.RIGHT, "The floor"),
        (FLOOR, "1,000", Outcome.NOT_YET, "A thousand"),
        (FLOOR, 1e-6, Outcome.NOT_YET, "Its logarithm"),
        (FLOOR, 0, Outcome.NOT_YET, "A power of zero"),
        (HOURS, "2h 15m", Outcome.RIGHT, "So long"),
        (HOURS, "2,257 hours", Outcome.RIGHT, "So long"),
        (HOURS, "2 h 51 min", Outcome.NOT_YET, "too high"),
        (CHOICE, "b)", Outcome.RIGHT, "Indeed."),
        (CHOICE, " B ", Outcome.RIGHT, "Indeed."),
        (CHOICE, "(b)", Outcome.RIGHT, "Indeed."),
        (CHOICE, "[b]", Outcome.RIGHT, "Indeed."),
        (CHOICE, "**b**", Outcome.RIGHT, "Indeed."),
        (CHOICE, "the answer is b", Outcome.RIGHT, "Indeed."),
        (CHOICE, "I choose A", Outcome.NOT_YET, "this is not that"),
        (CHOICE, "a or b", Outcome.NOT_YET, "one of the letters"),
        (CHOICE, "not b", Outcome.NOT_YET, "one of the letters"),
        (CHOICE, "My answer is b", Outcome.RIGHT, "Indeed."),
        (CHOICE, "i think it is b", Outcome.RIGHT, "Indeed."),
        (CHOICE, "I'd pick b!", Outcome.RIGHT, "Indeed."),
        (CHOICE, "b, because of the mask", Outcome.RIGHT, "Indeed."),
        (CHOICE, "b is right", Outcome.RIGHT, "Indeed."),
        (CHOICE, "= b", Outcome.RIGHT, "Indeed."),
        (CHOICE, ["b"], Outcome.RIGHT, "Indeed."),
        (CHOICE, ["a", "b"], Outcome.NOT_YET, "one of the letters"),
        (NUMBER, [12], Outcome.NOT_YET, "number is wanted here"),
        (NUMBER, (12, 192), Outcome.NOT_YET, "number is wanted here"),
        (NUMBER, True, Outcome.NOT_YET, "number is wanted here"),
        (CHOICE, "ab", Outcome.NOT_YET, "one of the letters a, b"),
        (TEXT, "Anything at all", Outcome.COMPARE, "Because lengths differ"),
        (TEXT, "Anything at all", Outcome.COMPARE, "2. so masks are needed"),
        (TEXT, 5, Outcome.NOT_YET, "sentence in quotes"),
        (TEXT, "", Outcome.NOT_ATTEMPTED, "Why?"),
    ],
)
def test_questions(question, answer, outcome, fragment):
    verdict = question.check(answer)
    assert verdict.outcome is outcome and fragment in repr(verdict)


def test_the_learner_judges_a_reflection_and_all_points_count_as_right():
    assert TEXT.judge(True, True).outcome is Outcome.NOT_ATTEMPTED, "nothing is written yet"
    TEXT.check("Masks hide the padding.")
    assert Progress.mine().entry("99.text")["right"] is False
    assert "there are 2 points" in TEXT.judge(True).message
    verdict = TEXT.judge(False, True)
    assert verdict.outcome is Outcome.NOT_YET
    assert verdict.message == "1 of 2 points. Add to your answer: lengths differ."
    TEXT.check("Lengths differ; masks hide the padding.")
    assert TEXT.remembered().outcome is Outcome.COMPARE, "a new answer is not judged yet"
    assert TEXT.judge(True, True).outcome is TEXT.remembered().outcome is Outcome.JUDGED_RIGHT
    assert Progress.mine().entry("99.text")["right"] is True


def test_a_reply_that_is_only_shown_does_not_count(my_home):
    for exercise, wrong in ((DOUBLE, lambda x: x), (CHOICE, "a"), (NUMBER, 13), (TEXT, "Why not?")):
        assert exercise.reply_to(wrong).outcome in (Outcome.NOT_YET, Outcome.COMPARE)
    assert not (my_home / "progress.json").exists()


@pytest.mark.parametrize("question", [CHOICE, NUMBER, PERCENT, TEXT])
def test_every_question_has_hints_and_a_solution(question):
    assert question.hints[0] in repr(question.hint())
    right = {"choice": "**b)** that", "number": "**12**", "percent": "**50%**", "text": "lengths differ"}
    assert right[question.name] in repr(question.solution())


def test_expect_equal_takes_tensors_and_tuples_for_lists():
    for form in ([1, 2], (1, 2), torch.tensor([1, 2]), np.array([1, 2])):
        expect_equal(Attempt(lambda _, form=form: form), ("x",), [1, 2])
    with pytest.raises(NotYet, match=r"returns \[1\], and it should be \[1, 2\]. Look"):
        expect_equal(Attempt(lambda _: [1]), ("x",), [1, 2], "Look")
    with pytest.raises(NotAttempted):
        expect_equal(Attempt(lambda _: ...), ("x",), [1, 2])


def test_progress_is_kept_counted_and_reset_by_lesson(my_home):
    NUMBER.check(1)
    NUMBER.check(12)
    NUMBER.check(1)  # an exercise that was right stays right
    DOUBLE.hint()
    assert Progress.mine().read() == {
        "99.number": {"right": True, "tries": 2, "hints": 0, "answer": "1"},
        "99.double": {"right": False, "tries": 0, "hints": 1},
    }
    Progress.mine().add_try("01.other", right=True)
    Progress.mine().reset("99")
    assert list(Progress.mine().read()) == ["01.other"]
    assert [path.name for path in my_home.iterdir() if path.suffix == ".tmp"] == []


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"version": 1, "exercises": {"99.number": 3}}', "\x00\xff"]
)
def test_a_damaged_progress_file_is_kept_and_a_new_one_is_started(my_home, damage):
    my_home.mkdir()
    (my_home / "progress.json").write_text(damage, encoding="latin-1")
    assert NUMBER.check(12).outcome is Outcome.RIGHT
    assert Progress.mine().read()["99.number"]["right"]
    if damage:
        assert (my_home / "progress.damaged").read_text(encoding="latin-1") == damage


def test_progress_of_a_later_version_is_not_changed(my_home):
    my_home.mkdir()
    later = json.dumps({"version": 2, "exercises": {"99.number": {"stars": 5}}})
    (my_home / "progress.json").write_text(later)
    assert NUMBER.check(12).outcome is Outcome.RIGHT
    assert (my_home / "progress.json").read_text() == later


def test_without_a_writable_home_checks_and_hints_still_work(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OMNI_HOME", str(tmp_path / "file"))
    assert NUMBER.check(12).outcome is Outcome.RIGHT
    assert [repr(DOUBLE.hint()).count("Hint") for _ in range(2)] == [1, 2]
    assert repr(NUMBER.remembered()) == "✓ right. Twelve.", "within this process"
