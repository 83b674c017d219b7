"""The embedded default corpus: `omni data synth` speaks it on the spot, so that nobody has to download
anything.

    sentences.py → what is said        voices.py → by whom        acoustics.py → in which room
    espeak_worker.py speaks it, in processes of their own; this module plans, starts them and puts the result
    into place.

The sentences, their splits and their speakers are frozen (`TEXTS_SHA256`); data/README.md tells which drafts
came before, and what was known of them. The samples are the same on every run on one machine, but not across
machines, where espeak-ng and the processor may round differently.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, replace
from pathlib import Path

from tqdm import tqdm

from omni_lib.corpora.acoustics import NOISES
from omni_lib.corpora.building import building, is_built
from omni_lib.corpora.espeak_worker import REMEDY, Take
from omni_lib.corpora.sentences import CHAPTER_SAMPLES, Line, write_lines
from omni_lib.corpora.voices import Voice, cast_voices
from omni_lib.errors import UserError
from omni_lib.machine.files import sha256
from omni_lib.manifest import SPLITS, Utterance, write_manifest

VERSION = 1  # of the corpus: a change of anything that is heard or written makes a new one
DEFAULT_COUNTS = {"train": 1000, "dev": 100, "test": 200}
TEXTS_SHA256 = (
    "bf812f0673000facdb8103cc07fb0160c509c7adaa2088e52504c4498c18e142"  # of seed 0 and the default counts
)

# How many fresh processes speak the corpus. Never the number of workers: what a process said before changes
# espeak-ng's samples, so the same corpus needs the same shards on a machine of any size.
SHARDS = 16

_QUESTION_WORDS = tuple(
    f"{word} " for word in "how where when why who which is are do can could would have".split()
)


def synthesise(
    out: str | Path,
    seed: int = 0,
    counts: Mapping[str, int] | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Write `out/asr.csv` and `out/wav/*.wav` (16 kHz mono PCM16, 1-10 s), and return the path of the CSV
    file.

    The files are made in a folder beside `out` and moved into place when all are done, `asr.csv` last: an
    interrupted run leaves nothing half-written. A folder that already holds this corpus is left as it is.

    Args:
        out: the folder to write.
        seed: of everything that is drawn by chance.
        counts: utterances of each split; a split not named is empty. Default: `DEFAULT_COUNTS`.
        workers: processes at a time; it changes the time and nothing else. Default: one a processor core.
        progress: show a progress bar on stderr.

    Raises:
        UserError: an argument that makes no sense, a folder that holds something else, or espeak-ng not
            installed.
    """
    out = Path(out)
    counts = _checked_counts(DEFAULT_COUNTS if counts is None else counts)
    if seed < 0:
        raise UserError(f"seed is {seed}: it must be 0 or more")
    if workers is not None and workers < 1:
        raise UserError(f"workers is {workers}: it must be 1 or more")
    utterances, takes = plan(seed, counts)
    stamp = {
        "corpus": "omni_lib synth",
        "version": VERSION,
        "seed": seed,
        "counts": counts,
        "texts_sha256": texts_sha256(utterances),
    }
    if is_built(out, stamp):
        print(f"{out / 'asr.csv'} is already there", file=sys.stderr)
        return out / "asr.csv"
    if importlib.util.find_spec("espeakng_loader") is None:
        raise UserError(f"the package espeakng_loader, which speaks the corpus, is missing: {REMEDY}")
    with building(out, stamp) as partial:
        with tqdm(total=len(takes), desc="speaking", unit="utterance", disable=not progress) as bar:
            _speak(
                [replace(take, path=str((partial / take.path).resolve())) for take in takes],
                workers or os.cpu_count() or 1,
                bar.update,
            )
        write_manifest(
            partial / "asr.csv",
            [replace(utterance, path=partial / utterance.path) for utterance in utterances],
        )
    return out / "asr.csv"


