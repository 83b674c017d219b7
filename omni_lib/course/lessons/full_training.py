"""Lesson 05: what is predicted before a training, what its settings do, and how its log is read."""

from __future__ import annotations

import inspect
import math
from typing import Any

import torch

from omni_lib.config import Config
from omni_lib.course.exercises.checking import CodeExercise, expect_close, require, source_of
from omni_lib.course.exercises.sandbox import Attempt, NotYet, described
from omni_lib.course.exercises.verdict import Note
from omni_lib.course.lessons import full_training_solutions as solutions
from omni_lib.course.lessons.full_training_questions import (
    chapter_hours,
    epoch_of_step_1000,
    log_one,
    log_three,
    log_two,
    loss_scale,
    overfit_first,
    read_range,
    recipe_refused,
    why_resume,
)
from omni_lib.ctc import ctc_loss
from omni_lib.training.optimizer import schedule

NUMBER = "05"
TITLE = "Full training"


def source(thing: Any) -> Note:
    """The current source of a function of the library, as highlighted Markdown."""
    module = inspect.getmodule(thing)
    where = f"# {module.__name__.replace('.', '/')}.py\n" if module else ""
    return Note(f"```python\n{where}{source_of(thing)}\n```")


# The loss before the first step


def _ignorant_loss(frames: int, letters: int, repeats: int, symbols: int) -> float:
    """torch's CTC loss of a uniform distribution."""
    text = [1] * (repeats + 1) + [2 + place % 2 for place in range(letters - repeats - 1)]
    log_probs = torch.full((1, frames, symbols), -math.log(symbols), dtype=torch.float64)
    return float(ctc_loss(log_probs, torch.tensor([frames]), [text]))


def _judge_initial_loss(attempt: Attempt) -> None:
    whys = {
        (1, 1, 0, 29): "One frame, one letter: one path, whose probability is 1 / 29.",
        (2, 1, 0, 29): "Two frames, one letter: three paths (aa, a_, _a) share 29² possibilities.",
        (6, 5, 1, 29): "hello needs 6 frames, and in 6 it has one path only: h e l _ l o.",
        (20, 5, 0, 29): "C(20 + 5, 10) paths lead to five unlike letters in 20 frames.",
        (20, 5, 1, 29): "Each doubled letter costs a frame: C(20 + 5 - 1, 10) paths.",
        (5, 5, 1, 29): "hello in 5 frames: there is no path, so its probability is 0.",
        (20, 5, 0, 4): "Here are 4 symbols, not 29.",
        (
            400,
            90,
            3,
            29,
        ): "A clip of 10 s: the paths are more than a float can count, their logarithm is not.",
    }
    for (frames, letters, repeats, symbols), why in whys.items():
        expect_close(
            attempt,
            (frames, letters, repeats, symbols),
            _ignorant_loss(frames, letters, repeats, symbols),
            why,
            tolerance=1e-5,
        )


initial_loss = CodeExercise(
    key="05.initial_loss",
    goal="Predict the CTC loss of a model that knows nothing: T · ln 29 less the logarithm of the number "
    "of paths.",
    difficulty=2,
    minutes=10,
    judge=_judge_initial_loss,
    answer=solutions.initial_loss,
    hints=(
        "Every path of T frames has the probability 29^-T. The loss is minus the logarithm of "
        "(number of paths) · 29^-T.",
        "The number of paths is the binomial coefficient C(T + L - r, 2 L) for L letters with r "
        "repeats: `math.comb`.",
        "`math.log` takes whole numbers of any size, and `math.comb` is 0 where there is no path: "
        "return `math.inf` there.",
    ),
    praise="So the first loss of a run is no mystery: it grows with the length of the clips, whatever the "
    "model.",
)


# Steps and hours


