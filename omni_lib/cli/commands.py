"""What the commands of `omni` do. Each function takes the options of its command and returns the exit status.

Each function imports what it needs: `omni doctor` must run without torch, and `omni --help` must be fast.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omni_lib.errors import UserError


def data_synth(options: argparse.Namespace) -> int:
    """`omni data synth`: synthesise the embedded corpus."""
    from omni_lib.corpora.synth import synthesise

    counts = {split: getattr(options, split) for split in ("train", "dev", "test")}
    csv = synthesise(options.out, options.seed, counts, texts=options.texts, voices=options.voices)
    print(f"The embedded corpus: {csv}")
    return 0


def data_an4(options: argparse.Namespace) -> int:
    """`omni data an4`: import CMU AN4, or show its address."""
    from omni_lib.corpora import an4

    if options.source is None:
        print(an4.WHERE)
        return 0
    held_out = an4.CONFIRMATION_SPEAKERS if options.dev == "confirmation" else an4.DEV_SPEAKERS
    print(f"AN4: {an4.prepare(options.source, options.out, report=print, dev_speakers=held_out)}")
    return 0


def data_voice(options: argparse.Namespace) -> int:
    """`omni data voice`: build the corpus for a recogniser of a learner's own voice."""
    from omni_lib.corpora import voice

    print(f"Manifest: {voice.prepare(options.an4, options.synth, options.out, options.seed, report=print)}")
    return 0


def data_published(options: argparse.Namespace) -> int:
    """`omni data librispeech`, `ljspeech`, `commonvoice`: import a corpus, or show its address."""
    from omni_lib.corpora import commonvoice, librispeech, ljspeech

    corpus = {"librispeech": librispeech, "ljspeech": ljspeech, "commonvoice": commonvoice}[options.corpus]
    if options.source:
        print(f"Manifest: {corpus.prepare(options.source, options.out, report=print)}")
    else:
        print(corpus.WHERE)
    return 0


def data_folder(options: argparse.Namespace) -> int:
    """`omni data folder`: import recordings and their table of texts."""
    from omni_lib.corpora import folder

    print(f"Manifest: {folder.prepare(options.source, options.out, report=print)}")
    return 0


def data_cache(options: argparse.Namespace) -> int:
    """`omni data cache`: show the cache folder and its size, or clear it."""
    from omni_lib.machine.cache import bytes_in, cache_folder, clear

    if options.clear:
        print(f"{cache_folder()}: {clear() / 1e6:.1f} MB removed")
    else:
        print(f"{cache_folder()}: {bytes_in(cache_folder()) / 1e6:.1f} MB")
    return 0


def data_check(options: argparse.Namespace) -> int:
    """`omni data check`: audit a manifest."""
    from omni_lib.config import Config, load_config
    from omni_lib.manifest import read_manifest
    from omni_lib.training.audit import audit, describe

    config = load_config(options.config) if options.config else Config()
    manifest = read_manifest(options.csv)
    print(describe(manifest, audit(manifest, config), config))
    return 0


def train(options: argparse.Namespace) -> int:
    """`omni train`: train, and report the error rates at the end of the schedule."""
    from omni_lib.machine.thread_plan import choose_threads

    plan = choose_threads()  # before torch is imported

    from omni_lib import session
    from omni_lib.config import load_config
    from omni_lib.inference.report import final_report
    from omni_lib.machine.distributed import is_writer, process_group
    from omni_lib.runs.discovery import runs_going_on

    with process_group():  # joins the other processes, if torchrun started this one
        config = load_config(options.config, options.set)
        if is_writer():
            for other in runs_going_on(apart_from=Path(config.save_dir)):
                print(
                    f"! Another training is going on in {other.folder} (process {other.pid}): "
                    "each slows the other down",
                    flush=True,
                )
        result = session.train(config, resume=options.resume, max_steps=options.max_steps, plan=plan)
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


def evaluate(options: argparse.Namespace) -> int:
    """`omni evaluate`: print the error rates of a checkpoint on a manifest."""
    from omni_lib.inference import evaluation
    from omni_lib.inference.beam_search import make_decoder
    from omni_lib.inference.report import error_rates
    from omni_lib.recogniser import load_recogniser
    from omni_lib.training.audit import rows_to_evaluate

    if (options.decoder == "beam") != (options.lm is not None):
        raise UserError(
            "--decoder beam needs --lm ARPA, and --lm needs --decoder beam; 'omni lm build' makes a model"
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
    result = evaluation.evaluate(recogniser, rows, decoders[options.decoder]())
    if options.json:
        print(json.dumps({**result.summary(), "decoder": options.decoder}))
    else:
        print(error_rates(result))
    return 0


def lm_build(options: argparse.Namespace) -> int:
    """`omni lm build`: estimate a language model of transcripts."""
    from omni_lib.inference.arpa import refuse_to_overwrite, write_arpa
    from omni_lib.inference.language_model import estimate
    from omni_lib.manifest import read_manifest

    refuse_to_overwrite(options.out)
    rows = read_manifest(options.data).split(options.split)
    model = estimate((row.text for row in rows), options.order)
    write_arpa(model, options.out)
    print(f"{options.order}-gram model of {len(rows)} transcripts, {len(model.words)} words: {options.out}")
    return 0


def transcribe(options: argparse.Namespace) -> int:
    """`omni transcribe`: print the text of each file; those that cannot be read are named."""
    from omni_lib.inference import transcription
    from omni_lib.recogniser import load_recogniser

    recogniser, config = load_recogniser(options.checkpoint)
    transcripts, failures = [], 0
    for path in options.files:
        try:
            transcripts.append(transcription.transcribe(path, recogniser, config, longest=options.longest))
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


def export(options: argparse.Namespace) -> int:
    """`omni export`: write a small checkpoint with its error rates, or the encoder alone."""
    from omni_lib.inference import evaluation
    from omni_lib.inference.export import export_encoder, export_for_inference, record
    from omni_lib.inference.report import error_rates
    from omni_lib.recogniser import load_recogniser
    from omni_lib.training.audit import rows_to_evaluate

    if options.out.is_dir():
        raise UserError(f"{options.out} is a folder: name a file in it")
    if options.out.exists():
        raise UserError(f"{options.out} exists: remove it, or choose another name")
    if options.out.suffix == ".safetensors" and not options.safetensors:
        raise UserError(f"{options.out}: choose an ending such as .pt, or use --safetensors for --data")
    if options.safetensors:
        if options.split or options.limits:
            raise UserError("--split and --limits belong to --data: leave them out with --safetensors")
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
        result = evaluation.evaluate(recogniser, rows)
        metrics = {**result.summary(), "decoder": "greedy", "split": options.split or rows[0].split or "all"}
        record(options.out, metrics, options.limits)
    except BaseException:  # also Ctrl-C: without its error rate the file is not complete
        options.out.unlink(missing_ok=True)
        raise
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB\n{error_rates(result)}")
    return 0


def doctor(options: argparse.Namespace) -> int:
    """`omni doctor`: print what is missing on this machine."""
    from omni_lib.machine.doctor import examine, report

    return report(examine())


def lab(options: argparse.Namespace) -> int:
    """`omni lab`: open JupyterLab on the learner's copies of the notebooks."""
    from omni_lib.course.lab import open_lab

    return open_lab(options.workspace)
