"""`run.py` finds everything in a folder, tries it with the product's own commands, and prints one true line
for each.
"""

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.field.run import ROOT, instances, main

HERE = Path(__file__).parent
HELLO = ROOT / "data" / "clips" / "hello.flac"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Inputs of each kind that once failed, made from the course's own clips."""
    place = tmp_path_factory.mktemp("field")
    samples, rate = soundfile.read(HELLO, dtype="int16")
    sound = place / "sound"
    sound.mkdir()
    shutil.copy(HERE / "data" / "variable_rate_no_header.mp3", sound)
    soundfile.write(sound / "died.wav", samples, rate)
    contents = bytearray((sound / "died.wav").read_bytes())
    contents[4:8] = struct.pack("<I", len(contents))  # 8 too many, as RecordRTC writes it
    (sound / "outer_size.wav").write_bytes(contents)
    contents[4:8] = contents[40:44] = bytes(4)
    (sound / "died.wav").write_bytes(contents)
    flac = bytearray(HELLO.read_bytes())
    flac[21:26] = bytes([flac[21] & 0xF0, 0, 0, 0, 0])
    (sound / "live.flac").write_bytes(flac)
    (sound / "joined.flac").write_bytes(HELLO.read_bytes() * 2)
    opposite = np.stack([samples, np.maximum(samples, -32_767) * -1], axis=1)
    soundfile.write(sound / "opposite.wav", opposite, rate)
    soundfile.write(sound / "integers.wav", samples.astype("float32"), rate, subtype="FLOAT")
    soundfile.write(sound / "cut.w64", samples, rate)
    (sound / "cut.w64").write_bytes((sound / "cut.w64").read_bytes()[:20_000])
    table = place / "table"
    table.mkdir()
    shutil.copy(HELLO, table)
    soundfile.write(table / "silence.wav", np.zeros(rate), rate)
    (table / "table.csv").write_text("hello.flac,hello world\nsilence.wav,nobody spoke\n")
    clips = place / "common" / "en" / "clips"
    clips.mkdir(parents=True)
    shutil.copy(HERE / "data" / "variable_rate_no_header.mp3", clips / "common_voice_en_1.mp3")
    for split in ("train", "dev", "test"):
        row = f"{split}\tcommon_voice_en_1.mp3\thello world and more\t\n"
        (clips.parent / f"{split}.tsv").write_text("client_id\tpath\tsentence\taccents\n" + row)
    (place / "empty.arpa").write_text("")
    (place / "README.md").write_text("What is here")
    return place


def test_each_input_is_found_once(folder):
    found = [(kind, str(path.relative_to(folder))) for kind, path in instances(folder)]
    sounds = [name for kind, name in found if kind == "sound"]
    assert len(sounds) == 8 and all(name.startswith("sound") for name in sounds)
    assert [each for each in found if each[0] != "sound"] == [
        ("commonvoice", "common"),
        ("arpa", "empty.arpa"),
        ("table", str(Path("table") / "table.csv")),
    ]


def test_each_input_gets_one_true_line(folder, capsys):
    assert main([str(folder)]) == 0
    lines = dict(line.split("]: ", 1) for line in capsys.readouterr().out.splitlines())
    lines = {Path(name.split(" [")[0]).name: said for name, said in lines.items()}
    assert len(lines) == 11 and not any("BUG" in said for name, said in lines.items() if name != "empty.arpa")
    for name in ("died.wav", "outer_size.wav", "live.flac"):
        assert lines[name] == "1.31 s at 16000 Hz | hello world"
    assert lines["joined.flac"].startswith("2.62 s")
    assert lines["variable_rate_no_header.mp3"].startswith("5.06 s at 44100 Hz")
    assert "channels that cancel" in lines["opposite.wav"] and lines["opposite.wav"].endswith("hello world")
    assert "beyond full scale" in lines["integers.wav"] and "divide them by 32768" in lines["integers.wav"]
    assert "truncated" in lines["cut.w64"]
    assert (
        "silence.wav is silent" in lines["table.csv"]
        and "2 rows, 1 written, 1 left out" in lines["table.csv"]
    )
    assert "hello.wav='hello world'" in lines["table.csv"]
    assert "3 rows, 3 readable" in lines["common"]


def test_a_folder_without_inputs_is_an_error(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().out == ""
