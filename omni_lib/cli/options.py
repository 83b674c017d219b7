"""The options of `omni`, but for `omni data`; `commands.py` does what they ask for."""

from __future__ import annotations

import argparse
import math

from omni_lib.cli import commands
from omni_lib.cli.data_options import declare_data
from omni_lib.cli.subcommands import DEFAULT, Group, add_command, given, group_of, path

_CHECKPOINT = "file of a trained model"
_SPLIT = "the rows to use: train, dev or test (default: test, or every row if no row names a split)"


def parser() -> argparse.ArgumentParser:
    """The parser of `omni`. Parsed options have `run`, the function of `commands` that takes them."""
    whole = argparse.ArgumentParser(
        prog="omni", description="Train a speech encoder, and measure how well it recognises speech."
    )
    group = group_of(whole)
    declare_data(group)
    _declare_train(group)
    _declare_evaluate(group)
    _declare_lm(group)
    _declare_transcribe(group)
    _declare_export(group)
    _declare_doctor_and_lab(group)
    return whole


def _declare_train(group: Group) -> None:
    # the recorded command is read again: its options must not be abbreviated
    train = add_command(group, "train", "train an encoder", allow_abbrev=False)
    train.add_argument(
        "--config", type=path, required=True, metavar="JSON", help="file of settings; see configs/"
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
        help="save and stop at step N, counted from the start of the run; the schedule of the learning rate "
        "does not change",
    )
    train.set_defaults(run=commands.train)


def _declare_evaluate(group: Group) -> None:
    evaluate = add_command(group, "evaluate", "measure the error rates of a checkpoint on a corpus")
    evaluate.add_argument("--checkpoint", type=path, required=True, metavar="PT", help=_CHECKPOINT)
    evaluate.add_argument(
        "--data", type=path, required=True, metavar="CSV", help="manifest of the corpus to transcribe"
    )
    evaluate.add_argument("--split", type=given, help=_SPLIT)
    decoders = ("greedy", "prefix", "beam")
    evaluate.add_argument(
        "--decoder",
        choices=decoders,
        default="greedy",
        help="greedy: the text of the most probable path; prefix: the most probable text, found by prefix "
        f"search; beam: beam search with a language model, which needs --lm {DEFAULT}",
    )
    evaluate.add_argument(
        "--lm", type=path, metavar="ARPA", help="language model of the beam decoder (see 'omni lm build')"
    )
    evaluate.add_argument("--json", action="store_true", help="print JSON, with the rates as fractions")
    evaluate.set_defaults(run=commands.evaluate)


def _declare_lm(group: Group) -> None:
    lm = group_of(add_command(group, "lm", "build a language model"))
    build = add_command(lm, "build", "build an n-gram model of words from the transcripts of a corpus")
    build.add_argument(
        "--data", type=path, required=True, metavar="CSV", help="manifest that holds the transcripts"
    )
    build.add_argument("--split", default="train", help=f"the split whose transcripts are counted {DEFAULT}")
    build.add_argument("--out", type=path, required=True, metavar="ARPA", help="file to write")
    build.add_argument(
        "--order", type=_positive, default=3, metavar="N", help=f"words in the longest n-grams {DEFAULT}"
    )
    build.set_defaults(run=commands.lm_build)


def _declare_transcribe(group: Group) -> None:
    transcribe = add_command(group, "transcribe", "transcribe sound files of any length")
    transcribe.add_argument("--checkpoint", type=path, required=True, metavar="PT", help=_CHECKPOINT)
    transcribe.add_argument("files", type=path, nargs="+", metavar="FILE", help="recording of speech")
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


def _declare_export(group: Group) -> None:
    export = add_command(
        group,
        "export",
        "write a small checkpoint for inference",
        "It holds the weights in half precision, and the error rates of the model.",
    )
    export.add_argument("--checkpoint", type=path, required=True, metavar="PT", help=_CHECKPOINT)
    kind = export.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        "--data", type=path, metavar="CSV", help="corpus on which the exported model is measured"
    )
    kind.add_argument(
        "--safetensors",
        action="store_true",
        help="write the encoder alone, in single precision and the safetensors format, without a measurement",
    )
    export.add_argument("--split", type=given, help=_SPLIT)
    export.add_argument(
        "--limits",
        default="",
        metavar="TEXT",
        help="what the model should not be used for; stored in the file",
    )
    export.add_argument("--out", type=path, required=True, metavar="FILE", help="file to write")
    export.set_defaults(run=commands.export)


def _declare_doctor_and_lab(group: Group) -> None:
    doctor = add_command(
        group, "doctor", "check this machine: what is missing or does not match, and the remedy"
    )
    doctor.set_defaults(run=commands.doctor)
    lab = add_command(group, "lab", "open JupyterLab on your own copies of the notebooks")
    lab.add_argument(
        "--workspace", type=path, metavar="FOLDER", help="folder of your copies (default: notebooks/my)"
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
