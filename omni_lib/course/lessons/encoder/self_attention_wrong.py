"""Lesson 02: wrong answers to the self-attention of a block, and other right ones."""


# The type of a layer in a module is known to torch only when it runs, and learners do not annotate it.
# mypy: disable-error-code="no-any-return,operator"

from __future__ import annotations

from typing import Any

from torch import Tensor

from omni_lib.course.lessons.encoder import rotation_wrong as rotation
from omni_lib.course.lessons.encoder import solutions
from omni_lib.course.lessons.encoder.attention_wrong import by_torch
from omni_lib.course.lessons.encoder.rotation_wrong import with_changes


class _TorchsAttention(solutions.SelfAttention):
    """With torch's attention, and the heads split by `view`."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        size = (*x.shape[:2], self.n_heads, -1)
        query, value = self.query_value(x).tensor_split(2, dim=2)
        heads = [each.reshape(size).permute(0, 2, 1, 3) for each in (query, self.key(x), value)]
        mixed = by_torch(
            rotation.as_complex_numbers(heads[0]), rotation.as_complex_numbers(heads[1]), heads[2], mask
        )
        return self.output(mixed.permute(0, 2, 1, 3).reshape(x.shape))


def _changed(*changes: tuple[str, str]) -> Any:
    return with_changes(solutions.SelfAttention, *changes)


WRONG: list[tuple[Any, str]] = [  # of `self_attention`
    (
        _changed(
            ("self.query_value(x).chunk(2, dim=-1)", "self.split(self.query_value(x)).chunk(2, dim=-1)"),
            (
                "self.split(query), self.split(self.key(x)), self.split(value)",
                "query, self.split(self.key(x)), value",
            ),
        ),
        "before the `split`, not after it",
    ),
    (_changed(("self.key(x)", "self.key(x.detach())")), "the gradient of the input is not"),
    (
        _changed(
            ("super().__init__()", "super().__init__()\n        self.register_buffer('table', torch.ones(9))")
        ),
        "is not saved with `persistent=False`",
    ),
    (
        _changed(
            ("self.key(x)", "self.key(x.detach())"), ("self.query_value(x)", "self.query_value(x.detach())")
        ),
        "no gradient reaches the input",
    ),
    (
        _changed(
            ("attended = attention(", "attended = F.scaled_dot_product_attention("),
            ("value, mask)", "value, attn_mask=~mask[:, None, None])"),
        ),
        "the mask is the wrong way round",
    ),
    (with_changes(solutions.SelfAttention, (", value, mask)", ", value, ~mask)")), "the wrong way round"),
    (
        with_changes(solutions.SelfAttention, ("rotate(query), rotate(key)", "query, key")),
        "positions are missing",
    ),
    (
        with_changes(solutions.SelfAttention, (", value, mask)", ", rotate(value), mask)")),
        "must not be rotated",
    ),
    (
        with_changes(solutions.SelfAttention, (", value, mask)", ", value, torch.ones_like(mask))")),
        "hand the mask to `attention`",
    ),
    (
        with_changes(solutions.SelfAttention, ("query, value = self", "value, query = self")),
        "second half the values",
    ),
    (
        with_changes(
            solutions.SelfAttention,
            (
                "x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)",
                "x.reshape(x.shape[0], self.n_heads, x.shape[1], -1)",
            ),
        ),
        "not split by channel",
    ),
    (
        with_changes(
            solutions.SelfAttention, ("attended.transpose(1, 2).flatten(2)", "attended.reshape(x.shape)")
        ),
        "not joined by channel",
    ),
    (
        with_changes(solutions.SelfAttention, ("self.output(attended", "(attended")),
        "`output`, is missing",
    ),
    (with_changes(solutions.SelfAttention, (", bias=False", "")), "they have no `key.bias`"),
    (
        with_changes(solutions.SelfAttention, ("(self.n_heads, -1)", "(3, -1)")),
        "A padded batch, four heads",
    ),
    (
        with_changes(
            solutions.SelfAttention,
            (
                "return self.output(attended.transpose(1, 2).flatten(2))",
                "return self.output(attended.transpose(1, 2).flatten(2)), attended",
            ),
        ),
        "a tuple of length 2",
    ),
    (with_changes(solutions.SelfAttention, ("rotate(query)", "query")), "rotate the queries too"),
    (with_changes(solutions.SelfAttention, ("rotate(key)", "key")), "rotate the keys too"),
    (
        with_changes(
            solutions.SelfAttention,
            ("self.split(query), self.split(self.key(x))", "rotate(query), rotate(self.key(x))"),
            ("attention(rotate(query), rotate(key)", "attention(self.split(query), self.split(key)"),
        ),
        "rotate after the `split`",
    ),
    (with_changes(solutions.SelfAttention, ("return self.", "return x + self.")), "belongs to the block"),
    (
        with_changes(
            solutions.SelfAttention, ("rotate(query), ", "rotate(query) / query.shape[-1] ** 0.5, ")
        ),
        "scaled twice",
    ),
]

OTHER_RIGHT: list[Any] = [
    _TorchsAttention,
    _changed(
        (
            "super().__init__()",
            "super().__init__()\n        self.register_buffer('table', torch.ones(9), persistent=False)",
        )
    ),
]
