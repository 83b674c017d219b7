"""The CTC explorer: how a path collapses, the feasible region, and the trellis of a clip.

from omni_lib.course.widgets.ctc_explorer import ctc_explorer

ctc_explorer()
"""

from __future__ import annotations

import html
from itertools import groupby

import ipywidgets as widgets
import torch

from omni_lib.alignment import best_path, seconds_per_ctc_frame
from omni_lib.audio import LogMel, read_audio
from omni_lib.course import materials
from omni_lib.course.figures import Picture
from omni_lib.course.trellis import (
    VOCABULARY,
    Collapse,
    backward_mass,
    best_states,
    count_alignments,
    forward_mass,
    frame_notes,
    occupancy,
    random_alignment,
    read_path,
    region,
    write_path,
)
from omni_lib.course.widgets.explorer import Explorer, button, controls
from omni_lib.course.widgets.sound_picture import SoundPicture
from omni_lib.course.widgets.trellis_pictures import (
    CollapseCanvas,
    RegionCanvas,
    TrellisCanvas,
    collapse_table,
)
from omni_lib.ctc import frames_needed
from omni_lib.encoder import embedding_lengths
from omni_lib.errors import UserError
from omni_lib.text import normalise

VIEWS = ("collapse a path", "feasible region", "trellis of a clip")
MASSES = {
    "α: all beginnings": "forward",
    "β: all ways to go on": "backward",
    "α · β: all whole paths": "both",
}
LONGEST_TEXT = 90  # characters; the longest clip has 81
LONGEST_PATH = 40  # frames that fit into a legible table


def ctc_explorer(text: str = "hello", path: str = "hhe_ll_loo") -> CTCExplorer:
    """An explorer that starts with `text` and a path for it (a-z, space, and _ for blank)."""
    return CTCExplorer(text, path)


