"""Log-mels in memory-mapped files, for corpora whose features do not fit into memory.

100 hours at three speeds take 55 GB. They are in the cache folder (`machine/cache.py`), in shards of 256
utterances. A shard is a file of raw float32. The system reads its pages when they are used, and shares them
between all processes that map the file; `tests/benchmarks/feature_storage.py` compares this with other
formats.

    features/<key>.f32    (frames, 128): the frames of all its utterances, for each utterance speed by speed
    features/<key>.npy    (utterances, speeds): number of frames; written last, so it marks a complete shard

The key is a hash of everything that the frames depend on: path, size and time of change of each sound file,
the speeds, the settings of the log-mel, and the versions of the software. Several processes share the work:
each computes the shards whose lock no other process holds.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torchaudio
from filelock import FileLock, Timeout
from torch import Tensor
from tqdm import tqdm

from omni_lib.audio import HOP_LENGTH, LOG_FLOOR, N_FFT, N_MELS, SAMPLE_RATE, WINDOW_LENGTH, LogMel
from omni_lib.errors import UserError
from omni_lib.machine.cache import VARIABLE, cache_folder
from omni_lib.machine.files import replaced_atomically
from omni_lib.manifest import Utterance
from omni_lib.training.features import FRAME_BYTES, Watch, expected_bytes, rendered

VERSION = 2  # of how features are computed and stored
SHARD_ROWS = 256


class OnDisk:
    """All features in files in the cache folder, which are mapped into memory."""

    def __init__(
        self, utterances: Sequence[Utterance], speeds: Sequence[float], title: str, watch: Watch
    ) -> None:
        folder = cache_folder() / "features"
        self._speeds = {speed: column for column, speed in enumerate(speeds)}
        self._shards = [
            _Shard(folder, tuple(utterances[first : first + SHARD_ROWS]), tuple(speeds))
            for first in range(0, len(utterances), SHARD_ROWS)
        ]
        _write_missing(folder, self._shards, title, watch)
        self._lengths = np.concatenate([np.load(shard.index) for shard in self._shards])  # (rows, speeds)
        self._starts = np.empty_like(self._lengths)  # first frame of each in its shard
        for first in range(0, len(utterances), SHARD_ROWS):
            part = self._lengths[first : first + SHARD_ROWS].reshape(-1)
            self._starts[first : first + SHARD_ROWS] = (np.cumsum(part) - part).reshape(-1, len(speeds))
        # all of them now: a mapped file can still be read after it was deleted (`omni data cache --clear`)
        self._maps = [shard.map() for shard in self._shards]

    def features(self, row: int, speed: float) -> Tensor:
        """Raw log-mel (frames, 128) of utterance `row` at one of the speeds."""
        number, column = row // SHARD_ROWS, self._speeds[speed]
        start = int(self._starts[row, column])
        return self._maps[number][start : start + self.frames(row, speed)]

    def frames(self, row: int, speed: float) -> int:
        """The number of frames of `features(row, speed)`."""
        return int(self._lengths[row, self._speeds[speed]])


def _write_missing(folder: Path, shards: Sequence[_Shard], title: str, watch: Watch) -> None:
    """Compute the shards that are not in `folder` yet.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    missing = [shard for shard in shards if not shard.is_there()]
    rows = [(row, shard.speeds) for shard in missing for row in shard.utterances]
    try:
        folder.mkdir(exist_ok=True)
        _refuse_full_disk(folder, sum(expected_bytes(row.path, speeds) for row, speeds in rows))
        with tqdm(total=len(rows), desc=title, unit="clip", leave=False, disable=None) as bar:
            _compute(missing, bar, lambda done: watch(title, done, len(rows)))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise UserError(_no_room(folder)) from None
        raise UserError(
            f"{folder} cannot be written ({error.strerror or error}): set {VARIABLE} to a folder of yours"
        ) from None


