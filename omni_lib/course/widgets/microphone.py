"""The microphone of the browser, as a widget that sends samples to the kernel. It also takes sound files."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

from omni_lib.course.recordings import LONGEST

_HERE = Path(__file__).parent


class Microphone(anywidget.AnyWidget):
    """A button that records, a level meter, and a field for sound files.

    The browser converts every sound to 16 kHz mono and sends it to the kernel as a message, which
    `recordings.waveform_of` checks. It is sent nowhere else. If the microphone is not available (permission
    refused, or the page is neither localhost nor HTTPS), the widget explains why.
    """

    _esm = _HERE / "microphone.js"
    _css = _HERE / "microphone.css"

    longest = traitlets.Float(LONGEST).tag(sync=True)  # seconds, after which recording stops
