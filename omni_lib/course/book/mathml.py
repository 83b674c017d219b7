"""A Sphinx extension: formulas as MathML, which browsers draw without a script or a font from elsewhere.

The conversion from LaTeX is that of docutils; a formula that it cannot read fails the build.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

_log = logging.getLogger(__name__)
_THIN = '<mspace width="0.167em"></mspace>'
_BEFORE = re.compile(r"(</(?:mi|mn|mfrac|msup|msub)>\s*)(<mi>\w{2,}</mi>\s*<mo>&ApplyFunction;)")
_BEHIND = re.compile(r"<mo>&ApplyFunction;</mo>(?!\s*(?:<mrow>\s*)?<mo[^>]*>\()")


def setup(app: Any) -> dict[str, bool]:
    """Register the renderer under the name "mathml"."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def spaced(formula: str) -> str:
    """MathML with the thin spaces of TeX around the name of a function, as in "T ln 29"."""
    formula = _BEFORE.sub(rf"\1{_THIN}\2", formula)
    return _BEHIND.sub(rf"\g<0>{_THIN}", formula)


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(f'<span class="math">{_mathml(node, as_block=False)}</span>')
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    formula = _mathml(node, as_block=True)
    translator.body.append(f'<div class="math" tabindex="0">{formula}</div>')  # it scrolls if it is too wide
    raise nodes.SkipNode


def _mathml(node: nodes.Element, as_block: bool) -> str:
    try:
        return spaced(str(tex2mathml(node.astext(), as_block=as_block)))
    except MathError as error:  # a warning stops the build, and names the place
        _log.warning("this formula cannot be read: %s: %s", node.astext(), error, location=node)
        return ""
