"""Full training from a notebook cell: a process of its own, which the notebook starts, watches, stops and resumes.

    run = TrainingRun.start("configs/audio_enc_tiny.json")
    run.panel()              # progress, curves, transcripts; buttons to stop and resume
    await run.ended()        # in a notebook, for a cell that needs the result: panel and buttons stay alive meanwhile
    run.wait()               # the same for scripts and continuous integration

It is `omni train --resume`, the same loop in the same folder. The process belongs to no kernel: restart the kernel, close the page, and it
goes on; `TrainingRun.attach()` finds it again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from omni_lib.errors import UserError
from omni_lib.runs.background import BackgroundRun
from omni_lib.runs.status import State

if TYPE_CHECKING:  # widgets are imported when a panel is asked for: a script needs none
    from omni_lib.course.widgets.training_panel import TrainingPanel


class TrainingRun(BackgroundRun):
    """The run in one folder, with a panel that shows it. Make one with `start` or `attach`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._panel: TrainingPanel | None = None  # what `wait` keeps up to date

    def panel(self) -> TrainingPanel:
        """The panel of the run, which keeps itself up to date (`widgets.training_panel.TrainingPanel`)."""
        from omni_lib.course.widgets.training_panel import TrainingPanel

        self._panel = TrainingPanel(self)
        return self._panel

    def _notify(self) -> None:
        if self._panel:
            self._panel.refresh()

    def _outcome(self) -> State:
        self._notify()
        if self._panel:
            # Once more, in the name of the cell that waits: what the panel's own coroutine says belongs to the cell that showed the
            # panel, and whoever executes a notebook from end to end no longer listens to that one.
            self._panel.renew_still()
        return super()._outcome()


def compare(first: TrainingRun | str | Path, second: TrainingRun | str | Path) -> Any:
    """The curves of two runs in one figure.

    Raises:
        UserError: one of the folders holds no run, or a run that has logged nothing yet.
    """
    from omni_lib.course.figures import compared_curves

    runs = [run if isinstance(run, TrainingRun) else TrainingRun.attach(run) for run in (first, second)]
    names = [run.folder.name for run in runs]
    if names[0] == names[1]:
        names = [str(Path(run.folder.parent.name) / run.folder.name) for run in runs]
    for run in runs:
        if not run.status().entries:
            raise UserError(f"{run.folder} has logged nothing yet: wait for its first line")
    return compared_curves([(name, run.status().entries) for name, run in zip(names, runs, strict=True)])
