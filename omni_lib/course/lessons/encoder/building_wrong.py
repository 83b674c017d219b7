"""Lesson 02, the parts to build: wrong answers with words of the reply, and other right ones."""

# The type of a layer in a module is known to torch only when it runs, and learners do not annotate it.
# mypy: disable-error-code="no-any-return,operator"

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from omni_lib.course.lessons.encoder import rotation_wrong as rotation
from omni_lib.course.lessons.encoder import self_attention_wrong as attention
from omni_lib.course.lessons.encoder import solutions
from omni_lib.course.lessons.encoder import subsampler_wrong as subsampler
from omni_lib.course.lessons.encoder.rotation_wrong import with_changes


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


_ROUNDS_UP_IN_THE_BLOCKS = (
    ("x, lengths = self.pool(x)", "up = (lengths + 1) // 2\n        x, lengths = self.pool(x)"),
    ("mask(lengths, x.shape[1]))\n        return", "mask(up, x.shape[1]))\n        return"),
)

WRONG: dict[str, list[tuple[Any, str]]] = {
    "subsampler": subsampler.WRONG,
    "rotate": rotation.WRONG,
    "self_attention": attention.WRONG,
    "block": [
        (
            with_changes(
                solutions.Block, ("x = x + self.attention", "x = x.clone()\n        x += self.attention")
            ),
            "a change in place (`+=`",
        ),
        (
            with_changes(solutions.Block, ("x = x + self.convolution", "x = x.detach() + self.convolution")),
            "the gradient of `attention_norm.weight` is not the library's",
        ),
        (with_changes(solutions.Block, ("x = x + self.attention", "x += self.attention")), "its input `x`"),
        (
            with_changes(solutions.Block, ("SelfAttention(d_model, n_heads)", "SelfAttention(d_model, 3)")),
            "the sizes that `Block` is given",
        ),
        (
            with_changes(
                solutions.Block, ("x = x + self.convolution(self.convolution_norm(x), mask)", "x = 1 * x")
            ),
            "`convolution` is missing",
        ),
        (
            with_changes(solutions.Block, ("x = x + self.attention", "x = self.attention")),
            "the result of `attention` must be added",
        ),
        (
            with_changes(solutions.Block, ("x + self.", "self.")),
            "the result of `attention`, `convolution`, `feed_forward` must be added",
        ),
        (
            with_changes(solutions.Block, ("self.feed_forward_norm(x))", "x)")),
            "the layer norm before `feed_forward` is missing",
        ),
        (
            with_changes(
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
            with_changes(
                solutions.Block,
                ("        x = x + self.attention(", "        y = x\n        x = x + self.attention("),
                ("self.convolution_norm(x)", "self.convolution_norm(y)"),
                ("self.feed_forward_norm(x)", "self.feed_forward_norm(y)"),
            ),
            "each part works on the result of the one before it",
        ),
        (
            with_changes(
                solutions.Block,
                (
                    "x = x + self.convolution",
                    "y = x + self.feed_forward(self.feed_forward_norm(x))\n        x = y + self.convolution",
                ),
                ("self.convolution_norm(x)", "self.convolution_norm(y)"),
                ("return x + self.feed_forward(self.feed_forward_norm(x))", "return x"),
            ),
            "and not `attention`, `feed_forward`, `convolution`",
        ),
        (
            with_changes(
                solutions.Block,
                ("self.convolution_norm(x), mask", "self.convolution_norm(x), torch.ones_like(mask)"),
            ),
            "the mask does not reach `convolution`",
        ),
        (
            with_changes(
                solutions.Block,
                ("self.attention_norm(x), mask", "self.attention_norm(x), torch.ones_like(mask)"),
            ),
            "the mask does not reach `attention`",
        ),
        (with_changes(solutions.Block, ("d_model, 15", "d_model, 3")), "has another shape"),
        (
            with_changes(solutions.Block, ("self.convolution_norm(x)", "self.attention_norm(x)")),
            "a norm of its own",
        ),
        (with_changes(solutions.Block, ("d_ff, 0.0", "d_ff, 0.5")), "no dropout"),
        (
            with_changes(
                solutions.Block, ("        x = x + self.att", "        self.eval()\n        x = x + self.att")
            ),
            "no `eval()` inside",
        ),
        (
            with_changes(solutions.Block, ("(d_model, n_heads)", "(d_model, 3)")),
            "A padded batch: your function",
        ),
        (with_changes(solutions.Block, ("attention_norm", "norm1")), "has no `attention_norm.weight`"),
        (lambda d_model, n_heads, d_ff: d_model, "an nn.Module is wanted"),
        (
            with_changes(
                solutions.Block, ("convolution_norm = nn.LayerNorm", "convolution_norm = MaskedBatchNorm")
            ),
            "here it is an `nn.LayerNorm`",
        ),
        (
            with_changes(solutions.Block, ("nn.LayerNorm(d_model)", "nn.LayerNorm(d_model, bias=False)")),
            "a layer without a bias",
        ),
        (
            with_changes(
                solutions.Block, ("self.convolution_norm(x), mask", "self.convolution_norm(x), ~mask")
            ),
            "the mask of `convolution` is the wrong way round",
        ),
    ],
    "audio_encoder": [
        (
            with_changes(
                solutions.AudioEncoder, ("x = (mel - self.feature_mean) / self.feature_deviation", "x = mel")
            ),
            "not normalised",
        ),
        (with_changes(solutions.AudioEncoder, (" / self.feature_deviation", "")), "not divided"),
        (with_changes(solutions.AudioEncoder, ("mel - self", "mel + self")), "the mean is added"),
        (
            with_changes(solutions.AudioEncoder, (" / self.feature_deviation", " * self.feature_deviation")),
            "are multiplied by their deviation",
        ),
        (
            with_changes(solutions.AudioEncoder, ("[..., None], lengths", "[..., None], lengths * 1.0")),
            "the lengths in float32",
        ),
        (
            with_changes(
                solutions.AudioEncoder,
                (
                    'self.register_buffer("feature_mean", torch.zeros(128))',
                    "self.feature_mean = torch.zeros(128)",
                ),
            ),
            "is a plain tensor: `register_buffer`",
        ),
        (
            with_changes(solutions.AudioEncoder, ("self.norm(x) * padding", "self.norm(x) * ~padding")),
            "the mask of the embeddings is the wrong way round",
        ),
        (
            with_changes(solutions.AudioEncoder, ("Block(d_model, n_heads", "Block(d_model, 3")),
            "A small encoder",
        ),
        (
            with_changes(
                solutions.AudioEncoder,
                (
                    'self.register_buffer("feature_mean", torch.zeros(128))',
                    "self.feature_mean = nn.Parameter(torch.zeros(128))",
                ),
            ),
            "your `feature_mean` is a parameter",
        ),
        (
            with_changes(
                solutions.AudioEncoder,
                ("return self.norm", "most = lengths.max()\n        return self.norm"),
                ("None], lengths", "None][:, :most], lengths"),
                ("self.norm(x)", "self.norm(x[:, :most])"),
            ),
            "along axis T",
        ),
        (
            with_changes(
                solutions.AudioEncoder,
                (
                    "(mel - self.feature_mean) / self.feature_deviation",
                    "mel / self.feature_deviation - self.feature_mean",
                ),
            ),
            "before you divide",
        ),
        (
            with_changes(solutions.AudioEncoder, ("self.norm(x) *", "x *")),
            "the layer norm at the end is missing",
        ),
        (
            with_changes(solutions.AudioEncoder, (" * padding_mask(lengths, x.shape[1])[..., None]", "")),
            "of the padding must be zero",
        ),
        (
            with_changes(solutions.AudioEncoder, ("lengths // 2", "lengths")),
            "The pool halves the lengths too",
        ),
        (with_changes(solutions.AudioEncoder, ("lengths // 2", "(lengths + 1) // 2")), "rounds down"),
        (
            with_changes(
                solutions.AudioEncoder,
                ("  # (B, T / 4, d_model)", "\n        mask = padding_mask(lengths, x.shape[1])"),
                ("x = block(x, padding_mask(lengths, x.shape[1]))", "x = block(x, mask)"),
            ),
            "make a new mask there",
        ),
        (with_changes(solutions.AudioEncoder, *_ROUNDS_UP_IN_THE_BLOCKS), "after the pool the blocks' mask"),
        (
            with_changes(
                solutions.AudioEncoder,
                *_ROUNDS_UP_IN_THE_BLOCKS,
                ("* padding_mask(lengths", "* padding_mask(up"),
            ),
            "after the pool your mask has one frame too many",
        ),
        (
            with_changes(
                solutions.AudioEncoder,
                ("[: self.blocks_before_pool]", ""),
                ("self.blocks[self.blocks_before_pool :]", "[]"),
            ),
            "the pool stands after the last block",
        ),
        (
            with_changes(
                solutions.AudioEncoder,
                (
                    "block(x, padding_mask(lengths, x.shape[1]))",
                    "block(x, torch.ones(x.shape[:2], dtype=torch.bool))",
                ),
            ),
            "the blocks are not masked",
        ),
        (with_changes(solutions.AudioEncoder, ("nn.ModuleList([", "list([")), "has no `blocks"),
    ],
}

OTHER_RIGHT: dict[str, list[Any]] = {
    "subsampler": subsampler.OTHER_RIGHT,
    "rotate": rotation.OTHER_RIGHT,
    "self_attention": attention.OTHER_RIGHT,
    "audio_encoder": [_OneLoop],
}
