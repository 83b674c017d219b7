"""Pages for the browser tests. Their time limits are for a busy machine; a page notes its errors.

page = new_page(browser, viewport={"width": 1000, "height": 800})
page.errors          # what the console reported as an error
page.context.close()
"""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, Page, expect

# How long a test waits for anything, in seconds. Only a failing test waits so long: a condition that is met
# ends the wait. On a busy machine, Playwright's own limits (5 s for `expect`, 30 s for a page) are too short.
PATIENCE = 150.0

expect.set_options(timeout=1000 * PATIENCE)


def new_page(browser: Browser, **options: Any) -> Page:
    """A page in a context of its own, with Playwright's `options` of a context."""
    context = browser.new_context(**options)
    context.set_default_timeout(1000 * PATIENCE)
    page = context.new_page()
    page.errors = []
    page.on("console", lambda line: page.errors.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    return page
