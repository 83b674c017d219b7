"""Tables that look readable, and would teach wrong texts: each such row is refused or noted by name."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib.config import Config
from omni_lib.corpora import folder
from omni_lib.errors import UserError
from omni_lib.manifest import read_manifest
from omni_lib.training.audit import audit, describe


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder with two sounds of 2 s."""
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, 0.5 * np.sin(np.arange(32_000) / 5), 16_000)
    return tmp_path


def manifest(clips: Path, text: str):
    (clips / "asr.csv").write_text(text, encoding="utf-8")
    return read_manifest(clips / "asr.csv")


def imported(clips: Path, text: str, name: str = "t.csv") -> tuple[dict[str, float], list[str]]:
    """Seconds of each text that `omni data folder` writes, and its report."""
    (clips / name).write_text(text, encoding="utf-8")
    said: list[str] = []
    out = clips.parent / f"{clips.name}_out"
    rows = read_manifest(folder.prepare(clips / name, out, said.append)).utterances
    return {row.text: soundfile.info(row.path).duration for row in rows}, said


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("a.wav,hello\nb.wav,world,0.6,1.2\n", "has the columns start and end .line 3."),
        ("a.wav,hello,0,1\nb.wav,world\n", "has the columns start and end .line 2."),
    ],
)
def test_segments_are_found_in_any_row(clips, table, message):
    with pytest.raises(UserError, match=message):
        manifest(clips, f"audio_path,transcription,start,end\n{table}")


def test_a_start_without_an_end_is_refused_unless_it_is_the_beginning(clips):
    with pytest.raises(UserError, match="has the column start .line 2., but no end"):
        manifest(clips, "audio_path,transcription,start\na.wav,hello,0.5\n")
    assert len(manifest(clips, "audio_path,transcription,start\na.wav,hello,0.0\n").utterances) == 1


def test_a_text_that_was_split_at_its_comma_is_named(clips):
    rows = manifest(clips, "audio_path,transcription,speaker\na.wav,yes, please\nb.wav,no,ada\n")
    assert [row.text for row in rows.utterances] == ["no"]
    assert "'yes, please' may be one text: put quotes around it" in str(rows.problems[0])
    found, said = imported(clips, "path,text,speaker\na.wav,yes, please\nb.wav,no,ada\n")
    assert list(found) == ["no"] and "'yes, please' may be one text" in "\n".join(said)


@pytest.mark.parametrize("row", ["a.wav, yes, ada", 'a.wav,"yes, please",ada', "a.wav,yes,ada"])
def test_a_row_with_spaces_after_all_commas_or_none_is_read(clips, row):
    assert len(manifest(clips, f"audio_path,transcription,speaker\n{row}\n").utterances) == 1


@pytest.mark.parametrize("names", ["from\tto", "t0\tt1", "onset\toffset"])
def test_columns_that_name_the_ends_of_a_segment_together(clips, names):
    found, _ = imported(
        clips, f"path\ttext\t{names}\na.wav\thello\t0.5\t1.5\nb.wav\tworld\t0\t0.5\n", "t.tsv"
    )
    assert found == {"hello": 1.0, "world": 0.5}


def test_a_unit_that_is_not_read_is_refused(clips):
    with pytest.raises(UserError, match=r"Start \(m\) and End \(m\): the unit m is not read: write seconds"):
        imported(clips, "path,text,Start (m),End (m)\na.wav,hello,0.001,0.02\n")


@pytest.mark.parametrize("ends", ["1.999999,2.04", "0.5,0.50001"])
def test_a_segment_without_a_sample_is_named(clips, ends):
    found, said = imported(clips, f"path,text,start,end\na.wav,hello,{ends}\nb.wav,world,0,1\n")
    assert list(found) == ["world"] and "holds no sample: correct start and end" in "\n".join(said)


def test_an_empty_end_is_called_an_end(clips):
    _, said = imported(clips, "path,text,start,end\na.wav,hello,0.5,\nb.wav,world,0,1\n")
    assert "its end is ''" in "\n".join(said)


