"""Every exercise of the course: left blank, solved, solved in other ways, and wrong in the usual ways."""

import ast
import json
import re
from collections import Counter
from importlib import import_module

import numpy as np
import pytest
import torch

from omni_lib.config import config_from_dict
from omni_lib.course.exercises import sandbox
from omni_lib.course.exercises.checking import CodeExercise, source_of
from omni_lib.course.exercises.questions import Choice, Reflection
from omni_lib.course.exercises.sandbox import MOST_NUMBERS, numbers_in
from omni_lib.course.exercises.verdict import Outcome
from omni_lib.course.lessons import stage_e
from omni_lib.course.materials import ROOT
from omni_lib.course.notebooks import LESSONS, right_answer
from omni_lib.encoder import AudioEncoder

MODULES = {name: import_module(f"omni_lib.course.lessons.{name}") for name in LESSONS.values()}
WRONG = {name: import_module(f"omni_lib.course.lessons.{name}.wrong") for name in LESSONS.values()}
EXERCISES = [(name, exercise) for name, module in MODULES.items() for exercise in module.EXERCISES]
everyone = pytest.mark.parametrize(
    ("lesson", "exercise"), EXERCISES, ids=[exercise.key for _, exercise in EXERCISES]
)


@pytest.fixture(autouse=True)
def my_home(tmp_path, monkeypatch):
    monkeypatch.setenv("OMNI_HOME", str(tmp_path))


def short_name(exercise):
    return exercise.name


@everyone
def test_a_blank_is_not_attempted(lesson, exercise):
    assert exercise.check(...).outcome is Outcome.NOT_ATTEMPTED
    assert len(exercise.blank) > 20


@everyone
def test_the_solution_is_right(lesson, exercise):
    verdict = exercise.check(right_answer(exercise))
    if isinstance(exercise, Reflection):
        assert verdict.outcome is Outcome.COMPARE and exercise.model in verdict.message
        verdict = exercise.judge(*(True for _ in exercise.points))
    assert verdict.outcome.counts_as_right, verdict
    assert len(verdict.message) > 20, "a right answer deserves a word of explanation"


@everyone
def test_other_right_answers_are_right(lesson, exercise):
    for answer in getattr(WRONG[lesson], "OTHER_RIGHT", {}).get(short_name(exercise), []):
        verdict = exercise.check(answer)
        assert verdict.outcome is Outcome.RIGHT, (answer, verdict)


@everyone
def test_wrong_answers_are_wrong_and_the_reply_says_why_in_few_numbers(lesson, exercise, monkeypatch):
    monkeypatch.setattr(sandbox, "SECONDS", 4.0)  # enough for all but those that never end
    if isinstance(exercise, Reflection):  # the learner judges it
        return
    wrong = WRONG[lesson].WRONG[short_name(exercise)]
    assert len(wrong) >= (len(exercise.options) - 1 if isinstance(exercise, Choice) else 3)
    for answer, fragment in wrong:
        verdict = exercise.check(answer)
        assert verdict.outcome is Outcome.NOT_YET, (answer, verdict)
        assert fragment and fragment in verdict.message, (answer, verdict)
        if isinstance(exercise, CodeExercise):
            ours = verdict.message.split(" raises ")[0]  # the rest is Python's own message
            assert len(numbers_in(ours)) <= MOST_NUMBERS, verdict


@everyone
def test_no_praise_of_code_shows_more_than_three_numbers(lesson, exercise):
    if isinstance(exercise, CodeExercise):
        assert len(numbers_in(exercise.praise)) <= MOST_NUMBERS, exercise.praise


@everyone
def test_the_blank_in_the_notebook_has_the_docstring_of_the_solution(lesson, exercise):
    """It says what is compared: types, tolerance, padding, which window and which variance."""
    if isinstance(exercise, CodeExercise):
        (stem,) = (stem for stem, name in LESSONS.items() if name == lesson)
        cells = json.loads((ROOT / "notebooks" / f"{stem}.ipynb").read_text(encoding="utf-8"))["cells"]
        blanks = [
            "".join(cell["source"])
            for cell in cells
            if "exercise" in cell["metadata"].get("tags", [])
            and cell["metadata"]["omni"]["exercise"] == short_name(exercise)
        ]
        (blank,) = (ast.parse(source).body[0] for source in blanks)
        solution = ast.parse(source_of(exercise.answer)).body[0]
        assert ast.get_docstring(blank) == ast.get_docstring(solution)
        assert signatures(blank) == signatures(solution)
        assert any(word in ast.get_docstring(blank) for word in ("ompared", "will do", "count"))


