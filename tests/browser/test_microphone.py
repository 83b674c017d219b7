"""The browser part of the recorder on its own page: what it sends, and its messages without microphone."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Page, expect

from omni_lib.course.recordings import waveform_of
from omni_lib.course.widgets.microphone import Microphone
from tests.browser.pages import new_page

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><title>recorder</title><div id="place"></div><script type="module">
import widget from "/microphone.js";
window.sent = [];
const model = {
  get: () => 20,
  send: (content, _, buffers) =>
    window.sent.push([content, btoa(String.fromCharCode(...new Uint8Array(buffers[0])))]),
};
window.leave = widget.render({ model, el: document.getElementById("place") });
</script>"""
# The level is that of the latest block: the page keeps the highest itself.
WATCH_LEVEL = """() => {
    window.loudest = -60
    const look = () => { loudest = Math.max(loudest, document.querySelector("meter").value) }
    new MutationObserver(look).observe(document.querySelector(".time"), { childList: true })
}"""
LOCAL, ELSEWHERE = "http://localhost/", "http://lab.example/"


@pytest.fixture
def open_recorder(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A function that opens the recorder as if from an address; the script `before` runs first."""
    contexts = []

    def opened(address: str = LOCAL, before: str = "") -> Page:
        page = new_page(browser, permissions=["microphone"] if address == LOCAL else [])
        contexts.append(page.context)
        page.route("**/*", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
        page.route(
            "**/microphone.js",
            lambda route: route.fulfill(body=str(Microphone._esm), content_type="text/javascript"),
        )
        page.add_init_script(before)
        page.goto(address)
        expect(page.get_by_role("button", name="Record")).to_be_visible()
        return page

    yield opened
    for context in contexts:
        context.close()


def sent(page: Page) -> np.ndarray:
    """The samples that arrived, judged as the kernel judges them."""
    page.wait_for_function("window.sent.length === 1")
    content, data = page.evaluate("window.sent[0]")
    return waveform_of(content, [base64.b64decode(data)]).numpy()


def test_a_recording_is_sent_at_16_khz_while_the_level_is_shown(open_recorder):
    page = open_recorder()
    page.evaluate(WATCH_LEVEL)
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("status")).to_have_text("Recording. Speak, then press Stop.")
    page.wait_for_function("window.loudest > -40")  # the speech, which begins some time after the recording
    page.wait_for_function("parseFloat(document.querySelector('.time').textContent) >= 1.2")
    page.get_by_role("button", name="Stop").click()
    samples = sent(page)
    assert 1.1 * 16_000 < len(samples) <= 20 * 16_000 and abs(samples).max() > 0.01
    expect(page.get_by_role("status")).to_contain_text(
        "s of sound were sent to the kernel, and nowhere else."
    )
    expect(page.get_by_role("button", name="Record")).to_be_visible()


def test_the_keyboard_records_too(open_recorder):
    page = open_recorder()
    page.get_by_role("button", name="Record").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("parseFloat(document.querySelector('.time').textContent) >= 0.4")
    page.keyboard.press("Enter")
    assert len(sent(page)) > 0.3 * 16_000


@pytest.mark.parametrize(
    ("rate", "channels", "format_"),
    [(16_000, 1, "WAV"), (44_100, 2, "WAV"), (48_000, 1, "FLAC"), (8_000, 1, "OGG")],
)
def test_a_file_becomes_16_khz_mono(open_recorder, tmp_path, rate, channels, format_):
    tone = 0.4 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    file = tmp_path / f"tone.{format_.lower()}"
    soundfile.write(file, np.column_stack([tone] * channels), rate, format=format_)
    page = open_recorder()
    page.locator("input[type=file]").set_input_files(file)
    samples = sent(page)
    assert len(samples) == pytest.approx(16_000, abs=200)
    middle = samples[4000:12_000]
    assert abs(middle).max() == pytest.approx(0.4, abs=0.05)
    assert np.argmax(np.abs(np.fft.rfft(middle))) * 2 == pytest.approx(440, abs=4)


def test_a_file_may_be_dropped(open_recorder, tmp_path):
    file = tmp_path / "tone.wav"
    soundfile.write(file, 0.2 * np.ones(8000), 16_000)
    page = open_recorder()
    page.evaluate(
        """data => { const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(atob(data), c => c.charCodeAt(0))], "tone.wav"));
            const drop = new DragEvent("drop", { dataTransfer: transfer, bubbles: true });
            document.querySelector(".drop").dispatchEvent(drop); }""",
        base64.b64encode(file.read_bytes()).decode(),
    )
    assert sent(page)[4000] == pytest.approx(0.2, abs=1e-3)


def test_a_file_that_is_not_a_sound_or_too_long_is_refused_in_the_page(open_recorder, tmp_path):
    page = open_recorder()
    (tmp_path / "notes.wav").write_text("no sound at all")
    page.locator("input[type=file]").set_input_files(tmp_path / "notes.wav")
    expect(page.get_by_role("status")).to_have_text(
        "notes.wav is not a sound file that this browser can read: use WAV, FLAC, OGG or MP3."
    )
    soundfile.write(tmp_path / "long.wav", np.zeros(25 * 16_000), 16_000)
    page.locator("input[type=file]").set_input_files(tmp_path / "long.wav")
    expect(page.get_by_role("status")).to_have_text(
        "This sound lasts 25 s; the limit is 20 s: choose a shorter part."
    )
    assert page.evaluate("window.sent") == []


def test_a_page_that_is_neither_localhost_nor_https_explains_why_and_takes_files(open_recorder, tmp_path):
    page = open_recorder(ELSEWHERE)
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("status")).to_contain_text(
        "This page was opened as http://lab.example, and browsers allow the microphone only"
    )
    soundfile.write(tmp_path / "tone.wav", np.zeros(8000), 16_000)
    page.locator("input[type=file]").set_input_files(tmp_path / "tone.wav")
    assert len(sent(page)) == 8000


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NotAllowedError", "Permission for the microphone was refused. Allow it for this page"),
        ("NotFoundError", "No microphone was found. Plug one in"),
        ("NotReadableError", "does another program use it?"),
        ("OddError", "Recording failed (the reason)"),
    ],
)
def test_the_page_explains_why_there_is_no_microphone(open_recorder, name, words):
    refused = f"Promise.reject(new DOMException('the reason', '{name}'))"
    page = open_recorder(before=f"navigator.mediaDevices.getUserMedia = () => {refused}")
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("status")).to_contain_text(words)
    expect(page.get_by_role("button", name="Record")).to_be_visible()


def test_leaving_the_page_lets_the_microphone_go(open_recorder):
    keep = (
        "const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
        "navigator.mediaDevices.getUserMedia = async (wish) => (window.stream = await real(wish));"
    )
    page = open_recorder(before=keep)
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("status")).to_contain_text("Recording.")
    page.evaluate("window.leave()")
    page.wait_for_function("window.stream.getTracks().every(track => track.readyState === 'ended')")
