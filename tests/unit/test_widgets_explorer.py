"""What all explorers share: a static figure beside the widget, errors in one line, pictures with sound."""

import asyncio
import base64
import io
from importlib import import_module

import ipywidgets as widgets
import numpy as np
import pytest
import soundfile
import torch
from matplotlib.colors import to_rgba
from PIL import Image

from omni_lib.course import still
from omni_lib.course.figures import Picture, page_style
from omni_lib.course.palette import PAPER
from omni_lib.course.still import LIVE, WIDGET_VIEW
from omni_lib.course.widgets.explorer import Canvas, Explorer
from omni_lib.course.widgets.sound_picture import SoundPicture, wav_bytes
from omni_lib.errors import UserError

PNG = b"\x89PNG\r\n\x1a\n"


class Line(Canvas):
    def __init__(self):
        super().__init__(2, 1)
        with page_style():
            self.axes = self.figure.add_axes((0.2, 0.2, 0.6, 0.6))
            (self.line,) = self.axes.plot([0, 1], [0, 1])

    def draw(self, end: float) -> bytes:
        self.line.set_ydata([0, end])
        return self.png()


class Small(Explorer):
    def __init__(self):
        super().__init__("small", "A <small> explorer")
        self.children = [self.heading, self.summary]

    def still(self) -> Picture:
        return Picture(Line().draw(1), "a line")


@pytest.fixture
def outputs(monkeypatch):
    """The outputs of a cell: pairs of data and metadata; one with a display id can be updated."""
    shown = []

    class Handle:
        def __init__(self, place: int) -> None:
            self.place = place

        def update(self, data, raw, metadata):
            shown[self.place] = (data, metadata)

    def display(data, raw, metadata=None, display_id=False):
        shown.append((data, metadata))
        return Handle(len(shown) - 1) if display_id else None

    monkeypatch.setattr(still, "display", display)
    return shown


def test_the_widget_is_shown_and_a_figure_with_its_description_where_it_is_missing(outputs):
    explorer = Small()
    explorer._ipython_display_()
    (view, _), (rules, _), (data, metadata) = outputs
    assert view == {WIDGET_VIEW: {"version_major": 2, "version_minor": 0, "model_id": explorer.model_id}}
    assert rules["text/html"].count("{ display: none }") == 1 and LIVE in explorer._dom_classes
    assert base64.b64decode(data["image/png"]).startswith(PNG)
    assert "a line" in data["text/plain"] and metadata["image/png"]["alt"] == "a line"
    assert {"omni-explorer", "omni-small-explorer"} <= set(explorer._dom_classes)
    assert explorer.heading.title == "A <small> explorer"


EXPLORERS = {
    "ctc_explorer": "CTCExplorer",
    "mel_explorer": "MelExplorer",
    "voice_recorder": "VoiceRecorder",
    "error_explorer": "ErrorExplorer",
    "subsampling_explorer": "SubsamplingExplorer",
    "trellis_explorer": "TrellisExplorer",
}


@pytest.mark.parametrize("module", EXPLORERS)
def test_no_explorer_overrides_a_name_of_its_toolkit(module):
    """ipywidgets has many private methods, and one of ours with the same name would break it silently."""
    explorer = getattr(import_module(f"omni_lib.course.widgets.{module}"), EXPLORERS[module])
    ours = {
        each
        for kind in (explorer, Explorer)
        for each, value in vars(kind).items()
        if callable(value) or isinstance(value, property)
    }
    assert not {each for each in ours & set(dir(widgets.VBox)) if not each.startswith("__")}


def test_the_figure_follows_the_controls_when_they_have_come_to_rest(outputs, monkeypatch):
    class Counting(Small):
        level = widgets.IntSlider()

        def refresh(self):
            pass

        def still(self):
            return Picture(Line().draw(1), f"at {self.level.value}")

    monkeypatch.setattr("omni_lib.course.widgets.explorer.STILL_AFTER", 0.05)

    async def move() -> list[str]:
        explorer = Counting()
        explorer.react_to(explorer.level)
        explorer._ipython_display_()
        drawn = []
        for value in (1, 2, 3):
            explorer.level.value = value
            drawn.append(outputs[2][0]["text/plain"])
        while outputs[2][0]["text/plain"] == drawn[0]:
            await asyncio.sleep(0.01)
        return drawn

    assert asyncio.run(asyncio.wait_for(move(), 60)) == ["[figure: at 0]"] * 3
    assert outputs[2][0]["text/plain"] == "[figure: at 3]" and len(outputs) == 3


@pytest.mark.parametrize("module", EXPLORERS)
def test_the_static_figure_is_small_and_has_round_corners(module):
    """Notebooks of at most 1.5 MB contain four of them."""
    explorer = getattr(import_module(f"omni_lib.course.widgets.{module}"), module)()
    data, metadata = explorer.still_bundle()
    png = base64.b64decode(data["image/png"])
    assert 2000 < len(png) < 100_000
    assert Image.open(io.BytesIO(png)).convert("RGBA").getpixel((1, 1))[3] == 0
    alternative = metadata["image/png"]["alt"]
    assert len(alternative) > 40 and f'<img alt="{alternative}"' in data["text/html"]


def test_a_user_error_becomes_a_line_and_other_errors_are_raised():
    explorer = Small()

    def refuse():
        raise UserError("this <b>one</b>")

    def fail():
        raise ZeroDivisionError

    explorer.guarded(refuse)
    assert (
        "⚠ this &lt;b&gt;one&lt;/b&gt;" in explorer.summary.value
        and 'role="status"' in explorer.summary.value
    )
    explorer.announce("well again")
    assert "⚠" not in explorer.summary.value
    with pytest.raises(ZeroDivisionError):
        explorer.guarded(fail)


def test_a_canvas_draws_again_on_light_paper():
    canvas = Line()
    first, second = canvas.draw(1), canvas.draw(0.5)
    assert first.startswith(PNG) and first != second
    assert canvas.draw(1) == first
    assert canvas.span(canvas.axes) == pytest.approx((0.2, 0.8))
    corner = np.asarray(canvas.figure.canvas.buffer_rgba())[0, 0]
    assert np.allclose(corner / 255, to_rgba(PAPER), atol=0.01)


def test_sound_becomes_a_wav_file():
    samples, rate = soundfile.read(io.BytesIO(wav_bytes(0.5 * torch.sin(torch.arange(1600) / 5))))
    assert (len(samples), rate) == (1600, 16_000)
    assert abs(samples).max() == pytest.approx(0.5, abs=1e-3)
    loud, _ = soundfile.read(io.BytesIO(wav_bytes(np.array([4.0, -2.0]))))
    assert loud == pytest.approx([1.0, -0.5], abs=1e-3)
    assert wav_bytes(torch.zeros(0)) == b""


def test_a_sound_picture_sends_its_parts_to_the_browser():
    picture = SoundPicture()
    picture.set_image(PNG, "words")
    picture.set_sound(torch.zeros(160), "silence", start=0.5)
    picture.set_axis((0.1, 0.9), 0.5, 1.5)
    state = picture.get_state()
    assert (state["alt"], state["sound_label"], state["sound_start"]) == ("words", "silence", 0.5)
    assert (state["left"], state["right"], state["axis_start"], state["axis_end"]) == (0.1, 0.9, 0.5, 1.5)
    assert "export default" in state["_esm"] and ".omni-sound-picture" in state["_css"]
