"""Lesson 05: what is predicted before a training, what its settings do, and how its log is read."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from omni_lib.config import Config
from omni_lib.course.exercises.checking import CodeExercise, source_of
from omni_lib.course.exercises.plug_in import PlugIn
from omni_lib.course.exercises.verdict import Note
from omni_lib.course.lessons.full_training import judges, loss_judge, muon_judge, solutions, step_judge
from omni_lib.course.lessons.full_training.questions import (
    chapter_hours,
    epoch_of_step_1000,
    log_one,
    log_three,
    log_two,
    loss_scale,
    one_change,
    overfit_first,
    read_range,
    recipe_refused,
    why_resume,
)
from omni_lib.machine import distributed
from omni_lib.trainer import Trainer
from omni_lib.training.batching import Batch
from omni_lib.training.objective import Loss
from omni_lib.training.optimizer import schedule

NUMBER = "05"
TITLE = "Full training"


def source(thing: Any) -> Note:
    """The current source of a function of the library, as highlighted Markdown."""
    module = inspect.getmodule(thing)
    where = f"# {module.__name__.replace('.', '/')}.py\n" if module else ""
    return Note(f"```python\n{where}{source_of(thing)}\n```")


# The loss before the first step


initial_loss = CodeExercise(
    key="05.initial_loss",
    goal="Predict the CTC loss of a model that has learned nothing: T · ln 29 minus the "
    "logarithm of the number of paths.",
    difficulty=2,
    minutes=10,
    judge=loss_judge.initial_loss,
    answer=solutions.initial_loss,
    hints=(
        "Every path of T frames has the probability 29^-T. The loss is minus the logarithm of "
        "(number of paths) · 29^-T.",
        "The number of paths is the binomial coefficient C(T + L - r, 2 L) for L letters with r "
        "repeats: `math.comb`.",
        "`math.log` takes whole numbers of any size, and `math.comb` is 0 where there is no path: "
        "return `math.inf` there.",
    ),
    praise="So you can predict the first loss of a run. It grows with the length of the clips, "
    "whatever the model.",
)


# Steps and hours


training_time = CodeExercise(
    key="05.training_time",
    goal="How many steps does a training have, and how many hours does it take?",
    difficulty=1,
    minutes=5,
    extra=True,
    judge=judges.training_time,
    answer=solutions.training_time,
    hints=(
        "An epoch has as many steps as batches, and the last batch may be smaller.",
        "`math.ceil` rounds up, and an hour has 3600 seconds. The number of steps is that of all epochs.",
    ),
    praise="Compute this before any training of your own, and check it in other people's reports.",
)


# What one step does


def _as_schedule(
    learning_rate: Callable[[int, int, float, int], Any],
) -> Callable[[int, int, Config], float]:
    """The learner's function as the trainer calls it: for a share of the peak, of a peak of 1."""
    library = schedule

    def share(step: int, total_steps: int, config: Config) -> float:
        if config.schedule == "constant":  # the exercise is the cosine
            return library(step, total_steps, config)
        return float(learning_rate(step, total_steps, 1.0, config.warmup_steps))

    return share


learning_rate = CodeExercise(
    key="05.learning_rate",
    goal="The learning rate of each step: a straight warm-up to the peak, then half a cosine down to zero.",
    difficulty=2,
    minutes=10,
    judge=judges.learning_rate,
    answer=solutions.learning_rate,
    hints=(
        "Steps are counted from 0, and step 0 must not have the rate 0: the warm-up goes 1/w, "
        "2/w, … w/w of the peak.",
        "After it, the share of the cosine that is over is (step - warmup) / (total - warmup).",
        "Half a cosine from 1 to 0 is 0.5 · (1 + cos(π · share)).",
    ),
    praise="That is `omni_lib.training.optimizer.schedule`. During the warm-up Adam estimates "
    "the size of the gradients, before it takes large steps.",
    plug_in=PlugIn(places=("omni_lib.trainer:schedule",), adapt=_as_schedule),
)


clip_gradient = CodeExercise(
    key="05.clip_gradient",
    goal="Scale down the gradients of all parameters together if their common norm is too large, "
    "and keep their direction.",
    difficulty=2,
    minutes=10,
    extra=True,
    judge=judges.clip_gradient,
    answer=solutions.clip_gradient,
    hints=(
        "One norm for all: the root of the sum of all squares of all tensors.",
        "One factor for all: largest_norm / norm, but never above 1.",
        "A norm of zero must not be divided by: `max(norm, 1e-12)`. And return new tensors.",
    ),
    praise="As `torch.nn.utils.clip_grad_norm_` does. A single bad batch can no longer change "
    "the weights by much.",
)


