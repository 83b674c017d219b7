"""Lesson 02: how the parts of the encoder that a learner builds are judged.

A part is a class. The judge makes it with the sizes of a part of the library, gives it the weights of that
part, and calls both with the same padded batch. `slips` works out what usual mistakes compute.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from omni_lib import encoder as library
from omni_lib.audio import LogMel, read_audio
from omni_lib.course import materials
from omni_lib.course.exercises.expectations import compare, require, result_of
from omni_lib.course.exercises.sandbox import Attempt, NotAttempted, NotYet, described
from omni_lib.course.lessons.encoder import slips, whole_slips
from omni_lib.course.lessons.encoder.gradients_judge import (
    expect_gradients,
    expect_gradients_of_function,
)
from omni_lib.course.lessons.encoder.slips import Slips
from omni_lib.encoder import apply_rotary, valid_frames


def rotate(attempt: Attempt) -> None:
    for shape, case in (
        ((1, 1, 1, 4), "One frame"),
        ((1, 1, 2, 2), "Two frames, one pair of channels"),
        ((1, 1, 3, 6), "Three frames, three pairs of channels"),
        ((2, 3, 50, 64), "Two clips, three heads"),
    ):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(4))
        wanted = apply_rotary(x)
        got = result_of(attempt, (x,), case)
        if torch.is_tensor(got) and got.is_complex():
            raise NotYet(
                f"{case}: your function returns complex numbers; their real parts are the first half of the "
                "channels, and their imaginary parts the second (`torch.cat`)"
            )
        _recognise(got, wanted, slips.rotation(x), case)
        why = "Check the angle of each frame and each pair, and the signs of the formula."
        if shape[-2] == 1:
            why = "The angle of the first frame is zero, so that nothing changes there: look at the formula."
        compare(got, wanted, why, "B heads T D", case=case)
    expect_gradients_of_function(attempt, apply_rotary, {"x": batch(2, 2, 5, 8)})


def self_attention(attempt: Attempt) -> None:
    x, lengths = batch(2, 9, 24), torch.tensor([9, 5])
    mask = valid_frames(lengths, 9)
    for heads in (3, 4):
        with seeded(6):
            layers = library.SelfAttention(24, heads)
        part = built(attempt, (24, heads), layers, (x, mask))
        wanted, case = layers(x, mask), f"{_PADDED}, {'three' if heads == 3 else 'four'} heads"
        got = result_of(Attempt(part), (x, mask), case)
        why = "The order is: the maps, `split`, `rotate`, `attention`, and the joined heads through `output`."
        expect_real_rows(got, wanted, lengths, slips.self_attention(layers, x, mask), why, case)
        expect_gradients(part, layers, (x, mask), lengths)


_PADDED = "A padded batch"


def block(attempt: Attempt) -> None:
    with seeded(7):
        layers = library.EncoderBlock(24, 4, 40, 0.0)
        disturb_norms(layers)
    x, lengths = batch(2, 20, 24), torch.tensor([20, 13])
    mask = valid_frames(lengths, 20)
    part = built(attempt, (24, 4, 40), layers, (x, mask))
    for training in (False, True):
        mine, layers = part.train(training), copy.deepcopy(layers).train(training)
        case = "In training mode" if training else _PADDED
        wanted = layers(x, mask)
        got = result_of(Attempt(mine), (x, mask), case)
        known = {} if training else slips.block(layers, x, mask)
        why = (
            "Each part has a norm of its own in front of it and the sizes that `Block` is given, and its "
            "result is added once."
        )
        if training:  # evaluation was right
            why = "In evaluation mode it was right: there must be no dropout, and no `eval()` inside."
        expect_real_rows(got, wanted, lengths, known, why, case)
    expect_gradients(part, layers, (x, mask), lengths)


def audio_encoder(attempt: Attempt) -> None:
    with seeded(8):
        small = library.AudioEncoder(24, 3, 4, 40, 0.0, blocks_before_pool=2)
        disturb_norms(small)
        small.feature_mean.normal_()
        small.feature_deviation.uniform_(0.5, 2)
    mel, lengths = batch(3, 61, 128), torch.tensor([52, 38, 16])  # padded beyond the longest
    _expect_embeddings(attempt, small.eval(), (24, 3, 4, 40, 2), mel, lengths, "A small encoder, three clips")
    trained = materials.pretrained()[0].encoder
    sizes = (192, len(trained.blocks), 3, 768, trained.blocks_before_pool)
    mel, lengths = _two_clips()
    part = _expect_embeddings(attempt, trained, sizes, mel, lengths, "The trained encoder, two clips")
    counts = torch.as_tensor(trained.output_lengths(lengths))
    expect_gradients(part, trained, (mel, lengths), counts, of_input=False)


def _expect_embeddings(
    attempt: Attempt,
    layers: library.AudioEncoder,
    sizes: tuple[int, ...],
    mel: Tensor,
    lengths: Tensor,
    case: str,
) -> nn.Module:
    part = built(attempt, sizes, layers, (mel, lengths)).eval()
    with torch.no_grad():
        wanted, counts = layers(mel, lengths)
        try:
            got, got_lengths = pair(Attempt(part), (mel, lengths), case)
        except NotYet as found:
            frames = -(-mel.shape[1] // 4)
            if (
                "must match" in str(found)
                and f"({frames})" in str(found)
                and f"({frames // 2})" in str(found)
            ):
                raise NotYet(
                    f"{case}: the frames of `x` and of a mask differ in number. After the pool `x` has half "
                    "as many: make a new mask there, from the halved lengths"
                ) from found
            raise
        why = "The pool halves the lengths too, and rounds down."
        compare(got_lengths, counts, why, "B", 1e-6, f"{case}, the lengths")
        _recognise(got, wanted, whole_slips.audio_encoder(layers, mel, lengths), case)
    compare(got, wanted, "The order of the parts is in the docstring.", "B T D", 1e-5, case)
    return part


@cache
def _two_clips() -> tuple[Tensor, Tensor]:
    """The log-mels of two clips in a padded batch (2, T, 128), and their lengths (2,)."""
    clips = materials.clips()
    mels = [LogMel()(read_audio(clips[name].path)) for name in ("suitcase", "hello")]
    return pad_sequence(mels, batch_first=True), torch.tensor([len(mel) for mel in mels])


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, torch's random numbers come from `seed`; afterwards the caller's go on as before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def batch(*shape: int) -> Tensor:
    """Random values, also in the padding, where a batch may hold anything."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(9))


