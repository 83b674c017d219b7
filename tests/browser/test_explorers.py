"""The explorers in a real browser: sliders change text and picture, sounds play, the microphone records."""

import re

import pytest
from playwright.sync_api import Locator, expect

from omni_lib.course.exercises.checking import source_of
from omni_lib.course.hypotheses import hypotheses
from omni_lib.course.lessons import mel_features as lesson
from omni_lib.course.lessons.mel_features import solutions as mel_features_solutions
from omni_lib.course.materials import CORPUS
from omni_lib.metrics import character_errors
from tests.browser.lab import Notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def explorer(open_notebook):
    """A function that opens a notebook with one explorer in it: `explorer("mel")`."""

    def opened(name: str, arguments: str = "") -> tuple[Notebook, Locator]:
        function = "voice_recorder" if name == "voice" else f"{name}_explorer"
        notebook = open_notebook(
            source=[f"from omni_lib.course.widgets.{function} import {function}\n{function}({arguments})"]
        )
        notebook.run_all()
        part = notebook.page.locator(f".omni-{name}-explorer")
        expect(part).to_be_visible()
        return notebook, part

    return opened


def visible(part: Locator, selector: str) -> list[Locator]:
    return [each for each in part.locator(selector).all() if each.is_visible()]


def assert_every_slider_answers(notebook: Notebook, part: Locator) -> int:
    """Move each visible slider by one key, and wait until texts and pictures change."""
    sliders = visible(part, ".noUi-handle")
    for number, slider in enumerate(sliders):
        at_the_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
        before = notebook.settled_appearance(part)
        notebook.move_slider(slider, "ArrowLeft" if at_the_end else "ArrowRight")
        notebook.wait_until(
            lambda before=before: notebook.appearance(part) != before,
            f"slider {number} changes what is shown",
        )
    assert_pictures_show(notebook, part)
    return len(sliders)


def assert_pictures_show(notebook: Notebook, part: Locator) -> None:
    for picture in visible(part, "img"):
        notebook.wait_until(
            lambda picture=picture: picture.evaluate("image => image.complete && image.naturalWidth > 100"),
            "a picture",
        )
        assert len(picture.get_attribute("alt")) > 20, "said in words too"


def beside_each_other(part: Locator) -> bool:
    """Whether the controls are at the left of the pictures, and nothing reaches beyond the cell."""
    slider, picture = (part.locator(each).first.bounding_box() for each in (".widget-slider", ".omni-mel"))
    fits = part.evaluate("part => part.scrollWidth <= part.clientWidth && part.getBoundingClientRect().right")
    return 0 < fits <= 1024 and slider["x"] + slider["width"] <= picture["x"]


def test_the_mel_explorer(explorer):
    notebook, part = explorer("mel")
    notebook.page.set_viewport_size({"width": 1440, "height": 900})
    assert_pictures_show(notebook, part)
    notebook.wait_until(lambda: part.bounding_box()["height"] <= 780, "it fits on one screen")
    # six handles: window, hop, FFT size, filters, both ends of what is shown; and a play head
    assert assert_every_slider_answers(notebook, part) == 6
    assert notebook.play(part.locator(".omni-mel audio")) > 0.5
    notebook.move_slider(part.locator("[aria-label='FFT, points']"), "Home")
    expect(part.locator(".omni-mel .notice")).to_contain_text("choose a larger FFT")
    part.locator(".omni-reset").click()
    expect(part.locator(".omni-mel .notice")).to_be_hidden()
    part.locator(".omni-remake").click()
    expect(part.locator(".omni-summary")).to_contain_text("Re-made from 128 filters")
    remade = part.locator(".omni-remade audio")
    notebook.wait_until(lambda: remade.evaluate("audio => audio.currentTime > 0"), "it plays by itself")
    notebook.page.set_viewport_size({"width": 1024, "height": 768})
    notebook.wait_until(lambda: beside_each_other(part), "controls left, pictures right, and nothing cut")
    notebook.screenshots("mel_explorer", part)
    notebook.assert_clean()


