"""The buttons of the training panel."""

from __future__ import annotations

import ipywidgets as widgets

from omni_lib.runs.console import CONSOLE
from omni_lib.runs.status import State


class RunButtons(widgets.HBox):
    """A row of buttons that act on one run. The panel says what each of them does when it is pressed."""

    def __init__(self) -> None:
        self.stop = _button(
            "Stop", "omni-stop", "Save and end after the current step; Resume goes on from that step"
        )
        self.resume = _button("Resume", "omni-resume", "Continue from the newest checkpoint, if there is one")
        self.train_again = _button(
            "Train again", "omni-again", "Train once more, into another folder; this run stays as it is"
        )
        self.compare = _button("Compare", "omni-compare", "The curves of this run and of those beside it")
        self.open_log = _button("Open log", "omni-open-log", f"The output of the training ({CONSOLE})")
        # Last in the row and hidden until a stop is requested: no second click on Stop can reach it.
        self.kill = _button("End without saving", "omni-kill", "End at once, without saving")
        self.kill.layout.display = "none"
        super().__init__(
            [self.stop, self.resume, self.train_again, self.compare, self.open_log, self.kill],
            layout=widgets.Layout(flex_flow="row wrap"),
        )

    def show(self, state: State, stopping: bool) -> None:
        """Enable and show the buttons that make sense now.

        Args:
            stopping: whether the run has been told to stop and still goes on.
        """
        running, finished = state is State.RUNNING, state is State.FINISHED
        self.stop.disabled = not running or stopping
        self.stop.description = "Stopping…" if stopping else "Stop"
        self.kill.layout.display = "" if stopping else "none"
        self.resume.disabled = running or finished
        for button in (self.train_again, self.compare):
            button.layout.display = "" if finished else "none"


def _button(label: str, css_class: str, tooltip: str) -> widgets.Button:
    button = widgets.Button(description=label, tooltip=tooltip, layout=widgets.Layout(width="auto"))
    button.add_class(css_class)
    return button
