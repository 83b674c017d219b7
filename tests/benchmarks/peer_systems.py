"""The systems that are compared: ours, and three peers from libraries, trained on the same batches.

Each is a `System`: a loss, an optimiser, and a module that maps mel (B, T, 128), lengths (B,) to
log_probs (B, T', 29), lengths (B,).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from omni_lib.config import Config
from omni_lib.ctc import CTCHead, ctc_loss, is_feasible
from omni_lib.decoding import greedy
from omni_lib.encoder import Subsampler, count_parameters, valid_frames
from omni_lib.machine.hardware import autocast
from omni_lib.recogniser import Recogniser
from omni_lib.text import Vocabulary
from omni_lib.training.batching import Batch, FeatureCache
from omni_lib.training.objective import Objective, repeated_words
from omni_lib.training.optimizer import Optimizers, schedule

RATES = (3e-4, 1e-3, 2e-3, 4e-3)  # peak rates that a peer may choose from
WARM_UP_STEPS = 100


@dataclass(frozen=True)
class Corpus:
    """What every system is given."""

    training: FeatureCache
    dev: FeatureCache
    mean: Tensor  # (128,) of the training features
    deviation: Tensor  # (128,)


class Hearing(nn.Module):
    """What `evaluation.evaluate` needs of a peer: log-probabilities and a greedy decoder."""

    vocabulary = Vocabulary()

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.float())
        self.register_buffer("deviation", deviation.float())

    def normalise(self, mel: Tensor, lengths: Tensor) -> Tensor:
        """Zero mean and unit variance for each filter, zero beyond the end."""
        return (mel - self.mean) / self.deviation * valid_frames(lengths, mel.shape[1])[..., None]

    def greedy(self, log_probs: Tensor, lengths: Tensor) -> list[str]:
        return greedy(log_probs, lengths, self.vocabulary)


class Parakeet(Hearing):
    """Hugging Face's `ParakeetForCTC` (FastConformer), hidden 144, 4 layers, 3 heads, feed-forward 576.

    The channels of its subsampling are chosen so that either form has about 2.2 million parameters.
    """

    def __init__(self, mean: Tensor, deviation: Tensor, factor: int) -> None:
        super().__init__(mean, deviation)
        from transformers import ParakeetCTCConfig, ParakeetForCTC

        encoder = {
            "hidden_size": 144,
            "num_hidden_layers": 4,
            "num_attention_heads": 3,
            "intermediate_size": 576,
            "num_mel_bins": 128,
            "subsampling_factor": factor,
            "subsampling_conv_channels": {8: 96, 4: 64}[factor],
        }
        self.model = ParakeetForCTC(ParakeetCTCConfig(vocab_size=29, pad_token_id=0, encoder_config=encoder))

    def forward(self, mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        mask = valid_frames(lengths, mel.shape[1])
        logits = self.model(input_features=self.normalise(mel, lengths), attention_mask=mask).logits
        return logits.log_softmax(dim=-1), self.model.encoder._get_subsampling_output_length(lengths).long()


class TorchaudioConformer(Hearing):
    """torchaudio's `Conformer` behind our subsampler, at 25 Hz, with our CTC head."""

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__(mean, deviation)
        from torchaudio.models import Conformer

        channels = 144
        self.subsampler = Subsampler(channels)
        self.blocks = Conformer(
            channels, num_heads=4, ffn_dim=576, num_layers=4, depthwise_conv_kernel_size=15, dropout=0.1
        )
        self.head = CTCHead(channels, len(self.vocabulary))

    def forward(self, mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x, lengths = self.subsampler(self.normalise(mel, lengths), lengths)
        x, lengths = self.blocks(x[:, : int(lengths.max())], lengths)
        return self.head(x, lengths)


@dataclass
class System:
    """A model in training."""

    name: str
    model: nn.Module
    evaluated: nn.Module  # the weights that are judged: averaged where the system averages
    parameters: int
    step: Callable[[Batch, int, int], None]  # batch, number of the step, length of the schedule


def ours(config: Config, corpus: Corpus, rate: float | None = None) -> System:
    """omni_lib's recogniser as `config` sets it: Muon, intermediate CTC, entropy, averaged weights."""
    recogniser = Recogniser(config)
    recogniser.encoder.feature_mean.copy_(corpus.mean)
    recogniser.encoder.feature_deviation.copy_(corpus.deviation)
    words = repeated_words(row.text for row in corpus.training.utterances)
    objective = Objective(config, len(recogniser.vocabulary), words)
    everything = nn.ModuleDict({"recogniser": recogniser, "objective": objective})
    optimizers = Optimizers(recogniser.encoder.blocks, everything, config)
    averaged = AveragedModel(
        recogniser, multi_avg_fn=get_ema_multi_avg_fn(config.average_decay), use_buffers=True
    )

    def step(batch: Batch, number: int, total: int) -> None:
        everything.train()
        optimizers.zero_grad()
        share = schedule(number, total, config)
        objective(recogniser, batch, share).objective.backward()
        nn.utils.clip_grad_norm_(everything.parameters(), config.gradient_clip)
        optimizers.step(share)
        averaged.update_parameters(recogniser)

    return System("ours", recogniser, averaged.module, count_parameters(recogniser), step)


def peer(name: str, model: Hearing, optimizers: Optimizers, config: Config) -> System:
    """A peer trained with plain CTC and `optimizers`.

    At 80 ms per frame some texts have more letters than frames. Such a row has no CTC path and an infinite
    loss. It does not count, as in the library's own loss (`ctc_zero_infinity`).
    """

    def step(batch: Batch, number: int, total: int) -> None:
        model.train()
        optimizers.zero_grad()
        with autocast(batch.mel.device, config.mixed_precision):  # the peers have what we have
            log_probs, lengths = model(batch.mel, batch.lengths)
        rows = [row for row, frames in enumerate(lengths.tolist()) if is_feasible(batch.targets[row], frames)]
        targets = [batch.targets[row] for row in rows]
        losses = ctc_loss(log_probs.float()[rows], lengths[rows], targets)
        (losses.sum() / max(1, sum(map(len, targets)))).backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)
        optimizers.step(schedule(number, total, config))

    return System(name, model, model, count_parameters(model), step)


def parakeet(factor: int, config: Config, corpus: Corpus, rate: float | None) -> System:
    """ParakeetForCTC with AdamW at peak `rate`."""
    plain = replace(config, learning_rate=rate, muon_rate=0.0, warmup_steps=WARM_UP_STEPS)
    model = Parakeet(corpus.mean, corpus.deviation, factor)
    return peer(f"parakeet_{factor}x", model, Optimizers(nn.Module(), model, plain), plain)


def conformer(config: Config, corpus: Corpus, rate: float | None) -> System:
    """torchaudio's Conformer in our loop: Muon (our rate) for block matrices, else AdamW at peak `rate`."""
    settings = replace(config, learning_rate=rate, warmup_steps=WARM_UP_STEPS)
    model = TorchaudioConformer(corpus.mean, corpus.deviation)
    return peer("torchaudio_conformer", model, Optimizers(model.blocks, model, settings), settings)


SYSTEMS: dict[str, Callable[[Config, Corpus, float | None], System]] = {
    "ours": ours,
    "parakeet_8x": lambda *arguments: parakeet(8, *arguments),
    "parakeet_4x": lambda *arguments: parakeet(4, *arguments),
    "torchaudio_conformer": conformer,
}


def is_finite(module: nn.Module) -> bool:
    """Whether every weight is a number: a rate that is too high ends otherwise."""
    return all(math.isfinite(torch.sum(parameter).item()) for parameter in module.parameters())
