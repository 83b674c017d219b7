"""What the lessons are about: some clips that come with the course, the trained encoder, and the corpus, made when it is asked for."""

from __future__ import annotations

from pathlib import Path

from omni_lib.config import Config
from omni_lib.corpora.synth import synthesise
from omni_lib.machine.clone import ROOT
from omni_lib.manifest import Utterance, read_manifest
from omni_lib.recogniser import Recogniser, load_recogniser

CLIPS = ROOT / "data" / "clips" / "asr.csv"
PRETRAINED = ROOT / "data" / "pretrained" / "audio_enc_tiny.pt"
VOICE = PRETRAINED.with_name("audio_enc_voice.pt")  # trained on people too
CORPUS = ROOT / "data" / "audio" / "asr.csv"


def clips() -> dict[str, Utterance]:
    """The clips of `data/clips` by name: "hello", "digits", …; all but the chapter's three samples are of the test set."""
    return {utterance.path.stem: utterance for utterance in read_manifest(CLIPS).utterances}


def pretrained() -> tuple[Recogniser, Config]:
    """The recogniser trained on the embedded corpus, in evaluation mode, and its settings."""
    return load_recogniser(PRETRAINED)


def plain_ctc() -> Recogniser:
    """The recogniser for a learner's own voice. It was trained on CTC alone, without a bonus for entropy: its letters are peaks."""
    return load_recogniser(VOICE)[0]


def corpus() -> Path:
    """The manifest of the embedded corpus; made first where there is none, in about a minute."""
    return CORPUS if CORPUS.exists() else synthesise(CORPUS.parent)
