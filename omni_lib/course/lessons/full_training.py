"""Lesson 05: what is predicted before a training, what its settings do, and how its log is read."""

from __future__ import annotations

import inspect
import math
from typing import Any

import torch

from omni_lib.config import Config
from omni_lib.course.checking import CodeExercise, Note, expect_close, require, source_of
from omni_lib.course.lessons import full_training_solutions as solutions
from omni_lib.course.questions import Choice, Number, ShortText
from omni_lib.course.sandbox import Attempt, NotYet, described
from omni_lib.ctc import ctc_loss
from omni_lib.optimizer import schedule

NUMBER = "05"
TITLE = "Full training"


def source(thing: Any) -> Note:
    """The source of a function of the library, as it stands in its file now, in colours."""
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
        (400, 90, 3, 29): "A clip of 10 s: the paths are more than a float can count, their logarithm is not.",
    }
    for (frames, letters, repeats, symbols), why in whys.items():
        expect_close(attempt, (frames, letters, repeats, symbols), _ignorant_loss(frames, letters, repeats, symbols), why, tolerance=1e-5)


initial_loss = CodeExercise(
    key="05.initial_loss",
    goal="Predict the CTC loss of a model that knows nothing: T · ln 29 less the logarithm of the number of paths.",
    difficulty=2,
    minutes=10,
    judge=_judge_initial_loss,
    answer=solutions.initial_loss,
    hints=(
        "Every path of T frames has the probability 29^-T. The loss is minus the logarithm of (number of paths) · 29^-T.",
        "The number of paths is the binomial coefficient C(T + L - r, 2 L) for L letters with r repeats: `math.comb`.",
        "`math.log` takes whole numbers of any size, and `math.comb` is 0 where there is no path: return `math.inf` there.",
    ),
    praise="So the first loss of a run is no mystery: it grows with the length of the clips, whatever the model.",
)

loss_scale = Choice(
    key="05.loss_scale",
    prompt=(
        "Two runs begin. The first log line of one says ctc_loss=270, that of the other ctc_loss=82; both encoders are untrained, and both "
        "print nats per utterance. What do you conclude?"
    ),
    options={
        "a": "The first is initialised badly: the chapter says 50 to 100",
        "b": "The clips of the first are longer",
        "c": "The first has the higher learning rate",
        "d": "The second has seen its data before",
    },
    right="b",
    replies={
        "a": "Predict both before you judge: frames · ln 29 - ln(paths) has no fixed size. What in it differs between two corpora?",
        "b": "Yes: the loss of ignorance grows with the number of frames. 50 to 100 is the range of short clips and no law.",
        "c": "Before the first step no rate has acted. What in frames · ln 29 - ln(paths) differs between two corpora?",
        "d": "An untrained encoder has seen nothing. What in frames · ln 29 - ln(paths) differs between two corpora?",
    },
)

overfit_first = Choice(
    key="05.overfit_first",
    prompt=(
        "You train a new model on one batch, over and over, and after many more steps than above it still hears nothing. "
        "What do you do first?"
    ),
    options={
        "a": "Collect more data",
        "b": "Train it on the whole corpus: one batch is too little to learn from",
        "c": "Look for a mistake: targets, lengths, masks, the sign of the loss, a frozen layer, the rate",
        "d": "Add dropout and SpecAugment",
    },
    right="c",
    replies={
        "a": "It cannot even learn by heart what it has. More of it will not help.",
        "b": "To learn four clips by heart is the easiest task that it will ever have. What fails here fails there too, only later.",
        "c": "Yes. A model that cannot learn four clips by heart has a mistake in it, and here it takes a minute to try again.",
        "d": "Both make learning by heart harder. They are for a model that learns too well.",
    },
)

