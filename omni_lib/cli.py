"""The command line: `omni data | train | evaluate | lm | transcribe | export | doctor | lab`.

Exit status: 0 done; 2 an error that the user can fix, reported in one line; 130 interrupted after a clean
save; 1 a bug.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omni_lib.errors import UserError


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
    commands = parser.add_subparsers(title="commands", required=True)

    data = commands.add_parser("data", help="make or check a corpus").add_subparsers(
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
    synth.set_defaults(run=_data_synth)
    an4 = data.add_parser("an4", help="CMU AN4 from its original layout, folder or archive")
    an4.add_argument(
        "source", type=Path, nargs="?", help="the folder or .tar.gz; without it, the address of AN4 is shown"
    )
    an4.add_argument("--out", type=Path, default=Path("data/an4"))
    an4.add_argument(
        "--dev", choices=("usual", "confirmation"), default="usual", help="which ten speakers to hold out"
    )
    an4.set_defaults(run=_data_an4)
    voice = data.add_parser(
        "voice", help="AN4 as it is and in noisy rooms, and the embedded corpus: for a learner's own voice"
    )
    voice.add_argument("--an4", type=Path, default=Path("data/an4"), help="what 'omni data an4' made")
    voice.add_argument("--synth", type=Path, default=Path("data/audio"), help="what 'omni data synth' made")
    voice.add_argument("--out", type=Path, default=Path("data/voice"))
    voice.add_argument("--seed", type=int, default=0, help="of the rooms and the noise")
    voice.set_defaults(run=_data_voice)
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
        published.set_defaults(run=_data_published, corpus=name)
    folder = data.add_parser("folder", help="any folder of sound files with a two-column CSV or TSV")
    folder.add_argument("source", type=Path)
    folder.add_argument("--out", type=Path, required=True)
    folder.set_defaults(run=_data_folder)
    cache = data.add_parser("cache", help="where log-mels of large corpora are kept, and how much of them")
    cache.add_argument(
        "--clear",
        action="store_true",
        help="remove them all, while no training runs; they are computed again when they are needed",
    )
    cache.set_defaults(run=_data_cache)
    check = data.add_parser("check", help="audit a manifest")
    check.add_argument("csv", type=Path)
    check.add_argument(
        "--config", type=Path, help="settings by which CTC paths are checked (default: the chapter's)"
    )
    check.set_defaults(run=_data_check)

    # the recorded command is read again: its options must not be abbreviated
    train = commands.add_parser("train", help="train an encoder", allow_abbrev=False)
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
    train.set_defaults(run=_train)

    evaluate = commands.add_parser("evaluate", help="word error rate of a checkpoint on a manifest")
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
    evaluate.set_defaults(run=_evaluate)

    lm = commands.add_parser("lm", help="language models").add_subparsers(title="models", required=True)
    build = lm.add_parser("build", help="count the word n-grams of a manifest's transcripts")
    build.add_argument("--data", type=Path, required=True, metavar="CSV")
    build.add_argument("--split", default="train")
    build.add_argument("--out", type=Path, required=True, metavar="ARPA")
    build.add_argument("--order", type=_positive, default=3)
    build.set_defaults(run=_lm_build)

    transcribe = commands.add_parser("transcribe", help="transcribe sound files")
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
    transcribe.set_defaults(run=_transcribe)

    export = commands.add_parser(
        "export", help="a small file for inference: half precision, with its error rate inside"
    )
    export.add_argument("--checkpoint", type=Path, required=True)
    kind = export.add_mutually_exclusive_group(required=True)
    kind.add_argument("--data", type=Path, metavar="CSV", help="what to measure the exported model on")
    kind.add_argument("--safetensors", action="store_true", help="the encoder alone, in single precision")
    export.add_argument("--split", help="default: test, or every row if no row has a split")
    export.add_argument("--limits", default="", metavar="TEXT", help="what the model should not be used for")
    export.add_argument("--out", type=Path, required=True, metavar="FILE")
    export.set_defaults(run=_export)

    commands.add_parser(
        "doctor", help="check this machine: what is missing or does not match, and the remedy"
    ).set_defaults(run=_doctor)
    lab = commands.add_parser("lab", help="open JupyterLab on your own copies of the notebooks")
    lab.add_argument(
        "--workspace", type=Path, metavar="FOLDER", help="where your copies are (default: notebooks/my)"
    )
    lab.set_defaults(run=_lab)
    return parser


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


# Each command imports what it needs: `omni doctor` must run without torch, and `omni --help` must be fast.


def _data_synth(options: argparse.Namespace) -> int:
    from omni_lib.corpora.synth import synthesise

    counts = {split: getattr(options, split) for split in ("train", "dev", "test")}
    csv = synthesise(options.out, options.seed, counts, texts=options.texts, voices=options.voices)
    print(f"The embedded corpus: {csv}")
    return 0


def _data_an4(options: argparse.Namespace) -> int:
    from omni_lib.corpora import an4

    if options.source is None:
        print(an4.WHERE)
        return 0
    held_out = an4.CONFIRMATION_SPEAKERS if options.dev == "confirmation" else an4.DEV_SPEAKERS
    print(f"AN4: {an4.prepare(options.source, options.out, report=print, dev_speakers=held_out)}")
    return 0


def _data_voice(options: argparse.Namespace) -> int:
    from omni_lib.corpora import voice

    print(f"Manifest: {voice.prepare(options.an4, options.synth, options.out, options.seed, report=print)}")
    return 0


def _data_published(options: argparse.Namespace) -> int:
    from omni_lib.corpora import commonvoice, librispeech, ljspeech

    corpus = {"librispeech": librispeech, "ljspeech": ljspeech, "commonvoice": commonvoice}[options.corpus]
    if options.source:
        print(f"Manifest: {corpus.prepare(options.source, options.out, report=print)}")
    else:
        print(corpus.WHERE)
    return 0


def _data_folder(options: argparse.Namespace) -> int:
    from omni_lib.corpora import folder

    print(f"Manifest: {folder.prepare(options.source, options.out, report=print)}")
    return 0


def _data_cache(options: argparse.Namespace) -> int:
    from omni_lib.machine.cache import bytes_in, cache_folder, clear

    if options.clear:
        print(f"{cache_folder()}: {clear() / 1e6:.1f} MB removed")
    else:
        print(f"{cache_folder()}: {bytes_in(cache_folder()) / 1e6:.1f} MB")
    return 0


def _data_check(options: argparse.Namespace) -> int:
    from omni_lib.config import Config, load_config
    from omni_lib.manifest import read_manifest
    from omni_lib.training.audit import audit, describe

    config = load_config(options.config) if options.config else Config()
    manifest = read_manifest(options.csv)
    print(describe(manifest, audit(manifest, config), config))
    return 0


def _train(options: argparse.Namespace) -> int:
    from omni_lib.machine.waiting import choose_threads

    plan = choose_threads()  # before torch is imported

    from omni_lib.config import load_config
    from omni_lib.inference.report import final_report
    from omni_lib.machine.distributed import is_writer, session
    from omni_lib.runs.finding import runs_going_on
    from omni_lib.trainer import train

    with session():  # joins the other processes, if torchrun started this one
        config = load_config(options.config, options.set)
        if is_writer():
            for other in runs_going_on(apart_from=Path(config.save_dir)):
                print(
                    f"! Another training is going on in {other.folder} (process {other.pid}): "
                    "each slows the other down",
                    flush=True,
                )
        result = train(config, resume=options.resume, max_steps=options.max_steps, plan=plan)
    if not is_writer():
        return 0
    if result.interrupted:
        print(f"Stopped at step {result.step}/{result.total_steps}, saved: {result.checkpoint}")
        print("To resume, run the same command with --resume.")
        return 0 if options.max_steps and result.step >= options.max_steps else 130
    try:
        print(final_report(result.checkpoint, config, result.seconds))
    except UserError as error:
        done = f"the run is finished ({result.checkpoint}), but its report cannot be made: {error}"
        raise UserError(done) from None
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from omni_lib.inference.beam_search import make_decoder
    from omni_lib.inference.evaluation import evaluate
    from omni_lib.inference.report import error_rates
    from omni_lib.recogniser import load_recogniser
    from omni_lib.training.audit import rows_to_evaluate

    if (options.decoder == "beam") != (options.lm is not None):
        raise UserError(
            "--decoder beam and --lm ARPA go together: build a language model with 'omni lm build'"
        )
    recogniser, config = load_recogniser(options.checkpoint)
    decoders: dict[str, Callable[[], Any]] = {
        "greedy": lambda: recogniser.greedy,
        "prefix": lambda: recogniser.prefix_search,
        "beam": lambda: make_decoder(options.lm, recogniser.vocabulary, [row.text for row in rows]),
    }
    rows = rows_to_evaluate(
        options.data, options.split, config, report=lambda line: print(line, file=sys.stderr)
    )
    result = evaluate(recogniser, rows, decoders[options.decoder]())
    if options.json:
        print(json.dumps({**result.summary(), "decoder": options.decoder}))
    else:
        print(error_rates(result))
    return 0


def _lm_build(options: argparse.Namespace) -> int:
    from omni_lib.inference.arpa import write_arpa
    from omni_lib.inference.language_model import estimate
    from omni_lib.manifest import read_manifest

    rows = read_manifest(options.data).split(options.split)
    model = estimate((row.text for row in rows), options.order)
    write_arpa(model, options.out)
    print(f"{options.order}-gram model of {len(rows)} transcripts, {len(model.words)} words: {options.out}")
    return 0


def _transcribe(options: argparse.Namespace) -> int:
    from omni_lib.inference.transcription import transcribe
    from omni_lib.recogniser import load_recogniser

    recogniser, config = load_recogniser(options.checkpoint)
    transcripts, failures = [], 0
    for path in options.files:
        try:
            transcripts.append(transcribe(path, recogniser, config, longest=options.longest))
        except UserError as error:  # the other files are still transcribed
            print(f"omni: {error}", file=sys.stderr)
            failures += 1
            continue
        if not options.json:
            print(f"{path}: {transcripts[-1].text}")
    if options.json:
        found = [(str(t.path), t.text, [asdict(word) for word in t.words]) for t in transcripts]
        print(json.dumps([{"path": path, "text": text, "words": words} for path, text, words in found]))
    return 2 if failures else 0


def _export(options: argparse.Namespace) -> int:
    from omni_lib.inference.evaluation import evaluate
    from omni_lib.inference.export import export_encoder, export_for_inference, record
    from omni_lib.inference.report import error_rates
    from omni_lib.recogniser import load_recogniser
    from omni_lib.training.audit import rows_to_evaluate

    if options.out.is_dir():
        raise UserError(f"{options.out} is a folder: name a file in it")
    if options.out.exists():
        raise UserError(f"{options.out} exists: remove it, or choose another name")
    if options.out.suffix == ".safetensors" and not options.safetensors:
        raise UserError(f"{options.out}: choose an ending such as .pt, or --safetensors instead of --data")
    if options.safetensors:
        if options.out.suffix != ".safetensors":
            raise UserError(f"{options.out}: the name must end in .safetensors")
        export_encoder(options.checkpoint, options.out)
        print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")
        return 0
    _, config = load_recogniser(options.checkpoint)
    rows = rows_to_evaluate(
        options.data, options.split, config, report=lambda line: print(line, file=sys.stderr)
    )
    export_for_inference(options.checkpoint, options.out)
    try:
        recogniser, _ = load_recogniser(options.out)
        result = evaluate(recogniser, rows)
        metrics = {**result.summary(), "decoder": "greedy", "split": options.split or rows[0].split or "all"}
        record(options.out, metrics, options.limits)
    except BaseException:  # also Ctrl-C: without its error rate the file is not complete
        options.out.unlink(missing_ok=True)
        raise
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB\n{error_rates(result)}")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from omni_lib.machine.doctor import examine, report

    return report(examine())


def _lab(options: argparse.Namespace) -> int:
    from omni_lib.course.lab import open_lab

    return open_lab(options.workspace)


if __name__ == "__main__":
    sys.exit(main())
