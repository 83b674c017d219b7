"""Sound files of any kind: a waveform of finite numbers, or one line that names the file."""

import random
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import soundfile
import torch

from omni_lib.audio import LogMel, read_audio
from omni_lib.config import Config
from omni_lib.errors import UserError
from omni_lib.inference.transcription import transcribe
from omni_lib.recogniser import Recogniser

RATES = [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000]
WAV = ["PCM_16", "PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM"]
PCM = ["WAVEX", "FLAC", "AIFF", "AU", "CAF", "W64", "NIST", "RF64", "RAW"]
PACKED = [("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("AU", "FLOAT")]
FORMS = [*(("WAV", subtype) for subtype in WAV), *((form, "PCM_16") for form in PCM), *PACKED]
NAMES = [
    "clip.wav",
    "clip.flac",
    "clip.mp3",
    "clip.ogg",
    "clip.txt",
    "clip",
    "ü ß '\".wav",
    "clip.WAV.exe",
    "clip.raw",
    "clip.aiff",
]


def some_samples(rng: random.Random) -> np.ndarray:
    """(samples, channels), from nothing at all to noise, with values that no recording should have."""
    size, channels = (
        rng.choice([0, 1, 2, 159, 160, 400, 1600, 3000]),
        rng.choice([1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8]),
    )
    noise = np.random.default_rng(rng.getrandbits(32))
    match rng.randrange(8):
        case 0:
            samples = np.zeros((size, channels))
        case 1:
            samples = np.full((size, channels), rng.choice([1.0, -1.0, 0.5, 1e-9, 1e-38]))  # nothing but DC
        case 2:
            samples = np.sign(noise.standard_normal((size, channels))) * rng.choice(
                [1.0, 1.5, 100.0]
            )  # clipping, and more
        case 3:
            samples = noise.standard_normal((size, channels)) * rng.choice(
                [1e-30, 1e-3, 32_768.0, 1e10, 1e19, 1e30, 3e38]
            )
        case _:
            samples = noise.standard_normal((size, channels)) * 0.1
    if size and rng.random() < 0.15:
        samples[rng.randrange(size), rng.randrange(channels)] = rng.choice([np.nan, np.inf, -np.inf, 1e300])
    return samples


def a_sound(rng: random.Random, path) -> str:
    """Write something like a sound file, and return the kind of damage that was done to it."""
    samples, rate, (form, subtype) = some_samples(rng), rng.choice(RATES), rng.choice(FORMS)
    # These encoders, which are not tested here, abort the process on values that no sound has.
    if form in ("MP3", "OGG") or subtype == "IMA_ADPCM":
        samples, rate = np.random.default_rng(rng.getrandbits(32)).uniform(-0.3, 0.3, (3000, 1)), 16_000
    if subtype not in ("FLOAT", "DOUBLE"):  # the integer formats cannot hold them
        samples = np.clip(np.nan_to_num(samples), -1, 1)
    try:
        with np.errstate(all="ignore"):
            soundfile.write(path, samples, rate, subtype=subtype, format=form)
    except (
        soundfile.SoundFileError,
        ValueError,
        AssertionError,
    ):  # this format has not so many channels, or not this rate
        soundfile.write(
            path, np.nan_to_num(samples[:, :1], posinf=1, neginf=-1), 16_000, subtype="PCM_16", format="WAV"
        )
    contents = bytearray(path.read_bytes())
    damage = rng.choice(
        ["none", "none", "none", "header", "bytes", "cut", "cut header", "garbage", "longer", "nothing"]
    )
    match damage:
        case "header":
            for _ in range(rng.randint(1, 6) if contents else 0):
                contents[rng.randrange(min(len(contents), 64))] = rng.choice(
                    [0, 1, 127, 128, 255, rng.randrange(256)]
                )
        case "bytes":
            for _ in range(rng.randint(1, 30) if contents else 0):
                contents[rng.randrange(len(contents))] = rng.randrange(256)
        case "cut":
            del contents[rng.randint(0, len(contents)) :]
        case "cut header":
            del contents[rng.randint(0, min(len(contents), 60)) :]
        case "garbage":
            contents = bytearray(rng.randbytes(rng.randint(1, 2000)))
        case "longer":
            contents += rng.randbytes(rng.randint(1, 500))
        case "nothing":
            contents = bytearray()
    path.write_bytes(contents)
    return damage


@pytest.fixture(scope="module")
def recogniser():
    config = Config(d_model=16, n_heads=2, n_layers=2, d_ff=32)
    torch.manual_seed(0)
    return Recogniser(config).eval(), config


def test_any_sound_is_finite_numbers_or_one_line(judged, inputs, tmp_path, recogniser):
    """Every file is read, turned into log-mels and transcribed."""
    log_mel, heard = LogMel(), 0
    for number in range(inputs(0.14)):
        rng = random.Random(f"sound {number}")
        path = tmp_path / rng.choice(NAMES)
        damage = a_sound(rng, path)
        waveform = judged(read_audio, path)
        if isinstance(waveform, UserError):
            assert path.name in str(waveform)
        else:
            heard += 1
            assert (
                waveform.ndim == 1
                and len(waveform) > 0
                and waveform.dtype == torch.float32
                and waveform.isfinite().all()
            ), damage
            assert log_mel(waveform).isfinite().all(), damage
            transcript = judged(lambda: transcribe(path, *recogniser, warn=lambda line: None))  # noqa: B023
            assert isinstance(transcript, UserError) or all(
                0 <= word.start <= word.end for word in transcript.words
            )
        path.unlink()
    assert heard > inputs(0.14) / 4, "enough of them were sound"


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("channels", [1, 8])
def test_every_usual_rate_is_read_at_its_length(tmp_path, rate, channels):
    soundfile.write(
        tmp_path / "a.wav", np.random.default_rng(0).uniform(-0.5, 0.5, (rate // 4, channels)), rate
    )
    assert abs(len(read_audio(tmp_path / "a.wav")) - 4000) <= 1


def test_an_hour_is_read_and_audited(omni, tmp_path):
    samples = np.tile((np.sin(np.arange(8000) / 9) * 100 + 128).astype("uint8"), 3600)
    soundfile.write(tmp_path / "hour.wav", (samples.astype("float32") - 128) / 128, 8000, subtype="PCM_U8")
    (tmp_path / "asr.csv").write_text("audio_path,transcription\nhour.wav,a long talk\n")
    status, out, _ = omni(["data", "check", str(tmp_path / "asr.csv")])
    assert status == 0 and "1.00 hours" in out and "longest 3600.0 s" in out


def test_a_file_that_would_fill_the_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "long.wav", np.zeros(16_000 * 60), 16_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=4_000_000))
    with pytest.raises(UserError, match=r"long\.wav lasts 60 s.*: cut it"):
        read_audio(tmp_path / "long.wav")


@pytest.mark.parametrize("loud", [1e12, 3e38])
def test_samples_beyond_any_scale_are_refused(tmp_path, loud):
    """Their power overflows, and one such clip would make every feature statistic infinite."""
    soundfile.write(tmp_path / "loud.wav", np.full(1600, loud), 16_000, subtype="FLOAT")
    with pytest.raises(UserError, match="beyond full scale"):
        read_audio(tmp_path / "loud.wav")
