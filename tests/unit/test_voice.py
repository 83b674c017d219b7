"""`omni data voice`: people, people in rooms, and the embedded corpus."""

import csv
import filecmp
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib import cli
from omni_lib.audio import read_audio
from omni_lib.config import load_config
from omni_lib.corpora import voice
from omni_lib.corpora.building import building
from omni_lib.errors import UserError
from omni_lib.manifest import Utterance, read_manifest, write_manifest

ROWS = {  # as the two corpora have them: name, text, speaker, split, kind, accent
    "CMU AN4": [
        ("wav/ada/one.wav", "one", "ada", "train", "", ""),
        ("wav/ada/two.wav", "two", "ada", "train", "", ""),
        ("wav/bob/one.wav", "yes", "bob", "dev", "", ""),
        ("wav/eve/go.wav", "go", "eve", "test", "", ""),
    ],
    "omni_lib synth": [
        ("wav/sample1.wav", "hello world", "en-us+x", "train", "free", "en-us"),
        ("wav/dev_0001_date.wav", "may the first", "en-gb+y", "dev", "date", "en-gb"),
        ("wav/test_0001_digits.wav", "one two", "en-gb+z", "test", "digits", "en-gb"),
    ],
}


def corpus(name: str, folder: Path) -> Path:
    """A small corpus in the form that the two commands write."""
    rng = np.random.default_rng(0)
    with building(folder, {"corpus": name}) as partial:
        for path, *_ in ROWS[name]:
            (partial / path).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(partial / path, 0.1 * rng.standard_normal(16_000), 16_000, subtype="PCM_16")
        write_manifest(
            partial / "asr.csv", [Utterance(partial / path, *cells) for path, *cells in ROWS[name]]
        )
    return folder


@pytest.fixture
def sources(tmp_path: Path) -> tuple[Path, Path]:
    return corpus("CMU AN4", tmp_path / "an4"), corpus("omni_lib synth", tmp_path / "audio")


def test_a_persons_clip_is_in_three_rooms_to_train_in_one_to_develop_and_an4s_test_part_nowhere(
    sources, tmp_path
):
    path = voice.prepare(*sources, tmp_path / "voice", report=lambda line: None)
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert Counter((row["split"], row["kind"], row["speaker"]) for row in rows) == {
        ("train", "an4", "ada"): 2,
        ("train", "an4_room", "ada"): 6,
        ("train", "free", "en-us+x"): 1,
        ("dev", "an4", "bob"): 1,
        ("dev", "an4_room", "bob"): 1,
        ("dev", "date", "en-gb+y"): 1,
        ("test", "digits", "en-gb+z"): 1,
    }
    assert len(read_manifest(path).utterances) == 13
    assert not list((tmp_path / "voice").rglob("*eve*"))
    as_recorded, in_room = (
        tmp_path / "voice" / "wav" / kind / "ada" / "one.wav" for kind in ("an4", "an4_room")
    )
    assert filecmp.cmp(as_recorded, sources[0] / "wav" / "ada" / "one.wav", shallow=False)
    assert soundfile.info(in_room).samplerate == 16_000 and soundfile.info(in_room).subtype == "PCM_16"
    assert len(read_audio(in_room)) > len(read_audio(as_recorded))  # the room rings on
    rooms = [in_room, *(in_room.with_stem(f"one_room{number}") for number in (2, 3))]
    assert len({room.read_bytes() for room in rooms}) == 3  # no two rooms are alike


def test_the_same_bytes_each_time_and_others_of_another_seed(sources, tmp_path):
    said: list[str] = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        voice.prepare(*sources, tmp_path / name, seed, said.append)
    assert said[0] == "13 utterances written: train 2 of people + 1 synthetic + 6 of people in rooms; " + (
        "dev 1 of people + 1 synthetic + 1 of people in rooms; test 1 synthetic"
    )
    room = Path("wav/an4_room/ada/one.wav")
    assert filecmp.cmp(tmp_path / "a" / room, tmp_path / "b" / room, shallow=False)
    assert not filecmp.cmp(tmp_path / "a" / room, tmp_path / "c" / room, shallow=False)
    voice.prepare(*sources, tmp_path / "a", report=said.append)
    assert "already there" in said[-1]


def test_rooms_stay_within_their_bounds_and_recordings_within_full_scale():
    speech = np.random.default_rng(0).standard_normal(16_000) * 0.1
    for number in range(50):
        room = voice.draw_room(0, f"clip {number}")
        reverberant = voice.simulate_room(room, speech)
        assert 5 <= room.snr_db <= 30 and np.abs(reverberant).max() <= 0.98 + 1e-9
        spectrum, hertz = np.abs(np.fft.rfft(reverberant)) ** 2, np.fft.rfftfreq(len(reverberant), 1 / 16_000)
        outside = (hertz < room.low / 2) | (hertz > room.high * 2)
        assert spectrum[outside].sum() < 1e-9 * spectrum.sum()
    assert voice.draw_room(0, "clip 1") == voice.draw_room(0, "clip 1") != voice.draw_room(1, "clip 1")


def test_the_command_names_what_is_missing_and_how_to_make_it(sources, tmp_path, capsys):
    an4, synth = sources
    arguments = ["data", "voice", "--an4", str(an4), "--synth", str(synth), "--out", str(tmp_path / "voice")]
    shutil.move(an4, tmp_path / "away")
    assert cli.main(arguments) == 2
    assert f"make it with 'omni data an4 SOURCE --out {an4}'" in capsys.readouterr().err
    shutil.copytree(synth, an4)
    assert cli.main(arguments) == 2
    assert f"{an4} holds another corpus (omni_lib synth)" in capsys.readouterr().err
    shutil.rmtree(an4)
    shutil.move(tmp_path / "away", an4)
    (an4 / "wav" / "ada" / "one.wav").unlink()
    assert cli.main(arguments) == 2
    assert "line 2" in capsys.readouterr().err
    assert not (tmp_path / "voice").exists()


def test_a_folder_of_the_users_own_is_left_alone(sources, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "asr.csv").write_text("my own work")
    with pytest.raises(UserError, match="was not made by this command"):
        voice.prepare(*sources, tmp_path / "mine")


def test_the_settings_name_the_corpus():
    config = load_config("configs/audio_enc_voice.json")
    assert (config.data_path, config.ctc_frames_per_embedding, config.num_epochs) == (
        "data/voice/asr.csv",
        3,
        14,
    )