def test_the_subsampling_explorer(explorer):
    notebook, part = explorer("subsampling")
    assert assert_every_slider_answers(notebook, part) == 4  # embedding, block, head, mel frames
    assert 0 < notebook.play(part.locator(".omni-receptive-field audio")) < 10
    notebook.screenshots("subsampling_explorer", part)
    notebook.assert_clean()


def test_the_ctc_explorer(explorer):
    notebook, part = explorer("ctc")
    assert assert_every_slider_answers(notebook, part) == 1  # the step of the collapse
    part.get_by_label("path, _ is blank").fill("hhe_ll_lo")
    expect(part.locator(".omni-summary")).to_contain_text("hello")
    notebook.screenshots("ctc_explorer_collapse", part)

    part.get_by_role("button", name="feasible region").click()
    notebook.wait_until(lambda: len(visible(part, ".noUi-handle")) == 2, "the other view")
    assert_every_slider_answers(notebook, part)
    counted = {part.locator(".omni-counter").inner_text()}
    for _ in range(2):
        before = part.locator(".omni-counter").inner_text()
        notebook.move_slider(visible(part, ".noUi-handle")[1], "ArrowRight")
        notebook.wait_until(
            lambda before=before: part.locator(".omni-counter").inner_text() != before,
            "more alignments with each k",
        )
        counted.add(part.locator(".omni-counter").inner_text())
    assert len(counted) == 3
    notebook.screenshots("ctc_explorer_region", part)

    part.get_by_role("button", name="trellis of a clip").click()
    expect(part.locator(".omni-trellis img")).to_be_visible()
    expect(part.locator(".omni-summary")).to_contain_text("nats together")
    notebook.play(part.locator(".omni-trellis audio"))
    expect(part.locator(".omni-trellis .play-head")).to_be_visible()
    head = part.locator(".omni-trellis .play-head").get_attribute("style")
    part.locator(".omni-trellis img").click()
    notebook.wait_until(
        lambda: part.locator(".omni-trellis .play-head").get_attribute("style") != head,
        "the play-head follows a click",
    )
    assert_pictures_show(notebook, part)
    notebook.screenshots("ctc_explorer_trellis", part)
    notebook.assert_clean()


def test_the_trellis_explorer(explorer):
    """By button, slider, arrow keys and player, in a short text and in a clip."""
    notebook, part = explorer("trellis")
    picture, words = part.locator(".omni-trellis-steps .frame"), part.locator(".omni-summary")
    figures = part.locator(".omni-trellis-steps text.figure")
    expect(figures).to_have_count(2)  # frame 0: the first blank and the first letter
    part.get_by_role("button", name="step →").click()
    expect(figures).to_have_count(3)
    picture.focus()
    for count in (4, 5, 6):
        notebook.page.keyboard.press("ArrowRight")
        expect(figures).to_have_count(count)
    expect(words).to_contain_text("(0.400 skip)")
    notebook.page.keyboard.press("ArrowLeft")
    expect(figures).to_have_count(5)
    notebook.screenshots("trellis_explorer", part)
    assert assert_every_slider_answers(notebook, part) == 1
    expect(figures).to_have_count(11)  # frames 0 to 2 are complete
    part.get_by_role("button", name="play").click()
    expect(words).to_contain_text("a loss of 0.71 nats")
    notebook.wait_until(
        lambda: part.evaluate("part => part.scrollWidth <= part.clientWidth"), "nothing beyond its cell"
    )
    part.get_by_role("button", name="play").click()  # again, and another text stops it
    part.get_by_label("text").select_option(label="the clip 'hello'")
    expect(part.locator(".omni-trellis-steps img")).to_be_visible()
    expect(part.get_by_role("button", name="▶ play")).to_be_visible()
    picture.focus()
    notebook.page.keyboard.press("End")
    expect(words).to_contain_text("give the loss: 0.12 nats")
    notebook.screenshots("trellis_explorer_clip", part)
    notebook.assert_clean()


