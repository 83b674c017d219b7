"""Training with the library's function, compared with training with the learner's."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass

from omni_lib.course.palette import GREEN, ORANGE

STEPS = 20
# Relative: rounding makes 1e-6 at first and 2e-4 after twenty steps, a batch norm that counts padding 0.2.
TOLERANCE = 5e-3
STEPS_IN_TABLE = (1, 2, 5, 10, 15, 20)


@dataclass(frozen=True)
class Step:
    """The figures that the training log has for one step."""

    loss: float  # nats per utterance
    wer: float  # of the batch, a fraction


@dataclass(frozen=True)
class Comparison:
    """The same steps with the library's function and with the learner's. A notebook shows a table."""

    library: tuple[Step, ...]
    yours: tuple[Step, ...]
    calls: int  # of the learner's function

    @property
    def difference(self) -> float:
        """The largest relative difference in loss or error rate over all steps."""
        pairs = [
            pair
            for theirs, mine in zip(self.library, self.yours, strict=True)
            for pair in ((theirs.loss, mine.loss), (theirs.wer, mine.wer))
        ]
        return max(abs(one - other) / max(abs(one), abs(other), 1e-12) for one, other in pairs)

    @property
    def same(self) -> bool:
        """Whether training called the learner's function and gave the same figures with it."""
        return self.calls > 0 and self.difference <= TOLERANCE

    @property
    def summary(self) -> str:
        """Whether anything changed, in a sentence or two."""
        if self.same:
            agreement = "to the last digit"
            if self.difference > 0:
                agreement = f"to {-math.ceil(math.log10(self.difference))} digits"
            return (
                f"{len(self.yours)} real steps called your code {self.calls} times, and nothing changed: "
                f"loss and WER agree {agreement}."
            )
        if not self.calls:
            return "Training never called your function, so this comparison shows nothing about it."
        for number, (theirs, mine) in enumerate(zip(self.library, self.yours, strict=True), 1):
            if Comparison((theirs,), (mine,), 1).difference > TOLERANCE:
                return (
                    f"From step {number} on the runs differ: loss {theirs.loss:.4f} with the library's "
                    f"function and {mine.loss:.4f} with yours, WER {theirs.wer:.1%} and {mine.wer:.1%}. Your "
                    "function passed its check, so the check lacks this case: what do batches of speech "
                    "contain that it does not try?"
                )
        raise AssertionError("one of the steps has the largest difference")

    def _rows(self) -> list[tuple[str, ...]]:
        numbers = [number for number in STEPS_IN_TABLE if number <= len(self.yours)]
        rows = [(number, self.library[number - 1], self.yours[number - 1]) for number in numbers]
        return [
            (str(number), f"{theirs.loss:.4f}", f"{mine.loss:.4f}", f"{theirs.wer:.1%}", f"{mine.wer:.1%}")
            for number, theirs, mine in rows
        ]

    @property
    def _headline(self) -> str:
        return f"{'✓' if self.same else '✗'} {self.summary}"

    def __repr__(self) -> str:
        header = f"{'':6}{'loss (nats per utterance)':>27}{'WER of the batch':>21}\n"
        header += f"{'step':6}{'library':>13}{'yours':>14}{'library':>12}{'yours':>9}"
        lines = [
            f"{step:6}{theirs:>13}{mine:>14}{their_wer:>12}{my_wer:>9}"
            for step, theirs, mine, their_wer, my_wer in self._rows()
        ]
        return "\n".join([self._headline, "", header, *lines])

    def _repr_html_(self) -> str:
        colour = GREEN if self.same else ORANGE
        cells = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in self._rows())
        loss, wer = (
            '<th colspan="2">' + name + "</th>" for name in ("loss (nats per utterance)", "WER of the batch")
        )
        columns = "".join(f"<th>{name}</th>" for name in ("step", "library", "yours", "library", "yours"))
        head = f"<tr><th></th>{loss}{wer}</tr><tr>{columns}</tr>"
        table = f"<table><thead>{head}</thead><tbody>{cells}</tbody></table>"
        headline = html.escape(self._headline, quote=False)
        return f'<div style="border-left: 4px solid {colour}; padding: 2px 10px">{headline}{table}</div>'
