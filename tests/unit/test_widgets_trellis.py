"""The trellis explorer: its numbers, its steps, and its drawing."""

import io
import itertools
import re

import pytest
import torch
from PIL import Image

from omni_lib.course import materials
from omni_lib.course.palette import BLUE, GREEN
from omni_lib.course.trellis import (
    SHORT_TEXTS,
    VOCABULARY,
    forward_mass,
    may_skip,
    short_log_probs,
    states_of,
)
from omni_lib.course.widgets.trellis_drawing import WAYS, ShortTrellis, cells_of, in_figures
from omni_lib.course.widgets.trellis_explorer import CLIP, TrellisExplorer, trellis_explorer
from omni_lib.ctc import collapse
from omni_lib.errors import UserError


def short(text: str) -> ShortTrellis:
    log_probs, target = short_log_probs(text), VOCABULARY.encode(text)
    return ShortTrellis(log_probs, target, forward_mass(log_probs, target))


@pytest.mark.parametrize("text", SHORT_TEXTS)
def test_the_probabilities_add_up_and_all_alignments_together_have_those_of_the_last_two_states(text):
    log_probs, target = short_log_probs(text), VOCABULARY.encode(text)
    assert torch.allclose(log_probs.exp().sum(dim=1), torch.ones(len(log_probs)).double())
    paths = itertools.product([0, *set(target)], repeat=len(log_probs))
    by_listing = sum(
        float(log_probs[range(len(path)), path].sum().exp()) for path in paths if collapse(path) == target
    )
    *_, letter, blank = short(text).cells
    assert letter.mass + blank.mass == pytest.approx(by_listing)
    assert round(letter.mass, 3) + round(blank.mass, 3) == pytest.approx(round(by_listing, 3))  # as displayed


@pytest.mark.parametrize("text", SHORT_TEXTS)
def test_each_cell_is_its_share_times_its_terms(text):
    target = VOCABULARY.encode(text)
    skips = may_skip(states_of(target))
    for cell in short(text).cells:
        total = sum(term.mass for term in cell.terms) if cell.frame else 1
        assert cell.mass == pytest.approx(cell.share * total)
        for term in cell.terms:
            assert cell.state - term.state == list(WAYS).index(term.way)
            assert term.way != "skip" or skips[cell.state]


def test_only_unlike_letters_are_skipped_between():
    ways = {text: {term.way for cell in short(text).cells for term in cell.terms} for text in SHORT_TEXTS}
    assert ways == {"ab": set(WAYS), "aa": {"stay", "move on"}, "bee": set(WAYS)}


def test_the_drawing_grows_by_one_cell_a_step_and_its_arrows_differ_in_more_than_colour():
    trellis = short("ab")
    for position in range(1, len(trellis.cells) + 1):
        svg = trellis.svg(position)
        assert svg.count('class="figure"') == position
        arrows = sum(len(cell.terms) for cell in trellis.cells[:position])
        assert svg.count("<line") == len(WAYS) + arrows
    lines = re.findall(r'<g class="([\w-]+)".*?<line [^>]*?(stroke-dasharray="[^"]*")?/>', svg)
    assert len(set(lines)) == 3 and {name for name, _ in lines} == {"stay", "move-on", "skip"}
    assert len({dashes for _, dashes in lines}) == 3


@pytest.mark.parametrize(
    ("probability", "text"), [(0, "0"), (1, "1.000"), (0.35, "0.350"), (0.00996, "0.010"), (0.0042, "0.0042")]
)
def test_probabilities_are_legible(probability, text):
    assert in_figures(probability) == text


@pytest.fixture(scope="module")
def shared() -> TrellisExplorer:
    return trellis_explorer()


@pytest.fixture
def explorer(shared) -> TrellisExplorer:
    shared.text.value = "ab"
    shared.move("first")
    return shared


