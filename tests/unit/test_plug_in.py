"""A learner's function takes over a place in the library for some real training steps."""

from collections import Counter
from dataclasses import replace
from functools import cache, wraps
from importlib import import_module

import pytest
import torch

import omni_lib.decoding
import omni_lib.encoder
import omni_lib.subsampling
from omni_lib.course.exercises import plug_in
from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.exercises.comparison import Comparison, Step
from omni_lib.course.exercises.expectations import expect_equal
from omni_lib.course.exercises.plug_in import PlugIn, replaced, resolved
from omni_lib.course.exercises.verdict import Outcome, Verdict
from omni_lib.course.materials import CLIPS
from omni_lib.course.notebooks import LESSONS
from omni_lib.ctc import collapse
from omni_lib.errors import UserError
from omni_lib.manifest import read_manifest, write_manifest

PLUGGABLE = [
    exercise
    for name in LESSONS.values()
    for exercise in import_module(f"omni_lib.course.lessons.{name}").EXERCISES
    if getattr(exercise, "plug_in", None)
]
COLLAPSE = PlugIn(("omni_lib.decoding:collapse",))

pytestmark = pytest.mark.training


@pytest.fixture(autouse=True)
def my_home_without_corpus(tmp_path, monkeypatch):
    """Training uses the few clips that come with the course."""
    monkeypatch.setenv("OMNI_HOME", str(tmp_path))
    monkeypatch.setattr(plug_in, "CORPUS", tmp_path / "none.csv")


@pytest.fixture
def few_steps(monkeypatch):
    """Two epochs instead of ten: enough to call every place and to see a difference."""
    monkeypatch.setattr(plug_in, "STEPS", 4)
    cached = plug_in._library_steps
    cached.cache_clear()
    yield
    cached.cache_clear()


@pytest.fixture(scope="module")
def library_steps():
    """One run with the library's functions for each rate of Muon, shared by all exercises."""

    @cache
    def steps(muon_rate):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plug_in, "STEPS", 4)
            return plug_in.training_steps(CLIPS, muon_rate)

    return steps


def test_every_exercise_with_a_place_is_found():
    assert {exercise.key for exercise in PLUGGABLE} == {
        "01.log_mel",
        "01.normalise_padded",
        "02.output_lengths",
        "02.padding_mask",
        "02.convolution_module",
        "02.audio_encoder",
        "03.collapse",
        "03.forward_recursion",
        "04.edit_counts",
        "05.learning_rate",
        "05.orthogonalise",
        "05.train_step",
    }


def test_every_place_of_every_lesson_exists_and_training_calls_it(few_steps, library_steps, monkeypatch):
    """Each place gets a wrapper that counts its calls, so a place that training no longer uses is found."""
    calls = Counter()

    def counted(place, function):
        @wraps(function)
        def wrapper(*arguments, **named):
            calls[place] += 1
            return function(*arguments, **named)

        return wrapper

    places = {place for exercise in PLUGGABLE for place in exercise.plug_in.places}
    rates = {exercise.plug_in.muon_rate for exercise in PLUGGABLE}
    assert len(places) >= 8 and len(rates) == 2
    expected = {rate: library_steps(rate) for rate in rates}
    for place in places:
        owner, name = resolved(place)
        monkeypatch.setattr(owner, name, counted(place, getattr(owner, name)))
    for rate in rates:
        assert plug_in.training_steps(CLIPS, rate) == expected[rate]
    assert sorted(calls) == sorted(places)


@pytest.mark.parametrize("exercise", PLUGGABLE, ids=[exercise.key for exercise in PLUGGABLE])
def test_the_solution_of_every_exercise_can_be_tried_in_training(
    exercise, few_steps, library_steps, monkeypatch
):
    monkeypatch.setattr(
        plug_in, "_library_steps", lambda manifest, number, muon_rate: library_steps(muon_rate)
    )
    result = exercise.try_in_training(exercise.answer)
    assert isinstance(result, Comparison), result
    assert result.same, result
    assert len(result.library) == len(result.yours) == 4 and result.calls >= 4


@pytest.mark.parametrize(
    "place", ["omni_lib.trainer:word_errors", "omni_lib.no_module:collapse", "omni_lib.encoder:A.b"]
)
def test_a_place_that_does_not_exist_is_an_error(place):
    with pytest.raises((AttributeError, ModuleNotFoundError)):
        resolved(place)


def test_both_runs_use_the_same_clips_even_if_the_corpus_is_made_between_two_tries(
    few_steps, tmp_path, monkeypatch
):
    assert exercise().try_in_training(mine).same
    rows = list(reversed(read_manifest(CLIPS).utterances))
    made = [replace(row, split="train") for row in rows[:4]] + [
        replace(row, split="dev") for row in rows[4:6]
    ]
    write_manifest(tmp_path / "made.csv", made)
    monkeypatch.setattr(plug_in, "CORPUS", tmp_path / "made.csv")
    monkeypatch.setattr(plug_in, "LONGEST_CLIP", 60.0)
    result = exercise().try_in_training(mine)
    assert isinstance(result, Comparison) and result.same, result


def exercise(place=COLLAPSE):
    def judge(attempt):
        expect_equal(attempt, ([1, 1, 0, 2],), [1, 2])  # lenient: no case with a doubled letter

    return CodeExercise(
        "03.collapse", "collapse a path", 1, 5, judge, collapse, "well done", plug_in=place, hints=("a", "b")
    )


def mine(path):
    found, last = [], 0
    for symbol in path:
        if symbol not in (0, last):
            found.append(symbol)
        last = symbol
    return found


def careless(path):
    return [symbol for symbol in dict.fromkeys(path) if symbol]  # every letter at most once in a text


