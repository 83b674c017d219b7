"""The closing page as a learner keeps it: one file, opened in a browser, in light and dark."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from omni_lib.course import board, closing, materials
from omni_lib.course.closing import closing_page
from omni_lib.course.own_recogniser import Part, Parts
from omni_lib.course.recordings import add_recording, recognise
from omni_lib.machine.clone import ROOT
from tests.browser.layout import faults
from tests.browser.pages import new_page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of somebody who has answered, written a part, trained and recorded."""
    folder = tmp_path_factory.mktemp("closing")
    run = folder / "checkpoints" / "mine"
    run.mkdir(parents=True)
    shutil.copy(ROOT / "data" / "lessons" / "logs" / "healthy.json", run / "training_log.json")
    recogniser, config = materials.pretrained()
    clip = materials.clips()["hello"]
    waveform = closing.read_audio(clip.path)
    add_recording(waveform, clip.text, recognise(waveform, recogniser, config), folder / "recordings")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMNI_HOME", str(folder / "home"))
        patch.setattr(closing, "bases", lambda: (folder, folder))
        parts = Parts((Part("03.collapse", "collapsing of paths", "def collapse(path): ..."),))
        page = closing_page(checkpoint=materials.PRETRAINED, recordings=folder / "recordings", parts=parts)
        return page.save(folder / "my_recogniser.html")


@pytest.fixture(
    params=[(width, scheme) for width in (1024, 1440) for scheme in ("light", "dark")],
    ids=lambda each: f"{each[0]}-{each[1]}",
)
def page(browser: Browser, saved: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, scheme = request.param
    size = {"width": width, "height": 900}
    opened = new_page(browser, viewport=size, color_scheme=scheme, offline=True)
    opened.goto(saved.as_uri())
    yield opened
    opened.context.close()


def test_the_page_that_is_kept_has_board_curve_and_voice(page: Page) -> None:
    assert len(page.query_selector_all("section")) == 4
    assert len(page.query_selector_all("section:first-of-type tbody tr")) == len(board.everything().lessons)
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 100)")
    assert page.query_selector('img[alt*="the run mine"]'), "the curve, in words for who cannot see it"
    page.wait_for_function(
        "[...document.querySelectorAll('audio')].every(each => each.readyState || each.error)"
    )
    assert page.evaluate("[...document.querySelectorAll('audio')].every(each => !each.error)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing to scroll sideways"
    assert faults(page.locator("body")) == []
    assert page.errors == []
