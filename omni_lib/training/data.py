"""The data of one run: its audited rows, their log-mels with mean and deviation, and its batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from torch import Tensor

from omni_lib.audio import feature_statistics
from omni_lib.config import Config
from omni_lib.machine import distributed
from omni_lib.manifest import Utterance, read_manifest
from omni_lib.training.audit import readable, trainable
from omni_lib.training.batching import TrainingBatches
from omni_lib.training.feature_cache import FeatureCache
from omni_lib.training.features import Watch
from omni_lib.training.fingerprint import Fingerprint
from omni_lib.training.resumption import Resumption


@dataclass(frozen=True)
class RunData:
    """The data that a run trains and is evaluated on."""

    rows: Sequence[Utterance]  # of the training part
    batches: TrainingBatches
    dev: FeatureCache
    feature_mean: Tensor  # (128,), float64, of the training part as recorded
    feature_deviation: Tensor  # (128,)
    fingerprint: Fingerprint

    @classmethod
    def load(
        cls, config: Config, earlier: Resumption | None, report: Callable[[str], None], watch: Watch
    ) -> Self:
        """Audit the manifest, refuse data that differs from what the run began with, compute the features.

        Args:
            earlier: the checkpoint to continue from, or None for a new run.
            report: called with each line that the user should see.
            watch: called while the features are computed, as by `FeatureCache`.

        Raises:
            UserError: the data cannot be used for training, or has changed.
        """
        report(f"Loading audio data from {config.data_path}...")
        manifest = read_manifest(config.data_path)
        rows = trainable(manifest, config, report)
        # the rows that the table itself spoils belong to no split, and are reported by now
        dev_rows = readable(replace(manifest, problems=[]), config, "dev", report)
        report(f"Found {len(rows)} audio samples for training, {len(dev_rows)} for dev")

        found = Fingerprint.of(rows, dev_rows) if distributed.is_writer() else None
        fingerprint = next(each for each in distributed.gathered(found) if each)
        if earlier and (change := earlier.refuse_changed_data(fingerprint, config)):
            report(f"! Going on with changed data: {change}")

        features = FeatureCache(rows, config.speeds, "training features", watch=watch)
        dev = FeatureCache(dev_rows, title="dev features", watch=watch)
        mean, deviation = feature_statistics([features.features(row) for row in range(len(features))])
        batches = TrainingBatches(features, config, mean.float())
        return cls(rows, batches, dev, mean, deviation, fingerprint)
