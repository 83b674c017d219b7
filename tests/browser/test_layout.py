"""Nothing of what the lessons show is cut, covered, too faint or beyond the window, in light and in dark.

The widgets that need no Jupyter are measured in every run. All six that a learner meets most, on the pages of
a real JupyterLab, are measured with OMNI_NIGHTLY=1.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import anywidget
import pytest
from playwright.sync_api import Browser, Locator

from omni_lib.course.widgets.clip_rows import from_sound_to_text, word_player
from omni_lib.course.widgets.encoder_drawing import encoder_drawing
from omni_lib.course.widgets.trellis_explorer import trellis_explorer
from tests.browser.lab import THEMES, Notebook
from tests.browser.layout import faults
from tests.browser.pages import new_page
from tests.browser.widget_page import widget_page

pytestmark = pytest.mark.browser

WIDTHS = (1024, 1152, 1440)  # pixels of CSS; 1152 is a window of 1440 at a zoom of 125%
SMALLEST = 0.8 * 14  # pixels: 80% of the text of a cell
ALONE: dict[str, Callable[[], anywidget.AnyWidget]] = {
    "from sound to text": lambda: from_sound_to_text("digits", caption="**Figure.** What to look at."),
    "words to click": lambda: word_player("suitcase"),
    "the encoder": encoder_drawing,
    "the trellis": lambda: trellis_explorer("bee").picture,
}


@pytest.mark.parametrize("name", ALONE)
def test_a_widget_can_be_read_at_each_width_in_light_and_dark(browser: Browser, name: str):
    page = widget_page(browser, ALONE[name]())
    part = page.locator("#place")
    for dark in (False, True):
        page.evaluate("dark => document.body.classList.toggle('dark', dark)", dark)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert faults(part) == [], (width, "dark" if dark else "light")
    page.context.close()


def test_each_kind_of_fault_is_found(browser: Browser):
    page = new_page(browser, viewport={"width": 500, "height": 300})
    page.set_content("<main style='background: white'></main>")
    part = page.locator("main")
    good = "<p>black on white</p><p style='color: #767676'>grey</p><div style='overflow-x: auto'><p style='"
    page.evaluate("text => { document.querySelector('main').innerHTML = text }", f"{good}width: 900px'>a</p>")
    assert faults(part) == []
    for text, fault in {
        "<p style='color: #808080'>grey</p>": "'grey' has a contrast of 3.9",
        "<p style='opacity: 0.5'>faint</p>": "'faint' has a contrast of 4.0",
        "<svg width='99' height='20'><text y='15' fill='#808080'>drawn</text></svg>": "'drawn' has",
        "<p style='width: 30px; overflow: hidden; white-space: nowrap'>a long text</p>": "is cut",
        "<p style='margin-left: 450px; width: 99px'>wide</p>": "pixels too far right",
        "<p>one</p><p style='margin-top: -34px'>two</p>": "'two' lies over 'one'",
    }.items():
        page.evaluate("text => { document.querySelector('main').innerHTML = text }", text)
        assert any(fault in line for line in faults(part)), (text, faults(part))
    page.context.close()


# Pictures that a screen reader could not describe
UNNAMED = """all => all.filter(image => image.checkVisibility() && !image.alt
    && !image.closest('[role=img][aria-label]')).map(image => image.outerHTML.slice(0, 80))"""
IMPORTS = "from omni_lib.course.widgets."
CELLS = {
    "from sound to text": f"{IMPORTS}clip_rows import from_sound_to_text\nfrom_sound_to_text('digits')",
    "the trellis": f"{IMPORTS}trellis_explorer import trellis_explorer\ntrellis_explorer('bee')",
    "words to click": f"{IMPORTS}clip_rows import word_player\nword_player('suitcase')",
    "the encoder": f"{IMPORTS}encoder_drawing import encoder_drawing\nencoder_drawing()",
    "the mel explorer": f"{IMPORTS}mel_explorer import mel_explorer\nmel_explorer()",
    "a figure": "from omni_lib.course.figures import log_curves, shown\nshown(log_curves([]), 'no curves')",
    "the closing page": "from omni_lib.course.closing import closing_page\nclosing_page()",
}


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("OMNI_NIGHTLY"), reason="all six in JupyterLab: OMNI_NIGHTLY=1")
@pytest.mark.parametrize("width", [1024, 1440, "1440 at 125%"])
def test_all_six_can_be_read_in_jupyterlab(open_notebook: Callable[..., Notebook], width: int | str):
    zoomed = {} if isinstance(width, int) else {"device_scale_factor": 1.25}
    notebook = open_notebook(source=list(CELLS.values()), **zoomed)
    notebook.page.set_viewport_size({"width": width if isinstance(width, int) else 1152, "height": 900})
    notebook.run_all()
    found = {}
    for theme in THEMES:
        notebook.theme(theme)
        for index, name in enumerate(CELLS):
            part = notebook.cell(index).locator(".jp-Cell-outputArea").first
            part.scroll_into_view_if_needed()
            found[name, theme] = faults(part)
    notebook.theme("light")
    pictures = notebook.page.locator(".jp-OutputArea img")
    assert pictures.evaluate_all(UNNAMED) == [] and notebook.page.get_by_alt_text("no curves").is_visible()
    assert not any(found.values()), {place: lines for place, lines in found.items() if lines}
    explorer = notebook.page.locator(".omni-mel-explorer")
    assert beside(explorer.locator(".widget-slider").first, explorer.locator(".omni-mel"))
    assert explorer.bounding_box()["height"] <= 780, "one screen"
    scale = explorer.locator(".omni-mel img").evaluate("image => image.width / image.naturalWidth")
    assert scale * 10 * 100 / 72 >= SMALLEST, "its text: 10 points at 100 dots an inch"
    notebook.assert_clean()


def beside(left: Locator, right: Locator) -> bool:
    """Whether one part is at the left of the other."""
    one, other = left.bounding_box(), right.bounding_box()
    return one["x"] + one["width"] <= other["x"] + 1 and other["y"] < one["y"] + one["height"]
