"""One anywidget on a page of its own, without Jupyter: the state of the model is that of a Python object."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import anywidget
from playwright.sync_api import Browser, Page

from tests.browser.pages import new_page

PAGE = """<!doctype html><html lang="en"><title>widget</title><link rel="icon" href="data:,">
<style>body { margin: 16px; font-family: sans-serif } body.dark { background: #111; color: #eee;
  --jp-ui-font-color1: #eee } CSS</style>
<div id="place"></div><script type="module">
import widget from "/widget.js";
const revive = value => {
  if (Array.isArray(value)) return value.map(revive);
  if (value && typeof value === "object") {
    if ("bytes" in value) {
      return new DataView(Uint8Array.from(atob(value.bytes), c => c.charCodeAt(0)).buffer);
    }
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, revive(each)]));
  }
  return value;
};
const state = window.state = revive(STATE);
window.sent = [];
const listeners = [];
const model = {
  get: name => state[name],
  set: (name, value) => { state[name] = value; },
  save_changes: () => {},
  send: content => window.sent.push(content),
  on: (names, react) => listeners.push([names, react]),
  off: () => {},
};
window.change = (name, value) => {
  state[name] = value;
  listeners.filter(([names]) => names.split(" ").includes(`change:${name}`)).forEach(([, react]) => react());
};
widget.render({ model, el: document.getElementById("place") });
</script></html>"""


def _sendable(value: Any) -> Any:
    """As JSON, with bytes as {"bytes": base64}."""
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {name: _sendable(each) for name, each in value.items()}
    return [_sendable(each) for each in value] if isinstance(value, list | tuple) else value


def widget_page(browser: Browser, widget: anywidget.AnyWidget, width: int = 1000) -> Page:
    """A page that shows `widget`. `page.errors` gets what the console reports, and `window.sent` in
    the page what the widget sends to Python.

    Close `page.context` after use.
    """
    inherited = anywidget.AnyWidget.class_traits()
    names = [name for name in widget.traits(sync=True) if name not in inherited and name[0] != "_"]
    state = {name: _sendable(getattr(widget, name)) for name in names}
    body = PAGE.replace("CSS", str(widget._css)).replace("STATE", json.dumps(state))
    page = new_page(browser, viewport={"width": width, "height": 800})
    page.route("**/*", lambda route: route.fulfill(body=body, content_type="text/html"))
    page.route("**/*.js", lambda route: route.fulfill(body=str(widget._esm), content_type="text/javascript"))
    page.goto("http://localhost/")
    return page
