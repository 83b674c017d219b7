"""The base of all explorers: controls, pictures, and a description of the pictures in words.

An explorer is an ordinary ipywidgets box and works wherever widgets do. Beside it is a static figure with a
description, which is shown where no kernel runs (`course/still.py`). It shows the explorer as it was left.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets
from IPython.display import DisplayHandle
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from omni_lib.course.figures import Picture, as_card, page_style
from omni_lib.course.palette import ORANGE
from omni_lib.course.still import display_with_still
from omni_lib.errors import UserError

STILL_AFTER = 1.5  # seconds without a change, after which the static figure is drawn again
DPI = 100
MOST_ROWS = 12  # whose labels fit above each other in the pictures of posteriors
_STYLE = {"description_width": "8.5em"}
_WIDE = {"width": "auto", "max_width": "34em", "margin": "2px 8px"}


class Canvas:
    """A figure that is drawn many times: its axes and artists stay, and only their data change.

    Subclasses make the artists once in `page_style` and change their data before `png`. It does not use
    pyplot, which would keep every figure in memory.
    """

    def __init__(self, width: float, height: float) -> None:
        """A figure of `width` by `height` inches."""
        with page_style():
            self.figure = Figure(figsize=(width, height), dpi=DPI)
            self._agg = FigureCanvasAgg(self.figure)

    def png(self) -> bytes:
        """The figure as it is now, as a PNG."""
        file = io.BytesIO()
        with page_style():  # new ticks get their colour when they are drawn
            self._agg.print_png(file, pil_kwargs={"compress_level": 1})  # fast rather than small
        return file.getvalue()

    def fit_labels(self, *above_each_other: Any) -> None:
        """Move the left edge of axes so that their labels at the left are whole."""
        renderer = self._agg.get_renderer()
        labels = [label for axes in above_each_other for label in axes.get_yticklabels()]
        widest = max((label.get_window_extent(renderer).width for label in labels), default=0)
        left = (widest + 44) / self.figure.bbox.width
        for axes in above_each_other:
            box = axes.get_position()
            axes.set_position((left, box.y0, box.x1 - left, box.height))

    def span(self, axes: Any) -> tuple[float, float]:
        """The left and right edge of `axes` as fractions of the width of the figure."""
        box = axes.get_position()
        return float(box.x0), float(box.x1)


class Heading(anywidget.AnyWidget):
    """The title of an explorer. In the browser it also names the sliders for screen readers."""

    _esm = Path(__file__).parent / "heading.js"

    title = traitlets.Unicode().tag(sync=True)


class Explorer(widgets.VBox):
    """A box of controls and pictures. `refresh` redraws everything from the values of the controls.

    Args:
        name: "mel" gives the CSS classes `omni-explorer` and `omni-mel-explorer`.
        title: the heading.
    """

    def __init__(self, name: str, title: str) -> None:
        self.summary = widgets.HTML()
        self.summary.add_class("omni-summary")
        self.heading = Heading(title=title)
        self._held = False
        self._handle: DisplayHandle | None = None
        self._renewal: asyncio.TimerHandle | None = None
        super().__init__()
        for each in ("omni-explorer", f"omni-{name}-explorer"):
            self.add_class(each)

    def refresh(self) -> None:
        """Redraw everything from the values of the controls."""
        raise NotImplementedError

    def still(self) -> Picture:
        """The static figure for places without a kernel."""
        raise NotImplementedError

    def react_to(self, *controls: widgets.Widget) -> None:
        """Call `refresh` whenever the value of one of `controls` changes."""
        for control in controls:
            control.observe(lambda change: None if self._held else self._refresh(), names="value")

    @contextmanager
    def one_refresh(self) -> Iterator[None]:
        """Draw only once, at the end of the `with` block, however many controls change in it."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self._refresh()

    def _refresh(self) -> None:
        self.guarded(self.refresh)
        self._renew_still_soon()

    def guarded(self, action: Any, *arguments: Any) -> None:
        """Call `action` and show a UserError below the controls: the traceback of a callback is invisible."""
        try:
            action(*arguments)
        except UserError as error:
            self.announce(str(error), warning=True)

    def announce(self, text: str, warning: bool = False) -> None:
        """Show `text` in the line below the controls, which screen readers announce."""
        sign, colour = ("⚠ ", ORANGE) if warning else ("", "transparent")
        box = f"border-left: 4px solid {colour}; padding: 2px 10px; line-height: 1.5"
        self.summary.value = (
            f'<div role="status" aria-live="polite" style="{box}">{sign}{html.escape(text)}</div>'
        )

    def _renew_still_soon(self) -> None:
        """Draw the static figure again when the controls have come to rest."""
        if self._renewal:
            self._renewal.cancel()
        with contextlib.suppress(RuntimeError):  # a script, which has no event loop
            self._renewal = asyncio.get_running_loop().call_later(STILL_AFTER, self._renew_still)

    def _renew_still(self) -> None:
        if self._handle:
            data, metadata = self.still_bundle()
            self._handle.update(data, raw=True, metadata=metadata)

    def still_bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The static figure as a MIME bundle and its metadata."""
        still = self.still()
        return Picture(as_card(still.png), still.description)._repr_mimebundle_()

    def _ipython_display_(self, **_: Any) -> None:
        self._handle = display_with_still(self, *self.still_bundle())


def controls(*rows: widgets.Widget) -> widgets.Box:
    """Controls side by side, as many as fit, all with the same width and label column."""
    for each in rows:
        if "description" in each.traits() and not isinstance(each, widgets.Button | widgets.ToggleButton):
            each.style, each.layout = dict(_STYLE), dict(_WIDE)
    grid = widgets.Layout(
        display="grid",
        grid_template_columns="repeat(auto-fit, minmax(21em, 1fr))",
        width="100%",
        max_width="76em",
    )
    return widgets.Box(list(rows), layout=grid)


def button(description: str, css_class: str, icon: str = "") -> widgets.Button:
    """A button that is as wide as its label."""
    made = widgets.Button(
        description=description,
        icon=icon,
        layout=widgets.Layout(width="auto", max_width="26em", margin="2px 8px"),
    )
    made.add_class(css_class)
    return made


def label_rows(axes: Axes, names: Sequence[str]) -> None:
    """Label the rows of a picture; where they are many, every second label stands further to the left."""
    axes.set_yticks(range(len(names)), names)
    for row, tick in enumerate(axes.yaxis.get_major_ticks()):
        tick.set_pad(16 if row % 2 and len(names) > MOST_ROWS else 3.5)


def table(rows: Iterable[str], caption: str) -> str:
    """An HTML table of the given rows, with a caption for screen readers. A wide table scrolls."""
    body = "".join(rows)
    style = "border-collapse: collapse; width: auto; margin: 0; font-size: 14px"
    label = html.escape(caption, quote=True)
    region = f'role="region" tabindex="0" aria-label="{label}" style="overflow-x: auto"'
    return f'<div {region}><table style="{style}">{body}</table></div>'
