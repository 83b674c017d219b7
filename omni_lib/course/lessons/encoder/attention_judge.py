"""Lesson 02: how the learner's attention is judged."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from omni_lib.course.exercises.expectations import compare, result_of
from omni_lib.course.exercises.sandbox import Attempt, NotYet
from omni_lib.course.lessons.encoder.gradients_judge import expect_gradients_of_function
from omni_lib.encoder import valid_frames


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
        if mine.dtype in (torch.float16, torch.bfloat16):
            kind = str(mine.dtype).removeprefix("torch.")
            raise NotYet(f"{case}: your function returns {kind}, which has too few digits for the next parts")
        if mine.shape == wanted.shape and not mine.is_complex():
            if _closes_the_queries(mine, *arguments):
                raise NotYet(
                    "your mask excludes the queries of the padding, and not its keys: the keys are the "
                    "last axis, `mask[:, None, None, :]`"
                )
            if bool(mine.isnan().all()) and not _opens_the_padding(attempt):
                raise NotYet(
                    f"{case}: all values are NaN. Zero times infinity is NaN, and so is a softmax of minus "
                    "infinities alone: do not multiply by `-math.inf`; put it where the mask is false "
                    "(`masked_fill`, `torch.where`)"
                )
            got = _real_rows(mine, mask)
            for reply, slip in _attention_slips(*arguments).items():
                slip = _real_rows(slip, mask)  # NaN where all keys are closed, for which some write 0
                if (_alike(got, slip) or _alike(got, slip.nan_to_num())) and not _alike(slip, wanted):
                    if reply == _WRONG_WAY and not _opens_the_padding(attempt):
                        reply = "all frames have the same weight: the scores are not used"
                    raise NotYet(reply)
            wanted = _real_rows(wanted, mask)
        compare(got, wanted, _STEPS, "B heads T D", 1e-3, case)
    huge = torch.full((1, 1, 2, 4), 100.0)
    ones, case = torch.ones(1, 1, 2, 4), "Large scores"
    got = result_of(attempt, (huge, huge, ones, torch.ones(1, 2, dtype=torch.bool)), case)
    overflows = torch.is_tensor(got) and not bool(got.isfinite().all())
    why = "`exp` of a large score overflows; `softmax` subtracts the largest one first." if overflows else ""
    compare(got, ones, why, "B heads T D", 1e-3, case)
    _expect_low_scores(attempt)
    _expect_gradients(attempt)


_STEPS = (
    "The steps are: the scores, divided by the square root of D; the mask; the softmax over the keys; the "
    "weighted sum of the values."
)


def _expect_gradients(attempt: Attempt) -> None:
    """Training computes the gradient through attention. Without padding, no row may hold NaN."""
    generator = torch.Generator().manual_seed(5)
    named = {name: torch.randn(2, 2, 5, 8, generator=generator) for name in ("query", "key", "value")}
    mask = torch.ones(2, 5, dtype=torch.bool)

    def wanted(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value)

    expect_gradients_of_function(attempt, wanted, named, (mask,))


def _expect_low_scores(attempt: Attempt) -> None:
    """The real scores of one query are far below zero, and those of the other far above."""
    query = torch.tensor([10.0, -10.0, 10.0])[None, None, :, None].expand(1, 1, 3, 4)
    key, mask = torch.full((1, 1, 3, 4), -10.0), torch.tensor([[True, True, False]])
    value = torch.tensor([1.0, 3.0, 100.0])[None, None, :, None].expand(1, 1, 3, 4)
    case = "Scores far below zero"
    got = result_of(attempt, (query, key, value, mask), case)
    why = "The padding has a weight: real scores may lie below your number. Minus infinity lies below all."
    if torch.is_tensor(got) and bool(got[:, :, :2].isnan().any()):
        why = "Subtract from each row its own largest score, not the largest of all."
    compare(torch.as_tensor(got)[:, :, :2], torch.full((1, 1, 2, 4), 2.0), why, "B heads T D", 1e-3, case)


def _opens_the_padding(attempt: Attempt) -> bool:
    """Whether the answer attends to the padding alone: its mask is the wrong way round."""
    query, key, value = torch.randn(3, 1, 1, 3, 4, generator=torch.Generator().manual_seed(0))
    got = torch.as_tensor(attempt(query, key, value, torch.tensor([[True, True, False]])))
    return got.shape == value.shape and _alike(got, value[:, :, 2:].expand_as(value))


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


_WRONG_WAY = "the mask is the wrong way round: where it is true, the frames are real"


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
        _WRONG_WAY: only_padding(-1e9),
        "the softmax runs over the queries; the weights of one query must add up to 1 over the keys "
        "(the last axis)": attended(scores, -2),
        "the softmax runs over the heads; the weights of one query must add up to 1 over the keys "
        "(the last axis)": attended(scores, 1),
        "the scores are divided by the square root of the number of frames; that of D is wanted": attended(
            products / math.sqrt(query.shape[-2])
        ),
        "the scores are multiplied by the square root of D; divide by it": attended(
            products * math.sqrt(query.shape[-1])
        ),
        "the scores are the wrong way round, a row for each key: `query @ key.transpose(-1, -2)`": attended(
            scores.transpose(-1, -2)
        ),
        "each query attends only to the frames up to its own (a causal mask); here it attends to all real "
        "frames": (
            scores.masked_fill(
                ~(open_keys & torch.ones_like(scores, dtype=torch.bool).tril()), -math.inf
            ).softmax(-1)
            @ value
        ),
        "the softmax is missing: the weights of one query must add up to 1": scores * open_keys @ value,
        "the weights are sigmoids; a softmax makes those of one query add up to 1": (
            scores.sigmoid() * open_keys @ value
        ),
        "those are sums with the logarithms of the weights: `softmax`, and not `log_softmax`": (
            scores.log_softmax(-1) * open_keys @ value
        ),
        "the weights multiply the keys; they must multiply the values": (
            scores.masked_fill(~open_keys, -math.inf).softmax(-1) @ key
        ),
        "the scores are divided by the square root of the number of heads; that of D is wanted": attended(
            products / math.sqrt(query.shape[1])
        ),
    }
