"""The play head on its own page: its position, the note of the current time, and clicks in the picture."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from omni_lib.course.figures import page_style
from omni_lib.course.widgets.explorer import Canvas
from omni_lib.course.widgets.sound_picture import SoundPicture
from tests.browser.pages import new_page
from tests.browser.playing import WATCH_WORDS, play

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><title>picture</title><link rel="icon" href="data:,"><style>CSS</style>
<div id="place"></div><script type="module">
import widget from "/sound_picture.js";
const state = window.state = STATE;
const bytes = text => new DataView(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
const listeners = [];
const model = {
  get: name => ["image", "sound"].includes(name) ? bytes(state[name]) : state[name],
  set: (name, value) => { state[name] = value; },
  save_changes: () => { window.pointed = state.pointed; },
  on: (names, react) => listeners.push([names, react]),
  off: () => {},
};
window.change = (name, value) => {
  state[name] = value;
  listeners.filter(([names]) => names.split(" ").includes(`change:${name}`)).forEach(([, react]) => react());
};
widget.render({ model, el: document.getElementById("place") });
</script>"""


class Ramp(Canvas):
    """An axis of time from 0.1 to 0.9 of the width."""

    def __init__(self) -> None:
        super().__init__(6, 2)
        with page_style():
            self.axes = self.figure.add_axes((0.1, 0.2, 0.8, 0.7))
            self.axes.plot([0, 2], [0, 1])


@pytest.fixture
def open_picture(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A function that opens a picture of seconds 0 to 2 with a second of sound that begins at `start`."""
    contexts = []

    def opened(start: float = 0.5) -> Page:
        canvas, picture = (
            Ramp(),
            SoundPicture(notes=["first", "second", "third", "fourth"], seconds_per_note=0.5),
        )
        picture.set_image(canvas.png(), "a ramp")
        picture.set_axis(canvas.span(canvas.axes), 0.0, 2.0)
        picture.set_sound(0.1 * np.sin(np.arange(16_000) / 5), "a tone", start)
        state = {
            name: getattr(picture, name)
            for name in SoundPicture.class_own_traits()
            if not name.startswith("_")
        }
        state |= {name: base64.b64encode(state[name]).decode() for name in ("image", "sound")}
        body = PAGE.replace("CSS", str(SoundPicture._css)).replace("STATE", json.dumps(state))
        page = new_page(browser, viewport={"width": 1000, "height": 600})
        contexts.append(page.context)
        page.route("**/*", lambda route: route.fulfill(body=body, content_type="text/html"))
        page.route(
            "**/*.js",
            lambda route: route.fulfill(body=str(SoundPicture._esm), content_type="text/javascript"),
        )
        page.goto("http://localhost/")
        page.wait_for_function(
            "document.querySelector('audio').duration > 0"
            " && document.querySelector('img').naturalWidth === 600"
        )
        return page

    yield opened
    for context in contexts:
        context.close()


def head_share(page: Page) -> float:
    """Where the play-head stands, as a share of the picture's width."""
    return page.evaluate(
        """() => { const [head, image] = [".play-head", "img"]
                       .map(part => document.querySelector(part).getBoundingClientRect());
                   return (head.left + head.width / 2 - image.left) / image.width; }"""
    )


def test_the_play_head_moves_with_the_sound(open_picture):
    page = open_picture()
    assert head_share(page) == pytest.approx(0.1 + 0.8 * 0.5 / 2, abs=0.005), "at the start of the sound"
    expect(page.get_by_role("img", name="a ramp")).to_be_visible()
    assert page.locator("audio").get_attribute("aria-label") == "play a tone"
    play(page.locator("audio"))
    assert head_share(page) > 0.1 + 0.8 * 0.5 / 2 + 0.001
    page.evaluate("document.querySelector('audio').currentTime = 0.75")
    expect(page.locator(".note")).to_have_text("third")  # second 1.25 of the picture
    assert head_share(page) == pytest.approx(0.1 + 0.8 * 1.25 / 2, abs=0.005)
    assert page.errors == []


def test_pointing_tells_the_second_and_moves_the_sound(open_picture):
    page = open_picture()
    box = page.locator("img").bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 50)
    assert page.evaluate("window.pointed") == pytest.approx(1.0, abs=0.01)
    assert page.evaluate("document.querySelector('audio').currentTime") == pytest.approx(0.5, abs=0.01)
    assert head_share(page) == pytest.approx(0.5, abs=0.005)
    page.mouse.click(box["x"] + 2, box["y"] + 50)
    assert page.evaluate("window.pointed") == pytest.approx(1.0, abs=0.01), (
        "beside the axis there is no second"
    )
    assert page.errors == []


