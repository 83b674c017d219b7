"""Words to click, the play head and the table of clips, each on a page of its own, without Jupyter."""

import pytest
import torch
from playwright.sync_api import expect

from omni_lib.course.widgets.clip_rows import from_sound_to_text, word_player
from omni_lib.course.widgets.said_heard import Pair, SaidHeard
from omni_lib.course.widgets.sound_picture import wav_bytes
from tests.browser.widget_page import widget_page

pytestmark = pytest.mark.browser

TIME = "document.querySelector('audio').currentTime"
OVERLAPS = """() => { const boxes = [...document.querySelectorAll(".word .text")]
                          .map(text => text.getBoundingClientRect());
                      return boxes.filter((a, i) => boxes.some((b, j) => i < j
                          && a.left < b.right - 1 && b.left < a.right - 1
                          && a.top < b.bottom - 1 && b.top < a.bottom - 1)).length }"""


def wait_for(page, condition):
    page.wait_for_function(condition)


def test_a_word_is_heard_when_it_is_clicked(browser):
    page = widget_page(browser, from_sound_to_text("digits"))
    wait_for(page, "document.querySelector('audio').duration > 2")
    words = page.get_by_role("button", name="play the word")
    expect(words).to_have_count(6)
    page.evaluate("document.querySelector('audio').muted = true")

    # a click plays the word and stops behind it
    words.nth(5).click()
    expect(page.locator(".word.now .text")).to_have_text("four")
    wait_for(page, "document.querySelector('audio').paused")
    assert 2.1 < page.evaluate(TIME) < 2.35

    # so does Enter, and the word is marked while it is said
    words.nth(0).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".word.now .text")).to_have_text("one")
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

    # play and pause by the button
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


def test_one_row_of_the_table_plays_at_a_time(browser):
    tone = wav_bytes(0.01 * (torch.arange(32_000) % 50).float())
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
