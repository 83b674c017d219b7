"""The file of the pretrained encoder's transcripts: complete, equal to the checkpoint's, errors reported."""

from pathlib import Path

import numpy as np
import pytest
import torch

from omni_lib.course import error_figures
from omni_lib.course.hypotheses import HYPOTHESES, DecodedUtterance, GroupRate, hypotheses, rates_by, write
from omni_lib.course.materials import CLIPS, PRETRAINED
from omni_lib.errors import UserError
from omni_lib.manifest import read_manifest
from omni_lib.metrics import bootstrap_interval, character_errors, total, word_errors


def test_it_holds_dev_and_test_and_agrees_with_the_checkpoint():
    rows = hypotheses()
    assert [row.split for row in rows] == ["dev"] * 100 + ["test"] * 200
    assert len({row.name for row in rows}) == 300
    assert not {row.speaker for row in hypotheses("dev")} & {row.speaker for row in hypotheses("test")}
    metrics = torch.load(PRETRAINED, weights_only=True)["metrics"]
    test = hypotheses("test")
    words = total([word_errors(row.reference, row.hypothesis) for row in test])
    characters = total([character_errors(row.reference, row.hypothesis) for row in test])
    assert words.reference == metrics["words"]
    assert words.rate == pytest.approx(metrics["wer"]) and characters.rate == pytest.approx(metrics["cer"])


def test_each_decoder_knows_more_than_the_one_before_it_and_errs_less():
    rows = hypotheses()
    errors = [
        total([word_errors(row.reference, getattr(row, decoder)) for row in rows]).rate
        for decoder in ("hypothesis", "likeliest", "with_language_model")
    ]
    assert errors == sorted(errors, reverse=True) and errors[2] < errors[0] / 2


def test_the_clips_of_the_course_are_among_its_references():
    references = {(row.speaker, row.kind, row.reference) for row in hypotheses("test")}
    clips = [clip for clip in read_manifest(CLIPS).utterances if clip.split == "test"]
    assert clips and all((clip.speaker, clip.kind, clip.text) in references for clip in clips)


def test_what_is_written_is_read_again(tmp_path):
    rows = [
        DecodedUtterance(
            "one", "dev", "anna", "en-us", "free", "hello world", "helo world", "helo world", "hello world"
        )
    ]
    write(rows, tmp_path / "h.json")
    assert hypotheses(path=tmp_path / "h.json") == rows
    assert [file.name for file in tmp_path.iterdir()] == ["h.json"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"utterances": [{"name": "one"}]}', '{"utterances": 3}'])
def test_a_damaged_file_is_named(tmp_path, damage):
    (tmp_path / "h.json").write_text(damage)
    with pytest.raises(UserError, match=r"h\.json is damaged.*omni_lib\.course\.hypotheses"):
        hypotheses(path=tmp_path / "h.json")


def test_a_missing_file_and_an_unknown_split_are_named():
    with pytest.raises(UserError, match="cannot be read"):
        hypotheses(path=Path("nowhere") / "h.json")
    with pytest.raises(UserError, match=r"no utterance of split 'train' \(it has: dev, test\)"):
        hypotheses("train", HYPOTHESES)


def test_the_figures_of_error_rates_have_a_bar_for_each_group_and_an_outline_for_each_bootstrap():
    free, date = GroupRate(0.2, 0.1, 0.4, 5, 2), GroupRate(0.1, 0.05, 0.15, 5, 2)
    figure = error_figures.rates_by_group(
        {"kind": {"free": free, "date": date}, "accent": {"en": date}}, 0.15
    )
    first, second = figure.axes
    assert [bar.get_width() for bar in first.patches] == [10.0, 20.0] and len(second.patches) == 1
    (intervals,) = (lines for lines in first.collections if len(lines.get_segments()) == 2)
    ends = np.array([segment[:, 0] for segment in intervals.get_segments()])
    assert np.allclose(ends, [[5, 15], [10, 40]])
    assert first.get_xlabel() == "word error rate (%)" and first.get_title() == "by kind"
    (axes,) = error_figures.resampled_rates({"a": [0.1, 0.2], "b": [0.1, 0.3]}, 0.15).axes
    first, second = axes.patches
    assert first.get_xy()[:, 0].tolist() == second.get_xy()[:, 0].tolist(), "both have the same bins"
    assert axes.get_ylabel() == "number of resamples" and {
        text.get_text() for text in axes.get_legend().get_texts()
    } == {"a", "b", "measured"}


def test_each_group_has_its_rate_its_interval_and_its_size():
    rows = hypotheses("test")
    counts = [word_errors(row.reference, row.hypothesis) for row in rows]
    accents = rates_by("accent", rows, counts)
    mine = [(row, count) for row, count in zip(rows, counts, strict=True) if row.accent == "en-us"]
    found = accents["en-us"]
    assert found.utterances == len(mine) and found.speakers == len({row.speaker for row, _ in mine}) > 1
    assert found.rate == total([count for _, count in mine]).rate
    assert (found.low, found.high) == bootstrap_interval(
        [count for _, count in mine], [row.speaker for row, _ in mine]
    )
    assert sum(each.utterances for each in accents.values()) == len(rows)
    for voice in rates_by("speaker", rows, counts).values():
        assert voice.speakers == 1
        if voice.rate:
            assert voice.low < voice.rate < voice.high
        else:  # every resample of a voice without errors is without errors
            assert voice.low == voice.high == 0