def test_a_quoted_text_that_goes_on_in_the_next_line_is_named(clips):
    found, said = imported(clips, 'path\ttext\na.wav\t"hello\nworld"\nb.wav\tyes\n', "t.tsv")
    assert list(found) == ["yes"] and "its text goes on in the next line" in "\n".join(said)


def test_too_many_cells_of_a_tsv_get_a_remedy_that_helps(clips):
    _, said = imported(clips, "path\ttext\na.wav\thello\tworld\nb.wav\tyes\n", "t.tsv")
    assert "write a space in its place" in "\n".join(said) and "quotes" not in "\n".join(said)


def test_a_file_with_two_texts_is_noted(clips):
    rows = manifest(clips, "audio_path,transcription\na.wav,hello\na.wav,world\nb.wav,yes\n")
    lines = describe(rows, audit(rows, Config()), Config())
    assert "a.wav has 2 different texts, such as 'hello'" in lines


@pytest.mark.parametrize("missing", ["undefined", "NaN", "NULL"])
def test_what_programs_write_for_a_missing_text_is_refused(clips, missing):
    rows = manifest(clips, f"audio_path,transcription\na.wav,{missing}\nb.wav,yes\n")
    assert "which programs write for a missing text" in str(rows.problems[0])


@pytest.mark.parametrize(
    ("cell", "words"),
    [(each, "stands for a missing text") for each in ("TBD", "[untranscribed]", "No transcript available.")]
    + [(each, "may be a whole number that a program wrote") for each in ("42.0", "50.00%")],
)
def test_what_people_and_programs_write_in_place_of_a_text_is_refused(clips, cell, words):
    rows = manifest(clips, f"audio_path,transcription\na.wav,{cell}\nb.wav,version two\n")
    assert len(rows.utterances) == 1 and words in str(rows.problems[0])
    found, said = imported(clips, f"path,text\na.wav,{cell}\nb.wav,version 2.0\n")
    assert list(found) == ["version two point zero"] and words in "\n".join(said)


@pytest.mark.parametrize("names", ["start_min,end_min", "start (h),end (h)", "start_ticks,end_ticks"])
def test_a_unit_in_a_name_is_never_overlooked(clips, names):
    with pytest.raises(UserError, match="is not read: write seconds"):
        imported(clips, f"path,text,{names}\na.wav,hello,0,1\nb.wav,world,0,1\n")


@pytest.mark.parametrize(
    ("names", "ends"),
    [
        ("start,length", "0.0,0.8"),
        ("Start [hh:mm:ss.ms],End [hh:mm:ss.ms]", "0:00:00.0,0:00:00.8"),
        ("start,end", '"0,000","0,800"'),
    ],
)
def test_lengths_clock_times_and_decimal_commas_cut_a_segment(clips, names, ends):
    assert imported(clips, f"path,text,{names}\na.wav,hello,{ends}\n")[0] == {"hello": 0.8}


@pytest.mark.parametrize(
    ("start", "end"),
    [("0,500", "1,250"), ("0.5s", "1.25 s"), ("500ms", "1250 ms"), ("0.5 seconds", "1.25sec")],
)
def test_times_with_a_decimal_comma_or_a_unit_of_their_own(clips, start, end):
    found, _ = imported(clips, f"path;start;end;text\na.wav;{start};{end};hello\nb.wav;{start};{end};yes\n")
    assert found == {"hello": 0.75, "yes": 0.75}


def test_a_comma_that_may_part_thousands_is_named(clips):
    _, said = imported(clips, "path;start;end;text\na.wav;500;1,500;hello\nb.wav;0;1;yes\n")
    assert "its end is '1,500', which may be 1.500 or 1500: correct start and end" in "\n".join(said)


def test_a_column_end_that_holds_durations_is_refused(clips):
    rows = "a.wav,0.5,1.0,hello\na.wav,1.4,0.5,yes\nb.wav,1.0,0.75,you\n"
    with pytest.raises(UserError, match="end is before the start in 2 of 3 rows, .* rename it to duration"):
        imported(clips, f"path,start,end,text\n{rows}")
    found, _ = imported(clips, f"path,start,duration,text\n{rows}")
    assert found == {"hello": 1.0, "yes": 0.5, "you": 0.75}


