"""Lesson 00, the way from sound to text at a glance: its exercise and questions."""

from __future__ import annotations

import numpy as np
import torch

from omni_lib.audio import HOP_LENGTH, SAMPLE_RATE
from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.exercises.expectations import expect_close
from omni_lib.course.exercises.questions import Choice, Number, Reflection
from omni_lib.course.exercises.sandbox import Attempt
from omni_lib.course.lessons.start_here import solutions

NUMBER = "00"
TITLE = "Start here"


def _judge_seconds(attempt: Attempt) -> None:
    for samples, case in (
        (16_000, "A second of sound"),
        (32_000, "Two seconds"),
        (24_000, "One and a half seconds"),
        (20_973, "A clip whose length is not a whole number of seconds"),
        (0, "No samples"),
        (1, "One sample"),
    ):
        got, wanted = attempt(samples), samples / SAMPLE_RATE
        why = "Divide the samples by the rate of 16,000 a second." if samples else ""
        single = torch.is_tensor(got) and got.numel() == 1 and not got.is_complex()
        number = float(got) if single or isinstance(got, (int, float, np.number)) else None
        if number and samples and number != wanted:  # 0 for one sample has too many explanations
            for value, slip in (
                (
                    samples * SAMPLE_RATE,
                    "You multiply. A second has many samples, so you must divide.",
                ),
                (samples, "Those are still samples. How many of them make one second?"),
                (samples / HOP_LENGTH, "Those are frames of 10 ms; the answer must be in seconds."),
                (samples // HOP_LENGTH, "Those are frames of 10 ms; the answer must be in seconds."),
                (SAMPLE_RATE / samples, "That is the wrong way round: divide the samples by the rate."),
                (1000 * samples / SAMPLE_RATE, "Those are milliseconds; the answer must be in seconds."),
                (samples // SAMPLE_RATE, "`//`, or `int`, cuts off what is less than a second."),
                *((round(wanted, digits), "That is rounded; do not round.") for digits in range(5)),
            ):
                if number == value:
                    why = slip
                    break
        expect_close(attempt, (samples,), wanted, why, tolerance=1e-6, case=case)


seconds = CodeExercise(
    key="00.seconds",
    goal="The length in seconds of a clip with a given number of samples, at 16,000 samples a second.",
    difficulty=1,
    minutes=2,
    judge=_judge_seconds,
    answer=solutions.seconds,
    hints=(
        "How many samples are two seconds?",
        "How often do 16,000 samples fit into the clip? Keep the fraction: divide by `/`, and not by `//`.",
    ),
    praise="That is how exercises work: write, check, and read what the check says.",
)

purpose_of_stage_b = Reflection(
    key="00.purpose_of_stage_b",
    hints=(
        "The answer has three parts: which part of the model is trained, by which task, and what a later "
        "stage uses.",
    ),
    prompt="What does Stage B train, by which task, and what for?",
    model="It trains the audio encoder by speech recognition, so that its embeddings hold what "
    "was said. Stage E gives those embeddings to the Thinker. The CTC head, which writes "
    "the letters, is not needed there.",
    points=(
        "it trains the audio encoder",
        "the task is speech recognition: to write what was said",
        "Stage E uses the embeddings, not the text",
    ),
)

pipeline_order = Choice(
    key="00.pipeline_order",
    hints=(
        "Which of these is a recording, and which is computed from it?",
        "Two seconds are 200 frames of 10 ms. How many groups of eight frames are that?",
    ),
    prompt="A second of sound has 16,000 samples. The log-mel has a frame of 128 numbers every 10 ms. The "
    "encoder turns every eight frames into one embedding of 192 numbers. Two seconds of sound become text: "
    "in which order, and with which shapes?",
    options={
        "a": "waveform (32000,) → embeddings (25, 192) → log-mel (200, 128) → log-probabilities → text",
        "b": "waveform (32000,) → log-mel (200, 128) → embeddings (25, 192) → log-probabilities → text",
        "c": "log-mel (200, 128) → waveform (32000,) → log-probabilities → embeddings (25, 192) → text",
        "d": "waveform (32000,) → log-mel (128, 200) → embeddings (16, 192) → log-probabilities → text",
    },
    right="b",
    replies={
        "a": "the encoder makes the embeddings from the log-mel, so the log-mel comes first",
        "b": "Yes. Lesson 01 makes the log-mel, lesson 02 the embeddings, lesson 03 the text.",
        "c": "a recording is a waveform; the log-mel is computed from it",
        "d": "time comes first, (frames, filters): the encoder makes one embedding of eight frames,"
        " not of filters",
    },
)

numbers_left = Number(
    key="00.numbers_left",
    hints=("The shape says how many embeddings there are, and how many numbers each of them has.",),
    prompt="One second of sound is 16,000 samples. Its embeddings are (12, 192): how many numbers is that?",
    right=2304,
    tolerance=0.5,
    unit="numbers",
    praise="12 · 192 = 2304, a seventh of the number of samples. They must still contain what was said.",
    slips=(
        (12_800, "that is the log-mel, 100 · 128"),
        (2400, "12.5 a second is the average over a long clip; one second alone makes 12"),
        (204, "multiply, do not add: each embedding has 192 numbers"),
        (192, "that is one embedding; there are 12"),
        (12, "that is the number of embeddings; each has 192 numbers"),
        (16_000, "those are the samples, before anything is computed"),
        (19_200, "that would be an embedding for every frame; eight frames make one"),
        (7, "that is how many times fewer numbers there are; how many are left?"),
    ),
)

EXERCISES = (seconds, pipeline_order, numbers_left, purpose_of_stage_b)
