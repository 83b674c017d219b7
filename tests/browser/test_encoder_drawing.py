"""The drawing of the encoder on a page of its own, without Jupyter: clicks, keys, colours, narrow pages."""

import pytest
from playwright.sync_api import expect

from omni_lib.course.exercises.progress import Progress
from omni_lib.course.widgets.encoder_drawing import encoder_drawing
from tests.browser.widget_page import widget_page

pytestmark = pytest.mark.browser


@pytest.fixture
def drawing(tmp_path, monkeypatch):
    monkeypatch.setenv("OMNI_HOME", str(tmp_path))
    Progress.mine().add_try("02.block", right=True)
    return encoder_drawing()


def test_a_click_shows_what_is_in_a_box_and_arrow_keys_go_from_box_to_box(browser, drawing):
    page = widget_page(browser, drawing)
    detail = page.locator(".detail")
    expect(detail.locator("h3")).to_have_text("the encoder: AudioEncoder")

    # a click
    page.get_by_role("button", name="block 2 ✓ yours").click()
    expect(detail.locator("h3")).to_have_text("block 2: EncoderBlock")
    expect(detail).to_contain_text("16 × 192 → 16 × 192")
    expect(detail.get_by_role("region", name="the code of EncoderBlock")).to_contain_text("def forward")
    expect(page.get_by_role("button", name="block 2 ✓ yours")).to_be_focused()

    # the arrow keys, and Enter
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(detail.locator("h3")).to_have_text("subsampler: Subsampler")

    # the code is folded in as long as an exercise asks for it
    code = detail.get_by_role("region", name="the code of Subsampler")
    expect(code).to_be_hidden()
    detail.get_by_text("Show the code, which answers subsampler, padding_mask").click()
    expect(code).to_contain_text("def forward")

    # into a block and back
    page.get_by_role("button", name="block 1 ✓ yours").click()
    detail.get_by_role("button", name="attention").click()
    expect(detail.locator("h3")).to_have_text("attention: SelfAttention")
    page.get_by_role("button", name="← block 1").click()
    expect(detail.locator("h3")).to_have_text("block 1: EncoderBlock")

    # yours are marked by a word, and by another colour
    borders = page.locator(".flow .part").evaluate_all(
        "all => all.map(box => getComputedStyle(box).borderColor)"
    )
    assert len(set(borders)) == 2 and borders.count("rgb(0, 158, 115)") == 4

    # another clip: the shapes follow what Python sends
    drawing.clip = "suitcase"
    page.evaluate("parts => change('parts', parts)", drawing.parts)
    expect(page.locator(".data").first).to_contain_text(f"log-mel {drawing.parts[0]['given'][0]} × 128")

    # code of one's own is shown, although another exercise of its part is open
    Progress.mine().add_try("02.subsampler", right=True)
    page.evaluate("parts => change('parts', parts)", encoder_drawing().parts)
    page.get_by_role("button", name="subsampler ✓ yours").click()
    expect(detail.get_by_role("region", name="the code of Subsampler")).to_be_visible()
    assert page.errors == []
    page.context.close()


@pytest.mark.parametrize("width", [1000, 420])
def test_nothing_is_wider_than_the_page_or_cut(browser, drawing, width):
    page = widget_page(browser, drawing, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = page.locator(".part, .data").evaluate_all(
        "all => all.filter(each => each.scrollWidth > each.clientWidth + 1).length"
    )
    assert cut == 0
    if width == 1000:
        heights = page.locator(".data").evaluate_all("all => all.map(each => each.clientHeight)")
        assert max(heights) < 2 * min(heights), "each in one line"
    page.context.close()
