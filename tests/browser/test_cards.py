"""The cards of questions and code exercises in a real browser: mouse, keyboard, and what is remembered."""

import pytest
from playwright.sync_api import expect

from omni_lib.course.exercises.checking import source_of
from omni_lib.course.lessons import ctc_alignment, encoder, error_rate, mel_features

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WRONG_SCALE = "import math\n\ndef hertz_to_mel(hertz):\n    return 2595 * math.log(1 + hertz / 700)"


@pytest.fixture
def cards(open_notebook):
    """A function that opens a notebook with the given cells below the imports, and runs them."""

    def opened(*cells):
        imports = "from omni_lib.course.lessons import ctc_alignment, encoder, error_rate, mel_features"
        notebook = open_notebook(source=[imports, *cells])
        notebook.run_all()
        return notebook, notebook.page.locator(".omni-card")

    return opened


def test_a_choice_is_clicked_and_the_question_stays(cards):
    notebook, card = cards("encoder.rotary")
    question = encoder.rotary
    expect(card.get_by_role("radio")).to_have_count(len(question.options))
    card.get_by_role("button", name="Check").click()
    expect(card.get_by_role("status").first).to_contain_text("Choose an option first")
    card.get_by_text(question.options["a"]).click()
    card.get_by_role("button", name="Check").click()
    expect(card).to_contain_text(question.replies["a"][1:])
    card.get_by_role("button", name="Hint").click()
    expect(card).to_contain_text("Hint 1 of")
    expect(card).to_contain_text(question.replies["a"][1:]), "a hint leaves the verdict"
    expect(card).to_contain_text(question.prompt)
    notebook.screenshots("card_choice_not_yet", card)
    card.get_by_label(question.options[question.right]).check()
    card.get_by_role("button", name="Check").click()
    expect(card).to_contain_text("✓ right")

    notebook.run_cell(1)  # the same cell again: what was answered is shown
    expect(card.get_by_role("radio", checked=True)).to_have_value(question.right)
    expect(card).to_contain_text("✓ right")
    notebook.screenshots("card_choice_right", card)
    notebook.assert_clean()

    still = notebook.page.locator(".omni-still")
    expect(still).to_be_hidden()  # beside the card
    expect(still).to_contain_text("✓ right")
    notebook.server.end_kernels()  # as when the notebook is opened another day
    notebook.reload()
    expect(still.get_by_text(question.prompt)).to_be_visible()
    expect(still.get_by_text("✓ right")).to_be_visible()
    assert notebook.page.get_by_text("Error displaying widget").filter(visible=True).count() == 0
    notebook.screenshots("card_without_a_kernel", notebook.cell(1))


def test_the_keyboard_alone_is_enough(cards):
    notebook, card = cards("ctc_alignment.hell_lo", "ctc_alignment.letters_per_second")
    choice, number = card.nth(0), card.nth(1)
    choice.get_by_role("radio").first.focus()
    notebook.page.keyboard.press("ArrowDown")
    expect(choice.get_by_role("radio", checked=True)).to_have_value("b")
    notebook.page.keyboard.press("a")
    expect(choice.get_by_role("radio", checked=True)).to_have_value("a")
    notebook.page.keyboard.press("Enter")
    expect(choice).to_contain_text(ctc_alignment.hell_lo.replies["a"])
    notebook.page.keyboard.press("Tab")
    expect(choice.get_by_role("button", name="Check")).to_be_focused()
    notebook.page.keyboard.press("Tab")
    notebook.page.keyboard.press("Enter")
    expect(choice).to_contain_text("Hint 1 of")

    number.get_by_role("textbox", name="your answer").focus()
    notebook.page.keyboard.type("12.5")
    notebook.page.keyboard.press("Enter")
    expect(number).to_contain_text("That is with one CTC frame")
    assert notebook.page.locator(".jp-Notebook .jp-Cell").count() == 3, "no key reached JupyterLab"
    notebook.screenshots("card_number", number)
    notebook.assert_clean()


def test_a_reflection_is_compared_and_judged_by_the_learner(cards):
    notebook, card = cards("error_rate.meaning_of_15")
    question = error_rate.meaning_of_15
    expect(card.get_by_text(question.model)).to_be_hidden()
    card.get_by_role("textbox").fill("Fifteen errors for every hundred words that were said.")
    card.get_by_role("button", name="Compare").click()
    expect(card.get_by_text(question.model)).to_be_visible()
    card.get_by_role("checkbox").first.check()
    card.get_by_role("button", name="Judge").click()
    expect(card).to_contain_text(f"1 of {len(question.points)} points")
    notebook.screenshots("card_reflection_not_yet", card)
    for tick in card.get_by_role("checkbox").all():
        tick.check()
    card.get_by_role("button", name="Judge").click()
    expect(card).to_contain_text("right, judged by you")
    notebook.run_cell(1)
    expect(card.get_by_role("textbox")).to_have_value(
        "Fifteen errors for every hundred words that were said."
    )
    expect(card.get_by_role("checkbox", checked=True)).to_have_count(len(question.points))
    expect(card).to_contain_text("right, judged by you")
    notebook.screenshots("card_reflection_right", card)
    notebook.assert_clean()


def test_the_card_of_a_code_exercise_checks_the_function_as_it_is_now(cards):
    notebook, card = cards(WRONG_SCALE, "mel_features.hertz_to_mel.check(hertz_to_mel)")
    expect(card).to_contain_text(mel_features.hertz_to_mel.goal)
    expect(card).to_contain_text("✗ not yet")
    card.get_by_role("button", name="Hint").click()
    expect(card).to_contain_text("Hint 1 of")
    expect(card).to_contain_text("✗ not yet"), "a hint leaves the verdict"
    card.get_by_role("button", name="Solution").click()
    expect(card.locator("pre")).to_contain_text("def hertz_to_mel")
    notebook.screenshots("card_code", card)
    notebook.run_cell(1, "import math\n\n" + source_of(mel_features.hertz_to_mel.answer))
    card.get_by_role("button", name="Check").click()
    expect(card).to_contain_text("✓ right")
    notebook.assert_clean()
