"""Ctrl-C, a polite kill, a closed terminal or a file named `stop` in the run's folder end a run after the step at hand.

Everything is saved then. The file needs no signal, so it works on Windows, from another terminal and from a notebook:

    touch checkpoints/audio_enc_tiny/stop
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

STOP_FILE = "stop"


def ask_to_stop(folder: Path) -> None:
    """Ask the run in `folder` to save and end."""
    (folder / STOP_FILE).touch()


def clear_stop(folder: Path) -> None:
    """Forget what an earlier run was asked."""
    with contextlib.suppress(
        OSError
    ):  # a folder that is gone or read-only: the run ends for that, or not at all
        (folder / STOP_FILE).unlink(missing_ok=True)


def heard_or_not(report: Callable[[str], None]) -> Callable[[str], None]:
    """`report`, that a closed terminal, a pipe that ended or a full disk behind it does not stop: no reason to lose a run."""

    def say(line: str) -> None:
        with contextlib.suppress(OSError):
            report(line)

    return say


class StopRequest:
    """Inside `with StopRequest(folder) as stop:`, SIGINT, SIGTERM, SIGHUP and the stop file set `stop.requested`.

    A second SIGINT interrupts at once. SIGHUP says that the terminal was closed; under `nohup` it is ignored, here too. Signals reach
    a program's main thread only; elsewhere (a notebook's worker thread) only the file is heeded.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._signalled = False
        self._previous: dict[int, object] = {}

    @property
    def requested(self) -> bool:
        return self._signalled or (self.folder / STOP_FILE).exists()

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
        clear_stop(self.folder)  # it has been obeyed, or came too late

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._signalled and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signalled = True
