"""Twenty training steps with the library's function beside twenty with the learner's: the table, and what it says."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass

STEPS = 20
TOLERANCE = 5e-3  # relative: rounding differs by 1e-6 at first and by 2e-4 after twenty steps; a batch norm that counts padding, by 0.2
SHOWN = (1, 2, 5, 10, 15, 20)


@dataclass(frozen=True)
class Step:
    """One step of training, as its log tells it."""

    loss: float  # nats per utterance
    wer: float  # of the batch, a fraction


@dataclass(frozen=True)
class Comparison:
    """The same steps with the library's function and with the learner's; a table in a notebook."""

    library: tuple[Step, ...]
    yours: tuple[Step, ...]
    calls: int  # of the learner's function

    @property
    def difference(self) -> float:
        """The largest relative difference of a loss or an error rate."""
        pairs = list(zip(self.library, self.yours, strict=True))
        values = [(one.loss, other.loss) for one, other in pairs] + [
            (one.wer, other.wer) for one, other in pairs
        ]
        return max(abs(one - other) / max(abs(one), abs(other), 1e-12) for one, other in values)

    @property
    def same(self) -> bool:
        return self.calls > 0 and self.difference <= TOLERANCE

    @property
    def summary(self) -> str:
        """Whether anything changed, in a sentence."""
        if self.same:
            exactly = (
                "to the last digit"
                if self.difference == 0
                else f"within {10.0 ** math.ceil(math.log10(self.difference)):.0e}"
            )
            called = f"{len(self.yours)} real steps called your function {self.calls} times"
            return f"{called}, and nothing changed: loss and WER agree {exactly}."
        if not self.calls:
            return "Training never called your function, so this says nothing about it."
        for number, (theirs, mine) in enumerate(zip(self.library, self.yours, strict=True), 1):
            if Comparison((theirs,), (mine,), 1).difference > TOLERANCE:
                return (
                    f"From step {number} on the runs differ: loss {theirs.loss:.4f} with the library's function and {mine.loss:.4f} "
                    f"with yours, WER {theirs.wer:.1%} and {mine.wer:.1%}. The check passed, so this is a case that it does not know: "
                    "what do batches of speech hold that the check does not?"
                )
        raise AssertionError("the difference is in one of the steps")

    def _rows(self) -> list[tuple[str, ...]]:
        shown = [
            (number, self.library[number - 1], self.yours[number - 1])
            for number in SHOWN
            if number <= len(self.yours)
        ]
        return [
            (str(number), f"{theirs.loss:.4f}", f"{mine.loss:.4f}", f"{theirs.wer:.1%}", f"{mine.wer:.1%}")
            for number, theirs, mine in shown
        ]

    def __repr__(self) -> str:
        header = f"{'':6}{'loss (nats per utterance)':>27}{'WER of the batch':>21}\n"
        header += f"{'step':6}{'library':>13}{'yours':>14}{'library':>12}{'yours':>9}"
        lines = [
            f"{step:6}{theirs:>13}{mine:>14}{their_wer:>12}{my_wer:>9}"
            for step, theirs, mine, their_wer, my_wer in self._rows()
        ]
        return "\n".join([f"{'✓' if self.same else '✗'} {self.summary}", "", header, *lines])

    def _repr_html_(self) -> str:
        colour = "#009E73" if self.same else "#E69F00"
        cells = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in self._rows())
        groups = '<tr><th></th><th colspan="2">loss (nats per utterance)</th><th colspan="2">WER of the batch</th></tr>'
        columns = "<tr><th>step</th><th>library</th><th>yours</th><th>library</th><th>yours</th></tr>"
        table = f"<table><thead>{groups}{columns}</thead><tbody>{cells}</tbody></table>"
        said = f"{'✓' if self.same else '✗'} {html.escape(self.summary, quote=False)}"
        return f'<div style="border-left: 4px solid {colour}; padding: 2px 10px">{said}{table}</div>'
