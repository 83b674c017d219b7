"""The encoder, drawn: a box for each part, with the shapes of a clip; a click shows what is in a box.

from omni_lib.course.widgets.encoder_drawing import encoder_drawing

encoder_drawing()          # the trained encoder
encoder_drawing(mine)      # an encoder that was built with the library's names
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import anywidget
import matplotlib.pyplot as plt
import traitlets
from matplotlib.patches import FancyBboxPatch
from torch import nn

from omni_lib.audio import LogMel, read_audio
from omni_lib.course import materials
from omni_lib.course.encoder_parts import Part, parts_of
from omni_lib.course.figures import Picture, page_style, shown
from omni_lib.course.palette import BLUE, GREEN, INK
from omni_lib.course.still import display_with_still
from omni_lib.errors import UserError

_HERE = Path(__file__).parent


class EncoderDrawing(anywidget.AnyWidget):
    """Boxes from the log-mel to the embeddings. The chosen part shows its shapes, parameters, doc and code.

    A box is green and says "yours" once the exercise in which the learner builds it is right.
    """

    _esm = _HERE / "encoder_drawing.js"
    _css = _HERE / "encoder_drawing.css"

    clips: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    clip = traitlets.Unicode().tag(sync=True)
    parts: Any = traitlets.List().tag(sync=True)  # `Part` as dictionaries, with "own"
    chosen = traitlets.Unicode().tag(sync=True)  # the key of a part
    caption = traitlets.Unicode().tag(sync=True)

    def __init__(self, encoder: nn.Module, clip: str, caption: str = "") -> None:
        """
        Args:
            encoder: in evaluation mode.
            clip: one of the course's clips, with which the drawing begins.

        Raises:
            UserError: the course has no clip of this name.
        """
        self.encoder = encoder
        self._clips = materials.clips()
        if clip not in self._clips:
            raise UserError(f"there is no clip '{clip}': choose one of {', '.join(self._clips)}")
        super().__init__(clips=list(self._clips), clip=clip, caption=caption)
        self._renew()
        self.observe(lambda _: self._renew(), names=["clip", "chosen"])

    def _renew(self) -> None:
        mel = LogMel()(read_audio(self._clips[self.clip].path))
        self._parts = parts_of(self.encoder, mel)
        self.parts = [asdict(part) | {"own": part.own} for part in self._parts]

    @property
    def description(self) -> str:
        """What the drawing shows, in words."""
        first, *others = self._parts
        steps = [f"log-mel {first.given}"]
        steps += [
            f"{part.title} ({_percent(part.share)}{', yours' if part.own else ''}) {part.returned}"
            for part in others
            if part.inside == ""
        ]
        return (
            f"The encoder with the clip '{self.clip}', {first.parameters:,} parameters "
            f"with these shares: {' → '.join(steps)}."
        )

    def still(self) -> Picture:
        """The boxes as a static picture, for places without a kernel."""
        return _picture([part for part in self._parts if part.inside in (None, "")], self.description)

    def _ipython_display_(self, **_: Any) -> None:
        display_with_still(self, *self.still()._repr_mimebundle_())


def encoder_drawing(
    encoder: nn.Module | None = None, clip: str = "hello", caption: str = ""
) -> EncoderDrawing:
    """A drawing of an encoder, by default of the trained one.

    Raises:
        UserError: the course has no clip of this name.
    """
    if encoder is None:
        encoder = materials.pretrained()[0].encoder
    return EncoderDrawing(encoder, clip, caption)


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.01 else f"{share:.2%}"


def _picture(parts: list[Part], description: str) -> Picture:
    """The encoder and its parts as boxes from left to right, with the shapes between them."""
    whole, *boxes = parts
    width, gap = 1.54, 0.44
    step = width + gap
    with page_style():
        figure, axes = plt.subplots(figsize=(9.4, 1.9), layout="constrained")
        axes.set_axis_off()
        axes.set(xlim=(-gap - 0.35, step * len(boxes) + 0.35), ylim=(-0.75, 1.15))
        small: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 9, "color": INK}
        for place, box in enumerate(boxes):
            left, colour = step * place, GREEN if box.own else BLUE
            outline = FancyBboxPatch((left, 0), width, 1, "round,pad=0.04", fill=False, ec=colour, lw=2)
            axes.add_patch(outline)
            axes.text(left + width / 2, 0.75, box.title, **small | {"weight": "bold"})
            axes.text(left + width / 2, 0.45, _percent(box.share), **small)
            axes.text(left + width / 2, 0.18, "yours ✓" if box.own else "", **small)
        shapes = [whole.given, *(box.returned for box in boxes)]
        names = {0: "log-mel", len(boxes): "embeddings"}
        for place, shape in enumerate(shapes):
            middle = step * place - gap / 2
            arrow = {"arrowstyle": "->", "color": INK}
            axes.annotate("", (middle + 0.17, 0.5), (middle - 0.17, 0.5), arrowprops=arrow)
            axes.text(middle, -0.25, f"{shape[0]} × {shape[1]}", **small)
            axes.text(middle, -0.58, names.get(place, ""), **small)
    return shown(figure, description, dpi=100)