def test_a_right_function_changes_nothing_and_the_library_is_restored():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    result = exercise().try_in_training(mine)
    assert isinstance(result, Comparison) and result.same and result.difference == 0
    assert len(result.library) == len(result.yours) == 20 and result.calls >= 20
    assert len({step.loss for step in result.yours}) == 20, "the weights move at every step"
    assert "nothing changed" in repr(result) and "nothing changed" in result._repr_html_()
    assert (
        f"{result.yours[0].loss:.4f}" in repr(result)
        and f"{result.yours[-1].loss:.4f}" in result._repr_html_()
    )
    assert omni_lib.decoding.collapse is collapse
    assert torch.equal(torch.rand(3), expected), "the caller's random numbers are as they were"


def test_a_wrong_function_that_passes_its_check_is_found(few_steps):
    result = exercise().try_in_training(careless)
    assert isinstance(result, Comparison) and not result.same
    assert "From step 1 on the runs differ" in result.summary and "WER" in result.summary
    assert result.library[0].loss == result.yours[0].loss, "collapsing changes the WER and not the loss"


def test_gradients_flow_through_a_learners_loss_and_differ_only_by_rounding(few_steps):
    def adapt(log_likelihood):
        def ctc_loss(log_probs, lengths, targets):
            return torch.stack(
                [
                    -log_likelihood(row[:n], target)
                    for row, n, target in zip(log_probs, lengths, targets, strict=True)
                ]
            )

        return ctc_loss

    def forward(log_probs, target):
        symbols = torch.tensor([0] + [each for letter in target for each in (letter, 0)])
        skips = torch.tensor(
            [False, False]
            + [bool(now) and now != before for now, before in zip(symbols[2:], symbols, strict=False)]
        )
        alpha = torch.where(torch.arange(len(symbols)) < 2, log_probs[0, symbols], -1e30)
        for frame in log_probs[1:]:
            one, two = alpha.roll(1), torch.where(skips, alpha.roll(2), -1e30)
            one = torch.where(torch.arange(len(symbols)) > 0, one, -1e30)
            alpha = torch.stack([alpha, one, two]).logsumexp(0) + frame[symbols]
        return alpha[-2:].logsumexp(0)

    def judge(attempt):
        log_probs = torch.full((2, 3), 1 / 3).log()
        assert attempt(log_probs, [1]).isclose(torch.tensor(3 / 9).log())

    place = PlugIn(("omni_lib.training.objective:ctc_loss",), adapt)
    result = CodeExercise(
        "03.forward", "sum", 1, 5, judge, forward, "well done", plug_in=place, hints=("a", "b")
    ).try_in_training(forward)
    assert isinstance(result, Comparison) and result.same, result
    assert 0 < result.difference <= 1e-4 and "agree to " in result.summary and " digits" in result.summary


@pytest.mark.parametrize(
    ("answer", "outcome"), [(lambda path: ..., Outcome.NOT_ATTEMPTED), (list, Outcome.NOT_YET)]
)
def test_the_check_of_the_exercise_comes_first(answer, outcome, monkeypatch):
    monkeypatch.setattr(plug_in, "training_steps", lambda *run: pytest.fail("it was used in training"))
    verdict = exercise().try_in_training(answer)
    assert isinstance(verdict, Verdict) and verdict.outcome is outcome


def test_an_exception_in_training_becomes_one_line_and_the_library_is_restored():
    def raises(path):
        if len(path) > 10:
            raise ValueError("a path as\nlong as this")
        return mine(path)

    verdict = exercise().try_in_training(raises)
    assert verdict.outcome is Outcome.NOT_YET
    assert (
        verdict.message == "In training, at call 1, your function raises ValueError: a path as long as this"
    )
    assert omni_lib.decoding.collapse is collapse


def test_a_result_that_training_cannot_use_becomes_one_line():
    place = PlugIn(("omni_lib.decoding:collapse",), lambda function: lambda path: [999])
    verdict = exercise(place).try_in_training(mine)
    assert verdict.outcome is Outcome.NOT_YET and verdict.message.startswith(
        "With your function in its place, training fails: "
    )


def test_a_function_that_is_too_slow_is_stopped(monkeypatch):
    monkeypatch.setattr(plug_in, "PATIENCE", 0.0)
    verdict = exercise().try_in_training(mine)
    assert verdict.outcome is Outcome.NOT_YET and "right, but slow" in verdict.message


def test_a_function_that_training_never_calls_is_not_the_same():
    steps = (Step(3.0, 0.5),)
    assert not Comparison(steps, steps, calls=0).same
    assert "never called" in Comparison(steps, steps, calls=0).summary


def test_an_exercise_without_a_place_is_refused():
    with pytest.raises(UserError, match="03.collapse has no place in the training loop"):
        exercise(place=None).try_in_training(mine)


def test_a_place_may_be_a_method_and_there_may_be_several():
    before = omni_lib.encoder.AudioEncoder.output_lengths, omni_lib.subsampling.halve_up
    encoder = omni_lib.encoder.AudioEncoder(d_model=8, n_layers=1, n_heads=2, d_ff=8)
    place = PlugIn(
        ("omni_lib.encoder:AudioEncoder.output_lengths",),
        lambda function: lambda self, lengths: function(lengths),
    )
    with (
        replaced(place, lambda lengths: 7),
        replaced(PlugIn(("omni_lib.subsampling:halve_up", "omni_lib.subsampling:halve_down")), str),
    ):
        assert encoder.output_lengths(100) == 7
        assert omni_lib.subsampling.halve_up(3) == omni_lib.subsampling.halve_down(3) == "3"
    assert (omni_lib.encoder.AudioEncoder.output_lengths, omni_lib.subsampling.halve_up) == before
