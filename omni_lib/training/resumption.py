"""The checkpoint from which a run is resumed, and whether its settings and its data are still the same."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from omni_lib.config import MAY_DIFFER, Config
from omni_lib.errors import UserError
from omni_lib.machine.distributed import is_writer
from omni_lib.machine.threads import MOST_THREADS
from omni_lib.manifest import read_manifest
from omni_lib.training.audit import readable, trainable
from omni_lib.training.checkpoint import load_newest
from omni_lib.training.fingerprint import Fingerprint
from omni_lib.training.objective import repeated_words
from omni_lib.weights import checkpoint_config

_WORD_WEIGHT = "objective.words.head.linear.weight"  # (classes, d_model), in the state of `ModelWithLoss`
_NO_WORDS = 2  # classes of the word head besides words: the blank and every other word
ACCEPT = "add --set accept_changed_data=true (in Python: set={'accept_changed_data': True})"


@dataclass(frozen=True)
class Resumption:
    """A checkpoint to resume from, and what is needed from it before the data is read."""

    path: Path
    contents: dict[str, Any]
    step: int
    total_steps: int
    data: Fingerprint | None  # None: written by a version that kept none
    words: list[str] | None  # the classes of the word head, in their order; None as above
    threads: int | None  # with which the run computes; None as above, or for several processes

    @property
    def is_finished(self) -> bool:
        """Whether the run has no step left; changed data that was accepted may have made it shorter."""
        return self.step >= self.total_steps

    def refuse_changed_data(self, now: Fingerprint, config: Config) -> str | None:
        """Compare the data of the run with the data as it is now.

        Returns:
            The first change, if there is one and `accept_changed_data` allows it.

        Raises:
            UserError: the data has changed, and `accept_changed_data` is false.
        """
        change = self.data.first_change(now) if self.data else None
        if change and not config.accept_changed_data:
            raise UserError(
                f"{config.data_path} has changed since the run in {self.path.parent} was trained on it: "
                f"{change}. Restore the data, train into another save_dir, or {ACCEPT} "
                "to go on with the changed data"
            )
        return change

    def report_changed_data(self, config: Config, report: Callable[[str], None]) -> None:
        """For a finished run: report the first change of its data, if the data is still there to compare."""
        if self.data is None or not is_writer():
            return
        with contextlib.suppress(UserError):  # a finished run needs no data
            manifest = read_manifest(config.data_path)
            rows = trainable(manifest, config, lambda line: None)
            dev_rows = readable(manifest, config, "dev", lambda line: None)
            if change := self.data.first_change(Fingerprint.of(rows, dev_rows)):
                report(
                    f"! The run in {self.path.parent} is finished, and {config.data_path} has changed since: "
                    f"{change}. To train on the changed data, choose another save_dir"
                )

    def refuse_other_length(self, total_steps: int, config: Config) -> None:
        """Compare the length of the schedule with `total_steps`, which the data makes now.

        Only a checkpoint without a fingerprint of its data needs this.

        Raises:
            UserError: they differ, and `accept_changed_data` is false.
        """
        if self.total_steps != total_steps and not config.accept_changed_data:
            raise UserError(
                f"the run in {self.path.parent} has {self.total_steps} steps, this data makes {total_steps}: "
                f"restore the data that the run began with, train into another save_dir, or {ACCEPT}"
            )

    def words_of(self, texts: Sequence[str]) -> list[str]:
        """The classes of the word head: the checkpoint's, or those of `texts` if it is too old to hold them.

        Raises:
            UserError: it is too old, and its word head has another number of classes.
        """
        if self.words is not None:
            return self.words
        words = repeated_words(texts)
        model = self.contents["resume"].get("model")
        weight = model.get(_WORD_WEIGHT) if isinstance(model, dict) else None
        if isinstance(weight, Tensor) and weight.ndim == 2 and len(weight) != len(words) + _NO_WORDS:
            had = len(weight) - _NO_WORDS
            raise UserError(
                f"the training texts of the run in {self.path.parent} had {had} words that occur more than "
                f"once, now they have {len(words)}: restore the data that the run began with, "
                "or train into another save_dir"
            )
        return words


def load_to_resume(folder: Path, config: Config) -> Resumption | None:
    """The newest checkpoint of the run in `folder`, to be resumed with `config`; None if there is none.

    Nothing in the folder changes.

    Raises:
        UserError: the checkpoint is damaged or for inference only, or its run has other settings.
    """
    found = load_newest(folder)
    if found is None:
        return None
    path, contents = found
    state = contents.get("resume")
    if not isinstance(state, dict):
        raise UserError(f"{path} is for inference only and cannot be resumed: train into another save_dir")
    total_steps = state.get("total_steps")
    if type(total_steps) is not int:
        raise UserError(
            f"{path} does not record how many steps its run has and cannot be resumed: "
            "train into another save_dir"
        )
    try:
        data = Fingerprint.from_state_dict(state["data"]) if "data" in state else None
        words = _words(state.get("words"))
        threads = _threads(state.get("threads"))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} cannot be resumed by this version ({type(error).__name__}: {error}): "
            "train into another save_dir"
        ) from None
    before = checkpoint_config(contents, path)
    refuse_other_settings(folder, before, config)
    if data is None:
        _refuse_data_elsewhere(folder, before, config)
    return Resumption(path, contents, contents["step"], total_steps, data, words, threads)


def _words(words: Any) -> list[str] | None:
    if words is not None and not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise TypeError("the words of the word head are not a list of texts")
    return words


def _threads(threads: Any) -> int | None:
    if threads is not None and not (type(threads) is int and 1 <= threads <= MOST_THREADS):
        raise TypeError(f"the number of threads is not a number from 1 to {MOST_THREADS}")
    return threads


def refuse_other_settings(folder: Path, before: Config, now: Config) -> None:
    """A run may only be resumed with its own settings, apart from those in `config.MAY_DIFFER`.

    Raises:
        UserError: the first setting that differs, by name.
    """
    old = before.to_dict()
    for key, value in now.to_dict().items():
        if key not in MAY_DIFFER and old[key] != value:
            raise UserError(
                f"{folder} was trained with {key} = {old[key]}, now it is {value}: "
                "set it back to resume, or choose another save_dir"
            )


def _refuse_data_elsewhere(folder: Path, before: Config, now: Config) -> None:
    """Refuse another data_path for a checkpoint without a fingerprint, unless it leads to the same file."""
    same_file = os.path.realpath(before.data_path) == os.path.realpath(now.data_path)
    if not (same_file or now.accept_changed_data):
        raise UserError(
            f"{folder} was trained with data_path = {before.data_path}, now it is {now.data_path}, and its "
            f"checkpoint is too old to tell whether the data is the same: set it back, or {ACCEPT} if it is"
        )
