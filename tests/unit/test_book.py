"""The book: every page is built from stored outputs, every link leads somewhere, no network is needed."""

import base64
import html
import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_output

from omni_lib.course.book import __main__ as book
from omni_lib.course.book import site, staging
from omni_lib.course.book.links import in_html, in_markdown, page_of
from omni_lib.course.book.outputs import Shelf, clips, shown
from omni_lib.course.exercises.questions import Choice
from omni_lib.course.figures import Picture
from omni_lib.course.notebooks import LESSONS, lesson_of
from omni_lib.course.sound import Player
from omni_lib.course.still import RULES, WIDGET_VIEW
from omni_lib.machine.clone import ROOT

NOTEBOOKS = ROOT / "notebooks"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAYAAAC56t6BAAAAEUlEQVR42mNkYPhfz4AGGGEMAB7QAwHqZzo8AAAAAElFTkSuQmCC"
)


def ignore(target: Path) -> None:
    """Takes what a link leads to."""


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(NOTEBOOKS, tmp_path, "../", clips(), ignore)


def stored(data: dict, metadata: dict | None = None) -> nbformat.NotebookNode:
    return new_output("display_data", data, metadata=metadata or {})


def text_of(page: str) -> str:
    """What a reader sees of a page, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


# --- links -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "in_the_book"),
    [
        ("02_encoder.ipynb", "02_encoder.ipynb"),
        ("../tests/README.md#where-it-was-run", "../tests/README.md#where-it-was-run"),
        ("../omni_lib/ctc.py", "../omni_lib/ctc.py.md"),
        ("../omni_lib/ctc.py#L10", "../omni_lib/ctc.py.md"),
        ("../configs", "../configs/index.md"),
        ("../configs/", "../configs/index.md"),
        ("../NOTICE", "../NOTICE.md"),
        ("../nowhere.py", "../nowhere.py"),  # Sphinx reports it
        ("https://example.org/ctc.py", "https://example.org/ctc.py"),
        ("#summary", "#summary"),
        ("#The-configuration,-key-by-key", "#the-configuration-key-by-key"),  # as JupyterLab names headings
        ("02_encoder.ipynb#Why-eight?", "02_encoder.ipynb#why-eight"),
    ],
)
def test_a_link_in_markdown_leads_to_a_page(link: str, in_the_book: str):
    text = "see [the `code`]({}), and ![a picture](../tests/benchmarks/results/peers.svg)"
    assert in_markdown(text.format(link), NOTEBOOKS, ignore) == text.format(in_the_book)


def test_nothing_in_a_block_of_code_is_a_link():
    text = "```\n[a](../configs)\n```\n[b](../configs)"
    assert in_markdown(text, NOTEBOOKS, ignore) == "```\n[a](../configs)\n```\n[b](../configs/index.md)"


@pytest.mark.parametrize(
    ("link", "in_the_book"),
    [
        ("02_encoder.ipynb", "02_encoder.html"),
        ("README.md#timing", "README.html#timing"),
        ("../omni_lib/ctc.py#L10", "../omni_lib/ctc.py.html"),
        ("../configs", "../configs/index.html"),
        ("../nowhere.py", "../nowhere.py"),
        ("https://example.org/", "https://example.org/"),
    ],
)
def test_a_link_in_an_output_leads_to_a_finished_page(link: str, in_the_book: str):
    text = '<a class="x" href="{}">there</a>'
    assert in_html(text.format(link), NOTEBOOKS, ignore) == text.format(in_the_book)


def test_the_pages_behind_links_are_reported():
    found: list[Path] = []
    in_markdown("[a](../configs) [b](02_encoder.ipynb) [c](https://example.org)", NOTEBOOKS, found.append)
    assert [page_of(target) for target in found] == ["configs/index", "notebooks/02_encoder"]


# --- outputs -----------------------------------------------------------------------------------------------


def test_a_player_of_a_clip_plays_its_file(shelf: Shelf):
    player = Player(samples=np.zeros(16), rate=16_000, name=shelf.clips["hello"].text)
    silent = re.sub("data:audio/[^\"']*", "", player._repr_html_())
    text = shown(stored({"text/html": silent}), "x", shelf).data["text/html"]
    assert 'src="../clips/hello.flac"' in text and player.caption in text


def test_a_sound_that_is_not_a_clip_leads_to_the_live_course(shelf: Shelf):
    silent = '<audio controls aria-label="▶ hello world at speed 1.1: 1.19 s, -20 dB" src=""></audio>'
    text = shown(stored({"text/html": silent}), "x", shelf).data["text/html"]
    assert "<audio" not in text and 'href="../live.html"' in text


def test_each_row_of_said_and_heard_has_a_player(shelf: Shelf):
    row = "<tr><td class='play'></td><th scope='row'>{}</th><td>said</td></tr>"
    table = f"<table>{row.format('cat')}{row.format('nothing')}</table>"
    text = shown(stored({"text/html": table}), "x", shelf).data["text/html"]
    assert text.count("<audio") == 1 and 'src="../clips/cat.flac"' in text


def test_a_picture_has_a_caption_and_the_player_of_its_clip(shelf: Shelf):
    data, metadata = Picture(PNG, "Log-mel of the clip 'hello' & more")._repr_mimebundle_()
    text = shown(stored(data, metadata), "01-07", shelf).data["text/html"]
    assert (shelf.files / "figures" / "01-07.png").read_bytes() == PNG
    assert 'src="../figures/01-07.png" width="2" height="3"' in text and 'src="../clips/hello.flac"' in text
    assert "<figcaption>Log-mel of the clip &#x27;hello&#x27; &amp; more</figcaption>" in text
    below = shown(stored(data, metadata), "01-07", shelf, captioned=True).data["text/html"]
    assert "figcaption" not in below and "alt=" in below


def test_what_needs_a_kernel_is_left_out(shelf: Shelf):
    view = {WIDGET_VIEW: {"model_id": "abc"}, "text/plain": "MelExplorer()"}
    assert shown(stored(view), "x", shelf) is None
    assert shown(stored({"text/html": RULES, "text/plain": ""}), "x", shelf) is None
    beside = shown(stored({**view, "text/html": "<p>a question</p>"}), "x", shelf)
    assert beside.data == {"text/html": "<p>a question</p>"}


def test_the_check_of_a_blank_exercise_names_the_exercise(shelf: Shelf):
    blank = lesson_of(NOTEBOOKS / "00_start_here.ipynb").seconds.check(lambda samples: ...)
    text = shown(stored({"text/html": blank._repr_html_()}), "x", shelf).data["text/html"]
    assert "<b>Exercise.</b> The length in seconds" in text


# --- pages -------------------------------------------------------------------------------------------------


def test_a_page_with_code_holds_any_code():
    page = staging.source_text(Path(__file__))
    assert "```" in Path(__file__).read_text(encoding="utf-8") and "````{code-block} python" in page


def test_a_list_of_files_links_to_those_that_have_a_page():
    assert "- [an4.json](an4.json)" in staging.listing(ROOT / "configs")
    tests = staging.listing(ROOT / "tests")
    assert "- [README.md](README.md)" in tests and "- unit/" in tests and "- conftest.py" in tests


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ('<a href="gone.html">x</a>', "does not exist"),
        ('<a href="#gone">x</a>', "no such part"),
        ('<a href="other.html#gone">x</a>', "no such part"),
        ('<audio src="clips/gone.flac"></audio>', "does not exist"),
        ('<script src="https://example.org/a.js"></script>', "loads https"),
        ('<link rel="stylesheet" href="//example.org/a.css">', "loads //"),
        ("<p>Error displaying widget</p>", "contains"),
        ('<p>{"model_id": "abc"}</p>', "contains"),
    ],
)
def test_a_fault_of_a_page_is_found(tmp_path: Path, page: str, fault: str):
    (tmp_path / "index.html").write_text(page, encoding="utf-8")
    (tmp_path / "other.html").write_text('<a href="https://example.org" id="here">x</a>', encoding="utf-8")
    (found,) = site.faults(tmp_path)
    assert fault in found and found.startswith("index.html")


def test_good_pages_have_no_fault_and_style_sheets_are_read(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b c.html").write_text('<p id="d"><a href="../e.html">x</a>', encoding="utf-8")
    (tmp_path / "e.html").write_text('<a href="a/b%20c.html#d">x</a><a href="#"></a>', encoding="utf-8")
    assert site.faults(tmp_path) == []
    (tmp_path / "a.css").write_text("@import 'https://example.org/b.css'", encoding="utf-8")
    assert len(site.faults(tmp_path)) == 1


def test_a_formula_has_spaces_around_functions():
    mathml = pytest.importorskip("omni_lib.course.book.mathml", reason="the extra `book` is not installed")
    thin, function = '<mspace width="0.167em"></mspace>', "<mi>ln</mi><mo>&ApplyFunction;</mo>"
    assert mathml.spaced(f"<mi>T</mi>{function}<mn>29</mn>") == f"<mi>T</mi>{thin}{function}{thin}<mn>29</mn>"
    assert mathml.spaced(f"<mo>−</mo>{function}<mo>(</mo>") == f"<mo>−</mo>{function}<mo>(</mo>"


def test_without_the_extra_one_line_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(book, "NEEDED", ("no_such_builder",))
    assert book.main([]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no_such_builder" in line and "make book" in line


# --- every page as Sphinx reads it, which needs no extra ---------------------------------------------------


def test_every_page_is_staged_with_its_links_captions_and_sounds(tmp_path: Path):
    staging.stage(tmp_path)
    lessons = sorted(tmp_path.glob("notebooks/*.ipynb"))
    assert [path.stem for path in lessons] == list(LESSONS)
    players = 0
    for path in lessons:
        cells = nbformat.read(path, as_version=4).cells
        texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
        for number, cell in enumerate(cells):
            below = cells[number + 1].source if number + 1 < len(cells) else ""
            for output in cell.get("outputs", []):
                assert "image/png" not in output.get("data", {}), "a file of its own"
                shown_html = output.get("data", {}).get("text/html", "")
                for picture in re.findall(r'<figure class="book-figure">.*?</figure>', shown_html, re.DOTALL):
                    assert re.search(r'alt="[^"]{20,}"', picture), (path.stem, number)
                    assert "<figcaption>" in picture or below.startswith("**Figure"), (path.stem, number)
                for source in re.findall(r'<(?:img|audio)\b[^>]*\bsrc="([^"]*)"', shown_html):
                    assert (
                        source.startswith("data:")
                        or (path.parent / source).resolve().is_file()
                        or (tmp_path / "extra" / source.removeprefix("../")).is_file()
                    ), (path.stem, source)
                players += shown_html.count("<audio")
                texts.append(" ".join(f"[x]({to})" for to in re.findall(r'href="([^"]*)"', shown_html)))
        for link in re.findall(r"\]\(([^()\s]+)\)", " ".join(texts)):
            file = unquote(link.partition("#")[0])
            if not file or re.match(r"[a-z]+:", file):
                continue
            target = (path.parent / file).resolve()
            pages = [target, *(target.with_suffix(kind) for kind in (".md", ".ipynb"))]
            assert any(page.is_file() for page in pages), (path.stem, link)
    assert players >= 7


# --- the whole book ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    missing = [name for name in book.NEEDED if find_spec(name) is None]
    if missing:
        pytest.skip(f"the extra `book` is not installed ({', '.join(missing)}): `make book` installs it")
    return book.build(tmp_path_factory.mktemp("book"))  # strict: a warning or a broken link is an error


@pytest.mark.slow
def test_the_whole_book(pages: Path):
    """One test for everything, because one build takes seconds."""
    contents = (pages / "index.html").read_text(encoding="utf-8")
    assert all(f'href="notebooks/{name}.html"' in contents for name in LESSONS) and len(LESSONS) == 7
    assert "word error rate" in text_of(contents)
    assert "make lab" in text_of((pages / "live.html").read_text(encoding="utf-8"))
    assert site.faults(pages) == []
    assert (pages / "search.html").is_file() and (pages / "searchindex.js").is_file()

    players = 0
    for path in NOTEBOOKS.glob("*.ipynb"):
        page = (pages / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        seen, lesson = text_of(page), lesson_of(path)
        assert "not attempted." not in seen and not re.search(r"<audio[^>]*src=[\"']{2}", page)
        players += page.count("<audio")
        for cell in nbformat.read(path, as_version=4).cells:
            name = cell.metadata.get("omni", {}).get("question")
            if name is None:
                continue
            question = getattr(lesson, name)
            asked = [question.face.prompt]
            asked += question.face.options.values() if isinstance(question, Choice) else []
            for text in asked:
                plain = " ".join(re.sub(r"[`*]", " ", text).split())
                assert plain.replace(" ", "") in seen.replace(" ", "").replace("*", ""), (name, plain)
    assert players >= 7
