"""The time that each explorer's kernel code takes to respond to one of its controls.

    python tests/benchmarks/explorers.py [--times 15]

A response is the new pictures, words and sound, ready to be sent. It should take at most 200 ms on an idle
machine. Each control is moved back and forth between two values. The median and the slowest response are
printed, in wall-clock and in processor time, on the shortest and on the longest of the course's clips.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

import ipywidgets as widgets
import torch

from omni_lib.course.widgets.ctc_explorer import VIEWS, ctc_explorer
from omni_lib.course.widgets.error_explorer import error_explorer
from omni_lib.course.widgets.mel_explorer import mel_explorer
from omni_lib.course.widgets.subsampling_explorer import subsampling_explorer

SHORTEST, LONGEST = "how", "bicycle"
PROMISED = 0.2  # seconds
Moves = Iterator[tuple[str, widgets.Widget, tuple[Any, Any]]]


def mel_moves() -> Moves:
    for clip in (SHORTEST, LONGEST):
        explorer = mel_explorer(clip)
        for control, values in (
            (explorer.window, (24, 26)),
            (explorer.hop, (9, 11)),
            (explorer.hop, (2, 3)),
            (explorer.n_fft, (1024, 4096)),
            (explorer.filters, (127, 129)),
            (explorer.part, ((0.1, 1.0), (0.2, 1.1))),
        ):
            yield f"mel, {clip}", control, values


def ctc_moves() -> Moves:
    explorer = ctc_explorer()
    yield "ctc, collapse", explorer.path, ("hhe_ll_lo", "hhe_l_loo")
    explorer.view.value = VIEWS[1]
    yield "ctc, region", explorer.k, (2, 3)
    yield "ctc, region", explorer.seconds, (3.5, 4.0)
    explorer.view.value = VIEWS[2]
    for clip in (SHORTEST, LONGEST):
        explorer.clip.value = clip
        yield f"ctc, trellis of {clip}", explorer.mass, ("forward", "both")
        yield f"ctc, trellis of {clip}", explorer.best, (True, False)


def subsampling_moves() -> Moves:
    for clip in (SHORTEST, LONGEST):
        explorer = subsampling_explorer(clip)
        yield f"subsampling, {clip}", explorer.embedding, (3, 4)
        yield f"subsampling, {clip}", explorer.block, (1, 2)
        yield f"subsampling, {clip}", explorer.head, (1, 2)
        yield f"subsampling, {clip}", explorer.length, (99, 100)


def error_moves() -> Moves:
    explorer = error_explorer()
    yield "error", explorer.hypothesis, ("the cat sat on a mat", "the big cat sat on the mat today")


def measure(control: widgets.Widget, values: tuple[Any, Any], times: int) -> tuple[list[float], list[float]]:
    """Seconds by the wall clock and of the processor of `times` moves, after two that are not counted."""
    walls, processors = [], []
    for move in range(times + 2):
        wall, processor = time.perf_counter(), time.process_time()
        control.value = values[move % 2]
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return walls[2:], processors[2:]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'explorer':28}{'control':24}{'median':>8}{'slowest':>9}{'processor':>11}   ms")
    slow = 0
    for moves in (mel_moves, ctc_moves, subsampling_moves, error_moves):
        for explorer, control, values in moves():
            walls, processors = measure(control, values, arguments.times)
            median = statistics.median(walls)
            slow += median > PROMISED
            name = (
                f"{control.description} {values[0]}"
                if control.description == "hop, ms"
                else control.description
            )
            shown = [round(1000 * seconds) for seconds in (median, max(walls), statistics.median(processors))]
            print(f"{explorer:28}{name:24}{shown[0]:8}{shown[1]:9}{shown[2]:11}", flush=True)
    print(
        f"{slow} controls above {1000 * PROMISED:.0f} ms"
        if slow
        else f"every median is below {1000 * PROMISED:.0f} ms"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
