"""Arguments of `omni` that cannot be meant: refused in one line, and no file of the user is changed."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib.cli import main
from omni_lib.errors import UserError
from omni_lib.machine.sound.reading import open_sound


@pytest.mark.parametrize(
    "command",
    [
        ["data", "folder", "", "--out", "o"],
        ["data", "folder", "t.csv", "--out", ""],
        ["data", "check", " "],
        ["data", "librispeech", ""],
        ["evaluate", "--checkpoint", "a.pt", "--data", "a.csv", "--split", ""],
        ["transcribe", "--checkpoint", "a.pt", ""],
        ["train", "--config", ""],
        ["lm", "build", "--data", "", "--out", "x"],
    ],
)
def test_an_empty_name_is_refused(command, tmp_path, monkeypatch, capsys):
    """As of a shell variable without a value: it would mean the folder where the command is run."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_status:
        main(command)
    assert exit_status.value.code == 2
    assert "the name is empty: write it, or leave the option out" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_manifest_is_not_overwritten_by_the_model_of_its_texts(tmp_path, capsys):
    soundfile.write(tmp_path / "a.wav", 0.3 * np.sin(np.arange(16_000) / 9), 16_000)
    manifest = tmp_path / "asr.csv"
    manifest.write_text("audio_path,transcription,split\na.wav,hello,train\n")
    before = manifest.read_bytes()
    assert main(["lm", "build", "--data", str(manifest), "--out", str(manifest)]) == 2
    assert "is not an ARPA language model" in capsys.readouterr().err and manifest.read_bytes() == before
    for _ in range(2):
        assert main(["lm", "build", "--data", str(manifest), "--out", str(tmp_path / "lm.arpa")]) == 0


@pytest.mark.parametrize("options", [["--split", "dev"], ["--limits", "not for surgeons"]])
def test_what_belongs_to_a_measurement_is_refused_without_one(options, tmp_path, capsys):
    out = tmp_path / "e.safetensors"
    assert main(["export", "--checkpoint", "a.pt", "--safetensors", "--out", str(out), *options]) == 2
    assert "belong to --data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "is a folder: name the sound files in it"),
        ("*.wav", r"name each file, because \* and \? stand for themselves"),
        ("none.wav", "does not exist or is not a file: correct the path"),
    ],
)
def test_what_is_not_a_sound_file_is_named(tmp_path, name, words):
    with pytest.raises(UserError, match=words), open_sound(tmp_path / name):
        pass


def test_an_address_is_not_a_file():
    with (
        pytest.raises(UserError, match="is a web address: download the file"),
        open_sound(Path("https://example.org/a.wav")),
    ):
        pass
