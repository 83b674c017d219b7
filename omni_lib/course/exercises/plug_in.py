"""Plug in mine: twenty real training steps with a learner's function in the library's place, beside twenty without it.

    collapse = CodeExercise(key="03.collapse", …, plug_in=PlugIn(places=("omni_lib.decoding:collapse",)))

    lesson.collapse.try_in_training(collapse)     # a table of both runs, and whether anything changed

The steps are those of `omni_lib.trainer.Trainer`, on spoken clips. They begin at the weights of the pretrained encoder: one that knows
nothing writes nothing, and there would be nothing to collapse or to count.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache, wraps
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import soundfile
import torch

from omni_lib.config import Config, load_config
from omni_lib.course.exercises.comparison import STEPS, Comparison, Step
from omni_lib.course.exercises.verdict import Outcome, Verdict
from omni_lib.course.materials import CLIPS, CORPUS, PRETRAINED
from omni_lib.errors import UserError
from omni_lib.machine.clone import ROOT
from omni_lib.manifest import Utterance, read_manifest, write_manifest
from omni_lib.recogniser import load_recogniser
from omni_lib.trainer import Trainer

if TYPE_CHECKING:
    from omni_lib.course.exercises.checking import CodeExercise

TRAIN_CLIPS, DEV_CLIPS = 40, 8
LONGEST = 4.0  # seconds of a clip: it shall not take long
PATIENCE = 120.0  # seconds for the run with the learner's function: a loop in Python may be right and yet too slow to train with


def unchanged(function: Callable[..., Any]) -> Callable[..., Any]:
    """The adapter for an exercise that asks for the very function that the library has."""
    return function


@dataclass(frozen=True)
class PlugIn:
    """Where in the library a learner's function can stand in.

    Places are "module:attribute" as they are looked up at run time: after `from omni_lib.ctc import collapse` in `omni_lib.decoding`, the
    place is "omni_lib.decoding:collapse". The attribute may be one of a class ("omni_lib.encoder:AudioEncoder.output_lengths").
    `adapt` makes of the learner's function what the library expects there.
    """

    places: tuple[str, ...]
    adapt: Callable[[Callable[..., Any]], Any] = unchanged

    def train_with(self, exercise: CodeExercise, function: Any) -> Comparison | Verdict:
        """Train twenty steps with `function` in the library's place and twenty without it.

        A function that is not right yet gets its verdict instead.
        """
        verdict = exercise.check(function)
        if verdict.outcome is not Outcome.RIGHT:
            return verdict
        stand_in = StandIn(function, time.monotonic() + PATIENCE)
        try:
            with replaced(self, stand_in):
                yours = training_steps()
        except Exception as error:
            return Verdict(
                Outcome.NOT_YET,
                stand_in.failure or f"With your function in its place, training fails: {_in_a_line(error)}",
            )
        if stand_in.failure:  # the loop took the exception for one of its own
            return Verdict(Outcome.NOT_YET, stand_in.failure)
        return Comparison(_library_steps(), yours, stand_in.calls)


class StandIn:
    """A learner's function as the training loop calls it: counted, and with what it raises remembered in one line."""

    def __init__(self, function: Callable[..., Any], deadline: float) -> None:
        self.function, self.deadline = function, deadline
        self.calls = 0
        self.failure = ""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        if time.monotonic() > self.deadline:
            self.failure = (
                f"Your function is right, but slow: {STEPS} steps were not done after {PATIENCE:.0f} seconds and {self.calls} calls. "
                "Let tensors do the work of a loop"
            )
            raise TimeoutError(self.failure)
        try:
            return self.function(*arguments, **named)
        except Exception as error:
            self.failure = f"In training, at its call {self.calls}, your function raises {_in_a_line(error)}"
            raise


def _in_a_line(error: Exception) -> str:
    text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:300]


@contextmanager
def replaced(plug_in: PlugIn, function: Callable[..., Any]) -> Iterator[None]:
    """For as long as this lasts, `function` stands in the places of `plug_in`."""

    @wraps(function, updated=())
    def plain(*arguments: Any, **named: Any) -> Any:  # a method's place binds `self` to functions only
        return function(*arguments, **named)

    stand_in = plug_in.adapt(plain)
    with ExitStack() as stack:
        for place in plug_in.places:
            module, _, attribute = place.partition(":")
            *owners, name = attribute.split(".")
            owner = import_module(module)
            for each in owners:
                owner = getattr(owner, each)
            stack.enter_context(mock.patch.object(owner, name, stand_in))
        yield


def training_steps() -> tuple[Step, ...]:
    """Twenty steps of the training loop from the pretrained weights, the same every time; the caller's random numbers are left alone."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name,
        torch.random.fork_rng(devices=range(torch.cuda.device_count())),
    ):
        folder = Path(name)
        write_manifest(folder / "asr.csv", _some_clips())
        trainer = Trainer(_settings(folder), folder / "run", report=lambda line: None)
        pretrained, _ = load_recogniser(PRETRAINED)
        features = {
            "encoder.feature_mean",
            "encoder.feature_deviation",
        }  # as measured on these clips: they may be the learner's work
        state = {name: value for name, value in pretrained.state_dict().items() if name not in features}
        trainer.recogniser.load_state_dict(state, strict=False)
        trainer.run(max_steps=STEPS)
        return tuple(
            Step(entry["ctc_loss"], entry["wer"]) for entry in trainer.log.entries if entry["type"] == "step"
        )


@cache
def _library_steps() -> tuple[Step, ...]:
    """The steps without any learner's function: one run serves all exercises."""
    return training_steps()


def _settings(folder: Path) -> Config:
    """Those of the embedded corpus at a tenth of its rate, which is enough for a trained encoder, and without what computes in bfloat16.

    Rounding grows with every step, and at more of either it would tell two runs apart that do the same. And without pauses: no exercise
    asks what is to be done with a clip in which nobody speaks.
    """
    config = load_config(ROOT / "configs" / "audio_enc_tiny.json")
    paths = {"data_path": str(folder / "asr.csv"), "save_dir": str(folder / "run")}
    slow = {"learning_rate": config.learning_rate / 10, "muon_rate": 0.0}
    return replace(config, **paths, **slow, log_every=1, mixed_precision=False, pause_perturb=0.0)


def _some_clips() -> list[Utterance]:
    """The first clips of the embedded corpus, or those that come with the course where it has not been made."""
    if CORPUS.exists():
        manifest = read_manifest(CORPUS)
        return [
            row
            for split, number in (("train", TRAIN_CLIPS), ("dev", DEV_CLIPS))
            for row in islice(filter(_is_short, manifest.split(split)), number)
        ]
    rows = read_manifest(CLIPS).utterances
    return [replace(row, split="train") for row in rows] + [replace(row, split="dev") for row in rows[:2]]


def _is_short(row: Utterance) -> bool:
    return soundfile.info(row.path).duration <= LONGEST