def test_ends_alone_do_not_give_the_last_text_the_whole_recording(clips):
    with pytest.raises(UserError, match="end says where a text ends, .* add a column start"):
        imported(clips, "path,end,text\na.wav,1.0,hello\na.wav,2.0,yes\n")
    assert list(imported(clips, "path,end,text\na.wav,2.0,hello\nb.wav,2.0,yes\n")[0]) == ["hello", "yes"]


def test_segments_that_overlap_and_one_sound_with_two_texts_are_noted(clips):
    rows = "a.wav,0.2,1.5,hello\na.wav,0.5,1.6,yes\na.wav,1.5,2.0,you\nb.wav,0,1,hello\nb.wav,0,1,hello\n"
    _, said = imported(clips, f"path,start,end,text\n{rows}")
    (note,) = [line for line in said if line.startswith("note")]
    assert "line 3: its segment of" in note and "overlaps that of line 2 by more than half" in note
    _, said = imported(clips, "path,text\na.wav,hello\nb.wav,yes\n")
    (note,) = [line for line in said if line.startswith("note")]
    assert "b.wav is the same sound as" in note and "has another text: correct one of them" in note


def test_a_text_that_nobody_can_say_in_so_short_a_time_is_left_out(clips):
    found, said = imported(clips, f"path,text\na.wav,{'hello there ' * 30}\nb.wav,yes\n")
    assert list(found) == ["yes"] and "lasts 2 s, which is too short for 300 letters" in "\n".join(said)


MOSTLY = {
    "ann: hello there|bob: yes you": "a name before most of its texts",
    "Ann - hello there|Bob - yes you": "a name before most of its texts",
    "0.0 1.2 hello there|0.3 1.5 yes you": "times before most of its texts",
    "hello there 0.95|yes you 0.87": "a score behind most of its texts",
    "hello there (ann-01a)|yes you (ann-01b)": "a name in brackets beside most",
    "hello there (a)|yes you (b)": "the name of the sound file in brackets",
    "HelloThere|yesYou": "no spaces between the words",
    "w er l d|g uh d b ay": "texts in phones",
    "train|test": "only names of splits",
    "0.95|0.87": "only decimal numbers",
    "1 hello there|2 yes you|3 and more": "the number of the row before each",
    "Ich bin 30 Jahre alt|Das ist nicht gut": "German",
    "Je ne sais pas où il est|Nous avons une maison": "French",
    "No sé qué hacer por usted|El niño está en una casa": "Spanish",
    "Ik weet het niet|Het huis is van mij": "Dutch",
}


@pytest.mark.parametrize("texts", MOSTLY)
def test_texts_that_are_something_else_in_most_rows_are_refused(clips, texts):
    rows = [f"{'ab'[number % 2]}.wav|{text}" for number, text in enumerate(texts.split("|"))]
    for header in ("path|text\n", ""):
        with pytest.raises(UserError, match=MOSTLY[texts]):
            imported(clips, header + "\n".join(rows) + "\n")
    if MOSTLY[texts] in ("German", "French", "Spanish", "Dutch"):
        rows = [f"{row}|en" for row in rows if "30" not in row]
        assert imported(clips, "path|text|language\n" + "\n".join(rows))[0], "the remedy helps"


@pytest.mark.parametrize(
    "texts",
    ["hello there|two for 0.95|yes: you", "train|tests", "7|8", "1 hello|3 yes", "McDonald|go",
     "B D F|uh ah er", "Los Angeles|Las Vegas|El Paso", "die|man|war",
     "la la la|que sera sera|oh", "hello (again)|yes", "hello (laughs)|(coughs) yes", "(uh) hello|(um) yes"],
)  # fmt: skip
def test_texts_that_only_resemble_something_else_are_read(clips, texts):
    rows = [f"{'ab'[number % 2]}.wav|{text}" for number, text in enumerate(texts.split("|"))]
    found, said = imported(clips, "path|text\n" + "\n".join(rows) + "\n")
    assert len(found) == len(rows) and not any(line.startswith("left") for line in said)