def _judge_training_time(attempt: Attempt) -> None:
    cases = (
        (1000, 8, 20, 3.25, "The chapter's run: 125 batches an epoch, 20 epochs."),
        (8, 8, 1, 3600.0, "One batch, one epoch, an hour a step."),
        (1001, 8, 20, 1.0, "The utterance that is left over is a batch too: 126 an epoch."),
        (3, 8, 10, 1.0, "Fewer utterances than a batch holds are one small batch."),
        (28_539, 16, 3, 0.5, "28,539 utterances: LibriSpeech's 100 hours."),
    )
    for utterances, batch_size, epochs, seconds, why in cases:
        got = attempt(utterances, batch_size, epochs, seconds)
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise NotYet(f"your function returns {described(got)}; two numbers are wanted: (steps, hours)")
        steps, hours = solutions.training_time(utterances, batch_size, epochs, seconds)
        called = f"called with {utterances}, {batch_size}, {epochs}, {seconds}, your function says"
        require(got[0] == steps, f"{called} {got[0]} steps, and it should be {steps}. {why}")
        require(
            abs(float(got[1]) - hours) < 1e-6 * hours,
            f"{called} {float(got[1]):.6g} hours, and it should be {hours:.6g}: 3600 s each. {why}",
        )


training_time = CodeExercise(
    key="05.training_time",
    goal="How many steps has a training, and how many hours does it take?",
    difficulty=1,
    minutes=5,
    judge=_judge_training_time,
    answer=solutions.training_time,
    hints=(
        "Steps of an epoch = batches of an epoch, the last one as small as it must be.",
        "`math.ceil(utterances / batch_size)` rounds up; `steps * seconds_per_step / 3600` are hours.",
    ),
    praise="It is the first sum of any plan, and the first to do with somebody else's.",
)


# What one step does


def _judge_learning_rate(attempt: Attempt) -> None:
    cases = (
        (
            0,
            100,
            1.0,
            10,
            "The first step already learns: at a tenth of the peak, for a warm-up of 10 steps.",
        ),
        (4, 100, 1.0, 10, "Halfway up."),
        (9, 100, 1.0, 10, "The last step of the warm-up is at the peak."),
        (10, 100, 1.0, 10, "The cosine begins where the warm-up ends: at the peak."),
        (55, 100, 1.0, 10, "Halfway between the end of the warm-up and the end of the run: half the peak."),
        (99, 100, 1.0, 10, "Nearly zero at the last step."),
        (0, 50, 3e-3, 0, "No warm-up: begin at the peak."),
        (1250, 2500, 3e-3, 100, "The embedded corpus' own settings, halfway."),
    )
    for step, total, peak, warmup, why in cases:
        config = Config(learning_rate=peak, warmup_steps=warmup, schedule="cosine")
        expect_close(
            attempt, (step, total, peak, warmup), peak * schedule(step, total, config), why, tolerance=1e-6
        )


learning_rate = CodeExercise(
    key="05.learning_rate",
    goal="The learning rate of each step: a straight warm-up to the peak, then half a cosine down to zero.",
    difficulty=2,
    minutes=10,
    judge=_judge_learning_rate,
    answer=solutions.learning_rate,
    hints=(
        "Steps count from 0, and step 0 shall learn: the warm-up goes 1/w, 2/w, … w/w of the peak.",
        "After it, the share of the cosine that is over is (step - warmup) / (total - warmup).",
        "Half a cosine from 1 to 0 is 0.5 · (1 + cos(π · share)).",
    ),
    praise="That is `omni_lib.training.optimizer.schedule`. The warm-up lets Adam measure the gradients "
    "before it takes large steps by them.",
)


