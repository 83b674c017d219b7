"""The committed models are small, for inference only, and as good as the error rate stored in them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from omni_lib.audio import LogMel
from omni_lib.corpora.acoustics import NOISES, SAMPLE_RATE, noise
from omni_lib.course.materials import PRETRAINED as TINY
from omni_lib.course.materials import clips
from omni_lib.encoder import count_parameters
from omni_lib.inference.evaluation import evaluate
from omni_lib.inference.transcription import transcribe
from omni_lib.manifest import read_manifest
from omni_lib.metrics import word_errors
from omni_lib.recogniser import load_recogniser
from omni_lib.stage_e import load_encoder
from omni_lib.weights import load_checkpoint

PRETRAINED = sorted((Path(__file__).parents[2] / "data" / "pretrained").glob("*.pt"))


def test_there_is_one_for_the_embedded_corpus_and_one_for_voices():
    assert [path.name for path in PRETRAINED] == ["audio_enc_tiny.pt", "audio_enc_voice.pt"]


@pytest.mark.parametrize("path", PRETRAINED, ids=lambda path: path.name)
def test_it_is_small_and_says_what_it_reaches_and_where_it_ends(path):
    contents = load_checkpoint(path)
    assert path.stat().st_size < 6_000_000
    assert "resume" not in contents
    assert 0 < contents["metrics"]["wer"] < 1
    assert len(contents["limits"]) > 40
    assert count_parameters(load_encoder(path)) <= 2_500_000


@pytest.mark.slow
@pytest.mark.parametrize("path", PRETRAINED, ids=lambda path: path.name)
def test_on_the_embedded_test_set_it_is_as_good_as_it_says(path, embedded_corpus):
    """The tolerance: where the corpus was synthesised on another processor, a few words may differ."""
    recogniser, _ = load_recogniser(path)
    result = evaluate(recogniser, read_manifest(embedded_corpus).split("test"))
    stored = load_checkpoint(path)["metrics"]
    assert len(result.utterances) == stored["utterances"] == 200
    assert result.wer == pytest.approx(stored["wer"], abs=0.005)


@pytest.mark.parametrize("name", list(clips()))
def test_of_each_clip_of_the_course_at_most_one_word_is_wrong(name):
    clip = clips()[name]
    assert word_errors(clip.text, transcribe(clip.path, *load_recogniser(TINY)).text).errors <= 1


@pytest.mark.parametrize("level", [1e-4, 1e-2, 1e-1])
@pytest.mark.parametrize("colour", NOISES)
def test_noise_without_speech_is_transcribed_as_nothing(colour, level):
    recogniser, _ = load_recogniser(TINY)
    sound = level * noise(colour, 5 * SAMPLE_RATE, np.random.default_rng(0))
    mel = LogMel()(torch.from_numpy(sound).float())
    with torch.inference_mode():
        log_probs, lengths = recogniser(mel[None], torch.tensor([len(mel)]))
    assert recogniser.greedy(log_probs, lengths) == [""]