def plan(seed: int, counts: Mapping[str, int]) -> tuple[list[Utterance], list[Take]]:
    """Who says what and how: the rows of `asr.csv` and, in the same order, the takes; paths relative to the
    corpus' folder."""
    cast = cast_voices(seed)
    turns = dict.fromkeys(counts, 0)
    utterances, takes = [], []
    for index, line in enumerate(write_lines(counts, seed)):
        turn = turns[line.split]
        turns[line.split] += 1
        voice = cast[line.split][turn % len(cast[line.split])]
        name = (
            f"sample{turn + 1}" if line.text in CHAPTER_SAMPLES else f"{line.split}_{turn + 1:04}_{line.kind}"
        )
        path = Path("wav") / f"{name}.wav"
        utterances.append(Utterance(path, line.text, voice.speaker, line.split, line.kind, voice.accent))
        takes.append(_take(path.as_posix(), line, voice, random.Random(f"take {seed} {index}")))
    return utterances, takes


def texts_sha256(utterances: Sequence[Utterance]) -> str:
    """A fingerprint of what is said by whom in which split."""
    rows = [f"{u.split}\t{u.kind}\t{u.speaker}\t{u.text}\n" for u in utterances]
    return sha256("".join(rows).encode())


def _take(path: str, line: Line, voice: Voice, rng: random.Random) -> Take:
    """Draw the circumstances of one recording."""
    return Take(
        path=path,
        spoken=_spoken(line),
        voice=voice.espeak_name,
        rate=rng.randint(135, 185) * 3 // (4 if line.kind == "spelling" else 3),  # who spells, slows down
        pitch=rng.randint(35, 65),
        rt60=rng.uniform(0.1, 0.4) if rng.random() < 0.5 else 0.0,
        direct_db=rng.uniform(3.0, 15.0),
        noise=rng.choice(NOISES),
        snr_db=rng.uniform(5.0, 30.0),
        level_db=rng.uniform(-35.0, -12.0),
        lead=rng.uniform(0.05, 0.3),
        tail=rng.uniform(0.05, 0.3),
        seed=rng.getrandbits(31),
    )


def _spoken(line: Line) -> str:
    """What espeak is told to say: sentences with their full stop or question mark, for a pause and the tune;
    the letter a by its phoneme, for espeak would take it for the article."""
    if line.kind == "spelling":
        return line.text.replace("a", "[['eI]]")
    return " ".join(sentence + ("?" if _asks(sentence) else ".") for sentence in line.sentences)


def _asks(sentence: str) -> bool:
    return sentence.startswith(_QUESTION_WORDS) and not sentence.startswith("do not ")


def _speak(takes: Sequence[Take], workers: int, done: Callable[[int], object]) -> None:
    """Speak all takes, each shard in a process of its own, `workers` processes at a time; `done(1)` after
    each take."""
    running: set[subprocess.Popen[str]] = set()
    stop = threading.Event()

    def speak_shard(shard: Sequence[Take]) -> None:
        if stop.is_set() or not shard:
            return
        process = subprocess.Popen(
            [sys.executable, "-m", "omni_lib.corpora.espeak_worker"],
            cwd=Path(__file__).parents[2],  # where omni_lib lies, installed or not
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        running.add(process)
        with process:
            assert process.stdin and process.stdout and process.stderr  # pipes, all three
            process.stdin.write(json.dumps([asdict(take) for take in shard]))
            process.stdin.close()
            for _ in process.stdout:
                done(1)
            complaint = process.stderr.read().strip()
        running.discard(process)
        if process.returncode == 2:
            raise UserError(complaint.splitlines()[-1] if complaint else "espeak-ng cannot speak")
        if process.returncode != 0 and not stop.is_set():
            raise RuntimeError(f"the espeak process ended with exit code {process.returncode}:\n{complaint}")

    with ThreadPoolExecutor(workers) as pool:
        shards = [pool.submit(speak_shard, takes[first::SHARDS]) for first in range(SHARDS)]
        try:
            for shard in as_completed(shards):
                shard.result()
        except BaseException:  # Ctrl-C included: the processes must not speak on
            stop.set()
            for process in list(running):
                process.kill()
            raise


def _checked_counts(counts: Mapping[str, int]) -> dict[str, int]:
    for split, count in counts.items():
        if split not in SPLITS:
            raise UserError(f"counts names the split '{split}': it must be one of {', '.join(SPLITS)}")
        if count < 0:
            raise UserError(f"counts asks for {count} utterances of {split}: it must be 0 or more")
    if not any(counts.values()):
        raise UserError("counts asks for no utterance at all")
    return {
        split: counts.get(split, 0) for split in SPLITS
    }  # train comes first: the rare words are dealt to it
