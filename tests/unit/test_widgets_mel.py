"""The mel explorer: text, picture and sound follow each control."""

import io

import numpy as np
import pytest
import soundfile

from omni_lib.course.spectra import Settings, mel_filters
from omni_lib.course.widgets.mel_explorer import MelExplorer, mel_explorer
from omni_lib.course.widgets.mel_pictures import triangles_of
from omni_lib.errors import UserError


@pytest.fixture(scope="module")
def shared() -> MelExplorer:
    return mel_explorer("hello")


@pytest.fixture
def explorer(shared) -> MelExplorer:
    shared.reset.click()
    shared.clip.value = "hello"
    shared.part.value = (0.0, shared.part.max)
    return shared


def seconds(wav: bytes) -> float:
    samples, rate = soundfile.read(io.BytesIO(wav))
    return len(samples) / rate


@pytest.mark.parametrize(
    ("control", "value", "words"),
    [
        ("window", 40, "131 frames × 128 filters"),
        ("hop", 5, "262 frames × 128 filters = 33,536 numbers"),
        ("n_fft", 400, "a bin every 40.0 Hz; 4 of the 128 filters contain none"),
        ("filters", 40, "131 frames × 40 filters = 5,240 numbers"),
        ("clip", "digits", "235 frames"),
        ("part", (0.2, 0.6), "131 frames"),
        ("hop", 30, "The hop is longer than the window"),
    ],
)
def test_each_control_changes_picture_and_words(explorer, control, value, words):
    before = explorer.picture.image
    getattr(explorer, control).value = value
    assert explorer.picture.image != before
    assert words in explorer.summary.value and words in explorer.picture.alt


def test_it_plays_what_it_shows(explorer):
    assert seconds(explorer.picture.sound) == pytest.approx(1.31, abs=0.005)
    explorer.part.value = (0.2, 0.6)
    assert seconds(explorer.picture.sound) == pytest.approx(0.4)
    assert (explorer.picture.sound_start, explorer.picture.axis_start, explorer.picture.axis_end) == (
        0.2,
        0.2,
        0.6,
    )
    explorer.clip.value = "digits"
    assert seconds(explorer.picture.sound) == pytest.approx(2.35, abs=0.01), (
        "another clip is shown from start to end"
    )


def test_a_window_longer_than_the_fft_is_explained_until_it_is_corrected(explorer):
    before = explorer.picture.image
    explorer.n_fft.value = 256
    assert (
        "⚠ a window of 25 ms has 400 samples, more than an FFT of 256 points: choose"
        in explorer.summary.value
    )
    assert explorer.picture.image == before
    assert explorer.picture.notice.startswith("⚠ a window of 25 ms"), "over the old picture, which is grey"
    explorer.remake.click()
    assert "⚠ choose an FFT at least as long" in explorer.summary.value
    explorer.window.value = 16
    assert "⚠" not in explorer.summary.value and explorer.picture.image != before
    assert explorer.picture.notice == ""


def test_a_handful_of_filters_is_drawn_and_empty_ones_are_marked(explorer):
    canvas = explorer._canvas
    assert len(canvas.filters.get_segments()) == 7 and not len(canvas.empty.get_segments())
    explorer.n_fft.value = 400
    empty = mel_filters(Settings(n_fft=400)).amax(dim=0) == 0
    assert list(canvas.marks.get_ydata()) == empty.nonzero().flatten().tolist()
    assert len(canvas.empty.get_segments()) == 4 and "(4 filters)" in canvas.said.get_text()


def test_the_triangles_are_those_of_the_filters():
    settings = Settings(n_fft=2**14, n_mels=40)
    bins = np.arange(settings.bins) * settings.bin_hertz / 1000
    filters = mel_filters(settings).T.numpy()
    for triangle, weights in zip(triangles_of(40), filters, strict=True):
        assert np.allclose(np.interp(bins, triangle[:, 1], triangle[:, 0], 0, 0), weights, atol=1e-3)


def test_a_part_that_is_too_short_is_explained_in_one_line(explorer):
    before = explorer.picture.image
    explorer.part.value = (0.5, 0.5)
    assert "⚠ show at least 0.05 s" in explorer.summary.value and explorer.picture.image == before
    explorer.part.value, explorer.n_fft.value = (0.5, 0.6), 4096
    assert "⚠" not in explorer.summary.value
    explorer.remake.click()
    assert "⚠ 100.0 ms of sound are too short for an FFT of 4096 points" in explorer.summary.value


def test_the_re_made_sound_plays_and_stays(explorer):
    assert not explorer.remade.sound
    explorer.part.value = (0.1, 0.7)
    explorer.remake.click()
    assert seconds(explorer.remade.sound) == pytest.approx(0.6) and explorer.remade.image
    assert explorer.remade.plays == 1
    assert "nats on average" in explorer.summary.value
    explorer.filters.value = 20
    assert explorer.remade.sound and explorer.remade.sound_label == (
        "re-made from 128 filters every 10 ms, 'hello'"
    )
    explorer.hop.value = 20
    explorer.remake.click()
    assert "⚠ windows of 25.0 ms every 20.0 ms" in explorer.summary.value


def test_the_static_figure_and_a_clip_that_does_not_exist(explorer):
    data, _ = explorer.still_bundle()
    assert "Mel explorer. Waveform, spectrogram" in data["text/plain"] and len(data["image/png"]) > 10_000
    with pytest.raises(UserError, match="no clip 'helo': choose one of hello, how"):
        mel_explorer("helo")
