"""Lesson 06: the encoder is loaded, frozen, projected to the width of the Thinker, and probed."""

from __future__ import annotations

from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.lessons.stage_e import judges, probe_judge, solutions
from omni_lib.course.lessons.stage_e.questions import (
    few_or_many,
    probe_says,
    ten_seconds,
    use_in_stage_e,
    voices_forgotten,
    what_is_measured,
    what_stays_behind,
    why_freeze,
)

NUMBER = "06"
TITLE = "Stage E and beyond"


# Load


load_encoder = CodeExercise(
    key="06.load_encoder",
    goal="Load the encoder from a checkpoint, as Stage E does.",
    difficulty=2,
    minutes=10,
    judge=judges.load_encoder,
    answer=solutions.load_encoder,
    hints=(
        "A checkpoint is a dictionary: `torch.load(path, map_location='cpu', "
        "weights_only=True)`. With `weights_only` no code from the file can run.",
        "Its 'config' says how large the encoder is: "
        "`AudioEncoder.from_config(config_from_dict(checkpoint['config']))`.",
        "`load_state_dict(checkpoint['enc'])` fills it, and `.eval()` puts it into the mode in which "
        "it is used, and returns it.",
    ),
    praise="The feature mean and deviation were loaded too, because they are buffers of the encoder.",
)


# Freeze


freeze = CodeExercise(
    key="06.freeze",
    goal="Freeze an encoder: no step of Stage E may change its weights or its running "
    "statistics, and it gives the same output every time.",
    difficulty=1,
    minutes=5,
    judge=judges.freeze,
    answer=solutions.freeze,
    hints=(
        "Two things change an encoder in training: gradients, and batch norms, which update their averages.",
        "`requires_grad` of a parameter says whether it gets a gradient. In one of a module's two modes, "
        "batch norms do not update their averages.",
    ),
    praise="If you later call `.train()` on the whole model, the encoder inside it is in "
    "training mode again.",
)


# 192 → 256


thinker_input = CodeExercise(
    key="06.thinker_input",
    goal="From the encoder's 192 channels to the Thinker's 256, with zeros beyond the end of each clip.",
    difficulty=2,
    minutes=8,
    judge=judges.thinker_input,
    answer=solutions.thinker_input,
    hints=(
        "A linear layer is `embeddings @ weight.T + bias`; it works on the last axis whatever stands before.",
        "Padding is zero before the layer, and no longer after it: the bias is added everywhere.",
        "`torch.arange(T) < lengths[:, None]` is true on the first `lengths` places of each row "
        "(`valid_frames` in `omni_lib.encoder`).",
    ),
    praise="The first half is `omni_lib.stage_e.AudioProjector`. Without the second half, the "
    "Thinker would read the bias as if it were speech.",
)


# Probes


linear_probe = CodeExercise(
    key="06.linear_probe",
    goal="Fit a linear probe by least squares with a penalty on large weights (ridge regression).",
    difficulty=3,
    minutes=15,
    extra=True,
    judge=probe_judge.linear_probe,
    answer=solutions.linear_probe,
    hints=(
        "Put a column of ones behind x: its weights are the bias.",
        "Where the gradient is zero, (XᵀX + penalty · I) W = Xᵀ · targets.",
        "`torch.linalg.solve(A, B)` solves A W = B; an inverse is not needed. I has D + 1 rows.",
    ),
    praise="It is one matrix, computed without iterations. What it predicts is encoded linearly "
    "in its inputs.",
)


EXERCISES = (
    load_encoder,
    what_stays_behind,
    freeze,
    why_freeze,
    thinker_input,
    ten_seconds,
    use_in_stage_e,
    linear_probe,
    voices_forgotten,
    probe_says,
    few_or_many,
    what_is_measured,
)
