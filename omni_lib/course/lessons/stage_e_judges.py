"""Lesson 06: how the learner's functions are judged."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from omni_lib.config import Config
from omni_lib.course.exercises.expectations import expect_close, require
from omni_lib.course.exercises.sandbox import Attempt, NotAttempted, NotYet, call, described
from omni_lib.course.materials import PRETRAINED
from omni_lib.course.probing import fit
from omni_lib.encoder import AudioEncoder, valid_frames
from omni_lib.stage_e import load_encoder as of_the_library
from omni_lib.text import Vocabulary
from omni_lib.training.checkpoint import save_checkpoint


def _small_encoder(**changes: Any) -> tuple[AudioEncoder, Config]:
    """A small encoder whose weights and statistics differ from those of a new one."""
    config = Config(d_model=16, n_layers=2, n_heads=2, d_ff=32, dropout=0.5, **changes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = AudioEncoder.from_config(config)
        encoder.get_buffer("feature_mean").uniform_(-8, -4)
        encoder(torch.randn(2, 60, 128), torch.tensor([60, 40]))  # changes its running statistics
    return encoder, config


def load_encoder(attempt: Attempt) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for changes in ({"downsample_time": 4}, {"blocks_before_pool": 1}):
            encoder, config = _small_encoder(**changes)
            path = Path(folder) / "audio_enc_step_7.pt"
            contents = {
                "enc": encoder.state_dict(),
                "head": {},
                "config": config.to_dict(),
                "vocabulary": list(Vocabulary().symbols),
                "feature_stats": {},
                "step": 7,
                "metrics": {},
            }
            save_checkpoint(path, contents)
            _expect_encoder(attempt, path, encoder.eval(), "a small checkpoint (d_model 16, two layers)")
        stranger = Path(folder) / "from_a_stranger.pt"
        torch.save({**contents, "metrics": SimpleNamespace()}, stranger)
        _expect_refusal(attempt, stranger)
    _expect_encoder(attempt, PRETRAINED, of_the_library(PRETRAINED), "the pretrained checkpoint")


def _expect_refusal(attempt: Attempt, path: Path) -> None:
    """A checkpoint with an object of another class must raise: building such objects can run any code."""
    try:
        call(attempt.function, (path,), 3 * attempt.seconds, "a checkpoint from a stranger")
    except NotYet:
        return
    raise NotYet(
        "given a checkpoint that holds an object besides tensors and plain values, your function builds that "
        "object, and so runs a stranger's code: load it with `weights_only=True`"
    )


def _expect_encoder(attempt: Attempt, path: Path, wanted: AudioEncoder, what: str) -> None:
    got, _ = call(attempt.function, (path,), 3 * attempt.seconds, what)  # a busy disk may be slow
    if got is ...:
        raise NotAttempted
    require(got is not None, f"given {what}, your function returns None: is the `return` missing?")
    if not isinstance(got, AudioEncoder):
        raise NotYet(f"given {what}, your function returns {described(got)}; an AudioEncoder is wanted")
    mine, state = got.state_dict(), wanted.state_dict()
    require(
        mine.keys() == state.keys(),
        f"given {what}, your encoder is of another shape: build it from the checkpoint's own 'config'",
    )
    other = [name for name, value in state.items() if not torch.equal(mine[name].float(), value)]
    require(
        not other,
        f"given {what}, {len(other)} of {len(state)} tensors are not those of checkpoint['enc'], such as "
        f"{(other or [''])[0]}",
    )
    require(
        got.training or not any(module.training for module in got.modules()),
        "you set `.training` of the encoder alone; the modules inside it are still in training mode: "
        "`.eval()` reaches them all",
    )
    require(
        not got.training,
        "your encoder is in training mode: dropout would be at work, and the statistics of its norms would "
        "drift",
    )
    mel, lengths = torch.linspace(-12, 4, 90 * 128).reshape(1, 90, 128), torch.tensor([90])
    with torch.inference_mode():
        same = torch.allclose(got(mel, lengths)[0], wanted(mel, lengths)[0], atol=1e-3)
    require(
        same,
        f"given {what}, all weights are right and the embeddings are not: is your encoder built from all "
        "settings of 'config'?",
    )


def freeze(attempt: Attempt) -> None:
    encoder, _ = _small_encoder()
    encoder.train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    got, _ = call(attempt.function, (encoder,), attempt.seconds, "an encoder")
    if got is ...:
        raise NotAttempted
    require(got is not None, "your function returns None: is the `return` missing?")
    if not isinstance(got, nn.Module):
        raise NotYet(f"your function returns {described(got)}; the encoder is wanted")
    require(
        all(torch.equal(value, got.state_dict()[name]) for name, value in before.items()),
        "your function changes the weights themselves; they must stay as they are",
    )
    learning = [name for name, parameter in got.named_parameters() if parameter.requires_grad]
    total = len(list(got.parameters()))
    require(
        not learning,
        f"{len(learning)} of {total} parameters still require a gradient, such as {(learning or [''])[0]}",
    )
    require(
        got.training or not any(module.training for module in got.modules()),
        "you set `.training` of the encoder alone; the modules inside it are still in training mode, and "
        "their dropout and running statistics with them: `.eval()` reaches them all",
    )
    got(torch.randn(2, 60, 128), torch.tensor([60, 40]))
    drifted = [name for name, value in got.state_dict().items() if not torch.equal(value, before[name])]
    require(
        not drifted,
        f"no weight requires a gradient, yet a forward pass changed {(drifted or [''])[0]}: batch norms go "
        "on averaging in training mode",
    )
    require(
        not any(module.training for module in got.modules()),
        "some module is still in training mode: its dropout is at work",
    )


def thinker_input(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(0)
    for batch, steps, narrow, wide, sizes, case, why in (
        (1, 3, 2, 4, [3], "One clip without padding", "It is embeddings · weightᵀ + bias."),
        (
            2,
            4,
            3,
            5,
            [4, 2],
            "Two clips, the second one padded",
            "Beyond its length all is zero, the bias too.",
        ),
        (
            3,
            12,
            192,
            256,
            [12, 5, 0],
            "Three clips, one of them too short for an embedding",
            "Its row must be zero throughout.",
        ),
    ):
        lengths = torch.tensor(sizes)
        mask = valid_frames(lengths, steps)[..., None]
        embeddings = torch.randn(batch, steps, narrow, generator=generator) * mask
        weight, bias = torch.randn(wide, narrow, generator=generator), torch.randn(wide, generator=generator)
        wanted = nn.functional.linear(embeddings, weight, bias) * mask
        expect_close(attempt, (embeddings, lengths, weight, bias), wanted, why, "B T D", case=case)


def linear_probe(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(0)
    line = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    wide, tall = torch.randn(5, 12, generator=generator), torch.randn(60, 6, generator=generator)
    classes = nn.functional.one_hot(tall[:, 0].gt(0).long() + tall[:, 1].gt(0).long(), 3).float()
    for x, targets, penalty, case, why in (
        (
            line,
            2 * line + 1,
            0.0,
            "Four points on a line",
            "The slope comes first, and the last row, which meets the ones, is the bias.",
        ),
        (line, 2 * line + 1, 1.0, "A penalty", "It is on every weight, the last row too."),
        (tall, classes, 0.5, "Three classes", "They have one column each."),
        (
            wide,
            torch.randn(5, 2, generator=generator),
            0.1,
            "More channels than rows",
            "Only the penalty makes this have one answer.",
        ),
    ):
        expect_close(attempt, (x, targets, penalty), fit(x, targets, penalty), why, "channels K", 1e-3, case)
