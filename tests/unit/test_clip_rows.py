"""The rows of a clip and the table of what was said and written: their data, and their static pictures."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from PIL import Image

from omni_lib.course import clip_reading, materials
from omni_lib.course.clip_reading import Reading, read_clip
from omni_lib.course.palette import BLUE, GREY
from omni_lib.course.widgets.clip_rows import from_sound_to_text, letter_marks, word_player
from omni_lib.course.widgets.said_heard import Pair, SaidHeard, said_heard_table
from omni_lib.errors import UserError
from omni_lib.inference.transcription import transcribe


@pytest.fixture(scope="module")
def hero():
    return from_sound_to_text("digits")


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def test_the_rows_are_the_steps_from_sound_to_text(hero):
    assert [row["name"] for row in hero.rows] == ["waveform", "log-mel", "embeddings", "letters", "words"]
    recogniser, config = materials.pretrained()
    heard = transcribe(materials.clips()["digits"].path, recogniser, config)
    assert [tuple(word.values()) for word in hero.words] == [
        (word.word, word.start, word.end) for word in heard.words
    ]
    letters = [mark["text"] for mark in hero.rows[3]["marks"]]
    assert "".join(letters) == heard.text.replace(" ", "")
    assert hero.duration == pytest.approx(2.36, abs=0.01)


def test_each_letter_stands_within_its_word(hero):
    seconds = [mark["second"] for mark in hero.rows[3]["marks"]]
    assert seconds == sorted(seconds)
    assert all(any(word["start"] - 1e-6 <= second < word["end"] for word in hero.words) for second in seconds)


def test_images_end_where_their_frames_end(hero):
    _, mel, embeddings, *_ = hero.rows
    assert mel["end"] == pytest.approx(2.35) and embeddings["end"] == pytest.approx(29 * 0.08)
    assert pixels(mel["image"]).shape == (128, 235, 4) and pixels(embeddings["image"]).shape == (192, 29, 4)


def test_the_words_of_a_given_text_are_aligned():
    player = word_player("suitcase", text=materials.clips()["suitcase"].text)
    assert "big" in [word["word"] for word in player.words]
    heard = word_player("suitcase")
    assert "big" not in [word["word"] for word in heard.words]
    (strips,) = [row for row in heard.rows if row["strips"]]
    assert strips["height"] == 15 * len(strips["strips"]) and strips["strips"][:2] == ("_", "␣")


def test_a_clip_that_does_not_exist_is_named():
    with pytest.raises(UserError, match="no clip 'digit': choose one of hello"):
        word_player("digit")


def test_the_static_picture_says_the_words(hero):
    still = hero.still()
    assert "one 0.32–0.53 s" in still.description and len(still.png) > 10_000
    assert pixels(still.png).shape[1] == 844


def test_a_waveform_fills_from_its_lowest_to_its_highest_sample():
    image = pixels(clip_reading.waveform_image(torch.tensor([1.0, -1.0] * 1200)))
    assert (image[..., 3] == 255).all() and image.shape == (96, 1200, 4)
    quiet = pixels(clip_reading.waveform_image(torch.zeros(2400)))
    assert (quiet[..., 3] > 0).any(axis=0).all(), "silence is a line"


@given(st.integers(1, 40), st.integers(2, 6), st.integers(0, 10_000))
def test_a_strip_is_as_opaque_as_its_symbol_is_probable(frames, symbols, seed):
    torch.manual_seed(seed)
    log_probs = torch.randn(frames, symbols).log_softmax(dim=-1)
    shown = list(range(symbols))
    image = pixels(clip_reading.strips_image(log_probs, shown))
    assert image.shape == (symbols, frames, 4)
    assert np.allclose(image[..., 3] / 255, log_probs.exp().T, atol=0.5 / 255 + 1e-6)
    for row, colour in zip(image, (GREY, BLUE), strict=False):
        assert np.allclose(row[:, :3] / 255, to_rgb(colour), atol=0.003)


def test_a_repeated_symbol_is_one_letter_and_a_blank_separates_two():
    recogniser, config = materials.pretrained()
    reading = read_clip(torch.zeros(16_000), recogniser, config)
    letter, blank = recogniser.vocabulary.encode("l")[0], 0
    path = (blank, letter, letter, blank, letter)
    marks = letter_marks(Reading(**{**vars(reading), "path": path, "seconds_per_frame": 0.1}))
    assert marks == ({"text": "l", "second": 0.1}, {"text": "l", "second": 0.4})


PAIRS = (
    Pair("one", "the cat sat", "the bat sat"),
    Pair("two", "a b", "a"),
    Pair("three", "a", "a <b>"),
    Pair("four", "a", "a"),
)


def test_errors_are_marked_by_colour_line_and_letter():
    table = said_heard_table(PAIRS)
    assert 'wavy underline #E69F00 2px">bat</span><sup><b>S</b>' in table
    assert 'line-through #0072B2 2px">b</span><sup><b>D</b>' in table
    assert 'double underline #CC79A7 2px">&lt;b&gt;</span><sup><b>I</b>' in table
    assert table.count("1 error<") == 3 and table.count("✓ no errors") == 1
    assert 'title="substitution: cat → bat"' in table


def test_the_table_as_text():
    lines = repr(SaidHeard(PAIRS)).splitlines()
    assert lines[0] == "! one       said    the cat sat" and lines[-1] == "            written a"
