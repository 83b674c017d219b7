"""Lesson 03: its code exercises up to the forward recursion, and the order of all its exercises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from omni_lib.course import trellis
from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.exercises.plug_in import PlugIn
from omni_lib.course.exercises.verdict import Outcome
from omni_lib.course.lessons.ctc_alignment import feasible_judge, judges, solutions
from omni_lib.course.lessons.ctc_alignment.backward import (
    backward_recursion,
    ctc_gradient,
    entropic_loss,
    occupancy,
    prefix_search,
    viterbi_path,
)
from omni_lib.course.lessons.ctc_alignment.questions import (
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
from omni_lib.text import BLANK

NUMBER = "03"
TITLE = "CTC alignment"


def _as_list(function: Callable[[list[int]], Any]) -> Callable[[list[int]], list[int]]:
    """The learner's function as the decoder calls it, which needs a list: a tensor is right, too."""

    def collapsed(path: list[int]) -> list[int]:
        return [int(symbol) for symbol in function(path)]

    return collapsed


collapse = CodeExercise(
    key="03.collapse",
    goal="The text that a path spells: merge what repeats, then drop the blanks (class index 0).",
    difficulty=1,
    minutes=6,
    judge=judges.collapse,
    answer=solutions.collapse,
    hints=(
        "Go through the path and compare each symbol with the one in the frame before it, the blank "
        "included.",
        "Keep a symbol if it differs from the one before *and* is not 0. Remember the previous "
        "symbol even when it was a blank.",
        "`itertools.groupby(path)` gives a pair for each run: its symbol, and the run itself. A run of "
        "blanks writes nothing, and every other run writes its symbol once.",
    ),
    praise="Greedy decoding takes the most probable symbol of each frame, and then does this. "
    "The order of the two steps matters: a blank can separate two equal letters only if "
    "repeats are merged first.",
    plug_in=PlugIn(places=("omni_lib.decoding:collapse",), adapt=_as_list),
)


count_alignments = CodeExercise(
    key="03.count_alignments",
    goal="How many paths of a given number of frames collapse to a target, without listing them.",
    difficulty=3,
    minutes=15,
    extra=True,
    judge=judges.count_alignments,
    answer=solutions.count_alignments,
    hints=(
        "Put blanks around and between the letters: for `ab` the states are `_ a _ b _`. A path "
        "goes through them from left to right. Keep, for each state, the number of ways to be "
        "in it after t frames.",
        "From one frame to the next a path stays, moves on by one state, or skips a blank, which it "
        "may do only between two different letters. So the ways into state s are those of s, plus "
        "those of s-1, plus, if allowed, those of s-2.",
        "Begin with one way in the first blank *before* the first frame, and none elsewhere. After "
        "`frames` rounds, add the last two states: a path may end in the last letter or in the blank "
        "after it.",
    ),
    praise="Five symbols in 16 frames make 152,587,890,625 sequences. The recursion computes each "
    "state only once a frame. With probabilities in place of the counts it becomes the forward "
    "recursion.",
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
        return torch.stack([of_one(row[:length], list(target)) for row, length, target in rows])

    def of_one(log_probs: Tensor, target: list[int]) -> Tensor:
        if not target:  # a clip without speech; the exercise promises at least one letter
            return -log_probs[:, BLANK].sum()
        loss: Tensor = Loss.apply(log_probs, target)
        return loss

    return loss


forward_recursion = CodeExercise(
    key="03.forward_recursion",
    goal="The forward recursion in log space: log alpha[t, s], the summed probability of all "
    "beginnings that are in state s at frame t.",
    difficulty=4,
    minutes=20,
    judge=judges.forward_recursion,
    answer=solutions.forward_recursion,
    hints=(
        "A state can be reached in three ways: from itself, from the state before it, and, if a "
        "skip is allowed, from the one before that. Add the probabilities of these beginnings, "
        "and multiply by the probability of the symbol of the state. In logarithms a "
        "product is a sum, and a sum is `torch.logaddexp` or `logsumexp`.",
        "Begin with a list `states` of the symbol of each state: a blank (0), the first letter, a blank, and "
        "so on. Frame 0: `alpha[0, 0]` and `alpha[0, 1]` are the log-probabilities of the blank and the "
        "first letter; all other states are `-inf`.",
        "Frame t: `alpha[t, s] = log_probs[t, states[s]] + logsumexp(alpha[t-1, s], alpha[t-1, "
        "s-1], alpha[t-1, s-2])`, the last term only where `states[s]` is a letter other than "
        "`states[s-2]`. Make sure that s-1 and s-2 are not below 0: index -1 is the last state.",
    ),
    praise="The last two states of the last frame, added, are the probability of the text; minus its "
    "logarithm is what torch calls the CTC loss.",
    plug_in=PlugIn(
        places=("omni_lib.training.objective:ctc_loss", "omni_lib.ctc:ctc_loss"), adapt=_through_trellis
    ),
)


feasible = CodeExercise(
    key="03.feasible",
    goal="Whether a clip has a path to a text, given its number of mel frames and k, the CTC "
    "frames from each embedding.",
    difficulty=2,
    minutes=8,
    judge=feasible_judge.feasible,
    answer=solutions.feasible,
    hints=(
        "Two numbers decide: the CTC frames that there are, and the fewest with which the text can "
        "be spelled.",
        "There are `embedding_lengths(mel_frames) * frames_per_embedding` CTC frames. The text needs one "
        "for each symbol, and one more for a blank between every two *neighbours* that are equal.",
        "`sum(left == right for left, right in zip(target, target[1:]))` counts those neighbours.",
    ),
    praise="Where this is False the loss is infinite, whatever the weights. `omni data check` runs this "
    "test over every row of a corpus.",
)


def once_right(function: Any) -> Any:
    """A learner's forward recursion, for the trellis explorer; None as long as its check does not accept it.

    Asking does not count as a try.
    """
    return function if forward_recursion.reply_to(function).outcome is Outcome.RIGHT else None


EXERCISES = (
    hell_lo,
    frames_for_hello,
    collapse,
    sum_or_best,
    count_alignments,
    forward_recursion,
    initial_loss,
    why_ctc,
    feasible,
    letters_per_second,
    peaky,
    what_blank_means,
    eos_as_target,
    backward_recursion,
    occupancy,
    ctc_gradient,
    entropic_loss,
    prefix_search,
    viterbi_path,
)