def _compute(shards: Sequence[_Shard], bar: tqdm, watch: Callable[[int], None]) -> None:
    """Compute every missing shard; last those that another process has begun, if it has not finished them.

    Args:
        watch: called with the number of utterances that are done.
    """
    log_mel = LogMel()
    done = 0  # `bar` does not count where there is no terminal
    taken: list[_Shard] = []
    # -1: wait for the lock as long as it takes; the lock of a process that was killed is free
    for patience, waiting in ((0, shards), (-1, taken)):
        for shard in waiting:
            if not shard.complete(log_mel, functools.partial(_count_on, watch, done), patience):
                taken.append(shard)
                continue
            bar.update(len(shard.utterances))
            done += len(shard.utterances)
            watch(done)


def _count_on(watch: Callable[[int], None], done: int, row: int) -> None:
    """Utterance `row` of a shard is next; those of earlier shards are `done`."""
    watch(done + row)


@dataclass(frozen=True)
class _Shard:
    """Some utterances whose features are in one file."""

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
        """Whether both files are complete: after a power cut one may be short."""
        try:
            lengths = np.load(self.index)
            expected = (len(self.utterances), len(self.speeds))
            size = self.data.stat().st_size
            return bool(lengths.shape == expected and size == lengths.sum() * FRAME_BYTES)
        except (OSError, ValueError, EOFError):
            return False

    def complete(self, log_mel: LogMel, watch: Callable[[int], None], patience: float) -> bool:
        """Write the shard unless it is there; false if another process holds its lock.

        Args:
            watch: as in `write`.
            patience: seconds to wait for the lock; -1: as long as it takes.
        """
        try:
            with FileLock(self.lock, timeout=patience):
                if not self.is_there():
                    self.write(log_mel, watch)
        except Timeout:
            return False
        return True

    def write(self, log_mel: LogMel, watch: Callable[[int], None]) -> None:
        """Compute the features. The index is written last, so that there is never one without its data.

        Args:
            watch: called with the number of each utterance before it is computed.
        """
        self.index.unlink(missing_ok=True)
        lengths = np.zeros((len(self.utterances), len(self.speeds)), dtype=np.int64)
        with replaced_atomically(self.data) as file:
            for row, utterance in enumerate(self.utterances):
                watch(row)
                for column, mel in enumerate(rendered(utterance, self.speeds, log_mel).values()):
                    lengths[row, column] = len(mel)
                    file.write(mel.numpy().data)
        with replaced_atomically(self.index) as file:
            np.save(file, lengths)

    def map(self) -> Tensor:
        """(frames, 128) of all utterances and speeds; writing to this tensor does not change the file."""
        size = self.data.stat().st_size // 4
        return torch.from_file(str(self.data), shared=False, size=size, dtype=torch.float32).view(-1, N_MELS)


def _key(utterances: Sequence[Utterance], speeds: Sequence[float]) -> str:
    settings = (VERSION, SAMPLE_RATE, HOP_LENGTH, WINDOW_LENGTH, N_FFT, N_MELS, LOG_FLOOR, tuple(speeds))
    computed_by = (torch.__version__, torchaudio.__version__, torch.backends.cpu.get_cpu_capability())
    digest = hashlib.sha256(repr((settings, computed_by)).encode())
    for utterance in utterances:
        with contextlib.suppress(OSError):  # reading the file will raise the right error
            status = utterance.path.stat()
            digest.update(repr((str(utterance.path.resolve()), status.st_size, status.st_mtime_ns)).encode())
    return digest.hexdigest()[:32]


def _refuse_full_disk(folder: Path, needed: int) -> None:
    if shutil.disk_usage(folder).free < needed:
        raise UserError(_no_room(folder, needed))


def _no_room(folder: Path, needed: int | None = None) -> str:
    amount = f"the {needed / 1e9:.1f} GB of " if needed else ""
    return (
        f"{folder} has no room for {amount}log-mels that do not fit into memory: free some space "
        f"('omni data cache --clear' removes those of all corpora), set {VARIABLE} to a folder on a larger "
        "disk, or set speed_perturb to false, which needs a third of the space"
    )
