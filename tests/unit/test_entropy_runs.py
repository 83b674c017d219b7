"""The file of lesson 03's two trainings: complete, alike in all but the weight, and what the lesson says."""

import itertools

import pytest

from omni_lib.course import entropy_runs as module
from omni_lib.course.entropy_runs import CLIP, ENTROPY_RUNS, entropy_runs, main, write
from omni_lib.course.hypotheses import hypotheses
from omni_lib.course.materials import PRETRAINED, VOICE, clips
from omni_lib.errors import UserError
from omni_lib.metrics import total


def test_two_trainings_of_the_test_set_differ_in_the_weight_alone():
    plain, with_bonus = entropy_runs()
    assert (plain.weight, with_bonus.weight) == (0, 0.6)
    assert (plain.steps, plain.seed) == (with_bonus.steps, with_bonus.seed)
    assert plain.posteriors.frames == with_bonus.posteriors.frames > 30_000
    assert set(plain.texts) == set(with_bonus.texts) == {row.name for row in hypotheses("test")}


def test_the_bonus_makes_fewer_peaks_and_fewer_errors_as_the_lesson_says():
    plain, with_bonus = entropy_runs()
    assert (plain.steps, f"{plain.posteriors.peakiness:.0%}") == (2000, "64%")
    assert f"{with_bonus.posteriors.peakiness:.0%}" == "23%"
    assert plain.posteriors.blank_rate > with_bonus.posteriors.blank_rate
    rates = [total(run.word_errors()[0]).rate for run in (plain, with_bonus)]
    assert [f"{rate:.1%}" for rate in rates] == ["13.1%", "6.0%"]


@pytest.mark.parametrize("run", entropy_runs(), ids=["plain", "with_bonus"])
def test_the_posteriors_of_the_clip_are_probabilities_and_nearly_spell_its_text(run):
    assert run.log_probs.shape[1] == 29
    assert float((run.log_probs.exp().sum(dim=1) - 1).abs().max()) < 0.01
    runs = [symbol for symbol, _ in itertools.groupby(run.log_probs.argmax(dim=1).tolist()) if symbol]
    assert abs(len(runs) - len(clips()[CLIP].text)) <= 4


def test_what_is_written_is_read_again_and_damage_is_named(tmp_path):
    runs = entropy_runs()
    write(runs, tmp_path / "r.json")
    assert entropy_runs(tmp_path / "r.json") == runs
    assert (tmp_path / "r.json").read_bytes() == ENTROPY_RUNS.read_bytes()
    for damage in ("", "[]", '{"runs": [{"weight": 1}]}'):
        (tmp_path / "r.json").write_text(damage)
        with pytest.raises(UserError, match=r"r\.json is damaged"):
            entropy_runs(tmp_path / "r.json")
    with pytest.raises(UserError, match="cannot be read"):
        entropy_runs(tmp_path / "nowhere.json")


def test_a_checkpoint_is_measured_on_the_utterances_it_is_given(monkeypatch):
    monkeypatch.setattr(module, "test_utterances", lambda: [clips()["hello"], clips()["digits"]])
    run = module.measured(PRETRAINED)
    assert run.texts == {"digits": "one zero zero one zero four", "hello": "hello world"}
    assert run.posteriors.frames == 48 + 87 and run.weight == 0.6 and len(run.shares) == 84


def test_trainings_that_differ_in_more_than_the_weight_are_refused(capsys, tmp_path):
    before = ENTROPY_RUNS.read_bytes()
    assert main([str(PRETRAINED), str(VOICE)]) == 2
    assert "differ in more than alignment_entropy" in capsys.readouterr().err
    assert main([str(PRETRAINED), str(tmp_path / "none.pt")]) == 2
    assert ENTROPY_RUNS.read_bytes() == before
