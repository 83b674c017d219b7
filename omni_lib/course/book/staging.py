"""Writes the pages of the book as Sphinx reads them, in the folders that their files have in the project."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from omni_lib.course.book.links import PAGES, Found, in_markdown, page_of
from omni_lib.course.book.outputs import Shelf, clips, shown
from omni_lib.machine.clone import ROOT

HERE = Path(__file__).parent
LISTED = ("configs", "omni_lib")  # folders whose list of files links to their text
LANGUAGES = {".py": "python", ".json": "js", ".css": "css", ".js": "js", ".toml": "toml"}
RUN_IT = """```{{note}}
You see stored outputs. [Run the course]({root}live.md) to answer the questions and to train.
```"""
FURNITURE = ("lesson_page.", "board.")  # how the code of a header or a summary begins
_IN_README = re.compile(r"<!-- README: (.+?) -->")


def stage(source: Path) -> None:
    """Write into `source`, an empty folder, every page of the book and the files that the pages need.

    The pages are the lessons, those in `pages/`, the README, and whatever any of them links to.
    """
    files = source / "extra"
    for name, clip in clips().items():
        _copy(clip.path, files / "clips" / f"{name}{clip.path.suffix}")
    shutil.copy(HERE / "conf.py", source)
    shutil.copytree(HERE / "static", source / "static")
    for page in (HERE / "pages").glob("*.md"):
        text = _IN_README.sub(lambda match: section(match[1]), page.read_text(encoding="utf-8"))
        (source / page.name).write_text(text, encoding="utf-8")

    waiting = [ROOT / "README.md", *sorted((ROOT / "notebooks").glob("*.ipynb"))]
    in_contents = (source / "index.md").read_text(encoding="utf-8")
    written: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in written:
            continue
        written.add(path)
        if path.suffix in (".svg", ".png"):
            _copy(path, source / path.relative_to(ROOT))
            continue
        page = source / (page_of(path) + (path.suffix if path.suffix in PAGES else ".md"))
        page.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".ipynb":
            nbformat.write(lesson(path, files, waiting.append), page)
            continue
        if path.suffix == ".md":
            text = in_markdown(path.read_text(encoding="utf-8"), path.parent, waiting.append)
            if not re.search(rf"^{page_of(path)}$|<{page_of(path)}>$", in_contents, re.MULTILINE):
                text = f"---\norphan: true\n---\n{text}"
        elif path.is_dir():
            text = in_markdown(listing(path), path, waiting.append)
        else:
            text = source_text(path)
        page.write_text(text, encoding="utf-8")


def section(heading: str) -> str:
    """A section of the README, without its heading; its first paragraph for "introduction"."""
    before, *sections = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## ")
    if heading == "introduction":
        return before.split("\n\n")[1]
    (text,) = (each.partition("\n")[2] for each in sections if each.partition("\n")[0] == heading)
    return text.strip()


def lesson(path: Path, files: Path, found: Found) -> NotebookNode:
    """The notebook at `path` as the book shows it: links and outputs made ready, nothing executed."""
    notebook: NotebookNode = nbformat.read(path, as_version=4)
    notebook.metadata.pop("widgets", None)
    root = "../" * len(path.relative_to(ROOT).parent.parts)
    shelf = Shelf(path.parent, files, root, clips(), found)
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            cell.source = in_markdown(cell.source, path.parent, found)
            continue
        tags = cell.metadata.get("tags", [])
        if "question" in tags or "check" in tags or cell.source.startswith(FURNITURE):
            cell.metadata["tags"] = [*tags, "remove-input"]  # the code says less than what it shows
        elif "quiet" in tags and cell.source.startswith(("import ", "from ")):
            cell.metadata["tags"] = [*tags, "hide-input"]  # a click opens it
        elif "plug-in" in tags:
            cell.outputs = []  # of a blank exercise: its goal once more
        after = notebook.cells[number + 1] if number + 1 < len(notebook.cells) else None
        captioned = bool(after and after.cell_type == "markdown" and after.source.startswith("**Figure"))
        ready = [
            shown(
                output,
                f"{path.stem}-{number:02d}-{at}",
                shelf,
                captioned=captioned,
                question="question" in tags,
            )
            for at, output in enumerate(cell.outputs)
        ]
        cell.outputs = [output for output in ready if output is not None]
    notebook.cells.insert(1, new_markdown_cell(RUN_IT.format(root=root)))
    return notebook


def listing(folder: Path) -> str:
    """A page with the files of a folder."""
    name = folder.relative_to(ROOT).as_posix()
    linked = name.split("/")[0] in LISTED
    lines = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__pycache__")) or path.name == "my":
            continue
        shown_name = f"{path.name}/" if path.is_dir() else path.name
        is_page = path.suffix in PAGES or linked and path.is_file() and _text(path) is not None
        lines.append(f"- [{shown_name}]({path.name})" if is_page else f"- {shown_name}")
    return f"---\norphan: true\n---\n# {name}/\n\nThe files of this folder:\n\n" + "\n".join(lines) + "\n"


def source_text(path: Path) -> str:
    """A page with the text of a file. The search leaves it out."""
    name = path.relative_to(ROOT).as_posix()
    head = f"---\norphan: true\nnosearch: true\n---\n# {name}\n\n"
    text = _text(path)
    if text is None:
        return f"{head}This file is not text. It has {path.stat().st_size:,} bytes.\n"
    fence = "`" * (2 + max((len(run) for run in re.findall("`+", text)), default=1))
    return f"{head}{fence}{{code-block}} {LANGUAGES.get(path.suffix, 'text')}\n:linenos:\n\n{text}\n{fence}\n"


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, to)
