"""Ctrl-C, SIGTERM, a closed terminal or a file named `stop` in its folder end a run after the current step.

The run is saved then. The file needs no signal, so it works on Windows, from another terminal and from a
notebook:

    touch checkpoints/audio_enc_tiny/stop
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from omni_lib.errors import UserError

STOP_FILE = "stop"


def ask_to_stop(folder: Path) -> None:
    """Request that the run in `folder` saves and ends.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        (folder / STOP_FILE).touch()
    except OSError as error:
        raise UserError(
            f"the run in {folder} cannot be told to stop ({error.strerror or error}): make that folder "
            "writable, or send SIGTERM to its process, which saves first too"
        ) from None


def asked_to_stop(folder: Path) -> bool:
    """Whether that was requested, and the run has not ended yet."""
    return (folder / STOP_FILE).exists()


def clear_stop(folder: Path) -> None:
    """Delete the request."""
    # A folder that was deleted or is read-only is reported by the first write of the run.
    with contextlib.suppress(OSError):
        (folder / STOP_FILE).unlink(missing_ok=True)


def ignore_write_errors(report: Callable[[str], None]) -> Callable[[str], None]:
    """`report`, without its OSErrors: a closed terminal, a closed pipe or a full disk must not end a run."""

    def say(line: str) -> None:
        with contextlib.suppress(OSError):
            report(line)

    return say


class StopRequest:
    """In `with StopRequest(folder) as stop:`, SIGINT, SIGTERM, SIGHUP and the stop file set `requested`.

    A second SIGINT interrupts at once. SIGHUP means that the terminal was closed; under `nohup` it is
    ignored, here too. Only the main thread of a program receives signals. In another thread (of a notebook,
    for example) only the file counts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._signalled = False
        self._previous: dict[int, Any] = {}  # the handlers that were there before

    @property
    def requested(self) -> bool:
        """Whether the run must end after the current step."""
        return self._signalled or asked_to_stop(self.folder)

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
            if hang_up is not None and signal.getsignal(hang_up) == signal.SIG_IGN:
                hang_up = None
            for number in (signal.SIGINT, signal.SIGTERM, *([hang_up] if hang_up else [])):
                self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        clear_stop(self.folder)  # the run has stopped, or the request came too late

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._signalled and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signalled = True
