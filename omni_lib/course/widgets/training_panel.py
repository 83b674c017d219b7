"""The panel of a training run: its progress, its curves, and buttons to stop and resume it.

    run.panel()        # run: omni_lib.course.training_run.TrainingRun

A coroutine on the event loop of the kernel refreshes it every two seconds, and draws the curves again when
the log has grown. Closing the page or restarting the kernel ends the panel and never the training.
"""

from __future__ import annotations

import asyncio
import html
import threading
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
from IPython.display import DisplayHandle

from omni_lib.course.figures import Picture, shown, training_curves
from omni_lib.course.palette import BLUE, GREEN, ORANGE, PURPLE
from omni_lib.course.still import STILL, display_with_still
from omni_lib.course.widgets.live_curves import PAGE_INK, WIDEST, training_charts
from omni_lib.course.widgets.machine_use import MachineUse
from omni_lib.course.widgets.panel_html import (
    comparison,
    console_text,
    figure_tiles,
    short_name,
    status_line,
    transcripts_table,
)
from omni_lib.course.widgets.run_buttons import RunButtons
from omni_lib.errors import UserError
from omni_lib.runs.background import BackgroundRun
from omni_lib.runs.status import State, Status, what_would_be_lost

INTERVAL = 2.0  # seconds
_COMPARED = 4  # runs at most in one figure
_SIGNS = {
    State.RUNNING: ("▶", BLUE),
    State.FINISHED: ("✓", GREEN),
    State.STOPPED: ("■", ORANGE),
    State.DIED: ("✗", PURPLE),
}
_panels: dict[str, TrainingPanel] = {}  # the latest panel of each folder: only this one is refreshed


