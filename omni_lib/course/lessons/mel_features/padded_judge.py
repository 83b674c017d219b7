"""Lesson 01: how the normalisation of a padded batch is judged."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from omni_lib.course.exercises.expectations import expect_close, result_of
from omni_lib.course.exercises.sandbox import Attempt, NotYet

_EPSILON = 1e-5  # under the root
_WHY = "Each channel has one mean and one variance, of all real frames of the batch: compare your steps."


def normalise_padded(attempt: Attempt) -> None:
    generator = torch.Generator().manual_seed(2)
    for case, lengths, channels, scale in (
        ("Two clips without padding", [4, 4], 3, 3.0),
        ("Two clips, the second one padded", [7, 3], 5, 3.0),
        ("Three clips", [12, 1, 6], 128, 3.0),
        ("A clip without any real frame", [9, 0, 4], 4, 3.0),
        ("Channels with a variance as tiny as the constant under the root", [6, 4], 3, 3e-3),
        ("A batch that is padded beyond its longest clip", [5, 3], 4, 3.0),
    ):
        frames, rows = max(lengths) + 2 * ("beyond" in case), len(lengths)
        clean = torch.randn(rows, frames, channels, generator=generator) * scale + 5 * scale
        length = torch.tensor(lengths)
        mask = (torch.arange(frames) < length[:, None])[..., None]
        wanted = _normalised(clean, mask)
        for padding, filled in ((0.0, "zeros"), (-13.8, "silence"), (1e4, "large numbers")):
            x = torch.where(mask, clean, padding)
            padded = case if bool(mask.all()) else f"{case} (padded with {filled})"
            _recognise_slip(attempt, x, length, mask, wanted, padded)
            expect_close(attempt, (x, length), wanted, _WHY, "B T C", 1e-3, padded)
    constant = torch.full((2, 5, 3), 4.0)
    why = "Without the 1e-5 under the root, this is 0 / 0."
    zeros = torch.zeros(2, 5, 3)
    expect_close(
        attempt, (constant, torch.tensor([5, 2])), zeros, why, "B T C", case="A channel that never changes"
    )


def _normalised(x: Tensor, mask: Tensor, unbiased: bool = False) -> Tensor:
    valid = x[mask.squeeze(-1)].double()  # (valid frames, C)
    mean, variance = valid.mean(dim=0), valid.var(dim=0, unbiased=unbiased)
    return torch.where(mask, (x.double() - mean) / (variance + _EPSILON).sqrt(), 0.0)


def _recognise_slip(
    attempt: Attempt, x: Tensor, lengths: Tensor, mask: Tensor, wanted: Tensor, case: str
) -> None:
    got = result_of(attempt, (x, lengths), case)
    if not torch.is_tensor(got) or got.shape != wanted.shape or got.is_complex():
        return
    if got.dtype in (torch.float16, torch.bfloat16):
        kind = str(got.dtype).removeprefix("torch.")
        raise NotYet(f"{case}: your function returns {kind}; float32 or float64 is wanted")
    got = got.double()
    inside = torch.where(mask, got, 0.0)
    if _alike(inside, wanted):
        if not _alike(got, wanted):
            raise NotYet(
                "the real frames are right, but the padding is not zero afterwards: mask the result too"
            )
        return
    for slipped, reply in _slips(x, lengths, mask):
        if _alike(inside, torch.where(mask, slipped, 0.0)):
            raise NotYet(f"{case}: {reply}")
    if not bool(mask.all()):
        for slipped, reply in _slips_with_padding(x, lengths, mask):
            if _alike(inside, torch.where(mask, slipped, 0.0)):
                raise NotYet(reply)
    if not bool(got.isfinite().all()):
        raise NotYet(
            "some values are not finite: padding may hold any number, and a clip may have no frames at all"
        )


def _slips(x: Tensor, lengths: Tensor, mask: Tensor) -> Iterator[tuple[Tensor, str]]:
    """What usual mistakes compute, also without padding, and the reply to each."""
    valid = x[mask.squeeze(-1)].double()
    mean, variance = valid.mean(dim=0), valid.var(dim=0, unbiased=False)
    centred = x.double() - mean
    yield (
        _normalised(x, mask, unbiased=True),
        "your variance is the unbiased one, torch's default: divide by the number of frames, "
        "not by one less (`unbiased=False`)",
    )
    clips = torch.zeros_like(x, dtype=torch.float64)
    for row, length in enumerate(lengths.tolist()):
        if length:
            alone = mask[row : row + 1, :length]
            clips[row, :length] = _normalised(x[row : row + 1, :length], alone)[0]
    yield clips, "each clip has a mean and a variance of its own; they must be taken over the whole batch"
    filled = [row[:length].double() for row, length in zip(x, lengths.tolist(), strict=True) if length]
    means, variances = (
        torch.stack([each(clip) for clip in filled]).mean(dim=0) for each in (_mean, _variance)
    )
    yield (
        (x.double() - means) / (variances + _EPSILON).sqrt(),
        "you take the mean and the variance of each clip, and then their means over the clips; take them "
        "over all real frames at once",
    )
    rows = x.double()
    fewer = (torch.arange(x.shape[1]) < lengths[:, None] - 1)[..., None]
    yield (
        _normalised(x, fewer),
        "you count one frame too few in each clip: frame t is real where t < length",
    )
    deviation = (rows.var(dim=-1, unbiased=False, keepdim=True) + _EPSILON).sqrt()
    real = mask.sum(dim=0).clamp_min(1)
    mean_of_frame = (rows * mask).sum(dim=0) / real
    variance_of_frame = ((rows - mean_of_frame) ** 2 * mask).sum(dim=0) / real
    yield (
        (rows - mean_of_frame) / (variance_of_frame + _EPSILON).sqrt(),
        "you take a mean and a variance for each frame, over the clips alone; take them over clips and time, "
        "`dim=(0, 1)`",
    )
    yield (
        centred / ((valid**2).mean(dim=0) + _EPSILON).sqrt(),
        "your variance is the mean of the squares; subtract the mean before you square",
    )
    yield (
        (rows - valid.mean(dim=0) / x.shape[-1])
        / (((valid - valid.mean(dim=0) / x.shape[-1]) ** 2).mean(dim=0) / x.shape[-1] + _EPSILON).sqrt(),
        "you divide by the number of values in all channels; each channel has one value in each frame, so "
        "divide by the number of real frames",
    )
    yield (
        (rows - rows.mean(dim=-1, keepdim=True)) / deviation,
        "your mean and variance are taken over the channels of a frame; they must be taken over the frames",
    )
    yield (
        (rows - valid.mean()) / (valid.var(unbiased=False) + _EPSILON).sqrt(),
        "all channels share one mean and one variance; each channel needs its own",
    )
    yield centred / (variance + _EPSILON), "the root is missing: divide by sqrt(variance + 1e-5)"
    yield centred, "only the mean is subtracted: divide by sqrt(variance + 1e-5), too"
    yield rows / (variance + _EPSILON).sqrt(), "the mean is not subtracted"
    yield (
        rows - mean / (variance + _EPSILON).sqrt(),
        "brackets are missing: subtract the mean first, and then divide the difference",
    )
    yield (
        centred / (variance.sqrt() + _EPSILON),
        "1e-5 is added to the root; it belongs under the root, beside the variance",
    )
    if bool((variance > 0).all()):
        yield centred / variance.sqrt(), "the 1e-5 under the root is missing, or it is a smaller number"
    for other in (1e-1, 1e-2, 1e-3, 1e-4, 1e-6):
        yield centred / (variance + other).sqrt(), f"under the root 1e-5 is wanted; yours is {other:.0e}"
    inverted = rows[~mask.squeeze(-1)]
    if len(inverted) == 0:  # a mask that is the wrong way round leaves no frame to count: 0 / 0
        yield (
            torch.full_like(rows, torch.nan),
            "all values are NaN, as if no frame were counted (0 / 0): is the mask the wrong way round?",
        )


def _slips_with_padding(x: Tensor, lengths: Tensor, mask: Tensor) -> Iterator[tuple[Tensor, str]]:
    """What usual mistakes compute where a batch is padded, and the reply to each."""
    rows, count, everything = x.double(), int(mask.sum()), mask.numel()
    leaky = (
        f"your mean and variance count all {everything} frames of the batch, and {everything - count} of "
        "them are padding: add up the real frames only, and divide by their number"
    )
    if bool(x[~mask.squeeze(-1)].any()):  # with zeros in the padding it was right
        leaky = (
            "with zeros in the padding it is right, and with other numbers there your mean and variance "
            "count the padding: `lengths` says which frames are real, and not their values"
        )
    yield _normalised(x, torch.ones_like(mask)), leaky
    yield _normalised(torch.where(mask, x, 0.0), torch.ones_like(mask)), leaky
    shares = mask / lengths.clamp_min(1)[:, None, None] / int((lengths > 0).sum())
    mean = (rows * shares).sum(dim=(0, 1))
    yield (
        (rows - mean) / (((rows - mean) ** 2 * shares).sum(dim=(0, 1)) + _EPSILON).sqrt(),
        "you take the mean of each clip, and then the mean of these, so that a frame of a short clip counts "
        "more: add up all real frames of the batch, and divide by their number",
    )
    mean = (rows * mask).sum(dim=(0, 1)) / count
    squares = ((rows - mean) ** 2 * mask).sum(dim=(0, 1))
    yield (
        (rows - mean) / (((rows * mask - mean) ** 2).sum(dim=(0, 1)) / count + _EPSILON).sqrt(),
        "where the padding is set to 0 before the mean is subtracted, it becomes minus the mean and counts "
        "in the variance: mask the squares of the differences",
    )
    yield (
        (rows - mean) / (squares / everything + _EPSILON).sqrt(),
        f"your variance is divided by all {everything} frames instead of the real ones",
    )
    low = (rows * mask).sum(dim=(0, 1)) / everything
    yield (
        (rows - low) / (((rows - low) ** 2 * mask).sum(dim=(0, 1)) / count + _EPSILON).sqrt(),
        f"your mean is divided by all {everything} frames instead of the real ones",
    )
    if bool((lengths == 0).any()):
        yield (
            _normalised(x, (torch.arange(x.shape[1]) < lengths.clamp_min(1)[:, None])[..., None]),
            "you count one frame in a clip that has none: lengths may be 0",
        )
    more = (torch.arange(x.shape[1]) <= lengths[:, None])[..., None]
    yield (
        _normalised(x, more),
        "you count one frame too many in each clip: frame t is real where t < length, not where t <= length",
    )
    yield _normalised(x, ~mask), "the mask is the wrong way round: it keeps the padding"


def _mean(clip: Tensor) -> Tensor:
    return clip.mean(dim=0)


def _variance(clip: Tensor) -> Tensor:
    return clip.var(dim=0, unbiased=False)


def _alike(one: Tensor, other: Tensor) -> bool:
    return bool(torch.allclose(one, other, rtol=1e-3, atol=1e-3, equal_nan=True))
