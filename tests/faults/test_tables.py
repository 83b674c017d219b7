"""Tables of any kind: no traceback, no hang, and rows in = rows used + rows listed with a reason."""

import csv
import io
import random
import re
import shutil

import numpy as np
import pytest
import soundfile

HEADER = ["audio_path", "transcription", "speaker", "split"]
GOOD_TEXTS = ["yes", "Don't STOP!", "one, two", 'say "a"', "naïve café", "ﬁne"]
BAD_TEXTS = [
    "",
    "  ",
    "7 times",
    "日本語",
    "-",
    "=1+1",
    "\N{GRINNING FACE}",
    "x\0y",
    "a\nb",
    "a\r\nb",
    "a\u2028b",
    "\x1b[2Jclear",
    "\ufeffbom",
]
GOOD_PATHS = [
    "a.wav",
    "b.wav",
    "sub dir/ü ß.wav",
    "../{name}/a.wav",
    "{folder}/b.wav",
    "./sub dir/../a.wav",
    " a.wav ",
]
BAD_PATHS = [
    "noise.wav",
    "sub dir",
    "none.wav",
    "",
    "a.wav/b",
    "a.wav\0",
    "x" * 300,
    "y/" * 3000,
    "a\tb.wav",
    "\ud7ff.wav",
    "\x1b[31m.wav",
]
FAR_PATHS = [
    "/etc/passwd",
    "../../../../../../etc/passwd",
    "/dev/zero",
    "C:\\x.wav",
    "~",
    "..",
    "$HOME",
    "*.wav",
    "http://example.org/a.wav",
]
SPLITS = ["train", "dev", "test", "", "", "", "Train", "validation", "train\0", "\x07"]
SPEAKERS = ["", "me", "you", "Zoë", "s" * 1000, "\x1b]0;title\x07", "0"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of three short sound files and one file that is not sound."""
    folder = tmp_path_factory.mktemp("tables")
    (folder / "sub dir").mkdir()
    for name in ("a.wav", "b.wav", "sub dir/ü ß.wav"):
        soundfile.write(folder / name, np.sin(np.arange(4000) / 7).astype("float32") / 2, 16_000)
    (folder / "noise.wav").write_bytes(random.Random(0).randbytes(500))
    return folder


def a_row(rng: random.Random, folder) -> list[str]:
    path = rng.choice(GOOD_PATHS if rng.random() < 0.6 else BAD_PATHS + FAR_PATHS).format(
        name=folder.name, folder=folder
    )
    text = rng.choice(GOOD_TEXTS if rng.random() < 0.7 else [*BAD_TEXTS, "word " * 300])
    row = [path, text, rng.choice(SPEAKERS), rng.choice(SPLITS[:6] if rng.random() < 0.8 else SPLITS)]
    if rng.random() < 0.05:
        row = row[: rng.randint(1, 3)] if rng.random() < 0.5 else [*row, "one too many"]
    return row


def a_sound_table(rng: random.Random, folder) -> tuple[bytes, int]:
    """A table that is valid CSV, with anything in its cells, and the number of its rows."""
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        lineterminator=rng.choice(["\n", "\r\n"]),
    )
    order = rng.sample(range(4), 4) if rng.random() < 0.3 else list(range(4))
    header = [HEADER[place] for place in order] + (["note"] if rng.random() < 0.1 else [])
    writer.writerow(header)
    rows = [a_row(rng, folder) for _ in range(rng.randint(0, 12))]
    for row in rows:
        writer.writerow([row[place] for place in order] if len(row) == 4 else row)
        if rng.random() < 0.05:
            text.write("\n")
    return text.getvalue().encode("utf-8-sig" if rng.random() < 0.2 else "utf-8"), len(rows)


def a_spoilt_table(rng: random.Random, folder) -> bytes:
    """A table with something wrong in its form."""
    contents, _ = a_sound_table(rng, folder)
    text = contents.decode("utf-8-sig")
    match rng.randrange(12):
        case 0:
            return text.encode(
                rng.choice(["utf-16", "utf-16-le", "utf-32", "utf-7", "cp037"]), errors="replace"
            )
        case 1:
            return text.encode(rng.choice(["latin-1", "cp1252", "shift-jis", "koi8-r"]), errors="replace")
        case 2:
            return contents[: rng.randint(0, len(contents))]
        case 3:
            place = rng.randint(0, len(contents))
            return (
                contents[:place]
                + rng.choice([b'"', b"\0", b"\r", b"\xff", b"\x80", b",,,,", b'"""'])
                + contents[place:]
            )
        case 4:
            return text.replace(
                rng.choice(HEADER), rng.choice(["", "audio_path", "Transcription", "path", "\0"]), 1
            ).encode()
        case 5:
            return text.replace("\n", "\r").encode()
        case 6:
            return text.replace(",", rng.choice([";", "\t", "|"])).encode()
        case 7:
            return text.partition("\n")[2].encode()  # no header
        case 8:
            return rng.randbytes(rng.randint(0, 300))
        case 9:
            return (
                contents
                + b"a.wav,"
                + rng.choice([b"x", b'"x\n', b"one two "]) * rng.choice([20_000, 150_000])
                + b",me,train\n"
            )
        case 10:
            return contents.replace(b"\n", b"\n" * rng.randint(2, 30))
        case _:
            damaged = bytearray(contents)
            for _ in range(rng.randint(1, 20)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            return bytes(damaged)


def test_rows_in_are_rows_used_plus_rows_listed(omni, folder, inputs):
    """`omni data check` on tables that are CSV, by the count of whoever wrote them."""
    for number in range(inputs(0.2)):
        contents, rows = a_sound_table(random.Random(f"table {number}"), folder)
        (folder / "asr.csv").write_bytes(contents)
        status, out, error = omni(["data", "check", str(folder / "asr.csv")])
        if status == 2:
            assert rows == 0 or "no usable row" in error, error
            continue
        counts = re.search(r"asr\.csv: (\d+) rows, (\d+) readable, (\d+) not", out)
        total, used, left_out = map(int, counts.groups())
        reasons = re.findall(r"^cannot be read, line (\d+): .+$", out, re.MULTILINE)
        assert (total, used + left_out) == (rows, rows), contents
        assert len(reasons) == len(set(reasons)) == left_out, out


def test_a_table_that_is_spoilt_is_read_or_refused_in_one_line(omni, folder, inputs):
    for number in range(inputs(0.16)):
        (folder / "asr.csv").write_bytes(a_spoilt_table(random.Random(f"spoilt {number}"), folder))
        status, out, _ = omni(["data", "check", str(folder / "asr.csv")])
        if status == 0:
            total, used, left_out = map(
                int, re.search(r"(\d+) rows, (\d+) readable, (\d+) not", out).groups()
            )
            assert (
                total
                == used + left_out
                == used + len(re.findall(r"^cannot be read, line ", out, re.MULTILINE))
            )


def test_the_same_tables_beside_somebodys_own_recordings(omni, folder, tmp_path, inputs):
    """`omni data folder`: rows = rows written + rows left out by line, and nothing is read from outside the
    folder."""
    for number in range(inputs(0.04)):
        rng = random.Random(f"folder {number}")
        contents = a_spoilt_table(rng, folder) if rng.random() < 0.5 else a_sound_table(rng, folder)[0]
        (folder / "asr.csv").write_bytes(contents)
        status, out, _ = omni(["data", "folder", str(folder), "--out", str(tmp_path / "out")])
        if status == 0:
            total, written, left_out = map(
                int, re.search(r"(\d+) rows, (\d+) written, (\d+) left out", out).groups()
            )
            assert (
                total
                == written + left_out
                == written + len(re.findall(r"^left out, asr\.csv line ", out, re.MULTILINE))
            )
            assert len((tmp_path / "out" / "asr.csv").read_text(encoding="utf-8").splitlines()) == written + 1
            shutil.rmtree(tmp_path / "out")
        left = {path.name for path in tmp_path.iterdir()}
        assert left <= {".out.partial-lock"}, (
            "a refusal leaves nothing behind; the lock is of a corpus that was made"
        )


@pytest.mark.parametrize("line", [
    b"a.wav," + b"x" * 10_000_000 + b",me,train\n",
    b"x" * 10_000_000 + b",yes,me,train\n",
    b"a.wav," + b"yes " * 2_500_000 + b",me,train\n",
    b'a.wav,"' + b"\n" * 10_000_000 + b'",me,train\n',
    b"," * 10_000_000 + b"\n",
    b"\n" * 10_000_000,
    b"\0" * 10_000_000 + b"\n",
], ids=["text", "path", "words", "newlines", "commas", "blank lines", "NUL"])  # fmt: skip
def test_ten_megabytes_in_one_line(omni, folder, line):
    (folder / "asr.csv").write_bytes(
        b"audio_path,transcription,speaker,split\na.wav,yes,me,train\n" + line + b"b.wav,no,you,dev\n"
    )
    status, out, error = omni(["data", "check", str(folder / "asr.csv")])
    if status == 0:
        total, used, left_out = map(int, re.search(r"(\d+) rows, (\d+) readable, (\d+) not", out).groups())
        assert used == 2 and total == used + left_out == (2 if not line.strip() else 3)
    else:
        assert re.search(r"from line 3 on", error)


def test_a_duplicate_column_is_refused(omni, folder):
    """Otherwise the last of the two texts would be used without a warning."""
    (folder / "asr.csv").write_bytes(b"audio_path,transcription,transcription\na.wav,yes,no\n")
    status, _, error = omni(["data", "check", str(folder / "asr.csv")])
    assert status == 2 and "transcription" in error and "twice" in error
