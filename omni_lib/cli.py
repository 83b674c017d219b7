"""The command line: `omni data | train | evaluate | lm | transcribe | export | doctor | lab`.

This file declares the options; `commands.py` does what they ask for.

Exit status: 0 done; 2 an error that the user can fix, reported in one line; 130 interrupted after a clean
save; 1 a bug.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omni_lib import commands
from omni_lib.errors import UserError

# argparse has no public name for what `add_subparsers` returns
_Parsers = argparse._SubParsersAction

_DEFAULT = "(default: %(default)s)"
_OUT = f"folder of the corpus {_DEFAULT}"
_CHECKPOINT = "file of a trained model"
_SPLIT = "the rows to use: train, dev or test (default: test, or every row if no row names a split)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows console may be unable to show ✓
            stream.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except UserError as error:
        print(f"omni: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("omni: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # `omni … | head` has closed the pipe; without this, Python's own flush at exit would fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="omni", description="Train a speech encoder, and measure how well it recognises speech."
    )
    parsers = parser.add_subparsers(title="commands", required=True)
    _declare_data(parsers)
    _declare_train(parsers)
    _declare_evaluate(parsers)
    _declare_lm(parsers)
    _declare_transcribe(parsers)
    _declare_export(parsers)
    _declare_doctor_and_lab(parsers)
    return parser


def _command(parsers: _Parsers, name: str, about: str, more: str = "", **options: Any) -> Any:
    """A new command, whose own --help begins with `about`, its line in the list, and `more`."""
    description = f"{about[0].upper()}{about[1:]}. {more}"
    return parsers.add_parser(name, help=about, description=description, **options)


def _declare_data(parsers: _Parsers) -> None:
    data = _command(parsers, "data", "make, import or check a corpus").add_subparsers(
        title="commands", required=True
    )
    more = (
        "The first 1000 training, 100 dev and 200 test utterances are the same in every corpus; if you ask "
        "for more, further utterances follow."
    )
    synth = _command(data, "synth", "synthesise the embedded corpus, or a larger one", more)
    synth.add_argument("--out", type=_path, default=Path("data/audio"), metavar="DIR", help=_OUT)
    synth.add_argument("--seed", type=int, default=0, help=f"seed of all random draws {_DEFAULT}")
    for split, count, name in (("train", 1000, "training"), ("dev", 100, "dev"), ("test", 200, "test")):
        utterances = f"number of {name} utterances {_DEFAULT}"
        synth.add_argument(f"--{split}", type=int, default=count, metavar="N", help=utterances)
    texts = "number of different texts in the training utterances after the first 1000 (default: all differ)"
    synth.add_argument("--texts", type=int, metavar="N", help=texts)
    voices = (
        "number of random voices that speak these utterances, in addition to the named voices (default: a "
        "new voice each time)"
    )
    synth.add_argument("--voices", type=int, metavar="N", help=voices)
    synth.set_defaults(run=commands.data_synth)
    an4 = _command(data, "an4", "import CMU AN4 from its folder or archive")
    an4.add_argument(
        "source",
        type=_path,
        nargs="?",
        help="the published folder or .tar.gz; without one, the address, size and licence of AN4 are shown",
    )
    an4.add_argument("--out", type=_path, default=Path("data/an4"), metavar="DIR", help=_OUT)
    an4.add_argument(
        "--dev",
        choices=("usual", "confirmation"),
        default="usual",
        help=f"the ten speakers of the training part that become dev {_DEFAULT}",
    )
    an4.set_defaults(run=commands.data_an4)
    voice = _command(
        data,
        "voice",
        "build a corpus for recognising a learner's own voice",
        "It consists of AN4, of AN4 in noisy rooms, and of synthetic speech.",
    )
    voice.add_argument(
        "--an4",
        type=_path,
        default=Path("data/an4"),
        metavar="DIR",
        help=f"folder that 'omni data an4' has made {_DEFAULT}",
    )
    voice.add_argument(
        "--synth",
        type=_path,
        default=Path("data/audio"),
        metavar="DIR",
        help=f"folder that 'omni data synth' has made {_DEFAULT}",
    )
    voice.add_argument("--out", type=_path, default=Path("data/voice"), metavar="DIR", help=_OUT)
    voice.add_argument("--seed", type=int, default=0, help=f"seed of the rooms and the noise {_DEFAULT}")
    voice.set_defaults(run=commands.data_voice)
    for name, title in (
        ("librispeech", "LibriSpeech"),
        ("ljspeech", "LJ Speech"),
        ("commonvoice", "Common Voice (English)"),
    ):
        published = _command(data, name, f"import {title} from its published folders or archives")
        published.add_argument(
            "source",
            type=_given,
            nargs="*",
            help=f"folder or archive{'' if name == 'commonvoice' else ', or its address'}; without one, the "
            "address, size and licence of the corpus are shown",
        )
        published.add_argument("--out", type=_path, default=Path("data") / name, metavar="DIR", help=_OUT)
        published.set_defaults(run=commands.data_published, corpus=name)
    folder = _command(data, "folder", "import your own recordings and the table of their texts")
    folder.add_argument(
        "source", type=_path, help="folder of sound files with their table: CSV, TSV, JSON or JSON lines"
    )
    folder.add_argument("--out", type=_path, required=True, metavar="DIR", help="folder of the new corpus")
    folder.set_defaults(run=commands.data_folder)
    cache = _command(data, "cache", "show where log-mels of large corpora are kept, and their size")
    cache.add_argument(
        "--clear",
        action="store_true",
        help="delete these log-mels, while no training runs; they are computed again when they are needed",
    )
    cache.set_defaults(run=commands.data_cache)
    check = _command(data, "check", "audit a corpus before training")
    check.add_argument("csv", type=_path, metavar="CSV", help="manifest of the corpus, asr.csv")
    check.add_argument(
        "--config",
        type=_path,
        metavar="JSON",
        help="settings that decide which rows have a CTC path (default: 1 CTC frame per embedding, speed 1)",
    )
    check.set_defaults(run=commands.data_check)


def _declare_train(parsers: _Parsers) -> None:
    # the recorded command is read again: its options must not be abbreviated
    train = _command(parsers, "train", "train an encoder", allow_abbrev=False)
    train.add_argument(
        "--config", type=_path, required=True, metavar="JSON", help="file of settings; see configs/"
    )
    train.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override one setting of the file; may be given several times",
    )
    train.add_argument(
        "--resume",
        action="store_true",
        help="resume the run in save_dir if there is one, otherwise start it; if you have changed its data "
        "on purpose, add --set accept_changed_data=true",
    )
    train.add_argument(
        "--max-steps",
        type=_positive,
        metavar="N",
        help="save and stop at step N, counted from the start of the run; the learning rates stay the same",
    )
    train.set_defaults(run=commands.train)


def _declare_evaluate(parsers: _Parsers) -> None:
    evaluate = _command(parsers, "evaluate", "measure the error rates of a checkpoint on a corpus")
    evaluate.add_argument("--checkpoint", type=_path, required=True, metavar="PT", help=_CHECKPOINT)
    evaluate.add_argument(
        "--data", type=_path, required=True, metavar="CSV", help="manifest of the corpus to transcribe"
    )
    evaluate.add_argument("--split", type=_given, help=_SPLIT)
    decoders = ("greedy", "prefix", "beam")
    evaluate.add_argument(
        "--decoder",
        choices=decoders,
        default="greedy",
        help="greedy: the text of the most probable path; prefix: the most probable text, found by prefix "
        f"search; beam: beam search with a language model, which needs --lm {_DEFAULT}",
    )
    evaluate.add_argument(
        "--lm", type=_path, metavar="ARPA", help="language model of the beam decoder (see 'omni lm build')"
    )
    evaluate.add_argument("--json", action="store_true", help="print JSON, with the rates as fractions")
    evaluate.set_defaults(run=commands.evaluate)


def _declare_lm(parsers: _Parsers) -> None:
    lm = _command(parsers, "lm", "build a language model").add_subparsers(title="commands", required=True)
    build = _command(lm, "build", "build an n-gram model of words from the transcripts of a corpus")
    build.add_argument(
        "--data", type=_path, required=True, metavar="CSV", help="manifest that holds the transcripts"
    )
    build.add_argument("--split", default="train", help=f"the split whose transcripts are counted {_DEFAULT}")
    build.add_argument("--out", type=_path, required=True, metavar="ARPA", help="file to write")
    build.add_argument(
        "--order", type=_positive, default=3, metavar="N", help=f"words in the longest n-grams {_DEFAULT}"
    )
    build.set_defaults(run=commands.lm_build)


def _declare_transcribe(parsers: _Parsers) -> None:
    transcribe = _command(parsers, "transcribe", "transcribe sound files of any length")
    transcribe.add_argument("--checkpoint", type=_path, required=True, metavar="PT", help=_CHECKPOINT)
    transcribe.add_argument("files", type=_path, nargs="+", metavar="FILE", help="recording of speech")
    transcribe.add_argument("--json", action="store_true", help="print JSON, with the times of the words")
    transcribe.add_argument(
        "--longest",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="longest clip that the model was trained on (default: 10); longer sound is transcribed in "
        "overlapping blocks, with attention limited to 2 s on each side",
    )
    transcribe.set_defaults(run=commands.transcribe)


def _declare_export(parsers: _Parsers) -> None:
    export = _command(
        parsers,
        "export",
        "write a small checkpoint for inference",
        "It holds the weights in half precision, and the error rates of the model.",
    )
    export.add_argument("--checkpoint", type=_path, required=True, metavar="PT", help=_CHECKPOINT)
    kind = export.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        "--data", type=_path, metavar="CSV", help="corpus on which the exported model is measured"
    )
    kind.add_argument(
        "--safetensors",
        action="store_true",
        help="write the encoder alone, in single precision and the safetensors format, without a measurement",
    )
    export.add_argument("--split", type=_given, help=_SPLIT)
    export.add_argument(
        "--limits",
        default="",
        metavar="TEXT",
        help="what the model should not be used for; stored in the file",
    )
    export.add_argument("--out", type=_path, required=True, metavar="FILE", help="file to write")
    export.set_defaults(run=commands.export)


def _declare_doctor_and_lab(parsers: _Parsers) -> None:
    doctor = _command(
        parsers, "doctor", "check this machine: what is missing or does not match, and the remedy"
    )
    doctor.set_defaults(run=commands.doctor)
    lab = _command(parsers, "lab", "open JupyterLab on your own copies of the notebooks")
    lab.add_argument(
        "--workspace", type=_path, metavar="FOLDER", help="folder of your copies (default: notebooks/my)"
    )
    lab.set_defaults(run=commands.lab)


def _given(text: str) -> str:
    """A name that is not empty, as that of a shell variable without a value is."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty: write it, or leave the option out")
    return text


def _path(text: str) -> Path:
    return Path(_given(text))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 3600")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
