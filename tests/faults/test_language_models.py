"""Any file of a language model: both decoders transcribe the same with it, or one line refuses it."""

import gzip
import importlib.util
import math
import random
import re
from pathlib import Path

import pytest
import torch

from omni_lib.errors import UserError
from omni_lib.inference.arpa import read_arpa, write_arpa
from omni_lib.inference.beam_search import FlashlightDecoder, PrefixBeamDecoder
from omni_lib.inference.language_model import ORDERS, estimate
from omni_lib.inference.lexicon import spellings
from omni_lib.text import Vocabulary

DATA = Path(__file__).parents[2] / "data"
TINY, CLIPS = DATA / "pretrained" / "audio_enc_tiny.pt", DATA / "lessons" / "clips.csv"
VOCABULARY = Vocabulary()
SENTENCES = ["yes no", "no yes yes", "yes I don't", "NO café", "a no", "[noise] yes", "U.S. no 7th"]
NUMBERS = [
    "nan",
    "-inf",
    "inf",
    "1e999",
    "-1e999",
    "0",
    "0.5",
    "-0",
    "99",
    "-99",
    "-1e-9",
    "-0,3",
    "",
    "x",
    "3",
]
WORDS = [
    "<s>",
    "</s>",
    "<unk>",
    "<UNK>",
    "NO",
    "no",
    "nо",
    "yes yes",
    "\x1b[2J",
    "\0",
    "\ufeff",
    "’s",
    "ß",
    "|",
    "1",
]
MARKS = [
    "\\2-grams:",
    "\\1-grams:",
    "\\9-grams:",
    "\\end\\",
    "\\data\\",
    "ngram 2=3",
    "ngram 1=999999999999",
    "",
    "#",
]
COMPILED = importlib.util.find_spec("flashlight") is not None


def emissions(text: str, seed: int) -> torch.Tensor:
    """Log-probabilities (T, 29) that lean to a path of `text`."""
    path = [symbol for index in VOCABULARY.encode(text) for symbol in (index, 0)]
    logits = torch.randn(len(path), len(VOCABULARY), generator=torch.Generator().manual_seed(seed))
    logits[torch.arange(len(path)), path] += 3
    return logits.log_softmax(dim=-1)


@pytest.fixture(scope="module")
def sound_models(tmp_path_factory) -> list[str]:
    """The text of a whole ARPA file of each order."""
    path = tmp_path_factory.mktemp("models") / "lm.arpa"
    texts = []
    for order in ORDERS:
        write_arpa(estimate(SENTENCES, order), path)
        texts.append(path.read_text(encoding="utf-8"))
    return texts


def changed_line(line: str, rng: random.Random) -> str:
    """`line` with another number or word in it."""
    fields = re.split(r"(\s)", line)
    match rng.randrange(3):
        case 0:
            fields[0] = rng.choice(NUMBERS)
        case 1:
            fields[-1] = rng.choice(NUMBERS)
        case _:
            fields[rng.randrange(0, len(fields), 2)] = rng.choice(WORDS)
    return "".join(fields)


def changed(text: str, rng: random.Random) -> str:
    """`text` with one change of the kinds that files get from other tools, editors and networks."""
    lines = text.split("\n")
    place = rng.randrange(len(lines))
    match rng.randrange(12):
        case 0:
            return text.replace(rng.choice(["no", "yes", "<unk>", "<s>", "</s>", "I"]), rng.choice(WORDS))
        case 1:
            return text[: rng.randint(0, len(text))] + rng.choice(["", "\\end\\", "\n\\end\\\n"])
        case 2:
            return rng.choice(["\ufeff", "comment\n", "\n", "\\data\\\n"]) + text
        case 3:
            return text.replace("\t", rng.choice([" ", "\t\t", "\u00a0", ","]))
        case 4:
            return re.sub(r"=\d+", lambda count: f"={int(count[0][1:]) + rng.choice([0, 0, 1])}", text)
        case 5:
            lines.insert(place, rng.choice(MARKS))
        case 6:
            lines[place] = rng.choice(MARKS)
        case 7:
            lines.insert(place, rng.choice(lines))
        case 8:
            del lines[place : place + rng.randint(1, 3)]
        case _:
            lines[place] = changed_line(lines[place], rng)
    return "\n".join(lines)


