"""What the next stage takes over: the encoder alone, and the bridge to the Thinker's 256 channels."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from omni_lib.checkpoint import checkpoint_config, filled, load_checkpoint
from omni_lib.encoder import AudioEncoder


def load_encoder(path: str | Path) -> AudioEncoder:
    """The trained encoder from `checkpoint['enc']`, in evaluation mode; its feature statistics come with its weights.

    Raises:
        UserError: the file is missing, damaged or no checkpoint of ours.
    """
    contents = load_checkpoint(path)
    config = checkpoint_config(contents, path)
    return filled(lambda: AudioEncoder.from_config(config), contents["enc"], path).eval()


class AudioProjector(nn.Linear):
    """embeddings (B, T', 192) → (B, T', 256): from the encoder's channels to the Thinker's."""

    def __init__(self, d_model: int = 192, d_thinker: int = 256) -> None:
        super().__init__(d_model, d_thinker)
