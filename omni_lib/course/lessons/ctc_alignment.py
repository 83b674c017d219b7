"""Lesson 03: its code exercises up to the forward recursion, and the order of all its exercises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from omni_lib.course import trellis
from omni_lib.course.exercises.checking import CodeExercise, expect_close, expect_equal, require
from omni_lib.course.exercises.plug_in import PlugIn
from omni_lib.course.exercises.sandbox import Attempt, NotYet, TooSlow, described
from omni_lib.course.lessons import ctc_alignment_solutions as solutions
from omni_lib.course.lessons.ctc_alignment_backward import ctc_gradient, occupancy, viterbi_path
from omni_lib.course.lessons.ctc_alignment_questions import (
    eos_as_target,
    frames_for_hello,
    hell_lo,
    initial_loss,
    letters_per_second,
    peaky,
    sum_or_best,
    what_blank_means,
    why_ctc,
)
from omni_lib.course.lessons.ctc_examples import indices, posteriors
from omni_lib.ctc import collapse as library_collapse
from omni_lib.ctc import ctc_loss, is_feasible
from omni_lib.encoder import embedding_lengths

NUMBER = "03"
TITLE = "CTC alignment"


def _judge_collapse(attempt: Attempt) -> None:
    for path, why in (
        ("h_e_l_o", "The blanks (index 0) go."),
        ("hheelloo", "A symbol that lasts several frames is one symbol: merge what repeats."),
        (
            "hello",
            "Two equal neighbours are one symbol that lasts: without a blank between, no letter can "
            "be doubled.",
        ),
        (
            "hel_lo",
            "The blank between the two l keeps them apart. Merge first, then drop the blanks; the "
            "other order loses the second l.",
        ),
        ("hell_lo", "Two runs of l with a blank between are two letters, however long the runs are."),
        ("h_ee_lll_oo___", "One run of l is one letter."),
        ("_h___h_", "Two runs of one letter, with blanks between, are two letters."),
        ("anna", "Only neighbours merge: a letter that comes back later is a new one."),
        ("a  b", "The space is a symbol like any other: it merges with its neighbour and stays."),
        ("____", "Blanks alone spell nothing: an empty list."),
        ("", "No frames spell nothing: an empty list."),
    ):
        indices = trellis.read_path(path)
        expect_equal(attempt, (indices,), library_collapse(indices), f"The path is {path!r}. {why}")
    drawn = torch.randint(0, 4, (400,), generator=torch.Generator().manual_seed(0)).tolist()
    expect_equal(attempt, (drawn,), library_collapse(drawn), "A long path of four symbols.")


collapse = CodeExercise(
    key="03.collapse",
    goal="The text that a path spells: merge what repeats, then drop the blanks (class index 0).",
    difficulty=1,
    minutes=6,
    judge=_judge_collapse,
    answer=solutions.collapse,
    hints=(
        "Go through the path and compare each symbol with the one in the frame before it, the blank "
        "included.",
        "Keep a symbol if it differs from the one before *and* is not 0. Remember the previous "
        "symbol even when it was a blank.",
        "`itertools.groupby(path)` gives the runs: `[symbol for symbol, _ in groupby(path) if symbol != 0]`.",
    ),
    praise="That is all the decoding that greedy CTC has. The order matters: merging first is what lets a "
    "blank keep a doubled letter apart.",
    plug_in=PlugIn(places=("omni_lib.decoding:collapse",)),
)


def _judge_count_alignments(attempt: Attempt) -> None:
    for text, frames, why in (
        ("a", 1, "One frame, one letter."),
        ("a", 3, "The a may last one, two or three frames, and blanks fill the rest."),
        ("ab", 3, "Between a and b a blank may stand, but it need not."),
        ("aa", 3, "Only a_a: without the blank the two would merge."),
        ("aa", 4, "Between two equal letters the blank cannot be skipped."),
        ("aa", 2, "Two frames are too few for a doubled letter."),
        ("", 4, "The empty text has one path: blanks."),
        ("hello", 5, "With five frames there is no room for the blank between the two l."),
        ("hello", 6, "Six frames are just enough."),
        ("hello", 7, "One frame more than needed: something lasts, or one more blank stands somewhere."),
        (
            "hello",
            16,
            "Enumerating all paths is hopeless here (five symbols to the 16th power): count by frame "
            "and state.",
        ),
        (
            "the cat sat on the mat",
            57,
            "Count by frame and state, in Python's whole numbers: a float cannot hold this one exactly.",
        ),
    ):
        target = indices(text)
        expected = trellis.count_alignments(target, frames)
        try:
            got = attempt(target, frames)
        except NotYet as found:
            slow = frames > 7 and isinstance(found, TooSlow)
            raise NotYet(f"{found} {why}" if slow else str(found)) from None
        try:
            value = int(got)
        except (TypeError, ValueError):
            raise NotYet(f"a whole number is wanted; your function returns {described(got)}") from None
        require(
            value == expected,
            f"{text!r} in {frames} frames: your function counts {value}, and there are {expected} "
            f"paths. {why}",
        )


count_alignments = CodeExercise(
    key="03.count_alignments",
    goal="How many paths of a given number of frames collapse to a target, without listing them.",
    difficulty=3,
    minutes=15,
    extra=True,
    judge=_judge_count_alignments,
    answer=solutions.count_alignments,
    hints=(
        "Put blanks around and between the letters: for `ab` the states are `_ a _ b _`. A path "
        "walks through them from left to right. Keep, for each state, the number of ways to stand in "
        "it after t frames.",
        "From one frame to the next a path stays, moves on by one state, or skips a blank, which it "
        "may do only between two different letters. So the ways into state s are those of s, plus "
        "those of s-1, plus, if allowed, those of s-2.",
        "Begin with one way in the first blank *before* the first frame, and none elsewhere. After "
        "`frames` rounds, add the last two states: a path may end in the last letter or in the blank "
        "behind it.",
    ),
    praise="Five symbols in 16 frames make 152,587,890,625 sequences; you visited 11 states 16 times. Put "
    "probabilities in place of the ones and you have the forward recursion.",
)


def _judge_forward_recursion(attempt: Attempt) -> None:
    axes = "T states"
    for number, (text, frames, why) in enumerate(
        (
            ("a", 1, "One frame: a path begins in the first blank or in the first letter, and nowhere else."),
            (
                "a",
                2,
                "Stay or move on: add the probabilities (`logaddexp`) and then the log-probability "
                "of what this state emits.",
            ),
            ("ab", 3, "From a to b the blank may be skipped."),
            ("aa", 4, "Between two equal letters the blank must not be skipped."),
            ("hello", 9, "The double l again, within a word."),
            ("the cat sat on the mat", 40, "A sentence."),
        )
    ):
        log_probs, target = posteriors(frames, number), indices(text)
        wanted = trellis.forward_mass(log_probs, target)
        expect_close(
            attempt, (log_probs, target), wanted, f"The text is {text!r}, in {frames} frames. {why}", axes
        )
    log_probs, target = (
        posteriors(300, 9, sharpness=6.0).float(),
        indices("do you want to ride a bicycle on thursday"),
    )
    alpha = expect_close(
        attempt,
        (log_probs, target),
        trellis.forward_mass(log_probs, target),
        "A long clip in float32: multiply nothing, or its probability underflows; add logarithms.",
        axes,
    )
    loss = float(ctc_loss(log_probs[None], torch.tensor([300]), [target]))
    require(
        abs(loss + float(alpha[-1, -2:].logsumexp(0))) < 1e-3 * loss,
        "its last column does not give the loss of torch",
    )


def _through_trellis(forward: Callable[[Tensor, list[int]], Tensor]) -> Callable[..., Tensor]:
    """A loss like `ctc.ctc_loss` whose value and gradient both come from a learner's forward recursion."""

    class Loss(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, log_probs: Tensor, target: list[int]) -> Tensor:
            exact = log_probs.double()  # rounding errors grow over twenty steps
            alpha = torch.as_tensor(forward(exact, target)).double()
            mirrored = torch.as_tensor(forward(exact.flip(0), target[::-1])).double().flip(0, 1)
            states = torch.tensor(trellis.states_of(target), device=log_probs.device)
            mass = alpha + mirrored - exact[:, states]  # each of the two counts the frame itself
            ctx.save_for_backward(mass.softmax(dim=1), states)
            ctx.symbols, ctx.dtype = log_probs.shape[1], log_probs.dtype
            return -alpha[-1, -2:].logsumexp(dim=0).to(log_probs.dtype)

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
            gamma, states = ctx.saved_tensors
            by_symbol = gamma.new_zeros(len(gamma), ctx.symbols).index_add(1, states, gamma)
            return -gradients[0] * by_symbol.to(ctx.dtype), None

    def loss(log_probs: Tensor, lengths: Tensor, targets: Sequence[Sequence[int]]) -> Tensor:
        if not targets:
            return log_probs.sum(dim=(1, 2))
        rows = zip(log_probs, lengths.tolist(), targets, strict=True)
        return torch.stack([Loss.apply(row[:length], list(target)) for row, length, target in rows])

    return loss


