"""Checks the finished pages: each link leads somewhere, and nothing comes from a network."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

# Text that only a broken page has
_BROKEN = ("Error displaying widget", "model_id", "application/vnd.jupyter.widget")
_ABROAD = re.compile(r"(?:https?:)?//")
_IN_CSS = re.compile(r"""(?:url\(|@import)\s*["']?(?:https?:)?//""")


class Page(HTMLParser):
    """The names and the links of one page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []  # of the reader
        self.loaded: list[str] = []  # by the browser
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the names and links of an element."""
        found = {name: value for name, value in attrs if value is not None}
        self.names |= {found[name] for name in ("id", "name") if name in found}
        if "href" in found:
            (self.links if tag == "a" else self.loaded).append(found["href"])
        if "src" in found:
            self.loaded.append(found["src"])


def faults(site: Path) -> list[str]:
    """What is wrong with the pages below `site`, a line for each fault."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        found += [f"{name} loads {link}" for link in page.loaded if _ABROAD.match(link)]
        found += [f"{name} contains '{text}'" for text in _BROKEN if text in page.text]
        for link in dict.fromkeys(page.links + page.loaded):
            if re.match(r"[a-z]+:|//", link):
                continue
            file, _, fragment = unquote(link).partition("#")
            target = (path.parent / file.partition("?")[0]).resolve() if file else path
            if not target.is_file():
                found.append(f"{name} links to {link}, which does not exist")
            elif fragment and target in pages and fragment not in pages[target].names:
                found.append(f"{name} links to {link}, and that page has no such part")
    for style in sorted(site.rglob("*.css")):
        if _IN_CSS.search(style.read_text(encoding="utf-8")):
            found.append(f"{style.relative_to(site)} loads something from a network")
    return found
