"""Right tables that resemble wrong ones: they are read, each row with its text and its whole recording."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib.corpora import folder
from omni_lib.corpora.text_lengths import lengths_note, shifted
from omni_lib.errors import UserError
from omni_lib.manifest import read_manifest


def imported(place: Path, texts: list[str], names: str = "", cells: str = "") -> tuple[list[str], list[str]]:
    """The texts that `omni data folder` writes for recordings of 3 s, and its lines but the last.

    The rows have further columns `names`, all with the same `cells`.
    """
    for number in range(len(texts)):
        sound = 0.3 * np.sin(np.arange(48_000) / (5 + number))
        soundfile.write(place / f"{number}.wav", sound, 16_000)
    rows = [f"{number}.wav|{text}|{cells}".rstrip("|") for number, text in enumerate(texts)]
    table = "\n".join([f"audio_path|transcription|{names}".rstrip("|"), *rows])
    (place / "t.psv").write_text(table + "\n", encoding="utf-8")
    said: list[str] = []
    found = read_manifest(folder.prepare(place / "t.psv", place.parent / f"{place.name}_out", said.append))
    assert not found.problems
    assert all(soundfile.info(row.path).duration == 3 for row in found.utterances)
    return [row.text for row in found.utterances], said[:-1]


@pytest.mark.parametrize(
    "texts",
    [
        "Testing one two three|test four five",
        "test|testing|test one two",
        "Train leaves at five|Test the brakes|Training starts now",
        "McDonald|MacLeod|DeVito|FitzGerald",
        "iPhone|iPad|eBay",
        "set the dose to 0.5|set the gain to 1.5|turn it off",
        "open section 1.1|open section 1.2|version 1.0",
        "ah ah ah|uh uh uh|er er er",
        "to be|to do|to go",
        "Nan|Undefined|none",
        "OK: let us go|SOS: help us|hello|good bye",
    ],
)
def test_texts_that_resemble_something_else_are_read_without_a_note(tmp_path, texts):
    found, said = imported(tmp_path, texts.split("|"))
    assert len(found) == len(texts.split("|")) and not said


@pytest.mark.parametrize(
    "texts",
    [
        "Note: the door is open.|Warning: do not enter.",
        "Warning: do not enter.|Warning: the floor is wet.|Caution: hot.",
        "Number one: look up|Number two: look down",
        "Macbeth: a tragedy|Hamlet: prince of Denmark|Emma: a novel",
        "Hope - is the thing|Because - I could not stop|Yes - please",
        "Yes - I will|Yes - of course|Well - perhaps",
    ],
)
def test_beginnings_that_are_hardly_names_of_speakers_are_noted(tmp_path, texts):
    found, said = imported(tmp_path, texts.split("|"))
    assert len(found) == len(texts.split("|"))
    assert len(said) == 1 and "if nobody said them, remove them" in said[0]


@pytest.mark.parametrize("names", ["Ann Bob Eve Ann", "a b a b", "Me You Me You", "He She He He"])
def test_names_that_recur_are_still_refused(tmp_path, names):
    with pytest.raises(UserError, match="a name before most of its texts"):
        imported(tmp_path, [f"{name}: hello" for name in names.split()])


@pytest.mark.parametrize(
    ("texts", "remedy"),
    [
        ("3.5|2.25", "if the numbers were said, write them in words"),
        ("1 apple|2 apples|3 apples", "if they were said, write them in words"),
        ("hello there 0.95|yes you 0.87", "if it was said, write it in words"),
        ("the jet (F-16)|the bomber (B-52)", "if somebody did, remove the brackets"),
        ("YouTube|WhatsApp", "names such as YouTube in small letters"),
        ("Ann: hello|Bob: yes", "if they were said, remove the colons"),
    ],
)
def test_refusals_of_texts_name_a_remedy_for_right_ones(tmp_path, texts, remedy):
    with pytest.raises(UserError, match=remedy):
        imported(tmp_path, texts.split("|"))


OTHER_COLUMNS = {
    "age|size": "31|30123", "index|filesize": "3|30123", "confidence|length": "0.9|3.0",
    "score|seconds": "0.91|3.0", "age_from|age_to": "20|29", "start_page|end_page": "1|2",
    "session_start|session_end": "09:00|09:30", "start_silence|end_silence": "0.2|0.3",
    "pitch_range": "80.5-210.2", "from|to": "Anna|Ben", "start_time": "2024-05-01 10:22",
    "start_time|duration": "2024-05-01T10:22:00Z|3.0", "start|end": "01.05.2024|02.05.2024", "locale": "US",
    "channel": "BBC", "batch|clip_no": "3|1200",
    "hours_from|hours_to": "09:00|17:00", "time": "10:30-11:30", "distance_from|distance_to": "0.5|1.5",
    "room_in|room_out": "1|2", "file size|votes": "30123|40000",
}  # fmt: skip


@pytest.mark.parametrize("names", OTHER_COLUMNS)
def test_columns_that_are_not_times_are_ignored(tmp_path, names):
    texts = ["hello there you", "good morning"]
    assert imported(tmp_path, texts, names, OTHER_COLUMNS[names]) == (texts, [])
    if names != "start_time|duration":
        cells = OTHER_COLUMNS[names].replace("|", ",")
        (tmp_path / "asr.csv").write_text(
            f"audio_path,transcription,{names.replace('|', ',')}\n0.wav,hello,{cells}\n"
        )
        assert len(read_manifest(tmp_path / "asr.csv").utterances) == 1
    record = dict(zip(names.split("|"), OTHER_COLUMNS[names].split("|"), strict=True))
    (tmp_path / "t.jsonl").write_text(json.dumps({"path": "0.wav", "text": "hello", **record}))
    rows = read_manifest(folder.prepare(tmp_path / "t.jsonl", tmp_path / "out")).utterances
    assert soundfile.info(rows[0].path).duration == 3


@pytest.mark.parametrize("names", ["word_start|word_end", "line_start|line_end"])
def test_fractions_in_columns_that_may_count_are_times(tmp_path, names):
    with pytest.raises(UserError, match="rename them to start and end"):
        imported(tmp_path, ["hello there you"], names, "0.5|1.5")


def test_times_with_full_stops_are_not_taken_for_dates(tmp_path):
    with pytest.raises(UserError, match="its start is '00.00.01', which is not a number"):
        imported(tmp_path, ["hello there you"], "start|end", "00.00.01|00.00.02")


@pytest.mark.parametrize("channel", ["BBC", "stereo", "both"])
def test_a_channel_that_is_not_one_of_the_file_is_ignored(tmp_path, channel):
    soundfile.write(tmp_path / "a.wav", 0.3 * np.sin(np.arange(64_000).reshape(-1, 2) / 5), 16_000)
    (tmp_path / "t.csv").write_text(f"path,text,channel\na.wav,hello,{channel}\n")
    assert len(read_manifest(folder.prepare(tmp_path / "t.csv", tmp_path / "out")).utterances) == 1


@pytest.mark.parametrize("name", ["definition", "Translation", "speaker", "accents", "comments", "book"])
def test_single_words_beside_a_column_of_explanations_are_read(tmp_path, name):
    cells = ["a small furry pet", "the loyal old friend", "one large farm animal"]
    for number in range(3):
        soundfile.write(tmp_path / f"{number}.wav", 0.3 * np.sin(np.arange(16_000) / (5 + number)), 16_000)
    words = zip(["cat", "dog", "cow"], cells, strict=True)
    rows = "".join(f"{number}.wav,{word},{cell}\n" for number, (word, cell) in enumerate(words))
    (tmp_path / "t.csv").write_text(f"path,text,{name}\n{rows}")
    assert len(read_manifest(folder.prepare(tmp_path / "t.csv", tmp_path / "out")).utterances) == 3


@pytest.mark.parametrize("mark", [";", "|", ","])
@pytest.mark.parametrize("header", ["path{}text\n", ""])
def test_names_of_files_with_spaces_are_not_taken_for_texts(tmp_path, mark, header):
    rows = header.format(mark)
    for number, word in enumerate(["yes", "no", "stop"]):
        name = f"my own voice {word}.wav"
        soundfile.write(tmp_path / name, 0.3 * np.sin(np.arange(16_000) / (5 + number)), 16_000)
        rows += f"{name}{mark}{word}{'' if mark == ',' else ', yes'}\n"
    (tmp_path / "t.csv").write_text(rows)
    assert len(read_manifest(folder.prepare(tmp_path / "t.csv", tmp_path / "out")).utterances) == 3


@pytest.mark.parametrize("words", ["no yes", "yes no stop go left", "right on off"])
@pytest.mark.parametrize("inverse", [1, -1])
def test_a_few_words_that_return_do_not_show_a_shift(words, inverse):
    """The durations of two words may have the inverse order of their letters."""
    texts = [words.split()[n % len(words.split())] for n in range(60)]
    seconds = [0.5 + inverse * 0.05 * len(text) + 0.005 * (n % 7) for n, text in enumerate(texts)]
    assert shifted(texts, seconds) == 0
    assert lengths_note(texts, seconds) == ""


def test_pauses_hide_the_lengths_of_single_words():
    texts = ["a" * (3 + n * 7 % 5) for n in range(40)]
    assert lengths_note(texts, [1 + 0.1 * (n * 37 % 17) for n in range(40)]) == ""


def test_a_prompt_that_many_speakers_read_is_not_noted(tmp_path):
    for number in range(4):
        soundfile.write(tmp_path / f"{number}.wav", 0.3 * np.sin(np.arange(48_000) / (5 + number)), 16_000)
    rows = "".join(f"{number}.wav,hey marvin,p{number}\n" for number in range(4))
    (tmp_path / "t.csv").write_text(f"path,text,speaker\n{rows}")
    said: list[str] = []
    folder.prepare(tmp_path / "t.csv", tmp_path / "out", said.append)
    assert len(said) == 1


def test_whole_sentences_of_one_length_were_not_cut_off(tmp_path):
    for texts in (
        ["set a timer for one minute", "set a timer for two minute", "set a timer for six minute"],
        ["This text has been cut.", "That text has been put!", "What text has been let?"],
    ):
        assert imported(tmp_path, texts)[1] == []
