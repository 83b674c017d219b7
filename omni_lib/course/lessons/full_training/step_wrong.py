"""Lesson 05, one step of a training: wrong answers, each with words of its reply, and other right ones."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from omni_lib.course.lessons.full_training import solutions


def _without_clearing(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    loss = model(batch, share)
    loss.objective.backward()
    nn.utils.clip_grad_norm_(model.parameters(), norm)
    optimizers.step(share)
    averaged.update_parameters(model.recogniser)
    return loss


def _in_evaluation(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    loss = solutions.train_step(model.eval(), batch, optimizers, averaged, share, norm)
    model.train()
    return loss


def _clipped_to_twice(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    return solutions.train_step(model, batch, optimizers, averaged, share, 2 * norm)


def _clipped_first(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    loss = model(batch, share)
    optimizers.zero_grad()
    nn.utils.clip_grad_norm_(model.parameters(), norm)
    loss.objective.backward()
    optimizers.step(share)
    averaged.update_parameters(model.recogniser)
    return loss


def _clipped_one_by_one(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    loss = model(batch, share)
    optimizers.zero_grad()
    loss.objective.backward()
    for parameter in model.parameters():
        nn.utils.clip_grad_norm_(parameter, norm)
    optimizers.step(share)
    averaged.update_parameters(model.recogniser)
    return loss


def _cleared_after_backward(
    model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any
) -> Any:
    loss = model(batch, share)
    loss.objective.backward()
    optimizers.zero_grad()
    optimizers.step(share)
    averaged.update_parameters(model.recogniser)
    return loss


def _averaged_too_early(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    averaged.update_parameters(model.recogniser)
    loss = model(batch, share)
    optimizers.zero_grad()
    loss.objective.backward()
    nn.utils.clip_grad_norm_(model.parameters(), norm)
    optimizers.step(share)
    return loss


def _at_the_peak_rate(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    loss = model(batch, share)
    optimizers.zero_grad()
    loss.objective.backward()
    nn.utils.clip_grad_norm_(model.parameters(), norm)
    optimizers.step(1)
    averaged.update_parameters(model.recogniser)
    return loss


def _share_forgotten(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    return solutions.train_step(model, batch, optimizers, averaged, 1.0, norm)


def _only_the_number(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    return solutions.train_step(model, batch, optimizers, averaged, share, norm).objective.item()


def _clipped_by_hand(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    optimizers.zero_grad()
    loss = model(batch, share)
    loss.objective.backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    size = torch.stack([gradient.double().square().sum() for gradient in gradients]).sum().sqrt()
    for gradient in gradients:
        gradient *= min(1.0, norm / max(float(size), 1e-12))
    optimizers.step(share)
    averaged.update_parameters(model.recogniser)
    optimizers.zero_grad()
    return loss


def _never_backward(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    loss = model(batch, share)
    optimizers.zero_grad()
    optimizers.step(share)
    averaged.update_parameters(model.recogniser)
    return loss


def _never_a_step(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    loss = model(batch, share)
    optimizers.zero_grad()
    loss.objective.backward()
    nn.utils.clip_grad_norm_(model.parameters(), norm)
    averaged.update_parameters(model.recogniser)
    return loss


def _backward_of_the_loss(
    model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any
) -> Any:
    loss = model(batch, share)
    optimizers.zero_grad()
    loss.backward()
    return loss


def _average_of_the_whole_model(
    model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any
) -> Any:
    loss = model(batch, share)
    optimizers.zero_grad()
    loss.objective.backward()
    nn.utils.clip_grad_norm_(model.parameters(), norm)
    optimizers.step(share)
    averaged.update_parameters(model)
    return loss


def _clipped_to_one(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    return solutions.train_step(model, batch, optimizers, averaged, share, 1.0)


def _values_clipped(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    loss = model(batch, share)
    optimizers.zero_grad()
    loss.objective.backward()
    nn.utils.clip_grad_value_(model.parameters(), norm)
    optimizers.step(share)
    averaged.update_parameters(model.recogniser)
    return loss


def _averaged_twice(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    loss = solutions.train_step(model, batch, optimizers, averaged, share, norm)
    averaged.update_parameters(model.recogniser)
    return loss


def _copied_into_the_average(
    model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any
) -> Any:
    loss = solutions.train_step(model, batch, optimizers, copy.deepcopy(averaged), share, norm)
    averaged.module.load_state_dict(model.recogniser.state_dict())
    return loss


def _cleared_at_the_end(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    loss = solutions.train_step(model, batch, optimizers, averaged, share, norm)
    for parameter in model.parameters():
        parameter.grad = None
    return loss


def _uphill(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    loss = model(batch, share)
    optimizers.zero_grad()
    (-1 * loss.objective).backward()
    nn.utils.clip_grad_norm_(model.parameters(), norm)
    optimizers.step(share)
    averaged.update_parameters(model.recogniser)
    return loss


def _stepped_twice(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    loss = model(batch, share)
    optimizers.zero_grad()
    loss.objective.backward()
    nn.utils.clip_grad_norm_(model.parameters(), norm)
    for _ in range(2):
        optimizers.step(share)
    averaged.update_parameters(model.recogniser)
    return loss


def _divided_by_the_batch(
    model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any
) -> Any:
    loss = model(batch, share)
    optimizers.zero_grad()
    (loss.objective / len(batch.targets)).backward()
    nn.utils.clip_grad_norm_(model.parameters(), norm)
    optimizers.step(share)
    averaged.update_parameters(model.recogniser)
    return loss


def _backward_twice(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    loss = model(batch, share)
    optimizers.zero_grad()
    loss.objective.backward(retain_graph=True)
    loss.objective.backward()
    nn.utils.clip_grad_norm_(model.parameters(), norm)
    optimizers.step(share)
    averaged.update_parameters(model.recogniser)
    return loss


def _forward_twice(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
    model(batch, share)
    return solutions.train_step(model, batch, optimizers, averaged, share, norm)


def _stepped_with(laid_out: Any) -> Any:
    """A step whose gradients come from `torch.autograd.grad` through `laid_out(weight, gradient)`.

    That of a convolution lies in memory in another order than its weight.
    """

    def step(model: Any, batch: Any, optimizers: Any, averaged: Any, share: Any, norm: Any) -> Any:
        loss = model(batch, share)
        weights = list(model.parameters())
        for weight, gradient in zip(weights, torch.autograd.grad(loss.objective, weights), strict=True):
            weight.grad = laid_out(weight, gradient)
        nn.utils.clip_grad_norm_(weights, norm)
        optimizers.step(share)
        averaged.update_parameters(model.recogniser)
        return loss

    return step


WRONG: list[tuple[Any, str]] = [
    (_stepped_with(lambda weight, gradient: gradient), "lies in memory in another order than the weight"),
    (_uphill, "without a minus sign"),
    (_in_evaluation, "`eval()` belongs to evaluation"),
    (_clipped_to_twice, "clipped to `largest_norm` itself"),
    (_stepped_twice, "two steps with one gradient"),
    (_divided_by_the_batch, "not divided by anything"),
    (_backward_twice, "from one `backward`"),
    (_forward_twice, "call `model(batch, share)` once"),
    (_without_clearing, "adds to the gradients that are there already"),
    (_clipped_first, "Your gradients are not clipped"),
    (_clipped_one_by_one, "gradients that are too large: the weights differ"),
    (_cleared_after_backward, "Clear the gradients before `backward`"),
    (_averaged_too_early, "Update the average after the step"),
    (_at_the_peak_rate, "`optimizers.step(share)`"),
    (_share_forgotten, "the weights differ"),
    (_only_the_number, "everything that `model(batch, share)` returned"),
    (_never_backward, "`loss.objective.backward()` computes it"),
    (_never_a_step, "`optimizers.step(share)` changes the weights"),
    (_backward_of_the_loss, "`loss.objective.backward()`"),
    (_average_of_the_whole_model, "`averaged.update_parameters(model.recogniser)`"),
    (_clipped_to_one, "Clip to `largest_norm`"),
    (_clipped_one_by_one, "all gradients together"),
    (_values_clipped, "all gradients together"),
    (_averaged_twice, "twice in each step"),
    (_copied_into_the_average, "`averaged.update_parameters(model.recogniser)`"),
]

OTHER_RIGHT: list[Any] = [
    _clipped_by_hand,
    _cleared_at_the_end,
    _stepped_with(lambda weight, gradient: torch.empty_like(weight).copy_(gradient)),
]