forward_recursion = CodeExercise(
    key="03.forward_recursion",
    goal="The forward recursion in log space: log alpha[t, s], the summed probability of all beginnings "
    "that stand in state s at frame t.",
    difficulty=4,
    minutes=20,
    judge=_judge_forward_recursion,
    answer=solutions.forward_recursion,
    hints=(
        "It is `count_alignments` with probabilities: the same states, the same three ways into "
        "each, but every frame multiplies by the probability of the symbol that its state emits. In "
        "logarithms a product is a sum, and a sum is `torch.logaddexp` or `logsumexp`.",
        "Frame 0: `alpha[0, 0]` and `alpha[0, 1]` are the log-probabilities of the blank and the "
        "first letter; all other states are `-inf`.",
        "Frame t: `alpha[t, s] = log_probs[t, states[s]] + logsumexp(alpha[t-1, s], alpha[t-1, s-1], "
        "alpha[t-1, s-2])`, the last term only where `states[s]` is a letter other than "
        "`states[s-2]`. Guard s-1 and s-2 against running below 0: index -1 is the last state!",
    ),
    praise="The last two states of the last frame, added, are the probability of the text; minus its "
    "logarithm is what torch calls the CTC loss.",
    plug_in=PlugIn(
        places=("omni_lib.training.objective:ctc_loss", "omni_lib.ctc:ctc_loss"), adapt=_through_trellis
    ),
)


