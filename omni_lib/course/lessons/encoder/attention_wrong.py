"""Lesson 02, attention and the part with it: wrong answers with words of the reply, and other right ones."""

# The type of a layer in a module is known to torch only when it runs, and learners do not annotate it.
# mypy: disable-error-code="no-any-return,operator"

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def _scores(query: Tensor, key: Tensor) -> Tensor:
    return query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])


def _by_hand(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """In float64, with an exponential and a sum."""
    query, key, value = query.double(), key.double(), value.double()
    scores = torch.einsum("bhqd,bhkd->bhqk", query, key) / query.shape[-1] ** 0.5
    weights = (scores - scores.amax(dim=-1, keepdim=True)).exp() * mask[:, None, None, :]
    return torch.einsum("bhqk,bhkd->bhqd", weights / weights.sum(dim=-1, keepdim=True), value)


def _naive_exponential(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    weights = _scores(query, key).exp() * mask[:, None, None, :]
    return weights / weights.sum(dim=-1, keepdim=True) @ value


def by_torch(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])


def _adds_to_what_is_real(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    return (_scores(query, key) - 1e9 * mask[:, None, None]).softmax(-1) @ value


def _large_numbers(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    return _scores(query, key).masked_fill(~mask[:, None, None], -1e9).softmax(-1) @ value


def _masks_both_axes(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """NaN in the padding's own rows, all of whose keys are closed."""
    both = mask[:, None, None] & mask[:, None, :, None]
    return _scores(query, key).masked_fill(~both, -math.inf).softmax(-1) @ value


def _closes_the_queries(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    return _scores(query, key).masked_fill(~mask[:, None, :, None], -math.inf).softmax(-1) @ value


def _divides_by_heads(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[1])
    return scores.masked_fill(~mask[:, None, None], -math.inf).softmax(-1) @ value


def _times_infinity(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """0 · inf is NaN, also where the mask is right."""
    return (_scores(query, key) + ~mask[:, None, None] * -math.inf).softmax(-1) @ value


def _filled_with(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, low: float) -> Tensor:
    return _scores(query, key).masked_fill(~mask[:, None, None], low).softmax(-1) @ value


def _largest_of_all(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    scores = _scores(query, key)
    weights = (scores - scores.max()).exp() * mask[:, None, None]
    return weights / weights.sum(dim=-1, keepdim=True) @ value


def _in_numpy(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Any:
    q, k, v, real = (each.numpy() for each in (query, key, value, mask))
    scores = np.where(real[:, None, None], q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]), -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ v


def _overwrites_the_weights(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    weights = _scores(query, key).masked_fill(~mask[:, None, None], -math.inf).softmax(-1)
    result = weights @ value
    weights *= 0
    return result


WRONG: list[tuple[Any, str]] = [
    (_in_numpy, "NumPy computes no gradients"),
    (lambda *arguments: torch.from_numpy(_in_numpy(*arguments)), "NumPy computes no gradients"),
    (lambda *arguments: by_torch(*arguments).tolist(), "a tensor is wanted"),
    (lambda *arguments: by_torch(*arguments).detach().numpy(), "NumPy computes no gradients"),
    (lambda *arguments: by_torch(*arguments).detach(), "no gradient reaches the inputs"),
    (torch.no_grad()(by_torch), "no gradient reaches the inputs"),
    (lambda q, k, v, mask: by_torch(q, k.detach(), v, mask), "no gradient reaches `key`"),
    (lambda q, k, v, mask: by_torch(q.data, k.data, v, mask), "no gradient reaches `query`"),
    (_overwrites_the_weights, "a change in place"),
    (lambda q, k, v, mask: by_torch(q.half(), k.half(), v.half(), mask), "returns float16"),
    (lambda q, k, v, mask: by_torch(q, k, v, mask) + v, "The steps are"),
    (_closes_the_queries, "and not its keys"),
    (_divides_by_heads, "the square root of the number of heads"),
    (lambda *arguments: (by_torch(*arguments), None), "nothing beside it"),
    (
        lambda q, k, v, mask: (
            (q @ k.transpose(-1, -2)).masked_fill(~mask[:, None, None], -math.inf).softmax(-1) @ v
        ),
        "not scaled",
    ),
    (
        lambda q, k, v, mask: (
            (q @ k.transpose(-1, -2) / q.shape[-1]).masked_fill(~mask[:, None, None], -math.inf).softmax(-1)
            @ v
        ),
        "its square root is wanted",
    ),
    (lambda q, k, v, mask: _scores(q, k).softmax(-1) @ v, "the padding is attended to"),
    (lambda q, k, v, mask: (_scores(q, k) * mask[:, None, None]).softmax(-1) @ v, "exp(0) = 1"),
    (
        lambda q, k, v, mask: (_scores(q, k).softmax(-1) * mask[:, None, None]) @ v,
        "no longer add up to 1",
    ),
    (
        lambda q, k, v, mask: _scores(q, k).masked_fill(~mask[:, None, None], -math.inf).softmax(-2) @ v,
        "over the queries",
    ),
    (lambda q, k, v, mask: by_torch(q, k, v, ~mask), "the wrong way round"),
    (_adds_to_what_is_real, "the wrong way round"),
    (
        lambda q, k, v, mask: by_torch(0 * q, k, v, mask),
        "the scores are not used",
    ),
    (
        lambda q, k, v, mask: _scores(q, k).masked_fill(mask[:, None, None], -math.inf).softmax(-1) @ v,
        "the wrong way round",
    ),
    (
        lambda q, k, v, mask: _scores(q, k).masked_fill(~mask[:, None, None], -1e9).softmax(1) @ v,
        "over the heads",
    ),
    (
        lambda q, k, v, mask: by_torch(q * (q.shape[-1] / q.shape[-2]) ** 0.5, k, v, mask),
        "number of frames",
    ),
    (
        lambda q, k, v, mask: _scores(q, k).masked_fill(~mask[:, None, None], -math.inf).softmax(-1),
        "along axis D",
    ),
    (_naive_exponential, "overflows"),
    (lambda q, k, v, mask: F.scaled_dot_product_attention(q, k, v, is_causal=True), "a causal mask"),
    (lambda q, k, v, mask: by_torch(q * q.shape[-1], k, v, mask), "divide by it"),
    (lambda q, k, v, mask: by_torch(k, q, v, mask), "a row for each key"),
    (lambda q, k, v, mask: by_torch(q, k, k, mask), "multiply the values"),
    (lambda q, k, v, mask: _scores(q, k) * mask[:, None, None] @ v, "the softmax is missing"),
    (lambda q, k, v, mask: _scores(q, k).sigmoid() * mask[:, None, None] @ v, "sigmoids"),
    (lambda q, k, v, mask: _scores(q, k).log_softmax(-1) * mask[:, None, None] @ v, "not `log_softmax`"),
    (_times_infinity, "do not multiply by `-math.inf`"),
    (lambda q, k, v, mask: _filled_with(q, k, v, mask, -10.0), "The padding has a weight"),
    (lambda q, k, v, mask: _filled_with(q, k, v, mask, -100.0), "The padding has a weight"),
    (_largest_of_all, "its own largest score"),
]


def _by_logarithms(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """In float32 the logarithm of the sum of large scores is rounded to four digits."""
    scores = torch.where(mask[:, None, None], _scores(query, key), -math.inf)
    return (scores - scores.logsumexp(dim=-1, keepdim=True)).exp() @ value


OTHER_RIGHT: list[Any] = [
    _by_hand,
    _by_logarithms,
    by_torch,
    _large_numbers,
    _masks_both_axes,
    lambda q, k, v, mask: by_torch(q, k, v, mask) * mask[:, None, :, None],
    lambda q, k, v, mask: torch.where(mask[:, None, :, None], by_torch(q, k, v, mask), math.nan),
]