def _judge_clip_gradient(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(0)
    cases = (
        ([torch.tensor([3.0, 4.0])], 1.0, "The norm is 5: a fifth of each is left."),
        ([torch.tensor([0.3, 0.4])], 1.0, "The norm is 0.5: nothing is to be done."),
        (
            [torch.tensor([3.0]), torch.tensor([[4.0]])],
            1.0,
            "The norm is that of all parameters together: √(3² + 4²) = 5.",
        ),
        ([torch.zeros(2, 2), torch.zeros(3)], 1.0, "A gradient of zero stays zero."),
        (
            [torch.randn(4, 3, generator=generator), torch.randn(5, generator=generator) * 10],
            0.5,
            "All become shorter by one factor.",
        ),
    )
    for gradients, largest, why in cases:
        parameters = [torch.nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.clone()
        torch.nn.utils.clip_grad_norm_(parameters, largest)
        got = attempt(gradients, largest)
        if not isinstance(got, (list, tuple)) or len(got) != len(gradients):
            raise NotYet(
                f"your function returns {described(got)}; a list of {len(gradients)} tensors is "
                "wanted, as it was given"
            )
        for index, (parameter, clipped) in enumerate(zip(parameters, got, strict=True)):
            given = f"Tensor {index} of {len(gradients)}, largest norm {largest}. {why}"
            expect_close(
                Attempt(lambda _, clipped=clipped: clipped),
                (gradients,),
                parameter.grad,
                given,
                tolerance=1e-4,
            )


clip_gradient = CodeExercise(
    key="05.clip_gradient",
    goal="Shorten the gradients of all parameters together, where their common norm is too large, and "
    "keep their direction.",
    difficulty=2,
    minutes=10,
    extra=True,
    judge=_judge_clip_gradient,
    answer=solutions.clip_gradient,
    hints=(
        "One norm for all: the root of the sum of all squares of all tensors.",
        "One factor for all: largest_norm / norm, but never above 1.",
        "A norm of zero must not be divided by: `max(norm, 1e-12)`. And return new tensors.",
    ),
    praise="As `torch.nn.utils.clip_grad_norm_` does. One bad batch can no longer throw the weights far.",
)


def _judge_average_weights(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(0)
    old, new = torch.randn(3, 2, generator=generator), torch.randn(3, 2, generator=generator)
    cases = (
        (
            torch.tensor([0.0]),
            torch.tensor([1.0]),
            1_000_000,
            0.9,
            "Late in a run it keeps 0.9 of itself and takes a tenth of the new weights.",
        ),
        (
            torch.tensor([0.0]),
            torch.tensor([1.0]),
            0,
            0.9,
            "At its first update it keeps (1 + 0) / (10 + 0) = a tenth of the random start.",
        ),
        (old, new, 8, 0.99, "After 8 updates it keeps (1 + 8) / (10 + 8) = half."),
        (old, new, 10_000, 0.99, "Late in a run it keeps 0.99 of itself."),
        (old, new, 50, 0.0, "A decay of 0 is no averaging."),
    )
    for averaged, current, updates, decay, why in cases:
        kept = min(decay, (1 + updates) / (10 + updates))
        expect_close(
            attempt,
            (averaged, current, updates, decay),
            averaged.lerp(current, 1 - kept),
            f"Updates {updates}, decay {decay}. {why}",
        )


average_weights = CodeExercise(
    key="05.average_weights",
    goal="One update of the moving average of the weights, whose memory grows with the run.",
    difficulty=2,
    minutes=8,
    extra=True,
    judge=_judge_average_weights,
    answer=solutions.average_weights,
    hints=(
        "A moving average keeps a share of itself and takes the rest from what is new.",
        "The share it keeps is `min(decay, (1 + updates) / (10 + updates))`: small at first, so that "
        "the random start is soon forgotten.",
    ),
    praise="It is these averaged weights that are evaluated and saved as `enc`: they have less of the last "
    "batches' noise.",
)


EXERCISES = (
    initial_loss,
    loss_scale,
    overfit_first,
    read_range,
    learning_rate,
    clip_gradient,
    average_weights,
    training_time,
    chapter_hours,
    epoch_of_step_1000,
    recipe_refused,
    why_resume,
    log_one,
    log_two,
    log_three,
)
