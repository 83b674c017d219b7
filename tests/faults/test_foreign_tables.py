"""Tables in every form that people's programs write: the same rows come out of each, and rows in = rows used
+ rows named."""

import csv
import io
import json
import random
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib.corpora import folder as folder_corpus
from omni_lib.errors import UserError

RATE = 8000
SECONDS = {"a.wav": 2.0, "b.wav": 4.0, "sub/c d.wav": 3.0, "wavs/LJ001-0001.wav": 1.0}
PATHS = [
    "audio_path",
    "path",
    "audio",
    "file",
    "file_name",
    "wav",
    "wav_filename",
    "audio_filepath",
    "Audio Path",
    "audioFilepath",
]
TEXTS = ["transcription", "text", "sentence", "transcript", "wrd", "Transcript", "normalized_text"]
TIMES = [  # start, second column, whether that is the end, unit
    ("start", "end", True, "s"), ("start", "stop", True, "samples"), ("offset", "duration", False, "s"),
    ("start", "duration", False, "s"),
    ("start_time", "end_time", True, "s"), ("start_ms", "end_ms", True, "ms"),
    ("Start [s]", "End [s]", True, "s"), ("begin", "end", True, "s"),
    ("startTime", "endTime", True, "s"), ("start_sample", "end_sample", True, "samples"),
    ("offset_ms", "duration_ms", False, "ms"),
    ("start (ms)", "stop (ms)", True, "ms"), ("segment_start", "segment_end", True, "s"),
    ("start", "end", True, "ms"),
    ("xmin", "xmax", True, "s"), ("onset", "offset", True, "s"), ("start_s", "duration_s", False, "s"),
]  # fmt: skip
SAYINGS = [
    "hello world",
    "hello, world",
    "don't stop",
    'she said "no"',
    "how are you?",
    "; then: left",
    "the café",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("foreign")
    for name, seconds in SECONDS.items():
        (place / name).parent.mkdir(exist_ok=True)
        time = np.arange(int(seconds * RATE)) / RATE
        # the pitch rises, so that every part differs from every other
        soundfile.write(place / name, 0.5 * np.sin(2 * np.pi * (200 + 100 * time) * time), RATE)
    for litter in (".DS_Store", "Thumbs.db", "desktop.ini", "._table.csv", "._a.wav", "~$table.csv"):
        (place / litter).write_bytes(b"\0\5\26\7")
    return place


def a_table(rng: random.Random) -> tuple[str, bytes, list[tuple[str, str, float, float]], bool]:
    """Name and bytes of a table, and its rows: file, text as said, start and end in seconds; and whether they
    are segments."""
    rows = []
    for _ in range(rng.randint(1, 5)):
        name = rng.choice(list(SECONDS)[:3])
        start = rng.randrange(0, int(SECONDS[name] * 10) - 9) / 10
        end = rng.randrange(round(start * 10) + 7, int(SECONDS[name] * 10) + 1) / 10
        rows.append((name, rng.choice(SAYINGS), start, end))
    times = rng.choice(TIMES) if rng.random() < 0.5 else None
    columns = {rng.choice(PATHS): [row[0] for row in rows], rng.choice(TEXTS): [row[1] for row in rows]}
    if times:
        first, second, is_end, unit = times
        scale = {"s": 1, "ms": 1000, "samples": RATE}[unit]
        shown = (lambda value: f"{value:.1f}") if unit == "s" else (lambda value: str(round(value * scale)))
        columns[first] = [shown(row[2]) for row in rows]
        columns[second] = [shown(row[3] if is_end else row[3] - row[2]) for row in rows]
        if rng.random() < 0.5 and is_end and unit == "s" and second != "offset":
            columns["duration"] = [f"{row[3] - row[2]:.2f}" for row in rows]
    elif rng.random() < 0.3:
        columns["duration"] = [f"{SECONDS[row[0]]:.2f}" for row in rows]
    if rng.random() < 0.3:
        columns["speaker"] = [rng.choice("xyz") for _ in rows]
    if rng.random() < 0.3:
        columns["up_votes"] = ["2" for _ in rows]
    columns = dict(rng.sample(list(columns.items()), len(columns)))
    if rng.random() < 0.2:
        columns = {rng.choice(["", "Unnamed: 0", "id"]): [str(n) for n in range(len(rows))], **columns}
    if rng.random() < 0.15:
        lines = [
            {
                key: float(value) if re.fullmatch(r"[\d.]+", value) else value
                for key, value in zip(columns, cells, strict=True)
            }
            for cells in zip(*columns.values(), strict=True)
        ]
        form = rng.randrange(3)
        if form == 0:
            text = "".join(json.dumps(line) + "\n" for line in lines)
        else:
            text = json.dumps({f"utt{n}": line for n, line in enumerate(lines)} if form == 1 else lines)
        return "table.jsonl" if form == 0 else "table.json", text.encode(), rows, bool(times)
    return "table.csv", as_csv(rng, columns), rows, bool(times)


def as_csv(rng: random.Random, columns: dict[str, list[str]]) -> bytes:
    delimiter = rng.choice(",,;\t|")
    plain = delimiter in "\t|"  # no quotes there
    text = io.StringIO(newline="")
    trailing = [""] * rng.choice([0, 0, 0, 1, 3])
    lines = [[*cells, *trailing] for cells in zip(*columns.values(), strict=True)]
    if plain:
        lines = [
            [cell.replace("|", "/").replace("/ ", "") if cell in SAYINGS else cell for cell in line]
            for line in lines
        ]
    quoting = csv.QUOTE_NONE if plain else rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    writer = csv.writer(
        text, delimiter=delimiter, quoting=quoting, quotechar=None if plain else '"', lineterminator="\n"
    )
    writer.writerow([*columns, *(trailing if rng.random() < 0.5 else [])])
    writer.writerows(lines)
    written = text.getvalue()
    if not plain and rng.random() < 0.2:
        written = re.sub(rf'(?<=[\w"]){delimiter}"', f'{delimiter} "', written)  # a space before the quote
    if not plain and rng.random() < 0.2:
        written = written.replace("sub/", "sub\\")
    if rng.random() < 0.15 and delimiter != "\t":
        written = f"sep={delimiter}\n{written}"
    written = written.replace("\n", rng.choice(["\n", "\r\n", "\n\n"]))
    return written.encode(rng.choice(["utf-8", "utf-8-sig"]))


def as_said(text: str) -> str:
    return " ".join(re.sub("[^a-z ]", " ", text.replace("'", "").replace("é", "e").lower()).split())


def test_the_same_rows_come_out_of_every_form(place, tmp_path, inputs):
    sounds = {name: soundfile.read(place / name)[0] for name in SECONDS}
    for number in range(inputs(0.04)):
        rng = random.Random(f"form {number}")
        name, contents, rows, segments = a_table(rng)
        (place / name).write_bytes(contents)
        said: list[str] = []
        try:
            path = folder_corpus.prepare(place, tmp_path / "out", said.append)
        except UserError as refusal:  # a short table may fit several units: then the message gives the remedy
            assert "write the unit into the names" in str(refusal) and segments, (number, contents, refusal)
            continue
        finally:
            (place / name).unlink()
        assert said[-1] == f"{name}: {len(rows)} rows, {len(rows)} written, 0 left out", (
            number,
            contents,
            said,
        )
        with open(path, newline="", encoding="utf-8") as file:
            written = list(csv.DictReader(file))
        assert [row["transcription"] for row in written] == [as_said(row[1]) for row in rows], (
            number,
            contents,
        )
        for row, (source, _, start, end) in zip(written, rows, strict=True):
            sound, _ = soundfile.read(path.parent / row["audio_path"])
            whole = sounds[source]
            part = whole[round(start * RATE) : round(end * RATE)] if segments else whole
            assert abs(len(sound) - 2 * len(part)) <= 2, (number, contents, source, start, end)
            assert (
                np.abs(sound[::2][200 : len(part) - 200] - part[200:-200][: len(sound[::2]) - 400]).max()
                < 0.02
            )
        shutil.rmtree(tmp_path / "out")


WRONG = [
    "nowhere.wav",
    "A.wav",
    "a",
    "a.mp3",
    "c d.wav",
    "",
    "../x.wav",
    "http://x/a.wav",
    "C:\\x\\a.wav",
    "._a.wav",
    "sub",
]
NO_TIMES = [
    ("9.0", "9.9"),
    ("1.0", "0.5"),
    ("-1", "1"),
    ("x", "1"),
    ("0.5", "99"),
    ("nan", "1"),
    ("0.5", "0.5"),
    ("inf", "inf"),
]


def test_rows_in_are_rows_used_plus_rows_named(place, tmp_path, inputs, judged):
    for number in range(inputs(0.03)):
        rng = random.Random(f"wrong {number}")
        rows = []
        for _ in range(rng.randint(1, 6)):
            path = rng.choice(WRONG) if rng.random() < 0.3 else rng.choice(["a.wav", "b.wav"])
            start, end = rng.choice(NO_TIMES) if rng.random() < 0.3 else ("0.5", "1.5")
            text = (
                rng.choice(["<unk> hello", "", "nan", "B52", "x = y", "a\nb"])
                if rng.random() < 0.3
                else rng.choice(SAYINGS)
            )
            rows.append([path, start, end, text])
        text_io = io.StringIO(newline="")
        csv.writer(text_io).writerows([["audio_path", "start", "end", "text"], *rows])
        (place / "table.csv").write_text(text_io.getvalue(), encoding="utf-8")
        said: list[str] = []
        judged(folder_corpus.prepare, place, tmp_path / "out", said.append)
        named = sum(line.startswith("left out, table.csv line ") for line in said)
        manifest = tmp_path / "out" / "asr.csv"  # rows with the same sound and text share a file
        found = csv.DictReader(io.StringIO(manifest.read_text())) if manifest.exists() else ()
        written = [row["audio_path"] for row in found]
        assert named + len(written) == len(rows), (number, rows, said)
        assert {Path(path).name for path in written} == {
            path.name for path in (tmp_path / "out" / "wav").glob("*.wav")
        }
        for line in said[:named]:
            assert re.fullmatch(r"left out, table\.csv line \d+: .{12,}", line), line
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        (place / "table.csv").unlink()