def test_swapped_columns_are_named(clips):
    with pytest.raises(UserError, match="names of files in its column text, .* swap the names"):
        imported(clips, "path,text\nhello,a.wav\nworld,b.wav\n")
    rows = "a.wav,ann,hello there you\nb.wav,bob,yes I am\na.wav,ann,no not now\n"
    with pytest.raises(UserError, match="single words in its column text, and sentences in note: if those"):
        imported(clips, f"path,text,note\n{rows}")


def test_texts_that_may_be_right_are_noted(clips):
    (clips / "c.wav").write_bytes((clips / "a.wav").read_bytes())
    _, said = imported(clips, "path,text\na.wav,go\nb.wav,go\nc.wav,go\n")
    assert "note, t.csv: all 3 rows have the text 'go': check that each was said" in said
    _, said = imported(clips, "path,text\na.wav,h e l l o y o u\nb.wav,y e s y o u\n")
    assert any("most texts are single letters" in line for line in said)
    _, said = imported(clips, "path,text\na.wav,noise\nb.wav,how are you today\n")
    assert any("1 texts are only the name of a sound or a mark, such as 'noise'" in line for line in said)
    _, said = imported(clips, "path,text\na.wav,noise\nb.wav,hello\n")  # a list of words
    assert not any("name of a sound" in line for line in said)
    rows = "".join(
        f"{name}.wav,this text has been {word}\n"
        for name, word in {"a": "cut", "b": "put", "c": "let"}.items()
    )
    _, said = imported(clips, f"path,text\n{rows}")
    assert any("3 texts have exactly 22 characters, and none has more" in line for line in said)


