"""Probes: the least-squares fit, the examples of each clip, and scores that separate signal from noise."""

import pytest
import torch

from omni_lib.course import materials
from omni_lib.course.probe_questions import CATEGORIES, durations, embed_clips, letters, meanings, voices
from omni_lib.course.probing import SOURCES, ProbeExamples, ProbeScore, chance, fit, probe_figure, score
from omni_lib.encoder import AudioEncoder


@pytest.fixture(scope="module")
def heard():
    recogniser, config = materials.pretrained()
    torch.manual_seed(0)
    return recogniser, embed_clips(
        recogniser, AudioEncoder.from_config(config).eval(), list(materials.clips().values())
    )


def test_the_gradient_of_the_loss_is_zero_at_the_fit():
    generator = torch.Generator().manual_seed(0)
    x, targets = (
        torch.randn(30, 5, generator=generator).double(),
        torch.randn(30, 2, generator=generator).double(),
    )
    weights = fit(x, targets, penalty=0.7).requires_grad_()
    wide = torch.cat([x, torch.ones(30, 1).double()], dim=1)
    loss = (wide @ weights - targets).square().sum() + 0.7 * weights.square().sum()
    (gradient,) = torch.autograd.grad(loss, weights)
    assert gradient.abs().max() < 1e-9


def test_inputs_in_float16_are_fitted_in_float64():
    x = torch.randn(30, 5, generator=torch.Generator().manual_seed(0)).half()
    targets = (x.sum(dim=1, keepdim=True) > 0).half()
    found = fit(x, targets)
    assert found.dtype == torch.float64
    assert torch.equal(found, fit(x.double(), targets.double()))


def examples(signal: float, seconds: bool = False) -> ProbeExamples:
    generator = torch.Generator().manual_seed(1)
    truth = torch.randint(3, (400,), generator=generator)
    inputs = torch.randn(400, 6, generator=generator) + signal * torch.nn.functional.one_hot(truth, 6)
    names = [] if seconds else ["a", "b", "c"]
    return ProbeExamples(
        {"trained": inputs}, truth.float() if seconds else truth, torch.arange(400) // 4, names
    )


def test_a_probe_finds_a_signal_and_nothing_in_noise():
    assert score(examples(signal=8.0), "trained").value > 0.97
    assert abs(score(examples(signal=0.0), "trained").value - chance(examples(signal=0.0))) < 0.15
    assert score(examples(signal=8.0, seconds=True), "trained").value > 0.9
    assert score(examples(signal=0.0, seconds=True), "trained").value < 0.1


def test_no_clip_is_used_for_fitting_and_for_scoring():
    some = examples(0.0)
    out = some.held_out()
    assert set(some.units[out].tolist()).isdisjoint(some.units[~out].tolist())
    assert 0.25 < out.double().mean() < 0.35


def test_examples_of_real_clips(heard):
    recogniser, clips = heard
    assert len(clips) == len(materials.clips())
    for clip in clips:
        sizes = {len(inputs) for inputs in clip.inputs.values()}
        assert sizes == {len(clip.path) // clip.frames_per_embedding}
        said = recogniser.vocabulary.decode(
            [s for s, before in zip(clip.path, [0, *clip.path], strict=False) if s not in (0, before)]
        )
        assert said == clip.row.text
    asked = letters(clips, recogniser)
    assert set(asked.names) <= set(" abcdefghijklmnopqrstuvwxyz")
    thirds = [
        torch.tensor(clip.path[: len(clip.path) // 3 * 3]).unflatten(0, (-1, 3)) for clip in clips
    ]  # three frames an embedding
    alone = [embedding for path in thirds for embedding in path.tolist() if len(set(embedding) - {0}) == 1]
    assert len(asked.truth) == len(alone) > 50
    lasted = durations(clips, recogniser)
    assert len(lasted.truth) == sum(len(clip.row.text.split()) for clip in clips)
    assert 0 < lasted.truth.min() and lasted.truth.max() < 2
    number = lasted.inputs["number of letters"]
    assert number.sum() == sum(len(clip.row.text.replace(" ", "")) for clip in clips)
    assert lasted.inputs["which word"].sum(dim=1).eq(1).all()
    assert lasted.inputs["number + trained"].shape[1] == 1 + lasted.inputs["trained"].shape[1]
    told = voices(clips)
    assert len(told.names) == len(clips) and len(told.truth) == sum(
        len(clip.inputs["trained"]) for clip in clips
    )
    assert all(
        each.inputs[source].shape[0] == len(each.truth)
        for each in (asked, lasted, told)
        for source in SOURCES
    )


def test_the_figure_shows_every_score():
    low, high = ProbeScore(0.3, 0.2, 0.5), ProbeScore(0.9, 0.8, 0.95)
    below = ProbeScore(-0.6, -0.8, -0.5)
    figure = probe_figure(
        {"letters": {"log-mel": low, "trained": high}, "durations": {"log-mel": below, "which word": high}},
        {"letters": 0.2, "durations": 0},
    )
    widths = [bar.get_width() for axes in figure.axes for bar in axes.patches]
    assert widths == [0.9, 0.3, 0.9, -0.6]  # the first source is at the top
    labels = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert labels == ["which word", "log-mel"]
    assert figure.axes[1].get_xlim()[0] < -0.8
    assert str(below) == "-0.60 (-0.80 to -0.50)"


def test_the_interval_of_a_score_draws_whole_units():
    many = examples(signal=2.0)
    found = score(many, "trained")
    assert found.low < found.value < found.high < 1 and found.high - found.low < 0.2
    four = ProbeExamples(many.inputs, many.truth, many.units // 25, many.names)
    alone = score(four, "trained")
    assert alone.low == alone.value == alone.high, "a single held-out unit leaves nothing to draw"


def test_the_probe_of_meaning_is_scored_on_words_that_it_was_not_fitted_to(heard):
    recogniser, clips = heard
    found = meanings(clips, recogniser)
    text = " ".join(clip.row.text for clip in clips).split()
    assert "brother" in text and "cat" in text and set(found.names) <= set(CATEGORIES)
    people = found.names.index("people")
    assert int((found.truth == people).sum()) == sum(
        word in ("brother", "doctor", "mother", "father") for word in text
    )
    spelled = found.inputs["spelling"]
    assert {tuple(row.tolist()) for row in spelled[found.held_out()]}.isdisjoint(
        tuple(row.tolist()) for row in spelled[~found.held_out()]
    )
    assert all(len(inputs) == len(found.truth) for inputs in found.inputs.values())
