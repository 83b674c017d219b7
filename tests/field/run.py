"""Try a folder of other people's inputs: one line for each, with what was read and what was said.

    python tests/field/run.py FOLDER [--checkpoint PT]

Everything goes through the product's own commands:

- a sound file       `omni transcribe`
- NAME.arpa          `omni evaluate --decoder beam --lm NAME.arpa`, dev clips of data/lessons/clips.csv
- NAME.csv, NAME.tsv `omni data folder NAME`: the recordings beside it belong to the table
- a published corpus `omni data librispeech`, `ljspeech` or `commonvoice`, known by its folders, then `omni
data check`

Keep what a report brought in a folder of its own, run this, and compare the lines with what should have
happened.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from omni_lib.cli import main as omni
from omni_lib.errors import UserError, one_line
from omni_lib.machine.sound.reading import open_sound

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "data/lessons/clips.csv"
CHECKPOINT = ROOT / "data/pretrained/audio_enc_tiny.pt"
TABLES = (".csv", ".tsv")
IGNORED = (".md", ".txt", ".json", ".py")


def instances(folder: Path) -> Iterator[tuple[str, Path]]:
    """What there is to try below `folder`: (kind, path), where the kind is sound, arpa, table or the name of
    a corpus.
    """
    if corpus := published(folder):
        yield corpus, folder
        return
    children = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    tables = [child for child in children if child.suffix.lower() in TABLES and child.is_file()]
    yield from (("table", table) for table in tables)
    for child in children:
        if child.is_dir():
            # a folder beside a table holds its recordings, unless it is something to try by itself
            yield from (
                () if tables and not any(below.is_dir() for below in child.iterdir()) else instances(child)
            )
        elif child.suffix.lower() == ".arpa":
            yield "arpa", child
        elif not tables and child.suffix.lower() not in IGNORED:
            yield "sound", child


def published(folder: Path) -> str | None:
    """The command for the corpus whose layout `folder` has, if it has one."""
    if any(folder.glob("LibriSpeech/*/*/*/*.trans.txt")):
        return "librispeech"
    if (folder / "metadata.csv").is_file() and (folder / "wavs").is_dir():
        return "ljspeech"
    if any(folder.glob("*/clips")) and any(folder.glob("*/*.tsv")):
        return "commonvoice"
    return None


def said(arguments: Sequence[str]) -> tuple[int, list[str]]:
    """The exit status of a command, and its lines on both streams; an unexpected exception is one line."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            status = omni(arguments)
        except Exception as bug:  # one input must not keep the others from being tried
            status = 1
            print(f"BUG {type(bug).__name__}: {bug}")
    lines = (error.getvalue() + out.getvalue()).splitlines()
    return status, [line.strip() for line in lines if line.strip()]


def tried(kind: str, path: Path, checkpoint: Path) -> list[str]:
    """The result of the product's own command for one input."""
    if kind == "sound":
        return [*length(path), *said(["transcribe", "--checkpoint", str(checkpoint), str(path)])[1]]
    if kind == "arpa":
        data = ["--data", str(SPEECH), "--split", "dev"]
        command = ["evaluate", "--checkpoint", str(checkpoint), *data, "--decoder", "beam", "--lm", str(path)]
        return said(command)[1]
    with tempfile.TemporaryDirectory() as out:
        command = "folder" if kind == "table" else kind
        status, lines = said(["data", command, str(path), "--out", f"{out}/corpus"])
        if status == 0:
            lines += rows(Path(out) / "corpus" / "asr.csv")
            lines += said(["data", "check", f"{out}/corpus/asr.csv"])[1][:2]
        return [line.replace(f"{out}/corpus", "OUT") for line in lines]


def length(path: Path) -> list[str]:
    """Seconds and rate of a sound file; empty if it cannot be read, which `omni transcribe` reports."""
    try:
        with open_sound(path) as sound:
            return [f"{sound.frames / sound.rate:.2f} s at {sound.rate} Hz"]
    except UserError:
        return []


def rows(manifest: Path) -> list[str]:
    """The file and the text of each row that was written."""
    with open(manifest, encoding="utf-8", newline="") as file:
        return [f"{Path(row['audio_path']).name}={row['transcription']!r}" for row in csv.DictReader(file)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Try everything below a folder and print a line for each; 1 where there is nothing to try."""
    parser = argparse.ArgumentParser(description="Try a folder of inputs, and print a line for each.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    options = parser.parse_args(arguments)
    count = 0
    for kind, path in instances(options.folder):
        lines = tried(kind, path, options.checkpoint)
        shown = [line.replace(str(path), path.name).removeprefix(f"{path.name}: ") for line in lines]
        print(one_line(f"{path.relative_to(options.folder)} [{kind}]: {' | '.join(shown)}"), flush=True)
        count += 1
    return 0 if count else 1


if __name__ == "__main__":
    sys.exit(main())
