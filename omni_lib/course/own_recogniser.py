"""A training with the learner's own functions in the library's places: the capstone of lesson 05.

    parts = own_parts()                                   # a table: whose each part is
    own = train_with(parts, "configs/lesson_short.json")  # a TrainingRun, with a panel
    compare(run, own)

A part is an exercise with a place in the training loop. Where the learner has solved it, the source of their
latest right answer is kept with their progress (`exercises/answers.py`). It is loaded and checked again here.
Everywhere else the library's part stays. The training is a process of its own, as every `TrainingRun`;
`own_training.py` is what it runs.
"""

from __future__ import annotations

import hashlib
import html
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast
from unittest import mock

from omni_lib.config import load_config
from omni_lib.course.exercises.answers import loaded
from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.exercises.plug_in import PlugIn, StandIn, replaced
from omni_lib.course.exercises.progress import Entry, Progress, home
from omni_lib.course.exercises.verdict import OUTCOME_SIGNS, Outcome, inline_html, sign_html
from omni_lib.course.notebooks import LESSONS
from omni_lib.course.training_run import TrainingRun
from omni_lib.errors import UserError
from omni_lib.machine.files import write_atomically
from omni_lib.runs.command import overrides
from omni_lib.runs.discovery import locate
from omni_lib.runs.lock import read_record
from omni_lib.runs.status import State
from omni_lib.training import feature_files

PARTS = {  # exercise -> what it is in the recogniser, from the sound to the error rate
    "01.log_mel": "log-mel",
    "01.normalise_padded": "batch norm",
    "02.padding_mask": "mask of the padding",
    "02.output_lengths": "lengths",
    "02.audio_encoder": "encoder",
    "03.forward_recursion": "CTC loss",
    "05.train_step": "training step",
    "05.learning_rate": "learning rate",
    "03.collapse": "collapsing of paths",
    "04.edit_counts": "errors of the WER",
}


@dataclass(frozen=True)
class Part:
    """One part of the recogniser, and whose it is in a training."""

    key: str  # of the exercise
    title: str
    source: str | None  # of the learner's function; None where the library's is used
    remark: str = ""  # why it is the library's

    @property
    def exercise(self) -> CodeExercise:
        """The exercise whose function takes this part's place."""
        return exercise_of(self.key)

    @property
    def whose(self) -> str:
        """Whose function it is, in words."""
        return "yours" if self.source is not None else "the library's"


@dataclass(frozen=True)
class Parts:
    """All parts of the recogniser. A notebook shows a table."""

    parts: tuple[Part, ...]

    @property
    def own(self) -> tuple[Part, ...]:
        """The parts of the learner."""
        return tuple(part for part in self.parts if part.source is not None)

    @property
    def summary(self) -> str:
        """How many of the parts are the learner's, in words."""
        return f"{len(self.own)} of {len(self.parts)} parts are yours"

    def sources(self) -> dict[str, str]:
        """Exercise key → source of the learner's function."""
        return {part.key: part.source for part in self.own if part.source is not None}

    def write(self) -> Path:
        """Write the sources into a file in the learner's folder, whose name depends on them alone.

        Raises:
            UserError: it cannot be written.
        """
        contents = json.dumps(self.sources(), indent=1, sort_keys=True).encode()
        path = home() / "parts" / f"{hashlib.sha256(contents).hexdigest()[:12]}.json"
        write_atomically(path, contents, "set OMNI_HOME to a folder of yours")
        return path.resolve()

    def __repr__(self) -> str:
        width = max(len(part.title) for part in self.parts)
        names = max(len(part.key) for part in self.parts)
        rows = [
            f"{_sign(part)} {part.title:{width}}  {part.key:{names}}  {part.whose}"
            + (f": {part.remark}" if part.remark else "")
            for part in self.parts
        ]
        return "\n".join([f"{self.summary}.", *rows])

    def _repr_html_(self) -> str:
        left = 'style="text-align: left"'
        rows = "".join(
            f"<tr><td {left}>{html.escape(part.title)}</td><td {left}><code>{part.key}</code></td>"
            f"<td {left}>{sign_html(_outcome(part))} "
            f"{part.whose}{inline_html(': ' + part.remark if part.remark else '')}</td></tr>"
            for part in self.parts
        )
        head = f"<tr><th {left}>part</th><th {left}>exercise</th><th {left}>whose it is</th></tr>"
        return f"<b>{self.summary}.</b><table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _outcome(part: Part) -> Outcome:
    return Outcome.NOT_ATTEMPTED if part.source is None else Outcome.RIGHT


def _sign(part: Part) -> str:
    return OUTCOME_SIGNS[_outcome(part)]


def exercise_of(key: str) -> CodeExercise:
    """The code exercise with this key."""
    stem = next(stem for stem in LESSONS if stem.startswith(key[:2]))
    module = import_module(f"omni_lib.course.lessons.{LESSONS[stem]}")
    return cast(CodeExercise, getattr(module, key.split(".", 1)[1]))


