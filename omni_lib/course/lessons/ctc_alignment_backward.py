"""Lesson 03 from the backward recursion on: occupancies, the gradient, and the best path."""

from __future__ import annotations

import torch
from torch import Tensor

from omni_lib.alignment import best_path
from omni_lib.course import trellis
from omni_lib.course.exercises.checking import CodeExercise, expect_close, require
from omni_lib.course.exercises.sandbox import Attempt, NotYet, described
from omni_lib.course.lessons import ctc_alignment_solutions as solutions
from omni_lib.course.lessons.ctc_examples import VOCABULARY, indices, posteriors
from omni_lib.ctc import collapse as library_collapse
from omni_lib.ctc import ctc_loss


def _alpha_beta(text: str, frames: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    log_probs, target = posteriors(frames, seed), indices(text)
    return (
        trellis.forward_mass(log_probs, target),
        trellis.backward_mass(log_probs, target),
        trellis.occupancy(log_probs, target),
    )


def _judge_occupancy(attempt: Attempt) -> None:
    shares = "Beginnings times endings, as shares: the states of one frame add up to 1."
    for seed, (text, frames) in enumerate((("a", 1), ("a", 3), ("hello", 8), ("the cat sat on the mat", 60))):
        alpha, beta, wanted = _alpha_beta(text, frames, seed)
        got = expect_close(
            attempt,
            (alpha, beta),
            wanted,
            f"{shares} The text is {text!r}, in {frames} frames.",
            "T states",
            tolerance=1e-6,
        )
        require(
            bool(torch.allclose(got.sum(dim=1), torch.ones(frames, dtype=got.dtype), atol=1e-5)),
            "a frame's shares do not add up to 1",
        )
    alpha, beta, wanted = _alpha_beta("do you want to ride a bicycle on thursday", 300, 7)
    expect_close(
        attempt,
        (alpha, beta),
        wanted,
        "A long clip: take the differences of logarithms before `exp`, or both parts underflow.",
        "T states",
    )


occupancy = CodeExercise(
    key="03.occupancy",
    goal="From log alpha and log beta to occupancies: the share of the text's probability that stands in "
    "each state at each frame.",
    difficulty=2,
    minutes=6,
    extra=True,
    judge=_judge_occupancy,
    answer=solutions.occupancy,
    hints=(
        "Beginnings times endings: `alpha + beta` is the logarithm of the probability of all whole "
        "paths through a cell.",
        "Every path stands in exactly one state at each frame, so each frame's cells add up to the "
        "probability of the text. Divide by it: subtract `logsumexp` over the states.",
        "Exponentiate only at the end. Sum to one over `dim=1`: that is a softmax.",
    ),
    praise="In speech these are called occupancies, or gammas: soft answers to 'when was each letter "
    "said?', which nobody ever labelled.",
)


def _judge_ctc_gradient(attempt: Attempt) -> None:
    for seed, (text, frames, why) in enumerate(
        (
            (
                "a",
                2,
                "Softmax minus occupancy. The blank stands in two states, before and behind the "
                "letter: add their occupancies.",
            ),
            ("ab", 4, "The blank stands in several states: its occupancies are added up."),
            (
                "hello",
                8,
                "A letter that comes twice stands in two states; `gradient[:, states] -= gamma` "
                "takes only one of them.",
            ),
            ("the cat sat on the mat", 60, "A sentence, with many letters that come again."),
        )
    ):
        target = indices(text)
        generator = torch.Generator().manual_seed(seed)
        logits = torch.randn(
            frames, len(VOCABULARY), generator=generator, dtype=torch.float64
        ).requires_grad_()
        log_probs = logits.log_softmax(dim=-1)
        (wanted,) = torch.autograd.grad(
            ctc_loss(log_probs[None], torch.tensor([frames]), [target]).sum(), logits
        )
        gamma = trellis.occupancy(log_probs.detach(), target)
        arguments = (logits.detach(), target, gamma)
        expect_close(
            attempt,
            arguments,
            wanted,
            f"The text is {text!r}, in {frames} frames. {why}",
            "T symbols",
            tolerance=1e-6,
        )


ctc_gradient = CodeExercise(
    key="03.ctc_gradient",
    goal="The gradient of the CTC loss with respect to the logits: softmax minus occupancy, symbol by "
    "symbol.",
    difficulty=3,
    minutes=12,
    extra=True,
    judge=_judge_ctc_gradient,
    answer=solutions.ctc_gradient,
    hints=(
        "Cross-entropy's gradient is softmax minus one-hot label. CTC has no label in a frame, but "
        "it has occupancies: a soft one.",
        "Occupancies are by state, the gradient is by symbol: the blank stands in L + 1 states, and "
        "a letter in each place where it occurs. Add them up.",
        "Start with `torch.softmax(logits, dim=1)` and subtract `gamma[:, s]` from column "
        "`states[s]`, one s after the other (or `index_add`, with minus gamma).",
    ),
    praise="Equal to autograd's. The loss pulls each frame's softmax towards the occupancies, which the "
    "network itself just computed: CTC teaches itself its alignment.",
)


def _judge_viterbi_path(attempt: Attempt) -> None:
    for seed, (text, frames, why) in enumerate(
        (
            ("a", 1, "One frame."),
            ("a", 4, "Stay or move on, whichever came likelier."),
            ("aa", 5, "A blank must stand between the two."),
            ("hello", 6, "There is one path only: the blank stands between the two l."),
            (
                "hello",
                12,
                "Where alpha adds, Viterbi takes the largest; then go back from the better of the "
                "last two states.",
            ),
            ("the cat sat on the mat", 57, "A sentence."),
            ("the cat sat on the mat", 23, "Hardly any frame to spare."),
        )
    ):
        log_probs, target = posteriors(frames, 20 + seed), indices(text)
        expected = best_path(log_probs, target)
        got = attempt(log_probs, target)
        try:
            path = [int(symbol) for symbol in got]
        except (TypeError, ValueError):
            raise NotYet(
                "a list of class indices, one for each frame, is wanted; your function returns "
                f"{described(got)}"
            ) from None
        what = f"{text!r} in {frames} frames"
        require(
            len(path) == frames,
            f"{what}: your path has {len(path)} symbols; one for each of the {frames} frames is "
            f"wanted. {why}",
        )
        require(
            all(0 <= symbol < len(VOCABULARY) for symbol in path),
            f"{what}: {max(path)} is no class index; give the symbols that the states emit, not the "
            "numbers of the states",
        )
        spelled = VOCABULARY.decode(library_collapse(path))
        require(spelled == text, f"{what}: your path collapses to {spelled!r}. {why}")
        scores = [
            float(sum(log_probs[t, symbol] for t, symbol in enumerate(each))) for each in (path, expected)
        ]
        require(
            scores[0] >= scores[1] - 1e-6,
            f"{what}: your path has a log-probability of {scores[0]:.3f}, and there is one of "
            f"{scores[1]:.3f}. {why}",
        )


viterbi_path = CodeExercise(
    key="03.viterbi_path",
    goal="Forced alignment: the likeliest of all paths that collapse to a given text.",
    difficulty=4,
    minutes=20,
    extra=True,
    judge=_judge_viterbi_path,
    answer=solutions.viterbi_path,
    hints=(
        "The forward recursion with `max` in place of `logsumexp`, and a note in each cell of which "
        "state the best beginning came from.",
        "After the last frame take the better of the last two states, and follow the notes back to frame 0.",
        "Collect `states[s]` on the way back and reverse the list at the end. Guard s-1 and s-2 "
        "against running below 0.",
    ),
    praise="Viterbi's path is one answer; the occupancies are all of them, weighed. For word times one is "
    "enough, for learning it is not.",
)
