"""The file of lesson 06's trainings on more and more utterances: complete, and alike in all else."""

import shutil

import pytest

from omni_lib.course import more_speech as module
from omni_lib.course.materials import PRETRAINED, VOICE, clips
from omni_lib.course.more_speech import MORE_SPEECH, error_curve, main, measured, more_speech, write
from omni_lib.errors import UserError
from omni_lib.runs.log import read_log
from omni_lib.weights import load_checkpoint


def test_four_trainings_take_equally_many_steps_on_more_and_more_utterances():
    runs = more_speech()
    assert [(run.utterances, run.epochs) for run in runs] == [(250, 80), (1000, 20), (4000, 5), (20_000, 1)]
    assert all(2500 <= run.steps <= 2560 for run in runs)
    assert len({run.seed for run in runs}) == 1
    assert all(0 <= run.low < run.wer < run.high for run in runs)


def test_what_is_written_is_read_again_and_damage_is_named(tmp_path):
    write(more_speech(), tmp_path / "m.json")
    assert (tmp_path / "m.json").read_bytes() == MORE_SPEECH.read_bytes()
    for damage in ("", "[]", '{"runs": [{"utterances": 1}]}'):
        (tmp_path / "m.json").write_text(damage)
        with pytest.raises(UserError, match=r"m\.json is damaged"):
            more_speech(tmp_path / "m.json")
    with pytest.raises(UserError, match="cannot be read"):
        more_speech(tmp_path / "nowhere.json")


def test_the_figure_names_each_number_of_utterances_and_how_often_they_were_heard():
    axes = error_curve(more_speech()).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "250\n(80 ×)",
        "1,000\n(20 ×)",
        "4,000\n(5 ×)",
        "20,000\n(1 ×)",
    ]
    assert axes.get_xscale() == "log" and "%" in axes.get_ylabel()


def test_a_checkpoint_is_measured_with_its_log_and_manifest(trained, monkeypatch):
    monkeypatch.setattr(module, "test_utterances", lambda: [clips()["hello"], clips()["digits"]])
    checkpoint = trained[0].checkpoint
    run = measured(checkpoint)
    log = read_log(checkpoint.parent / "training_log.json")["entries"]
    assert run.training_wer == round([each for each in log if each["type"] == "step"][-1]["wer"], 4)
    assert run.steps == load_checkpoint(checkpoint)["step"] and run.utterances > 0
    assert run.wer > 0.5  # tones are not speech


def test_trainings_that_cannot_be_compared_are_refused(capsys, tmp_path):
    before = MORE_SPEECH.read_bytes()
    assert main([]) == 2
    assert "name the checkpoints" in capsys.readouterr().err
    assert main([str(PRETRAINED), str(VOICE)]) == 2
    assert "differ in more than their speech" in capsys.readouterr().err
    shutil.copy(PRETRAINED, tmp_path)  # without its log
    assert main([str(tmp_path / PRETRAINED.name)]) == 2
    assert "training_log.json" in capsys.readouterr().err
    assert MORE_SPEECH.read_bytes() == before
