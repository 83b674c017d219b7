"""What a page of the book shows of the stored outputs of a cell.

A stored notebook has no sound: `omni_lib.course.notebooks` removes it. Where an output names a clip of
`data/clips`, the book plays the file itself. Any other sound is made while a lesson runs; in its place stands
a link to the page that says how to run the course.
"""

from __future__ import annotations

import base64
import csv
import html
import re
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_output

from omni_lib.course.book.links import Found, in_html, in_markdown
from omni_lib.machine.clone import ROOT

CLIPS = ROOT / "data" / "clips" / "asr.csv"
RULES = "omni-still-rules"  # CSS class of the rules for JupyterLab, see `omni_lib.course.still`
_SILENT = re.compile(r"""<audio\b[^>]*?aria-label="([^"]*)"[^>]*\bsrc=(?:""|'')[^>]*></audio>""")
_NAMED = re.compile(r"\bclip '(\w+)'")
_ROW = re.compile(r"""(<td class=['"]play['"]>)(</td><th scope=['"]row['"]>(\w+)</th>)""")
_NOT_ATTEMPTED = re.compile(r"<b>[^<]*\bnot attempted\.</b>")  # true of every stored check
_SIZE = slice(16, 24)  # where a PNG has its width and height


@dataclass(frozen=True)
class Clip:
    """One of the course's clips."""

    path: Path
    text: str


def clips() -> dict[str, Clip]:
    """The clips of `data/clips` by name."""
    with CLIPS.open(encoding="utf-8", newline="") as file:
        rows = [Clip(CLIPS.parent / row["audio_path"], row["transcription"]) for row in csv.DictReader(file)]
    return {clip.path.stem: clip for clip in rows}


@dataclass(frozen=True)
class Shelf:
    """Where the files of a notebook's page are, and what it plays.

    Attributes:
        folder: of the notebook.
        files: folder that becomes the root of the site.
        root: the way from the page to that root.
        found: called with what a link leads to.
    """

    folder: Path
    files: Path
    root: str
    clips: dict[str, Clip]
    found: Found

    def player(self, name: str) -> str:
        """An audio element that plays a clip."""
        label = html.escape(f"the clip '{name}': {self.clips[name].text}", quote=True)
        source = f"{self.root}clips/{self.clips[name].path.name}"
        return f'<audio controls preload="metadata" aria-label="{label}" src="{source}"></audio>'


def shown(
    output: NotebookNode, name: str, shelf: Shelf, *, captioned: bool = False, question: bool = False
) -> NotebookNode | None:
    """An output as a page of the book shows it; None for what only a live notebook can show.

    Args:
        name: of the file, if the output is a picture.
        captioned: the text below the cell has a caption for it.
        question: the output is that of a question.
    """
    if output.output_type == "stream" or output.output_type == "error":
        return output
    data = output.data
    if "image/png" in data:
        alternative = html.unescape(output.metadata.get("image/png", {}).get("alt", ""))
        return _html(_figure(base64.b64decode(data["image/png"]), alternative, name, shelf, captioned))
    if "text/html" in data:
        if RULES in data["text/html"]:
            return None
        text = in_html(_with_sound(data["text/html"], shelf), shelf.folder, shelf.found)
        text = _NOT_ATTEMPTED.sub("<b>Exercise.</b>", text)
        return _html(f'<div class="book-question">{text}</div>' if question else text)
    if "text/markdown" in data:
        text = in_markdown(data["text/markdown"], shelf.folder, shelf.found)
        markdown: NotebookNode = new_output("display_data", {"text/markdown": text})
        return markdown
    if any("widget-view" in kind for kind in data):
        return None
    return output


def _html(text: str) -> NotebookNode:
    output: NotebookNode = new_output("display_data", {"text/html": text})
    return output


def _figure(png: bytes, alternative: str, name: str, shelf: Shelf, captioned: bool) -> str:
    file = shelf.files / "figures" / f"{name}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(png)
    width, height = (int.from_bytes(png[_SIZE][at : at + 4], "big") for at in (0, 4))
    image = (
        f'<img src="{shelf.root}figures/{file.name}" width="{width}" height="{height}" '
        f'alt="{html.escape(alternative, quote=True)}">'
    )
    clip = next((each for each in _NAMED.findall(alternative) if each in shelf.clips), None)
    player = shelf.player(clip) if clip else ""
    caption = "" if captioned else f"<figcaption>{html.escape(alternative)}</figcaption>"
    # A wide figure scrolls on a narrow screen, because its text would be too small to read.
    image = f'<div tabindex="0" role="group" aria-label="figure">{image}</div>'
    return f'<figure class="book-figure">{image}{player}{caption}</figure>'


def _with_sound(text: str, shelf: Shelf) -> str:
    """Stored HTML whose silent players play their clips; a sound that is not a clip becomes a link."""

    def replaced(match: re.Match[str]) -> str:
        said = html.unescape(match[1]).removeprefix("▶ ").rpartition(":")[0]
        name = next((name for name, clip in shelf.clips.items() if clip.text == said), None)
        if name is None:
            return f'<a class="book-live" href="{shelf.root}live.html">Hear it in the live course:</a>'
        return shelf.player(name)

    def with_player(match: re.Match[str]) -> str:
        before, after, name = match.groups()
        return f"{before}{shelf.player(name) if name in shelf.clips else ''}{after}"

    return _ROW.sub(with_player, _SILENT.sub(replaced, text))
