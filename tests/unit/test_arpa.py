"""A language model's file is read as it is meant, or refused in one line that names the line of the file."""

import bz2
import gzip
from pathlib import Path

import pytest

from omni_lib.errors import UserError
from omni_lib.inference.arpa import read_arpa, refuse_to_overwrite, write_arpa
from omni_lib.inference.language_model import END, NEVER, ORDERS, START, UNKNOWN, estimate

SENTENCES = ["the cat sat", "the cat ran", "a dog ran", "the dog sat on the mat"]
MODEL = r"""
\data\
ngram 1=5
ngram 2=2

\1-grams:
-1.0	<unk>
-99	<s>	-0.3
-1.0	</s>
-1.0	hello	-0.3
-1.0	world	-0.3

\2-grams:
-0.4	hello world
-0.5	<s> hello

\end\
""".lstrip()


def written(folder: Path, text: str | bytes, name: str = "lm.arpa") -> Path:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / name


@pytest.mark.parametrize("number", range(40))
def test_what_is_packed_is_judged_by_its_contents(tmp_path, number):
    """A packed file is a few bytes of any value: often there is a CR among them and no LF."""
    text = MODEL.replace("hello", f"hello{'abcdefghij'[number % 10] * (number // 10)}")
    assert read_arpa(written(tmp_path, gzip.compress(text.encode(), mtime=number))).order == 2
    for spoilt, words in ((text.replace("\n", "\r").encode(), "CR alone"), (text.encode("utf-16"), "UTF-16")):
        with pytest.raises(UserError, match=words):
            read_arpa(written(tmp_path, gzip.compress(spoilt, mtime=number)))


@pytest.mark.parametrize("order", ORDERS)
def test_an_arpa_file_holds_the_same_model(tmp_path, order):
    model = estimate(SENTENCES, order)
    write_arpa(model, tmp_path / "lm.arpa")
    again = read_arpa(tmp_path / "lm.arpa")
    assert again.order == order and again.words == model.words
    for text in ("the cat sat on the mat", "a cat never ran", "mat"):
        assert again.score_sentence(text.split()) == pytest.approx(
            model.score_sentence(text.split()), abs=1e-4
        )


@pytest.mark.parametrize(
    "contents",
    [
        MODEL.encode(),
        b"\xef\xbb\xbf" + MODEL.encode(),
        MODEL.replace("\n", "\r\n").encode(),
        MODEL.replace("\t", "  ").encode(),
        MODEL.encode() + b"\x1a" + b"\0" * 9,
        b"a comment\nngram 1=99\n\n" + MODEL.encode(),
        MODEL.replace("ngram 1=5", "ngram 1 = 5").encode(),
        MODEL.replace("\n\n", "\n").encode() + b"\n \n",
        MODEL.replace("-99", "-inf").encode(),
        MODEL.replace("hello world", "hello world\t0").encode(),
        MODEL.replace("<unk>", "<UNK>").replace("s>", "S>").encode(),
        MODEL.replace("ngram 2=2", "ngram 2=2\nngram 3=0").encode(),
        MODEL.replace("ngram 2=2", "ngram 2=2\nngram 3=0").replace("\\end\\", "\\3-grams:\n\\end\\").encode(),
        gzip.compress(MODEL.encode()),
    ],
    ids=[
        "as written",
        "byte order mark",
        "CRLF",
        "spaces",
        "an end of DOS",
        "comment",
        "spaces in the header",
        "other empty lines",
        "-inf",
        "back-off weight of the longest",
        "capitals of the markers",
        "no section of none",
        "section of none",
        "gzip",
    ],
)
def test_every_usual_form_of_a_file_gives_the_same_model(tmp_path, contents):
    model = read_arpa(written(tmp_path, contents))
    assert model.words == ["hello", "world"]
    assert model.probability == {
        (UNKNOWN,): -1,
        (START,): NEVER,
        (END,): -1,
        ("hello",): -1,
        ("world",): -1,
        ("hello", "world"): -0.4,
        (START, "hello"): -0.5,
    }
    assert model.backoff.get(("hello",)) == model.backoff.get((START,)) == -0.3
    assert model.score((START, "hello"), END) == pytest.approx(-1.3)


def test_without_unk_an_unknown_word_is_impossible(tmp_path):
    model = read_arpa(written(tmp_path, MODEL.replace("-1.0\t<unk>\n", "").replace("1=5", "1=4")))
    assert model.score((START,), "other") == pytest.approx(NEVER - 0.3)