@everyone
def test_no_hint_is_the_whole_answer(lesson, exercise):
    """Who has read all hints still writes the line."""
    if not isinstance(exercise, CodeExercise) or isinstance(exercise.answer, type):
        return
    solution = ast.parse(source_of(exercise.answer)).body[0]
    values = [node.value for node in ast.walk(solution) if isinstance(node, (ast.Return, ast.AnnAssign))]
    short = len(solution.body) <= 3  # the docstring and two statements
    parameters = ", ".join(argument.arg for argument in solution.args.args)
    for code in re.findall(r"`([^`]+)`", " ".join(exercise.hints)):
        try:
            written = ast.parse(code, mode="eval").body
        except SyntaxError:
            continue
        assert not short or without_names(written) not in map(without_names, values), code
        function = eval(f"lambda {parameters}: {code}", dict(exercise.answer.__globals__))  # noqa: S307
        assert exercise.reply_to(function).outcome is not Outcome.RIGHT, code


def without_names(expression):
    """An expression in which all variables have one name."""
    text = ast.dump(expression) if expression is not None else ""
    return re.sub(r"Name\(id='\w+'", "Name(id='_'", text)


def signatures(definition):
    """The arguments of a function, or of each method of a class."""
    functions = definition.body if isinstance(definition, ast.ClassDef) else [definition]
    return {each.name: ast.unparse(each.args) for each in functions if isinstance(each, ast.FunctionDef)}


@pytest.mark.parametrize(
    "answer",
    [
        lambda lengths, frames: np.arange(frames)[None] < lengths.numpy()[:, None],
        lambda lengths, frames: [[t < length for t in range(frames)] for length in lengths.tolist()],
    ],
)
def test_a_mask_of_arrays_or_lists_can_be_plugged_in(answer):
    padding_mask = MODULES["encoder"].padding_mask
    assert padding_mask.check(answer).outcome is Outcome.RIGHT
    found = padding_mask.plug_in.adapt(answer)(torch.tensor([2, 0]), 3)
    assert found.dtype is torch.bool and found.tolist() == [[True, True, False], [False, False, False]]


@pytest.mark.parametrize("form", [tuple, torch.tensor, np.array])
def test_a_collapsed_path_in_another_form_can_be_plugged_in(form):
    collapse = MODULES["ctc_alignment"].collapse

    def answer(path):
        return form(collapse.answer(path))

    assert collapse.check(answer).outcome is Outcome.RIGHT
    assert collapse.plug_in.adapt(answer)([3, 3, 0, 3]) == [3, 3]


@everyone
def test_it_is_complete(lesson, exercise):
    assert exercise.key == f"{MODULES[lesson].NUMBER}.{short_name(exercise)}"
    assert getattr(MODULES[lesson], short_name(exercise)) is exercise
    if isinstance(exercise, CodeExercise):
        assert 1 <= exercise.difficulty <= 5 and exercise.minutes > 0 and len(exercise.hints) >= 2
        name = exercise.answer.__name__  # of a function, or of a class: `SelfAttention` for "self_attention"
        assert re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() == short_name(exercise)
        assert re.search(rf"^(def|class) {name}\b", exercise.solution().text, re.M)
    if isinstance(exercise, Choice):
        assert exercise.replies.keys() == exercise.options.keys()
        assert len(exercise.options) >= 3
    if isinstance(exercise, Reflection):
        assert 2 <= len(exercise.points) <= 4
    assert exercise.hints and repr(exercise.hint()) and len(repr(exercise.solution())) > 20


