"""Words to click, the play head and the table of clips, each on a page of its own, without Jupyter."""

import pytest
import torch
from playwright.sync_api import expect

from omni_lib.course.widgets.clip_rows import from_sound_to_text, word_player
from omni_lib.course.widgets.said_heard import Pair, SaidHeard
from omni_lib.course.widgets.sound_picture import wav_bytes
from tests.browser.playing import WATCH_WORDS
from tests.browser.widget_page import widget_page

pytestmark = pytest.mark.browser

SLOWEST = 0.0625  # the least speed at which Chromium plays
TIME = "document.querySelector('audio').currentTime"
OVERLAPS = """() => { const boxes = [...document.querySelectorAll(".word .text")]
                          .map(text => text.getBoundingClientRect());
                      return boxes.filter((a, i) => boxes.some((b, j) => i < j
                          && a.left < b.right - 1 && b.left < a.right - 1
                          && a.top < b.bottom - 1 && b.top < a.bottom - 1)).length }"""


CONTRAST = """part => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => { const [r, g, b] = numbers(colour).map(c => c / 255)
    .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  let below = part;
  const filled = each => (numbers(getComputedStyle(each).backgroundColor)[3] ?? 1) > 0;
  while (!filled(below)) below = below.parentElement;
  const [a, b] = [getComputedStyle(part).color, getComputedStyle(below).backgroundColor].map(light);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); }"""


def contrast(part) -> float:
    """Of a text with its background, as WCAG 2 defines it."""
    return part.evaluate(CONTRAST)


def is_within(part, width) -> bool:
    """Whether nothing of a part is beside a window of this width."""
    box = part.bounding_box()
    return box["x"] >= 0 and box["x"] + box["width"] <= width


def wait_for(page, condition):
    page.wait_for_function(condition)


def test_a_word_is_heard_when_it_is_clicked(browser):
    page = widget_page(browser, from_sound_to_text("digits"))
    wait_for(page, "document.querySelector('audio').duration > 2")
    words = page.get_by_role("button", name="play the word")
    expect(words).to_have_count(6)
    page.evaluate(WATCH_WORDS)

    # a click plays the word and stops behind it
    words.nth(5).click()
    wait_for(page, "marked.includes('four')")
    wait_for(page, "document.querySelector('audio').paused")
    assert 2.1 < page.evaluate(TIME) < 2.35

    # so does Enter, and the word is marked while it is said
    words.nth(0).focus()
    page.keyboard.press("Enter")
    wait_for(page, "marked.includes('one')")
    wait_for(page, "document.querySelector('audio').paused")
    assert 0.5 < page.evaluate(TIME) < 0.9

    # the play head: arrow keys, Home, and a click in a row
    head = page.get_by_role("slider", name="time of the play head, in seconds")
    head.focus()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.evaluate(TIME) == pytest.approx(0.3, abs=0.02)
    expect(head).to_have_attribute("aria-valuetext", "0.3 seconds")
    picture = page.locator(".picture").nth(1).bounding_box()
    page.mouse.click(picture["x"] + picture["width"] / 2, picture["y"] + 10)
    assert page.evaluate(TIME) == pytest.approx(2.36 / 2, abs=0.03)
    stands = head.bounding_box()
    assert stands["x"] + stands["width"] / 2 == pytest.approx(picture["x"] + picture["width"] / 2, abs=6)

    # play and pause by the button; slowly, so that the clip has not ended when it is paused
    page.evaluate(f"document.querySelector('audio').playbackRate = {SLOWEST}")
    button = page.get_by_role("button", name="play the clip 'digits'")
    button.click()
    expect(page.get_by_role("button", name="pause the clip 'digits'")).to_be_visible()
    page.get_by_role("button", name="pause the clip 'digits'").click()
    assert page.evaluate("[...document.querySelectorAll('img')].every(image => image.alt.length > 5)")
    assert page.errors == []
    page.context.close()


@pytest.mark.parametrize("width", [1000, 560])
def test_no_label_lies_on_another_and_nothing_is_wider_than_the_page(browser, width):
    page = widget_page(browser, word_player("bicycle"), width)
    wait_for(page, "document.querySelectorAll('.word .text').length > 10")
    wait_for(page, "getComputedStyle(document.querySelector('.with-words')).getPropertyValue('--lanes') > 0")
    assert page.evaluate(OVERLAPS) == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    strips = page.locator(".strip").evaluate_all("all => all.map(each => each.scrollHeight)")
    assert len(strips) > 10 and min(strips) >= 12
    assert page.errors == []
    page.context.close()


