"""One file in, one clear answer out, whatever the file is."""

from pathlib import Path

import pytest
import soundfile
import torch
import torchaudio

from omni_lib.audio import read_audio
from omni_lib.errors import UserError
from omni_lib.inference.transcription import transcribe
from omni_lib.manifest import read_manifest
from omni_lib.recogniser import load_recogniser


@pytest.fixture(scope="module")
def hear(trained):
    """A function that transcribes a file with the trained model, and returns transcript and warnings."""
    recogniser, config = load_recogniser(trained[0].checkpoint)

    def hear(path):
        warnings = []
        return transcribe(path, recogniser, config, warnings.append), warnings

    return hear


@pytest.fixture
def clip(tones_csv):
    """A clip that the model has learned."""
    return read_manifest(tones_csv).split("train")[0]


def test_a_learnt_clip_is_heard_with_the_times_of_its_words(hear, clip):
    transcript, warnings = hear(clip.path)
    assert (transcript.path, transcript.text, warnings) == (clip.path, clip.text, [])
    assert [word.word for word in transcript.words] == clip.text.split()
    edges = [edge for word in transcript.words for edge in (word.start, word.end)]
    assert edges == sorted(edges) and edges[0] >= 0
    assert edges[-1] <= soundfile.info(clip.path).duration
    assert all(word.end - word.start < 1.0 for word in transcript.words)


@pytest.mark.parametrize(
    ("rate", "channels", "name"),
    [(44_100, 2, "a.wav"), (48_000, 1, "a.flac"), (22_050, 5, "a.wav"), (16_000, 2, "a.aiff")],
)
def test_other_rates_channels_and_formats_sound_the_same(hear, clip, tmp_path, rate, channels, name):
    waveform = torchaudio.functional.resample(read_audio(clip.path), 16_000, rate)
    soundfile.write(tmp_path / name, waveform[:, None].repeat(1, channels).numpy(), rate)
    transcript, warnings = hear(tmp_path / name)
    assert (transcript.text, warnings) == (clip.text, [])


def test_silence_is_said_to_be_silence(hear, tmp_path):
    soundfile.write(tmp_path / "silent.wav", torch.zeros(16_000).numpy(), 16_000)
    transcript, warnings = hear(tmp_path / "silent.wav")
    assert (transcript.text, transcript.words) == ("", [])
    assert len(warnings) == 1 and "silent.wav is silent" in warnings[0]


def test_a_minute_is_transcribed_to_its_end(hear, clip, tmp_path):
    waveform = read_audio(clip.path)
    soundfile.write(
        tmp_path / "long.wav",
        waveform.repeat(60 * 16_000 // len(waveform) + 1)[: 60 * 16_000].numpy(),
        16_000,
    )
    transcript, warnings = hear(tmp_path / "long.wav")
    assert not warnings
    assert len(transcript.words) > 20 and 55 < transcript.words[-1].end <= 60.0


def write(path: Path, samples: int) -> Path:
    soundfile.write(path, 0.1 * torch.randn(samples).numpy(), 16_000, subtype="PCM_16")
    return path


def cut(path: Path) -> Path:
    write(path, 16_000)
    path.write_bytes(path.read_bytes()[:9_000])
    return path


def filled(path: Path, contents: bytes) -> Path:
    path.write_bytes(contents)
    return path


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: folder / "none.wav", "does not exist"),
        (lambda folder: folder, "is a folder: name the sound files in it$"),
        (lambda folder: filled(folder / "a.wav", b""), "is empty"),
        (
            lambda folder: filled(folder / "a.wav", b"not a sound at all, but a letter"),
            "cannot be read as sound",
        ),
        (lambda folder: write(folder / "a.wav", 0), "is empty"),
        (lambda folder: cut(folder / "a.wav"), "is truncated"),
        (lambda folder: write(folder / "a.wav", 1), "too short"),
        (lambda folder: write(folder / "a.wav", 799), "too short .50 ms|too short .49 ms"),
    ],
    ids=[
        "missing",
        "folder",
        "no bytes",
        "no sound",
        "no samples",
        "truncated",
        "one sample",
        "just too short",
    ],
)
def test_what_cannot_be_transcribed_is_refused_in_one_line(hear, tmp_path, make, reason):
    path = make(tmp_path)
    with pytest.raises(UserError, match=reason) as refusal:
        hear(path)
    assert str(path) in str(refusal.value) and "\n" not in str(refusal.value)


def test_fifty_milliseconds_are_enough(hear, tmp_path):
    transcript, _ = hear(write(tmp_path / "a.wav", 800))
    assert len(transcript.words) <= 1
