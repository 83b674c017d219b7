"""Encoder and CTC head together: the model that is trained, evaluated and used for transcription."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from omni_lib.config import Config
from omni_lib.ctc import CTCHead
from omni_lib.decoding import greedy, prefix_search
from omni_lib.encoder import AudioEncoder
from omni_lib.errors import UserError
from omni_lib.text import Vocabulary
from omni_lib.weights import checkpoint_config, filled, load_checkpoint


class Recogniser(nn.Module):
    """mel (B, T, 128), lengths (B,) → log_probs (B, ctc_frames, 29), lengths (B,)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.vocabulary = Vocabulary()
        self.encoder = AudioEncoder.from_config(config)
        self.head = CTCHead(config.d_model, len(self.vocabulary), config.ctc_frames_per_embedding)

    def forward(self, mel: Tensor, lengths: Tensor, reach: int | None = None) -> tuple[Tensor, Tensor]:
        """mel (B, T, 128), lengths (B,) → log_probs (B, ctc_frames, 29), lengths (B,)."""
        log_probs, lengths = self.head(*self.encoder(mel, lengths, reach))
        return log_probs, lengths

    def greedy(self, log_probs: Tensor, lengths: Tensor) -> list[str]:
        """Collapse the most probable symbol of each frame: log_probs (B, T, 29), lengths (B,) → B texts."""
        return greedy(log_probs, lengths, self.vocabulary)

    def prefix_search(self, log_probs: Tensor, lengths: Tensor) -> list[str]:
        """The texts whose summed path probability is highest: same shapes as `greedy`."""
        return prefix_search(log_probs, lengths, self.vocabulary)


def load_recogniser(path: str | Path) -> tuple[Recogniser, Config]:
    """Encoder and head from a checkpoint, in evaluation mode, and the settings that they were trained with.

    Raises:
        UserError: the file is missing, damaged or not a checkpoint of omni train.
    """
    contents = load_checkpoint(path)
    config = checkpoint_config(contents, path)
    if not isinstance(contents["enc"], dict) or not isinstance(contents["head"], dict):
        raise UserError(f"{path} does not fit: its enc or its head holds no weights, so name another file")
    parts = {"encoder": contents["enc"], "head": contents["head"]}
    state = {f"{part}.{name}": value for part, weights in parts.items() for name, value in weights.items()}
    return filled(lambda: Recogniser(config), state, path).eval(), config
