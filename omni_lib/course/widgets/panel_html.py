"""The parts of the training panel as HTML: current figures, transcripts, console, notes and comparisons."""

from __future__ import annotations

import html
from collections.abc import Sequence

from omni_lib.course.figures import compared_curves, shown
from omni_lib.course.widgets.live_curves import PAGE_INK
from omni_lib.runs.console import CONSOLE
from omni_lib.runs.run_folder import RunFolder
from omni_lib.runs.status import State, Status

_EPOCHS_SHOWN = 5


def status_line(text: str) -> str:
    """A line that screen readers announce."""
    return f'<div role="status" style="color:{PAGE_INK};line-height:1.5">{html.escape(text)}</div>'


def comparison(runs: Sequence[RunFolder]) -> str:
    """The curves of some runs in one picture."""
    names = [run.folder.name for run in runs]
    figure = compared_curves([(run.folder.name, run.status().entries) for run in runs])
    words = f"training loss, and word error rate on dev, of the runs {', '.join(names)}"
    return shown(figure, words).as_html()


def short_name(run: RunFolder) -> str:
    """The last two folders of its path, such as checkpoints/an4."""
    return "/".join(run.folder.parts[-2:])


def console_text(run: RunFolder) -> str:
    """The last lines that the training has printed, as HTML."""
    style = (
        "max-height:24em;max-width:76em;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere;padding:6px"
    )
    style += f";color:{PAGE_INK};border:1px solid #80808080"
    path, said = html.escape(f"{short_name(run)}/{CONSOLE}"), html.escape(run.console(200))
    heading = f'<div style="color:{PAGE_INK}"><code>{path}</code></div>'
    return f'{heading}<pre class="omni-console" style="{style}">{said}</pre>'


def figure_tiles(status: Status, machine: str, doing: str) -> str:
    """The current figures, each below its name, as HTML.

    Args:
        machine: processor use and memory of the training, in words.
        doing: what the run is doing, in words, where that is not a step.
    """
    steps, epochs = status.points, status.of_type("epoch")
    tiles = [("step", f"{status.step} of {status.total_steps}" if status.total_steps else "–")]
    if status.state is State.RUNNING:
        tiles.append(
            ("time left, about", "–" if status.seconds_left is None else duration(status.seconds_left))
        )
    if steps:
        now = steps[-1]
        tiles += [("CTC loss", f"{now['ctc_loss']:.1f}"), ("WER, training", f"{now['wer']:.1%}")]
        tiles += [("WER, dev", f"{epochs[-1]['dev_wer']:.1%}")] if epochs else []
        tiles += [
            ("blank rate", f"{now['blank_rate']:.0%}"),
            ("learning rate", f"{now['learning_rate']:.2g}"),
        ]
    if machine:
        tiles.append(("processor and memory", machine))
    cells = "".join(
        f'<div style="line-height:1.35"><div style="font-size:11px;opacity:.75">{html.escape(name)}</div>'
        f"<b>{html.escape(value)}</b></div>"
        for name, value in tiles
    )
    line = f'<div style="opacity:.75;line-height:1.4">{html.escape(doing)}</div>' if doing else ""
    style = f"display:flex;flex-wrap:wrap;gap:4px 24px;max-width:76em;color:{PAGE_INK}"
    return f'<div style="{style}">{cells}</div>{line}'


def transcripts_table(status: Status) -> str:
    """The transcripts of three dev clips after some epochs, the first and the last included, as HTML."""
    epochs = [entry for entry in status.of_type("epoch") if entry.get("transcripts")]
    if not epochs:
        return ""
    last = len(epochs) - 1
    chosen = sorted({round(last * part / (_EPOCHS_SHOWN - 1)) for part in range(_EPOCHS_SHOWN)})
    cell = "padding:1px 10px 1px 0;vertical-align:top;text-align:left;overflow-wrap:anywhere"
    said = "".join(
        f'<th style="{cell};width:30%">{html.escape(each["said"])}</th>' for each in epochs[-1]["transcripts"]
    )
    rows = [f'<tr><th style="{cell}">said</th>{said}</tr>']
    for number in chosen:
        heard = "".join(
            f'<td style="{cell}">{html.escape(each["heard"]) or "<i>nothing</i>"}'
            f"{' ✓' if each['heard'] == each['said'] else ''}</td>"
            for each in epochs[number]["transcripts"]
        )
        rows.append(
            f'<tr><td style="{cell};white-space:nowrap">epoch {epochs[number]["epoch"]}</td>{heard}</tr>'
        )
    caption_style = "text-align:left;font-weight:600;padding:2px 0"
    caption = f'<caption style="{caption_style}">Transcripts of dev clips</caption>'
    style = (
        f"width:100%;max-width:76em;border-collapse:collapse;font-size:12px;line-height:1.3;color:{PAGE_INK}"
    )
    return f'<table class="omni-transcripts" style="{style}">{caption}{"".join(rows)}</table>'


def duration(seconds: float) -> str:
    """A time in words: "1 h 05 min", "5 min 07 s" or "12 s"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
