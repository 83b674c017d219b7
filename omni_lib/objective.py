"""What training minimises."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from omni_lib.batching import Batch
from omni_lib.config import Config
from omni_lib.ctc import CTCHead, ctc_loss
from omni_lib.recogniser import Recogniser


@dataclass(frozen=True)
class Loss:
    """The loss of one batch in two scales, and what the head said."""

    objective: Tensor  # nats per character, to be differentiated
    per_utterance: Tensor  # (B,) nats: the chapter's ctc_loss
    log_probs: Tensor  # (B, ctc_frames, symbols)
    lengths: Tensor  # (B,) ctc_frames


class Objective(nn.Module):
    """CTC at the end of the encoder, and a weaker one in its middle that helps the first blocks to learn.

    The middle head (Lee & Watanabe 2021, "Intermediate loss regularization for CTC-based speech recognition") exists in
    training only; it is neither in `enc` nor in `head`.
    """

    def __init__(self, config: Config, symbols: int) -> None:
        super().__init__()
        self.intermediate_weight = config.intermediate_ctc
        # The middle runs at 40 ms; as many CTC frames a second as at the end, so that no row has a path there and none here.
        k = -(-config.ctc_frames_per_embedding * 4 // config.downsample_time)
        self.middle_head = CTCHead(config.d_model, symbols, k) if config.intermediate_ctc else None

    def forward(self, recogniser: Recogniser, batch: Batch) -> Loss:
        characters = sum(map(len, batch.targets))
        embeddings, lengths, middle, middle_lengths = recogniser.encoder.forward_with_middle(batch.mel, batch.lengths)
        log_probs, lengths = recogniser.head(embeddings, lengths)
        per_utterance = ctc_loss(log_probs, lengths, batch.targets)
        objective = per_utterance.sum() / characters
        if self.middle_head is not None:
            middle_loss = ctc_loss(*self.middle_head(middle, middle_lengths), batch.targets).sum() / characters
            objective = (1 - self.intermediate_weight) * objective + self.intermediate_weight * middle_loss
        return Loss(objective, per_utterance.detach(), log_probs.detach(), lengths)
