"""The training log for TensorBoard: `tensorboard --logdir checkpoints` draws it while the run goes on.

The figures are copies of the entries of `training_log.json`, which remains the record of the run.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omni_lib.errors import UserError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"  # inside the folder of the run


class TensorBoard:
    """One run's entries as curves, named by type and figure: step/ctc_loss, epoch/dev_wer."""

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            UserError: TensorBoard is not installed.
        """
        if find_spec("tensorboard") is None:
            raise UserError(
                "tensorboard is true, but it is not installed: "
                "pip install -c constraints.txt tensorboard, or set it to false"
            )
        self.folder = folder / FOLDER
        self._writer: SummaryWriter | None = None

    def add(self, entry: dict[str, Any]) -> None:
        """Draw the figures of a log entry at its step."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            # What an earlier process wrote after its last checkpoint is removed: it is written again.
            self._writer = SummaryWriter(str(self.folder), purge_step=entry["step"])
        for name, value in entry.items():
            if isinstance(value, float):
                self._writer.add_scalar(f"{entry['type']}/{name}", value, entry["step"])
        for number, pair in enumerate(entry.get("transcripts", [])):
            self._writer.add_text(
                f"dev/{number}", f"said: {pair['said']}  \nwritten: {pair['heard']}", entry["step"]
            )
        self._writer.flush()

    def close(self) -> None:
        """Close the file, and end the thread that writes it."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
