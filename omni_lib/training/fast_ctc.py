"""The CTC loss for training on a processor: that of `ctc.ctc_loss`, in two fifths of the time on one thread.

torch's CTC visits one state after the other and computes three exponentials and a logarithm in each. Here one
operation of a few microseconds computes a frame of all states of all rows. It works with probabilities, which
need only sums and products; they are divided by their sum in every frame, so that they do not vanish, and the
logarithms of the sums add up to the loss (Rabiner 1989, "A tutorial on hidden Markov models", section V.A).

A float32 spans 38 powers of ten. A state that is less probable than that, relative to the others of its
frame, becomes zero, although the only path to the text may lead through it. `_advance` makes that rare. Where
it happens, the recursion from the beginning and the one from the end give different probabilities of the
text, and torch's own loss is used instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from omni_lib import ctc
from omni_lib.subsampling import valid_frames
from omni_lib.text import BLANK

FEWEST_STATES = 1500  # in a frame of all rows, for each thread; with fewer, torch's loss is faster
MOST_STATES = 16_000_000  # in all frames; each takes 16 bytes
SCALE_EVERY = 4  # frames after which the probabilities are divided by their sum
TOLERANCE = 1e-3  # nats by which the two recursions may differ; rounding alone makes a hundredth of that


def ctc_loss(log_probs: Tensor, lengths: Tensor, targets: Sequence[Sequence[int]]) -> Tensor:
    """As `ctc.ctc_loss`: (B,) nats, with the same gradient."""
    batch, frames, _ = log_probs.shape
    states = batch * (2 * max(map(len, targets), default=0) + 1)
    fits = FEWEST_STATES * torch.get_num_threads() <= states and states * frames <= MOST_STATES
    float32_on_cpu = log_probs.device.type == "cpu" and log_probs.dtype == torch.float32
    if fits and float32_on_cpu and log_probs.requires_grad and torch.is_grad_enabled():
        with torch.no_grad():
            found = forward_backward(log_probs, lengths, targets)
        if found is not None:
            loss: Tensor = _WithGradient.apply(log_probs, *found)
            return loss
    return ctc.ctc_loss(log_probs, lengths, targets)


class _WithGradient(torch.autograd.Function):
    """A loss (B,) whose gradient by `log_probs` is known already."""

    @staticmethod
    def forward(context: Any, log_probs: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
        context.save_for_backward(gradient)
        return loss

    @staticmethod
    def backward(context: Any, outer: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = context.saved_tensors
        return gradient * outer[:, None, None], None, None


def forward_backward(
    log_probs: Tensor, lengths: Tensor, targets: Sequence[Sequence[int]]
) -> tuple[Tensor, Tensor] | None:
    """The loss (B,), and its gradient by `log_probs` (B, T, symbols) as torch defines it: see `ctc_loss`.

    Returns:
        None where float32 was too small for it, which includes every target without a path; and where a row
        has no frame.
    """
    if int(lengths.min()) < 1:
        return None
    batch, frames, symbols = log_probs.shape
    symbol_of, may_skip, states = _states(targets, symbols)
    probs = log_probs.exp()
    emitted = torch.bmm(probs, symbol_of.mT).transpose(0, 1).contiguous()  # (T, B, S)
    rows, last, valid = torch.arange(batch), lengths - 1, valid_frames(lengths, frames)
    advance = _advance(emitted, valid, states)  # (B, 1)
    may_skip = may_skip * advance**2

    forward, forward_sums = _forward(emitted, advance, may_skip)
    backward, backward_sums = _backward(emitted, advance, may_skip, states, last)

    # the share of each symbol in the paths through a frame
    occupancy = forward.mul_(backward)
    total = occupancy.sum(dim=-1, keepdim=True)  # (T, B, 1)
    occupancy = torch.bmm(occupancy.div_(total).float().transpose(0, 1), symbol_of)  # (B, T, symbols)

    # the probability of the text, once by each frame: all must agree
    log_forward, log_backward = (
        torch.where(valid, sums[..., 0].T.double().log(), 0) for sums in (forward_sums, backward_sums)
    )  # (B, T)
    up_to = log_forward.cumsum(dim=1)
    after = log_backward.sum(dim=1, keepdim=True) - log_backward.cumsum(dim=1)
    advanced = states[:, None] * advance.double().log()
    log_likelihood = up_to + after + total[..., 0].T.double().log() - advanced  # (B, T)
    at_the_end = log_likelihood[rows, last]
    difference = torch.where(valid, log_likelihood - at_the_end[:, None], 0).abs().max()
    if not bool(difference <= TOLERANCE):  # NaN too
        return None
    return -at_the_end.to(log_probs.dtype), torch.where(valid[..., None], probs - occupancy, 0)


def _forward(emitted: Tensor, advance: Tensor, may_skip: Tensor) -> tuple[Tensor, Tensor]:
    """The forward recursion.

    Args:
        emitted: (T, B, S) the probability of the symbol of each state.
        advance: (B, 1) the weight of a step to the next state.
        may_skip: (B, S) the weight of a step to a state from the second before it.

    Returns:
        (T, B, S) the probability of all paths up to a frame that end in a state, divided by the sums so far;
        (T, B, 1) these sums, 1 in frames in which nothing is divided.
    """
    frames, batch, states = emitted.shape
    # two columns on the left are the states before the first, with probability 0
    forward = emitted.new_zeros(frames + 1, batch, states + 2)
    sums = emitted.new_ones(frames, batch, 1)
    forward[0, :, 1] = 1  # the state before the first, from which the first two are reached
    same, previous, second = (forward[:, :, 2 - back : states + 2 - back].unbind() for back in range(3))
    for frame, emission in enumerate(emitted.unbind()):
        reached = same[frame + 1]
        torch.addcmul(same[frame], previous[frame], advance, out=reached)
        reached.addcmul_(second[frame], may_skip).mul_(emission)
        if frame % SCALE_EVERY == 0:
            reached.div_(torch.sum(reached, dim=-1, keepdim=True, out=sums[frame]))
    return forward[1:, :, 2:], sums


def _backward(
    emitted: Tensor, advance: Tensor, may_skip: Tensor, states: Tensor, last: Tensor
) -> tuple[Tensor, Tensor]:
    """The backward recursion; arguments as above.

    Args:
        states: (B,) the number of states of each row; the last two end its text.
        last: (B,) the number of its last frame.

    Returns:
        (T, B, S) the probability of the frames after this one, from a state on, divided by the later sums;
        (T, B, 1) these sums.
    """
    rows, most = torch.arange(len(states)), emitted.shape[2]
    ends = emitted.new_zeros(len(states), most)
    ends[rows, (states - 2).clamp_min(0)] = advance[:, 0]
    ends[rows, states - 1] = 1
    ending: dict[int, list[int]] = defaultdict(list)  # frame → the rows whose last frame it is
    for row, frame in enumerate(last.tolist()):
        ending[frame].append(row)
    may_be_skipped_to = F.pad(may_skip, (0, 2))[:, 2:].contiguous()
    backward = torch.empty_like(emitted)
    sums = torch.ones_like(emitted[..., :1])
    # two columns on the right are the states after the last, with probability 0
    later = emitted.new_zeros(len(states), most + 2)
    same, following, second_following = later[:, :-2], later[:, 1:-1], later[:, 2:]
    for frame, (here, emission) in reversed(
        list(enumerate(zip(backward.unbind(), emitted.unbind(), strict=True)))
    ):
        torch.addcmul(same, following, advance, out=here)
        here.addcmul_(second_following, may_be_skipped_to)
        if frame in ending:
            here[ending[frame]] = ends[ending[frame]]
        torch.mul(here, emission, out=same)
        if frame % SCALE_EVERY == 0:
            total = torch.sum(same, dim=-1, keepdim=True, out=sums[frame])
            same.div_(total.clamp_min_(1e-37))  # zero in the padding
    return backward, sums


def _advance(emitted: Tensor, valid: Tensor, states: Tensor) -> Tensor:
    """A weight (B, 1) for each step from a state to the next one.

    Every path to a text takes as many steps as the text has states. So the weights multiply all paths by the
    same factor, which is divided out at the end. They only change which states of a frame are the most
    probable. If the weight is 1 and the model emits blanks nearly always, these are the states at the
    beginning of the text, and the states that can still reach its end are too improbable for float32 beside
    them. The weight is chosen so that a model that emits its mean probabilities in every frame reaches the
    end of the text in the last frame.
    """
    letters = (states - 1) / 2
    frames = valid.sum(dim=1)
    share = (letters / frames).clamp(0.02, 0.9)  # of the frames that emit a letter
    mean = (emitted * valid.T[..., None]).sum(dim=0) / frames[:, None]  # (B, S)
    blank, letter = mean[:, 0], mean[:, 1::2].sum(dim=1) / letters.clamp_min(1)
    weight = (blank / letter * share / (1 - share)).sqrt().clamp(1, 1e6)
    return torch.where(letters > 0, weight, 1)[:, None]


def _states(targets: Sequence[Sequence[int]], symbols: int) -> tuple[Tensor, Tensor, Tensor]:
    """The states of each target: a blank, a letter, a blank, …, a blank.

    Returns:
        symbol_of: (B, S, symbols) the symbol of each state, as a one; zeros beyond the states of a row.
        may_skip: (B, S) 1 where a state can be reached from the second before it: letters unlike the last.
        states: (B,) their number.
    """
    states = torch.tensor([2 * len(target) + 1 for target in targets])
    most = int(states.max())
    symbol = torch.full((len(targets), most), BLANK)
    for row, target in enumerate(targets):
        symbol[row, 1 : 2 * len(target) : 2] = torch.tensor(target, dtype=torch.long)
    may_skip = torch.zeros(symbol.shape)
    may_skip[:, 1:2] = 1  # from the state before the first
    may_skip[:, 2:] = (symbol[:, 2:] != BLANK) & (symbol[:, 2:] != symbol[:, :-2])
    return F.one_hot(symbol, symbols).float() * valid_frames(states, most)[..., None], may_skip, states
