"""Lesson 03: a learner's forward recursion gives torch's loss and torch's gradient; the lesson's figures."""

import math
from itertools import combinations, product

import pytest
import torch
from matplotlib.text import Annotation

from omni_lib.course import ctc_figures, prefix_figure, trellis
from omni_lib.course.exercises.progress import Progress
from omni_lib.course.lessons import ctc_alignment as lesson
from omni_lib.course.lessons.ctc_alignment import decoding_judge as decoding
from omni_lib.course.lessons.ctc_alignment import solutions, viterbi_slips
from omni_lib.course.lessons.ctc_alignment.decoding_slips import SLIPS, Rules
from omni_lib.ctc import ctc_loss
from omni_lib.text import Vocabulary

TEXTS = ("hello", "the cat", "aa", "")


def batch(dtype=torch.float32):
    torch.manual_seed(0)
    logits = torch.randn(len(TEXTS), 12, 29, dtype=dtype, requires_grad=True)
    return logits, torch.tensor([12, 9, 5, 3]), [Vocabulary().encode(text) for text in TEXTS]


def test_loss_and_gradient_of_a_forward_recursion_equal_those_of_torch():
    mine = lesson.forward_recursion.plug_in.adapt(solutions.forward_recursion)
    found = []
    for loss in (ctc_loss, mine):
        logits, lengths, targets = batch(torch.float64)
        losses = loss(logits.log_softmax(dim=-1), lengths, targets)
        (losses * torch.tensor([1.0, 2.0, 0.5, 1.0])).sum().backward()
        found.append((losses.detach(), logits.grad))
    torch.testing.assert_close(found[1], found[0])


def test_an_answer_of_arrays_or_lists_can_be_plugged_in_too():
    logits, lengths, targets = batch()
    expected = ctc_loss(logits.log_softmax(dim=-1), lengths, targets)
    mine = lesson.forward_recursion.plug_in.adapt(
        lambda *arguments: solutions.forward_recursion(*arguments).tolist()
    )
    torch.testing.assert_close(mine(logits.log_softmax(dim=-1), lengths, targets), expected)


def test_an_empty_batch_has_no_loss_and_an_infeasible_text_has_an_infinite_one():
    mine = lesson.forward_recursion.plug_in.adapt(solutions.forward_recursion)
    logits, lengths, _ = batch()
    assert mine(logits[:0], lengths[:0], []).shape == (0,)
    assert mine(
        logits[:1].log_softmax(dim=-1), torch.tensor([5]), [Vocabulary().encode("hello")]
    ).item() == float("inf")


def test_a_recursion_that_needs_a_letter_trains_on_clips_without_speech_too():
    def needs_a_letter(log_probs, target):
        assert target, "the exercise promises at least one letter"
        return solutions.forward_recursion(log_probs, target)

    mine = lesson.forward_recursion.plug_in.adapt(needs_a_letter)
    found = []
    for loss in (ctc_loss, mine):
        logits, lengths, targets = batch(torch.float64)
        losses = loss(logits.log_softmax(dim=-1), lengths, targets)
        losses.sum().backward()
        found.append((losses.detach(), logits.grad))
    torch.testing.assert_close(found[1], found[0])


@pytest.mark.parametrize("text", ["hi", "a bee"])
def test_the_figures_are_labelled_with_letters_and_units(text):
    torch.manual_seed(0)
    log_probs, target = torch.randn(20, 29).log_softmax(dim=-1), Vocabulary().encode(text)
    gamma = trellis.occupancy(log_probs, target)
    cells, second, _ = ctc_figures.occupancy_maps({"one": gamma, "two": gamma}, target, 0.04).axes
    assert [label.get_text() for label in cells.get_yticklabels()] == list(text.replace(" ", "␣"))
    assert (cells.get_title(), second.get_title(), cells.get_xlabel()) == ("one", "two", "time (s)")


def test_the_strips_of_posteriors_are_as_opaque_as_the_symbols_are_probable():
    log_probs = torch.full((4, 29), 1e-4)
    for frame, symbol in enumerate(trellis.read_path("_hii")):
        log_probs[frame, symbol] = 0.9
    (axes,) = ctc_figures.posterior_strips(log_probs.log(), 0.04, "hi").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["blank", "h", "i"]
    assert [label.get_text() for label in axes.texts] == ["h", "i"] and axes.get_xlabel() == "time (s)"
    opacity = axes.images[0].get_array()[..., 3]
    assert (opacity > 0.5).tolist() == [
        [True, False, False, False],
        [False, True, False, False],
        [False, False, True, True],
    ]


@pytest.mark.parametrize("text", ["ab", "aa", "bee"])
def test_the_gradient_in_the_figure_is_that_of_autograd(text):
    log_probs, target = trellis.short_log_probs(text), Vocabulary().encode(text)
    symbols = [0, *sorted(set(target))]
    logits = log_probs.clamp_min(-1e4).requires_grad_()
    lengths = torch.tensor([len(logits)])
    ctc_loss(logits.log_softmax(dim=-1)[None], lengths, [target]).sum().backward()
    panels = ctc_figures.softmax_minus_occupancy(log_probs, target).axes
    softmax, gradient = log_probs.exp()[:, symbols].T, logits.grad[:, symbols].T
    for axes, values in zip(panels, (softmax, softmax - gradient, gradient), strict=True):
        written = [float(cell.get_text().replace("−", "-")) for cell in axes.texts]
        assert written == pytest.approx(values.flatten().tolist(), abs=0.0051)
        assert axes.get_xlabel() == "frame"
    assert all(cell.get_text()[0] in "+−" for cell in panels[2].texts), "colour is not the only difference"
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["blank", *sorted(set(text))]


