"""Lesson 06: how the learner's functions are judged."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from omni_lib.config import Config
from omni_lib.course.exercises.expectations import expect_close, require, result_of
from omni_lib.course.exercises.sandbox import Attempt, NotAttempted, NotYet, call, described
from omni_lib.course.materials import PRETRAINED
from omni_lib.ctc import CTCHead
from omni_lib.encoder import AudioEncoder, valid_frames
from omni_lib.stage_e import load_encoder as of_the_library
from omni_lib.text import Vocabulary
from omni_lib.training.checkpoint import save_checkpoint


def _small_encoder(**changes: Any) -> tuple[AudioEncoder, CTCHead, Config]:
    """A small encoder whose weights and statistics differ from those of a new one, and a head."""
    config = Config(d_model=16, n_layers=2, n_heads=2, d_ff=32, dropout=0.5, **changes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = AudioEncoder.from_config(config)
        encoder.get_buffer("feature_mean").uniform_(-8, -4)
        encoder(torch.randn(2, 60, 128), torch.tensor([60, 40]))  # changes its running statistics
        head = CTCHead(config.d_model, len(Vocabulary()), config.ctc_frames_per_embedding)
    return encoder, head, config


class _Noticed:
    """An object that a pickle builds by calling a function: here one that only notes the call."""

    built = 0

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _notice, ()


def _notice() -> None:
    _Noticed.built += 1


def _require_a_function(attempt: Attempt) -> None:
    """A module of PyTorch can be called too, but it is what the learner's function returned."""
    require(
        not isinstance(attempt.function, nn.Module),
        "`check` needs your function itself, without brackets after its name; it was given what the function "
        "returns",
    )


def load_encoder(attempt: Attempt) -> None:
    _require_a_function(attempt)
    with tempfile.TemporaryDirectory() as folder:
        for changes in ({"downsample_time": 4}, {"blocks_before_pool": 1}):
            encoder, head, config = _small_encoder(**changes)
            path = Path(folder) / "audio_enc_step_7.pt"
            contents = {
                "enc": encoder.state_dict(),
                "head": head.state_dict(),
                "config": config.to_dict(),
                "vocabulary": list(Vocabulary().symbols),
                "feature_stats": {},
                "step": 7,
                "metrics": {},
            }
            save_checkpoint(path, contents)
            _expect_encoder(attempt, path, encoder.eval(), "a small checkpoint (d_model 16, two layers)")
        stranger = Path(folder) / "from_a_stranger.pt"
        torch.save({**contents, "metrics": _Noticed()}, stranger)
        _expect_refusal(attempt, stranger)
    _expect_encoder(attempt, PRETRAINED, of_the_library(PRETRAINED), "the pretrained checkpoint")


def _expect_refusal(attempt: Attempt, path: Path) -> None:
    """A checkpoint with an object of another class must raise: building such objects can run any code."""
    before, raised = _Noticed.built, False
    try:
        call(attempt.function, (path,), 3 * attempt.seconds, "a checkpoint from a stranger")
    except NotYet:
        raised = True
    require(
        _Noticed.built == before,
        "given a checkpoint that holds an object besides tensors and plain values, your function builds that "
        "object, and so runs a stranger's code: load it with `weights_only=True`",
    )
    require(
        raised,
        "given a checkpoint that holds an object besides tensors and plain values, your function must raise: "
        "let the exception of `torch.load` through",
    )


