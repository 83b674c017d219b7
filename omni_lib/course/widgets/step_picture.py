"""A drawing that changes step by step, by buttons, by itself, or by the arrow keys where it has the focus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

_HERE = Path(__file__).parent


class StepPicture(anywidget.AnyWidget):
    """A drawing (SVG or an image, as HTML) with a description, and a line that lists its keys.

    While it plays, the browser asks for one step after the other until `at_end` is true.
    """

    _esm = _HERE / "step_picture.js"
    _css = _HERE / "step_picture.css"

    drawing = traitlets.Unicode().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    key_help = traitlets.Unicode().tag(sync=True)

    at_end = traitlets.Bool(False).tag(sync=True)

    def pause(self) -> None:
        """Stop playing, where it plays."""
        self.send({"pause": True})

    def on_step(self, react: Callable[[str], None]) -> None:
        """Call `react` with "forward", "back", "first" or "last" when a step is asked for."""

        def asked(_widget: Any, content: dict[str, Any], _buffers: Any) -> None:
            react(content["step"])

        self.on_msg(asked)
