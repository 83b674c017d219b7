"""Lesson 05: plausible wrong answers, each with words of the reply that it must get; and other right ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omni_lib.course.lessons.full_training import muon_wrong as muon
from omni_lib.course.lessons.full_training import schedule_wrong as schedule
from omni_lib.course.lessons.full_training import solutions
from omni_lib.course.lessons.full_training import step_wrong as step
from omni_lib.course.lessons.full_training.questions import (
    log_one,
    log_three,
    log_two,
    loss_scale,
    overfit_first,
    read_range,
    recipe_refused,
)


def _no_paths(frames: int, letters: int, repeats: int, symbols: int = 29) -> Any:
    return frames * math.log(symbols)


def _repeats_forgotten(frames: int, letters: int, repeats: int, symbols: int = 29) -> Any:
    paths = math.comb(frames + letters, 2 * letters)
    return frames * math.log(symbols) - math.log(paths) if paths else math.inf


def _added(frames: int, letters: int, repeats: int, symbols: int = 29) -> Any:
    return frames * math.log(symbols) + math.log(math.comb(frames + letters - repeats, 2 * letters))


def _no_path_forgotten(frames: int, letters: int, repeats: int, symbols: int = 29) -> Any:
    return frames * math.log(symbols) - math.log(math.comb(frames + letters - repeats, 2 * letters))


def _always_29(frames: int, letters: int, repeats: int, symbols: int = 29) -> Any:
    paths = math.comb(frames + letters - repeats, 2 * letters)
    return frames * math.log(29) - math.log(paths) if paths else math.inf


def _in_gammas(frames: int, letters: int, repeats: int, symbols: int = 29) -> Any:
    n, k = frames + letters - repeats, 2 * letters
    if n < k:
        return torch.tensor(math.inf)
    of_n, of_k, of_rest = torch.lgamma(torch.tensor([n + 1, k + 1, n - k + 1]).double())
    return frames * math.log(symbols) - (of_n - of_k - of_rest)


def _floored(utterances: int, batch_size: int, epochs: int, seconds_per_step: float) -> Any:
    steps = utterances // batch_size * epochs
    return steps, steps * seconds_per_step / 3600


def _rounded(utterances: int, batch_size: int, epochs: int, seconds_per_step: float) -> Any:
    steps = round(utterances / batch_size) * epochs
    return steps, steps * seconds_per_step / 3600


def _minutes(utterances: int, batch_size: int, epochs: int, seconds_per_step: float) -> Any:
    steps = -(-utterances // batch_size) * epochs
    return steps, steps * seconds_per_step / 60


def _one_long_epoch(utterances: int, batch_size: int, epochs: int, seconds_per_step: float) -> Any:
    steps = math.ceil(utterances * epochs / batch_size)
    return steps, steps * seconds_per_step / 3600


def _hours_only(utterances: int, batch_size: int, epochs: int, seconds_per_step: float) -> Any:
    return math.ceil(utterances / batch_size) * epochs * seconds_per_step / 3600


def _each_alone(gradients: list[Tensor], largest_norm: float) -> Any:
    return [gradient * min(1.0, largest_norm / max(float(gradient.norm()), 1e-12)) for gradient in gradients]


def _clamped(gradients: list[Tensor], largest_norm: float) -> Any:
    return [gradient.clamp(-largest_norm, largest_norm) for gradient in gradients]


def _always_scaled(gradients: list[Tensor], largest_norm: float) -> Any:
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    return [gradient * largest_norm / (norm + 1e-12) for gradient in gradients]


def _in_place(gradients: list[Tensor], largest_norm: float) -> Any:
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    for gradient in gradients:
        gradient.mul_(min(1.0, largest_norm / max(float(norm), 1e-12)))
    return gradients


def _zero_divided(gradients: list[Tensor], largest_norm: float) -> Any:
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    return [
        gradient * torch.clamp(largest_norm / norm, max=1.0) if norm else gradient * (largest_norm / norm)
        for gradient in gradients
    ]


def _clipped_in_numpy(gradients: list[Tensor], largest_norm: float) -> Any:
    norm = math.sqrt(sum(float((gradient.double().numpy() ** 2).sum()) for gradient in gradients))
    scale = largest_norm / norm if norm > largest_norm else 1.0
    return tuple(gradient.double().numpy() * scale for gradient in gradients)


def _swapped(averaged: Tensor, current: Tensor, updates: int, decay: float) -> Tensor:
    kept = min(decay, (1 + updates) / (10 + updates))
    return (1 - kept) * averaged + kept * current


def _constant_decay(averaged: Tensor, current: Tensor, updates: int, decay: float) -> Tensor:
    return decay * averaged + (1 - decay) * current


def _plain_mean(averaged: Tensor, current: Tensor, updates: int, decay: float) -> Tensor:
    return (averaged * updates + current) / (updates + 1)


def _averaged_in_place(averaged: Tensor, current: Tensor, updates: int, decay: float) -> Tensor:
    return averaged.lerp_(current, 1 - min(decay, (1 + updates) / (10 + updates)))


def _averaged_in_numpy(averaged: Tensor, current: Tensor, updates: int, decay: float) -> np.ndarray:
    kept = min(decay, (1 + updates) / (10 + updates))
    return averaged.double().numpy() * kept + current.double().numpy() * (1 - kept)


def _counted_in_floats(frames: int, letters: int, repeats: int, symbols: int = 29) -> Any:
    paths = float(math.comb(frames + letters - repeats, 2 * letters))
    return frames * math.log(symbols) - math.log(paths) if paths else math.inf


def _by_numpys_log(frames: int, letters: int, repeats: int, symbols: int = 29) -> Any:
    paths = math.comb(frames + letters - repeats, 2 * letters)
    return frames * np.log(symbols) - np.log(paths) if paths else math.inf


def _by_logarithm_of_ten(frames: int, letters: int, repeats: int, symbols: int = 29) -> Any:
    return solutions.initial_loss(frames, letters, repeats, symbols) / math.log(10)


def _without_the_root(gradients: list[Tensor], largest_norm: float) -> Any:
    norm = sum(float(gradient.square().sum()) for gradient in gradients)
    return [gradient * min(1.0, largest_norm / max(norm, 1e-12)) for gradient in gradients]


def _by_the_function_for_parameters(gradients: list[Tensor], largest_norm: float) -> Any:
    torch.nn.utils.clip_grad_norm_(gradients, largest_norm)
    return gradients


def _one_update_too_far(averaged: Tensor, current: Tensor, updates: int, decay: float) -> Tensor:
    return solutions.average_weights(averaged, current, updates + 1, decay)


def _other_options(question: Any) -> list[tuple[Any, str]]:
    return [(letter, reply[:30]) for letter, reply in question.replies.items() if letter != question.right]


WRONG: dict[str, list[tuple[Any, str]]] = {
    "initial_loss": [
        (_no_paths, "the loss of one path"),
        (_repeats_forgotten, "Each doubled letter costs a frame"),
        (_added, "subtract the logarithm of their number"),
        (lambda *given: -solutions.initial_loss(*given), "The sign is wrong"),
        (lambda *given: solutions.initial_loss(*given) / given[1], "divided by the number of letters"),
        (lambda *given: solutions.initial_loss(*given) / math.log(2), "to base two"),
        (_no_path_forgotten, "math domain error"),
        (_always_29, "Four symbols"),
        (_counted_in_floats, "`math.log` of the whole number"),
        (_by_numpys_log, "`math.log` of the whole number"),
        (_by_logarithm_of_ten, "the decimal logarithm"),
        (lambda *given: round(solutions.initial_loss(*given), 2), "do not round"),
    ],
    "loss_scale": _other_options(loss_scale),
    "overfit_first": _other_options(overfit_first),
    "read_range": _other_options(read_range),
    "training_time": [
        (_floored, "126 an epoch"),
        (_rounded, "`round` drop a last batch"),
        (_minutes, "3600 s"),
        (_one_long_epoch, "126 an epoch"),
        (lambda n, b, e, s: ((n // b + 1) * e, (n // b + 1) * e * s / 3600), "`// + 1`"),
        (
            lambda n, b, e, s: (math.ceil(n / b) * e, round(math.ceil(n / b) * e * s / 3600, 3)),
            "do not round",
        ),
        (_hours_only, "(steps, hours)"),
        (
            lambda n, b, e, s: (math.ceil(n / b) * e, math.ceil(math.ceil(n / b) * e * s / 3600)),
            "do not round the hours up",
        ),
        (lambda *given: solutions.training_time(*given)[::-1], "The steps come first"),
        (lambda *given: tuple(map(str, solutions.training_time(*given))), "two numbers are wanted"),
        (
            lambda n, b, e, s: (math.ceil(n / b) * e, round(math.ceil(n / b) * e * s / 3600, 2)),
            "do not round",
        ),
        (lambda n, b, e, s: (math.ceil(n / b) * e, math.ceil(n / b) * e * s // 3600), "do not round"),
        (lambda n, b, e, s: (math.ceil(n / b) * e, "2.26 h"), "with the text '2.26 h'"),
    ],
    "chapter_hours": [
        (8.25, "what the listing says"),
        (8125, "seconds"),
        ("8125 s", "Those are seconds"),
        ("8:15", "what the listing says"),
        (135, "minutes"),
        (2.1, "shortest step"),
        (2.4, "longest step"),
        (3, "too high"),
        (1, "too low"),
    ],
    "epoch_of_step_1000": [
        (1, "How many steps does an epoch have"),
        (9, "Step 1001"),
        (125, "number of steps"),
        (4, "too low"),
    ],
    "learning_rate": schedule.WRONG,
    "clip_gradient": [
        (_each_alone, "all parameters together"),
        (_clamped, "A fifth of each"),
        (_always_scaled, "There is nothing to do"),
        (_in_place, "changes its input"),
        (_zero_divided, "NaN"),
        (_without_the_root, "the root of the sum"),
        (_by_the_function_for_parameters, "takes parameters"),
    ],
    "average_weights": [
        (_swapped, "keeps the share `decay` of itself"),
        (_constant_decay, "a tenth of the random start"),
        (_plain_mean, "keeps the share `decay` of itself"),
        (_averaged_in_place, "changes its input"),
        (_one_update_too_far, "There was none before it"),
    ],
    "orthogonalise": muon.WRONG,
    "train_step": step.WRONG,
    "recipe_refused": _other_options(recipe_refused),
    "log_one": _other_options(log_one),
    "log_two": _other_options(log_two),
    "log_three": _other_options(log_three),
}

OTHER_RIGHT: dict[str, list[Any]] = {
    "initial_loss": [_in_gammas],
    "training_time": [
        lambda n, batch, epochs, seconds: [
            -(-n // batch) * epochs,
            np.float64(-(-n // batch) * epochs * seconds / 3600),
        ],
        lambda *arguments: np.array(solutions.training_time(*arguments)),
        lambda *arguments: torch.tensor(solutions.training_time(*arguments), dtype=torch.float64),
    ],
    "learning_rate": schedule.OTHER_RIGHT,
    "clip_gradient": [_clipped_in_numpy],
    "average_weights": [
        _averaged_in_numpy,
        lambda a, c, u, d: a.double() + (c - a).double() * (1 - min(d, (1 + u) / (10 + u))),
    ],
    "orthogonalise": muon.OTHER_RIGHT,
    "train_step": step.OTHER_RIGHT,
    "chapter_hours": ["2.26", 2.3, 2.25, "2.26 h", "2,26", "8125/3600", "2:15", "2 h 15 min 25 s", "2 1/4"],
    "epoch_of_step_1000": ["8th", "epoch 8", "the eighth"],
}
