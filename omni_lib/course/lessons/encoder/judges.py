"""Lesson 02: how the learner's functions are judged."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from omni_lib.course.exercises.expectations import compare, expect_equal, result_of
from omni_lib.course.exercises.sandbox import Attempt, NotYet
from omni_lib.encoder import EncoderBlock, embedding_lengths, valid_frames
from omni_lib.encoder import count_parameters as parameters_of


def output_lengths(attempt: Attempt) -> None:
    halvings = "Halve and round up (a convolution), the same again, then halve and round down (a pair)."
    for frames, why in (
        (100, "After two halvings there are twenty-five. The pool needs pairs, so the last one is left out."),
        (38, "Half of nineteen is ten: the convolutions round up."),
        (8, "Eight frames make one embedding."),
    ):
        _expect_lengths(attempt, torch.tensor([frames]), why, f"{frames} frames")
    _expect_lengths(
        attempt, torch.tensor([16, 100, 38, 1000]), "One number for each clip.", "A batch of clips"
    )
    for start in (0, 10, 20, 30):
        case = f"All lengths from {start} frames on" if start else "All short lengths, with no frames at all"
        _expect_lengths(attempt, torch.arange(start, start + 10), halvings, case)


def _expect_lengths(attempt: Attempt, frames: Tensor, why: str, case: str) -> None:
    wanted = torch.as_tensor(embedding_lengths(frames)).tolist()
    got = result_of(attempt, (frames,), case)
    nearest = [round(count / 8) for count in frames.tolist()]
    if torch.is_tensor(got) and got.tolist() == nearest != wanted:
        raise NotYet(f"{case}: `round` goes to the nearest whole number. {why}")
    expect_equal(attempt, (frames,), wanted, why, case)


def padding_mask(attempt: Attempt) -> None:
    for lengths, frames, case in (
        ([3], 5, "One clip of three frames, padded to five"),
        ([3, 5], 5, "Two clips"),
        ([1, 4, 2], 4, "Three clips"),
        ([0, 2], 3, "A clip without any frame"),
        ([3, 3], 3, "Two clips without padding"),
        ([4, 2], 7, "A batch that is padded beyond its longest clip"),
    ):
        length = torch.tensor(lengths)
        wanted = valid_frames(length, frames)
        got = result_of(attempt, (length, frames), case)
        try:
            mask = torch.as_tensor(got)
        except (TypeError, ValueError, RuntimeError):
            mask = torch.zeros(())  # `compare` says what is wrong with it
        if mask.shape == wanted.shape and not mask.is_complex():
            if mask.dtype != torch.bool:
                raise NotYet(
                    f"your mask holds {str(mask.dtype).removeprefix('torch.')}; true and false are wanted "
                    "(torch.bool)"
                )
            if torch.equal(mask, ~wanted):
                raise NotYet(
                    "your mask is true on the padding; here true means real (as for "
                    "`scaled_dot_product_attention`)"
                )
            if torch.equal(mask, torch.arange(frames) <= length[:, None]) and not bool(wanted.all()):
                raise NotYet(
                    "your mask has one frame too many in each row: the frames are counted from zero, "
                    "and the frame whose number is the length is padding"
                )
            if torch.equal(mask, torch.arange(frames) < length[:, None] - 1) and bool(wanted.any()):
                raise NotYet(
                    "your mask has one frame too few in each row: the frames are counted from zero, and "
                    "the last real one has the number length - 1"
                )
            _recognise_mask(mask, wanted, length, case)
        compare(got, wanted, axes="B T", case=case)


def _recognise_mask(mask: Tensor, wanted: Tensor, lengths: Tensor, case: str) -> None:
    """Raise a reply in words to a mask that is true or false in the wrong places."""
    if torch.equal(mask, wanted):
        return
    if bool(mask.all()):
        raise NotYet(f"{case}: your mask is true everywhere; it must be false on the padding")
    if len(lengths) > 1 and bool((mask == mask[:1]).all()):
        raise NotYet(f"{case}: all rows of your mask are the same; each clip has a length of its own")
    row, frame = (int(index) for index in (mask != wanted).nonzero()[0])
    here = "true" if bool(mask[row, frame]) else "false"
    raise NotYet(
        f"{case}: in row {row}, your mask is {here} on frame {frame}. A row is true on as many frames as its "
        "length says, from frame 0 on"
    )


def count_parameters(attempt: Attempt) -> None:
    for d_model, d_ff, kernel_size, case in (
        (192, 768, 15, "A block of our encoder"),
        (4, 8, 3, "A tiny block"),
        (6, 24, 5, "A small block"),
        (64, 128, 31, "A block with a wide kernel"),
        (32, 7, 1, "A block with a kernel of one frame"),
    ):
        wanted = parameters_of(EncoderBlock(d_model, 1, d_ff, 0.0, kernel_size))
        got = result_of(attempt, (d_model, d_ff, kernel_size), case)
        if isinstance(got, (int, float)) and got != wanted and (reply := _count_slip(attempt)):
            raise NotYet(f"{case}: {got:,} is not {wanted:,}: {reply}")
        why = "Add up the parts: `print(block)` lists them."
        expect_equal(attempt, (d_model, d_ff, kernel_size), wanted, why, case)


def _count_slip(attempt: Attempt) -> str:
    """The reply to a usual mistake, recognised with sizes of which none is a multiple of another."""
    sizes = (64, 405, 31)
    try:
        missing = float(attempt(*sizes)) - parameters_of(EncoderBlock(sizes[0], 1, sizes[1], 0.0, sizes[2]))
    except (TypeError, ValueError, OverflowError, RuntimeError, NotYet):
        return ""
    return next((reply for reply, slip in _count_slips(*sizes).items() if missing == slip), "")


def _count_slips(d_model: int, d_ff: int, kernel_size: int) -> dict[str, int]:
    """How far usual mistakes are off, by the reply to them."""
    return {
        "that is one bias too many: the keys have none, and the depthwise convolution has none, because the "
        "batch norm after it would remove it": d_model,
        "a depthwise convolution looks at one channel at a time: d_model · kernel_size weights": (
            (d_model - 1) * d_model * kernel_size
        ),
        "3 · d_model are missing: the scales or the shifts of the three layer norms, or the biases of "
        "query, value and output, or those of the convolution's two maps": -3 * d_model,
        "2 · d_model are missing: one norm (each of the three layer norms and the batch norm has a scale and "
        "a shift for every channel), or the biases of a map to as many channels": -2 * d_model,
        "one map from d_model to d_model with a bias is missing: that of attention's output, or the second "
        "map of the convolution, or half of its first map, which makes 2 · d_model channels (half of them "
        "gates)": (-(d_model * d_model + d_model)),
        "2 · d_model too many: there are three layer norms and one batch norm, neither the keys nor the "
        "depthwise convolution have a bias, and what the batch norm averages (mean and variance) are "
        "buffers, not parameters": 2 * d_model,
        "d_model are missing: one bias of query, value or output, of the convolution's second map, or of the "
        "feed-forward's second map": -d_model,
        "the bias of the feed-forward's first map is missing: it has d_ff numbers": -d_ff,
        "one map from d_model to d_model is missing: attention has four of them, query, key, value and "
        "output, and the convolution three in all": -d_model * d_model,
        "one of the feed-forward's two maps is missing": -d_model * d_ff,
        "the feed-forward part is missing": -(2 * d_model * d_ff + d_ff + d_model),
        "the attention is missing": -(4 * d_model * d_model + 3 * d_model),
        "4 · d_model are missing: two norms, or the scales or the shifts of all four": -4 * d_model,
        "the kernel of the depthwise convolution is missing": -d_model * kernel_size,
        "the biases of the feed-forward's two maps are missing": -(d_ff + d_model),
        "all biases of the linear maps are missing": -(3 * d_model + 2 * d_model + d_model + d_ff + d_model),
        "the layer norms are missing": -6 * d_model,
        "the convolution module is missing": -(3 * d_model * d_model + 5 * d_model + d_model * kernel_size),
    }


def receptive_field(attempt: Attempt) -> None:
    for kernel_sizes, strides, case in (
        ([3], [1], "One layer"),
        ([3], [2], "One layer with a stride"),
        ([3, 3], [1, 1], "Two layers"),
        ([3, 3], [2, 1], "Two layers, the first with a stride"),
        ([3, 3, 3], [2, 2, 2], "Three layers with strides"),
        ([3, 3, 3, 3], [2, 1, 2, 1], "Four layers, every other one with a stride"),
        ([3, 3, 3, 3, 2], [2, 1, 2, 1, 2], "Five layers, as in the encoder"),
        ([5, 1, 4], [3, 2, 2], "Layers with different kernels"),
        ([], [], "No layer at all"),
    ):
        wanted = _seen(kernel_sizes, strides)
        got = result_of(attempt, (kernel_sizes, strides), case)
        if isinstance(got, (int, float)) and got != wanted and (reply := _field_slip(attempt)):
            raise NotYet(f"{case}: {reply}")
        why = (
            "Go through the layers from the first to the last: how many steps does the kernel add, and how "
            "many input frames is one step there?"
        )
        expect_equal(attempt, (kernel_sizes, strides), wanted, why, case)


def _field_slip(attempt: Attempt) -> str:
    """The reply to a usual mistake, recognised where no two of them compute the same."""
    kernel_sizes, strides = [5, 3, 4], [3, 5, 7]
    try:
        mine = float(attempt(kernel_sizes, strides))
    except (TypeError, ValueError, OverflowError, RuntimeError, NotYet):
        return ""
    own_stride_first, from_the_first, step, whole_kernels = 1, 1, 1, 1
    for kernel_size, stride in zip(kernel_sizes, strides, strict=True):
        whole_kernels += kernel_size * step
        step *= stride
        own_stride_first += (kernel_size - 1) * step
        from_the_first = (from_the_first - 1) * stride + kernel_size
    for field, reply in (
        (
            own_stride_first,
            "a layer's own stride widens only what the layers after it depend on: multiply afterwards",
        ),
        (
            1 + sum((size - 1) * stride for size, stride in zip(kernel_sizes, strides, strict=True)),
            "a layer's own stride widens only what the layers after it depend on: multiply afterwards",
        ),
        (
            1 + sum(size - 1 for size in kernel_sizes),
            "behind a stride, one step of the kernel is several frames of the input: multiply by the strides "
            "so far",
        ),
        (
            from_the_first,
            "the layers are in the wrong order: `(field - 1) * stride + kernel_size` goes from "
            "the last layer to the first, and `field += (kernel_size - 1) * step` from the first to the last",
        ),
        (_seen(kernel_sizes, strides) - 1, "begin with one frame: without any layer, an output is its input"),
        (whole_kernels, "a kernel adds (kernel - 1) steps: one of its frames is counted already"),
        (
            1 + sum((kernel_sizes[i] - 1) * (strides[i - 1] if i else 1) for i in range(len(strides))),
            "a step is as long as the strides of *all* earlier layers multiplied, not of the last one alone",
        ),
        (
            1 + sum((kernel_sizes[i] - 1) * (sum(strides[:i]) or 1) for i in range(len(strides))),
            "the strides of the earlier layers multiply; yours are added",
        ),
        (
            1 + sum((size - 1) * math.prod(strides) for size in kernel_sizes),
            "a step is as long as the strides *before* the layer multiplied, not those of all layers",
        ),
        (
            math.prod(strides) * _seen(kernel_sizes, strides),
            "the receptive field is counted in frames of the input already: do not multiply it by strides",
        ),
        (_seen(kernel_sizes[:-1], strides[:-1]), "the last layer is missing"),
        (
            1 + sum(2 * math.prod(strides[:i]) for i in range(len(strides))),
            "a kernel adds (kernel - 1) steps, and not always two",
        ),
        (
            1 + sum((size - 1) * 2**i for i, size in enumerate(kernel_sizes)),
            "not every stride is 2: multiply by the strides of the earlier layers",
        ),
        (sum(kernel_sizes), "neighbouring windows overlap: each layer adds (kernel - 1) steps"),
        (
            math.prod(kernel_sizes),
            "kernels do not multiply: neighbouring windows overlap. Each layer adds (kernel - 1) steps",
        ),
    ):
        if mine == field:
            return reply
    return ""


def _seen(kernel_sizes: list[int], strides: list[int]) -> int:
    """From the first to the last input that one output of these convolutions depends on, by autograd."""
    x = torch.zeros(1, 1, 400, requires_grad=True)
    y: Any = 1 * x
    for kernel_size, stride in zip(kernel_sizes, strides, strict=True):
        conv = nn.Conv1d(1, 1, kernel_size, stride, bias=False)
        nn.init.ones_(conv.weight)
        y = conv(y)
    (gradient,) = torch.autograd.grad(y[0, 0, y.shape[-1] // 2], x)
    seen = gradient.flatten().nonzero()
    return int(seen.max() - seen.min() + 1)
