"""The card of an exercise: what it shows, what its buttons do, and the text where there is no widget."""

from types import SimpleNamespace

import pytest

from omni_lib.course import still
from omni_lib.course.exercises import card, verdict
from omni_lib.course.exercises.card import Card, CardOf
from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.exercises.expectations import expect_equal
from omni_lib.course.exercises.progress import Progress
from omni_lib.course.exercises.questions import Choice, Number, Reflection
from omni_lib.course.exercises.verdict import Note, note_html

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(autouse=True)
def my_home(tmp_path, monkeypatch):
    monkeypatch.setenv("OMNI_HOME", str(tmp_path))


@pytest.fixture
def shell(monkeypatch):
    """A kernel, as far as a card looks at it."""
    pretended = SimpleNamespace(kernel=object(), user_ns={})
    monkeypatch.setattr(card, "get_ipython", lambda: pretended)
    return pretended


def double(x):
    return 2 * x


CHOICE = Choice(
    "99.choice",
    "Which `<class>`?",
    {"a": "this & that", "b": "neither"},
    "b",
    {"a": "No: look again.", "b": "Indeed."},
    hints=("Not this.", "Nor that."),
)
NUMBER = Number("99.number", "How many?", 12, 0, "Twelve.", unit="Hz", hints=("A dozen.",))
TEXT = Reflection("99.text", "Why?", "Because.", ("one point", "another"), hints=("Think.",))
CODE = CodeExercise(
    "99.double",
    "Double.",
    1,
    1,
    lambda attempt: expect_equal(attempt, (2,), 4),
    double,
    "Yes, twice.",
    hints=("Times two.",),
)


def shown(exercise):
    """The card of a cell that holds only the exercise, run just now."""
    return Card(exercise, exercise.remembered())


def test_without_a_kernel_a_question_is_html_and_text():
    data, _ = CHOICE._repr_mimebundle_()
    assert data.keys() == {"text/plain", "text/html"}
    assert data["text/plain"] == repr(CHOICE) == CHOICE.blank
    assert "<code>&lt;class&gt;</code>" in data["text/html"]
    assert '<ol type="a"><li>this &amp; that</li><li>neither</li></ol>' in data["text/html"]
    data, _ = CHOICE.check("a")._repr_mimebundle_()
    assert data["text/plain"] == f"{CHOICE.blank}\n✗ not yet. No: look again."
    assert "this &amp; that" in data["text/html"] and "No: look again." in data["text/html"]


@pytest.fixture
def displayed(monkeypatch):
    """The bundles that a notebook would show, in their order."""
    bundles = []

    def display(data, raw, metadata=None, display_id=None):
        bundles.append(data)
        return SimpleNamespace(update=lambda data, raw: bundles.append(data))

    for module in (card, still, verdict):
        monkeypatch.setattr(module, "display", display)
    return bundles


@pytest.mark.parametrize(
    "thing",
    [
        lambda: CHOICE,
        lambda: NUMBER,
        lambda: TEXT,
        lambda: CODE,
        lambda: CHOICE.check("a"),
        lambda: CODE.check(double),
        lambda: TEXT.check("So."),
    ],
)
def test_with_a_kernel_a_card_is_shown_and_html_that_outlives_it(shell, displayed, thing):
    shown = thing()
    shown._ipython_display_()
    widget, rules, html = displayed
    assert widget.keys() == {WIDGET_VIEW} and "<style" in rules["text/html"]
    assert html == shown._repr_mimebundle_()[0] and html["text/html"].startswith('<div class="omni-still">')


@pytest.mark.parametrize("with_kernel", [True, False])
def test_a_verdict_that_does_not_count_is_a_box(request, displayed, with_kernel):
    if with_kernel:
        request.getfixturevalue("shell")
    CODE.reply_to(lambda x: x)._ipython_display_()
    (box,) = displayed
    assert box.keys() == {"text/plain", "text/html"} and "Double." not in box["text/html"]


def test_without_a_kernel_no_widget_is_shown(displayed):
    CHOICE._ipython_display_()
    CHOICE.check("a")._ipython_display_()
    assert displayed == [CardOf(CHOICE).bundle(None)[0], CardOf(CHOICE).bundle(CHOICE.remembered())[0]]


def test_the_html_follows_the_card(shell, displayed, monkeypatch):
    made = []
    monkeypatch.setattr(card, "Card", lambda *given: made.append(Card(*given)) or made[-1])
    CHOICE._ipython_display_()
    made[0].receive({"action": "check", "answer": "a"})
    assert "No: look again." in displayed[-1]["text/html"]
    made[0].receive({"action": "check", "answer": "b"})
    assert "Indeed." in displayed[-1]["text/html"]


