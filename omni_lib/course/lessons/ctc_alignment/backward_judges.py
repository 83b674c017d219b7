"""Lesson 03: how the learner's backward recursion, occupancies and gradient are judged."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from omni_lib.course import trellis
from omni_lib.course.exercises.expectations import compare, expect_close, require, result_of, slow_or_endless
from omni_lib.course.exercises.sandbox import Attempt, NotYet
from omni_lib.course.lessons.ctc_alignment.examples import VOCABULARY, indices, posteriors
from omni_lib.course.lessons.ctc_alignment.recursion_slips import (
    SKIPS,
    expect_infinities,
    expect_logarithms,
    same_cells,
    skips_everywhere,
    why_not_close,
)
from omni_lib.ctc import ctc_loss


def backward_recursion(attempt: Attempt) -> None:
    for number, (text, frames, case, why) in enumerate(
        (
            (
                "a",
                1,
                "'a' in one frame",
                "After the last frame nothing is left: beta is one (its logarithm is zero) in the last two "
                "states, and zero in all others.",
            ),
            (
                "a",
                2,
                "'a' in two frames",
                "Each way to go on has the symbol of the next state in the next frame. Add up these ways "
                "(`logaddexp`).",
            ),
            ("ab", 3, "'ab' in three frames", "From a to b the blank may be skipped."),
            ("aa", 4, "'aa' in four frames", "Between two equal letters the blank must not be skipped."),
            ("aba", 6, "'aba' in six frames", "Only neighbours count: both blanks may be skipped."),
            ("hello", 9, "'hello'", "The double l again, within a word."),
            ("hello", 3, "'hello' in too few frames", "Early states cannot reach the end: -inf."),
            ("the cat sat on the mat", 40, "A sentence", ""),
        )
    ):
        log_probs, target = posteriors(frames, 40 + number), indices(text)
        wanted = trellis.backward_mass(log_probs, target)
        with slow_or_endless(case):
            got = result_of(attempt, (log_probs, target), case)
        if same_cells(got, wanted + log_probs[:, trellis.states_of(target)]):
            raise NotYet(
                f"{case}: your beta contains the probability of frame t itself, which alpha contains "
                "already. Use the probabilities of frame t + 1, and set beta to one in the last frame."
            )
        expect_logarithms(got, wanted, case)
        wrapped = _wrapped_backward(log_probs, target)
        if same_cells(got, wrapped) and not same_cells(wrapped, wanted):
            message = "some paths go on from the last state to the first. Nothing comes after the last."
            raise NotYet(f"{case}: {message}")
        expect_infinities(got, wanted, case)
        mirrored = skips_everywhere(log_probs.flip(0), target[::-1]).flip(0, 1)
        skipping = mirrored - log_probs[:, trellis.states_of(target)]  # alpha contains the frame itself
        if same_cells(got, skipping) and not same_cells(got, wanted):
            raise NotYet(f"{case}: {SKIPS}")
        expect_close(attempt, (log_probs, target), wanted, why, "T states", case=case)
    log_probs, target = posteriors(200, 9, sharpness=6.0).float(), indices("do you want to ride a bicycle")
    wanted, case = trellis.backward_mass(log_probs, target), "A long clip in float32"
    got = result_of(attempt, (log_probs, target), case)
    compare(got, wanted, why_not_close(got, wanted), "T states", case=case)


def _wrapped_backward(log_probs: Tensor, target: list[int]) -> Tensor:
    """log beta of a recursion whose s+1 and s+2 read from the beginning for the last states."""
    states = torch.tensor(trellis.states_of(target))
    closed = ~((states.roll(-2) != 0) & (states.roll(-2) != states))
    emitted = log_probs[:, states]
    beta = torch.full_like(emitted, -math.inf)
    beta[-1, -2:] = 0.0
    for t in range(len(beta) - 2, -1, -1):
        after = emitted[t + 1] + beta[t + 1]
        ways = [after, after.roll(-1), after.roll(-2).masked_fill(closed, -math.inf)]
        beta[t] = torch.stack(ways).logsumexp(dim=0)
    return beta


def _alpha_beta(text: str, frames: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    log_probs, target = posteriors(frames, seed), indices(text)
    return (
        trellis.forward_mass(log_probs, target),
        trellis.backward_mass(log_probs, target),
        trellis.occupancy(log_probs, target),
    )


def occupancy(attempt: Attempt) -> None:
    shares = "Beginnings times endings, as shares: the states of one frame add up to one."
    for seed, (text, frames, case) in enumerate(
        (
            ("a", 1, "'a' in one frame"),
            ("a", 3, "'a' in three frames"),
            ("hello", 8, "'hello'"),
            ("the cat sat on the mat", 60, "A sentence"),
        )
    ):
        alpha, beta, wanted = _alpha_beta(text, frames, seed)
        got = expect_close(attempt, (alpha, beta), wanted, shares, "T states", 1e-6, case)
        require(
            bool(torch.allclose(got.sum(dim=1), torch.ones(frames, dtype=got.dtype), atol=1e-5)),
            "a frame's shares do not add up to 1",
        )
    alpha, beta, wanted = _alpha_beta("do you want to ride a bicycle on thursday", 300, 7)
    why = "Take the differences of logarithms before `exp`, or both parts underflow."
    expect_close(attempt, (alpha, beta), wanted, why, "T states", case="A long clip")


def ctc_gradient(attempt: Attempt) -> None:
    for seed, (text, frames, case, why) in enumerate(
        (
            (
                "a",
                2,
                "'a' in two frames",
                "Softmax minus occupancy. The blank stands in two states, before and after the letter: add "
                "their occupancies.",
            ),
            (
                "ab",
                4,
                "'ab' in four frames",
                "The blank stands in several states: its occupancies are added up.",
            ),
            (
                "hello",
                8,
                "'hello'",
                "A letter that comes twice stands in two states; `gradient[:, states] -= gamma` takes only "
                "one of them.",
            ),
            ("the cat sat on the mat", 60, "A sentence", "Letters that occur again: add their occupancies."),
        )
    ):
        target = indices(text)
        generator = torch.Generator().manual_seed(seed)
        logits = torch.randn(frames, len(VOCABULARY), generator=generator, dtype=torch.float64)
        log_probs = logits.requires_grad_().log_softmax(dim=-1)
        (wanted,) = torch.autograd.grad(
            ctc_loss(log_probs[None], torch.tensor([frames]), [target]).sum(), logits
        )
        gamma = trellis.occupancy(log_probs.detach(), target)
        given = (logits.detach(), target, gamma)
        got = result_of(attempt, given, case)
        for divisor, of in ((len(target), "letters"), (frames, "frames")):
            if divisor > 1 and not same_cells(got, wanted) and same_cells(got, wanted / divisor):
                raise NotYet(f"{case}: that is divided by the number of {of}; here nothing is averaged")
        expect_close(attempt, given, wanted, why, "T symbols", 1e-6, case)
