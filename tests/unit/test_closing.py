"""The closing page: what exists of the learner's is on it, and what does not exist is named."""

import os
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from omni_lib.course import closing, materials
from omni_lib.course.closing import AN4_TEST, closing_page, latest_run
from omni_lib.course.own_recogniser import Part, Parts
from omni_lib.course.recordings import add_recording, recognise
from omni_lib.errors import UserError
from omni_lib.machine.clone import ROOT

LOG = ROOT / "data" / "lessons" / "logs" / "healthy.json"


@pytest.fixture(autouse=True)
def my_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("OMNI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(closing, "bases", lambda: (tmp_path, tmp_path))


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "checkpoints" / "mine"
    folder.mkdir(parents=True)
    shutil.copy(LOG, folder / "training_log.json")
    return folder


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    recogniser, config = materials.pretrained()
    clip = materials.clips()["hello"]
    waveform = closing.read_audio(clip.path)
    add_recording(waveform, clip.text, recognise(waveform, recogniser, config), folder)
    return folder


def test_what_is_missing_is_named_with_its_lesson(tmp_path):
    page = closing_page(recordings=tmp_path)._repr_html_()
    assert "no training of yours yet. Lesson 05" in page and "no recording of yours yet" in page
    assert re.search(r"0 of \d+ parts are yours", page)
    assert "NeMo, tiny transducer 10–12%" in page, "in the description of the figure"


def test_the_page_has_board_parts_curve_and_voice(run, recordings):
    parts = Parts((Part("03.collapse", "collapsing of paths", "def collapse(path): ..."),))
    page = closing_page(checkpoint=materials.PRETRAINED, recordings=recordings, parts=parts)
    headings = [heading for heading, _ in page.sections]
    assert headings[0] == "What I have answered" and len(headings) == 4
    body = page._repr_html_()
    assert "1 of 1 parts are yours" in body and "my run mine on its dev set" in body
    assert 'title="right: hello"' in body and "data:audio/wav;base64," in body
    assert "never on a person" in body


def test_it_is_one_file_that_needs_nothing_else(run, recordings, tmp_path):
    page = closing_page(checkpoint=materials.PRETRAINED, recordings=recordings)
    path = page.save(tmp_path / "page.html")
    text = path.read_text(encoding="utf-8")
    HTMLParser().feed(text)
    assert text.startswith("<!doctype html>") and 'charset="utf-8"' in text
    assert not re.findall(r'(?:src|href)="(?!data:)', text), "nothing is loaded from elsewhere"
    assert str(tmp_path) not in text and not list(tmp_path.glob("*.partial"))


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="cannot be written"):
        closing_page(recordings=tmp_path).save(tmp_path / "file" / "page.html")


def test_the_latest_run_is_found(run):
    found = latest_run()
    assert found.name == "mine" and found.final is not None and found.checkpoint is None
    (run / "audio_enc_step_5.pt").touch()
    assert latest_run().checkpoint.name == "audio_enc_step_5.pt"
    (run / "audio_enc_step_10.pt").touch()
    os.utime(run / "audio_enc_step_10.pt", (0, 0))  # a copy of the folder may have any times
    assert latest_run().checkpoint.name == "audio_enc_step_10.pt"
    curve = closing.curve_and_figures(found).axes[0]
    epochs = [entry for entry in found.entries if entry["type"] == "epoch"]
    assert list(curve.lines[0].get_ydata()) == pytest.approx([100 * entry["dev_wer"] for entry in epochs])


@pytest.mark.parametrize(
    ("data", "panels"),
    [
        ("an4/asr.csv", [True, False]),
        ("audio/asr.csv", [False, True]),
        ("voice/asr.csv", [False, False, True]),
    ],
)
def test_a_run_is_drawn_beside_figures_of_its_own_corpus(run, data, panels):
    found = replace(latest_run(), data=data)
    axes = closing.curve_and_figures(found).axes[1:]
    names = [[text.get_text() for text in each.get_yticklabels()] for each in axes]
    assert ["my run, on dev" in each for each in names] == panels
    assert data in axes[-1].get_title("right") or not panels[2:]
    mine = axes[panels.index(True)]
    assert mine.get_xlim()[1] > 100 * found.final, "its mark lies inside the axes"


def test_a_run_in_its_first_epoch_has_no_curve_yet(run):
    found = replace(latest_run(), entries=[])
    assert closing.curve_and_figures(found).axes[0].texts[0].get_text() == "no epoch is complete yet"
    assert "No epoch of my run mine is complete yet" in closing._training_section(found)


def test_a_run_without_a_log_is_refused(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        closing_page(run=tmp_path)


def test_the_published_figures_are_those_of_the_readme():
    table = (ROOT / "README.md").read_text(encoding="utf-8").split("## Results")[1].split("\n## ")[0]
    for each in closing.PUBLISHED:
        short = {"omni train, ": "configs/"}.get(each.name[:12], "") + each.name.removeprefix("omni train, ")
        if each.test_set == AN4_TEST and not each.name.startswith("omni"):
            assert f"{each.name.split(',')[0].split()[0]} {closing._percent(each)}" in table
        else:
            row = next(line for line in table.splitlines() if f"{short}`" in line)
            assert f"| {closing._percent(each)} (" in row
