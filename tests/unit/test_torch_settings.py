"""A check gives the same verdict whatever a notebook has set in torch, and leaves these settings alone."""

from contextlib import contextmanager
from importlib import import_module

import pytest
import torch

from omni_lib.course.exercises.sandbox import Attempt
from omni_lib.course.exercises.torch_settings import settings_of_torch
from omni_lib.course.exercises.verdict import Outcome
from omni_lib.course.notebooks import LESSONS


@contextmanager
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@contextmanager
def without_gradients():
    torch.set_grad_enabled(False)
    yield
    torch.set_grad_enabled(True)


@contextmanager
def on_another_device():
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


def mixed_precision():
    return torch.autocast("cpu", torch.bfloat16)


SETTINGS = (
    double_precision,
    without_gradients,
    torch.inference_mode,
    on_another_device,
    mixed_precision,
)
in_any_notebook = pytest.mark.parametrize("settings", SETTINGS, ids=lambda each: each.__name__)


def exercise(key):
    (lesson,) = (name for stem, name in LESSONS.items() if stem.startswith(key[:2]))
    return getattr(import_module(f"omni_lib.course.lessons.{lesson}"), key[3:])


@in_any_notebook
@pytest.mark.parametrize(
    "key",
    ["02.receptive_field", "02.audio_encoder", "03.ctc_gradient", "05.orthogonalise", "06.load_encoder"],
)
def test_a_right_answer_is_right_whatever_is_set_in_the_notebook(settings, key):
    with settings():
        assert exercise(key).reply_to(exercise(key).answer).outcome is Outcome.RIGHT
    # and nothing was kept from there that the next check would find
    assert exercise(key).reply_to(exercise(key).answer).outcome is Outcome.RIGHT


@in_any_notebook
def test_the_settings_of_the_notebook_stay(settings):
    def found():
        return (
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.get_default_device(),
            torch.is_autocast_enabled("cpu"),
        )

    usual = found()
    with settings():
        before = found()
        assert before != usual
        with settings_of_torch():
            assert found() == usual
        assert found() == before


def test_what_an_answer_sets_does_not_last():
    def answer(x):
        torch.set_default_dtype(torch.float64)
        return torch.arange(3.0)

    assert Attempt(answer)(1).dtype is torch.float64
    assert torch.get_default_dtype() is torch.float32
