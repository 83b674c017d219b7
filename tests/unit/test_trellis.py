"""CTC's trellis, on examples that one can check by hand."""

from collections import Counter

import pytest
import torch

from omni_lib.course.trellis import (
    Collapse,
    count_alignments,
    forward_mass,
    occupancy,
    random_alignment,
    read_path,
    region,
)
from omni_lib.errors import UserError
from omni_lib.text import Vocabulary

HELLO = Vocabulary().encode("hello")


@pytest.mark.parametrize(("frames", "count"), [(5, 0), (6, 1), (7, 11), (10, 1001)])
def test_alignments_of_hello(frames, count):
    assert count_alignments(HELLO, frames) == count


def test_the_region_of_hello_opens_with_the_frames():
    assert not region(HELLO, 5).feasible.any()
    assert region(HELLO, 6).feasible.sum() == 6  # one path: h e l _ l o
    assert region(HELLO, 10).feasible.sum() > region(HELLO, 8).feasible.sum()


@pytest.mark.parametrize(
    ("path", "runs", "text"),
    [
        ("hhe_l_lo", "he_l_lo", "hello"),
        ("hello", "helo", "helo"),  # the chapter says hello
        ("hell_lo", "hel_lo", "hello"),  # the chapter says helllo
        ("___", "_", ""),
        ("", "", ""),
    ],
)
def test_steps_of_collapsing(path, runs, text):
    steps = Collapse(read_path(path))
    assert [symbol for symbol, _ in steps.runs] == read_path(runs)
    assert steps.text == text


def test_a_path_of_other_characters_is_refused():
    with pytest.raises(UserError, match="without '7' 'é'"):
        read_path("h7é")


def test_random_alignments_are_equally_likely():
    """'a' in three frames has 6 paths; 3000 draws give each about 500."""
    counts = Counter(tuple(random_alignment([2], 3, seed)) for seed in range(3000))
    assert len(counts) == count_alignments([2], 3) == 6
    assert all(400 < count < 600 for count in counts.values())


def test_too_few_frames_are_refused():
    for refused in (lambda: random_alignment(HELLO, 5, 0), lambda: occupancy(torch.zeros(5, 29), HELLO)):
        with pytest.raises(UserError, match="5 CTC frames are too few.*needs 6"):
            refused()


def test_no_frames_and_no_text():
    assert forward_mass(torch.zeros(0, 29), HELLO).shape == (0, 11)
    assert (count_alignments([], 4), count_alignments([], 0), count_alignments([2], 0)) == (1, 1, 0)
    assert region([], 0).feasible.shape == (1, 0)