class TrainingPanel(widgets.VBox):
    """The panel of the run in one folder. A newer panel of the same folder retires the older one."""

    def __init__(self, run: BackgroundRun) -> None:
        self.run = run
        self._lock = threading.RLock()  # buttons may act in another thread than the coroutine
        self._task: asyncio.Task[None] | None = None
        self._handle: DisplayHandle | None = None
        self._drawn: tuple[int, int, int | None] | None = None
        self._logged = 0  # entries of the log that the static figure shows
        self._machine = MachineUse()
        self._ended = True
        self._loop = _running_loop()

        self._title, self._figures, self._charts, self._transcripts = (widgets.HTML() for _ in range(4))
        self._bar = widgets.FloatProgress(
            min=0, max=1, layout=widgets.Layout(width="100%", max_width=WIDEST, height="14px")
        )
        self._neighbours, self._note = widgets.HTML(), widgets.HTML()
        self._comparison = widgets.HTML(layout=widgets.Layout(display="none"))
        self._console = widgets.HTML(layout=widgets.Layout(display="none"))
        self.buttons = RunButtons()
        self._connect_buttons()
        super().__init__(
            [
                self._title,
                self._bar,
                self._figures,
                self._neighbours,
                self.buttons,
                self._note,
                self._comparison,
                self._charts,
                self._transcripts,
                self._console,
            ],
            layout=widgets.Layout(width="100%"),
        )
        self.add_class("omni-training-panel")
        self._picture = self.still()._repr_mimebundle_()
        if older := _panels.get(str(run.folder)):
            older.retire()
        _panels[str(run.folder)] = self
        self.refresh()

    def refresh(self) -> None:
        """Look at the run, and show what has changed."""
        with self._lock:
            status = self.run.status()
            running = status.state is State.RUNNING
            if running and self._ended:
                self._ended = False
                self._say("")
                self._keep_looking()
            self._show(status)
            if not running and not self._ended:
                self._ended = True
                self._say("")
                self._send_still()  # before the picture for code hosts, which takes longer
                self.renew_still()

    def still(self) -> Picture:
        """The curves as a static figure, for places without a kernel."""
        status = self.run.status()
        epochs = status.of_type("epoch")
        reached = (
            f"; dev word error rate {epochs[-1]['dev_wer']:.1%} at step {epochs[-1]['step']}"
            if epochs
            else ""
        )
        title = f"loss and word error rate of the training in {self.run.folder.name}"
        words = f"{title}, {status.state.value}{reached}"
        return shown(training_curves(status.entries, status.total_steps), words)

    def renew_still(self) -> None:
        """Replace the static figure beside the widget by the current curves."""
        if self._handle:
            self._picture = self.still()._repr_mimebundle_()
            self._send_still()

    def _send_still(self) -> None:
        if self._handle:
            data, metadata = self.still_bundle()
            self._handle.update(data, raw=True, metadata=metadata)

    def retire(self) -> None:
        """Stop refreshing, because a newer panel shows this run."""
        with self._lock:
            if self._task:
                self._task.cancel()
            self._handle = None
            self._title.value = f"<i style='color:{PAGE_INK}'>A newer panel shows this training.</i>"
            self.children = (self._title,)

    # What is shown

    def _show(self, status: Status) -> None:
        sign, colour = _SIGNS[status.state]
        reason = f": {html.escape(status.reason)}" if status.reason else ""
        where = html.escape(short_name(self.run))
        style = f"border-left:4px solid {colour};padding:2px 10px;line-height:1.5;color:{PAGE_INK}"
        self._title.value = (
            f'<div role="status" style="{style}">'
            f"<b>{sign} {status.state.value}</b>{reason} · <code>{where}</code></div>"
        )
        self._bar.value = status.step / status.total_steps if status.total_steps else 0.0
        self._bar.style = {"bar_color": colour}
        running = status.state is State.RUNNING
        used = self._machine.look(self.run) if running else ""
        self._figures.value = figure_tiles(status, used, self._doing(status) if running else "")
        others = self._machine.note if running else ""
        self._neighbours.value = status_line(f"⚠ {others}") if others else ""
        self.buttons.show(status.state, stopping=running and self.run.stop_requested())
        self._show_curves(status)
        if self._console.layout.display != "none":
            self._console.value = console_text(self.run)

    def _show_curves(self, status: Status) -> None:
        """Draw curves and transcripts again if there is anything new in them."""
        drawn = (len(status.entries), len(status.progress.points), status.total_steps)
        if drawn == self._drawn:
            return
        outlook = status.progress.outlook
        self._charts.value = training_charts(
            status.points + status.of_type("epoch"),
            status.total_steps,
            outlook.first_loss if outlook else None,
        )
        self._transcripts.value = transcripts_table(status)
        self._drawn = drawn
        if self._logged != len(status.entries):  # rarely, because a page keeps each still
            self._logged = len(status.entries)
            self._send_still()

    def _doing(self, status: Status) -> str:
        """What the run is doing while it takes no steps, in words."""
        if status.progress.doing:
            return status.progress.doing
        return "" if status.points else next(reversed(self.run.console(3).splitlines()), "")

    # Refreshing

    def _keep_looking(self) -> None:
        """Start the coroutine unless it runs already.

        In a script, which has no event loop, `run.wait()` refreshes the panel instead.
        """
        if self._loop is None or self._loop.is_closed():
            return

        def begin() -> None:
            if self._task is None or self._task.done():
                self._task = asyncio.ensure_future(self._look())

        self._loop.call_soon_threadsafe(begin)

    async def _look(self) -> None:
        failure = ""
        while not self._ended:
            await asyncio.sleep(INTERVAL)
            before, failure = failure, ""
            try:
                self.refresh()
            except UserError as error:  # the log cannot be read; the next look may find it whole
                failure = str(error)
            if before or failure:
                self._say(failure)

    # Buttons

    def _connect_buttons(self) -> None:
        pressed = {
            self.buttons.stop: self._press_stop,
            self.buttons.resume: self._press_resume,
            self.buttons.train_again: self._press_train_again,
            self.buttons.compare: self._press_compare,
            self.buttons.open_log: self._press_open_log,
            self.buttons.kill: self.run.kill,
        }
        for button, action in pressed.items():
            button.on_click(lambda _, action=action: self._guarded(action))

    def _guarded(self, action: Callable[[], None]) -> None:
        """Act and refresh. A refusal is shown as a note, because the traceback of a callback is invisible."""
        for step in (action, self.refresh):
            try:
                step()
            except UserError as error:
                self._say(str(error))

    def _press_stop(self) -> None:
        if self.run.stop_requested():  # a second click
            return
        self.run.stop()
        lost = what_would_be_lost(self.run.status().saved_step)
        self._say(f"The training saves and ends after its current step. With “End without saving”, {lost}.")

    def _press_resume(self) -> None:
        self.buttons.resume.disabled = True
        self._say("Starting…")
        self.run.resume()

    def _press_train_again(self) -> None:
        before = self.run.folder
        self._say("Starting…")
        self.run.train_again()
        _panels[str(self.run.folder)] = self
        del _panels[str(before)]
        self._drawn = None
        self._comparison.layout.display = "none"
        self.refresh()
        self._say(f"The new training is in {short_name(self.run)}. {before.name} stays as it is.")

    def _press_compare(self) -> None:
        if self._comparison.layout.display == "none":
            runs = [self.run, *self.run.finished_beside()[: _COMPARED - 1]]
            if len(runs) == 1:
                raise UserError(
                    f"there is no other run beside {short_name(self.run)} yet: “Train again” makes one"
                )
            self._comparison.value = comparison(runs)
            self._comparison.layout.display = ""
        else:
            self._comparison.layout.display = "none"

    def _press_open_log(self) -> None:
        hidden = self._console.layout.display == "none"
        self._console.layout.display = "" if hidden else "none"
        self.buttons.open_log.description = "Close log" if hidden else "Open log"

    def _say(self, text: str) -> None:
        self._note.value = status_line(text) if text else ""

    # Display

    def still_bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a page without a kernel shows, as a MIME bundle: the panel's last state, or a picture."""
        data, metadata = self._picture
        parts = (self._title, self._figures, self._charts, self._transcripts)
        last = "".join(part.value for part in parts)
        return {**data, "text/html": f'<div class="{STILL}">{last}</div>'}, metadata

    def _ipython_display_(self, **_: Any) -> None:
        self._handle = display_with_still(self, *self.still_bundle())


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
