"""Trainings of equally many steps on more and more different utterances, kept in a file for lesson 06.

    python -m omni_lib.course.more_speech CHECKPOINT …    # writes data/lessons/more_speech.json

Every training takes about 2500 steps with the same settings, so all of them cost the same. The more
utterances there are, the less often each is used: 250 are used 80 times each, 20,000 only once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from omni_lib.course.figures import of_type, page_style
from omni_lib.course.materials import reading, test_utterances
from omni_lib.course.palette import BLUE, ORANGE
from omni_lib.errors import UserError
from omni_lib.inference.evaluation import evaluate
from omni_lib.machine.clone import ROOT
from omni_lib.machine.files import write_atomically
from omni_lib.manifest import read_manifest
from omni_lib.recogniser import load_recogniser
from omni_lib.runs.log import read_log
from omni_lib.weights import load_checkpoint

MORE_SPEECH = ROOT / "data" / "lessons" / "more_speech.json"
TOLERANCE = 0.03  # by which the numbers of steps may differ: the last batch of an epoch is seldom full


@dataclass(frozen=True)
class SpeechRun:
    """One training, and its word error rates as fractions."""

    utterances: int  # different ones, in the training part
    epochs: int
    steps: int
    seed: int
    training_wer: float  # on the training batches of the last 100 steps, augmentation included
    wer: float  # on the test set of the embedded corpus, whose voices and sentences are in no training
    low: float  # the 95% interval of `wer`, resampled by speaker
    high: float


def more_speech(path: Path = MORE_SPEECH) -> list[SpeechRun]:
    """The trainings in the file, by the number of utterances.

    Raises:
        UserError: the file is missing or damaged.
    """
    with reading(path):
        runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
        return [SpeechRun(**run) for run in runs]


def measured(checkpoint: Path) -> SpeechRun:
    """Read a checkpoint, its log and its manifest, and transcribe the test set with it.

    Raises:
        UserError: one of them cannot be read.
    """
    recogniser, config = load_recogniser(checkpoint)
    log = of_type(read_log(checkpoint.parent / "training_log.json")["entries"], "step")
    utterances = len(read_manifest(config.data_path).split("train"))
    result = evaluate(recogniser, test_utterances())
    low, high = result.interval()
    return SpeechRun(
        utterances=utterances,
        epochs=config.num_epochs,
        steps=int(load_checkpoint(checkpoint)["step"]),
        seed=config.seed,
        training_wer=round(log[-1]["wer"], 4),
        wer=round(result.wer, 4),
        low=round(low, 4),
        high=round(high, 4),
    )


def error_curve(runs: Sequence[SpeechRun]) -> Figure:
    """The error rates on the test set and in training against the number of utterances."""
    counts = [run.utterances for run in runs]
    rates = [100 * run.wer for run in runs]
    reach = (
        [rate - 100 * run.low for rate, run in zip(rates, runs, strict=True)],
        [100 * run.high - rate for rate, run in zip(rates, runs, strict=True)],
    )
    with page_style():
        figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
        axes.errorbar(
            counts,
            rates,
            reach,
            color=BLUE,
            marker="o",
            capsize=3,
            label="test set: unknown voices and sentences",
        )
        axes.plot(
            counts,
            [100 * run.training_wer for run in runs],
            color=ORANGE,
            linestyle="--",
            marker="s",
            label="training batches of the last 100 steps",
        )
        axes.set(
            xscale="log",
            xlabel="different utterances in training",
            ylabel="word error rate (%)",
            ylim=(0, None),
        )
        axes.set_xticks(
            counts, [f"{count:,}\n({run.epochs} ×)" for count, run in zip(counts, runs, strict=True)]
        )
        axes.xaxis.set_minor_locator(NullLocator())
        axes.legend()
    return figure


def write(runs: Sequence[SpeechRun], path: Path = MORE_SPEECH) -> None:
    """Write the file as a whole or not at all."""
    lines = ",\n  ".join(json.dumps(asdict(run)) for run in runs)
    write_atomically(path, f'{{"runs": [\n  {lines}\n]}}\n'.encode())


def main(checkpoints: Sequence[str]) -> int:
    """Write the file again from checkpoints that differ in the training speech alone; the exit status."""
    try:
        if not checkpoints:
            raise UserError("name the checkpoints of the trainings")
        configs = [load_recogniser(path)[1] for path in checkpoints]
        alike = {replace(config, data_path="", save_dir="", num_epochs=1) for config in configs}
        if len(alike) > 1:
            raise UserError("the trainings differ in more than their speech: nothing can be compared")
        runs = sorted((measured(Path(path)) for path in checkpoints), key=lambda run: run.utterances)
        steps = [run.steps for run in runs]
        if max(steps) > (1 + TOLERANCE) * min(steps):
            raise UserError(f"the trainings took {min(steps)} to {max(steps)} steps: nothing can be compared")
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    write(runs)
    print(f"{MORE_SPEECH.relative_to(ROOT).as_posix()}: {len(runs)} trainings")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