def test_arrow_keys_move_the_play_head_and_a_notice_greys_the_picture(open_picture):
    page = open_picture()
    head = page.get_by_role("slider", name="time of the play head, in seconds")
    head.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("document.querySelector('audio').currentTime") == pytest.approx(0.25, abs=0.01)
    expect(head).to_have_attribute("aria-valuenow", "0.75")
    expect(page.locator(".notice")).to_be_hidden()
    page.evaluate("window.change('notice', 'too short')")
    expect(page.locator(".notice")).to_have_text("too short")
    assert page.locator("img").evaluate("image => getComputedStyle(image).filter") == "grayscale(1)"
    page.evaluate("window.change('notice', '')")
    assert page.locator("img").evaluate("image => getComputedStyle(image).filter") == "none"
    page.evaluate("window.change('plays', 1)")
    page.wait_for_function("document.querySelector('audio').currentTime > 0.3")
    assert page.errors == []


def test_a_word_is_heard_alone(open_picture):
    page = open_picture()
    words = [{"word": "ta", "start": 0.6, "end": 0.7}, {"word": "ra", "start": 0.9, "end": 1.1}]
    page.evaluate("words => window.change('words', words)", words)
    page.evaluate(WATCH_WORDS)
    page.get_by_role("button", name="play the word ra, 0.90 to 1.10 seconds").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("marked.includes('ra')")
    page.wait_for_function("document.querySelector('audio').paused")
    assert page.evaluate("marked") == ["ra"]
    assert 0.6 < page.evaluate("document.querySelector('audio').currentTime") < 0.9
    page.evaluate("window.change('words', [])")
    expect(page.get_by_role("button", name="play the word")).to_have_count(0)
    assert page.errors == []


def test_another_sound_just_after_a_click_is_no_error_and_plays_to_its_own_end(open_picture):
    page = open_picture()
    page.evaluate(
        """() => { window.change('words', [{ word: 'ta', start: 0.6, end: 0.7 }]);
                   document.querySelector('audio').muted = true;
                   document.querySelector('button.word').click();
                   window.change('sound', state.sound) }"""
    )
    page.wait_for_function("document.querySelector('audio').readyState === HTMLMediaElement.HAVE_ENOUGH_DATA")
    expect(page.locator(".problem")).to_be_hidden()
    page.evaluate("window.change('plays', 1)")
    page.wait_for_function("document.querySelector('audio').ended")  # not at the end of the word
    assert page.errors == []


def test_a_sound_that_cannot_be_played_is_named(open_picture):
    page = open_picture()
    page.evaluate("window.change('sound', btoa('this is not a sound'))")
    page.evaluate("window.change('plays', 1)")
    problem = page.get_by_role("status")
    expect(problem).to_contain_text("The browser cannot play this sound. Run the cell again.")
    page.evaluate(
        """() => { document.querySelector('audio').play =
                       () => Promise.reject(new DOMException('', 'NotAllowedError'));
                   window.change('plays', 2) }"""
    )
    expect(problem).to_have_text("The browser starts a sound only after a click. Press play.")
    assert page.errors == []


def test_what_changes_is_shown(open_picture):
    page = open_picture()
    before = page.locator("img").get_attribute("src")
    page.evaluate("window.change('alt', 'another ramp')")
    expect(page.get_by_role("img", name="another ramp")).to_be_visible()
    assert page.locator("img").get_attribute("src") == before
    page.evaluate("() => document.querySelector('audio').play()")
    page.evaluate("window.change('sound', '')")
    expect(page.locator("audio")).to_be_hidden()
    assert page.evaluate("document.querySelector('audio').paused"), "nobody could stop it"
    assert page.evaluate("document.querySelector('audio').readyState") == 0
    page.evaluate("window.change('image', '')")
    expect(page.locator("img")).to_be_hidden()
    assert page.errors == []
