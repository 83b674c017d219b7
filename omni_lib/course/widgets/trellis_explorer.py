"""The trellis explorer: the forward recursion, cell by cell in a short text, frame by frame in a clip.

from omni_lib.course.widgets.trellis_explorer import trellis_explorer

trellis_explorer()
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor

from omni_lib.alignment import seconds_per_ctc_frame
from omni_lib.audio import LogMel, read_audio
from omni_lib.course import materials
from omni_lib.course.figures import Picture
from omni_lib.course.palette import BLUE, GREEN
from omni_lib.course.trellis import (
    SHORT_TEXTS,
    VOCABULARY,
    forward_mass,
    frame_notes,
    short_log_probs,
    sign_of,
    states_of,
)
from omni_lib.course.widgets.explorer import Explorer, controls
from omni_lib.course.widgets.step_picture import StepPicture
from omni_lib.course.widgets.trellis_drawing import Cell, ShortTrellis, in_figures
from omni_lib.course.widgets.trellis_pictures import AlphaCanvas, ShortTrellisCanvas
from omni_lib.errors import UserError

CLIP = "hello"
KEYS = "Click the picture, or go to it with Tab: then → and ← move by one step, Home and End to the ends."
Forward = Callable[[Tensor, list[int]], Any]


def trellis_explorer(text: str = "ab", forward: Forward | None = None) -> TrellisExplorer:
    """An explorer that starts with `text`: one of `trellis.SHORT_TEXTS`, or the name of a clip.

    Args:
        forward: computes log alpha (T, 2 L + 1) from log_probs (T, symbols) and a target, such as a learner's
            function that its check has accepted; None: the library's.
    """
    return TrellisExplorer(text, forward)


class TrellisExplorer(Explorer):
    """A slider of time; buttons and arrow keys for single steps."""

    def __init__(self, text: str, forward: Forward | None) -> None:
        super().__init__("trellis", "Trellis explorer: the forward recursion, step by step")
        shorts = {f"'{short}' in {len(rows)} frames": short for short, (_, rows) in SHORT_TEXTS.items()}
        options = {**shorts, f"the clip '{CLIP}'": CLIP}
        if text not in options.values():
            raise UserError(f"there is no example '{text}': choose one of {', '.join(options.values())}")
        self._forward, self.own = forward or forward_mass, forward is not None
        self.text = widgets.Dropdown(options=options, value=text, description="text")
        self.time = widgets.IntSlider(0, min=0, max=1, description="time (frame)", continuous_update=True)
        self.picture = StepPicture(key_help=KEYS)
        self.picture.add_class("omni-trellis-steps")
        self.position = 0  # how many cells (of a clip: frames) are computed
        self._view: _Short | _Clip
        self._load()
        self.children = [
            self.heading,
            controls(self.text, self.time),
            self.picture,
            self.summary,
        ]
        self.text.observe(lambda _: self.guarded(self._another), names="value")
        self.time.observe(lambda change: self._chosen(self._view.after_frame(change["new"])), names="value")
        self.picture.on_step(self.move)

    def move(self, step: str) -> None:
        """Go "forward" or "back" by one cell, or to the "first" or the "last" one."""
        to = {"forward": self.position + 1, "back": self.position - 1, "first": 1, "last": self._view.steps}
        self._go(to[step])

    def refresh(self) -> None:
        drawing, words = self._view.drawn(self.position)
        by = "your own function" if self.own else "the library"
        words = f"{words} (α is computed by {by}.)"
        with self.picture.hold_sync():
            self.picture.drawing, self.picture.alt = drawing, words
            self.picture.at_end = self.position == self._view.steps
        self.announce(words)

    def still(self) -> Picture:
        png, words = self._view.still()
        return Picture(png, f"Trellis explorer. {words}")

    def _another(self) -> None:
        """Another text is chosen: what plays must not go on in it."""
        self.picture.pause()
        self._load()

    def _load(self) -> None:
        name = self.text.value
        self._view = _Clip(name, self._forward) if name == CLIP else _Short(name, self._forward, self.own)
        self._go(self._view.after_frame(0))

    def _chosen(self, position: int) -> None:
        if not self._held:  # the learner moves the slider
            self.picture.pause()
            self._go(position)

    def _go(self, position: int) -> None:
        """Compute the first `position` steps; the slider follows."""
        self.position = min(max(position, 1), self._view.steps)
        self._held = True
        try:
            with self.time.hold_trait_notifications():
                self.time.max, self.time.value = self._view.frames - 1, self._view.frame_of(self.position)
        finally:
            self._held = False
        self._refresh()


class _Short:
    """A short text with made-up probabilities. A step is a cell."""

    def __init__(self, text: str, forward: Forward, own: bool) -> None:
        log_probs, self.target = short_log_probs(text), VOCABULARY.encode(text)
        alpha = torch.as_tensor(forward(log_probs, self.target)).double()
        self.text, self.frames = text, len(log_probs)
        self.trellis = ShortTrellis(log_probs, self.target, alpha, GREEN if own else BLUE)
        self.steps = len(self.trellis.cells)

    def frame_of(self, position: int) -> int:
        return self.trellis.cells[position - 1].frame

    def after_frame(self, frame: int) -> int:
        """How many cells are computed once this frame is complete."""
        return sum(cell.frame <= frame for cell in self.trellis.cells)

    def drawn(self, position: int) -> tuple[str, str]:
        """The picture as HTML, and the latest step in words."""
        words = _sum_in_words(self.trellis.cells[position - 1])
        if position == self.steps:
            words += f" {self._loss()}"
        return self.trellis.svg(position), words

    def still(self) -> tuple[bytes, str]:
        """The finished trellis as a PNG, and in words."""
        words = f"The trellis of '{self.text}' in {self.frames} frames with α in each cell. {self._loss()}"
        return ShortTrellisCanvas(self.trellis).draw(self.steps), words

    def _loss(self) -> str:
        last = [cell.mass for cell in self.trellis.cells if cell.frame == self.frames - 1]
        ends = last[-2:]
        both = " + ".join(in_figures(mass) for mass in ends)
        return (
            f"The last two states of the last frame add up to the probability of '{self.text}': {both} = "
            f"{in_figures(sum(ends))}, a loss of {-math.log(sum(ends)):.2f} nats."
        )


class _Clip:
    """A real clip with the posteriors of the pretrained encoder. A step is a frame."""

    def __init__(self, name: str, forward: Forward) -> None:
        clip, (recogniser, config) = materials.clips()[name], materials.pretrained()
        mel = LogMel()(read_audio(clip.path))
        with torch.inference_mode():
            self._log_probs = recogniser(mel[None], torch.tensor([len(mel)]))[0][0].clone()
        self.text, self.target = clip.text, VOCABULARY.encode(clip.text)
        self._alpha = torch.as_tensor(forward(self._log_probs, self.target)).double()
        self._seconds = seconds_per_ctc_frame(config)
        self._notes = frame_notes(self._log_probs, self._seconds)
        self._canvas = AlphaCanvas()
        self.frames = self.steps = len(self._log_probs)

    def frame_of(self, position: int) -> int:
        return position - 1

    def after_frame(self, frame: int) -> int:
        return frame + 1

    def drawn(self, position: int) -> tuple[str, str]:
        """The picture as HTML, and the latest frame in words."""
        png = base64.b64encode(self._png(position)).decode()
        state = int(self._alpha[position - 1].argmax())
        words = (
            f"'{self.text}': {self._notes[position - 1]}. Of the beginnings so far, those in state {state} "
            f"({sign_of(states_of(self.target)[state])}) are the most probable."
        )
        if position == self.steps:
            words += f" {self._loss()}"
        return f'<img alt="" src="data:image/png;base64,{png}">', words

    def still(self) -> tuple[bytes, str]:
        """The finished trellis as a PNG, and in words."""
        words = f"α of the clip '{self.text}' in {self.frames} frames and {self._alpha.shape[1]} states."
        return self._png(self.steps), f"{words} {self._loss()}"

    def _png(self, position: int) -> bytes:
        return self._canvas.draw(self._alpha, self.target, position, self._seconds)

    def _loss(self) -> str:
        return (
            f"The last two states of the last frame give the loss: "
            f"{-float(self._alpha[-1, -2:].logsumexp(dim=0)):.2f} nats."
        )


def _sum_in_words(cell: Cell) -> str:
    """How a cell is computed: Frame 2, state 3 (b): α = 0.4 · (0.160 stay + 0.280 move on) = 0.176."""
    name = f"Frame {cell.frame}, state {cell.state} ({sign_of(cell.symbol)})"
    if not cell.terms:
        return f"{name}: here a path may begin, so α is the probability of the symbol, {cell.share:.1f}."
    terms = " + ".join(f"{in_figures(term.mass)} {term.way}" for term in cell.terms)
    return f"{name}: α = {cell.share:.1f} · ({terms}) = {in_figures(cell.mass)}."
