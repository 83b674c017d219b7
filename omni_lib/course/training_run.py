"""Full training from a notebook cell: a process that the notebook starts, watches, stops and resumes.

    run = TrainingRun.start("configs/audio_enc_tiny.json")
    run.panel()              # progress, curves, transcripts; buttons to stop and resume
    await run.ended()        # in a notebook, for a cell that needs the result: panel and buttons keep working
    run.wait()               # the same for scripts and continuous integration

The process is `omni train --resume`: the same loop in the same folder. No kernel owns it, so it goes on when
the kernel is restarted or the page is closed. `TrainingRun.attach()` finds it again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from omni_lib.errors import UserError
from omni_lib.runs.background import BackgroundRun
from omni_lib.runs.status import State

if TYPE_CHECKING:  # widgets are imported only for a panel: a script needs none
    from omni_lib.course.figures import Picture
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
            # Once more, as output of the cell that waits. What the panel's own coroutine sends belongs to the
            # cell that shows the panel, and whoever executes a notebook from end to end has finished with
            # that one.
            self._panel.renew_still()
        return super()._outcome()


def compare(first: TrainingRun | str | Path, second: TrainingRun | str | Path) -> Picture:
    """The curves of two runs in one figure: loss of the training batches, and word error rate on dev.

    Raises:
        UserError: one of the folders holds no run, or a run that has logged nothing yet.
    """
    from omni_lib.course.figures import compared_curves, shown

    runs = [run if isinstance(run, TrainingRun) else TrainingRun.attach(run) for run in (first, second)]
    names = [run.folder.name for run in runs]
    if names[0] == names[1]:
        names = [str(Path(run.folder.parent.name) / run.folder.name) for run in runs]
    for run in runs:
        if not run.status().entries:
            raise UserError(f"{run.folder} has logged nothing yet: wait for its first line")
    figure = compared_curves([(name, run.status().entries) for name, run in zip(names, runs, strict=True)])
    # A picture, not the figure: a notebook would draw an open figure once more at the end of its cell.
    return shown(figure, f"training loss, and word error rate on dev, of the runs {names[0]} and {names[1]}")
