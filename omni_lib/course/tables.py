"""A table of text: HTML in a notebook, aligned columns everywhere else."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Rows of cells below a head. The first column is aligned to the left, all others to the right."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __repr__(self) -> str:
        lines = [self.head, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.head))]
        aligned = (
            [
                f"{line[0]:<{widths[0]}}",
                *(f"{cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True)),
            ]
            for line in lines
        )
        return "\n".join("  ".join(cells).rstrip() for cells in aligned)

    def _repr_html_(self) -> str:
        head = "".join(_cell("th", cell, number) for number, cell in enumerate(self.head))
        rows = "".join(
            f"<tr>{''.join(_cell('td', cell, number) for number, cell in enumerate(row))}</tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(tag: str, text: str, column: int) -> str:
    align = "right" if column else "left"
    return f'<{tag} style="text-align: {align}">{html.escape(text)}</{tag}>'
