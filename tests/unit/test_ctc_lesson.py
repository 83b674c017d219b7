"""Lesson 03: a learner's forward recursion gives torch's loss and torch's gradient; the lesson's figures."""

import pytest
import torch

from omni_lib.alignment import best_path, word_times
from omni_lib.audio import LogMel, read_audio
from omni_lib.course import ctc_figures, materials, trellis
from omni_lib.course.lessons import ctc_alignment as lesson
from omni_lib.course.lessons import ctc_alignment_solutions as solutions
from omni_lib.ctc import ctc_loss
from omni_lib.recogniser import load_recogniser
from omni_lib.text import Vocabulary
from omni_lib.training.diagnosis import posteriors

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


@pytest.mark.parametrize("text", ["hi", "a bee"])
def test_the_figures_are_labelled_with_letters_words_and_units(text):
    torch.manual_seed(0)
    log_probs, target = torch.randn(20, 29).log_softmax(dim=-1), Vocabulary().encode(text)
    path = best_path(log_probs, target)
    (curves,) = ctc_figures.posterior_curves(log_probs, 0.04, text).axes
    assert curves.get_xlabel() == "time (s)" and len(curves.lines) == len(set(text))
    cells, _ = ctc_figures.occupancy_map(trellis.occupancy(log_probs, target), target, 0.04).axes
    assert [label.get_text() for label in cells.get_yticklabels()] == list(text.replace(" ", "␣"))
    words = word_times(path, Vocabulary(), 0.04)
    spectrogram, _ = ctc_figures.words_over_spectrogram(torch.randn(80, 128), words, path, 0.04).axes
    written = [label.get_text() for label in spectrogram.texts]
    assert written == [*text.split(), *text.replace(" ", "␣")] and spectrogram.get_ylabel() == "mel filter"


def test_plain_ctc_has_narrow_peaks_and_the_encoder_of_the_course_has_not():
    """Lesson 03 shows this difference between its two heads."""
    blanks, peaks = [], []
    for recogniser in (materials.plain_ctc(), materials.pretrained()[0]):
        mel = LogMel()(read_audio(materials.clips()["command"].path))
        with torch.inference_mode():
            found = posteriors(*recogniser(mel[None], torch.tensor([len(mel)])))
        blanks.append(found.blank_rate)
        peaks.append(found.peakiness)
    assert load_recogniser(materials.VOICE)[1].alignment_entropy == 0
    assert materials.pretrained()[1].alignment_entropy > 0
    assert peaks[0] > 0.5 > peaks[1] and blanks[0] > blanks[1]
