"""The audio player of a notebook, live and stored."""

import re
from pathlib import Path

import numpy as np

from omni_lib.course.notebooks import _SOUND
from omni_lib.course.sound import play

SANITIZE = Path(__file__).parents[1] / "notebooks" / "nbval_sanitize.cfg"


def test_its_caption_has_length_and_level():
    assert repr(play(np.ones(8_000), name="a tone")) == "▶ a tone: 0.50 s, 0 dB"
    assert repr(play(np.zeros(0), name="nothing")) == "▶ nothing: 0.00 s, -inf dB"


def test_a_sound_that_would_clip_is_scaled_down():
    assert np.abs(play(np.array([3.0, -1.5])).samples).max() == 1.0
    assert np.abs(play(np.array([0.5, -0.1])).samples).max() == 0.5


def test_a_stored_player_says_how_to_hear_it_and_equals_the_live_one_for_nbval():
    live = play(np.zeros(160), name="silence")._repr_html_()
    stored = _SOUND.sub("", live)
    assert 'src="data:audio/wav;base64,' in live and 'src=""' in stored
    assert 'audio[src=""] { display: none }' in stored and "run this cell to hear it" in stored
    rules = re.findall(r"regex: (.*)\nreplace: ?(.*)", SANITIZE.read_text())
    for pattern, replacement in rules:
        live, stored = re.sub(pattern, replacement, live), re.sub(pattern, replacement, stored)
    assert live == stored and "omni-rerun" not in live, "an older notebook without the note is equal, too"
