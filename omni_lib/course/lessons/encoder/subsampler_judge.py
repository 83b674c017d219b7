"""Lesson 02: how the learner's subsampler is judged."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from omni_lib import encoder as library
from omni_lib.course.exercises.expectations import compare
from omni_lib.course.exercises.sandbox import Attempt, NotYet, TooSlow
from omni_lib.course.lessons.encoder import slips
from omni_lib.course.lessons.encoder.building_judges import (
    batch,
    built,
    disturb_norms,
    expect_real_rows,
    pair,
    seeded,
)
from omni_lib.course.lessons.encoder.gradients_judge import expect_gradients


def subsampler(attempt: Attempt) -> None:
    with seeded(5):
        layers = library.Subsampler(24)
        disturb_norms(layers)
    x = batch(3, 45, 128)
    lengths = torch.tensor([45, 28, 25])  # odd, also when halved: so kernels reach the padding
    part = built(attempt, (24,), layers, (x, lengths))
    for training in (False, True):
        mine, layers = part.train(training), copy.deepcopy(layers).train(training)
        case = "In training mode" if training else "A padded batch"
        wanted, counts = layers(x, lengths)
        got, got_lengths = _result(mine, x, lengths, case)
        compare(got_lengths, counts, _LENGTHS, "B", 1e-6, f"{case}, the lengths")
        known = {} if training else slips.subsampler(layers, x, lengths)
        expect_real_rows(got, wanted, counts, known, _WHY_IN_TRAINING if training else _WHY, case)
    expect_gradients(part, layers, (x, lengths), counts, of_input=False)


_LENGTHS = "These are the lengths after the subsampler: each stride over time halves and rounds up."
_WHY = "The shapes are right. Compare your steps with those of the docstring, one by one."
_WHY_IN_TRAINING = (
    "In evaluation mode it is right. Each norm counts the frames of its mask, so give it the mask of the "
    "lengths at that point; and there is no dropout here, and no `eval()`."
)


def _result(part: nn.Module, x: Tensor, lengths: Tensor, case: str) -> tuple[Any, Any]:
    """What the learner's part returns; the reply to an exception inside says which shapes do not fit."""
    noted: list[tuple[torch.Size, torch.Size]] = []

    def note(norm: nn.Module, arguments: tuple[Any, ...]) -> None:
        if len(arguments) == 2 and all(torch.is_tensor(each) for each in arguments):
            noted.append((arguments[0].shape, arguments[1].shape))

    norms = [layer for layer in part.modules() if isinstance(layer, library.MaskedBatchNorm)]
    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    try:
        return pair(Attempt(part), (x, lengths), case)
    except TooSlow:
        raise
    except NotYet as found:
        raise NotYet(_of_another_size(noted, case) or f"{found}{_about_axes(str(found))}") from found
    finally:
        for hook in hooks:
            hook.remove()


def _of_another_size(noted: list[tuple[torch.Size, torch.Size]], case: str) -> str:
    """The reply to a mask that does not fit what the last norm was given; empty if it fits."""
    if not noted:
        return ""
    image, mask = noted[-1]
    if len(mask) != 2 or len(image) != 4 or mask[1] == image[1]:
        return ""
    return (
        f"{case}: a norm is given {image[1]} frames and a mask of {mask[1]}. In each step, convolve first, "
        "then halve `lengths` if the stride over time halves the frames, and make the mask of the frames "
        "that there are then"
    )


def _about_axes(said: str) -> str:
    """What to do about an exception that an image with other axes causes."""
    if "permute" in said:
        return (
            ". `convolve_time_and_frequency` needs four axes, (B, T, bands, channels): `x[..., None]` adds "
            "the last one"
        )
    if "Given groups=1" in said:
        return ". `convolve_time_and_frequency(conv, x)` takes `x` as (B, T, bands, channels)"
    return ""
