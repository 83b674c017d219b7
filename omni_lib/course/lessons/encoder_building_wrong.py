"""Lesson 02, the parts to build: wrong answers with words of the reply, and other right ones."""

# The type of a layer in a module is known to torch only when it runs, and learners do not annotate it.
# mypy: disable-error-code="no-any-return,operator"

from __future__ import annotations

import inspect
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from omni_lib.course.lessons import encoder_solutions as solutions


def _with(answer: Any, *changes: tuple[str, str]) -> Any:
    """`answer` with parts of its source replaced: one mistake in an answer that is right otherwise."""
    source = inspect.getsource(answer)
    for right, wrong in changes:
        assert right in source, right
        source = source.replace(right, wrong)
    scope = dict(vars(solutions))
    exec("from __future__ import annotations\n" + source, scope)  # noqa: S102  (our own source)
    return scope[answer.__name__]


def _interleaved(x: Tensor) -> Tensor:
    """The rotation of neighbouring channels, as in the paper's own formula."""
    half = x.shape[-1] // 2
    angle = torch.arange(x.shape[-2])[:, None] * 10_000.0 ** (-torch.arange(half) / half)
    a, b = x[..., ::2], x[..., 1::2]
    turned = (a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos())
    return torch.stack(turned, dim=-1).flatten(-2)


def _as_complex_numbers(x: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    angle = torch.arange(x.shape[-2])[:, None] * 10_000.0 ** (-torch.arange(half) / half)
    turned = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([turned.real, turned.imag], dim=-1)


def _frame_by_frame(x: Tensor) -> Tensor:
    size = x.shape[-1] // 2
    result = torch.empty_like(x)
    for t in range(x.shape[-2]):
        for i in range(size):
            angle = t / 10_000 ** (2 * i / x.shape[-1])
            a, b = x[..., t, i], x[..., t, i + size]
            result[..., t, i] = a * math.cos(angle) - b * math.sin(angle)
            result[..., t, i + size] = a * math.sin(angle) + b * math.cos(angle)
    return result


def _torchs_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])


