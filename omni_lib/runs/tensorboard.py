"""The training log for TensorBoard too: `tensorboard --logdir checkpoints` draws it while the run goes on.

What it shows is copied from the entries of `training_log.json`, which stays the record of the run.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omni_lib.errors import UserError

FOLDER = "tensorboard"  # inside the run's


class TensorBoard:
    """One run's entries as curves, named by type and figure: step/ctc_loss, epoch/dev_wer."""

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            UserError: TensorBoard is not installed.
        """
        if find_spec("tensorboard") is None:
            raise UserError(
                "tensorboard is true, but it is not installed: pip install omni-lib[tensorboard], or set it to false"
            )
        self.folder, self._writer = folder / FOLDER, None

    def add(self, entry: dict[str, Any]) -> None:
        """Draw the figures of a log entry at its step."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            # What an earlier process said from this step on, after its last checkpoint, is said again now.
            self._writer = SummaryWriter(str(self.folder), purge_step=entry["step"])
        for name, value in entry.items():
            if isinstance(value, float):
                self._writer.add_scalar(f"{entry['type']}/{name}", value, entry["step"])
        for number, pair in enumerate(entry.get("transcripts", [])):
            self._writer.add_text(
                f"dev/{number}", f"said: {pair['said']}  \nheard: {pair['heard']}", entry["step"]
            )
        self._writer.flush()
