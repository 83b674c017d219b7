"""Lesson 02: the learner's encoder in the training loop, where the library builds its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from omni_lib.config import Config
from omni_lib.encoder import embedding_lengths
from omni_lib.errors import UserError

PLACE = "omni_lib.encoder:AudioEncoder.from_config"


class InTraining(nn.Module):
    """What training asks of an encoder besides `forward`; it becomes a base of the learner's class.

    Training needs the output of each block for its intermediate losses. A learner's encoder returns the
    embeddings only, so that the outputs are noted while its own `forward` runs.
    """

    blocks: nn.ModuleList
    d_model: int
    downsample_time = 8
    _embeddings: tuple[Tensor, Tensor]

    def forward(self, mel: Tensor, lengths: Tensor, reach: int | None = None) -> tuple[Tensor, Tensor]:
        """mel (B, T, 128), lengths (B,) → embeddings (B, T', C), lengths (B,); a `reach` is not supported."""
        if reach is not None:
            raise UserError("the encoder of lesson 02 attends to the whole utterance: it has no `reach`")
        embeddings, counts = super().forward(mel, lengths)
        return embeddings, counts

    def output_lengths(self, lengths: Any) -> Any:
        """The number of embeddings of `lengths` mel frames."""
        return embedding_lengths(lengths)

    def hidden_states(self, mel: Tensor, lengths: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The output of each block, (B, T, C), with its lengths (B,), as `AudioEncoder.hidden_states`."""
        states: list[tuple[Tensor, Tensor]] = []

        def note(block: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
            states.append((output, arguments[1].sum(dim=1)))  # a mask (B, T) as lengths

        hooks = [block.register_forward_hook(note) for block in self.blocks]
        try:
            self._embeddings = self(mel, lengths)
        finally:
            for hook in hooks:
                hook.remove()
        return states

    def embed(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The embeddings of the batch whose last hidden state `x` is, in its precision, and lengths (B,)."""
        embeddings, counts = self._embeddings
        return embeddings.to(x.dtype), counts


def in_training(build: Callable[..., nn.Module]) -> Callable[[Config], nn.Module]:
    """`AudioEncoder.from_config` with the learner's class, which `build` calls with its sizes."""

    def from_config(config: Config) -> nn.Module:
        if config.downsample_time != 8 or config.dropout:
            raise UserError(
                "the encoder of lesson 02 makes an embedding of 8 frames and has no dropout: its settings "
                "must say `downsample_time` 8 and `dropout` 0"
            )
        before_pool = min(config.blocks_before_pool, config.n_layers)
        encoder = build(config.d_model, config.n_layers, config.n_heads, config.d_ff, before_pool)
        encoder.__class__ = type("LearnersEncoder", (InTraining, type(encoder)), {})
        encoder.d_model = config.d_model  # type: ignore[assignment]
        return encoder

    return from_config
