"""The book in a real browser, opened as files: widths, colours, sound, search, and nothing from a network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from omni_lib.course.book import __main__ as book
from tests.browser.pages import new_page
from tests.browser.playing import play

pytestmark = [
    pytest.mark.browser,
    pytest.mark.nightly,
    pytest.mark.skipif(not os.environ.get("OMNI_NIGHTLY"), reason="the book in a browser: OMNI_NIGHTLY=1"),
]

# Elements of the text that reach beyond the window and are in no box that scrolls
TOO_WIDE = """() => [...document.querySelectorAll('article *')].filter(element => {
    if (element.getBoundingClientRect().right <= document.documentElement.clientWidth + 1) return false
    for (let box = element.parentElement; box; box = box.parentElement)
        if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(box).overflowX)) return false
    return true
}).map(element => element.outerHTML.slice(0, 80))"""

# Texts whose contrast with their background is less than WCAG's 4.5:1
TOO_FAINT = """() => {
    const rgba = colour => [...colour.match(/[\\d.]+/g).map(Number), 1].slice(0, 4)
    const over = (top, below) => below.map((v, i) => i < 3 ? v * (1 - top[3]) + top[i] * top[3] : 1)
    const linear = v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
    const light = c => [0.2126, 0.7152, 0.0722].reduce((sum, w, i) => sum + w * linear(c[i] / 255), 0.05)
    const texts = document.createTreeWalker(document.querySelector('article'), NodeFilter.SHOW_TEXT)
    const found = new Set()
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement
        if (!texts.currentNode.textContent.trim() || !element.getClientRects().length) continue
        const layers = []
        for (let box = element; box; box = box.parentElement)
            layers.unshift(rgba(getComputedStyle(box).backgroundColor))
        const ground = layers.reduce((below, top) => over(top, below), [255, 255, 255, 1])
        const ink = over(rgba(getComputedStyle(element).color), ground)
        const [more, less] = [light(ink), light(ground)].sort((a, b) => b - a)
        if (more / less < 4.5)
            found.add(`${texts.currentNode.textContent.trim().slice(0, 30)}: ${ink} on ${ground}`)
    }
    return [...found]
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    missing = [name for name in book.NEEDED if find_spec(name) is None]
    if missing:
        pytest.skip(f"the extra `book` is not installed ({', '.join(missing)}): `make book` installs it")
    return book.build(tmp_path_factory.mktemp("book"))


@pytest.fixture(params=[(width, scheme) for width in (1280, 400) for scheme in ("light", "dark")], ids=str)
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, scheme = request.param
    opened = new_page(browser, viewport={"width": width, "height": 900}, color_scheme=scheme)
    yield opened
    opened.context.close()


def test_every_page_fits_and_can_be_read(page: Page, site: Path):
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: asked.url.startswith(("file:", "data:")) or complaints.append(asked.url))
    for path in sorted(site.rglob("*.html")):
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], path.name
        assert page.evaluate(TOO_WIDE) == [], path.name
        assert page.evaluate(TOO_FAINT) == [], path.name
    assert complaints == []


def test_a_figure_is_drawn_and_a_clip_plays(page: Page, site: Path):
    page.goto((site / "notebooks" / "01_mel_features.html").as_uri())
    figure = page.locator("figure.book-figure img").first
    figure.scroll_into_view_if_needed()
    page.wait_for_function("image => image.complete && image.naturalWidth > 100", arg=figure.element_handle())
    assert play(page.locator("audio").first) > 0.1


def test_the_search_finds_a_lesson(browser: Browser, site: Path):
    page = new_page(browser, viewport={"width": 1280, "height": 900})
    page.goto((site / "index.html").as_uri())
    page.get_by_role("textbox", name="Search").fill("padding mask")
    page.keyboard.press("Enter")
    expect(page.locator("#search-results").get_by_role("link", name="02 · Encoder")).to_be_visible()
    page.context.close()
