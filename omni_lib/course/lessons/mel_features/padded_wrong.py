"""Lesson 01: wrong answers to the normalisation of a padded batch, and other right ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def _mask(x: Tensor, lengths: Tensor) -> Tensor:
    return (torch.arange(x.shape[1]) < lengths[:, None])[..., None]


def _forgets_the_padding(x: Tensor, lengths: Tensor) -> Tensor:
    return (x - x.mean(dim=(0, 1))) / torch.sqrt(x.var(dim=(0, 1), unbiased=False) + 1e-5) * _mask(x, lengths)


def _divides_by_all_frames(x: Tensor, lengths: Tensor) -> Tensor:
    return _forgets_the_padding(torch.where(_mask(x, lengths), x, 0.0), lengths)


def _leaves_the_padding(x: Tensor, lengths: Tensor) -> Tensor:
    valid = x[_mask(x, lengths).squeeze(-1)]
    return (x - valid.mean(dim=0)) / torch.sqrt(valid.var(dim=0, unbiased=False) + 1e-5)


def _one_mean_for_all_channels(x: Tensor, lengths: Tensor) -> Tensor:
    valid = x[_mask(x, lengths).squeeze(-1)]
    return torch.where(
        _mask(x, lengths), (x - valid.mean()) / torch.sqrt(valid.var(unbiased=False) + 1e-5), 0.0
    )


def _without_epsilon(x: Tensor, lengths: Tensor) -> Tensor:
    valid = x[_mask(x, lengths).squeeze(-1)]
    return torch.where(_mask(x, lengths), (x - valid.mean(dim=0)) / valid.std(dim=0, unbiased=False), 0.0)


def _unbiased(x: Tensor, lengths: Tensor) -> Tensor:
    valid = x[_mask(x, lengths).squeeze(-1)]
    return torch.where(_mask(x, lengths), (x - valid.mean(dim=0)) / torch.sqrt(valid.var(dim=0) + 1e-5), 0.0)


def _in_place(x: Tensor, lengths: Tensor) -> Tensor:
    x -= 1
    return x


def _clip_by_clip(x: Tensor, lengths: Tensor) -> Tensor:
    out = torch.zeros_like(x)
    for row, length in enumerate(lengths.tolist()):
        if length:
            valid = x[row, :length]
            deviation = torch.sqrt(valid.var(dim=0, unbiased=False) + 1e-5)
            out[row, :length] = (valid - valid.mean(dim=0)) / deviation
    return out


def _over_the_channels(x: Tensor, lengths: Tensor) -> Tensor:
    return torch.nn.functional.layer_norm(x, x.shape[-1:]) * _mask(x, lengths)


def _by_sums(
    x: Tensor, mask: Tensor, squares: Tensor | None = None, mean_of: Any = None, variance_of: Any = None
) -> Tensor:
    mean = (x * mask).sum(dim=(0, 1)) / (mask.sum() if mean_of is None else mean_of)
    squares = (x - mean) ** 2 * mask if squares is None else squares
    variance = squares.sum(dim=(0, 1)) / (mask.sum() if variance_of is None else variance_of)
    return (x - mean) / torch.sqrt(variance + 1e-5) * mask


def _masks_before_subtracting(x: Tensor, lengths: Tensor) -> Tensor:
    mask = _mask(x, lengths)
    mean = (x * mask).sum(dim=(0, 1)) / lengths.sum()
    return _by_sums(x, mask, (x * mask - mean) ** 2)


def _variance_by_all_frames(x: Tensor, lengths: Tensor) -> Tensor:
    return _by_sums(x, _mask(x, lengths), variance_of=x[..., 0].numel())


def _mean_by_all_frames(x: Tensor, lengths: Tensor) -> Tensor:
    return _by_sums(x, _mask(x, lengths), mean_of=x[..., 0].numel())


def _one_frame_too_many(x: Tensor, lengths: Tensor) -> Tensor:
    return _by_sums(x, _mask(x, lengths + 1))


def _inverted(x: Tensor, lengths: Tensor) -> Tensor:
    return _by_sums(x, ~_mask(x, lengths))


def _without_the_root(x: Tensor, lengths: Tensor) -> Tensor:
    valid = x[_mask(x, lengths).squeeze(-1)]
    scaled = (x - valid.mean(dim=0)) / (valid.var(dim=0, unbiased=False) + 1e-5)
    return torch.where(_mask(x, lengths), scaled, 0.0)


def _without_brackets(x: Tensor, lengths: Tensor) -> Tensor:
    valid = x[_mask(x, lengths).squeeze(-1)]
    scaled = x - valid.mean(dim=0) / torch.sqrt(valid.var(dim=0, unbiased=False) + 1e-5)
    return torch.where(_mask(x, lengths), scaled, 0.0)


def _adds_outside_the_root(x: Tensor, lengths: Tensor) -> Tensor:
    valid = x[_mask(x, lengths).squeeze(-1)]
    scaled = (x - valid.mean(dim=0)) / (valid.std(dim=0, unbiased=False) + 1e-5)
    return torch.where(_mask(x, lengths), scaled, 0.0)


def _looks_for_zeros(x: Tensor, lengths: Tensor) -> Tensor:
    return _by_sums(x, (x != 0).any(dim=-1, keepdim=True))


def _mean_of_means(x: Tensor, lengths: Tensor) -> Tensor:
    mask, count = _mask(x, lengths), lengths[:, None].clamp_min(1)
    mean = ((x * mask).sum(dim=1) / count).mean(dim=0)
    variance = (((x - mean) ** 2 * mask).sum(dim=1) / count).mean(dim=0)
    return (x - mean) / torch.sqrt(variance + 1e-5) * mask


def _means_of_both(x: Tensor, lengths: Tensor) -> Tensor:
    clips = [row[: int(length)] for row, length in zip(x, lengths, strict=True)]
    mean = torch.stack([clip.mean(dim=0) for clip in clips]).mean(dim=0)
    variance = torch.stack([clip.var(dim=0, unbiased=False) for clip in clips]).mean(dim=0)
    return (x - mean) / torch.sqrt(variance + 1e-5) * _mask(x, lengths)


def _a_loop(x: Tensor, lengths: Tensor) -> Tensor:
    valid = torch.cat([row[: int(length)] for row, length in zip(x, lengths, strict=True)]).double()
    mean, deviation = valid.mean(dim=0), torch.sqrt(valid.var(dim=0, unbiased=False) + 1e-5)
    out = torch.zeros_like(x, dtype=torch.float64)
    for row, length in enumerate(lengths.tolist()):
        out[row, :length] = (x[row, :length].double() - mean) / deviation
    return out


def _for_each_frame(x: Tensor, lengths: Tensor) -> Tensor:
    mask = _mask(x, lengths)
    count = mask.sum(dim=0).clamp_min(1)
    mean = (x * mask).sum(dim=0) / count
    variance = ((x - mean) ** 2 * mask).sum(dim=0) / count
    return (x - mean) / torch.sqrt(variance + 1e-5) * mask


def _mean_of_squares(x: Tensor, lengths: Tensor) -> Tensor:
    return _by_sums(x, _mask(x, lengths), x**2 * _mask(x, lengths))


def _with_epsilon(x: Tensor, lengths: Tensor, epsilon: float) -> Tensor:
    valid = x[_mask(x, lengths).squeeze(-1)]
    deviation = torch.sqrt(valid.var(dim=0, unbiased=False) + epsilon)
    return torch.where(_mask(x, lengths), (x - valid.mean(dim=0)) / deviation, 0.0)


WRONG: list[tuple[Any, str]] = [
    (lambda x, lengths: _by_sums(x, _mask(x, lengths)).cumsum(1), "one mean and one variance"),
    (lambda x, lengths: _by_sums(x, _mask(x, lengths))[:, : lengths.max()], "padded beyond its longest clip"),
    (_for_each_frame, "`dim=(0, 1)`"),
    (_mean_of_squares, "before you square"),
    (lambda x, lengths: _by_sums(x, _mask(x, lengths).expand_as(x)), "in all channels"),
    (lambda x, lengths: _with_epsilon(x, lengths, 1e-3), "1e-5 is wanted; yours is 1e-03"),
    (lambda x, lengths: _with_epsilon(x, lengths, 1e-8), "it is a smaller number"),
    (lambda x, lengths: _by_sums(x, _mask(x, lengths.clamp_min(1))), "a clip that has none"),
    (_forgets_the_padding, "of them are padding"),
    (_divides_by_all_frames, "of them are padding"),
    (_leaves_the_padding, "mask the result too"),
    (_one_mean_for_all_channels, "each channel needs its own"),
    (_without_epsilon, "as tiny as the constant under the root"),
    (_unbiased, "the unbiased one"),
    (_in_place, "changes its input"),
    (_looks_for_zeros, "with zeros in the padding it is right"),
    (_mean_of_means, "then the mean of these"),
    (_means_of_both, "then their means over the clips"),
    (_clip_by_clip, "of its own"),
    (_over_the_channels, "over the channels"),
    (_masks_before_subtracting, "mask the squares"),
    (_variance_by_all_frames, "variance is divided by all"),
    (_mean_by_all_frames, "mean is divided by all"),
    (_one_frame_too_many, "one frame too many"),
    (lambda x, lengths: _by_sums(x, _mask(x, lengths - 1)), "one frame too few"),
    (lambda x, lengths: (_a_loop(x, lengths), x.mean()), "return the one tensor that is wanted"),
    (_inverted, "the wrong way round"),
    (lambda x, lengths: _a_loop(x, lengths).half(), "returns float16; float32 or float64 is wanted"),
    (lambda x, lengths: _by_sums(x, (x != 0).any(-1, keepdim=True)), "`lengths` says which frames are real"),
    (lambda x, lengths: [row[:length] for row, length in zip(x, lengths, strict=True)], "a list of length 2"),
    (_without_the_root, "the root is missing"),
    (_without_brackets, "brackets are missing"),
    (lambda x, lengths: _with_epsilon(x, lengths, 0.1), "1e-5 is wanted; yours is 1e-01"),
    (_adds_outside_the_root, "under the root"),
    (lambda x, lengths: x * _mask(x, lengths).squeeze(-1), "Two clips without padding: called with"),
    (lambda x, lengths: x.mean(dim=0), "An axis is missing"),
]


def _by_batch_norm(x: Tensor, lengths: Tensor) -> Tensor:
    """torch's own batch norm of the real frames, put back into rows."""
    real = torch.cat([row[:length] for row, length in zip(x, lengths.tolist(), strict=True)])
    rows = torch.nn.functional.batch_norm(real, None, None, training=True).split(lengths.tolist())
    out = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
    return torch.nn.functional.pad(out, (0, 0, 0, x.shape[1] - out.shape[1]))


def _by_nan(x: Tensor, lengths: Tensor) -> Tensor:
    """The padding is NaN, which `nanmean` leaves out."""
    mask = _mask(x, lengths)
    real = x.masked_fill(~mask, torch.nan)
    mean = real.nanmean(dim=(0, 1))
    return (x - mean).masked_fill(~mask, 0.0) * ((real - mean) ** 2).nanmean(dim=(0, 1)).add(1e-5).rsqrt()


def _by_mean_of_squares(x: Tensor, lengths: Tensor) -> Tensor:
    """The mean of the squares minus the square of the mean, in float64."""
    mask, count = _mask(x, lengths), lengths.sum()
    real = x.double() * mask
    mean = torch.einsum("btc->c", real) / count
    variance = torch.einsum("btc,btc->c", real, real) / count - mean**2
    return (real - mean) / (variance + 1e-5) ** 0.5 * mask


OTHER_RIGHT = [
    _by_nan,
    _by_mean_of_squares,
    _a_loop,
    lambda x, lengths: _a_loop(x, lengths).numpy(),
    lambda x, lengths: _a_loop(x, lengths).tolist(),
    _by_batch_norm,
]