def own_parts(without: Iterable[str] = ()) -> Parts:
    """Whose each part is. Each kept answer is checked once more.

    Args:
        without: exercises that stay the library's, such as "03.forward_recursion", or only its name.

    Raises:
        UserError: `without` names something that is not a part.
    """
    names = [without] if isinstance(without, str) else list(without)
    known = {name for key in PARTS for name in (key, key.split(".", 1)[1])}
    if unknown := [name for name in names if name not in known]:
        raise UserError(f"{unknown[0]!r} is not a part: they are {', '.join(PARTS)}")
    entries = Progress.mine().read()
    return Parts(
        tuple(
            Part(key, title, None, "as you wished")
            if {key, key.split(".", 1)[1]} & set(names)
            else _part(key, title, entries.get(key, {}))
            for key, title in PARTS.items()
        )
    )


def _part(key: str, title: str, entry: Entry) -> Part:
    """A part by what the learner's progress holds of its exercise."""
    if not entry.get("right"):
        return Part(key, title, None, f"not solved yet (lesson {key[:2]})")
    if "unkept" in entry:
        return Part(key, title, None, f"yours is right, but {entry['unkept']}")
    if "source" not in entry:
        return Part(key, title, None, "yours was right, but its source was not kept: check it again")
    try:
        right = exercise_of(key).reply_to(loaded(key, entry["source"])).outcome is Outcome.RIGHT
    except Exception:  # whatever the learner's source raises where it is defined
        right = False
    if not right:
        return Part(key, title, None, "the source that was kept is not right any more: check it again")
    return Part(key, title, entry["source"])


# The training


def train_with(
    parts: Parts, config: str | Path, *, set: Mapping[str, Any] | None = None
) -> TrainingRun:  # `set`: as on the command line
    """Train with these parts, in a process of its own, into a folder beside that of the library's run.

    A run with the same parts and settings is found if it is going on or finished, and goes on if it was
    stopped. So a cell may repeat it.

    Args:
        config: a file of settings, relative to the working directory or to the project.
        set: settings that differ from it.

    Raises:
        UserError: as `TrainingRun.start`.
    """
    path, directory = locate(config)
    settings = load_config(directory / path, overrides(set, None))
    file = parts.write()
    base = Path(settings.save_dir)
    stem = f"{base.name}_with_{len(parts.own)}_own"
    for number in itertools.count(1):
        folder = base.with_name(stem if number == 1 else f"{stem}_{number}")
        run = TrainingRun(directory / folder)
        if not run.folder.exists():
            break
        record = read_record(run.folder)
        if record and str(file) in record.command:
            here = replace(settings, save_dir=str(folder))
            if run.process() or (run.status().state is State.FINISHED and run.trained_with(here)):
                return run
            if not run.status().entries or run.trained_with(here):
                break  # it was stopped
    changes = overrides({**(set or {}), "save_dir": str(folder)}, None)
    arguments = [word for change in changes for word in ("--set", change)]
    command = [sys.executable, "-m", "omni_lib.course.own_training", "--parts", str(file)]
    run.launch([*command, "--config", str(path), *arguments, "--resume"], directory)
    return run


@contextmanager
def installed(sources: Mapping[str, str]) -> Iterator[dict[str, StandIn]]:
    """Put the learner's functions into the library's places inside the `with` block.

    Args:
        sources: exercise key → source, as `Parts.sources` has them.

    Yields:
        Exercise key → its `StandIn`, which keeps the last exception of the learner's function.

    Raises:
        UserError: a key is not that of a part, or a source cannot be loaded.
    """
    stand_ins: dict[str, StandIn] = {}
    with ExitStack() as stack:
        for key, source in sources.items():
            if key not in PARTS:
                raise UserError(f"{key} is not a part: they are {', '.join(PARTS)}")
            try:
                function: Callable[..., Any] = loaded(key, source)
            except Exception as error:  # whatever the learner's source raises where it is defined
                raise UserError(
                    f"your {key} cannot be loaded ({type(error).__name__}: {error}): check it again"
                ) from error
            stand_ins[key] = StandIn(function, deadline=float("inf"))
            place = exercise_of(key).plug_in
            assert isinstance(place, PlugIn), key
            stack.enter_context(replaced(place, stand_ins[key]))
        if "01.log_mel" in sources:
            # Log-mels of a large corpus are kept in files: those of the learner under names of their own.
            digest = hashlib.sha256(sources["01.log_mel"].encode()).hexdigest()[:12]
            version = f"{feature_files.VERSION} {digest}"
            stack.enter_context(mock.patch.object(feature_files, "VERSION", version))
        yield stand_ins


def titles(keys: Sequence[str]) -> str:
    """The parts by their titles, in one line."""
    return ", ".join(PARTS[key] for key in PARTS if key in keys) or "none"
