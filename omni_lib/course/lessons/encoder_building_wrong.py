"""Lesson 02, the parts to build: wrong answers with words of the reply, and other right ones."""

# The type of a layer in a module is known to torch only when it runs, and learners do not annotate it.
# mypy: disable-error-code="no-any-return,operator"

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from omni_lib.course.lessons import encoder_attention_wrong as attention
from omni_lib.course.lessons import encoder_rotation_wrong as rotation
from omni_lib.course.lessons import encoder_solutions as solutions
from omni_lib.course.lessons.encoder_rotation_wrong import with_changes


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
            with_changes(
                solutions.Subsampler, ("        x = x * padding_mask(lengths, x.shape[1])[..., None]\n", "")
            ),
            "multiply `x` by its mask before",
        ),
        (
            with_changes(solutions.Subsampler, ("x = x + F.relu(", "x = F.relu(")),
            "must be added to its input",
        ),
        (
            with_changes(
                solutions.Subsampler,
                ("F.relu(norm(", "(norm("),
            ),
            "a ReLU is missing after the norms",
        ),
        (
            with_changes(solutions.Subsampler, ("F.relu(self.res", "(self.res")),
            "a ReLU is missing after the residual",
        ),
        (
            with_changes(
                solutions.Subsampler, ("unflatten(2, (8, 2)).mean(dim=3)", "unflatten(2, (2, 8)).mean(dim=2)")
            ),
            "two neighbouring bands",
        ),
        (
            with_changes(solutions.Subsampler, ("x.flatten(2)", "x.transpose(2, 3).flatten(2)")),
            "stay together",
        ),
        (with_changes(solutions.Subsampler, ("lengths + 1", "lengths")), "halves and rounds up"),
        (with_changes(solutions.Subsampler, (", lengths  # (B", "  # (B")), "a pair is wanted"),
        (
            with_changes(
                solutions.Subsampler,
                ("return self.project(x.flatten(2)), lengths", "return lengths, self.project(x.flatten(2))"),
            ),
            "the lengths first",
        ),
        (with_changes(solutions.Subsampler, ("self.project", "self.linear")), "has no `project.weight`"),
        (with_changes(solutions.Subsampler, ("nn.Linear(512", "nn.Linear(1024")), "has another shape"),
        (
            with_changes(solutions.Subsampler, ("x.flatten(2)", "x.detach().flatten(2)")),
            "no gradient reaches",
        ),
        (solutions.Subsampler(24), "without brackets"),
        (
            with_changes(
                solutions.Subsampler,
                (
                    "F.relu(norm(x, padding_mask(lengths, x.shape[1])))",
                    "norm(F.relu(x), padding_mask(lengths, x.shape[1]))",
                ),
            ),
            "comes after the norm",
        ),
        (
            with_changes(
                solutions.Subsampler,
                (
                    "norm(x, padding_mask(lengths, x.shape[1]))",
                    "norm(x, torch.ones(x.shape[:2], dtype=torch.bool))",
                ),
            ),
            "make a new mask",
        ),
        (
            with_changes(
                solutions.Subsampler,
                ("x = x + F.relu(self.residual_norm(", "x = F.relu(x + self.residual_norm("),
            ),
            "the ReLU comes before the addition",
        ),
        (
            with_changes(
                solutions.Subsampler,
                ("(self.residual, x), mask))", "(self.residual, x), torch.ones_like(mask)))"),
            ),
            "Each norm counts the frames of its mask",
        ),
        (with_changes(solutions.Subsampler, (".mean(dim=3)", ".sum(dim=3)")), "twice their mean"),
        (with_changes(solutions.Subsampler, (".mean(dim=3)", ".amax(dim=3)")), "Compare your steps"),
    ],
    "rotate": rotation.WRONG,
    "self_attention": attention.WRONG_PARTS,
    "block": [
        (
            with_changes(
                solutions.Block, ("x = x + self.attention", "x = x.clone()\n        x += self.attention")
            ),
            "`backward` fails",
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
    ],
    "audio_encoder": [
        (
            with_changes(
                solutions.AudioEncoder, ("x = (mel - self.feature_mean) / self.feature_deviation", "x = mel")
            ),
            "not normalised",
        ),
        (with_changes(solutions.AudioEncoder, (" / self.feature_deviation", "")), "not divided"),
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
    "rotate": rotation.OTHER_RIGHT,
    "self_attention": attention.OTHER_RIGHT_PARTS,
    "audio_encoder": [_OneLoop],
}
