"""The error explorer: the edits follow the texts, and an utterance can be chosen and played."""

import re

import numpy as np
import pytest
import soundfile

from omni_lib.course.widgets import error_explorer as module
from omni_lib.course.widgets.error_explorer import DECODERS, ORDERS, ErrorExplorer, error_explorer


@pytest.fixture(scope="module")
def shared() -> ErrorExplorer:
    return error_explorer()


@pytest.fixture
def explorer(shared) -> ErrorExplorer:
    shared.reference.value, shared.hypothesis.value = "the cat sat on the mat", "the big cat sit on mat"
    shared.utterance.value = None
    return shared


def signs(table: str) -> str:
    return "".join(re.findall(r"bold\">(.)</div>", table))


@pytest.mark.parametrize(
    ("reference", "hypothesis", "marks", "rate"),
    [
        ("the cat sat", "the cat sat", "===", "0.0%"),
        ("the cat sat", "the cat sit", "==S", "33.3%"),
        ("the cat sat", "the sat", "=D=", "33.3%"),
        ("the cat", "the big cat", "=I=", "50.0%"),
        ("cat", "the cat sat here", "I=II", "300.0%"),
        ("the cat", "", "DD", "100.0%"),
        ("", "the cat", "II", "not defined without a reference"),
        ("", "", "", "not defined without a reference"),
        ("The CAT, sat!", "the cat sat", "===", "0.0%"),
    ],
)
def test_edits_and_rates_follow_what_is_typed(explorer, reference, hypothesis, marks, rate):
    explorer.reference.value, explorer.hypothesis.value = reference, hypothesis
    assert signs(explorer.words.value) == marks
    assert f"Word error rate {rate}" in explorer.summary.value and f"<b>{rate}</b>" in explorer.rates.value


def test_characters_are_aligned_too(explorer):
    explorer.reference.value, explorer.hypothesis.value = "cat", "cart"
    assert signs(explorer.characters.value) == "==I="
    assert "CER = " in explorer.rates.value and "<b>33.3%</b>" in explorer.rates.value
    assert (
        "Character error rate 33.3%: 0 substituted, 0 deleted, 1 inserted, of 3 characters"
        in explorer.summary.value
    )


def test_each_edit_has_a_sign_beside_its_colour(explorer):
    explorer.reference.value, explorer.hypothesis.value = "a b c", "a x c d"
    for words in ("right: a", "substitution: b became x", "insertion: d"):
        assert f'aria-label="{words}"' in explorer.words.value
    assert {"S", "I", "="} == set(signs(explorer.words.value))


@pytest.mark.parametrize("box", ["reference", "hypothesis"])
def test_a_text_that_cannot_be_compared_is_explained_in_one_line(explorer, box):
    before = explorer.words.value
    getattr(explorer, box).value = "route 7"
    assert (
        f"⚠ {box}: the text holds &#x27;7&#x27;" in explorer.summary.value and explorer.words.value == before
    )
    getattr(explorer, box).value = "a" * 401
    assert f"⚠ the {box} has 401 characters" in explorer.summary.value


def test_utterances_are_sorted_by_their_error_rate(explorer):
    def rates() -> list[int]:
        return [int(label.split("%")[0]) for label, _ in explorer.utterance.options]

    explorer.order.value = ORDERS["worst first"]
    assert rates() == sorted(rates(), reverse=True) and rates()[0] > 0
    explorer.order.value = ORDERS["best first"]
    assert rates() == sorted(rates())
    assert len(rates()) == len(explorer.rows) and "Word error rate" in explorer.total.value
    explorer.order.value = ORDERS["worst first"]


def test_a_chosen_utterance_is_shown(explorer):
    name = explorer.utterance.options[0][1]
    explorer.utterance.value = name
    row = next(row for row in explorer.rows if row.name == name)
    assert (explorer.reference.value, explorer.hypothesis.value) == (row.reference, row.hypothesis)
    assert set(signs(explorer.words.value)) - {"="}


def test_its_sound_comes_from_the_corpus_or_a_line_explains_how_to_make_it(explorer, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "CORPUS", tmp_path / "asr.csv")
    names = [name for _, name in explorer.utterance.options[:2]]
    explorer.utterance.value = names[0]
    assert (
        "⚠" in explorer.summary.value
        and "omni data synth" in explorer.summary.value
        and not explorer.player.sound
    )
    (tmp_path / "wav").mkdir()
    soundfile.write(tmp_path / "wav" / f"{names[1]}.wav", np.zeros(16_000), 16_000)
    explorer.utterance.value = names[1]
    assert (
        "⚠" not in explorer.summary.value
        and explorer.player.sound
        and explorer.player.sound_label == names[1]
    )


def test_another_decoder_has_other_errors(explorer):
    assert "100 utterances" in explorer.total.value
    totals = {explorer.total.value}
    for label, attribute in list(DECODERS.items())[1:]:
        explorer.decoder.value = DECODERS[label]
        totals.add(explorer.total.value)
        name = explorer.utterance.options[0][1]
        explorer.utterance.value = name
        row = next(row for row in explorer.rows if row.name == name)
        assert explorer.hypothesis.value == getattr(row, attribute)
    assert len(totals) == len(DECODERS)
    explorer.decoder.value = DECODERS["greedy"]


def test_the_chosen_utterance_stays_chosen(explorer):
    name = explorer.utterance.options[3][1]
    explorer.utterance.value = name
    row = next(row for row in explorer.rows if row.name == name)
    explorer.order.value = ORDERS["best first"]
    assert (explorer.utterance.value, explorer.reference.value) == (name, row.reference)
    explorer.decoder.value = "with_language_model"
    assert (explorer.utterance.value, explorer.hypothesis.value) == (name, row.with_language_model)
    explorer.hypothesis.value = "what I wrote"
    explorer.order.value = ORDERS["worst first"]
    assert explorer.hypothesis.value == "what I wrote", "another order changes no text"
    explorer.decoder.value = DECODERS["greedy"]


def test_the_static_figure_is_the_alignment(explorer):
    data, _ = explorer.still_bundle()
    assert (
        "hypothesis 'the big cat sit on mat'. Word error rate 50.0%" in data["text/plain"]
        and data["image/png"]
    )
