"""The browser's microphone: press, speak, press, and the samples are in the kernel. A file may be dropped instead."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

from omni_lib.course.recordings import LONGEST

_HERE = Path(__file__).parent


class Microphone(anywidget.AnyWidget):
    """A button that records, a level meter, and a place for files.

    Whatever comes, the browser turns it into 16 kHz mono and sends it to the kernel as a message (see
    `recordings.waveform_of`, which checks it); nothing is sent anywhere else. Why there is no sound (the microphone was
    refused, the page is neither localhost nor HTTPS) is said in the widget itself.
    """

    _esm = _HERE / "microphone.js"
    _css = _HERE / "microphone.css"

    longest = traitlets.Float(LONGEST).tag(sync=True)  # seconds, after which recording stops by itself
