"""The log-mels of a list of utterances, computed once: in memory if they fit, else in files.

A minute of speech takes 3 MB at each speed. The values are bit for bit those that were computed, so a
training gives the same weights wherever its features are.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from torch import Tensor
from tqdm import tqdm

from omni_lib.audio import LogMel
from omni_lib.errors import UserError
from omni_lib.machine.resources import free_memory
from omni_lib.manifest import Utterance
from omni_lib.text import Vocabulary
from omni_lib.training.feature_files import OnDisk
from omni_lib.training.features import Watch, expected_bytes, rendered

MEMORY_SHARE = 4  # features take at most a quarter of the memory that is free
# environment variable: gigabytes of features that a process may keep in memory
BUDGET = "OMNI_FEATURE_MEMORY"


def _unwatched(title: str, done: int, of: int) -> None:
    """The default of `watch`: it does nothing."""


class FeatureCache:
    """The log-mels of a list of utterances at each of some speeds."""

    def __init__(
        self,
        utterances: Sequence[Utterance],
        speeds: Sequence[float] = (1.0,),
        title: str = "features",
        memory_budget: int | None = None,
        watch: Watch = _unwatched,
    ) -> None:
        """
        Args:
            title: what the features are called in the progress bar and for `watch`.
            watch: called with the title, how many utterances are computed, and of how many, again and again.
            memory_budget: bytes that the features may take in memory. None: the gigabytes in the environment
                variable OMNI_FEATURE_MEMORY, or else a quarter of the free memory, divided by the number of
                processes that torchrun has started on this machine.

        Raises:
            UserError: an audio file cannot be read (`audit.readable` leaves these out before), or the disk is
                full.
        """
        self.utterances = list(utterances)
        self.speeds = tuple(speeds)
        vocabulary = Vocabulary()
        self.targets = [vocabulary.encode(utterance.text) for utterance in self.utterances]
        budget = _default_budget() if memory_budget is None else memory_budget
        needed = sum(expected_bytes(utterance.path, self.speeds) for utterance in self.utterances)
        store = InMemory if needed <= budget else OnDisk
        self._store = store(self.utterances, self.speeds, title, watch)

    def __len__(self) -> int:
        return len(self.utterances)

    @property
    def on_disk(self) -> bool:
        """Whether the features are in files, because they are too large for the memory."""
        return isinstance(self._store, OnDisk)

    def features(self, row: int, speed: float = 1.0) -> Tensor:
        """Raw log-mel (frames, 128) of one utterance."""
        return self._store.features(row, speed)

    def frames(self, row: int, speed: float = 1.0) -> int:
        """`len(features(row, speed))`, without reading the features."""
        return self._store.frames(row, speed)


class InMemory:
    """All features as tensors in memory; `OnDisk` has the same methods."""

    def __init__(
        self, utterances: Sequence[Utterance], speeds: Sequence[float], title: str, watch: Watch
    ) -> None:
        log_mel = LogMel()
        self._features: list[dict[float, Tensor]] = []
        for utterance in tqdm(utterances, desc=title, unit="clip", leave=False, disable=None):
            watch(title, len(self._features), len(utterances))
            self._features.append(rendered(utterance, speeds, log_mel))

    def features(self, row: int, speed: float) -> Tensor:
        """Raw log-mel (frames, 128) of utterance `row` at one of the speeds."""
        return self._features[row][speed]

    def frames(self, row: int, speed: float) -> int:
        """The number of frames of `features(row, speed)`."""
        return len(self._features[row][speed])


def _default_budget() -> int:
    """Bytes of features that this process may keep in memory.

    It is an environment variable and not a setting, because it depends on the machine and does not change the
    result.

    Raises:
        UserError: the variable is not a number.
    """
    gigabytes = os.environ.get(BUDGET)
    if gigabytes is None:
        return free_memory() // MEMORY_SHARE // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    try:
        return int(float(gigabytes) * 1e9)
    except (ValueError, OverflowError):
        raise UserError(f"{BUDGET} is {gigabytes!r}: it must be gigabytes, such as 0.5") from None