def test_the_error_explorer(explorer):
    notebook, part = explorer("error")
    part.get_by_label("reference").fill("the cat sat on the mat")
    part.get_by_label("hypothesis").fill("the cat sat on the")
    expect(part.locator(".omni-rates")).to_contain_text("WER = (0 S + 1 D + 0 I) / 6 words = 16.7%")
    part.get_by_label("hypothesis").fill("the cat sat on the mat mat")
    expect(part.locator(".omni-rates")).to_contain_text("WER = (0 S + 0 D + 1 I) / 6 words = 16.7%")
    utterances = part.get_by_label("utterance")
    worst = " ".join(utterances.locator("option").first.inner_text().split())  # "57% 4 of 7 the words"
    utterances.select_option(index=0)
    (row,) = (row for row in hypotheses("dev") if re.fullmatch(rf".* of \d+ {row.reference}", worst))
    expect(part.get_by_label("hypothesis")).to_have_value(row.hypothesis)
    if CORPUS.exists():
        expect(part.locator(".omni-utterance .label")).to_have_text(row.name)
        assert notebook.play(part.locator(".omni-utterance audio")) > 0.5
    else:
        expect(part.locator(".omni-summary")).to_contain_text("omni data synth")
    notebook.screenshots("error_explorer", part)
    notebook.assert_clean()


def test_the_voice_recorder_transcribes_the_microphone(explorer, tmp_path):
    """The microphone plays "one zero zero one zero four" (conftest.py); the transcript must be close."""
    notebook, part = explorer("voice", repr(str(tmp_path / "recordings")))
    record = part.locator("button.record")
    record.click()
    expect(record).to_have_text("■ Stop")
    notebook.wait_until(
        lambda: float(part.locator(".time").inner_text().split()[0]) >= 5, "five seconds of sound"
    )
    record.click()
    expect(part.locator(".omni-summary")).to_contain_text("is transcribed as '")
    heard = re.search(r"is transcribed as '(.*?)'", part.locator(".omni-summary").inner_text())[1]
    assert character_errors("one zero zero one zero four", heard).rate < 0.2  # a letter may be wrong
    assert notebook.play(part.locator(".omni-voice audio")) > 2.5
    assert part.get_by_role("button", name="play the word").count() == len(heard.split())
    part.get_by_label("what I said").fill("one zero zero one zero four")
    expect(part.locator(".omni-comparison")).to_contain_text("zero")
    part.locator(".omni-add").click()
    expect(part.locator(".omni-kept")).to_contain_text("omni data check")
    rows = (tmp_path / "recordings" / "asr.csv").read_text(encoding="utf-8")
    assert "one zero zero one zero four" in rows and len(list((tmp_path / "recordings").rglob("*.wav"))) == 1
    notebook.screenshots("voice_recorder", part)
    notebook.assert_clean()


def test_a_check_shows_wrong_and_right(open_notebook):
    """Notebook 01 as it is shipped: blank, then a plausible wrong answer, then a right one."""
    notebook = open_notebook("01_mel_features")
    stub = notebook.index_of("exercise", "hertz_to_mel")
    notebook.run_cell(1)
    notebook.run_cell(stub)
    notebook.run_cell(stub + 1)
    expect(notebook.cell(stub + 1)).to_contain_text("○ not attempted")
    notebook.run_cell(stub, "def hertz_to_mel(hertz):\n    return 2595 * math.log(1 + hertz / 700)")
    notebook.run_cell(stub + 1)
    expect(notebook.cell(stub + 1)).to_contain_text("✗ not yet")
    expect(notebook.cell(stub + 1)).to_contain_text("natural logarithm")
    notebook.screenshots("check_not_yet", notebook.cell(stub + 1))
    notebook.run_cell(stub, source_of(mel_features_solutions.hertz_to_mel))
    notebook.run_cell(stub + 1)
    expect(notebook.cell(stub + 1)).to_contain_text("✓ right")
    notebook.screenshots("check_right", notebook.cell(stub + 1))

    question = notebook.index_of("question", "zero_padding")
    notebook.run_cell(question, "lesson.zero_padding.check('a')")
    expect(notebook.cell(question)).to_contain_text(
        lesson.zero_padding.replies["a"][1:]
    )  # shown with a capital
    notebook.run_cell(question, f"lesson.zero_padding.check({lesson.zero_padding.right!r})")
    expect(notebook.cell(question)).to_contain_text("✓ right")
    notebook.assert_clean()
