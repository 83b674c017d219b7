"""The data of the lessons: clips and encoders that come with the course, and the corpus made at first use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omni_lib.config import Config
from omni_lib.corpora.synth import synthesise
from omni_lib.errors import UserError
from omni_lib.machine.clone import ROOT
from omni_lib.manifest import Utterance, read_manifest
from omni_lib.recogniser import Recogniser, load_recogniser

CLIPS = ROOT / "data" / "clips" / "asr.csv"
PRETRAINED = ROOT / "data" / "pretrained" / "audio_enc_tiny.pt"
VOICE = PRETRAINED.with_name("audio_enc_voice.pt")  # trained also on recordings of people
CORPUS = ROOT / "data" / "audio" / "asr.csv"


def clips() -> dict[str, Utterance]:
    """The clips of `data/clips` by name: "hello", "digits", …

    The chapter's three sample sentences were part of the training; all other clips are from the test set.
    """
    return {utterance.path.stem: utterance for utterance in read_manifest(CLIPS).utterances}


def checkpoint(path: str | Path) -> Path:
    """The absolute path of a checkpoint that is given relative to the project, as in every notebook's folder.

    Raises:
        UserError: the file does not exist.
    """
    found = ROOT / path
    if not found.is_file():
        raise UserError(
            f"{path} does not exist: train one in lesson 05, or use 'data/pretrained/audio_enc_tiny.pt'"
        )
    return found


@contextmanager
def reading(path: Path, remedy: str = "restore it from the course") -> Iterator[None]:
    """Name file and remedy if a file that comes with the course cannot be read inside the `with` block.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}): it comes with the course, so restore it from there"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path} is damaged: {remedy}") from None


def pretrained() -> tuple[Recogniser, Config]:
    """The recogniser that was trained on the embedded corpus, in evaluation mode, and its settings."""
    return load_recogniser(PRETRAINED)


def corpus() -> Path:
    """The manifest of the embedded corpus.

    If the corpus is missing, or has another version, seed or size, it is made first, in less than a minute.
    """
    return synthesise(CORPUS.parent)


def test_utterances() -> list[Utterance]:
    """The test set of the embedded corpus, which is made first if it is missing."""
    return read_manifest(corpus()).split("test")
