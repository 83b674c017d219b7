"""The diagnosis of a run: the sums over the posteriors of a batch, and when a warning is given."""

import math

import pytest
import torch

from omni_lib.config import Config
from omni_lib.course.experiments import log_of
from omni_lib.text import BLANK, Vocabulary
from omni_lib.training.diagnosis import Posteriors, diagnose, posteriors
from omni_lib.training.outlook import never_reached

VOCABULARY = Vocabulary()


def certain(*paths: str) -> tuple[torch.Tensor, torch.Tensor]:
    """log_probs with these most probable paths (_ for blank), padded with the letter z, and lengths."""
    longest = max(map(len, paths))
    indices = [
        [BLANK if c == "_" else VOCABULARY.encode(c)[0] for c in path.ljust(longest, "z")] for path in paths
    ]
    logits = 50.0 * torch.nn.functional.one_hot(torch.tensor(indices, dtype=torch.long), 29)
    return logits.log_softmax(-1), torch.tensor([len(path) for path in paths])


def entries(*blank_rates: float, loss=lambda index: 50.0) -> list[dict]:
    return [
        {"step": 100 * (i + 1), "epoch": i + 1, "ctc_loss": loss(i), "blank_rate": rate, "entropy": 0.4}
        for i, rate in enumerate(blank_rates)
    ]


def test_settings_for_steps_behind_the_end_are_noted():
    late = Config(warmup_steps=100, spec_augment=True, spec_augment_from_epoch=30, learning_rate=0.0)
    notes = "; ".join(never_reached(late, 100))
    for words in ("lower warmup_steps", "nothing is masked", "nothing is learned"):
        assert words in notes
    assert not never_reached(Config(warmup_steps=99, spec_augment=True), 100)


def test_counts_stop_at_the_end_of_each_utterance():
    counted = posteriors(*certain("____", "ab"))
    assert counted.frames == 6
    assert counted.blank_rate == pytest.approx(4 / 6)
    assert (counted.letters, counted.single_frame_letters) == (2, 2)
    assert counted.entropy == pytest.approx(0, abs=1e-6)


def test_peakiness_is_the_share_of_letters_of_one_frame():
    assert posteriors(*certain("aa_b_cc_d")).peakiness == pytest.approx(0.5)


def test_uniform_probabilities_have_the_entropy_of_all_symbols():
    log_probs = torch.zeros(2, 5, 29).log_softmax(-1)
    assert posteriors(log_probs, torch.tensor([5, 3])).entropy == pytest.approx(math.log(29), rel=1e-5)


def test_the_sums_of_batches_are_those_of_the_whole():
    left, right = posteriors(*certain("a_b_")), posteriors(*certain("cc", "___"))
    both = left + right
    assert both.frames == 9
    assert both.blank_rate == pytest.approx(5 / 9)
    assert both.peakiness == pytest.approx(2 / 3)


def test_no_frames_give_zeros():
    nothing = posteriors(torch.zeros(1, 0, 29), torch.tensor([0]))
    assert nothing == Posteriors()
    assert (nothing.blank_rate, nothing.peakiness, nothing.entropy) == (0, 0, 0)


def test_the_first_epochs_on_the_plateau_are_usual():
    assert diagnose([]) is None
    assert diagnose(entries(0.99, 0.99)) is None


def test_a_plateau_that_lasts_is_named_with_its_remedy():
    message = diagnose(entries(0.99, 0.99, 0.99))
    assert "blank plateau" in message
    assert "99% of the frames" in message
    assert "learning_rate" in message and "spec_augment_from_epoch" in message


def test_random_weights_that_have_yet_to_reach_the_plateau_do_not_hide_it():
    message = diagnose(entries(0.85, 0.99, 0.99))
    assert "blank plateau: since the first epoch" in message  # not since the start: that would be false


def test_a_run_that_has_left_the_plateau_gets_no_warning():
    assert diagnose(entries(0.99, 0.99, 0.7, 0.6)) is None


def test_a_loss_that_diverges_is_named_with_the_step_of_its_lowest_value():
    message = diagnose(entries(0.7, 0.6, 0.6, loss=lambda index: [60.0, 20.0, 45.0][index]))
    assert "diverging" in message and "step 200" in message and "muon_rate" in message
    assert diagnose(entries(0.7, 0.6, 0.6, loss=lambda index: [60.0, 20.0, 25.0][index])) is None


def test_a_loss_near_zero_may_double():
    losses = [50.0, 5.0, 0.2, 0.4]  # the end of a long training that has learned its data by heart
    assert diagnose(entries(0.7, 0.6, 0.5, 0.5, loss=lambda index: losses[index])) is None


def test_long_clips_in_a_few_batches_are_not_divergence():
    losses = [
        317,
        157,
        242,
        226,
        279,
        231,
        217,
        182,
        194,
        276,
    ]  # of ten batches each, in a run on the plateau
    steps = [
        {"step": 10 * (i + 1), "epoch": 1, "ctc_loss": loss, "blank_rate": 0.9, "entropy": 1.9}
        for i, loss in enumerate(losses)
    ]
    assert [diagnose(steps[:count]) for count in range(1, len(steps) + 1)] == [None] * len(steps)


@pytest.mark.parametrize(
    ("name", "fragment"),
    [("healthy", None), ("log_1", "blank plateau"), ("log_2", "diverging"), ("log_3", None)],
)
def test_the_logs_of_the_course_are_diagnosed_as_lesson_05_says(name, fragment):
    steps = [entry for entry in log_of(name) if entry["type"] == "step"]
    said = [message for count in range(1, len(steps) + 1) if (message := diagnose(steps[:count]))]
    assert (fragment is None and said == []) or fragment in said[0]
