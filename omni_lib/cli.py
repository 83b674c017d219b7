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


def _declare_data(parsers: _Parsers) -> None:
    data = parsers.add_parser("data", help="make, import or check a corpus").add_subparsers(
        title="corpora", required=True
    )
    about = (
        "Synthesise the embedded corpus. Its first 1000 training, 100 dev and 200 test utterances are always "
        "the same; with larger numbers, others follow them."
    )
    synth = data.add_parser(
        "synth", help="synthesise the embedded corpus, or a larger one", description=about
    )
    synth.add_argument("--out", type=Path, default=Path("data/audio"), metavar="DIR", help=_OUT)
    synth.add_argument("--seed", type=int, default=0, help=f"of all random draws {_DEFAULT}")
    for split, count, name in (("train", 1000, "training"), ("dev", 100, "dev"), ("test", 200, "test")):
        utterances = f"number of {name} utterances {_DEFAULT}"
        synth.add_argument(f"--{split}", type=int, default=count, metavar="N", help=utterances)
    texts = "number of different texts of the training utterances after the first 1000 (default: all differ)"
    synth.add_argument("--texts", type=int, metavar="N", help=texts)
    voices = (
        "number of voices drawn at random that speak these utterances, besides the named voices (default: a "
        "new one each time)"
    )
    synth.add_argument("--voices", type=int, metavar="N", help=voices)
    synth.set_defaults(run=commands.data_synth)
    an4 = data.add_parser("an4", help="import CMU AN4 from its folder or archive")
    an4.add_argument(
        "source",
        type=Path,
        nargs="?",
        help="the folder or .tar.gz as it was published; without it, its address, size and licence are shown",
    )
    an4.add_argument("--out", type=Path, default=Path("data/an4"), metavar="DIR", help=_OUT)
    an4.add_argument(
        "--dev",
        choices=("usual", "confirmation"),
        default="usual",
        help=f"which ten speakers of the training part become dev {_DEFAULT}",
    )
    an4.set_defaults(run=commands.data_an4)
    voice = data.add_parser(
        "voice", help="AN4 as it is and in noisy rooms, and synthetic speech: to recognise a learner's voice"
    )
    voice.add_argument(
        "--an4",
        type=Path,
        default=Path("data/an4"),
        metavar="DIR",
        help=f"the folder that 'omni data an4' has made {_DEFAULT}",
    )
    voice.add_argument(
        "--synth",
        type=Path,
        default=Path("data/audio"),
        metavar="DIR",
        help=f"the folder that 'omni data synth' has made {_DEFAULT}",
    )
    voice.add_argument("--out", type=Path, default=Path("data/voice"), metavar="DIR", help=_OUT)
    voice.add_argument("--seed", type=int, default=0, help=f"of the rooms and the noise {_DEFAULT}")
    voice.set_defaults(run=commands.data_voice)
    for name, title in (
        ("librispeech", "LibriSpeech"),
        ("ljspeech", "LJ Speech"),
        ("commonvoice", "Common Voice (English)"),
    ):
        published = data.add_parser(name, help=f"import {title} from its published folders or archives")
        published.add_argument(
            "source",
            nargs="*",
            help=f"folder or archive{'' if name == 'commonvoice' else ', or its address'}; without one, the "
            "address, size and licence of the corpus are shown",
        )
        published.add_argument("--out", type=Path, default=Path("data") / name, metavar="DIR", help=_OUT)
        published.set_defaults(run=commands.data_published, corpus=name)
    folder = data.add_parser("folder", help="import your own recordings and the table of their texts")
    folder.add_argument(
        "source", type=Path, help="a folder of sound files with their table: CSV, TSV, JSON or JSON lines"
    )
    folder.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the new corpus")
    folder.set_defaults(run=commands.data_folder)
    cache = data.add_parser("cache", help="show where log-mels of large corpora are kept, and their size")
    cache.add_argument(
        "--clear",
        action="store_true",
        help="delete them, while no training runs; they are computed again when they are needed",
    )
    cache.set_defaults(run=commands.data_cache)
    check = data.add_parser("check", help="audit a corpus before training")
    check.add_argument("csv", type=Path, metavar="CSV", help="its manifest, asr.csv")
    check.add_argument(
        "--config",
        type=Path,
        metavar="JSON",
        help="settings by which CTC paths are counted (default: one CTC frame per embedding, one speed)",
    )
    check.set_defaults(run=commands.data_check)