read_range = Choice(
    key="05.read_range",
    prompt="In the range test the loss falls ever faster, wavers, and explodes. Which peak rate do you train with?",
    options={
        "a": "The highest rate that had not exploded yet",
        "b": "The lowest rate of the test, to be safe",
        "c": "The rate at which it explodes, behind a warm-up",
        "d": "A third to a tenth of the rate at which it explodes",
    },
    right="d",
    replies={
        "a": "A real run stays near its peak for hundreds of steps. That near to the edge, the first bad batch is enough.",
        "b": "Safe, and slow: at the left end the loss hardly moved. The first of the three logs below was made with 1e-4.",
        "c": "A warm-up brings the weights there gently, and there they come apart: the second of the logs below shows how that looks.",
        "d": "Yes, a usual choice (Smith 2017): where the loss falls steeply, with room to the edge. A warm-up carries it there.",
    },
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

chapter_hours = Number(
    key="05.chapter_hours",
    prompt=(
        "The chapter's listing runs 2500 steps at 3.0 to 3.5 s a step, and ends with 'Time: 8h 15m'. "
        "How many hours are 2500 steps at 3.25 s?"
    ),
    right=2500 * 3.25 / 3600,
    tolerance=0.05,
    praise="2.1 to 2.4 hours for 3.0 to 3.5 s a step. A listing that no run has printed cannot be trusted in its other figures either.",
    slips=((8.25, "That is what the listing says. Multiply: 2500 · 3.25 s, and 3600 s are an hour."), (8125, "Those are seconds.")),
)

epoch_of_step_1000 = Number(
    key="05.epoch_of_step_1000",
    prompt=(
        "The listing shows [Step 1000/2500] below 'Epoch 1/20'. With 1000 utterances in batches of 8, in which epoch is step 1000 taken?"
    ),
    right=8,
    tolerance=0,
    praise="An epoch has 125 steps, so step 1000 is the last of epoch 8: a loss of 18.67 'in epoch 1' compares with nothing.",
    slips=(
        (1, "That is what the listing says: how many steps has an epoch?"),
        (9, "Step 1001 is the first of epoch 9."),
        (125, "That is the number of steps of an epoch."),
    ),
)


# What one step does


def _judge_learning_rate(attempt: Attempt) -> None:
    cases = (
        (0, 100, 1.0, 10, "The first step already learns: at a tenth of the peak, for a warm-up of 10 steps."),
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
        expect_close(attempt, (step, total, peak, warmup), peak * schedule(step, total, config), why, tolerance=1e-6)


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
    praise="That is `omni_lib.optimizer.schedule`. The warm-up lets Adam measure the gradients before it takes large steps by them.",
)


def _judge_clip_gradient(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(0)
    cases = (
        ([torch.tensor([3.0, 4.0])], 1.0, "The norm is 5: a fifth of each is left."),
        ([torch.tensor([0.3, 0.4])], 1.0, "The norm is 0.5: nothing is to be done."),
        ([torch.tensor([3.0]), torch.tensor([[4.0]])], 1.0, "The norm is that of all parameters together: √(3² + 4²) = 5."),
        ([torch.zeros(2, 2), torch.zeros(3)], 1.0, "A gradient of zero stays zero."),
        ([torch.randn(4, 3, generator=generator), torch.randn(5, generator=generator) * 10], 0.5, "All become shorter by one factor."),
    )
    for gradients, largest, why in cases:
        parameters = [torch.nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.clone()
        torch.nn.utils.clip_grad_norm_(parameters, largest)
        got = attempt(gradients, largest)
        if not isinstance(got, (list, tuple)) or len(got) != len(gradients):
            raise NotYet(f"your function returns {described(got)}; a list of {len(gradients)} tensors is wanted, as it was given")
        for index, (parameter, clipped) in enumerate(zip(parameters, got, strict=True)):
            given = f"Tensor {index} of {len(gradients)}, largest norm {largest}. {why}"
            expect_close(Attempt(lambda _, clipped=clipped: clipped), (gradients,), parameter.grad, given, tolerance=1e-4)


clip_gradient = CodeExercise(
    key="05.clip_gradient",
    goal="Shorten the gradients of all parameters together, where their common norm is too large, and keep their direction.",
    difficulty=2,
    minutes=10,
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
            attempt, (averaged, current, updates, decay), averaged.lerp(current, 1 - kept), f"Updates {updates}, decay {decay}. {why}"
        )


average_weights = CodeExercise(
    key="05.average_weights",
    goal="One update of the moving average of the weights, whose memory grows with the run.",
    difficulty=2,
    minutes=8,
    judge=_judge_average_weights,
    answer=solutions.average_weights,
    hints=(
        "A moving average keeps a share of itself and takes the rest from what is new.",
        "The share it keeps is `min(decay, (1 + updates) / (10 + updates))`: small at first, so that the random start is soon forgotten.",
    ),
    praise="It is these averaged weights that are evaluated and saved as `enc`: they have less of the last batches' noise.",
)

why_resume = ShortText(
    key="05.why_resume",
    prompt=(
        "A run that is stopped and resumed ends with the same weights, bit for bit, as one that was not. Besides the weights, "
        "what must the checkpoint hold, and how must chance be drawn?"
    ),
    mentions=(
        (r"optimi[sz]er|moment|adam|muon", "The weights alone are not enough: what else has a memory of earlier steps?"),
        (
            r"seed|step|epoch",
            "And chance: masks, dropout and the order of batches. From what are they drawn, so that a restart loses nothing?",
        ),
    ),
    model=(
        "The state of the optimisers (their momenta), the averaged weights and the step; and every random number is drawn from seed, "
        "epoch and row, or from seed and step, never from a stream that a restart would lose."
    ),
)

recipe_refused = Choice(
    key="05.recipe_refused",
    prompt="The chapter's recipe is refused as written. What is wrong with it, and what is the smallest change that mends it?",
    options={
        "a": "Batches of 8 are too small: set batch_size to 16",
        "b": "Most texts have more letters than the clip has CTC frames: more CTC frames an embedding",
        "c": "The clips are too quiet: normalise them",
        "d": "20 epochs are too few: set num_epochs to 80",
    },
    right="b",
    replies={
        "a": "Then the same rows stand in fewer batches, and their loss is still infinite.",
        "b": "Yes: 12.5 frames a second against some 16 letters a second. Two would do; ours takes 3, as it plays clips faster.",
        "c": "The refusal counts letters and frames; neither depends on how loud a clip is.",
        "d": "A text without a path has the probability 0 in every epoch.",
    },
)

# Three logs

_ILLNESSES = {
    "a": "Rows without a CTC path: most of the data takes no part",
    "b": "Too high a rate: the loss jumps and the weights are thrown about",
    "c": "The blank plateau: it says blank everywhere, and nothing moves it",
    "d": "None: it is healthy and needs more time",
}

log_one = Choice(
    key="05.log_one",
    prompt="Log 1: what ails it?",
    options=_ILLNESSES,
    right="c",
    replies={
        "a": "Count its steps: 63 an epoch are 1000 clips in batches of 16. All take part. What does the share of blanks do?",
        "b": "The loss goes up and down only with the length of the batches, and its rate is 1e-4. What does the share of blanks do?",
        "c": "Yes: after a few steps nearly every frame says blank, and in epoch 3 still. 1e-4 'for stability' is stable: here.",
        "d": "Compare its share of blanks with the healthy log's, epoch for epoch. This one has learnt to be silent.",
    },
)

log_two = Choice(
    key="05.log_two",
    prompt="Log 2: what ails it?",
    options=_ILLNESSES,
    right="b",
    replies={
        "a": "Count its steps: 125 an epoch are 1000 clips in batches of 8. All take part. What does the loss do in its first fifty steps?",
        "b": "Yes: the loss falls, and within ten steps more than doubles. When the rate has come down again, only silence is left.",
        "c": "It ends there, but that is not how it began: what does the loss do in its first fifty steps?",
        "d": "No healthy loss more than doubles within ten steps.",
    },
)

log_three = Choice(
    key="05.log_three",
    prompt="Log 3: what ails it?",
    options=_ILLNESSES,
    right="a",
    replies={
        "a": "Yes: 21 steps an epoch are at most 168 of 1000 clips. Those it learns by heart; of ordinary speech it learns nothing.",
        "b": "Its loss falls all the way. Count its steps an epoch: how many clips are that?",
        "c": "Its share of blanks is next to nothing: with hardly a frame to spare there is no room for them. Count its steps an epoch.",
        "d": "The training loss falls, and dev stays above 100%. Count its steps an epoch: how many clips are that?",
    },
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