def test_a_right_option_can_be_found_neither_by_its_length_nor_by_its_letter():
    choices = [exercise for _, exercise in EXERCISES if isinstance(exercise, Choice)]
    ranks = []  # of the right option by length: 0 is the shortest, 1 the longest
    for question in choices:
        length = len(question.options[question.right])
        others = [len(text) for letter, text in question.options.items() if letter != question.right]
        ranks.append(sum((other < length) + (other == length) / 2 for other in others) / len(others))
    longest, shortest = (sum(rank == end for rank in ranks) / len(ranks) for end in (1, 0))
    assert longest <= 0.35 and shortest <= 0.35, (longest, shortest)
    assert 0.4 <= sum(ranks) / len(ranks) <= 0.6
    letters = Counter(question.right for question in choices)
    assert max(letters.values()) / len(choices) <= 0.4, letters


def test_nothing_on_the_way_refers_to_an_extra():
    """Prompts, hints, replies and praise of the other exercises do not name an extra, which may be undone."""
    extras = {short_name(exercise) for _, exercise in EXERCISES if getattr(exercise, "extra", False)}
    assert len(extras) >= 5
    for _, exercise in EXERCISES:
        if short_name(exercise) not in extras:
            fields = vars(exercise)
            texts = [fields.get(key, "") for key in ("goal", "prompt", "praise", "model")]
            texts += [*fields["hints"], *fields.get("options", {}).values(), *fields.get("points", ())]
            texts += [*fields.get("replies", {}).values(), *(slip for _, slip in fields.get("slips", ()))]
            named = set(re.findall(r"`(\w+)[`(]", " ".join(texts)))
            assert not named & extras, (exercise.key, named & extras)


def test_the_course_is_as_large_as_it_says():
    code = [exercise for _, exercise in EXERCISES if isinstance(exercise, CodeExercise)]
    assert len(code) >= 25
    assert len(EXERCISES) - len(code) >= 30
    assert len({exercise.key for _, exercise in EXERCISES}) == len(EXERCISES)


def test_the_tables_of_minutes_agree_with_the_exercises():
    rows = r"^\| (\d\d) [^|]*(\|.*(?:\n\| \|.*)*)$"  # a long row goes on in the next line
    guide = dict(re.findall(rows, (ROOT / "notebooks" / "README.md").read_text(), re.M))
    start = json.loads((ROOT / "notebooks" / "00_start_here.ipynb").read_text())
    overview = dict(
        re.findall(r"\*\*(\d\d) [^|]*(\|.*)", "".join("".join(cell["source"]) for cell in start["cells"]))
    )
    assert len(guide) == len(overview) == len(MODULES)
    way = beyond = 0
    for module in MODULES.values():
        code = [exercise for exercise in module.EXERCISES if isinstance(exercise, CodeExercise)]
        minutes, of_which_code, _, more = [cell.strip() for cell in guide[module.NUMBER].split("|")[1:5]]
        assert int(of_which_code) == sum(exercise.minutes for exercise in code if not exercise.extra)
        extras = re.findall(r"`(\w+)`", guide[module.NUMBER])
        assert extras == [short_name(exercise) for exercise in code if exercise.extra]
        assert [cell.strip() for cell in overview[module.NUMBER].split("|")[2:4]] == [
            minutes.replace(", and", " +"),
            more,
        ]
        way, beyond = way + int(re.match(r"\d+", minutes).group()), beyond + int(more.replace("–", "0"))
    assert way == pytest.approx(5.5 * 60, abs=20) and 3 * 60 < beyond < 4 * 60, "as both of them say"


def test_loading_a_checkpoint_that_may_run_code_is_refused():
    """It stands here because omni_lib itself contains no unsafe `torch.load`, not even as a wrong answer."""

    def load_encoder(path):
        checkpoint = torch.load(path, weights_only=False)
        encoder = AudioEncoder.from_config(config_from_dict(checkpoint["config"]))
        encoder.load_state_dict(checkpoint["enc"])
        return encoder.eval()

    verdict = stage_e.load_encoder.check(load_encoder)
    assert verdict.outcome is Outcome.NOT_YET and "`weights_only=True`" in verdict.message