@pytest.fixture
def spoken_rows(tmp_path: Path) -> list[tuple[str, str]]:
    """Twelve recordings with texts of different lengths, 15 characters a second."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(12):
        text = " ".join(["hello", "you", "there", "morning"][n % 4] for n in range(rng.integers(1, 12)))
        length = int(16_000 * (len(text) / 15 + 0.3 + 0.2 * rng.random()))
        soundfile.write(tmp_path / f"{number}.wav", 0.3 * np.sin(np.arange(length) / (5 + number)), 16_000)
        rows.append((f"{number}.wav", text))
    return rows


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_texts_that_were_shifted_by_a_row_are_found_by_their_lengths(tmp_path, spoken_rows, shift):
    names, texts = zip(*spoken_rows, strict=True)
    texts = np.roll(texts, shift)
    table = "".join(f"{name},{text}\n" for name, text in zip(names, texts, strict=True))
    (tmp_path / "asr.csv").write_text(f"audio_path,transcription\n{table}")
    rows = read_manifest(tmp_path / "asr.csv")
    lines = describe(rows, audit(rows, Config()), Config())
    if shift == 0:
        assert "one row" not in lines
        assert imported(tmp_path, f"path,text\n{table}")[0]
        return
    fits = f"fit the texts one row {'below' if shift > 0 else 'above'} theirs"
    assert fits in lines
    with pytest.raises(UserError, match=f"{fits}: check that texts and files belong together"):
        imported(tmp_path, f"path,text\n{table}")


def test_a_rate_that_makes_speech_too_fast_is_noted(tmp_path, spoken_rows):
    for name, _ in spoken_rows:
        samples, _ = soundfile.read(tmp_path / name)
        soundfile.write(tmp_path / name, samples, 48_000)
    _, said = imported(tmp_path, "path,text\n" + "".join(f"{name},{text}\n" for name, text in spoken_rows))
    assert any("faster than people speak: check the sample rate of the files" in line for line in said)


def test_two_columns_of_texts_must_not_differ(clips):
    with pytest.raises(UserError, match="columns text and sentence, which differ in line 2"):
        imported(clips, "path,text,sentence\na.wav,hello,yellow\n")
    with pytest.raises(UserError, match="differ in line 1"):
        imported(clips, '{"path": "a.wav", "text": "hello", "transcription": "yellow"}', "t.json")
    found, _ = imported(clips, "path,text,sentence,words\na.wav,hello two,Hello 2!,2\nb.wav,yes,,1\n")
    assert list(found) == ["hello two", "yes"]


def test_a_row_in_another_language_is_named(clips):
    rows = "a.wav,hallo welt,de\nb.wav,hello,en-US\nb.wav,hello,English\nb.wav,hello,\n"
    found, said = imported(clips, f"path,text,language\n{rows}")
    assert list(found) == ["hello"] and "line 2: its language is 'de'" in "\n".join(said)


def test_a_text_of_one_channel_is_not_taught_with_their_mean(clips):
    soundfile.write(clips / "two.wav", 0.5 * np.sin(np.arange(32_000).reshape(-1, 2) / 5), 16_000)
    found, said = imported(clips, "path,text,channel\na.wav,hello,1\ntwo.wav,world,2\n")
    assert list(found) == ["hello"] and "the text belongs to channel 2: write each" in "\n".join(said)


def test_names_below_a_title_are_pointed_out(clips):
    with pytest.raises(UserError, match="has its column names in line 2: remove the lines above"):
        imported(clips, "My recordings,\naudio_path,transcription\na.wav,hello\n")


def test_keys_of_json_that_are_given_twice_or_not_at_all(clips):
    rows = [
        '{"path": "a.wav", "text": "hello", "text": "world"}',
        '{"path": "a.wav", "sentence": "hello"}',
        '{"path": "a.wav", "text": true}',
        '{"path": "b.wav", "text": "yes", "note": 1, "note": 2}',
    ]
    found, said = imported(clips, "\n".join(rows), "t.jsonl")
    assert list(found) == ["yes"]
    for line, reason in enumerate(["has the key 'text' twice", "lacks the key", "neither text nor"], 1):
        assert any(f"line {line}: " in each and reason in each for each in said)
    with pytest.raises(UserError, match="has the key 'u1' twice"):
        row = '"u1": {"path": "a.wav", "text": "hello"}'
        imported(clips, f"{{{row}, {row}}}", "u.json")


@pytest.mark.parametrize(
    "names",
    ["Begin Time - hh:mm:ss.ms\tEnd Time - hh:mm:ss.ms", "Begin Time - ss.msec\tEnd Time - ss.msec"],
)
def test_the_columns_of_elan_are_times(clips, names):
    ends = "00:00:00.500\t00:00:01.500" if "hh" in names else "0.500\t1.500"
    assert imported(clips, f"file\ttext\t{names}\na.wav\thello\t{ends}\n", "t.tsv")[0] == {"hello": 1.0}
    with pytest.raises(UserError, match="the unit hh:mm:ss:ff is not read: write seconds"):
        imported(clips, "path,text,Begin Time - hh:mm:ss:ff,End Time - hh:mm:ss:ff\na.wav,hello,0,1\n")


@pytest.mark.parametrize("names", ["ts_start,ts_end", "clipStart,clipEnd", "in,out", "seg_begin,seg_end"])
def test_times_of_one_segment_under_unknown_names(clips, names):
    with pytest.raises(UserError, match=r"seem to say where in .* rename them to start and end"):
        imported(clips, f"path,text,{names}\na.wav,yes\na.wav,hello,0.5,1.5\n")
    first, second = names.split(",")
    row = f'{{"path": "a.wav", "text": "hello", "{first}": 0.5, "{second}": 1.5}}'
    with pytest.raises(UserError, match="rename them to start and end"):
        imported(clips, row, "t.jsonl")


UNNAMED = {
    "Anfang,Ende": "0.5,1.5", "Beginn,Ende": "0,1", "début,fin": "0.5,1.5", "inicio,fin": "0,1",
    "início,término": "0.5,1.5", "inizio,fine": "0,1", "von,bis": "1,2", "начало,конец": "0,1",
    "开始,结束": "0.5,1.5", "left,right": "0.5,1.5", "a1,a2": "0:00:00.5,0:00:01.5",
    "startms,endms": "500,1500", "tb,te": "8000,24000", "seek,length": "0.25,1.5",
}  # fmt: skip


@pytest.mark.parametrize("names", UNNAMED)
def test_times_under_names_of_any_language_are_found_by_what_they_hold(clips, names):
    """Without them the whole recording would be taught with the text of a part of it."""
    row = f"a.wav,hello you,{UNNAMED[names]}"
    with pytest.raises(UserError, match="seem to say where in .* rename them to start and end, or remove"):
        imported(clips, f"path,text,{names}\n{row}\n")
    with pytest.raises(UserError, match="rename them to start and end, or remove them"):
        manifest(clips, f"audio_path,transcription,{names}\n{row}\n")
    first, second = names.split(",")
    start, end = UNNAMED[names].split(",")
    record = {"path": "a.wav", first: start, "text": "hello you", second: end}
    with pytest.raises(UserError, match="rename them to start and end"):
        imported(clips, json.dumps(record), "t.jsonl")


OTHER_NUMBERS = {
    "cer,wer": "0.05,0.25", "age,height": "31,172", "birth,year": "1985,2019", "snr,c50": "31.2,59.9",
    "f0_min,f0_max": "80.5,212.4", "low,high": "0.5,0.93", "words,letters": "2,9", "lat,lon": "-1.5,50.1",
    "x,whole": "0.0,5.0",
}  # fmt: skip


@pytest.mark.parametrize("names", OTHER_NUMBERS)
def test_other_pairs_of_numbers_are_not_taken_for_times(clips, names):
    soundfile.write(clips / "long.wav", 0.5 * np.sin(np.arange(80_000) / 5), 16_000)
    row = f"long.wav,hello you,{OTHER_NUMBERS[names]}"
    assert list(imported(clips, f"path,text,{names}\n{row}\n")[0]) == ["hello you"]
    assert len(manifest(clips, f"audio_path,transcription,{names}\n{row}\n").utterances) == 1


def test_a_length_in_seconds_is_compared_with_the_recording(clips):
    found, said = imported(clips, "path,text,length\na.wav,hello,2.04\nb.wav,yes,0.75\n")
    assert list(found) == ["hello"] and "its duration is 0.75 and the recording lasts 2.00" in "\n".join(said)


@pytest.mark.parametrize("columns", ["up_votes,down_votes", "from_room,to_room", "date_start,date_end"])
def test_other_columns_of_numbers_are_not_times(clips, columns):
    cells = {"up": "1,2", "fr": "kitchen,hall", "da": "2020-01-01,2020-01-02"}[columns[:2]]
    assert list(imported(clips, f"path,text,{columns}\na.wav,hello,{cells}\n")[0]) == ["hello"]


@pytest.mark.parametrize(
    "cell", ["0.5-1.5", '"[0.5, 1.5]"', "00:00.5 --> 00:01.5", "0.5s to 1.5s", '"0.50,1.50"']
)
def test_both_times_in_one_cell(clips, cell):
    with pytest.raises(UserError, match="'timestamp', which seems to say where .* write two columns"):
        imported(clips, f"path,text,timestamp\na.wav,hello,{cell.replace('00:00.5', '00:00:00.5')}\n")


@pytest.mark.parametrize("ends", ["0,0.0218", "0.0302,0.0493", "start_s"])
def test_times_in_minutes_or_days_are_not_taken_for_seconds(clips, ends):
    names, cells = ("start_s,end_s", "0.01,0.02") if ends == "start_s" else ("start,end", ends)
    found, said = imported(clips, f"path,text,{names}\na.wav,hello there,{cells}\nb.wav,yes,0,1.5\n")
    assert list(found) == ["yes"] and "is too short for 10 letters" in "\n".join(said)


@pytest.mark.parametrize("name", ["words", "utterance"])
def test_a_column_that_counts_is_not_the_text(clips, name):
    with pytest.raises(UserError, match=f"only figures in its column {name}, .* to transcription"):
        imported(clips, f"path,{name},caption\na.wav,2,hello world\nb.wav,1,yes\n")
    assert list(imported(clips, "path,text\na.wav,2\nb.wav,1\n")[0]) == ["two", "one"]


def test_names_of_speakers_before_the_texts_are_not_words(clips):
    with pytest.raises(UserError, match="a name before most of its texts, such as 'John:': write the names"):
        imported(clips, "path,text\na.wav,John: hello\nb.wav,Mary Ann: yes\n")
    assert list(imported(clips, "path,text\na.wav,Note: hello\nb.wav,Yes\n")[0]) == ["note hello", "yes"]


@pytest.mark.parametrize("names", ["training,validation", "trn,vld", "train-clean-100,dev_other"])
@pytest.mark.parametrize("column", ["split", "set", "my part"])
def test_splits_of_other_names_are_not_dropped(clips, names, column):
    first, second = names.split(",")
    said: list[str] = []
    (clips / "t.csv").write_text(f"path,text,{column}\na.wav,hello,{first}\nb.wav,yes,{second}\n")
    with pytest.raises(UserError, match=f"split '{first}' must be one of train, dev, test: write train"):
        folder.prepare(clips, clips.parent / "out", said.append)
    assert f"'{second}' must be one of train, dev, test: write dev" in "\n".join(said)


def test_a_column_of_splits_may_have_gaps_or_one_split(clips):
    for cells, splits in ((("train", "", "test"), ["train", "", "test"]), (("Test",) * 3, ["test"] * 3)):
        rows = "".join(f"{'aba'[n]}.wav,hello,{cell}\n" for n, cell in enumerate(cells))
        (clips / "t.csv").write_text(f"path,text,usage\n{rows}")
        path = folder.prepare(clips, clips.parent / f"out_{cells[1]}")
        assert [row.split for row in read_manifest(path, deal_splits=False).utterances] == splits


def test_folders_named_as_splits_are_noted(clips):
    for name in ("train", "test"):
        (clips / name).mkdir()
        (clips / "a.wav").rename(clips / name / "a.wav") if name == "train" else None
    (clips / "b.wav").rename(clips / "test/b.wav")
    _, said = imported(clips, "path,text\ntrain/a.wav,hello\ntest/b.wav,hello\n")
    assert any("its files lie in folders test and train, which do not become splits" in line for line in said)


@pytest.mark.parametrize("name", ["Sprache", "langue", "Language Name"])
def test_languages_in_other_words(clips, name):
    rows = "a.wav,hello,British English\nb.wav,yes,Englisch\nb.wav,ja,Deutsch\n"
    found, said = imported(clips, f"path,text,{name}\n{rows}")
    assert list(found) == ["hello", "yes"] and "its language is 'Deutsch'" in "\n".join(said)


def test_files_that_are_not_text_and_json_of_any_name(clips):
    for contents, form in ((b"PK\3\4\x14\0", "an Excel workbook"), (b"\x1f\x8b\x08", "packed with gzip")):
        (clips / "t.csv").write_bytes(contents)
        with pytest.raises(UserError, match=f"t.csv is {form}.*, not text: save it as CSV"):
            folder.prepare(clips, clips.parent / "out")
    assert list(imported(clips, '{"path": "a.wav", "text": "hello"}\n', "t.csv")[0]) == ["hello"]
    with pytest.raises(UserError, match="is a transcript of one recording, not a table of recordings: write"):
        imported(clips, '{"text": "hello", "segments": [{"start": 0.0, "end": 1.5}]}', "w.json")


@pytest.mark.parametrize("name", ["set", "Dataset", "usage"])
def test_a_column_of_splits_is_known_by_its_cells(clips, name):
    (clips / "t.csv").write_text(f"path,text,{name}\na.wav,hello,Train\nb.wav,yes,test\n")
    rows = read_manifest(folder.prepare(clips, clips.parent / "out")).utterances
    assert [row.split for row in rows] == ["train", "test"]
    _, said = imported(clips, f"path,text,{name}\na.wav,hello,train\nb.wav,yes,valid\n")
    assert "split 'valid' must be one of train, dev, test: write dev" in "\n".join(said)


def test_a_column_of_people_keeps_them_in_one_split(clips):
    (clips / "t.csv").write_text("path,text,Participant ID\na.wav,hello,ann\n")
    assert read_manifest(folder.prepare(clips, clips.parent / "out")).utterances[0].speaker == "ann"


def test_one_sound_in_two_splits_is_noted(clips):
    (clips / "c.wav").write_bytes((clips / "a.wav").read_bytes())
    soundfile.write(clips / "b.wav", 0.4 * np.sin(np.arange(32_000) / 7), 16_000)
    _, said = imported(clips, "path,text,split\na.wav,hello,train\nb.wav,yes,test\nc.wav,hello,test\n")
    (note,) = [line for line in said if line.startswith("note")]
    assert "line 4: " in note and "c.wav is the same sound as" in note and "a.wav at line 2" in note


def test_ljspeechs_form_with_empty_last_columns(clips):
    (clips / "wavs").mkdir()
    (clips / "a.wav").rename(clips / "wavs/a.wav")
    (clips / "b.wav").rename(clips / "wavs/b.wav")
    assert list(imported(clips, "a|hello|\nb|yes|\n")[0]) == ["hello", "yes"]
    found, said = imported(clips, "a|Hello|\nb|Yes!|yes\n")
    assert list(found) == ["yes"] and "line 1: the transcription holds no word" in "\n".join(said)


def test_a_text_before_its_file_is_read(clips):
    assert list(imported(clips, "hello,a.wav\nyes,b.wav\n")[0]) == ["hello", "yes"]


def test_a_line_of_json_that_is_nested_too_deeply_is_named(clips):
    """Python's parser has a limit, in a line as in a whole file."""
    rows = '{"path": "a.wav", "text": "hello"}\n' + "[" * 100_000 + "\n"
    found, said = imported(clips, rows, "t.jsonl")
    assert list(found) == ["hello"]
    assert any("line 2: it is nested too deeply" in line for line in said)


