"""The options of `omni data`: one function for each command that makes, imports or checks a corpus."""

from __future__ import annotations

from pathlib import Path

from omni_lib.cli import commands
from omni_lib.cli.subcommands import DEFAULT, Group, add_command, given, group_of, path

_OUT = f"folder of the corpus {DEFAULT}"


def declare_data(group: Group) -> None:
    """Add `omni data` and its commands."""
    data = group_of(add_command(group, "data", "make, import or check a corpus"))
    _declare_synth(data)
    _declare_an4(data)
    _declare_voice(data)
    _declare_published(data)
    _declare_folder(data)
    _declare_cache(data)
    _declare_check(data)


def _declare_synth(data: Group) -> None:
    more = (
        "The first 1000 training, 100 dev and 200 test utterances are the same in every corpus; if you ask "
        "for more, further utterances follow."
    )
    synth = add_command(data, "synth", "synthesise the embedded corpus, or a larger one", more)
    synth.add_argument("--out", type=path, default=Path("data/audio"), metavar="DIR", help=_OUT)
    synth.add_argument("--seed", type=int, default=0, help=f"seed of all random draws {DEFAULT}")
    for split, count, name in (("train", 1000, "training"), ("dev", 100, "dev"), ("test", 200, "test")):
        utterances = f"number of {name} utterances {DEFAULT}"
        synth.add_argument(f"--{split}", type=int, default=count, metavar="N", help=utterances)
    texts = "number of different texts in the training utterances after the first 1000 (default: all differ)"
    synth.add_argument("--texts", type=int, metavar="N", help=texts)
    voices = (
        "number of random voices that speak these utterances, in addition to the named voices (default: a "
        "new voice each time)"
    )
    synth.add_argument("--voices", type=int, metavar="N", help=voices)
    synth.set_defaults(run=commands.data_synth)


def _declare_an4(data: Group) -> None:
    an4 = add_command(data, "an4", "import CMU AN4 from its folder or archive")
    an4.add_argument(
        "source",
        type=path,
        nargs="?",
        help="the published folder or .tar.gz; without one, the address, size and licence of AN4 are shown",
    )
    an4.add_argument("--out", type=path, default=Path("data/an4"), metavar="DIR", help=_OUT)
    an4.add_argument(
        "--dev",
        choices=("usual", "confirmation"),
        default="usual",
        help="which ten speakers of the training part become dev: usual for all choices, confirmation for "
        f"one evaluation after them {DEFAULT}",
    )
    an4.set_defaults(run=commands.data_an4)


def _declare_voice(data: Group) -> None:
    voice = add_command(
        data,
        "voice",
        "build a corpus for recognising a learner's own voice",
        "It consists of AN4, of AN4 in noisy rooms, and of synthetic speech.",
    )
    for corpus, folder in (("an4", "data/an4"), ("synth", "data/audio")):
        made = f"folder that 'omni data {corpus}' has made {DEFAULT}"
        voice.add_argument(f"--{corpus}", type=path, default=Path(folder), metavar="DIR", help=made)
    voice.add_argument("--out", type=path, default=Path("data/voice"), metavar="DIR", help=_OUT)
    voice.add_argument("--seed", type=int, default=0, help=f"seed of the rooms and the noise {DEFAULT}")
    voice.set_defaults(run=commands.data_voice)


def _declare_published(data: Group) -> None:
    for name, title in (
        ("librispeech", "LibriSpeech"),
        ("ljspeech", "LJ Speech"),
        ("commonvoice", "Common Voice (English)"),
    ):
        published = add_command(data, name, f"import {title} from its published folders or archives")
        published.add_argument(
            "source",
            type=given,
            nargs="*",
            help=f"folder or archive{'' if name == 'commonvoice' else ', or its address'}; without one, the "
            "address, size and licence of the corpus are shown",
        )
        published.add_argument("--out", type=path, default=Path("data") / name, metavar="DIR", help=_OUT)
        published.set_defaults(run=commands.data_published, corpus=name)


def _declare_folder(data: Group) -> None:
    folder = add_command(data, "folder", "import your own recordings and the table of their texts")
    folder.add_argument(
        "source", type=path, help="folder of sound files with their table: CSV, TSV, JSON or JSON lines"
    )
    folder.add_argument("--out", type=path, required=True, metavar="DIR", help="folder of the new corpus")
    folder.set_defaults(run=commands.data_folder)


def _declare_cache(data: Group) -> None:
    cache = add_command(data, "cache", "show where log-mels of large corpora are kept, and their size")
    cache.add_argument(
        "--clear",
        action="store_true",
        help="delete these log-mels, while no training runs; they are computed again when they are needed",
    )
    cache.set_defaults(run=commands.data_cache)


def _declare_check(data: Group) -> None:
    check = add_command(data, "check", "find rows that cannot be read or have no CTC path")
    check.add_argument("csv", type=path, metavar="CSV", help="manifest of the corpus, asr.csv")
    check.add_argument(
        "--config",
        type=path,
        metavar="JSON",
        help="settings that decide which rows have a CTC path (default: 1 CTC frame per embedding, speed 1)",
    )
    check.set_defaults(run=commands.data_check)