def test_missing_back_off_weights_count_as_one(tmp_path):
    model = read_arpa(written(tmp_path, MODEL.replace("\t-0.3", "")))
    assert model.score((START, "world"), "hello") == -1.0


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (MODEL, "", r"no line of it is \\data\\"),
        (MODEL, "\0\x80" * 100, r"no line of it is \\data\\"),
        (MODEL, "x" * 100_000, "line 1 is longer than"),
        ("\\data\\", "", r"no line of it is \\data\\"),
        ("ngram 1=5", "", "line 3: 'ngram 2=2' stands where the count of 1-grams"),
        ("ngram 1=5", "ngram 1=-5", "line 2: 'ngram 1=-5' is not a count"),
        ("ngram 1=5", "ngram 1=5\nngram 1=5", "line 3: .* stands where the count of 2-grams"),
        ("ngram 1=5\nngram 2=2", "", r"line 4: .* without a count"),
        ("ngram 1=5", "ngram 1=6", "line 2 declares 6 1-grams, but 5 follow"),
        ("ngram 1=5", "ngram 1=" + "9" * 18, "line 2 declares 9+ 1-grams, but 5 follow"),
        ("ngram 1=5", "ngram 1=" + "9" * 5000, "line 2: .* is not a count"),
        ("ngram 2=2", "ngram 2=1", "line 3 declares 1 2-grams, but 2 follow"),
        ("ngram 2=2", "ngram 2=2\nngram 3=1", r"line 17: .* stands where \\3-grams: must stand"),
        ("ngram 2=2\n", "", r"line 11: .*2-grams.* stands where \\end\\ must follow"),
        ("\\1-grams:", "\\1-gram:", r"line 5: .* stands where \\1-grams: must stand"),
        ("\\end\\", "", r"ends at line 16 without a line \\end\\"),
        ("<s> hello\n\n\\end\\\n", "<s> hel", r"without a line \\end\\|not among the 1-grams"),
        (MODEL, MODEL + MODEL, r"line 17: .* follows \\end\\"),
        ("-0.4\t", "", "line 13: 'hello world' is not a 2-gram"),
        ("-0.4\t", "-0,4\t", "line 13: .* has '-0,4' where a number must stand"),
        ("-0.4\t", "nan\t", "line 13: .* has 'nan'"),
        ("-0.4\t", "inf\t", "line 13: .* has 'inf'"),
        ("-0.4\t", "1_0\t", "line 13: .* has '1_0'"),
        ("-0.4\t", "0.4\t", "line 13: .* has a positive log10 probability"),
        ("hello\t-0.3", "hello\t1e300", "line 9: .* has a logarithm above 99"),
        ("hello\t-0.3", "hello\tnan", "line 9: .* has 'nan' where a number must stand"),
        ("hello\t-0.3", "hello\tthere\t-0.3", "line 9: .* is not a 1-gram"),
        ("<s> hello", "hello world", "line 14: .* is an n-gram that is already listed"),
        ("-1.0\tworld", "-1.0\thello", "line 10: .* is an n-gram that is already listed"),
        ("<s> hello", "<s> there", "line 14: .* has the word 'there', which is not among the 1-grams"),
        ("-99\t<s>", "-99\ta", "line 14: .* has the word '<s>'"),
        ("</s>", "<e>", "has no </s> among its 1-grams"),
        ("hello", "\x1b[2J\x85", "."),
    ],
)
def test_a_malformed_file_is_refused_by_line(tmp_path, old, new, complaint):
    assert old in MODEL
    path = written(tmp_path, MODEL.replace(old, new, 1))
    with pytest.raises(UserError, match=complaint) as refusal:
        read_arpa(path)
    assert str(path) in str(refusal.value) and str(refusal.value).isprintable()


@pytest.mark.parametrize(
    ("contents", "complaint"),
    [
        (MODEL.replace("world", "café").encode("latin-1"), "line 10: .* is not encoded in UTF-8"),
        (MODEL.encode("utf-16"), "UTF-16: save it as UTF-8"),
        (b"mmap lm http://kheafield.com/code format version 5\n\0", "binary file of KenLM"),
        (gzip.compress(MODEL.encode())[:-20], "cannot be read as an ARPA language model"),
        (gzip.compress(MODEL.encode())[:30] + b"\0" * 30, "cannot be read as an ARPA language model"),
        (b"\x1f\x8b", "cannot be read as an ARPA language model"),
        (bz2.compress(MODEL.encode()), "is packed in a way that is not read: unpack it"),
        (gzip.compress(gzip.compress(MODEL.encode())), "is packed in a way that is not read: unpack it"),
        (b"<!DOCTYPE html><html>", "is a web page, not a language model: download the file itself"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS, not a language model: .* git lfs pull"),
        (bytes(100), "begins with zeros, .*: copy it again"),
        (MODEL.encode().replace(b"\n", b"\r"), "ends its lines with CR alone: save it with the line ends LF"),
    ],
    ids=[
        "latin-1",
        "UTF-16",
        "KenLM",
        "cut gzip",
        "damaged gzip",
        "two bytes of gzip",
        "bzip2",
        "gzip twice",
        "web page",
        "Git LFS",
        "zeros",
        "CR",
    ],
)
def test_a_file_in_another_encoding_is_refused_in_one_line(tmp_path, contents, complaint):
    with pytest.raises(UserError, match=complaint) as refusal:
        read_arpa(written(tmp_path, contents))
    assert str(refusal.value).isprintable()


def test_a_missing_file_and_a_folder_name_the_remedy(tmp_path):
    for path in (tmp_path / "none.arpa", tmp_path):
        with pytest.raises(UserError, match="omni lm build"):
            read_arpa(path)


@pytest.mark.parametrize("problem", ["append", "count"])
def test_the_remedies_that_messages_name_do_help(tmp_path, problem):
    if problem == "append":
        path = written(tmp_path, MODEL.replace("\\end\\\n", ""))
    else:
        path = written(tmp_path, MODEL.replace("1=5", "1=4"))
    with pytest.raises(UserError, match=problem):
        read_arpa(path)
    text = path.read_text() + "\\end\\\n" if problem == "append" else path.read_text().replace("1=4", "1=5")
    assert read_arpa(written(tmp_path, text)).words == ["hello", "world"]


@pytest.mark.parametrize("contents", [b"audio_path,transcription\n", b"\x00\x01", b"x" * 100_000])
def test_no_other_file_is_overwritten(tmp_path, contents):
    (tmp_path / "asr.csv").write_bytes(contents)
    with pytest.raises(UserError, match="is not an ARPA language model: choose another name"):
        refuse_to_overwrite(tmp_path / "asr.csv")
    for name in ("lm.arpa", "empty", "new", "."):
        (tmp_path / "lm.arpa").write_text(MODEL)
        (tmp_path / "empty").touch()
        refuse_to_overwrite(tmp_path / name)
