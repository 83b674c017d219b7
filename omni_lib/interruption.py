"""Ctrl-C and a polite kill end a run after the step at hand, with everything saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class StopRequest:
    """Inside `with StopRequest() as stop:`, SIGINT and SIGTERM set `stop.requested`; a second SIGINT interrupts at once.

    Signals reach a program's main thread only; elsewhere (a notebook's worker thread) nothing is caught.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True
