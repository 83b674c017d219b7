"""Lesson 06: plausible wrong answers, each with words of the reply that it must get; and other right ones."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from omni_lib.config import config_from_dict
from omni_lib.course.lessons.stage_e import probe_wrong as probe
from omni_lib.course.lessons.stage_e.questions import (
    few_or_many,
    probe_says,
    voices_forgotten,
    what_is_measured,
    what_stays_behind,
    why_freeze,
)
from omni_lib.encoder import AudioEncoder
from omni_lib.recogniser import load_recogniser
from omni_lib.stage_e import load_encoder as of_the_library
from omni_lib.weights import load_checkpoint


def _of_the_default_shape(path: Path) -> Any:
    encoder = AudioEncoder()
    encoder.load_state_dict(torch.load(path, weights_only=True)["enc"])
    return encoder.eval()


def _of_the_chapters_settings_alone(path: Path) -> Any:
    checkpoint = torch.load(path, weights_only=True)
    names = ("d_model", "n_layers", "n_heads", "d_ff", "dropout", "downsample_time")
    encoder = AudioEncoder(**{name: checkpoint["config"][name] for name in names})
    encoder.load_state_dict(checkpoint["enc"])
    return encoder.eval()


def _never_filled(path: Path) -> Any:
    return AudioEncoder.from_config(config_from_dict(torch.load(path, weights_only=True)["config"])).eval()


def _in_training_mode(path: Path) -> Any:
    checkpoint = torch.load(path, weights_only=True)
    encoder = AudioEncoder.from_config(config_from_dict(checkpoint["config"]))
    encoder.load_state_dict(checkpoint["enc"])
    return encoder


def _sets_the_attribute(path: Path) -> Any:
    encoder = _in_training_mode(path)
    encoder.training = False
    return encoder


def _only_the_weights(path: Path) -> Any:
    return torch.load(path, weights_only=True)["enc"]


def _without_buffers(path: Path) -> Any:
    checkpoint = torch.load(path, weights_only=True)
    encoder = AudioEncoder.from_config(config_from_dict(checkpoint["config"]))
    for name, parameter in encoder.named_parameters():
        parameter.data.copy_(checkpoint["enc"][name])
    return encoder.eval()


def _through_a_loop(path: Path) -> Any:
    contents = load_checkpoint(path)
    encoder = AudioEncoder.from_config(config_from_dict(contents["config"]))
    with torch.no_grad():
        for name, value in encoder.state_dict().items():
            value.copy_(contents["enc"][name])
    encoder.train(False)
    return encoder


def _assigned(path: Path) -> Any:
    checkpoint = torch.load(path, weights_only=True)
    encoder = AudioEncoder.from_config(config_from_dict(checkpoint["config"]))
    encoder.load_state_dict(checkpoint["enc"], assign=True)
    return encoder.eval()


def _from_a_dictionary(path: Path) -> Any:
    return AudioEncoder.from_config(torch.load(path, weights_only=True)["config"])


def _what_load_state_dict_returns(path: Path) -> Any:
    checkpoint = torch.load(path, weights_only=True)
    encoder = AudioEncoder.from_config(config_from_dict(checkpoint["config"])).eval()
    return encoder.load_state_dict(checkpoint["enc"])


def _catches_everything(path: Path) -> Any:
    try:
        return of_the_library(path)
    except Exception:
        return AudioEncoder().eval()


def _only_eval(encoder: AudioEncoder) -> Any:
    return encoder.eval()


def _only_gradients(encoder: AudioEncoder) -> Any:
    return encoder.requires_grad_(False)


def _sets_training_of_it_alone(encoder: AudioEncoder) -> Any:
    encoder.requires_grad_(False)
    encoder.training = False
    return encoder


def _only_blocks(encoder: AudioEncoder) -> Any:
    encoder.blocks.requires_grad_(False)
    return encoder.eval()


def _nothing_returned(encoder: AudioEncoder) -> None:
    encoder.requires_grad_(False)
    encoder.eval()


def _zeroed(encoder: AudioEncoder) -> Any:
    for parameter in encoder.parameters():
        nn.init.zeros_(parameter).requires_grad_(False)
    return encoder.eval()


def _as_an_attribute(encoder: AudioEncoder) -> Any:
    encoder.requires_grad = False  # type: ignore[assignment]  # a new attribute of the module
    return encoder.eval()


def _children_only(encoder: AudioEncoder) -> Any:
    for part in encoder.children():
        part.requires_grad_(False).eval()
    return encoder


def _wrapped(encoder: AudioEncoder) -> Any:
    return nn.Sequential(encoder).requires_grad_(False).eval()


def _bias_everywhere(embeddings: Tensor, lengths: Tensor, weight: Tensor, bias: Tensor) -> Any:
    return embeddings @ weight.T + bias


def _no_bias(embeddings: Tensor, lengths: Tensor, weight: Tensor, bias: Tensor) -> Any:
    return embeddings @ weight.T


def _untransposed(embeddings: Tensor, lengths: Tensor, weight: Tensor, bias: Tensor) -> Any:
    return embeddings @ weight + bias


def _time_last(embeddings: Tensor, lengths: Tensor, weight: Tensor, bias: Tensor) -> Any:
    mask = torch.arange(embeddings.shape[1]) < lengths[:, None]
    return ((embeddings @ weight.T + bias) * mask[..., None]).transpose(1, 2)


def _masked_before(embeddings: Tensor, lengths: Tensor, weight: Tensor, bias: Tensor) -> Any:
    mask = torch.arange(embeddings.shape[1]) < lengths[:, None]
    return (embeddings * mask[..., None]) @ weight.T + bias


def _inverted(embeddings: Tensor, lengths: Tensor, weight: Tensor, bias: Tensor) -> Any:
    mask = torch.arange(embeddings.shape[1]) < lengths[:, None]
    return (embeddings @ weight.T + bias).masked_fill(mask[..., None], 0)


def _one_too_many(embeddings: Tensor, lengths: Tensor, weight: Tensor, bias: Tensor) -> Any:
    mask = torch.arange(embeddings.shape[1]) <= lengths[:, None]
    return (embeddings @ weight.T + bias) * mask[..., None]


def _by_a_column_of_ones(embeddings: Tensor, lengths: Tensor, weight: Tensor, bias: Tensor) -> Any:
    with_ones = nn.functional.pad(embeddings, (0, 1), value=1.0)
    mask = torch.arange(embeddings.shape[1]) < lengths[:, None]
    return torch.where(mask[..., None], with_ones @ torch.cat([weight, bias[:, None]], dim=1).T, 0.0).tolist()


def _what_is_not_zero(embeddings: Tensor, lengths: Tensor, weight: Tensor, bias: Tensor) -> Any:
    return (embeddings @ weight.T + bias) * (embeddings != 0).any(dim=-1, keepdim=True)


def _clears_the_end(embeddings: Tensor, lengths: Tensor, weight: Tensor, bias: Tensor) -> Any:
    projected = embeddings @ weight.T + bias
    for row, length in zip(projected, lengths.tolist(), strict=True):
        row[-(len(row) - length) :] = 0  # without padding that is [-0:], which is all of it
    return projected


def _shortened(embeddings: Tensor, lengths: Tensor, weight: Tensor, bias: Tensor) -> Any:
    return _clip_by_clip(embeddings[:, : int(lengths.max())], lengths, weight, bias)


def _clip_by_clip(embeddings: Tensor, lengths: Tensor, weight: Tensor, bias: Tensor) -> Any:
    projected = torch.zeros(*embeddings.shape[:2], len(bias), dtype=torch.float64)
    for row, length in enumerate(lengths.tolist()):
        projected[row, :length] = nn.functional.linear(embeddings[row, :length], weight, bias).double()
    return projected


def _other_options(question: Any) -> list[tuple[Any, str]]:
    return [(letter, reply[:30]) for letter, reply in question.replies.items() if letter != question.right]


WRONG: dict[str, list[tuple[Any, str]]] = {
    "load_encoder": [
        (_of_the_default_shape, "build it from the checkpoint's own 'config'"),
        (_of_the_chapters_settings_alone, "all weights are right and the embeddings are not"),
        (_never_filled, "are not those of checkpoint['enc']"),
        (_in_training_mode, "training mode"),
        (_sets_the_attribute, "you set `.training` of the encoder alone"),
        (_only_the_weights, "an AudioEncoder is wanted"),
        (_without_buffers, "feature_mean"),
        (_assigned, "without `assign=True`"),
        (lambda path: of_the_library(path).half(), "holds float16; float32 is wanted"),
        (lambda path: of_the_library(path).double(), "float64"),
        (lambda path: of_the_library(path).half(), "holds float16; float32 is wanted"),
        (_from_a_dictionary, "`config_from_dict`"),
        (_what_load_state_dict_returns, "`load_state_dict` returns"),
        (_catches_everything, "must raise"),
        (AudioEncoder(d_model=16), "itself, without brackets"),
    ],
    "what_stays_behind": _other_options(what_stays_behind),
    "freeze": [
        (_only_eval, "still require a gradient"),
        (_only_gradients, "batch norms go on averaging"),
        (_sets_training_of_it_alone, "you set `.training` of the encoder alone"),
        (_only_blocks, "such as subsampler"),
        (_nothing_returned, "is the `return` missing"),
        (_zeroed, "changes the weights or the statistics, such as"),
        (lambda encoder: AudioEncoder().requires_grad_(False).eval(), "returns another encoder"),
        (_as_an_attribute, "`requires_grad_(False)`"),
        (_children_only, "the encoder itself is still"),
        (_wrapped, "the encoder itself is wanted"),
        (lambda encoder: encoder.double().requires_grad_(False).eval(), "or the statistics"),
        (AudioEncoder(d_model=16), "itself, without brackets"),
    ],
    "why_freeze": _other_options(why_freeze),
    "thinker_input": [
        (_bias_everywhere, "the bias too"),
        (_no_bias, "+ bias"),
        (_untransposed, "RuntimeError"),
        (_time_last, "another order"),
        (_masked_before, "the bias too"),
        (_inverted, "the wrong way round"),
        (_one_too_many, "One position too many"),
        (
            lambda x, lengths, *linear: _clip_by_clip(x, (lengths - 1).clamp_min(0), *linear),
            "One position too few",
        ),
        (_what_is_not_zero, "`lengths` says what is padding"),
        (_clears_the_end, "a slice from minus zero"),
        (_shortened, "along axis T"),
        (lambda *given: (_clip_by_clip(*given), given[1]), "nothing beside it"),
    ],
    "ten_seconds": [
        (1000, "10 ms each"),
        (375, "k does not change"),
        (12.5, "one second"),
        (80, "how many of them"),
        (160_000, "samples"),
        (300, "too high"),
    ],
    "linear_probe": probe.WRONG,
    "voices_forgotten": _other_options(voices_forgotten),
    "probe_says": _other_options(probe_says),
    "few_or_many": _other_options(few_or_many),
    "what_is_measured": _other_options(what_is_measured),
}

OTHER_RIGHT: dict[str, list[Any]] = {
    "load_encoder": [_through_a_loop, of_the_library, lambda path: load_recogniser(path)[0].encoder],
    "freeze": [
        lambda encoder: copy.deepcopy(encoder).requires_grad_(False).eval(),
        lambda encoder: encoder.requires_grad_(False).train(False),
    ],
    "thinker_input": [_clip_by_clip, _by_a_column_of_ones],
    "linear_probe": probe.OTHER_RIGHT,
    "ten_seconds": ["125", 125.0, "125 positions", "125 embeddings", "10 / 0.08"],
}