def test_the_prefixes_in_the_figure_have_the_probabilities_of_the_loss_and_of_the_search():
    shares = {"_": 0.5, "a": 0.3, "b": 0.2}
    symbols = trellis.read_path("_ab")
    for count, sums in enumerate(prefix_figure.prefix_sums(shares, 3)):
        assert sorted(path for paths, _ in sums.values() for path in paths) == sorted(
            map("".join, product(shares, repeat=count))
        )
        assert sum(share for _, share in sums.values()) == pytest.approx(1)
        if count:
            log_probs = torch.full((count, 29), -1e4)
            log_probs[:, symbols] = torch.tensor(list(shares.values())).log()
            totals = {
                prefix: sum(sums.get((prefix, blank), ([], 0.0))[1] for blank in (True, False))
                for prefix, _ in sums
            }
            for prefix, share in totals.items():
                loss = ctc_loss(log_probs[None], torch.tensor([count]), [Vocabulary().encode(prefix)])
                assert loss.neg().exp().item() == pytest.approx(share, rel=1e-4)
            text, score = solutions.prefix_search(log_probs, 100)
            assert math.exp(score) == pytest.approx(max(totals.values()), rel=1e-4)
            assert totals[Vocabulary().decode(text)] == pytest.approx(math.exp(score), rel=1e-4)


def test_arrows_between_prefixes_add_up_to_the_numbers_in_the_boxes():
    shares = {"_": 0.6, "a": 0.4}
    (axes,) = prefix_figure.prefix_tree(shares, 3).axes
    words = [text.get_text() for text in axes.texts]
    assert [word for word in words if word.startswith("after")] == [
        "after 0 frames",
        "after 1 frame",
        "after 2 frames",
        "after 3 frames",
    ]
    for word in ("0.36", "0.24", "0.40", "0.64", "_a aa", "0.384", "0.304", "0.688", "0.096", "a_a"):
        assert word in words, "the numbers of the table in the lesson, and of the frame after it"
    names = ["the next frame is a blank (0.6)", "the next frame is the letter a (0.4)"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == names
    of_line = {
        line.get_linestyle(): share
        for line, share in zip(axes.get_legend().get_lines(), shares.values(), strict=True)
    }
    assert len(of_line) == 2, "colour is not the only difference"

    numbers = {}  # of each row, by its height and the left edge of its box
    for text in axes.texts:
        if text.get_text().startswith("ends in"):
            left, height = text.get_position()
            share = next(
                float(other.get_text())
                for other in axes.texts
                if other.get_position()[1] == height and 0 < other.get_position()[0] - left < 1.2
            )
            numbers[round(left - 0.08, 3), round(height, 3)] = share
    reached = dict.fromkeys(numbers, 0.0)
    reached[min(numbers)] = 1.0
    for arrow in axes.texts:
        if isinstance(arrow, Annotation):
            (x, y), (left, height) = arrow.xyann, arrow.xy
            start = max(place for place in numbers if place[0] < x and place[1] == round(y, 3))
            share = of_line[arrow.arrow_patch.get_linestyle()]
            reached[round(left, 3), round(height, 3)] += numbers[start] * share
    assert reached == pytest.approx(numbers)


def test_a_right_forward_recursion_may_be_drawn_and_no_other():
    tries = Progress.mine().entry("03.forward_recursion")
    assert lesson.once_right(solutions.forward_recursion) is solutions.forward_recursion
    for other in (lambda log_probs, target: ..., lambda log_probs, target: log_probs, ...):
        assert lesson.once_right(other) is None
    assert Progress.mine().entry("03.forward_recursion") == tries


def test_each_mistake_in_a_prefix_search_can_be_told_from_every_other():
    searches = [Rules().search, *(slip for slip, _ in SLIPS)]
    found = [[search(*given) for given in decoding.TELLING] for search in searches]
    assert found[0] == [solutions.prefix_search(*given) for given in decoding.TELLING]
    for one, other in combinations(found, 2):
        assert any(
            text != another or abs(score - its) > 1e-3
            for (text, score), (another, its) in zip(one, other, strict=True)
        )


def test_each_mistake_in_a_forced_alignment_can_be_told_from_every_other():
    rules = [viterbi_slips.Rules(), *(rules for rules, _ in viterbi_slips.SLIPS)]
    found = [[each.path(*given) for given in viterbi_slips.TELLING] for each in rules]
    assert found[0] == [solutions.viterbi_path(*given) for given in viterbi_slips.TELLING]
    assert all(one != other for one, other in combinations(found, 2))


@pytest.mark.parametrize("seed", range(12))
def test_the_likeliest_of_all_texts_is_far_enough_from_the_second(seed):
    """An answer in single precision, or one that adds in another order, finds the same text."""
    log_probs = decoding.short_posteriors(5, seed)
    text, score = decoding.likeliest_text(log_probs)
    assert solutions.prefix_search(log_probs.float(), decoding.ALL)[0] == text
    assert solutions.prefix_search(log_probs, decoding.ALL)[1] == pytest.approx(score)


def test_a_prefix_search_that_stops_with_an_error_is_told_why():
    verdict = lesson.prefix_search.reply_to(lambda log_probs, beam: 1 / 0)
    assert "raises ZeroDivisionError" in verdict.message and "empty prefix" not in verdict.message
