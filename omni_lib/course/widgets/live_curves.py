"""Curves of a running training, as SVG text, which takes a hundredth of the time of a matplotlib figure.

They use the text colour and font of the page, so that they are legible on light and dark pages.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from omni_lib.course.figures import CHAPTER_TIMELINE, of_type
from omni_lib.course.palette import BLUE, GREEN, ORANGE, PURPLE

PAGE_INK = "var(--vscode-foreground, var(--jp-content-font-color1, currentColor))"
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 400, 44, 20, 26, 20
_LEGEND, _CHARACTER = 16, 6.3  # height of the legend and width of a character, of 12 in font size
WIDEST = "62em"  # with wider charts, four of them would not fit on a screen
_MOST_POINTS = 300  # of a curve: about as many as it has pixels


@dataclass(frozen=True)
class Series:
    """One line of a chart."""

    label: str
    colour: str
    points: Sequence[tuple[float, float]]
    dashes: str = ""
    dots: bool = False


def training_charts(
    entries: Sequence[dict[str, Any]], total_steps: int | None, first_loss: float | None = None
) -> str:
    """Loss, word error rate with the chapter's timeline, blank rate and learning rate of a run, as HTML.

    Args:
        entries: of the training log, or points of the same form.
        total_steps: length of the schedule; the last step logged when None.
        first_loss: predicted for an untrained model, nats per utterance.
    """
    steps, epochs = of_type(entries, "step"), of_type(entries, "epoch")
    length = total_steps or max((entry["step"] for entry in entries), default=1)

    def of(rows: Sequence[dict[str, Any]], key: str, scale: float = 1.0) -> list[tuple[float, float]]:
        return [(row["step"], scale * row[key]) for row in rows if key in row]

    loss = [Series("training", BLUE, of(steps, "ctc_loss"), dots=True)]
    if first_loss is not None:
        untrained = [(0.0, first_loss), (float(length), first_loss)]
        loss.insert(0, Series("predicted for an untrained model", PAGE_INK, untrained, dashes="6 4"))
    timeline = [(share * length, 100 * rate) for share, rate in CHAPTER_TIMELINE]
    charts = (
        chart("CTC loss (nats per utterance)", length, loss),
        chart(
            "Word error rate (%)",
            length,
            [
                Series("the chapter's timeline", PAGE_INK, timeline, dashes="2 4"),
                Series("training batches", ORANGE, of(steps, "wer", 100), dashes="6 3"),
                Series("dev", BLUE, of(epochs, "dev_wer", 100), dots=True),
            ],
            at_least=100,
        ),
        chart(
            "Blank rate (% of CTC frames)",
            length,
            [Series("blank", GREEN, of(steps, "blank_rate", 100))],
            at_least=100,
            height=100,
        ),
        chart("Learning rate", length, [Series("rate", PURPLE, of(steps, "learning_rate"))], height=100),
    )
    # two columns, and one where the page is narrower than two columns of 15em
    column = "minmax(min(100%,max(15em,calc(50% - 6px))),1fr)"
    grid = f"display:grid;grid-template-columns:repeat(auto-fit,{column});gap:4px 12px;max-width:{WIDEST}"
    return f'<div style="{grid};color:{PAGE_INK}">{"".join(charts)}</div>'


def chart(
    title: str, length: float, series: Sequence[Series], at_least: float = 0.0, height: int = 165
) -> str:
    """A line chart over steps 0 to `length`, with the y axis from 0, as SVG.

    Args:
        at_least: the y axis reaches at least this value.
    """
    top = max([at_least, *(y for line in series for _, y in line.points if math.isfinite(y))]) or 1.0
    ticks = round_numbers(top)
    top = max(top, ticks[-1])
    ceiling = _TOP + (_LEGEND if len(series) > 1 else 0)

    def place(x: float, y: float) -> tuple[float, float]:
        across = _LEFT + (_WIDTH - _LEFT - _RIGHT) * x / max(length, 1)
        return round(across, 1), round(height - _BOTTOM - (height - ceiling - _BOTTOM) * y / top, 1)

    parts = [_text(_LEFT, 14, title, "start", bold=True)]
    for tick in ticks:
        _, y = place(0, tick)
        parts.append(f'<path d="M{_LEFT} {y}H{_WIDTH - _RIGHT}" stroke="currentColor" stroke-opacity=".18"/>')
        parts.append(_text(_LEFT - 6, y + 4, f"{tick:g}", "end"))
    for tick in round_numbers(length, 5)[1:]:
        x, y = place(tick, 0)
        parts.append(_text(x, y + 15, f"{tick:g}", "middle"))
    parts.append(_text(_LEFT - 6, height - _BOTTOM + 15, "step", "end"))
    entry = float(_LEFT)  # where the next entry of the legend begins
    for line in series:
        stroke = f'style="stroke:{line.colour}" stroke-width="2" fill="none" stroke-dasharray="{line.dashes}"'
        points = [place(x, y) for x, y in _thinned(line.points) if math.isfinite(y)]
        parts.append(f'<polyline points="{" ".join(f"{x},{y}" for x, y in points)}" {stroke}/>')
        if line.dots and len(points) <= 60:
            parts += [f'<circle cx="{x}" cy="{y}" r="2.5" style="fill:{line.colour}"/>' for x, y in points]
        if len(series) > 1:
            parts.append(f'<path d="M{entry:.0f} {_TOP}h18" {stroke}/>')
            parts.append(_text(round(entry + 22), _TOP + 4, line.label, "start"))
            entry += 34 + _CHARACTER * len(line.label)
    label = html.escape(f"{title}: " + "; ".join(_in_words(line) for line in series), quote=True)
    return (
        f'<svg class="omni-chart" role="img" aria-label="{label}" viewBox="0 0 {_WIDTH} {height}" '
        f'style="width:100%" font-size="12">{"".join(parts)}</svg>'
    )


def round_numbers(top: float, count: int = 4) -> list[float]:
    """About `count` round numbers from 0 up to `top`: steps of 1, 2, 2.5 or 5 times a power of ten."""
    rough = top / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * min((1, 2, 2.5, 5, 10), key=lambda factor: abs(math.log(factor * power / rough)))
    return [step * number for number in range(int(top / step + 1e-9) + 1)]


def _thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    stride = math.ceil(len(points) / _MOST_POINTS)
    return points if stride < 2 else [*points[:-1:stride], points[-1]]


def _text(x: float, y: float, text: str, anchor: str, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="currentColor"{weight}>{html.escape(text)}</text>'
    )


def _in_words(line: Series) -> str:
    if not line.points:
        return f"{line.label}, nothing yet"
    (x, y) = line.points[-1]
    return f"{line.label}, {len(line.points)} points, {y:.3g} at step {x:g}"