def disturb_norms(layers: nn.Module) -> None:
    """Random scales, shifts and statistics of all norms, so that a norm left out or exchanged shows."""
    for layer in layers.modules():
        if isinstance(layer, (nn.LayerNorm, library.MaskedBatchNorm)):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
        if isinstance(layer, library.MaskedBatchNorm):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)


def built(
    attempt: Attempt, sizes: tuple[int, ...], layers: nn.Module, arguments: tuple[Tensor, ...]
) -> nn.Module:
    """The learner's part with the weights of the library's.

    Raises:
        NotAttempted: its `forward` is still blank.
        NotYet: it is not a class of modules, or has other weights.
    """
    if isinstance(attempt.function, nn.Module):
        raise NotYet("`check` needs your class itself, without brackets after its name")
    part = attempt(*sizes)
    if not isinstance(part, nn.Module):
        raise NotYet(f"an nn.Module is wanted; called with its sizes, your class gives {described(part)}")
    wanted = layers.state_dict()
    try:
        part.load_state_dict(wanted)
    except (RuntimeError, AttributeError):
        with contextlib.suppress(NotYet):
            Attempt(part)(*arguments)  # a blank `forward` is not attempted yet, whatever its weights are
        buffers = {name for name, _ in part.named_buffers()}
        plain = {name for name, value in vars(part).items() if torch.is_tensor(value)}
        raise NotYet(_other_weights(part.state_dict(), wanted, buffers, plain)) from None
    trained = {name for name, _ in layers.named_parameters()}
    for name, _ in part.named_parameters():
        require(
            name in trained,
            f"your `{name}` is a parameter, which training would change; the library has a buffer there "
            "(`register_buffer`)",
        )
    return part.eval()


