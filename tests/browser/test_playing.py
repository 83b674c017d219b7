"""`play`, by which the browser tests hear a sound, on pages of its own."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
import torch
from playwright.sync_api import Browser, Error, Page

from omni_lib.course.widgets.sound_picture import wav_bytes
from tests.browser.pages import new_page
from tests.browser.playing import play

pytestmark = pytest.mark.browser

# `load(text)` gives the element a sound, as the widgets do: each time by a new address.
SCRIPT = """<audio></audio><script>
const audio = document.querySelector("audio");
function load(text) {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  audio.src = URL.createObjectURL(new Blob([bytes], { type: "audio/wav" }));
}
</script>"""
TONES = [
    base64.b64encode(wav_bytes(0.1 * torch.sin(torch.arange(samples) / 5))).decode()
    for samples in (16_000, 32_000)
]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = new_page(browser)
    opened.set_content(SCRIPT)
    yield opened
    opened.context.close()


def test_a_sound_plays_and_is_paused(page: Page):
    page.evaluate("load", TONES[0])
    assert play(page.locator("audio")) == pytest.approx(1)
    assert page.evaluate("audio.paused && audio.currentTime > 0")
    assert play(page.locator("audio")) == pytest.approx(1), "from where it stands"


def test_a_sound_at_its_end_plays_from_its_beginning(page: Page):
    page.evaluate("load", TONES[0])
    page.evaluate("() => { audio.currentTime = 0.99; return audio.play() }")
    page.wait_for_function("audio.ended")
    assert play(page.locator("audio")) == pytest.approx(1)
    assert page.evaluate("audio.currentTime < 0.9")


@pytest.mark.parametrize(
    "moment",
    {
        "while it is awaited": "setTimeout(() => load(text), 500)",
        "instead of another, at once": "load(other); setTimeout(() => load(text), 0)",
        "during the request to play": "load(other); request = () => load(text)",
        "while another plays": "load(other); audio.onplaying = () => { load(text); audio.onplaying = null }",
    }.items(),
    ids=lambda moment: moment[0],
)
def test_a_sound_that_arrives_late_is_played(page: Page, moment: tuple[str, str]):
    page.evaluate(
        """([script, text, other]) => {
            let request = null;
            const playing = audio.play.bind(audio);
            audio.play = () => { const promise = playing(); request?.(); request = null; return promise };
            eval(script) }""",
        [moment[1], TONES[1], TONES[0]],
    )
    while (seconds := play(page.locator("audio"))) != pytest.approx(2):
        assert seconds == pytest.approx(1), "the sound before it, if that was there first"


def refused_by(page: Page, words: str) -> None:
    kinds: tuple[type[BaseException], ...] = (AssertionError, Error)
    with pytest.raises(kinds, match=words):
        play(page.locator("audio"), timeout=1)


def test_a_sound_that_is_missing_broken_empty_or_stuck_fails(page: Page):
    refused_by(page, "no sound is loaded")
    page.evaluate("load", base64.b64encode(b"not a sound").decode())
    page.wait_for_function("audio.error")
    refused_by(page, "the sound cannot be played")
    page.evaluate("load", base64.b64encode(wav_bytes(torch.zeros(1))[:44]).decode())
    refused_by(page, "no sound is loaded|has no length|cannot be played")
    page.evaluate("load", TONES[0])
    page.evaluate("() => { audio.play = async () => {} }")
    refused_by(page, "the time of the sound does not advance")


def test_a_refusal_to_play_fails(page: Page):
    page.evaluate("load", TONES[0])
    refusal = "Promise.reject(new DOMException('a click is needed', 'NotAllowedError'))"
    page.evaluate(f"() => {{ audio.play = () => {refusal} }}")
    refused_by(page, "a click is needed")
