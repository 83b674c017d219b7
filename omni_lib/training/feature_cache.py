"""The log-mels of a list of utterances, computed once: in memory where they fit, else in files that are mapped into memory.

A minute of speech takes 3 MB at each speed. 100 hours at three speeds are 55 GB: they go to the cache folder (`user_cache.py`),
in shards of 256 utterances. A shard is a file of raw float32, which the system reads as it is touched and shares between all
processes that map it; `tests/benchmarks/feature_storage.py` compares that with other ways. What is read back is bit for bit what
was computed, so where the features lie changes no weight of a training.

    features/<key>.f32    frames of its utterances one after another, (frames, 128), for each utterance speed by speed
    features/<key>.npy    (utterances, speeds) frames of each; written last: a shard without it is not there

The key is a hash of everything that the frames depend on: path, size and time of change of each sound file, the speeds, the
settings of the log-mel, and the versions that compute it. Several processes share the work: each takes the shards that no
other holds the lock of.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torchaudio
from filelock import FileLock, Timeout
from torch import Tensor
from tqdm import tqdm

from omni_lib.audio import (
    HOP_LENGTH,
    LOG_FLOOR,
    N_FFT,
    N_MELS,
    SAMPLE_RATE,
    WINDOW_LENGTH,
    LogMel,
    change_speed,
    read_audio,
)
from omni_lib.errors import UserError
from omni_lib.machine.cache import VARIABLE, cache_folder
from omni_lib.machine.files import replaced_atomically
from omni_lib.machine.resources import free_memory
from omni_lib.machine.sound.reading import open_sound
from omni_lib.manifest import Utterance
from omni_lib.text import Vocabulary

VERSION = 2  # of how features are computed and stored
SHARD_ROWS = 256
MEMORY_SHARE = 4  # features take at most one part in four of the memory that is free when they are wanted
BUDGET = "OMNI_FEATURE_MEMORY"  # an environment variable: gigabytes of features that each process may keep in memory
_FRAME_BYTES = 4 * N_MELS


class FeatureCache:
    """The log-mels of a list of utterances at every speed asked for."""

    def __init__(
        self,
        utterances: Sequence[Utterance],
        speeds: Sequence[float] = (1.0,),
        title: str = "features",
        memory_budget: int | None = None,
    ) -> None:
        """
        Args:
            memory_budget: bytes that the features may take in memory. When None, what the environment variable OMNI_FEATURE_MEMORY says
                in gigabytes, or else a quarter of what is free, shared by the processes that torchrun has started on this machine.

        Raises:
            UserError: an audio file cannot be read (`audit.readable` lists these before), or the disk has no room.
        """
        self.utterances = list(utterances)
        self.speeds = tuple(speeds)
        self.targets = [Vocabulary().encode(utterance.text) for utterance in self.utterances]
        budget = _default_budget() if memory_budget is None else memory_budget
        needed = sum(_expected_bytes(utterance.path, self.speeds) for utterance in self.utterances)
        store = InMemory if needed <= budget else OnDisk
        self._store = store(self.utterances, self.speeds, title)

    def __len__(self) -> int:
        return len(self.utterances)

    @property
    def on_disk(self) -> bool:
        return isinstance(self._store, OnDisk)

    def features(self, row: int, speed: float = 1.0) -> Tensor:
        """Raw log-mel (frames, 128) of one utterance."""
        return self._store.features(row, speed)

    def frames(self, row: int, speed: float = 1.0) -> int:
        """`len(features(row, speed))`, without touching them."""
        return self._store.frames(row, speed)


class InMemory:
    """All features as tensors."""

    def __init__(self, utterances: Sequence[Utterance], speeds: Sequence[float], title: str) -> None:
        log_mel = LogMel()
        self._features = [
            _rendered(utterance, speeds, log_mel)
            for utterance in tqdm(utterances, desc=title, unit="clip", leave=False, disable=None)
        ]

    def features(self, row: int, speed: float) -> Tensor:
        return self._features[row][speed]

    def frames(self, row: int, speed: float) -> int:
        return len(self._features[row][speed])


class OnDisk:
    """All features in files below the cache folder, each mapped into memory when it is first asked for."""

    def __init__(self, utterances: Sequence[Utterance], speeds: Sequence[float], title: str) -> None:
        folder = cache_folder() / "features"
        self._speeds = {speed: column for column, speed in enumerate(speeds)}
        self._shards = [
            _Shard(folder, tuple(utterances[first : first + SHARD_ROWS]), tuple(speeds))
            for first in range(0, len(utterances), SHARD_ROWS)
        ]
        missing = [shard for shard in self._shards if not shard.is_there()]
        try:
            folder.mkdir(exist_ok=True)
            _refuse_full_disk(
                folder,
                sum(_expected_bytes(row.path, speeds) for shard in missing for row in shard.utterances),
            )
            with tqdm(
                total=sum(len(shard.utterances) for shard in missing),
                desc=title,
                unit="clip",
                leave=False,
                disable=None,
            ) as bar:
                _compute(missing, bar)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise UserError(_no_room(folder)) from None
            raise UserError(
                f"{folder} cannot be written ({error.strerror or error}): set {VARIABLE} to a folder of yours"
            ) from None
        self._lengths = np.concatenate(
            [np.load(shard.index) for shard in self._shards]
        )  # (utterances, speeds)
        self._starts = np.empty_like(self._lengths)  # in its shard
        for first in range(0, len(utterances), SHARD_ROWS):
            part = self._lengths[first : first + SHARD_ROWS].reshape(-1)
            self._starts[first : first + SHARD_ROWS] = (np.cumsum(part) - part).reshape(-1, len(speeds))
        self._maps: dict[int, Tensor] = {}

    def features(self, row: int, speed: float) -> Tensor:
        number, column = row // SHARD_ROWS, self._speeds[speed]
        if number not in self._maps:
            self._maps[number] = self._shards[number].map()
        start = int(self._starts[row, column])
        return self._maps[number][start : start + self.frames(row, speed)]

    def frames(self, row: int, speed: float) -> int:
        return int(self._lengths[row, self._speeds[speed]])


def _compute(shards: Sequence[_Shard], bar: tqdm) -> None:
    """Compute every shard that is not there, those that another process is at last."""
    log_mel, taken = LogMel(), []
    for patience, waiting in (
        (0, shards),
        (-1, taken),
    ):  # -1: as long as it takes; whoever is killed lets go of its lock
        for shard in waiting:
            try:
                with FileLock(shard.lock, timeout=patience):
                    if not shard.is_there():
                        shard.write(log_mel)
            except Timeout:
                taken.append(shard)
                continue
            bar.update(len(shard.utterances))


@dataclass(frozen=True)
class _Shard:
    """Some utterances whose features lie in one file."""

    folder: Path
    utterances: tuple[Utterance, ...]
    speeds: tuple[float, ...]

    @functools.cached_property
    def key(self) -> str:
        return _key(self.utterances, self.speeds)

    @property
    def data(self) -> Path:
        return self.folder / f"{self.key}.f32"

    @property
    def index(self) -> Path:
        return self.folder / f"{self.key}.npy"

    @property
    def lock(self) -> Path:
        return self.folder / f"{self.key}.lock"

    def is_there(self) -> bool:
        """Whether both files are whole: after a power cut one may be short."""
        try:
            lengths = np.load(self.index)
            return (
                lengths.shape == (len(self.utterances), len(self.speeds))
                and self.data.stat().st_size == lengths.sum() * _FRAME_BYTES
            )
        except (OSError, ValueError, EOFError):
            return False

    def write(self, log_mel: LogMel) -> None:
        """Compute the features; at no instant is there an index whose data is not."""
        self.index.unlink(missing_ok=True)
        lengths = np.zeros((len(self.utterances), len(self.speeds)), dtype=np.int64)
        with replaced_atomically(self.data) as file:
            for row, utterance in enumerate(self.utterances):
                for column, mel in enumerate(_rendered(utterance, self.speeds, log_mel).values()):
                    lengths[row, column] = len(mel)
                    file.write(mel.numpy().data)
        with replaced_atomically(self.index) as file:
            np.save(file, lengths)

    def map(self) -> Tensor:
        """(frames, 128) of all the utterances and speeds. Private to the process: what is written into it reaches no file."""
        size = self.data.stat().st_size // 4
        return torch.from_file(str(self.data), shared=False, size=size, dtype=torch.float32).view(-1, N_MELS)


def _rendered(utterance: Utterance, speeds: Sequence[float], log_mel: LogMel) -> dict[float, Tensor]:
    """Raw log-mels (frames, 128) by speed."""
    waveform = read_audio(utterance.path)
    # contiguous here as on the disk: a sum over another layout of the same numbers may round otherwise
    return {speed: log_mel(change_speed(waveform, speed)).contiguous() for speed in speeds}


def _key(utterances: Sequence[Utterance], speeds: Sequence[float]) -> str:
    settings = (VERSION, SAMPLE_RATE, HOP_LENGTH, WINDOW_LENGTH, N_FFT, N_MELS, LOG_FLOOR, tuple(speeds))
    computed_by = (torch.__version__, torchaudio.__version__, torch.backends.cpu.get_cpu_capability())
    digest = hashlib.sha256(repr((settings, computed_by)).encode())
    for utterance in utterances:
        with contextlib.suppress(OSError):  # reading it will say what is wrong
            status = utterance.path.stat()
            digest.update(repr((str(utterance.path.resolve()), status.st_size, status.st_mtime_ns)).encode())
    return digest.hexdigest()[:32]


def _default_budget() -> int:
    """Bytes. A wish of the user's is a machine's affair and no setting of a run: it changes no result.

    Raises:
        UserError: the wish is no number.
    """
    wish = os.environ.get(BUDGET)
    if wish is None:
        return free_memory() // MEMORY_SHARE // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    try:
        return int(float(wish) * 1e9)
    except (ValueError, OverflowError):
        raise UserError(f"{BUDGET} is {wish!r}: it must be gigabytes, such as 0.5") from None


def _expected_bytes(path: Path, speeds: Sequence[float]) -> int:
    """What the features of a file will take, by its header."""
    try:
        with open_sound(path) as sound:
            seconds = sound.frames / max(sound.rate, 1)
    except UserError:  # reading it will say what is wrong
        return 0
    return sum(int(seconds / speed * SAMPLE_RATE / HOP_LENGTH + 1) for speed in speeds) * _FRAME_BYTES


def _refuse_full_disk(folder: Path, needed: int) -> None:
    if shutil.disk_usage(folder).free < needed:
        raise UserError(_no_room(folder, needed))


def _no_room(folder: Path, needed: int | None = None) -> str:
    amount = f"the {needed / 1e9:.1f} GB of " if needed else ""
    return (
        f"{folder} has no room for {amount}log-mels that do not fit into memory: make room ('omni data cache --clear' forgets those of "
        f"other corpora), set {VARIABLE} to a folder on a larger disk, or set speed_perturb to false, which takes a third"
    )
