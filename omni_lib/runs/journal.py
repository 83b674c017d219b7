"""What a run reports while it goes on: lines for the user, entries of the log, curves for TensorBoard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from omni_lib.config import Config
from omni_lib.machine.distributed import is_writer
from omni_lib.runs.interruption import ignore_write_errors
from omni_lib.runs.log import TrainingLog
from omni_lib.runs.log_window import Window
from omni_lib.runs.tensorboard import TensorBoard
from omni_lib.training.diagnosis import diagnose


class Journal:
    """The reports of one run. Of several processes that train together, only one reports."""

    def __init__(self, folder: Path, config: Config, report: Callable[[str], None]) -> None:
        """
        Args:
            report: called with each line that the user should see.

        Raises:
            UserError: the settings want TensorBoard, and it is not installed.
        """
        self.folder, self.config = folder, config
        self.report = ignore_write_errors(report) if is_writer() else lambda line: None
        self.log = TrainingLog(folder, config.to_dict())
        self._board = TensorBoard(folder) if config.tensorboard and is_writer() else None

    def go_on_from(self, step: int) -> None:
        """Take the log of the folder up to the step of the checkpoint that is resumed."""
        self.log = TrainingLog.resumed(self.folder, self.config.to_dict(), step)

    def add_steps(
        self,
        window: Window,
        *,
        step: int,
        epoch: int,
        learning_rate: float,
        seconds_per_step: float,
        total_steps: int,
    ) -> None:
        """Report the steps of `window`, the last of which is `step`, and warn if the training goes wrong.

        Args:
            learning_rate: that of the last step.
        """
        figures = window.figures()
        line = f"ctc_loss={figures['ctc_loss']:.2f} wer={figures['wer']:.1%} | {seconds_per_step:.2f}s/step"
        self.report(f"[Step {step}/{total_steps}] {line}")
        pace = {
            "learning_rate": learning_rate,
            "seconds_per_step": seconds_per_step,
            "total_steps": total_steps,
        }
        self._add(type="step", step=step, epoch=epoch, **figures, **pace)
        if warning := diagnose([entry for entry in self.log.entries if entry["type"] == "step"]):
            self.report(f"! Step {step}: {warning}")

    def add_epoch(
        self, metrics: dict[str, float], transcripts: list[dict[str, str]], *, step: int, epoch: int
    ) -> None:
        """Report the evaluation on dev after `epoch`.

        Args:
            metrics: "dev_wer" and "dev_cer", fractions.
            transcripts: what was "said" and "heard" in some of the utterances.
        """
        rates = f"wer={metrics['dev_wer']:.1%} cer={metrics['dev_cer']:.1%}"
        self.report(f"Epoch {epoch}/{self.config.num_epochs} dev: {rates}")
        self._add(type="epoch", step=step, epoch=epoch, **metrics, transcripts=transcripts)

    def close(self) -> None:
        """Release what is open; the log itself is closed after every entry."""
        if self._board:
            self._board.close()

    def _add(self, **entry: Any) -> None:
        self.log.add(**entry)
        if self._board:
            self._board.add(entry)
