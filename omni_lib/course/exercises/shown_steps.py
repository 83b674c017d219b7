"""A line in the notebook that counts the steps of `try_in_training` while they are computed."""

from __future__ import annotations

from typing import Any


class ShownSteps:
    """Counts the lines that a training reports for its steps. Outside a notebook it shows nothing."""

    def __init__(self, steps: int) -> None:
        """
        Args:
            steps: of one training.
        """
        self.steps, self.done, self.whose = steps, 0, ""
        self._handle: Any = None

    def begin(self, whose: str) -> None:
        """A training begins: `whose` function computes it, in words."""
        self.done, self.whose = 0, whose
        self._show()

    def report(self, line: str) -> None:
        """Take a line of the training's log."""
        if line.startswith("[Step"):
            self.done += 1
            self._show()

    def _show(self) -> None:
        from IPython import get_ipython
        from IPython.display import display

        if get_ipython() is None:
            return
        text = f"training with {self.whose}: step {self.done} of {self.steps}"
        if self._handle is None:
            self._handle = display({"text/plain": text}, raw=True, display_id=True)
        else:
            self._handle.update({"text/plain": text}, raw=True)