def _expect_encoder(attempt: Attempt, path: Path, wanted: AudioEncoder, what: str) -> None:
    try:
        got, _ = call(attempt.function, (path,), 3 * attempt.seconds, what)  # a busy disk may be slow
    except NotYet as found:
        raise NotYet(f"{found}{_why_it_raises(found.__cause__)}") from found
    if got is ...:
        raise NotAttempted
    require(got is not None, f"given {what}, your function returns None: is the `return` missing?")
    if not isinstance(got, AudioEncoder):
        keys = ""
        if hasattr(got, "missing_keys"):
            keys = ". `load_state_dict` returns the names that did not fit; return the encoder itself"
        raise NotYet(f"given {what}, your function returns {described(got)}; an AudioEncoder is wanted{keys}")
    mine, state = got.state_dict(), wanted.state_dict()
    require(
        mine.keys() == state.keys(),
        f"given {what}, your encoder is of another shape: build it from the checkpoint's own 'config'",
    )
    kinds = {str(value.dtype).removeprefix("torch.") for value in mine.values() if value.is_floating_point()}
    require(
        kinds <= {"float32"},
        f"given {what}, your encoder holds {' and '.join(sorted(kinds))}; float32 is wanted. Where a file "
        "holds float16, `load_state_dict` converts it, without `assign=True`",
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


def _why_it_raises(error: BaseException | None) -> str:
    """What to do about an exception that usual mistakes cause."""
    text = str(error)
    if isinstance(error, AttributeError) and "'dict'" in text:
        return " (`config_from_dict` turns the dictionary into a `Config`)"
    if isinstance(error, AttributeError) and "_IncompatibleKeys" in text:
        return " (`load_state_dict` returns the names that did not fit, and not the encoder)"
    if "size mismatch" in text or "blocks.2" in text:
        return " (the encoder is of another shape: build it from the checkpoint's own 'config')"
    if "Error(s) in loading state_dict for AudioEncoder" in text:
        return " (the weights of the encoder are checkpoint['enc'])"
    return ""


def freeze(attempt: Attempt) -> None:
    _require_a_function(attempt)
    encoder, _, _ = _small_encoder()
    encoder.train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    got, _ = call(attempt.function, (encoder,), attempt.seconds, "an encoder")
    if got is ...:
        raise NotAttempted
    require(got is not None, "your function returns None: is the `return` missing?")
    if not isinstance(got, nn.Module):
        raise NotYet(f"your function returns {described(got)}; the encoder is wanted")
    if not isinstance(got, AudioEncoder):
        raise NotYet(f"your function returns {described(got)}; the encoder itself is wanted")
    changed, another = _changed(before, got), got is not encoder and not _changed(before, encoder)
    require(
        not (changed and another),
        "your function returns another encoder, with other weights; return the one that it is given",
    )
    require(
        not changed,
        f"your function changes the weights or the statistics, such as {changed}; they must stay as they are",
    )
    learning = [name for name, parameter in got.named_parameters() if parameter.requires_grad]
    total = len(list(got.parameters()))
    named = any("requires_grad" in vars(module) for module in got.modules())
    why = ". `encoder.requires_grad = False` sets an attribute: use `requires_grad_(False)`" if named else ""
    require(
        not learning,
        f"{len(learning)} of {total} parameters still require a gradient, such as "
        f"{(learning or [''])[0]}{why}",
    )
    require(
        not got.training or any(module.training for module in got.children()),
        "the encoder itself is still in training mode, although its parts are not: call its own `.eval()`",
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


def _changed(before: dict[str, Tensor], encoder: nn.Module) -> str:
    """The name of a tensor that is not in an encoder as it was before; empty if all are."""
    now = encoder.state_dict()
    for name, value in before.items():
        if name not in now or now[name].dtype != value.dtype or not torch.equal(now[name], value):
            return name
    return ""


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
            "Its whole row must be zero.",
        ),
        (
            2,
            6,
            3,
            5,
            [4, 2],
            "A batch that is padded further than its longest clip",
            "`lengths` says what is padding.",
        ),
    ):
        lengths = torch.tensor(sizes)
        mask = valid_frames(lengths, steps)[..., None]  # (B, T, 1)
        embeddings = torch.randn(batch, steps, narrow, generator=generator)
        embeddings = embeddings if steps == 6 else embeddings * mask  # the padding may hold anything
        weight, bias = torch.randn(wide, narrow, generator=generator), torch.randn(wide, generator=generator)
        projected = nn.functional.linear(embeddings, weight, bias)
        given, wanted = (embeddings, lengths, weight, bias), projected * mask
        why = slip_of(result_of(attempt, given, case), wanted, _masked_otherwise(projected, lengths)) or why
        expect_close(attempt, given, wanted, why, "B T D", case=case)


def _masked_otherwise(projected: Tensor, lengths: Tensor) -> Iterator[tuple[Tensor, str]]:
    """What another mask would leave, and the words for it."""
    mask = valid_frames(lengths, projected.shape[1])[..., None]
    none_left = (
        "Nothing is left: is the mask the wrong way round, or does a slice from minus zero on clear it?"
    )
    wrong_way = "The mask is the wrong way round: it keeps the padding."
    yield projected * ~mask, none_left if bool(mask.all()) else wrong_way
    fewer = valid_frames(lengths - 1, projected.shape[1])[..., None]
    yield projected * fewer, "One position too few is kept: position t is valid where t < length."
    more = valid_frames(lengths + 1, projected.shape[1])[..., None]
    yield projected * more, "One position too many is kept: position t is valid where t < length."


def slip_of(got: Any, wanted: Tensor, slips: Iterator[tuple[Tensor, str]]) -> str:
    """The words for what a usual mistake computes, if `got` is that and not right."""
    if not torch.is_tensor(got) or got.shape != wanted.shape or got.is_complex():
        return ""
    if torch.allclose(got.double(), wanted.double(), rtol=1e-4, atol=1e-4):
        return ""
    for slip, why in slips:
        if torch.allclose(got.double(), slip.double(), rtol=1e-3, atol=1e-4):
            return why
    return ""
