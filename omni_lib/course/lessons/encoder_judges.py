"""Lesson 02: how the learner's functions are judged."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
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
            if torch.equal(mask.bool(), ~wanted):
                raise NotYet(
                    "your mask is true on the padding; here true means real (as for "
                    "`scaled_dot_product_attention`)"
                )
            if torch.equal(mask.bool(), torch.arange(frames) <= length[:, None]):
                raise NotYet(
                    "your mask has one frame too many in each row: the frames are counted from zero, "
                    "and the frame whose number is the length is padding"
                )
            if mask.dtype != torch.bool:
                raise NotYet(
                    f"your mask holds {str(mask.dtype).removeprefix('torch.')}; true and false are wanted "
                    "(torch.bool)"
                )
        compare(got, wanted, axes="B T", case=case)


def attention(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(3)
    for batch, heads, frames, size, lengths, case in (
        (1, 2, 3, 4, [3], "One clip, two heads"),
        (2, 3, 6, 8, [6, 6], "Two clips without padding, three heads"),
        (2, 3, 6, 64, [6, 2], "Two clips, the second one padded"),
        (3, 2, 5, 16, [1, 5, 3], "Three clips"),
    ):
        query, key, value = (
            2 * torch.randn(batch, heads, frames, size, generator=generator) for _ in range(3)
        )
        mask = valid_frames(torch.tensor(lengths), frames)
        arguments = (query, key, value, mask)
        wanted = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        got = result_of(attempt, arguments, case)
        try:
            mine = torch.as_tensor(got).detach()
        except (TypeError, ValueError, RuntimeError):
            mine = torch.zeros(())
        if mine.shape == wanted.shape and not mine.is_complex():
            if _closes_the_queries(mine, *arguments):
                raise NotYet(
                    "your mask excludes the queries of the padding, and not its keys: the keys are the "
                    "last axis, `mask[:, None, None, :]`"
                )
            got = _real_rows(mine, mask)
            for reply, slip in _attention_slips(*arguments).items():
                slip = _real_rows(slip, mask)  # NaN where all keys are closed, for which some write 0
                if (_alike(got, slip) or _alike(got, slip.nan_to_num())) and not _alike(slip, wanted):
                    raise NotYet(reply)
            wanted = _real_rows(wanted, mask)
        compare(got, wanted, "", "B heads T D", 1e-3, case)
    huge = torch.full((1, 1, 2, 4), 100.0)
    why = "`exp` of a large score overflows; `softmax` subtracts the largest one first."
    ones = torch.ones(1, 1, 2, 4)
    compare(attempt(huge, huge, ones, torch.ones(1, 2, dtype=torch.bool)), ones, why, case="Large scores")


def _real_rows(values: Tensor, mask: Tensor) -> Tensor:
    """`values` (B, heads, T, D), with zeros in the rows of the padding: nothing reads those."""
    return torch.where(mask[:, None, :, None], values, 0.0)


def _alike(one: Tensor, other: Tensor) -> bool:
    return bool(torch.allclose(one.double(), other.double(), atol=1e-4, equal_nan=True))


def _closes_the_queries(mine: Tensor, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> bool:
    """Whether `mine` is an attention whose mask lies along the wrong axis; the padding's rows tell."""
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    closed = ~mask[:, None, :, None]
    slips = (scores.masked_fill(closed, low).softmax(-1) @ value for low in (-math.inf, -1e9))
    return not bool(mask.all()) and any(_alike(mine, slip) for slip in slips)


def _attention_slips(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """What usual mistakes compute, by the reply to them."""
    products = query @ key.transpose(-1, -2)
    scores, open_keys = products / math.sqrt(query.shape[-1]), mask[:, None, None, :]

    def attended(score: Tensor, dim: int = -1) -> Tensor:
        return score.masked_fill(~open_keys, -math.inf).softmax(dim) @ value

    def only_padding(closed: float) -> Tensor:
        return scores.masked_fill(open_keys, closed).softmax(-1) @ value

    return {
        "the scores are not scaled: divide by the square root of the head's size": attended(products),
        "the scores are divided by the head's size; its square root is wanted": attended(
            products / query.shape[-1]
        ),
        "the padding is attended to: set its scores to minus infinity before the softmax": (
            scores.softmax(-1) @ value
        ),
        "a score of 0 still gets a share, since exp(0) = 1: padding needs minus infinity": (
            (scores * open_keys).softmax(-1) @ value
        ),
        "masked after the softmax, the weights no longer add up to 1: mask the scores before it": (
            (scores.softmax(-1) * open_keys) @ value
        ),
        "the mask is the wrong way round: true means real": only_padding(-math.inf),
        "the mask is the wrong way round: where it is true, the frames are real": only_padding(-1e9),
        "the softmax runs over the queries; the weights of one query must add up to 1 over the keys "
        "(the last axis)": attended(scores, -2),
        "the softmax runs over the heads; the weights of one query must add up to 1 over the keys "
        "(the last axis)": attended(scores, 1),
        "the scores are divided by the square root of the number of frames; that of D is wanted": attended(
            products / math.sqrt(query.shape[-2])
        ),
        "the scores are divided by the square root of the number of heads; that of D is wanted": attended(
            products / math.sqrt(query.shape[1])
        ),
    }


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
        "2 · d_model are missing: each of the three layer norms and the batch norm has a scale and a shift "
        "for every channel": -2 * d_model,
        "the first map of the convolution makes 2 · d_model channels, half of them gates": (
            -(d_model * d_model + d_model)
        ),
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
        why = "The first and the last input that it depends on were found by autograd."
        expect_equal(attempt, (kernel_sizes, strides), wanted, why, case)


def _field_slip(attempt: Attempt) -> str:
    """The reply to a usual mistake, recognised where no two of them compute the same."""
    kernel_sizes, strides = [5, 3, 4], [3, 2, 5]
    try:
        mine = float(attempt(kernel_sizes, strides))
    except (TypeError, ValueError, OverflowError, RuntimeError, NotYet):
        return ""
    own_stride_first, from_the_first, step = 1, 1, 1
    for kernel_size, stride in zip(kernel_sizes, strides, strict=True):
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
            "`(field - 1) * stride + kernel_size` goes from the last layer to the first; yours begins with "
            "the first",
        ),
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
