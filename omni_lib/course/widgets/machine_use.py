"""What a training uses of this machine, and what other programs use meanwhile, for the panel."""

from __future__ import annotations

import contextlib

import psutil

from omni_lib.machine.thread_plan import BUSY, busy_cores, own_cores
from omni_lib.runs.run_folder import RunFolder

_LOOKS = 3  # looks in a row that find the machine busy with something else, before it is mentioned
_KERNEL = psutil.Process()


class MachineUse:
    """The use of the machine between one look and the next; `note` says what else keeps it busy."""

    def __init__(self) -> None:
        self.note = ""
        self._process: psutil.Process | None = None
        self._looks_busy = 0  # times in a row that other programs used the machine

    def look(self, run: RunFolder) -> str:
        """Processor use and memory of the training, in words; "" at the first look, or where it has ended."""
        process = run.process()
        if process is None:
            return ""
        others = busy_cores(0.0) - _KERNEL.cpu_percent() / 100  # both since their last call
        if self._process is None or self._process.pid != process.pid:
            self._process = process  # kept, because cpu_percent covers the time since its last call
            process.cpu_percent()
            self.note = ""
            return ""
        with contextlib.suppress(psutil.Error):
            share, held = self._process.cpu_percent(), self._process.memory_info().rss
            self.notice(run, others - share / 100)
            return f"{share:.0f}% of a core, {held / 1e9:.1f} GB"
        return ""

    def notice(self, run: RunFolder, busy: float) -> None:
        """Set `note`: other trainings, or programs that have used the machine for some looks.

        Args:
            busy: cores that other programs have used since the last look.
        """
        self._looks_busy = self._looks_busy + 1 if busy >= BUSY else 0
        self.note = ""
        if others := run.others_going_on():
            folders = ", ".join("/".join(other.folder.parts[-2:]) for other in others)
            self.note = f"Another training is going on in {folders}: each slows the other down."
            if len(others) > 1:
                self.note = f"Other trainings are going on in {folders}: all of them slow each other down."
        elif self._looks_busy >= _LOOKS:
            self.note = (
                f"The machine is busy with something else: other programs use {busy:.1f} of its "
                f"{len(own_cores())} cores. A step takes longer meanwhile."
            )