def test_steps_compute_cell_after_cell(explorer):
    """The browser asks for them: by buttons, by keys, or while it plays."""

    def ask(step: str) -> None:
        explorer.picture._handle_custom_msg({"step": step}, [])

    seen = [explorer.picture.drawing]
    ask("forward")
    assert (explorer.position, explorer.time.value) == (2, 0)
    seen.append(explorer.picture.drawing)
    ask("forward")
    assert (explorer.position, explorer.time.value) == (3, 1)
    assert "Frame 1, state 0 (_): α = 0.2 · (0.500 stay) = 0.100." in explorer.summary.value
    seen.append(explorer.picture.drawing)
    for _ in range(4):
        ask("forward")
    assert (explorer.position, explorer.time.value) == (7, 2)
    seen.append(explorer.picture.drawing)
    ask("back")
    assert explorer.position == 6
    assert "(0.400 skip)" in explorer.summary.value and explorer.picture.alt in explorer.summary.value
    explorer.move("back")
    assert len({*seen, explorer.picture.drawing}) == 5


def test_the_slider_of_time_completes_a_frame_and_the_ends_hold(explorer):
    explorer.time.value = 2
    assert explorer.position == sum(cell.frame <= 2 for cell in explorer._view.trellis.cells)
    explorer.move("last")
    explorer.move("forward")
    assert explorer.time.value == explorer.time.max == 3 and explorer.picture.at_end
    assert "0.366 + 0.125 = 0.491, a loss of 0.71 nats" in explorer.summary.value
    explorer.move("first")
    explorer.move("back")
    assert (
        explorer.position == 1
        and not explorer.picture.at_end
        and "here a path may begin" in explorer.summary.value
    )


def test_another_text_starts_again(explorer):
    explorer.move("last")
    explorer.text.value = "aa"
    assert explorer.time.value == 0 and explorer.position == 2 and explorer.time.max == 4


def test_a_clip_is_filled_in_frame_by_frame(explorer):
    explorer.text.value = CLIP
    assert explorer.time.max == 47 and explorer.position == 1
    first = explorer.picture.drawing
    explorer.move("forward")
    assert explorer.position == 2 and explorer.time.value == 1 and explorer.picture.drawing != first
    explorer.move("last")
    assert "give the loss: 0.12 nats" in explorer.summary.value
    data, _ = explorer.still_bundle()
    assert materials.clips()[CLIP].text in data["text/plain"]


def test_an_own_function_is_drawn_in_another_colour_and_named():
    own = trellis_explorer("ab", lambda log_probs, target: forward_mass(log_probs, target).tolist())
    library = trellis_explorer("ab")
    assert "your own function" in own.summary.value and "the library" in library.summary.value
    assert GREEN in own.picture.drawing and GREEN not in library.picture.drawing
    assert own.picture.drawing.count("figure") == library.picture.drawing.count("figure")


def test_the_static_figure_shows_the_finished_trellis(explorer):
    data, _ = explorer.still_bundle()
    assert "The trellis of 'ab' in 4 frames" in data["text/plain"] and "0.71 nats" in data["text/plain"]
    picture = Image.open(io.BytesIO(explorer.still().png)).convert("RGBA")
    trellis = explorer._view.trellis
    assert picture.size == (trellis.width, trellis.height)
    x, y = trellis._centre(0, 0)
    red, green, blue, alpha = picture.getpixel((int(x), int(y) - 14))  # in the cell, above its number
    assert alpha == 255 and blue > green > red, (BLUE, red, green, blue)


def test_an_unknown_text_is_refused():
    with pytest.raises(UserError, match="there is no example 'xyz': choose one of ab, aa, bee, hello"):
        trellis_explorer("xyz")


def test_a_cell_that_no_beginning_reaches_is_left_out():
    log_probs, target = short_log_probs("ab"), VOCABULARY.encode("ab")
    cells = cells_of(log_probs, forward_mass(log_probs, target), target)
    assert [(cell.frame, cell.state) for cell in cells if cell.frame < 2] == [
        *((0, s) for s in (0, 1)),
        *((1, s) for s in (0, 1, 2, 3)),
    ]
