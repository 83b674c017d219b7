"""A picture that plays step by step, on a page of its own, without Jupyter and with a clock of its own."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from omni_lib.course.widgets.step_picture import StepPicture
from tests.browser.widget_page import widget_page

pytestmark = pytest.mark.browser


def test_playing_waits_for_a_kernel_that_is_late(browser: Browser):
    """One step is asked for at a time, and the end of the last playing does not stop the next."""
    page = widget_page(browser, StepPicture(drawing="the end", at_end=True))
    page.clock.install()
    button = page.get_by_role("button", name="play")
    button.click()
    page.clock.run_for(5000)
    assert page.evaluate("sent") == [{"step": "first"}]
    expect(page.get_by_role("button", name="pause")).to_be_visible()
    page.evaluate("() => { state.at_end = false; change('drawing', 'one') }")
    page.clock.run_for(5000)
    assert page.evaluate("sent.slice(1)") == [{"step": "forward"}]
    page.evaluate("change('drawing', 'two')")
    page.clock.run_for(5000)
    assert page.evaluate("sent.slice(2)") == [{"step": "forward"}]
    page.evaluate("() => { state.at_end = true; change('drawing', 'three') }")
    page.clock.run_for(5000)
    expect(button).to_have_text("▶ play")
    assert page.evaluate("sent.length") == 3
    assert page.errors == []
    page.context.close()
