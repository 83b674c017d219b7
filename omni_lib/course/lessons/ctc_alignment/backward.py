"""Lesson 03 from the backward recursion on: occupancies, gradient, entropy, prefix search, the best path."""

from __future__ import annotations

from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.lessons.ctc_alignment import backward_judges as judges
from omni_lib.course.lessons.ctc_alignment import decoding_judge as decoding
from omni_lib.course.lessons.ctc_alignment import entropy_judge as entropy
from omni_lib.course.lessons.ctc_alignment import solutions, viterbi_judge

backward_recursion = CodeExercise(
    key="03.backward_recursion",
    goal="The backward recursion in log space: log beta[t, s], the summed probability of all ways to go on "
    "from state s after frame t to the end.",
    difficulty=3,
    minutes=10,
    extra=True,
    judge=judges.backward_recursion,
    answer=solutions.backward_recursion,
    hints=(
        "Begin at the end: after the last frame nothing follows, so there the last letter and the last "
        "blank have a beta of 1, whose logarithm is 0. All other states have -inf there.",
        "From state s a path goes on to s, to s+1 or, if the skip is allowed, to s+2. In frame t+1 it has "
        "the symbol of the state *to which* it goes.",
        "`beta[t, s] = logsumexp(log_probs[t+1, states[r]] + beta[t+1, r])` over these states r, where "
        "`states` lists the symbol of each state. The skip to s+2 is allowed if `states[s+2]` is a letter "
        "other than `states[s]`. Take care that no index is beyond the last state.",
    ),
    praise="Alpha has the beginning of each path, up to its frame, and beta the rest. Together they hold "
    "whole paths.",
)


occupancy = CodeExercise(
    key="03.occupancy",
    goal="From log alpha and log beta to occupancies: the share of the text's probability that "
    "goes through each state at each frame.",
    difficulty=2,
    minutes=6,
    extra=True,
    judge=judges.occupancy,
    answer=solutions.occupancy,
    hints=(
        "Beginnings times endings: `alpha + beta` is the logarithm of the probability of all whole "
        "paths through a cell.",
        "Every path is in exactly one state at each frame, so the cells of a frame add up to the "
        "probability of the text. Divide by it: subtract `logsumexp` over the states.",
        "Exponentiate only at the end. Sum to one over `dim=1`: that is a softmax.",
    ),
    praise="In speech recognition these are called occupancies, or gammas. They answer 'when was "
    "each letter said?' with probabilities, and without any labels.",
)


ctc_gradient = CodeExercise(
    key="03.ctc_gradient",
    goal="The gradient of the CTC loss with respect to the logits: softmax minus occupancy, symbol by "
    "symbol.",
    difficulty=3,
    minutes=12,
    extra=True,
    judge=judges.ctc_gradient,
    answer=solutions.ctc_gradient,
    hints=(
        "Cross-entropy's gradient is softmax minus one-hot label. CTC has no label in a frame. "
        "The occupancies take its place, as a soft label.",
        "Occupancies belong to states, and the gradient to symbols. The blank has L + 1 states, "
        "and a letter one for each place where it occurs. Add them up.",
        "Start with `torch.softmax(logits, dim=1)` and subtract `gamma[:, s]` from column "
        "`states[s]`, one s after the other (or `index_add`, with minus gamma).",
    ),
    praise="Equal to autograd's. A step against it, as in training, moves each frame's softmax towards "
    "the occupancies, which come from the network's own probabilities.",
)


entropic_loss = CodeExercise(
    key="03.entropic_loss",
    goal="The CTC loss with a bonus for the entropy of the paths, by the forward recursion.",
    difficulty=2,
    minutes=8,
    extra=True,
    judge=entropy.entropic_loss,
    answer=solutions.entropic_loss,
    hints=(
        "The loss is -ln(Σ p^β) / β with β = 1 / (1 + w). The forward recursion computes ln Σ p from the "
        "logarithms of the probabilities of each frame. Which logarithms make it compute ln Σ p^β?",
        "The logarithm of p^β is β times that of p: `alpha = forward_recursion(beta * log_probs, target)`.",
        "The paths end in the last letter or in the last blank: `torch.logsumexp(alpha[-1, -2:], dim=0)`. "
        "Change the sign, and divide by `beta`.",
    ),
    praise="That is `omni_lib.ctc.entropic_ctc_loss`, for one utterance: the bonus costs nothing but a "
    "division of the log-probabilities.",
)


prefix_search = CodeExercise(
    key="03.prefix_search",
    goal="Prefix search: the likeliest text, with the probabilities of all its paths added up, and not the "
    "text of the likeliest path.",
    difficulty=4,
    minutes=20,
    extra=True,
    judge=decoding.prefix_search,
    answer=solutions.prefix_search,
    hints=(
        "In each frame a path goes on with a blank, with the last letter of its prefix again, or with "
        "another letter. For each of the three, write down which prefix results, in what it ends, and from "
        "which of the two endings it may come.",
        "With a blank, the prefix stays and ends in a blank: from both endings. With its last letter again, "
        "the prefix stays if the path ended in that letter, and becomes longer if it ended in a blank. With "
        "another letter it becomes longer: from both endings.",
        "Two prefixes of one frame can lead to the same one, as `a` and `ab` both lead to `ab`. So never "
        "assign a value: `stays[0] = log_add(stays[0], log_add(blank, letter) + frame[0])`, where `stays` is "
        "`following[prefix]`.",
        "The loop over the letters: `for symbol in range(1, len(frame))`. The longer prefix is `(*prefix, "
        "symbol)`. It begins with `blank` if `prefix[-1:] == (symbol,)`, and else with both endings. The "
        "empty prefix has no last letter.",
    ),
    praise="Greedy decoding takes the likeliest path, and this search looks for the likeliest text. With a "
    "large beam its logarithm is minus the CTC loss of that text. Where a prefix becomes longer, the "
    "probability of a language model can be added: see `omni_lib/inference/beam_search.py`.",
)


viterbi_path = CodeExercise(
    key="03.viterbi_path",
    goal="Forced alignment: the likeliest of all paths that collapse to a given text.",
    difficulty=4,
    minutes=20,
    extra=True,
    judge=viterbi_judge.viterbi_path,
    answer=solutions.viterbi_path,
    hints=(
        "The forward recursion with `max` in place of `logsumexp`, and a note in each cell of which "
        "state the best beginning came from.",
        "After the last frame take the better of the last two states, and follow the notes back to frame 0.",
        "Collect `states[s]` on the way back and reverse the list at the end. Make sure that s-1 "
        "and s-2 are not below 0.",
    ),
    praise="This is the best path; the occupancies weigh all paths. For word times the best path "
    "is enough, but the CTC loss needs all of them.",
)
