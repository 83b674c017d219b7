"""How two encoders transcribe recordings of people: the stored file, and the command that makes it."""

import pytest

from omni_lib.course import materials, people
from omni_lib.errors import UserError
from omni_lib.manifest import write_manifest


def test_the_stored_file_compares_both_encoders_on_the_same_people():
    found = people.people()
    assert (found.utterances, found.speakers) == (129, 10) and len(found.examples) == 8
    synthetic, real = found.rates.values()
    assert synthetic[1] > 0.5 > 0.1 > real[2], "the intervals lie far apart"
    assert len({example.speaker for example in found.examples}) == 8
    assert all(set(example.written) == set(people.ENCODERS) for example in found.examples)
    assert "trained on people too: WER 4.3% (2.5–6.9)" in repr(found)
    assert "<b>S</b>" in found._repr_html_() and "enter seven" in found._repr_html_()


@pytest.mark.parametrize("text", ['{"rates": 1}', '{"rates": {"a": 1}}', "{", "3"])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "people.json").write_text(text)
    with pytest.raises(UserError, match=r"people\.json is damaged: restore it from the course"):
        people.people(tmp_path / "people.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"people\.json cannot be read .*comes with the course"):
        people.people(tmp_path / "people.json")


def test_the_command_writes_its_transcripts(tmp_path, monkeypatch, capsys):
    clips = [clip for name, clip in materials.clips().items() if name in ("hello", "command")]
    rows = [type(clip)(**{**vars(clip), "split": "dev", "speaker": clip.path.stem}) for clip in clips]
    write_manifest(tmp_path / "asr.csv", rows)
    monkeypatch.setattr(people, "COMMANDS", {"turn"})
    monkeypatch.setattr(people, "PEOPLE", people.ROOT / "nowhere" / "people.json")
    written = []
    monkeypatch.setattr(people, "write_atomically", lambda path, contents: written.append(contents))
    assert people.main([str(tmp_path / "asr.csv")]) == 0
    (tmp_path / "people.json").write_bytes(written[0])
    found = people.people(tmp_path / "people.json")
    assert found.utterances == 2 and found.rates["synthetic voices only"][0] == 0
    (example,) = found.examples
    assert example.said.startswith("turn on") and example.written["synthetic voices only"] == example.said
    assert people.main([str(tmp_path / "missing.csv")]) == 2
    assert "missing.csv" in capsys.readouterr().err
