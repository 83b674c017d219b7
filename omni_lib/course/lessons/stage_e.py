"""Lesson 06: the encoder leaves home: loaded, frozen, widened, probed, and set to more speech."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from omni_lib.config import Config
from omni_lib.course.exercises.checking import CodeExercise, expect_close, require
from omni_lib.course.exercises.sandbox import Attempt, NotAttempted, NotYet, call, described
from omni_lib.course.lessons import stage_e_solutions as solutions
from omni_lib.course.lessons.stage_e_questions import (
    probe_says,
    ten_seconds,
    use_in_stage_e,
    voices_forgotten,
    what_is_measured,
    what_stays_behind,
    why_freeze,
)
from omni_lib.course.materials import PRETRAINED
from omni_lib.course.probing import fit
from omni_lib.encoder import AudioEncoder, valid_frames
from omni_lib.stage_e import load_encoder as of_the_library
from omni_lib.text import Vocabulary
from omni_lib.training.checkpoint import save_checkpoint

NUMBER = "06"
TITLE = "Stage E and beyond"


def _small_encoder(**changes: Any) -> tuple[AudioEncoder, Config]:
    """A small encoder whose weights and statistics differ from those of a new one."""
    config = Config(d_model=16, n_layers=2, n_heads=2, d_ff=32, dropout=0.5, **changes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = AudioEncoder.from_config(config)
        encoder.get_buffer("feature_mean").uniform_(-8, -4)
        encoder(torch.randn(2, 60, 128), torch.tensor([60, 40]))  # changes its running statistics
    return encoder, config


# Load


def _judge_load_encoder(attempt: Attempt) -> None:
    for changes in ({"downsample_time": 4}, {"blocks_before_pool": 1}):
        with tempfile.TemporaryDirectory() as folder:
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
            _expect_encoder(attempt, path, encoder.eval(), "a small checkpoint (d_model 16, 2 layers)")
    _expect_encoder(attempt, PRETRAINED, of_the_library(PRETRAINED), "the pretrained checkpoint")


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
        f"given {what}, {len(other)} of {len(state)} tensors are not those of checkpoint['enc'], such "
        f"as {(other or [''])[0]}",
    )
    require(
        not got.training,
        "your encoder is in training mode: dropout would be at work, and the statistics of its norms "
        "would drift",
    )
    mel, lengths = torch.linspace(-12, 4, 90 * 128).reshape(1, 90, 128), torch.tensor([90])
    with torch.inference_mode():
        same = torch.allclose(got(mel, lengths)[0], wanted(mel, lengths)[0], atol=1e-3)
    require(
        same,
        f"given {what}, all weights are right and the embeddings are not: is your encoder built from "
        "all settings of 'config'?",
    )


load_encoder = CodeExercise(
    key="06.load_encoder",
    goal="Load the encoder out of a checkpoint by hand, as Stage E does.",
    difficulty=2,
    minutes=10,
    judge=_judge_load_encoder,
    answer=solutions.load_encoder,
    hints=(
        "A checkpoint is a dictionary: `torch.load(path, map_location='cpu', weights_only=True)`. "
        "`weights_only` runs no stranger's code.",
        "Its 'config' says how large the encoder is: "
        "`AudioEncoder.from_config(config_from_dict(checkpoint['config']))`.",
        "`load_state_dict(checkpoint['enc'])` fills it, and `.eval()` puts it into the mode in which "
        "it is used, and returns it.",
    ),
    praise="The feature mean and deviation came along: they are buffers of the encoder, so nobody who loads "
    "it can forget them.",
)


# Freeze


def _judge_freeze(attempt: Attempt) -> None:
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
        f"{len(learning)} of {total} parameters still ask for a gradient, such as {(learning or [''])[0]}",
    )
    got(torch.randn(2, 60, 128), torch.tensor([60, 40]))
    drifted = [name for name, value in got.state_dict().items() if not torch.equal(value, before[name])]
    require(
        not drifted,
        f"no weight asks for a gradient, yet a forward pass changed {(drifted or [''])[0]}: batch "
        "norms go on averaging in training mode",
    )
    require(
        not any(module.training for module in got.modules()),
        "some module is in training mode still: its dropout is at work",
    )


freeze = CodeExercise(
    key="06.freeze",
    goal="Freeze an encoder: no step of Stage E may change its weights or its running statistics, and it "
    "answers the same every time.",
    difficulty=1,
    minutes=5,
    judge=_judge_freeze,
    answer=solutions.freeze,
    hints=(
        "Two things change an encoder in training: gradients, and batch norms that average what they see.",
        "`parameter.requires_grad_(False)` for each of `encoder.parameters()`, and `encoder.eval()`, "
        "which also stops dropout.",
    ),
    praise="Remember it when you call `.train()` on the whole model later: that reaches the encoder inside, "
    "too.",
)


# 192 → 256


def _judge_thinker_input(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(0)
    cases = (
        (1, 3, 2, 4, [3], "One clip without padding: embeddings · weightᵀ + bias."),
        (
            2,
            4,
            3,
            5,
            [4, 2],
            "The second clip ends after 2 embeddings: beyond its length all is zero, the bias too.",
        ),
        (3, 12, 192, 256, [12, 5, 0], "A clip that is too short has no embedding, and nothing to say."),
    )
    for batch, steps, narrow, wide, sizes, why in cases:
        lengths = torch.tensor(sizes)
        mask = valid_frames(lengths, steps)[..., None]
        embeddings = torch.randn(batch, steps, narrow, generator=generator) * mask
        weight, bias = torch.randn(wide, narrow, generator=generator), torch.randn(wide, generator=generator)
        wanted = nn.functional.linear(embeddings, weight, bias) * mask
        expect_close(attempt, (embeddings, lengths, weight, bias), wanted, why, axes="B T D")


thinker_input = CodeExercise(
    key="06.thinker_input",
    goal="From the encoder's 192 channels to the Thinker's 256, with nothing beyond the end of each clip.",
    difficulty=2,
    minutes=8,
    judge=_judge_thinker_input,
    answer=solutions.thinker_input,
    hints=(
        "A linear layer is `embeddings @ weight.T + bias`; it works on the last axis whatever stands before.",
        "Padding is zero before the layer, and no longer after it: the bias is added everywhere.",
        "`torch.arange(T) < lengths[:, None]` is true on the first `lengths` places of each row "
        "(`valid_frames` in `omni_lib.encoder`).",
    ),
    praise="The first half is `omni_lib.stage_e.AudioProjector`. Without the second, the Thinker would hear "
    "the bias as if it were speech.",
)


# Probes


def _judge_linear_probe(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(0)
    line = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    wide, tall = torch.randn(5, 12, generator=generator), torch.randn(60, 6, generator=generator)
    classes = nn.functional.one_hot(tall[:, 0].gt(0).long() + tall[:, 1].gt(0).long(), 3).float()
    cases = (
        (
            line,
            2 * line + 1,
            0.0,
            "y = 2 x + 1 through four points: the slope is 2, and the last row, which meets the ones, is 1.",
        ),
        (line, 2 * line + 1, 1.0, "The penalty is on every weight, the last row too."),
        (tall, classes, 0.5, "Three classes, one column each."),
        (
            wide,
            torch.randn(5, 2, generator=generator),
            0.1,
            "More channels than rows: only the penalty makes this have one answer.",
        ),
    )
    for x, targets, penalty, why in cases:
        expect_close(
            attempt, (x, targets, penalty), fit(x, targets, penalty), why, axes="D+1 K", tolerance=1e-3
        )


linear_probe = CodeExercise(
    key="06.linear_probe",
    goal="Fit a linear probe by least squares with a penalty on large weights (ridge regression).",
    difficulty=3,
    minutes=15,
    extra=True,
    judge=_judge_linear_probe,
    answer=solutions.linear_probe,
    hints=(
        "Put a column of ones behind x: its weights are the bias.",
        "Where the gradient is zero, (XᵀX + penalty · I) W = Xᵀ · targets.",
        "`torch.linalg.solve(A, B)` solves A W = B; an inverse is not needed. I has D + 1 rows.",
    ),
    praise="One matrix, no iterations: what it finds is linearly there, and was not taught to it.",
)


EXERCISES = (
    load_encoder,
    what_stays_behind,
    freeze,
    why_freeze,
    thinker_input,
    ten_seconds,
    use_in_stage_e,
    linear_probe,
    voices_forgotten,
    probe_says,
    what_is_measured,
)
