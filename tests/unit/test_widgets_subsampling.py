"""The subsampling explorer: text, picture and sound follow each control and each click."""

import io

import pytest
import soundfile

from omni_lib.course.receptive_field import halvings, receptive_field
from omni_lib.course.widgets.subsampling_explorer import (
    SOUNDS,
    SubsamplingExplorer,
    length_steps,
    subsampling_explorer,
)
from omni_lib.errors import UserError


@pytest.fixture(scope="module")
def shared() -> SubsamplingExplorer:
    return subsampling_explorer("hello")


@pytest.fixture
def explorer(shared) -> SubsamplingExplorer:
    shared.clip.value, shared.sound.value, shared.embedding.value = "hello", SOUNDS[0], 8
    shared.block.value, shared.head.value, shared.length.value = 4, 1, 38
    return shared


def seconds(wav: bytes) -> float:
    samples, rate = soundfile.read(io.BytesIO(wav))
    return len(samples) / rate


def test_another_embedding_changes_picture_and_sound(explorer):
    images, sound = {explorer.picture.image}, explorer.picture.sound
    assert "Embedding 8 (of those from 0 to 15) stands for 0.64–0.72 s" in explorer.summary.value
    assert "frames 55 to 77, 23 of them" in explorer.picture.alt and seconds(sound) == pytest.approx(
        0.245, abs=1e-3
    )
    for embedding in (0, 15):
        explorer.embedding.value = embedding
        images.add(explorer.picture.image)
        assert explorer.picture.sound != sound
        assert explorer.picture.sound_start == receptive_field(embedding, 131).samples(20_973)[0] / 16_000
    assert len(images) == 3


@pytest.mark.parametrize(("second", "embedding"), [(0.0, 0), (0.65, 8), (1.2, 15), (1.309, 15)])
def test_a_click_in_a_picture_chooses_an_embedding(explorer, second, embedding):
    explorer.embedding.value = 3
    explorer.picture.pointed = second
    assert explorer.embedding.value == embedding
    explorer.attention.pointed = 0.33
    assert explorer.embedding.value == 4


def test_the_whole_clip_can_be_played(explorer):
    explorer.sound.value = SOUNDS[1]
    assert (
        seconds(explorer.picture.sound) == pytest.approx(1.31, abs=0.005)
        and explorer.picture.sound_start == 0
    )


def test_attention_of_each_block_and_head(explorer):
    seen = set()
    for block in (1, 2, 3, 4):
        for head in (1, 2, 3):
            explorer.block.value, explorer.head.value = block, head
            seen.add(explorer.attention.image)
            steps = (
                "33 × 33 steps of 40 ms" if block == 1 else "16 × 16 steps of 80 ms"
            )  # the pool stands behind the first block
            assert f"Attention of block {block}, head {head}: {steps}" in explorer.attention_words.value
    assert len(seen) == 12


def test_another_clip(explorer):
    before = explorer.picture.image, explorer.attention.image
    explorer.clip.value = "digits"
    assert explorer.embedding.max == 28 and explorer.embedding.value == 14
    assert explorer.picture.image != before[0] and explorer.attention.image != before[1]
    explorer.clip.value = "how"
    assert explorer.embedding.value <= explorer.embedding.max == 13


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (
            38,
            "38 frames → 19 → 10 → 5: 0.38 s of sound make 5 embeddings. From each, the CTC head makes 3 "
            "predictions: 15 in all.",
        ),
        (100, "100 frames → 50 → 25 → 12: 1.00 s of sound make 12 embeddings"),
        (8, "8 frames → 4 → 2 → 1: 0.08 s of sound make 1 embedding."),
        (1, "1 frame → 1 → 1 → 0: 0.01 s of sound make 0 embeddings"),
    ],
)
def test_stepping_through_lengths(explorer, frames, words):
    explorer.length.value = frames
    assert words in explorer.steps.value
    assert explorer.steps.value.count("<span") == sum(halvings(frames))


def test_a_frame_without_a_partner_is_marked_and_mentioned():
    assert "no partner" in length_steps(100, 1) and length_steps(100, 1).count("#E69F00") == 1
    assert "no partner" not in length_steps(96, 1) and "#E69F00" not in length_steps(96, 1)


def test_the_static_figure_and_a_clip_that_does_not_exist(explorer):
    data, _ = explorer.still_bundle()
    assert (
        "Subsampling explorer. Log-mel of the clip 'hello'. Embedding 8 (of" in data["text/plain"]
        and data["image/png"]
    )
    with pytest.raises(UserError, match="no clip 'helo'"):
        subsampling_explorer("helo")
