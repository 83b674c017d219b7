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
    data = parsers.add_parser("data", help="make or check a corpus").add_subparsers(
        title="corpora", required=True
    )
    about = "The first 1000, 100 and 200 utterances of the splits are frozen: larger numbers add others."
    synth = data.add_parser("synth", help="synthesise the embedded corpus", description=about)
    synth.add_argument("--out", type=Path, default=Path("data/audio"))
    synth.add_argument("--seed", type=int, default=0)
    for split, count in (("train", 1000), ("dev", 100), ("test", 200)):
        synth.add_argument(f"--{split}", type=int, default=count, metavar="N", help=f"default: {count}")
    texts = "number of different texts in the training utterances beyond 1000 (default: all differ)"
    synth.add_argument("--texts", type=int, metavar="N", help=texts)
    voices = "number of random voices for these, besides the named ones (default: a new one each time)"
    synth.add_argument("--voices", type=int, metavar="N", help=voices)
    synth.set_defaults(run=commands.data_synth)
    an4 = data.add_parser("an4", help="CMU AN4 from its original layout, folder or archive")
    an4.add_argument(
        "source", type=Path, nargs="?", help="the folder or .tar.gz; without it, the address of AN4 is shown"
    )
    an4.add_argument("--out", type=Path, default=Path("data/an4"))
    an4.add_argument(
        "--dev", choices=("usual", "confirmation"), default="usual", help="which ten speakers to hold out"
    )
    an4.set_defaults(run=commands.data_an4)
    voice = data.add_parser(
        "voice", help="AN4 as it is and in noisy rooms, and the embedded corpus: for a learner's own voice"
    )
    voice.add_argument("--an4", type=Path, default=Path("data/an4"), help="what 'omni data an4' made")
    voice.add_argument("--synth", type=Path, default=Path("data/audio"), help="what 'omni data synth' made")
    voice.add_argument("--out", type=Path, default=Path("data/voice"))
    voice.add_argument("--seed", type=int, default=0, help="of the rooms and the noise")
    voice.set_defaults(run=commands.data_voice)
    for name, title in (
        ("librispeech", "LibriSpeech"),
        ("ljspeech", "LJSpeech"),
        ("commonvoice", "English Common Voice"),
    ):
        published = data.add_parser(name, help=f"{title}, from its published archives or folders")
        published.add_argument(
            "source", nargs="*", help="folder, archive or address; without one, its address is shown"
        )
        published.add_argument("--out", type=Path, default=Path("data") / name)
        published.set_defaults(run=commands.data_published, corpus=name)
    folder = data.add_parser("folder", help="any folder of sound files with a two-column CSV or TSV")
    folder.add_argument("source", type=Path)
    folder.add_argument("--out", type=Path, required=True)
    folder.set_defaults(run=commands.data_folder)
    cache = data.add_parser("cache", help="where log-mels of large corpora are kept, and how much of them")
    cache.add_argument(
        "--clear",
        action="store_true",
        help="remove them all, while no training runs; they are computed again when they are needed",
    )
    cache.set_defaults(run=commands.data_cache)
    check = data.add_parser("check", help="audit a manifest")
    check.add_argument("csv", type=Path)
    check.add_argument(
        "--config", type=Path, help="settings by which CTC paths are checked (default: the chapter's)"
    )
    check.set_defaults(run=commands.data_check)


def _declare_train(parsers: _Parsers) -> None:
    # the recorded command is read again: its options must not be abbreviated
    train = parsers.add_parser("train", help="train an encoder", allow_abbrev=False)
    train.add_argument("--config", type=Path, required=True)
    train.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")
    train.add_argument(
        "--resume",
        action="store_true",
        help="resume the run in save_dir, if there is one; if you have changed its data on purpose, "
        "add --set accept_changed_data=true",
    )
    train.add_argument(
        "--max-steps", type=_positive, metavar="N", help="stop at global step N; the schedule stays the same"
    )
    train.set_defaults(run=commands.train)


def _declare_evaluate(parsers: _Parsers) -> None:
    evaluate = parsers.add_parser("evaluate", help="word error rate of a checkpoint on a manifest")
    evaluate.add_argument("--checkpoint", type=Path, required=True)
    evaluate.add_argument("--data", type=Path, required=True, metavar="CSV")
    evaluate.add_argument("--split", help="default: test, or every row if no row has a split")
    decoders = ("greedy", "prefix", "beam")
    evaluate.add_argument(
        "--decoder",
        choices=decoders,
        default="greedy",
        help="prefix: the most probable text, not the most probable path; beam: needs --lm",
    )
    evaluate.add_argument(
        "--lm", type=Path, metavar="ARPA", help="language model of the beam decoder (see 'omni lm build')"
    )
    evaluate.add_argument("--json", action="store_true")
    evaluate.set_defaults(run=commands.evaluate)


def _declare_lm(parsers: _Parsers) -> None:
    lm = parsers.add_parser("lm", help="language models").add_subparsers(title="models", required=True)
    build = lm.add_parser("build", help="count the word n-grams of a manifest's transcripts")
    build.add_argument("--data", type=Path, required=True, metavar="CSV")
    build.add_argument("--split", default="train")
    build.add_argument("--out", type=Path, required=True, metavar="ARPA")
    build.add_argument("--order", type=_positive, default=3)
    build.set_defaults(run=commands.lm_build)


def _declare_transcribe(parsers: _Parsers) -> None:
    transcribe = parsers.add_parser("transcribe", help="transcribe sound files")
    transcribe.add_argument("--checkpoint", type=Path, required=True)
    transcribe.add_argument("files", type=Path, nargs="+", metavar="FILE")
    transcribe.add_argument("--json", action="store_true", help="with the times of the words")
    transcribe.add_argument(
        "--longest",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="longest clip that the model was trained on (default: 10); longer sound is read in blocks, "
        "with attention limited to 2 s",
    )
    transcribe.set_defaults(run=commands.transcribe)


def _declare_export(parsers: _Parsers) -> None:
    export = parsers.add_parser(
        "export", help="a small file for inference: half precision, with its error rate inside"
    )
    export.add_argument("--checkpoint", type=Path, required=True)
    kind = export.add_mutually_exclusive_group(required=True)
    kind.add_argument("--data", type=Path, metavar="CSV", help="what to measure the exported model on")
    kind.add_argument("--safetensors", action="store_true", help="the encoder alone, in single precision")
    export.add_argument("--split", help="default: test, or every row if no row has a split")
    export.add_argument("--limits", default="", metavar="TEXT", help="what the model should not be used for")
    export.add_argument("--out", type=Path, required=True, metavar="FILE")
    export.set_defaults(run=commands.export)


def _declare_doctor_and_lab(parsers: _Parsers) -> None:
    parsers.add_parser(
        "doctor", help="check this machine: what is missing or does not match, and the remedy"
    ).set_defaults(run=commands.doctor)
    lab = parsers.add_parser("lab", help="open JupyterLab on your own copies of the notebooks")
    lab.add_argument(
        "--workspace", type=Path, metavar="FOLDER", help="where your copies are (default: notebooks/my)"
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