def test_an_answer_leaves_the_question_and_a_hint_leaves_the_verdict():
    choice = shown(CHOICE)
    choice.receive({"action": "check", "answer": ""})
    assert "Choose an option first" in choice.verdict and not Progress.mine().read()
    choice.receive({"action": "check", "answer": "a"})
    choice.receive({"action": "hint"})
    choice.receive({"action": "hint"})
    assert "No: look again." in choice.verdict and choice.face["prompt"] and choice.answer == "a"
    assert choice.note.count("<b>Hint") == 2 and "Nor that." in choice.note
    choice.receive({"action": "solution"})
    assert "<b>b)</b> neither" in choice.note and "No: look again." in choice.verdict
    choice.receive({"action": "check", "answer": "b"})
    assert "✓ right" in choice.verdict
    assert Progress.mine().entry("99.choice") == {"right": True, "tries": 2, "hints": 2, "answer": "b"}


@pytest.mark.parametrize(
    ("question", "answer"), [(CHOICE, "a"), (CHOICE, "b"), (NUMBER, "12 Hz"), (NUMBER, "7")]
)
def test_what_was_answered_is_shown_again(question, answer):
    first = shown(question)
    first.receive({"action": "check", "answer": answer})
    again = shown(question)
    assert (again.answer, again.verdict) == (answer, first.verdict) and again.verdict
    assert Progress.mine().entry(question.key)["tries"] == 1, "to show it is not a try"


def test_a_reflection_shows_our_answer_only_after_one_was_written():
    text = shown(TEXT)
    assert text.face["points"] == ["one point", "another"] and not text.model
    text.receive({"action": "check", "answer": "  "})
    assert "Write an answer first" in text.verdict and not text.model
    text.receive({"action": "check", "answer": "So."})
    assert text.model == "Because." and text.ticks == [False, False] and "Tick the points" in text.verdict
    text.receive({"action": "judge", "answer": "So.", "ticks": [True, False]})
    assert "1 of 2 points" in text.verdict and text.ticks == [True, False]
    text.receive({"action": "judge", "answer": "So, and more.", "ticks": [True, True]})
    again = shown(TEXT)
    assert "right, judged by you" in again.verdict and again.ticks == [True, True]
    assert again.answer == "So, and more.", "what was judged is what was written last"
    again.receive({"action": "judge", "answer": " ", "ticks": [True, True]})
    assert "Write an answer first" in again.verdict, "what was deleted is not judged"


def test_the_card_of_code_checks_the_function_as_it_is_defined_now(shell):
    shell.user_ns["double"] = lambda x: x
    code = Card(CODE, None)
    code.receive({"action": "check"})
    assert "✗ not yet" in code.verdict
    shell.user_ns["double"] = double
    code.receive({"action": "check"})
    assert "✓ right" in code.verdict
    shell.user_ns["double"] = lambda x: ...
    code.receive({"action": "check"})
    assert "Fill in the code above" in code.verdict


def test_a_function_of_another_name_is_checked_again_by_that_name(shell):
    def twice(x):
        return x

    code = Card(CODE, CODE.check(twice), twice)
    shell.user_ns |= {"twice": double, "double": lambda x: x}
    code.receive({"action": "check"})
    assert "✓ right" in code.verdict
    lost = Card(CODE, None, lambda x: 2 * x)  # it has no name to look up
    lost.receive({"action": "check"})
    assert "✓ right" in lost.verdict


@pytest.mark.parametrize("message", [{}, {"action": "dance"}, {"action": "judge"}, {"action": None}])
def test_a_message_that_no_button_sends_changes_nothing(message):
    choice = shown(CHOICE)
    choice.receive(message)
    assert (choice.answer, choice.verdict, choice.note) == ("", "", "") and not Progress.mine().read()


def test_a_check_of_code_that_is_blank_is_shown_once():
    data, _ = CardOf(CODE).bundle(CODE.check(...))
    assert data["text/html"].count("Double.") == data["text/plain"].count("Double.") == 1


def test_a_note_is_shown_as_html():
    note = Note("**Hint 1.** Use `x < y`.\n\n```python\nif x < y:\n    pass\n```")
    assert note_html(note) == (
        "<p><b>Hint 1.</b> Use <code>x &lt; y</code>.</p>"
        '<pre tabindex="0"><code>if x &lt; y:\n    pass</code></pre>'
    )
