"""Any answer of a learner gets a verdict in words; any recording is read, or refused in one line."""

import math
import random
from importlib import import_module

import numpy as np
import pytest
import torch

from omni_lib.course.exercises.verdict import Outcome
from omni_lib.course.notebooks import LESSONS
from omni_lib.course.recordings import LONGEST, waveform_of
from omni_lib.errors import UserError

PLAIN = [
    0,
    -1,
    1.5,
    math.nan,
    math.inf,
    10**30,
    True,
    "",
    "a",
    "\x1b[2J",
    b"x",
    [],
    [1, 2],
    (),
    {},
    {1: 2},
    {3},
    1j,
    object(),
    int,
    len,
]
TENSORS = [
    torch.zeros(0),
    torch.zeros(3),
    torch.zeros(2, 3),
    torch.full((4,), math.nan),
    torch.zeros(2, 2).to_sparse(),
]
ARRAYS = [torch.zeros(2, dtype=torch.complex64), np.zeros(3), np.array(["x"]), np.array([None], dtype=object)]
VALUES = [*PLAIN, *TENSORS, *ARRAYS]


def raising(*arguments):
    raise ValueError("no {braces} here\nand two lines")


def with_keywords(*, needed):
    return needed


class Hostile:
    """Raises an error in every operation."""

    def __call__(self, *arguments):
        return self

    def __eq__(self, other):
        raise RuntimeError("not comparable")

    __hash__ = None

    def __len__(self):
        return -1

    def __repr__(self):
        raise RuntimeError("not printable")


def an_answer(rng: random.Random):
    value = rng.choice(VALUES)
    match rng.randrange(8):
        case 0:
            return value
        case 1:
            return rng.choice(
                [raising, with_keywords, Hostile, Hostile(), print, exit, None, ..., lambda: None]
            )
        case 2:
            return lambda *arguments: arguments[0] if arguments else value
        case 3:
            return lambda *arguments: arguments
        case 4:
            return lambda *arguments: iter([value])
        case 5:
            return lambda *arguments: torch.as_tensor(arguments[0]) * 2 if arguments else value
        case _:
            return lambda *arguments: value


def test_any_answer_is_judged_in_words(inputs, tmp_path, monkeypatch):
    """No such answer is accepted, no check raises, and each verdict can be displayed."""
    monkeypatch.setenv("OMNI_HOME", str(tmp_path))
    exercises = [
        exercise
        for name in LESSONS.values()
        for exercise in import_module(f"omni_lib.course.lessons.{name}").EXERCISES
    ]
    judged = 0
    for number in range(inputs(0.04)):
        rng = random.Random(f"answer {number}")
        exercise = exercises[number % len(exercises)]
        verdict = exercise.check(an_answer(rng))
        assert verdict.outcome in Outcome and verdict.message and repr(verdict) and verdict._repr_html_()
        judged += verdict.outcome is not Outcome.RIGHT
    assert judged > 0.9 * inputs(0.04), "hardly any of these can be right"


CONTENTS = [
    None,
    0,
    "recording",
    [],
    {},
    {"kind": "recording"},
    {"kind": "recording", "rate": 16_000, "source": "microphone"},
]
RATES = [16_000, 16_000.0, 48_000, 0, -1, True, None, "16000", math.nan, [], 10**400]


@pytest.mark.filterwarnings("error")
def test_any_message_of_the_browser_is_sound_or_refused(judged, inputs):
    sound = 0
    for number in range(inputs(0.04)):
        rng = random.Random(f"payload {number}")
        content = rng.choice(CONTENTS)
        if isinstance(content, dict) and rng.random() < 0.3:
            content = content | {
                "rate": rng.choice(RATES),
                "source": rng.choice(["file", "\x1b[2J", None, 3]),
            }
        data = rng.randbytes(
            rng.choice([0, 1, 2, 3, 1000, 64_000, int(LONGEST * 32_000), int(LONGEST * 32_000) + 2])
        )
        buffers = rng.choice(
            [
                [data],
                [data],
                [data],
                [memoryview(data)],
                [bytearray(data)],
                [],
                [data, data],
                None,
                data,
                [3],
                "x",
            ]
        )
        waveform = judged(waveform_of, content, buffers)
        if not isinstance(waveform, UserError):
            sound += 1
            assert waveform.dtype == torch.float32 and waveform.ndim == 1 and len(waveform) * 2 == len(data)
            assert waveform.abs().max() <= 1
    assert sound > 0