def _other_weights(
    mine: Mapping[str, Tensor], wanted: Mapping[str, Tensor], buffers: set[str], plain: set[str]
) -> str:
    """In which name or size the weights of a learner's part differ from those of the library's."""
    missing = [name for name in wanted if name not in mine]
    unknown = [name for name in mine if name not in wanted]
    if missing:
        layer, _, kind = missing[0].rpartition(".")
        remedy = "Are all names as given?"
        if missing[0] in plain:
            remedy = f"Your `{missing[0]}` is a plain tensor: `register_buffer` stores it with the weights."
        if kind == "bias" and f"{layer}.weight" in mine:
            remedy = f"Your `{layer}` is a layer without a bias; here it has one."
        if kind == "running_mean" and f"{layer}.weight" in mine:
            remedy = f"Your `{layer}` is another norm; here it is a `MaskedBatchNorm`."
        return f"the library's weights do not fit: your class has no `{missing[0]}`. {remedy}"
    if unknown:
        layer, _, kind = unknown[0].rpartition(".")
        remedy = "; a buffer that is computed is not saved with `persistent=False`"
        if kind in ("running_mean", "running_var", "num_batches_tracked"):
            remedy = f": your `{layer}` is a batch norm, and here it is an `nn.LayerNorm`"
        return (
            f"the library's weights do not fit: they have no `{unknown[0]}`"
            f"{remedy if unknown[0] in buffers else ''}"
        )
    name = next(name for name in wanted if mine[name].shape != wanted[name].shape)
    return f"the library's weights do not fit: your `{name}` has another shape. Check the sizes of its layer"


def pair(attempt: Attempt, arguments: tuple[Any, ...], case: str) -> tuple[Any, Any]:
    """What a part returns that gives lengths, too."""
    got = result_of(attempt, arguments, case)
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        raise NotYet(f"{case}: your `forward` returns {described(got)}; a pair is wanted: result, lengths")
    if any(each is ... for each in got):
        raise NotAttempted
    if all(torch.is_tensor(each) for each in got) and got[0].ndim == 1 < got[1].ndim:
        raise NotYet(f"{case}: your `forward` returns the lengths first; the result comes first, then they")
    if not torch.is_tensor(got[1]):
        raise NotYet(
            f"{case}: your `forward` returns the lengths as {described(got[1])}; a tensor is wanted, with "
            "which the next parts compute"
        )
    if got[1].is_floating_point():
        kind = str(got[1].dtype).removeprefix("torch.")
        raise NotYet(f"{case}: your `forward` returns the lengths in {kind}; they are whole numbers")
    return got[0], got[1]


def expect_real_rows(got: Any, wanted: Tensor, lengths: Tensor, known: Slips, why: str, case: str) -> None:
    """`got` must be `wanted` (B, T, C) on the first `lengths` (B,) frames of each row."""
    real = valid_frames(lengths, wanted.shape[1])[..., None]
    if torch.is_tensor(got) and got.shape == wanted.shape and not got.is_complex():
        got = torch.where(real, got.detach(), 0.0)
        wanted = torch.where(real, wanted, 0.0)
        _recognise(got, wanted, known, case, real)
        if bool(got.isnan().any()):
            why = "A softmax over scores that are all -inf gives NaN: is the mask the wrong way round?"
    compare(got, wanted, why, "B T C", 1e-4, case)


def _recognise(got: Any, wanted: Tensor, known: Slips, case: str, real: Tensor | None = None) -> None:
    """Raise the reply to the mistake that gives `got`; with a mask `real`, all else is zero in `got`."""
    if not torch.is_tensor(got) or got.shape != wanted.shape or got.is_complex() or _alike(got, wanted):
        return
    for reply, slip in known.items():
        mistaken = slip() if real is None else torch.where(real, slip(), 0.0)
        if _alike(got, mistaken):
            raise NotYet(f"{case}: {reply}")


def _alike(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    scale = max(1.0, float(other.detach().abs().max()))
    return bool(torch.allclose(one.detach().double(), other.detach().double(), rtol=1e-5, atol=1e-5 * scale))