class CTCExplorer(Explorer):
    """Three views of one idea: many paths spell the same text."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__("ctc", "CTC explorer")
        self.view = widgets.ToggleButtons(
            options=VIEWS, description="view", style={"button_width": "auto", "description_width": "4em"}
        )
        self.view.add_class("omni-view")
        self.text = widgets.Text(text, description="text", continuous_update=True)
        self._sections = {
            VIEWS[0]: self._collapse_section(path),
            VIEWS[1]: self._region_section(),
            VIEWS[2]: self._trellis_section(),
        }
        self._draws = 0
        self._recogniser, self._config = materials.pretrained()
        self._outputs: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}  # clip → waveform, log_probs
        self.children = [self.heading, self.view, *self._sections.values(), self.summary]
        for control in (
            self.path,
            self.text,
            self.step,
            self.seconds,
            self.k,
            self.transcript,
            self.mass,
            self.best,
            self.view,
        ):
            self.react_to(control)
        self.clip.observe(self._new_clip, names="value")
        self.another.on_click(lambda _: self.guarded(self._another_path))
        self.refresh()

    def _collapse_section(self, path: str) -> widgets.VBox:
        self.path = widgets.Text(path, description="path, _ is blank", continuous_update=True)
        self.step = widgets.IntSlider(3, min=0, max=3, description="step")
        self.another = button("a path that spells it", "omni-another-path", "random")
        self.steps = widgets.HTML()
        self.steps.add_class("omni-collapse")
        self._collapsed = Collapse([]), ""  # the path that was shown last, and what was said about it
        self._collapse_canvas = CollapseCanvas()
        return widgets.VBox([controls(self.text, self.path, self.step, self.another), self.steps])

    def _region_section(self) -> widgets.VBox:
        self.seconds = widgets.FloatSlider(
            0.38, min=0.08, max=4.0, step=0.01, description="sound, seconds", readout_format=".2f"
        )
        self.k = widgets.IntSlider(1, min=1, max=4, description="k")
        self.counter = widgets.HTML()
        self.counter.add_class("omni-counter")
        self.region_picture = SoundPicture()
        self.region_picture.add_class("omni-region")
        self._region_canvas = RegionCanvas()
        return widgets.VBox([controls(self.text, self.seconds, self.k), self.counter, self.region_picture])

    def _trellis_section(self) -> widgets.VBox:
        self.clips = materials.clips()
        self.clip = widgets.Dropdown(options=list(self.clips), description="clip")
        self.transcript = widgets.Text(self.clips[self.clip.value].text, description="its text")
        self.mass = widgets.Dropdown(options=MASSES, description="probability of")
        self.best = widgets.Checkbox(True, description="show the best path", indent=False)
        self.trellis_picture = SoundPicture()
        self.trellis_picture.add_class("omni-trellis")
        self._trellis_canvas = TrellisCanvas()
        return widgets.VBox(
            [controls(self.clip, self.transcript, self.mass, self.best), self.trellis_picture]
        )

    def refresh(self) -> None:
        for name, section in self._sections.items():
            section.layout.display = "" if name == self.view.value else "none"
        {VIEWS[0]: self._collapse, VIEWS[1]: self._region, VIEWS[2]: self._trellis}[self.view.value]()

    def still(self) -> Picture:
        """The chosen view as it was last drawn; of a path, all steps of its collapse."""
        picture = {VIEWS[1]: self.region_picture, VIEWS[2]: self.trellis_picture}.get(self.view.value)
        if picture is not None and picture.image:
            return Picture(picture.image, f"CTC explorer. {picture.alt}")
        path, words = self._collapsed
        return Picture(self._collapse_canvas.draw(path), f"CTC explorer. {words}")

    def _target(self, text: str) -> tuple[str, list[int]]:
        """The normalised text and its class indices."""
        text = normalise(text)
        if len(text) > LONGEST_TEXT:
            raise UserError(
                f"the text has {len(text)} characters: at most {LONGEST_TEXT} fit into the picture"
            )
        return text, VOCABULARY.encode(text)

    # --- a path and its text ---

    def _collapse(self) -> None:
        path = Collapse(read_path(self.path.value))
        if len(path.path) > LONGEST_PATH:
            raise UserError(
                f"the path has {len(path.path)} frames: at most {LONGEST_PATH} fit into the table"
            )
        self.steps.value = collapse_table(path, self.step.value)
        text, target = self._target(self.text.value)
        words = _judged(path, text, target)
        self._collapsed = path, f"The collapse of {self.path.value!r}, step by step. {words}"
        self.announce(words)

    def _another_path(self) -> None:
        _, target = self._target(self.text.value)
        self._draws += 1
        frames = max(frames_needed(target), len(self.path.value))
        self.path.value = write_path(random_alignment(target, frames, seed=self._draws))

    # --- the feasible region ---

    def _region(self) -> None:
        text, target = self._target(self.text.value)
        embeddings = embedding_lengths(round(100 * self.seconds.value))
        frames = embeddings * self.k.value
        count, needed = count_alignments(target, frames), frames_needed(target)
        verdict = (
            f"{number(count)} valid alignment{'s' * (count != 1)}"
            if count
            else "no valid alignment, the loss would be infinite"
        )
        self.counter.value = f'<span style="font-size: 1.3em"><b>{html.escape(verdict)}</b></span>'
        words = (
            f"{self.seconds.value:.2f} s of sound make {embeddings} embeddings, and at k = {self.k.value}, "
            f"{frames} CTC frames; '{text}' needs {needed}: {verdict}."
        )
        cells = region(target, frames)
        image = self._region_canvas.draw(cells, target)
        feasible = cells.feasible
        share = f"{int(feasible.sum())} of {feasible.size} cells of the trellis lie on a valid path."
        self.region_picture.set_image(image, f"Trellis of '{text}': {words} {share}")
        self.announce(f"{words} {share}")

    # --- the trellis of a clip ---

    def _new_clip(self, _change: dict) -> None:
        text = self.clips[self.clip.value].text
        if self.transcript.value == text:
            self.guarded(self.refresh)
        self.transcript.value = text  # redraws when it changes

    def _output(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        """The waveform (samples,) of a clip and its log-probabilities (T, symbols), computed once."""
        if name not in self._outputs:
            waveform = read_audio(self.clips[name].path)
            mel = LogMel()(waveform)
            with torch.inference_mode():
                log_probs, lengths = self._recogniser(mel[None], torch.tensor([len(mel)]))
            self._outputs[name] = waveform, log_probs[0, : lengths[0]]
        return self._outputs[name]

    def _trellis(self) -> None:
        text, target = self._target(self.transcript.value)
        waveform, log_probs = self._output(self.clip.value)
        config = self._config
        seconds = seconds_per_ctc_frame(config)
        path = best_path(log_probs, target)  # raises where there is none
        forward = forward_mass(log_probs, target)
        mass = {
            "forward": lambda: forward,
            "backward": lambda: backward_mass(log_probs, target),
            "both": lambda: occupancy(log_probs, target).log(),
        }[self.mass.value]()
        states = best_states(path) if self.best.value else None
        image = self._trellis_canvas.draw(mass, log_probs, target, states, seconds)
        picture = self.trellis_picture
        whole = float(forward[-1, -2:].logsumexp(dim=0))
        alone = float(log_probs[torch.arange(len(path)), torch.tensor(path)].double().sum())
        frames = len(log_probs)
        greedy = self._recogniser.greedy(log_probs[None], torch.tensor([frames]))[0]
        words = (
            f"'{text}' in {frames} CTC frames: {number(count_alignments(target, frames))} alignments with a "
            f"loss of {-whole:.1f} nats together; the best path alone has {_percent(alone - whole)} of their "
            f"probability. Greedy decoding gives '{greedy}'."
        )
        title = f"Trellis of the clip '{self.clip.value}' ({self.mass.label}) above the posteriors."
        with picture.hold_sync():
            picture.set_image(image, f"{title} {words}")
            picture.set_axis(self._trellis_canvas.time_span(), 0.0, frames * seconds)
            picture.set_sound(waveform, f"the clip '{self.clip.value}'")
            picture.notes, picture.seconds_per_note = frame_notes(log_probs, seconds), seconds
        self.announce(words)


def _judged(path: Collapse, text: str, target: list[int]) -> str:
    """Whether a path spells the text, and why not."""
    frames, needed = len(path.path), frames_needed(target)
    length = f"{frames} frame{'s' * (frames != 1)}"
    if path.text == text:
        spells, others = f"This path spells '{text}'", count_alignments(target, frames) - 1
        if not others:
            return f"{spells}. No other path of {length} does."
        verb = "does one other" if others == 1 else f"do {number(others)} others"
        return f"{spells}, and so {verb} of {length}."
    if frames < needed:
        why = f" No path of {length} can spell '{text}': it needs {needed}."
    elif needed > len(target) and path.text == "".join(letter for letter, _ in groupby(text)):
        why = " A path needs a blank between two equal letters, otherwise they merge into one."
    else:
        why = ""
    return f"This path spells '{path.text}', not '{text}'.{why}"


def number(count: int) -> str:
    """A count as text: 1,287, or 4.2 × 10^21."""
    if count < 10**9:
        return f"{count:,}"
    digits = str(count)
    return f"{digits[0]}.{digits[1]} × 10^{len(digits) - 1}"


def _percent(log_share: float) -> str:
    share = 100 * float(torch.tensor(log_share).exp())
    return f"{share:.0f}%" if share >= 1 else f"{share:.1g}%"
