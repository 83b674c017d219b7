"""Lesson 00, the way from sound to text at a glance: its exercise and questions."""

from __future__ import annotations

from omni_lib.audio import HOP_LENGTH, SAMPLE_RATE
from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.exercises.expectations import expect_close
from omni_lib.course.exercises.questions import Choice, Number, ShortText
from omni_lib.course.exercises.sandbox import Attempt
from omni_lib.course.lessons import start_here_solutions as solutions

NUMBER = "00"
TITLE = "Start here"


def _judge_seconds(attempt: Attempt) -> None:
    for samples, case in (
        (16_000, "A second of sound"),
        (32_000, "Two seconds"),
        (24_000, "One and a half seconds"),
        (20_973, "A clip that is no whole number of seconds long"),
        (0, "No samples"),
        (1, "One sample"),
    ):
        got, wanted = attempt(samples), samples / SAMPLE_RATE
        why = ""
        if isinstance(got, (int, float)) and samples and got != wanted:
            for value, slip in (
                (
                    samples * SAMPLE_RATE,
                    "That multiplies: a second holds many samples, so it takes a division.",
                ),
                (samples, "Those are samples still; how many of them make one second?"),
                (samples / HOP_LENGTH, "Those are frames of 10 ms; seconds are wanted."),
                (samples // HOP_LENGTH, "Those are frames of 10 ms; seconds are wanted."),
                (samples // SAMPLE_RATE, "`//` cuts off what is less than a second."),
            ):
                if got == value:
                    why = slip
                    break
        expect_close(attempt, (samples,), wanted, why, tolerance=1e-6, case=case)


seconds = CodeExercise(
    key="00.seconds",
    goal="How long a clip of so many samples is, in seconds, at 16,000 samples a second.",
    difficulty=1,
    minutes=2,
    judge=_judge_seconds,
    answer=solutions.seconds,
    hints=("How many samples are two seconds?", "Divide by the rate.", "`samples / 16_000`"),
    praise="That is how exercises work: write, check, and read what the check says.",
)

purpose_of_stage_b = ShortText(
    key="00.purpose_of_stage_b",
    prompt="What does Stage B train, by which task, and what for?",
    mentions=(
        (r"encoder", "say which part of the model is trained"),
        (
            r"recogni|transcri|\basr\b|speech.to.text|letters|text from speech",
            "say by which task it is trained: what does it write?",
        ),
        (
            r"embed|represent|feature|vector|thinker|stage e\b|multimodal",
            "say what for: what of it does the next stage take over?",
        ),
    ),
    model="It trains the audio encoder by speech recognition, so that its embeddings hold what was said; "
    "in Stage E the Thinker is given those embeddings, and the head that wrote the letters stays "
    "behind.",
    contradictions=(
        (
            r"trains? (only )?the thinker",
            "the Thinker is trained in another stage; here it is the part that listens",
        ),
    ),
)

pipeline_order = Choice(
    key="00.pipeline_order",
    prompt="One second of sound, in the order in which it becomes text:",
    options={
        "a": "waveform (16000,) → embeddings (12, 192) → log-mel (100, 128) → text",
        "b": "waveform (16000,) → log-mel (100, 128) → embeddings (12, 192) → log-probabilities → text",
        "c": "log-mel (100, 128) → waveform (16000,) → log-probabilities → embeddings (12, 192) → text",
        "d": "waveform (16000,) → log-mel (128, 100) → log-probabilities → text",
    },
    right="b",
    replies={
        "a": "the encoder, which makes embeddings, looks at the log-mel: that must be there before",
        "b": "Yes. Lesson 01 makes the log-mel, lesson 02 the embeddings, lesson 03 the text.",
        "c": "a recording is a waveform; the log-mel is computed from it",
        "d": "time comes first, frames then filters, and a step is missing: what does the encoder make?",
    },
)

numbers_left = Number(
    key="00.numbers_left",
    prompt="One second of sound is 16,000 samples. Its embeddings are (12, 192): how many numbers is that?",
    right=2304,
    tolerance=0.5,
    praise="12 · 192 = 2304, a seventh of the samples, and what was said must be in them.",
    slips=(
        (12_800, "that is the log-mel, 100 · 128"),
        (2400, "12.5 a second is the average over a long clip; one second alone makes 12"),
        (204, "multiply, do not add: each embedding has 192 numbers"),
        (192, "that is one embedding; there are 12"),
        (12, "so many embeddings; each has 192 numbers"),
    ),
)

EXERCISES = (seconds, pipeline_order, numbers_left, purpose_of_stage_b)