def _declare_train(parsers: _Parsers) -> None:
    # the recorded command is read again: its options must not be abbreviated
    train = parsers.add_parser("train", help="train an encoder", allow_abbrev=False)
    train.add_argument(
        "--config", type=Path, required=True, metavar="JSON", help="the file of settings; see configs/"
    )
    train.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="replace one setting of the file; may be given several times",
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
    evaluate = parsers.add_parser("evaluate", help="measure the error rates of a checkpoint on a corpus")
    evaluate.add_argument("--checkpoint", type=Path, required=True, metavar="PT", help=_CHECKPOINT)
    evaluate.add_argument(
        "--data", type=Path, required=True, metavar="CSV", help="manifest of the corpus to transcribe"
    )
    evaluate.add_argument("--split", help=_SPLIT)
    decoders = ("greedy", "prefix", "beam")
    evaluate.add_argument(
        "--decoder",
        choices=decoders,
        default="greedy",
        help="greedy: the text of the most probable path; prefix: the most probable text, found by prefix "
        f"search; beam: with a language model, needs --lm {_DEFAULT}",
    )
    evaluate.add_argument(
        "--lm", type=Path, metavar="ARPA", help="language model of the beam decoder (see 'omni lm build')"
    )
    evaluate.add_argument("--json", action="store_true", help="print JSON, with the rates as fractions")
    evaluate.set_defaults(run=commands.evaluate)


def _declare_lm(parsers: _Parsers) -> None:
    lm = parsers.add_parser("lm", help="build a language model").add_subparsers(title="models", required=True)
    build = lm.add_parser("build", help="build an n-gram model of words from the transcripts of a corpus")
    build.add_argument(
        "--data", type=Path, required=True, metavar="CSV", help="manifest that holds the transcripts"
    )
    build.add_argument("--split", default="train", help=f"the split whose transcripts are counted {_DEFAULT}")
    build.add_argument("--out", type=Path, required=True, metavar="ARPA", help="file to write")
    build.add_argument(
        "--order", type=_positive, default=3, metavar="N", help=f"words in the longest n-grams {_DEFAULT}"
    )
    build.set_defaults(run=commands.lm_build)


def _declare_transcribe(parsers: _Parsers) -> None:
    transcribe = parsers.add_parser("transcribe", help="transcribe sound files of any length")
    transcribe.add_argument("--checkpoint", type=Path, required=True, metavar="PT", help=_CHECKPOINT)
    transcribe.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a recording of speech")
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
    export = parsers.add_parser(
        "export", help="write a small checkpoint for inference: half precision, with its error rates inside"
    )
    export.add_argument("--checkpoint", type=Path, required=True, metavar="PT", help=_CHECKPOINT)
    kind = export.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        "--data", type=Path, metavar="CSV", help="corpus on which the exported model is measured"
    )
    kind.add_argument(
        "--safetensors",
        action="store_true",
        help="write the encoder alone, in single precision and the safetensors format, without a measurement",
    )
    export.add_argument("--split", help=_SPLIT)
    export.add_argument(
        "--limits",
        default="",
        metavar="TEXT",
        help="what the model should not be used for; stored in the file",
    )
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write")
    export.set_defaults(run=commands.export)


def _declare_doctor_and_lab(parsers: _Parsers) -> None:
    parsers.add_parser(
        "doctor", help="check this machine: name what is missing or does not match, and the remedy"
    ).set_defaults(run=commands.doctor)
    lab = parsers.add_parser("lab", help="open JupyterLab on your own copies of the notebooks")
    lab.add_argument(
        "--workspace", type=Path, metavar="FOLDER", help="folder of your copies (default: notebooks/my)"
    )
    lab.set_defaults(run=commands.lab)


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
