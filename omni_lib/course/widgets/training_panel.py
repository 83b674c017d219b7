"""The panel of a training run: its progress, its curves, and buttons to stop and resume it.

    run.panel()        # run: omni_lib.course.training_run.TrainingRun

A coroutine on the event loop of the kernel refreshes it every two seconds, and draws the curves again when
the log has grown. Closing the page or restarting the kernel ends the panel and never the training.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import threading
from typing import Any

import ipywidgets as widgets
import psutil
from IPython.display import DisplayHandle, display

from omni_lib.course.figures import Picture, shown, training_curves
from omni_lib.course.palette import BLUE, GREEN, ORANGE, PURPLE
from omni_lib.course.widgets.live_curves import PAGE_INK, training_charts
from omni_lib.errors import UserError
from omni_lib.runs.background import CONSOLE, BackgroundRun
from omni_lib.runs.status import State, Status, what_would_be_lost

INTERVAL = 2.0  # seconds
_SIGNS = {
    State.RUNNING: ("▶", BLUE),
    State.FINISHED: ("✓", GREEN),
    State.STOPPED: ("■", ORANGE),
    State.DIED: ("✗", PURPLE),
}
_EPOCHS_SHOWN = 5
_panels: dict[str, TrainingPanel] = {}  # the latest panel of each folder: only this one is refreshed


class TrainingPanel(widgets.VBox):
    """The panel of the run in one folder. A newer panel of the same folder retires the older one."""

    def __init__(self, run: BackgroundRun) -> None:
        self.run = run
        self._lock = threading.RLock()  # buttons may act in another thread than the coroutine
        self._task: asyncio.Task[None] | None = None
        self._handle: DisplayHandle | None = None
        self._process: psutil.Process | None = None
        self._drawn: tuple[int, int | None] | None = None
        self._ended = True
        self._loop = _running_loop()

        self._title, self._figures, self._charts, self._transcripts = (widgets.HTML() for _ in range(4))
        self._bar = widgets.FloatProgress(
            min=0, max=1, layout=widgets.Layout(width="100%", max_width="76em", height="14px")
        )
        self._note = widgets.HTML()
        self._console = widgets.HTML(layout=widgets.Layout(display="none"))
        self._stop = self._button(
            "Stop", "omni-stop", "Save, then end; Resume continues from there", self._press_stop
        )
        self._resume = self._button(
            "Resume", "omni-resume", "Continue from the newest checkpoint", self._press_resume
        )
        self._open = self._button(
            "Open log", "omni-open-log", f"The output of the training ({CONSOLE})", self._press_open
        )
        # Last in the row and hidden until a stop is requested: no second click on Stop can reach it.
        self._kill = self._button(
            "End without saving",
            "omni-kill",
            "End at once; Resume continues from the newest checkpoint",
            self._press_kill,
        )
        self._kill.layout.display = "none"
        buttons = widgets.HBox([self._stop, self._resume, self._open, self._kill])
        super().__init__(
            [
                self._title,
                self._bar,
                self._figures,
                buttons,
                self._note,
                self._charts,
                self._transcripts,
                self._console,
            ],
            layout=widgets.Layout(width="100%"),
        )
        self.add_class("omni-training-panel")
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
            data, metadata = self._repr_mimebundle_()
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
        style = f"border-left:4px solid {colour};padding:2px 10px;line-height:1.5;color:{PAGE_INK}"
        self._title.value = (
            f'<div role="status" style="{style}">'
            f"<b>{sign} {status.state.value}</b>{reason} · <code>{html.escape(_short(self.run))}</code></div>"
        )
        self._bar.value = status.step / status.total_steps if status.total_steps else 0.0
        self._bar.style = {"bar_color": colour}
        self._figures.value = _tiles(
            status, self._machine() if status.state is State.RUNNING else "", self._last_line(status)
        )
        running = status.state is State.RUNNING
        stopping = running and self.run.stop_requested()
        self._stop.disabled = not running or stopping
        self._stop.description = "Stopping…" if stopping else "Stop"
        self._kill.layout.display = "" if stopping else "none"
        self._resume.disabled = running or status.state is State.FINISHED
        drawn = (len(status.entries), status.total_steps)
        if drawn != self._drawn:
            self._charts.value = training_charts(status.entries, status.total_steps)
            self._transcripts.value = _transcripts(status)
            self._drawn = drawn
        if self._console.layout.display != "none":
            self._console.value = _pre(self.run)

    def _machine(self) -> str:
        """Processor use and memory of the training, in words."""
        process = self.run.process()
        if process is None:
            return ""
        if self._process is None or self._process.pid != process.pid:
            self._process = process  # kept, because cpu_percent covers the time since its last call
            process.cpu_percent()
            return ""
        with contextlib.suppress(psutil.Error):
            share, held = self._process.cpu_percent(), self._process.memory_info().rss
            return f"{share:.0f}% of a core, {held / 1e9:.1f} GB"
        return ""

    def _last_line(self, status: Status) -> str:
        return "" if status.entries else next(reversed(self.run.console(3).splitlines()), "")

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
        while not self._ended:
            await asyncio.sleep(INTERVAL)
            self.refresh()

    # Buttons

    def _button(self, label: str, css_class: str, tooltip: str, pressed: Any) -> widgets.Button:
        button = widgets.Button(description=label, tooltip=tooltip, layout=widgets.Layout(width="auto"))
        button.add_class(css_class)
        button.on_click(lambda _: self._guarded(pressed))
        return button

    def _guarded(self, action: Any) -> None:
        try:
            action()
        except UserError as error:  # the traceback of a callback is invisible
            self._say(str(error))
        self.refresh()

    def _press_stop(self) -> None:
        if self.run.stop_requested():  # a second click
            return
        self.run.stop()
        lost = what_would_be_lost(self.run.status().saved_step)
        self._say(
            f"It saves and ends after the current step. “End without saving” does not wait: then {lost}."
        )

    def _press_kill(self) -> None:
        self.run.kill()

    def _press_resume(self) -> None:
        self._resume.disabled = True
        self._say("Starting…")
        self.run.resume()

    def _press_open(self) -> None:
        hidden = self._console.layout.display == "none"
        self._console.layout.display = "" if hidden else "none"
        self._open.description = "Close log" if hidden else "Open log"

    def _say(self, text: str) -> None:
        self._note.value = (
            f'<div role="status" style="color:{PAGE_INK}">{html.escape(text)}</div>' if text else ""
        )

    # Display

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = self.still()._repr_mimebundle_()
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {"application/vnd.jupyter.widget-view+json": view, **data}, metadata

    def _ipython_display_(self, **_: Any) -> None:
        """Display with an id, so that the static figure can be replaced when the training has ended."""
        data, metadata = self._repr_mimebundle_()
        self._handle = display(data, raw=True, metadata=metadata, display_id=True)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _short(run: BackgroundRun) -> str:
    return "/".join(run.folder.parts[-2:])


def _pre(run: BackgroundRun) -> str:
    style = (
        "max-height:24em;max-width:76em;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere;padding:6px"
    )
    style += f";color:{PAGE_INK};border:1px solid #80808080"
    path, said = html.escape(f"{_short(run)}/{CONSOLE}"), html.escape(run.console(200))
    heading = f'<div style="color:{PAGE_INK}"><code>{path}</code></div>'
    return f'{heading}<pre class="omni-console" style="{style}">{said}</pre>'


def _tiles(status: Status, machine: str, last_line: str) -> str:
    """The current figures, each below its name, as HTML."""
    steps, epochs = status.of_type("step"), status.of_type("epoch")
    tiles = [("step", f"{status.step} of {status.total_steps}" if status.total_steps else "–")]
    if status.state is State.RUNNING:
        tiles.append(
            ("time left, about", "–" if status.seconds_left is None else _duration(status.seconds_left))
        )
    if steps:
        now = steps[-1]
        tiles += [("CTC loss", f"{now['ctc_loss']:.1f}"), ("WER, training", f"{now['wer']:.1%}")]
        tiles += [("WER, dev", f"{epochs[-1]['dev_wer']:.1%}")] if epochs else []
        tiles += [
            ("blank rate", f"{now['blank_rate']:.0%}"),
            ("learning rate", f"{now['learning_rate']:.2g}"),
        ]
    if machine:
        tiles.append(("processor and memory", machine))
    cells = "".join(
        f'<div style="line-height:1.35"><div style="font-size:11px;opacity:.75">{html.escape(name)}</div>'
        f"<b>{html.escape(value)}</b></div>"
        for name, value in tiles
    )
    line = f'<div style="opacity:.75;line-height:1.4">{html.escape(last_line)}</div>' if last_line else ""
    style = f"display:flex;flex-wrap:wrap;gap:4px 24px;max-width:76em;color:{PAGE_INK}"
    return f'<div style="{style}">{cells}</div>{line}'


def _transcripts(status: Status) -> str:
    """The transcripts of three dev clips after some epochs, the first and the last included, as HTML."""
    epochs = [entry for entry in status.of_type("epoch") if entry.get("transcripts")]
    if not epochs:
        return ""
    last = len(epochs) - 1
    chosen = sorted({round(last * part / (_EPOCHS_SHOWN - 1)) for part in range(_EPOCHS_SHOWN)})
    cell = "padding:2px 10px 2px 0;vertical-align:top;text-align:left;overflow-wrap:anywhere"
    said = "".join(
        f'<th style="{cell};width:30%">{html.escape(each["said"])}</th>' for each in epochs[-1]["transcripts"]
    )
    rows = [f'<tr><th style="{cell}">said</th>{said}</tr>']
    for number in chosen:
        heard = "".join(
            f'<td style="{cell}">{html.escape(each["heard"]) or "<i>nothing</i>"}'
            f"{' ✓' if each['heard'] == each['said'] else ''}</td>"
            for each in epochs[number]["transcripts"]
        )
        rows.append(
            f'<tr><td style="{cell};white-space:nowrap">epoch {epochs[number]["epoch"]}</td>{heard}</tr>'
        )
    caption_style = "text-align:left;font-weight:600;padding:4px 0"
    caption = f'<caption style="{caption_style}">Transcripts of three dev clips</caption>'
    style = f"width:100%;max-width:76em;border-collapse:collapse;line-height:1.4;color:{PAGE_INK}"
    return f'<table class="omni-transcripts" style="{style}">{caption}{"".join(rows)}</table>'


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
