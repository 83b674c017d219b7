"""A widget with a static picture of it, which a page shows where the widget itself is missing.

A widget lives in its kernel. In a notebook that is opened again after the kernel has ended, JupyterLab finds
no model for it and shows "Error displaying widget: model not found", even if the same output also holds a
picture. So the picture is an output of its own, and rules between the two decide which of them is visible:
while the widget lives, the picture is hidden; without it, the message is. Where the rules have no effect (on
a code host or a printed page) there is no widget either.
"""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
from IPython.display import DisplayHandle, display

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
LIVE = "omni-live"  # CSS class of each widget that has a picture
STILL = "omni-still"  # CSS class of a picture that is HTML
_MARK = "omni-still-rules"
# For each front end the elements of an output: JupyterLab and Notebook, then VS Code.
_OUTPUTS = (".jp-OutputArea-child", ".output_container")
_MESSAGE = "> .jupyter-widgets"  # in JupyterLab: where the widget is, or the message that it is missing
_HIDDEN = ", ".join(
    rule
    for output in _OUTPUTS
    for rule in (
        f"{output}:has({_MESSAGE}):not(:has(.{LIVE})):has(+ {output} .{_MARK})",
        f"{output}:has(.{_MARK})",
        f"{output}:has(.{LIVE}) + {output}:has(.{_MARK}) + {output}",
    )
)
RULES = f'<style class="{_MARK}">{_HIDDEN} {{ display: none }}</style>'


def display_with_still(
    widget: widgets.DOMWidget, data: dict[str, Any], metadata: dict[str, Any]
) -> DisplayHandle:
    """Display `widget`, and its picture as an output of its own.

    Args:
        data: the MIME bundle of the picture.
        metadata: of the bundle.

    Returns:
        a handle of the picture: `handle.update(data, raw=True, metadata=metadata)` replaces it.
    """
    widget.add_class(LIVE)
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    display({WIDGET_VIEW: view}, raw=True)
    display({"text/html": RULES, "text/plain": ""}, raw=True)
    handle: DisplayHandle = display(data, raw=True, metadata=metadata, display_id=True)
    return handle