def test_json_lines_with_commas_and_without_json(clips):
    rows = '{"path": "a.wav", "text": "hello"},\n{"path": "b.wav", "text": "yes"},\n'
    assert list(imported(clips, rows, "t.jsonl")[0]) == ["hello", "yes"]
    with pytest.raises(UserError, match="line 1: it is not JSON .*: write one JSON object in each line"):
        imported(clips, "{'path': 'a.wav', 'text': 'hello'}\n", "t.jsonl")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("0.500000\t1.500000\thello\n", "label track of Audacity"),
        ("0,500000\t1,500000\thello, you\n", "label track of Audacity"),
        ("1\n00:00:00,500 --> 00:00:01,500\nhello\n", "file of subtitles"),
        ("WEBVTT\n\n00:00.500 --> 00:01.500\nhello, you\n", "file of subtitles"),
        ('File type = "ooTextFile"\nObject class = "TextGrid"\n', "TextGrid of Praat"),
        (";; a comment\na 1 ann 0.50 1.50 <o,f0> hello\n", "in the form STM"),
        ("a 1 0.10 0.30 hello 0.9\n", "in the form CTM"),
        ("SPEAKER a 1 0.10 0.30 <NA> <NA> ann <NA> <NA>\n", "list of speaker turns .RTTM."),
        ("0 46797 She had your dark suit\n", "transcript of TIMIT"),
        ('#!MLF!#\n"*/a.lab"\nhello\n', "label file of HTK"),
        ("<s> HELLO </s> (a)\n", "in the form TRN"),
        ("0:00:00.500,0:00:01.500\nhello\n", "file of subtitles"),
        ("[00:00.50]hello\n", "file of subtitles"),
        ('<tt xmlns="http://www.w3.org/ns/ttml"><body>', "transcript in XML"),
        ('<?xml version="1.0"?>\n<!DOCTYPE Trans SYSTEM "trans-14.dtd">\n<Trans>', "transcript in XML"),
        ("@UTF8\n@Begin\n*CHI:\thello .\n", "in the form CHAT"),
        ("0.5,1.5,hello\n", "list of times and texts"),
    ],
)
def test_transcripts_that_are_not_tables_are_named(clips, text, form):
    with pytest.raises(UserError, match=f"t.txt is a.* {form}, not a table of recordings: write"):
        imported(clips, text, "t.txt")


def test_a_folder_without_a_table_names_what_lies_in_it(clips):
    (clips / "a.TextGrid").write_text("")
    with pytest.raises(UserError, match="a.TextGrid is not a table of recordings: write a table"):
        folder.prepare(clips, clips.parent / "out")
    (clips / "train").mkdir()
    (clips / "train/metadata.csv").write_text("file_name,text\na.wav,hello\n")
    with pytest.raises(UserError, match="holds no table, but train does: name .*train.metadata.csv"):
        folder.prepare(clips, clips.parent / "out")
