"""Twenty real training steps with a learner's function in the library's place, and twenty without it.

An exercise names the places in the library that a right answer can take over:

    collapse = CodeExercise(key="03.collapse", …, plug_in=PlugIn(places=("omni_lib.decoding:collapse",)))

A learner then compares both trainings, step by step:

    lesson.collapse.try_in_training(collapse)

The steps are those of `omni_lib.trainer.Trainer`, on spoken clips. They start from the weights of the
pretrained encoder: the transcripts of an untrained one are random letters at first and soon empty, which
would hardly try a function that collapses paths or counts errors.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache, wraps
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import soundfile
import torch
from torch import nn

from omni_lib.config import Config, load_config
from omni_lib.course.exercises.comparison import STEPS, Comparison, Step
from omni_lib.course.exercises.shown_steps import ShownSteps
from omni_lib.course.exercises.torch_settings import settings_of_torch
from omni_lib.course.exercises.verdict import Outcome, Verdict
from omni_lib.course.materials import CLIPS, CORPUS, PRETRAINED
from omni_lib.errors import UserError
from omni_lib.machine.clone import ROOT
from omni_lib.machine.threads import beside_other_programs, threads
from omni_lib.manifest import Utterance, read_manifest, write_manifest
from omni_lib.recogniser import load_recogniser
from omni_lib.trainer import Trainer
from omni_lib.training import optimizer

if TYPE_CHECKING:
    from omni_lib.course.exercises.checking import CodeExercise

TRAIN_CLIPS, DEV_CLIPS, BATCH = 40, 8, 4
LONGEST_CLIP = 3.0  # seconds: longer clips would make the comparison slow
# seconds for the run with the learner's function: right Python loops can be too slow to train with
PATIENCE = 120.0
_SHOWN: ContextVar[ShownSteps] = ContextVar("_SHOWN")  # counts the steps of the training going on


def identity(function: Callable[..., Any]) -> Callable[..., Any]:
    """The adapter for a learner's function that has the same arguments and result as the library's."""
    return function


@dataclass(frozen=True)
class PlugIn:
    """The places in the library that a learner's function can take over.

    A place is "module:attribute", where the module is the one that calls the function: `omni_lib.decoding`
    imports `collapse` from `omni_lib.ctc`, and the place is "omni_lib.decoding:collapse". The attribute may
    belong to a class, as in "omni_lib.encoder:AudioEncoder.output_lengths". `adapt` turns the learner's
    function into what the library calls there. `muon_rate` is the setting of that name in both trainings;
    without Muon (0) they are faster.
    """

    places: tuple[str, ...]
    adapt: Callable[[Callable[..., Any]], Any] = identity
    muon_rate: float = 0.0

    def compare_runs(self, exercise: CodeExercise, function: Any) -> Comparison | Verdict:
        """Train twenty steps with `function` in these places, and twenty with the library's own.

        Returns:
            Both runs, or a verdict where `function` does not pass its check, makes training fail, or is too
            slow.
        """
        verdict = exercise.check(function)
        if verdict.outcome is not Outcome.RIGHT:
            return replace(verdict, card=None)  # the card stands below the check already
        stand_in = StandIn(function, time.monotonic() + PATIENCE)
        manifest = _manifest()
        _SHOWN.set(ShownSteps(STEPS))
        try:
            with beside_other_programs(), replaced(self, stand_in):
                number = torch.get_num_threads()  # by which sums round
                _SHOWN.get(ShownSteps(STEPS)).begin("your function")
                yours = training_steps(manifest, self.muon_rate)
        except Exception as error:  # whatever the learner's function raises, or makes the training raise
            failure = f"With your function in its place, training fails: {_in_one_line(error)}"
            return Verdict(Outcome.NOT_YET, stand_in.failure or failure)
        if stand_in.failure:  # the training loop caught the exception itself
            return Verdict(Outcome.NOT_YET, stand_in.failure)
        library = _library_steps(manifest, number, self.muon_rate)
        return Comparison(library, yours, stand_in.calls)


class StandIn:
    """A learner's function as the training loop calls it, with a count of the calls and its last failure.

    If it is a class of modules, the calls of the modules that it makes are counted and timed too.
    """

    def __init__(self, function: Callable[..., Any], deadline: float) -> None:
        """
        Args:
            deadline: on the clock of `time.monotonic`, in seconds.
        """
        self.function, self.deadline = function, deadline
        self.calls = 0
        self.failure = ""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self._count()
        try:
            result = self.function(*arguments, **named)
        except Exception as error:  # whatever the learner's function raises
            self.failure = f"In training, at call {self.calls}, your function raises {_in_one_line(error)}"
            raise
        if isinstance(result, nn.Module):
            result.register_forward_pre_hook(lambda module, given: self._count())
        return result

    def _count(self) -> None:
        self.calls += 1
        if time.monotonic() > self.deadline:
            self.failure = (
                f"Your function is right, but slow: {STEPS} steps were not done after {PATIENCE:.0f} seconds "
                f"and {self.calls} calls. Replace its loops by operations on whole tensors"
            )
            raise TimeoutError(self.failure)


def _in_one_line(error: Exception) -> str:
    text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:300]


def resolved(place: str) -> tuple[Any, str]:
    """The module or class that `place` ("module:attribute") names, and the name of the attribute in it.

    Raises:
        ModuleNotFoundError, AttributeError: the module or the attribute does not exist.
    """
    module, _, attribute = place.partition(":")
    *owners, name = attribute.split(".")
    owner = import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    getattr(owner, name)
    return owner, name


@contextmanager
def replaced(plug_in: PlugIn, function: Callable[..., Any]) -> Iterator[None]:
    """Put `function` into the places of `plug_in` inside the `with` block."""

    @wraps(function, updated=())
    def plain(*arguments: Any, **named: Any) -> Any:  # in a class, only a plain function becomes a method
        return function(*arguments, **named)

    stand_in = plug_in.adapt(plain)
    with ExitStack() as stack:
        for place in plug_in.places:
            stack.enter_context(mock.patch.object(*resolved(place), stand_in))
        yield


def training_steps(manifest: Path, muon_rate: float = 0.0) -> tuple[Step, ...]:
    """Twenty steps of the training loop from the pretrained weights, the same every time.

    The caller's random numbers are not touched, and the caller's settings of torch make no difference.

    Args:
        manifest: the corpus whose first short clips are used.
        muon_rate: as in the settings of a training.
    """
    with (
        settings_of_torch(),
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name,
        mock.patch.object(optimizer, "fast_type", lambda device: None),  # Muon, too, in single precision
        torch.random.fork_rng(devices=range(torch.cuda.device_count())),
    ):
        folder = Path(name)
        write_manifest(folder / "asr.csv", _some_clips(manifest))
        trainer = Trainer(
            _settings(folder, muon_rate), folder / "run", report=_SHOWN.get(ShownSteps(STEPS)).report
        )
        pretrained, _ = load_recogniser(PRETRAINED)
        # Keep the feature statistics that were measured on these clips: they may be the learner's work.
        features = {"encoder.feature_mean", "encoder.feature_deviation"}
        state = {name: value for name, value in pretrained.state_dict().items() if name not in features}
        trainer.recogniser.load_state_dict(state, strict=False)
        trainer.run(max_steps=STEPS)
        steps = [entry for entry in trainer.journal.log.entries if entry["type"] == "step"]
        return tuple(Step(entry["ctc_loss"], entry["wer"]) for entry in steps)


@cache
def _library_steps(manifest: Path, number: int, muon_rate: float) -> tuple[Step, ...]:
    """The steps with the library's own functions: exercises share a run on the same clips."""
    _SHOWN.get(ShownSteps(STEPS)).begin("the library's function")
    with threads(number):
        return training_steps(manifest, muon_rate)