def test_another_clip_and_a_second_click_are_no_error(browser):
    """Both interrupt a sound that was asked for and has not begun."""
    page = widget_page(browser, from_sound_to_text("digits"))
    wait_for(page, "document.querySelector('audio').duration > 2")
    page.evaluate(
        """() => { document.querySelector("audio").muted = true;
                   const button = document.querySelector("button.play");
                   button.click(); button.click();
                   document.querySelector("button.word").click();
                   change("label", "another") }"""  # builds all rows again, with the sound
    )
    wait_for(page, "document.querySelector('button.play').ariaLabel === 'play another'")
    wait_for(page, "document.querySelector('audio').readyState === HTMLMediaElement.HAVE_ENOUGH_DATA")
    expect(page.locator(".problem")).to_be_hidden()
    page.get_by_role("button", name="play another").click()
    wait_for(page, "document.querySelector('audio').ended")  # not at the end of the word
    assert page.errors == []
    page.context.close()


def test_a_clip_that_cannot_be_played_is_named(browser):
    page = widget_page(browser, from_sound_to_text("digits"))
    page.evaluate("change('sound', new DataView(new ArrayBuffer(100)))")
    wait_for(page, "document.querySelector('audio').error")
    page.get_by_role("button", name="play the clip 'digits'").click()
    expect(page.get_by_role("status")).to_contain_text("The browser cannot play this sound. Run the cell")
    assert page.errors == []
    page.context.close()


def test_a_clip_of_the_table_that_cannot_be_played_is_named_and_quick_clicks_are_no_error(browser):
    tone = wav_bytes(0.01 * (torch.arange(16_000) % 50).float())
    rows = [Pair("first", "a b", "a", tone), Pair("second", "c", "c", tone), Pair("third", "d", "d", b"?")]
    page = widget_page(browser, SaidHeard(rows))
    page.evaluate("() => document.querySelectorAll('td.play button').forEach(button => button.click())")
    problem = page.get_by_role("status")
    expect(problem).to_contain_text("The browser cannot play this sound. Run the cell")
    page.evaluate("document.querySelector('audio').muted = true")
    page.get_by_role("button", name="play the clip first").click()
    wait_for(page, "document.querySelector('audio').ended")
    expect(problem).to_be_hidden()
    assert page.errors == []
    page.context.close()


def test_one_row_of_the_table_plays_at_a_time(browser):
    minute = 60 * 16_000  # it must not end before it is paused
    tone = wav_bytes(0.01 * (torch.arange(minute) % 50).float())
    table = SaidHeard([Pair("first", "a b", "a", tone), Pair("second", "c", "c", tone)])
    page = widget_page(browser, table)
    page.evaluate("document.querySelector('audio').muted = true")
    page.get_by_role("button", name="play the clip first").click()
    expect(page.get_by_role("button", name="pause the clip first")).to_be_visible()
    page.get_by_role("button", name="play the clip second").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="pause the clip second")).to_be_visible()
    expect(page.get_by_role("button", name="play the clip first")).to_be_visible()
    page.get_by_role("button", name="pause the clip second").click()
    expect(page.locator("tr.now")).to_have_count(0)
    assert page.errors == []
    page.context.close()


@pytest.mark.slow
def test_lesson_00_makes_its_point_on_one_screen_and_keeps_it_without_a_kernel(open_notebook):
    """One page load: the hero in both themes, at two widths and at 125% zoom; then without its kernel."""
    notebook = open_notebook("00_start_here")
    page = notebook.page
    for cell in (1, 2, 3, 5):
        notebook.run_cell(cell)
    hero = page.locator(".omni-clip-rows")
    expect(hero.get_by_role("button", name="play the word")).to_have_count(6)
    assert hero.bounding_box()["height"] <= 560
    for theme in ("light", "dark"):
        notebook.theme(theme)
        texts = (".omni-clip-rows .detail", ".omni-clip-rows .word .text", ".omni-said-heard td")
        for text in texts:
            faint = page.locator(text).first
            notebook.wait_until(lambda faint=faint: contrast(faint) >= 4.5, f"{text} has enough contrast")
    notebook.theme("light")
    # a zoom of 125% shows the page as if it were 1 / 1.25 as wide
    for width, height in ((1440, 900), (1024, 768), (round(1024 / 1.25), 614)):
        page.set_viewport_size({"width": width, "height": height})
        notebook.wait_until(lambda: page.evaluate(OVERLAPS) == 0, "no label lies on another")
        for part in (hero, page.locator(".omni-said-heard")):
            notebook.wait_until(
                lambda part=part, width=width: is_within(part, width), f"it fits into {width} pixels"
            )
    row = page.get_by_role("button", name="play the clip suitcase")
    table = page.locator(".omni-said-heard audio")  # slowly, so that it still plays when the button is read
    table.evaluate("(audio, speed) => { audio.defaultPlaybackRate = speed }", SLOWEST)
    row.click()
    expect(page.get_by_role("button", name="pause the clip suitcase")).to_be_visible()
    notebook.assert_clean()

    # the link to the code, then a page without its kernel
    assert page.get_by_role("link", name="omni_lib/__init__.py").get_attribute("href")
    notebook.server.end_kernels()
    notebook.reload()
    expect(notebook.cell(3).locator("img")).to_be_visible()
    expect(page.get_by_text("beave").first).to_be_visible()
    assert not page.get_by_text("Error displaying widget").filter(visible=True).count()