def counted(text: str) -> str:
    """`text` with the counts that its sections have, so that changes of lines get past the counts."""
    for length in range(1, 10):
        section = re.search(rf"\\{length}-grams:\n((?:[^\\\n].*\n|\n)*)", text)
        if section:
            found = sum(bool(line.strip()) for line in section[1].split("\n"))
            text = re.sub(rf"ngram {length}=\d+", f"ngram {length}={found}", text)
    return text


def encoded(text: str, rng: random.Random) -> bytes:
    if rng.random() < 0.1:
        text = text.replace("\n", "\r\n")
    contents = text.encode(rng.choice(["utf-8"] * 8 + ["utf-8-sig", "utf-16", "latin-1"]), errors="replace")
    match rng.randrange(20):
        case 0:
            place = rng.randrange(len(contents) + 1)
            return contents[:place] + rng.randbytes(3) + contents[place + 3 :]
        case 1:
            return gzip.compress(contents)
        case 2:
            return gzip.compress(contents)[: rng.randrange(len(contents) + 1)]
        case _:
            return contents


def transcripts(path: Path, log_probs: torch.Tensor, beam: int = 20) -> list[str]:
    """What each decoder transcribes with the model in the file; the compiled one where it is installed."""
    model = read_arpa(path)
    assert math.isfinite(model.score_sentence(["yes", "no", "maybe"]))
    lines: list[str] = []
    lexicon = spellings(model, "lm.arpa", lines.append)
    assert len(lines) <= 1 and all(line.isprintable() for line in lines)
    decoders: list[PrefixBeamDecoder | FlashlightDecoder]
    decoders = [PrefixBeamDecoder(model, lexicon, VOCABULARY, beam)]
    if COMPILED:
        decoders.append(FlashlightDecoder(model, lexicon, VOCABULARY, beam))
    batch, lengths = log_probs[None], torch.tensor([len(log_probs)])
    return [decode(batch, lengths)[0] for decode in decoders]


def test_with_any_language_model_both_decoders_transcribe_the_same_or_one_line_refuses_it(
    judged, inputs, sound_models, tmp_path
):
    path, understood = tmp_path / "lm.arpa", 0
    for number in range(inputs(0.06)):
        rng = random.Random(f"arpa {number}")
        text = rng.choice(sound_models)
        for _ in range(rng.randint(0, 3)):
            text = changed(text, rng)
        text = counted(text) if rng.random() < 0.7 else text
        path.write_bytes(encoded(text, rng) if rng.random() < 0.98 else rng.randbytes(60))
        log_probs = emissions(rng.choice(["yes no", "no yes", "a no"]), number)
        texts = judged(transcripts, path, log_probs)
        if not isinstance(texts, UserError):
            understood += 1
            if len(set(texts)) > 1:  # of equally good hypotheses each decoder may prune another one
                texts = judged(transcripts, path, log_probs, 1000)
            assert len(set(texts)) == 1, (number, texts)
    assert understood > inputs(0.06) / 10


@pytest.mark.parametrize(
    ("order", "old", "new", "status"),
    [
        (1, "", "", 0),
        (6, "", "", 0),
        (2, "\tyes", "\tYES", 2),
        (2, "yes", "YES", 0),
        (2, "yes", "don't ever", 2),
        (2, "\\data\\", "from a tool\n\\data\\", 0),
        (2, "\\end\\", "", 2),
    ],
    ids=["order 1", "order 6", "some capitals", "capitals", "two words", "comment", "no end"],
)
def test_evaluate_transcribes_or_refuses_in_one_line(omni, sound_models, tmp_path, order, old, new, status):
    """The whole command, with the committed model and clips."""
    (tmp_path / "lm.arpa").write_text(sound_models[order - 1].replace(old, new), encoding="utf-8")
    arguments = ["--decoder", "beam", "--lm", str(tmp_path / "lm.arpa"), "--split", "dev"]
    result = omni(["evaluate", "--checkpoint", str(TINY), "--data", str(CLIPS), *arguments])
    assert result[0] == status and "lm.arpa" in result[2]
    assert status or "WER" in result[1]