def _for_a_stack(
    function: Callable[[Tensor, int], Tensor],
) -> Callable[[Tensor, int], Tensor]:
    """The learner's function as Muon calls it: for a stack of matrices of one shape."""

    def orthogonalise(matrices: Tensor, steps: int = 3) -> Tensor:
        return torch.stack([torch.as_tensor(function(matrix, steps)) for matrix in matrices])

    return orthogonalise


orthogonalise = CodeExercise(
    key="05.orthogonalise",
    goal="Bring the singular values of a matrix near 1 by products of matrices, without computing them.",
    difficulty=3,
    minutes=10,
    extra=True,
    judge=muon_judge.orthogonalise,
    answer=solutions.orthogonalise,
    hints=(
        "`matrix.norm()` is the Frobenius norm. Make a new tensor: the one that you are given must stay as "
        "it is.",
        "In each step, compute `gram = x @ x.T` from the newest x. Then (X Xᵀ) X is `gram @ x`, and "
        "(X Xᵀ)² X is `gram @ gram @ x`.",
        "The new x is the sum of three terms, each with its coefficient: x itself, and these two products. "
        "The products are of matrices (`@`), and only the coefficients multiply entry by entry (`*`).",
    ),
    praise="That is the core of Muon, `omni_lib.training.optimizer.orthogonalise`. The library's function "
    "works on all matrices of one shape at once.",
    plug_in=PlugIn(
        places=("omni_lib.training.optimizer:orthogonalise",), adapt=_for_a_stack, muon_rate=0.002
    ),
)


average_weights = CodeExercise(
    key="05.average_weights",
    goal="One update of the moving average of the weights, which covers more steps as the run goes on.",
    difficulty=2,
    minutes=8,
    extra=True,
    judge=judges.average_weights,
    answer=solutions.average_weights,
    hints=(
        "A moving average keeps a share of itself and takes the rest from what is new.",
        "The share it keeps is `min(decay, (1 + updates) / (10 + updates))`: small at first, so that "
        "the random start is soon forgotten.",
    ),
    praise="It is these averaged weights that are evaluated and saved as `enc`: they depend less "
    "on the last few batches.",
)


def _as_method(function: Callable[..., Any]) -> Callable[[Trainer, Batch], Loss]:
    """The learner's step as the trainer calls it, with what `Trainer.train_step` does before and after."""

    def train_step(self: Trainer, batch: Batch) -> Loss:
        torch.manual_seed(self.config.seed * 1_000_003 + self.step + (distributed.rank() << 48))
        self.model.train()
        mel, lengths = batch.mel.to(self.device), batch.lengths.to(self.device)
        batch = Batch(mel, lengths, batch.targets, batch.utterances)
        share = schedule(self.step, self.total_steps, self.config)
        loss: Loss = function(
            self.model, batch, self.optimizers, self.averaged, share, self.config.gradient_clip
        )
        self._refuse_non_finite("loss", loss.objective.detach()[None], loss, batch)
        norms = torch.stack(torch._foreach_norm(self.floats))
        self._refuse_non_finite("norm of the weights", norms, loss, batch)
        self.step += 1
        return loss

    return train_step


train_step = CodeExercise(
    key="05.train_step",
    goal="One step of a training, put together: forward and loss, backward, clip, step, average.",
    difficulty=3,
    minutes=10,
    judge=step_judge.train_step,
    answer=solutions.train_step,
    hints=(
        "The order matters: the gradients exist after `backward` only, and the average needs the new "
        "weights.",
        "`backward` adds to the gradients that are there already, so those of the last step have to be "
        "cleared before it.",
        "`loss = model(batch, share)`, then `optimizers.zero_grad()` and `loss.objective.backward()`. "
        "`nn.utils.clip_grad_norm_(model.parameters(), largest_norm)` clips in place.",
        "At the end `optimizers.step(share)`, `averaged.update_parameters(model.recogniser)`, and "
        "`return loss`.",
    ),
    praise="After three steps, all weights and their average are the same as after the library's own steps. "
    "A training is this function in a loop.",
    plug_in=PlugIn(places=("omni_lib.trainer:Trainer.train_step",), adapt=_as_method),
)


EXERCISES = (
    why_resume,
    initial_loss,
    loss_scale,
    read_range,
    overfit_first,
    recipe_refused,
    learning_rate,
    clip_gradient,
    orthogonalise,
    average_weights,
    train_step,
    training_time,
    chapter_hours,
    epoch_of_step_1000,
    log_one,
    log_two,
    log_three,
    one_change,
)