def _judge_feasible(attempt: Attempt) -> None:
    for text, mel_frames, k, why in (
        ("cat", 100, 1, "12 embeddings for three letters."),
        ("hello", 38, 1, "Five embeddings, and the doubled l needs a blank of its own: six CTC frames."),
        ("hello", 38, 2, "Ten CTC frames for six."),
        ("hello", 48, 1, "Six embeddings are just enough."),
        (
            "hello",
            47,
            1,
            "The frames are halved three times (47, 24, 12, 6): `embedding_lengths` counts as the "
            "encoder does.",
        ),
        ("aabb", 48, 1, "Two doubled letters: 4 + 2 CTC frames, and there are 6."),
        ("aaa", 38, 1, "Three times the same letter needs a blank in each of two places: 5 frames."),
        ("aaa", 32, 1, "Four embeddings for 3 + 2."),
        ("anna", 38, 1, "Only neighbours need the blank: anna has one such pair."),
        ("the cat sat on the mat", 154, 1, "19 embeddings for 22 symbols: the spaces count too."),
        ("the cat sat on the mat", 154, 3, "57 CTC frames."),
        ("", 3, 1, "The empty text needs no frame."),
    ):
        target = indices(text)
        got = attempt(target, mel_frames, k)
        require(
            isinstance(got, bool) or str(getattr(got, "dtype", "")) in ("bool", "torch.bool"),
            f"True or False is wanted; your function returns {described(got)}",
        )
        expected = is_feasible(target, int(embedding_lengths(mel_frames)) * k)
        what = f"{text!r} in {mel_frames} mel frames with k = {k}"
        require(bool(got) == expected, f"{what}: your function says {bool(got)}, and it is {expected}. {why}")


feasible = CodeExercise(
    key="03.feasible",
    goal="Whether a clip has any path to a text: mel frames, eight to an embedding, k CTC frames from each.",
    difficulty=2,
    minutes=8,
    judge=_judge_feasible,
    answer=solutions.feasible,
    hints=(
        "Two numbers decide: the CTC frames that there are, and the fewest with which the text can "
        "be spelled.",
        "There are `embedding_lengths(mel_frames) * frames_per_embedding`. Needed is one frame for "
        "each symbol, and one more, a blank, between each two *neighbours* that are alike.",
        "`sum(left == right for left, right in zip(target, target[1:]))` counts those neighbours.",
    ),
    praise="Where this is False the loss is infinite, whatever the weights. `omni data check` runs this "
    "test over every row of a corpus.",
)


EXERCISES = (
    collapse,
    hell_lo,
    count_alignments,
    sum_or_best,
    forward_recursion,
    initial_loss,
    occupancy,
    ctc_gradient,
    why_ctc,
    feasible,
    frames_for_hello,
    letters_per_second,
    what_blank_means,
    eos_as_target,
    peaky,
    viterbi_path,
)