def _settings(folder: Path, muon_rate: float) -> Config:
    """The settings of the embedded corpus, changed so that two runs that compute the same stay close.

    Rounding errors grow with every step, and faster at a high rate or in bfloat16: so the rate is a tenth,
    which is enough for a trained encoder, and everything runs in single precision. Inserted pauses are left
    out, because no exercise says what to do with a clip in which nobody speaks.
    """
    config = load_config(ROOT / "configs" / "audio_enc_tiny.json")
    return replace(
        config,
        data_path=str(folder / "asr.csv"),
        save_dir=str(folder / "run"),
        batch_size=BATCH,
        learning_rate=config.learning_rate / 10,
        muon_rate=muon_rate,
        log_every=1,
        mixed_precision=False,
        pause_perturb=0.0,
    )


def _manifest() -> Path:
    """The embedded corpus where it has been made, otherwise the clips that come with the course."""
    return CORPUS if CORPUS.exists() else CLIPS


def _some_clips(manifest: Path) -> list[Utterance]:
    """The first short train and dev clips of a corpus, or all of the course's own clips, two also as dev."""
    rows = read_manifest(manifest)
    if manifest == CLIPS:
        train = [replace(row, split="train") for row in rows.utterances]
        return train + [replace(row, split="dev") for row in rows.utterances[:2]]
    return [
        row
        for split, number in (("train", TRAIN_CLIPS), ("dev", DEV_CLIPS))
        for row in islice(filter(_is_short, rows.split(split)), number)
    ]


def _is_short(row: Utterance) -> bool:
    return float(soundfile.info(row.path).duration) <= LONGEST_CLIP
