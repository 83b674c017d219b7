"""Where a link of a notebook or a Markdown file leads in the book.

A page of the book has the path that its file has in the project, so most links stay as they are. A link to a
source file leads to a page with its text, and a link to a folder to a page with a list of its files.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from omni_lib.machine.clone import ROOT

PAGES = (".md", ".ipynb")  # files that are a page themselves
_MARKDOWN_LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\]\()([^()\s]+)(\))")
_HTML_LINK = re.compile(r"""(<a\b[^>]*?\bhref=)(["'])(.*?)\2""")
_CODE = re.compile(r"(^ *```.*?^ *```)", re.MULTILINE | re.DOTALL)

Found = Callable[[Path], None]  # called with each file or folder of the project that a link names


def file_of(link: str, folder: Path) -> Path | None:
    """The file or folder of the project that `link` leads to from a file in `folder`; None for others."""
    path = unquote(link.partition("#")[0])
    if not path or re.match(r"[a-z][a-z0-9+.-]*:|/", path):
        return None
    target = (folder / path).resolve()
    return target if target.exists() and target.is_relative_to(ROOT) else None


def page_of(target: Path) -> str:
    """The page of a file or folder, relative to the book and without ending: "omni_lib/ctc.py"."""
    path = target.relative_to(ROOT)
    if target.is_dir():
        return (path / "index").as_posix()
    return (path.with_suffix("") if path.suffix in PAGES else path).as_posix()


def in_markdown(text: str, folder: Path, found: Found) -> str:
    """Markdown with each link leading to a page of the book, as Sphinx reads it."""

    def replaced(match: re.Match[str]) -> str:
        before, link, after = match.groups()
        target = file_of(link, folder)
        if link.startswith("#"):
            return f"{before}{_to_heading(link)}{after}"
        if target is None:
            return match[0]
        found(target)
        if target.suffix in PAGES or before.startswith("!"):
            return f"{before}{_to_heading(link)}{after}"
        path = link.partition("#")[0].rstrip("/")
        return f"{before}{path}/index.md{after}" if target.is_dir() else f"{before}{path}.md{after}"

    parts = _CODE.split(text)  # every second part is code, in which nothing is a link
    return "".join(
        part if number % 2 else _MARKDOWN_LINK.sub(replaced, part) for number, part in enumerate(parts)
    )


def _to_heading(link: str) -> str:
    """A link to a heading as JupyterLab names it ("#What-is-it?"), as a code host does ("#what-is-it")."""
    path, sign, fragment = link.partition("#")
    return path + sign + re.sub(r"[^\w-]", "", unquote(fragment).lower())


def in_html(text: str, folder: Path, found: Found) -> str:
    """HTML that a cell has stored, with each link leading to a finished page of the book."""

    def replaced(match: re.Match[str]) -> str:
        before, quote, link = match.groups()
        link = html.unescape(link)
        target = file_of(link, folder)
        if target is None:
            return match[0]
        found(target)
        path, _, fragment = link.partition("#")
        if target.is_dir():
            path = f"{path.rstrip('/')}/index"
        elif target.suffix in PAGES:
            path = path.removesuffix(target.suffix)
        shown = f"{path}.html#{fragment}" if fragment and target.suffix in PAGES else f"{path}.html"
        return f"{before}{quote}{html.escape(shown)}{quote}"

    return _HTML_LINK.sub(replaced, text)