class _TorchsAttention(solutions.SelfAttention):
    """With torch's attention, and the heads split by `view`."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        size = (*x.shape[:2], self.n_heads, -1)
        query, value = self.query_value(x).tensor_split(2, dim=2)
        heads = [each.reshape(size).permute(0, 2, 1, 3) for each in (query, self.key(x), value)]
        mixed = _torchs_attention(
            _as_complex_numbers(heads[0]), _as_complex_numbers(heads[1]), heads[2], mask
        )
        return self.output(mixed.permute(0, 2, 1, 3).reshape(x.shape))


class _OneLoop(solutions.AudioEncoder):
    """The pool inside the loop over the blocks, or after it."""

    def forward(self, mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x, lengths = self.subsampler((mel - self.feature_mean) / self.feature_deviation, lengths)
        for number, each in enumerate([*self.blocks, None]):
            if number == self.blocks_before_pool:
                x, lengths = self.pool(x), torch.div(lengths, 2, rounding_mode="floor")
            if each is not None:
                x = each(x, solutions.padding_mask(lengths, x.shape[1]))
        return self.norm(x).masked_fill(~solutions.padding_mask(lengths, x.shape[1])[..., None], 0), lengths


WRONG: dict[str, list[tuple[Any, str]]] = {
    "subsampler": [
        (
            _with(
                solutions.Subsampler, ("        x = x * padding_mask(lengths, x.shape[1])[..., None]\n", "")
            ),
            "multiply `x` by its mask before",
        ),
        (_with(solutions.Subsampler, ("x = x + F.relu(", "x = F.relu(")), "is to be added to its input"),
        (
            _with(
                solutions.Subsampler,
                ("F.relu(norm(", "(norm("),
            ),
            "a ReLU is missing after the norms",
        ),
        (
            _with(solutions.Subsampler, ("F.relu(self.res", "(self.res")),
            "a ReLU is missing after the residual",
        ),
        (
            _with(
                solutions.Subsampler, ("unflatten(2, (8, 2)).mean(dim=3)", "unflatten(2, (2, 8)).mean(dim=2)")
            ),
            "two neighbouring bands",
        ),
        (_with(solutions.Subsampler, ("x.flatten(2)", "x.transpose(2, 3).flatten(2)")), "stay together"),
        (_with(solutions.Subsampler, ("lengths + 1", "lengths")), "halves and rounds up"),
        (_with(solutions.Subsampler, (", lengths  # (B", "  # (B")), "a pair is wanted"),
        (_with(solutions.Subsampler, ("self.project", "self.linear")), "has no `project.weight`"),
        (_with(solutions.Subsampler, ("nn.Linear(512", "nn.Linear(1024")), "has another shape"),
        (_with(solutions.Subsampler, ("x.flatten(2)", "x.detach().flatten(2)")), "no gradient reaches"),
        (solutions.Subsampler(24), "without brackets"),
        (
            _with(
                solutions.Subsampler,
                (
                    "F.relu(norm(x, padding_mask(lengths, x.shape[1])))",
                    "norm(F.relu(x), padding_mask(lengths, x.shape[1]))",
                ),
            ),
            "comes after the norm",
        ),
        (
            _with(
                solutions.Subsampler,
                (
                    "norm(x, padding_mask(lengths, x.shape[1]))",
                    "norm(x, torch.ones(x.shape[:2], dtype=torch.bool))",
                ),
            ),
            "make a new mask",
        ),
    ],
    "rotate": [
        (_interleaved, "not of two neighbouring ones"),
        (_with(solutions.rotate, ("* angle.sin()", "* (-angle).sin()")), "the other way round"),
        (_with(solutions.rotate, ("frame[:, None]", "(frame[:, None] + 1)")), "has the position 0"),
        (_with(solutions.rotate, ("-channel / half", "-channel / x.shape[-1]")), "the exponent is -2i / D"),
        (_with(solutions.rotate, ("-channel / half", "channel / half")), "the exponent is negative"),
        (_with(solutions.rotate, (" * 10_000.0 ** (-channel / half)", "")), "each pair has its own"),
        (_with(solutions.rotate, ("x.shape[-2]", "x.shape[1]")), "Two frames, one pair"),
    ],
    "self_attention": [
        (
            _with(solutions.SelfAttention, ("rotate(query), rotate(key)", "query, key")),
            "positions are missing",
        ),
        (_with(solutions.SelfAttention, (", value, mask)", ", rotate(value), mask)")), "not to be rotated"),
        (
            _with(solutions.SelfAttention, (", value, mask)", ", value, torch.ones_like(mask))")),
            "hand the mask to `attention`",
        ),
        (
            _with(solutions.SelfAttention, ("query, value = self", "value, query = self")),
            "second half the values",
        ),
        (
            _with(
                solutions.SelfAttention,
                (
                    "x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)",
                    "x.reshape(x.shape[0], self.n_heads, x.shape[1], -1)",
                ),
            ),
            "not split by channel",
        ),
        (
            _with(
                solutions.SelfAttention, ("attended.transpose(1, 2).flatten(2)", "attended.reshape(x.shape)")
            ),
            "not joined by channel",
        ),
        (
            _with(solutions.SelfAttention, ("self.output(attended", "(attended")),
            "`output`, is missing",
        ),
        (_with(solutions.SelfAttention, (", bias=False", "")), "they have no `key.bias`"),
        (_with(solutions.SelfAttention, ("rotate(query)", "query")), "rotate the queries too"),
        (_with(solutions.SelfAttention, ("rotate(key)", "key")), "rotate the keys too"),
        (
            _with(
                solutions.SelfAttention,
                ("self.split(query), self.split(self.key(x))", "rotate(query), rotate(self.key(x))"),
                ("attention(rotate(query), rotate(key)", "attention(self.split(query), self.split(key)"),
            ),
            "rotate after the `split`",
        ),
    ],
    "block": [
        (
            _with(solutions.Block, ("x = x + self.attention", "x = self.attention")),
            "the result of `attention` is to be added",
        ),
        (
            _with(solutions.Block, ("x + self.", "self.")),
            "the result of `attention`, `convolution`, `feed_forward` is to be added",
        ),
        (
            _with(solutions.Block, ("self.feed_forward_norm(x))", "x)")),
            "the layer norm before `feed_forward` is missing",
        ),
        (
            _with(
                solutions.Block,
                (
                    "x + self.attention(self.attention_norm(x), mask)",
                    "self.attention_norm(x + self.attention(x, mask))",
                ),
                (
                    "x + self.convolution(self.convolution_norm(x), mask)",
                    "self.convolution_norm(x + self.convolution(x, mask))",
                ),
                (
                    "x + self.feed_forward(self.feed_forward_norm(x))",
                    "self.feed_forward_norm(x + self.feed_forward(x))",
                ),
            ),
            "it belongs in front of it",
        ),
        (
            _with(
                solutions.Block,
                ("        x = x + self.attention(", "        y = x\n        x = x + self.attention("),
                ("self.convolution_norm(x)", "self.convolution_norm(y)"),
                ("self.feed_forward_norm(x)", "self.feed_forward_norm(y)"),
            ),
            "each part works on the result of the one before it",
        ),
        (_with(solutions.Block, ("d_model, 15", "d_model, 3")), "has another shape"),
        (_with(solutions.Block, ("self.convolution_norm(x)", "self.attention_norm(x)")), "a norm of its own"),
        (_with(solutions.Block, ("d_ff, 0.0", "d_ff, 0.5")), "no dropout"),
        (_with(solutions.Block, ("attention_norm", "norm1")), "has no `attention_norm.weight`"),
        (lambda d_model, n_heads, d_ff: d_model, "an nn.Module is wanted"),
    ],
    "audio_encoder": [
        (
            _with(
                solutions.AudioEncoder, ("x = (mel - self.feature_mean) / self.feature_deviation", "x = mel")
            ),
            "not normalised",
        ),
        (_with(solutions.AudioEncoder, (" / self.feature_deviation", "")), "not divided"),
        (_with(solutions.AudioEncoder, ("self.norm(x) *", "x *")), "the layer norm at the end is missing"),
        (
            _with(solutions.AudioEncoder, (" * padding_mask(lengths, x.shape[1])[..., None]", "")),
            "of the padding are to be zero",
        ),
        (_with(solutions.AudioEncoder, ("lengths // 2", "lengths")), "The pool halves the lengths too"),
        (_with(solutions.AudioEncoder, ("lengths // 2", "(lengths + 1) // 2")), "rounds down"),
        (
            _with(
                solutions.AudioEncoder,
                ("[: self.blocks_before_pool]", ""),
                ("self.blocks[self.blocks_before_pool :]", "[]"),
            ),
            "the pool stands after the last block",
        ),
        (
            _with(
                solutions.AudioEncoder,
                (
                    "block(x, padding_mask(lengths, x.shape[1]))",
                    "block(x, torch.ones(x.shape[:2], dtype=torch.bool))",
                ),
            ),
            "the blocks are not masked",
        ),
        (_with(solutions.AudioEncoder, ("nn.ModuleList([", "list([")), "has no `blocks"),
    ],
}

OTHER_RIGHT: dict[str, list[Any]] = {
    "rotate": [_as_complex_numbers, _frame_by_frame, lambda x, ours=solutions.rotate: ours(x.double())],
    "self_attention": [_TorchsAttention],
    "audio_encoder": [_OneLoop],
}
