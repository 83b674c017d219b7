"""Two trainings of one recipe, without and with a bonus for the entropy of alignments, kept in a file.

    python -m omni_lib.course.entropy_runs CHECKPOINT CHECKPOINT    # writes data/lessons/entropy_runs.json

Lesson 03 compares the two. Nothing but the weight of the bonus differs between them, so what differs in their
results is due to it, or to chance.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from omni_lib.audio import LogMel, read_audio
from omni_lib.course.hypotheses import hypotheses
from omni_lib.course.materials import clips, reading, test_utterances
from omni_lib.errors import UserError
from omni_lib.inference.evaluation import evaluate
from omni_lib.machine.clone import ROOT
from omni_lib.machine.files import write_atomically
from omni_lib.metrics import ErrorCount, word_errors
from omni_lib.recogniser import Recogniser, load_recogniser
from omni_lib.training.diagnosis import Posteriors, posteriors
from omni_lib.weights import load_checkpoint

ENTROPY_RUNS = ROOT / "data" / "lessons" / "entropy_runs.json"
CLIP = "command"
SMALLEST = 1e-5  # probability in the file, where four digits are kept; a logarithm of 0 would be infinite


@dataclass(frozen=True)
class EntropyRun:
    """A training, and what its encoder writes for the test set of the embedded corpus."""

    weight: float  # of the bonus at the peak of the learning rate
    steps: int
    seed: int
    posteriors: Posteriors  # sums over the frames of the test set
    texts: dict[str, str]  # name of the sound file → transcript, greedy
    shares: list[list[float]]  # probabilities (T, 29) of the clip `CLIP`

    @property
    def log_probs(self) -> Tensor:
        """The posteriors of the clip `CLIP` as natural logarithms: (T, 29)."""
        return torch.tensor(self.shares).clamp_min(SMALLEST).log()

    def word_errors(self) -> tuple[list[ErrorCount], list[str]]:
        """Errors and speaker of each test utterance, in the order of the corpus."""
        rows = hypotheses("test")
        return [word_errors(row.reference, self.texts[row.name]) for row in rows], [
            row.speaker for row in rows
        ]


def entropy_runs(path: Path = ENTROPY_RUNS) -> list[EntropyRun]:
    """The trainings in the file, by the weight of the bonus.

    Raises:
        UserError: the file is missing or damaged.
    """
    with reading(path):
        runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
        return [EntropyRun(**{**run, "posteriors": Posteriors(**run["posteriors"])}) for run in runs]


def measured(checkpoint: Path) -> EntropyRun:
    """Read a checkpoint and transcribe the test set with it, which takes a minute.

    Raises:
        UserError: the checkpoint cannot be read.
    """
    recogniser, config = load_recogniser(checkpoint)
    sums = Posteriors()

    def watching(log_probs: Tensor, lengths: Tensor) -> list[str]:
        nonlocal sums
        sums += posteriors(log_probs, lengths)
        return recogniser.greedy(log_probs, lengths)

    result = evaluate(recogniser, test_utterances(), watching)
    pairs = zip(result.utterances, result.hypotheses, strict=True)
    return EntropyRun(
        weight=config.alignment_entropy,
        steps=int(load_checkpoint(checkpoint)["step"]),
        seed=config.seed,
        posteriors=replace(sums, entropy_nats=round(sums.entropy_nats, 2)),
        texts=dict(sorted((row.path.stem, text) for row, text in pairs)),
        shares=_shares(recogniser),
    )


def _shares(recogniser: Recogniser) -> list[list[float]]:
    mel = LogMel()(read_audio(clips()[CLIP].path))
    with torch.inference_mode():
        log_probs, lengths = recogniser(mel[None], torch.tensor([len(mel)]))
    return [[round(share, 4) for share in frame] for frame in log_probs[0, : lengths[0]].exp().tolist()]


def write(runs: Sequence[EntropyRun], path: Path = ENTROPY_RUNS) -> None:
    """Write the file as a whole or not at all."""
    lines = json.dumps({"runs": [asdict(run) for run in runs]}, separators=(",", ":"))
    write_atomically(path, lines.replace("],[", "],\n[").encode() + b"\n")


def main(checkpoints: Sequence[str]) -> int:
    """Write the file again from two checkpoints that differ in the weight alone; the exit status."""
    try:
        if len(checkpoints) != 2:
            raise UserError("name the checkpoints of the two trainings")
        configs = [load_recogniser(path)[1] for path in checkpoints]
        if len({replace(config, alignment_entropy=0.0, save_dir="") for config in configs}) > 1:
            raise UserError("the trainings differ in more than alignment_entropy: nothing can be compared")
        runs = sorted((measured(Path(path)) for path in checkpoints), key=lambda run: run.weight)
        if len({run.steps for run in runs}) > 1:
            raise UserError("the trainings have different numbers of steps: nothing can be compared")
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    write(runs)
    print(f"{ENTROPY_RUNS.relative_to(ROOT).as_posix()}: {len(runs)} trainings")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
