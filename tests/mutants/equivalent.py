"""Mutants that no check can refuse, because they compute the same as the solution, each with the reason.

An entry is a part of the changed line, with which exactly one mutant of that exercise can be recognised.
"""

from __future__ import annotations

_SAME_LENGTHS = "`strict` matters only where the two lists differ in length, which these never do."
_BLANKS = "Every blank is preceded by a blank two states before, so that the comparison alone excludes it."
_THIRD = "State 2 is a blank, which is never reached by a skip, so that 2 may be left out."
_ON_THE_CPU = "Without a graphics card there is one device."
_AXES = "Exchanging two axes does not depend on their order."
_SUM = "A sum does not depend on the order of its terms."
_ROUNDED_LATER = "The half that remains is cut off by the next whole division, exactly as by this one."

EQUIVALENT: dict[str, dict[str, str]] = {
    "01.empty_filters": {
        "filters.mean(dim=0) == 0": "A mean is zero where the sum is.",
        "8000.0, n_mels, 16001)": "torchaudio uses `sample_rate // 2`, which is the same.",
    },
    "01.log_mel": {
        "unfold(-1, 1024, 160)": "A clip has one axis: the last is the first.",
        "8000.0, 128, 16001)": "torchaudio uses `sample_rate // 2`, which is the same.",
        "(512, 513)": "The frame on the very end is left out, so that nothing reads the last zeros.",
        "(512, 511)": "The frame on the very end is left out, so that nothing reads the last zeros.",
    },
    "01.normalise_padded": {
        "(mean - x) ** 2": "The square of a difference does not depend on its sign.",
    },
    "02.output_lengths": {
        "half = (frames + 1) / 2": _ROUNDED_LATER,
        "quarter = (half + 1) / 2": _ROUNDED_LATER,
    },
    "02.attention": {
        "key.transpose(-2, -1)": _AXES,
        "key.transpose(-1, 2)": "Of four axes, number 2 is the last but one.",
    },
    "02.subsampler": {
        "zip(self.convs, self.norms):": _SAME_LENGTHS,
        "strict=False": _SAME_LENGTHS,
    },
    "02.rotate": {
        "channel = torch.arange(half)": _ON_THE_CPU,
        "frame = torch.arange(x.shape[-2])": _ON_THE_CPU,
        "frame = torch.arange(x.shape[2], device": "Of four axes, number 2 is the last but one.",
    },
    "02.self_attention": {
        "-1)).transpose(2, 1)": _AXES,
        "attended.transpose(2, 1)": _AXES,
    },
    "02.convolution_module": {
        "self.depthwise(x.transpose(2, 1)).transpose(1, 2)": _AXES,
        "self.depthwise(x.transpose(1, 2)).transpose(2, 1)": _AXES,
    },
    "02.audio_encoder": {
        "'feature_mean', torch.ones(128)": "The mean comes with the weights, and in training from the clips.",
    },
    "02.receptive_field": {
        "zip(kernel_sizes, strides):": _SAME_LENGTHS,
        "strict=False": _SAME_LENGTHS,
    },
    "03.collapse": {
        "([], -1)": "No class has the index -1, and a path that begins with a blank loses it in any case.",
    },
    "03.count_alignments": {
        "states = [1]": "No state is compared with the first one: only state 2 could be, and it is a blank.",
        "states = [-1]": "No state is compared with the first one: only state 2 could be, and it is a blank.",
        "if s >= 2 and states[s] != states[s - 2]:": _BLANKS,
        "states[s] != -1": _BLANKS,
        "if s > 2": _THIRD,
        "if s >= 3": _THIRD,
    },
    "03.forward_recursion": {
        "torch.tensor(target)": "A target that is not empty becomes whole numbers without being told.",
        "torch.ones(len(states), dtype=torch.bool)": (
            "The first two states are skipped into from outside only, where everything is -inf."
        ),
        "may_skip[2:] = states[2:] != states[:-2]": _BLANKS,
        "states[2:] != -1": _BLANKS,
    },
    "03.backward_recursion": {
        "torch.tensor(target)": "A target that is not empty becomes whole numbers without being told.",
        "torch.ones(len(states), dtype=torch.bool)": (
            "A skip out of the last two states leads outside only, where everything is -inf."
        ),
        "may_skip[:-2] = states[2:] != states[:-2]": _BLANKS,
        "states[2:] != -1": _BLANKS,
    },
    "03.feasible": {
        "zip(target[1:], target,": "Whether two are equal does not depend on their order.",
        "zip(target, target[1:])))": "`strict=False` is the default.",
    },
    "03.entropic_loss": {
        "dim=-1) / beta": "There is one axis: the first is the last.",
    },
    "03.prefix_search": {
        "log_add(letter, blank)": _SUM,
        "log_add(both + frame[0], stays[0])": _SUM,
        "log_add(letter + frame[prefix[-1]], stays[1])": _SUM,
        "log_add(begins + frame[symbol], longer[1])": _SUM,
        "return (prefix, log_add(*ends))": "A text may be a tuple.",
    },
    "03.viterbi_path": {
        "s >= 2 and symbol != states[s - 2]": _BLANKS,
        "symbol != -1": _BLANKS,
        "(s > 2 and symbol": _THIRD,
        "(s >= 3 and symbol": _THIRD,
    },
    "04.edit_counts": {
        "min(match, delete, insert))": (
            "The errors come first in each tuple, and among ways with equally few, any will do."
        ),
    },
    "04.corpus_wer": {
        "zip(references, hypotheses)": _SAME_LENGTHS,
        "strict=False": _SAME_LENGTHS,
    },
    "04.character_error_rate": {
        "row = range(len(hypothesis) + 1)": "The first row is only read.",
        "row = list(range(len(hypothesis) + 2))": "Nothing reads an entry beyond the end of the hypothesis.",
    },
    "04.bootstrap_interval": {
        "random.Random(1)": "Any seed will do.",
        "random.Random(-1)": "Any seed will do.",
        "rates[int(-0.975 * resamples)]": "Counted from the end, it is the same rate.",
        "int(-0.025000000000000022 * resamples)": "Counted from the end, it is the same rate.",
    },
    "05.learning_rate": {
        "progress = (warmup_steps - step)": "A cosine does not depend on the sign of its angle.",
        "/ (warmup_steps - total_steps)": "A cosine does not depend on the sign of its angle.",
    },
    "05.clip_gradient": {
        "2e-12": "It only keeps a norm of zero from being divided by; any tiny number does.",
        "5e-13": "It only keeps a norm of zero from being divided by; any tiny number does.",
    },
    "05.orthogonalise": {
        "matrix.norm() - 1e-07": "It only prevents 0 / 0; zeros divided by any other number stay zeros.",
        "2e-07": "It only prevents 0 / 0; zeros divided by any other number stay zeros.",
        "5e-08": "It only prevents 0 / 0; zeros divided by any other number stay zeros.",
        "gram @ (2.0315 * gram) @ x": "A factor of a product may stand at each of its matrices.",
    },
    "06.load_encoder": {
        "torch.load(path, weights_only=True)": "Without a graphics card all tensors are loaded to the CPU.",
        "map_location='cpu')": "`weights_only=True` is torch's default.",
    },
}


def reason(key: str, mutant: str) -> str | None:
    """Why a mutant of an exercise is equivalent to its solution; None where it is not listed."""
    changed = mutant.split("  →  ")[1]
    return next((why for part, why in EQUIVALENT.get(key, {}).items() if part in changed), None)
