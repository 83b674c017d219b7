"""The corpus of the model for a learner's own voice: `omni data voice`.

    train   AN4's training speakers as recorded (kind an4), each clip again in three simulated small noisy
            rooms (an4_room), and the train split of a synthetic corpus (free, digits, date, command,
            spelling)
    dev     AN4's dev speakers as recorded and in one room, and the synthetic dev split
    test    the synthetic test split; the official test part of AN4 is never used

AN4 was recorded with a headset in a quiet office, but a learner sits at a laptop. So the AN4 clips get a room
simulation like that of the synthetic corpus (`synth.py`). `Evaluation.by("kind")` evaluates the parts
separately.
"""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from omni_lib.audio import read_audio
from omni_lib.corpora.acoustics import NOISES, PEAK, Waveform, band_limit, record, reverberate
from omni_lib.corpora.building import STAMP, building, is_built
from omni_lib.corpora.clips import write_clip
from omni_lib.errors import UserError
from omni_lib.machine.files import sha256
from omni_lib.manifest import SPLITS, Utterance, read_manifest, write_manifest

VERSION = 2  # of the output: a change rebuilds existing corpora

ROOMS = {"train": 3, "dev": 1}  # in how many rooms a clip of a person is simulated


@dataclass(frozen=True)
class Room:
    """The conditions of a simulated recording of a clip."""

    rt60: float  # seconds in which the reverberation decays by 60 dB
    direct_db: float  # energy of the direct sound relative to the reverberation
    noise: str  # one of acoustics.NOISES
    snr_db: float  # over the whole clip, its pauses included
    level_db: float  # dBFS
    low: float  # Hz, the limits of the microphone's band
    high: float
    lead: float  # seconds of background before and after the clip
    tail: float
    seed: int  # of the reverberation and the noise


def draw_room(seed: int, name: str) -> Room:
    """The room of the clip called `name`; it depends only on `seed` and `name`."""
    rng = random.Random(f"room {seed} {name}")
    return Room(
        rt60=rng.uniform(0.1, 0.5),
        direct_db=rng.uniform(0.0, 15.0),
        noise=rng.choice(NOISES),
        snr_db=rng.uniform(5.0, 30.0),
        level_db=rng.uniform(-40.0, -12.0),
        low=rng.uniform(50.0, 300.0),
        high=rng.uniform(3400.0, 8000.0),
        lead=rng.uniform(0.0, 0.5),
        tail=rng.uniform(0.0, 0.5),
        seed=rng.getrandbits(31),
    )


def simulate_room(room: Room, clip: Waveform) -> Waveform:
    """Simulate a recording of `clip` (samples,) at 16 kHz in `room`.

    The result is longer by lead, tail and reverberation.
    """
    rng = np.random.default_rng(room.seed)
    speech = reverberate(clip, room.rt60, room.direct_db, rng)
    recording = record(speech, room.lead, room.tail, 0.0, room.snr_db, room.noise, room.level_db, rng)
    recording = band_limit(recording, room.low, room.high)
    return recording * min(1.0, PEAK / float(np.abs(recording).max()))


def prepare(an4: Path, synth: Path, out: Path, seed: int = 0, report: Callable[[str], None] = print) -> Path:
    """Write `out/asr.csv` and `out/wav/{an4,an4_room,synth}/` (16 kHz mono PCM16), and return the path of the
    CSV file.

    Args:
        an4: the folder that `omni data an4` made; its split decides who is in dev.
        synth: the folder that `omni data synth` made.
        out: the folder to write; if it already holds the same corpus, nothing is changed.
        seed: of the rooms and the noise.
        report: called with a line that summarises the result.

    Raises:
        UserError: one of the two corpora is missing or damaged, or `out` holds something else.
    """
    an4, synth, out = Path(an4), Path(synth), Path(out)
    people = [row for row in _rows(an4, "CMU AN4", "omni data an4 SOURCE") if row.split != "test"]
    sentences = _rows(synth, "omni_lib synth", "omni data synth")
    stamp = {
        "corpus": "omni_lib voice",
        "version": VERSION,
        "seed": seed,
        "source_sha256": _fingerprint([*people, *sentences]),
    }
    if is_built(out, stamp):
        report(f"{out / 'asr.csv'} is already there, made from the same sources")
        return out / "asr.csv"
    with building(out, stamp) as partial:
        wav = partial / "wav"
        utterances = _copied(people, an4 / "wav", wav / "an4", "an4") + _copied(
            sentences, synth / "wav", wav / "synth"
        )
        for row in tqdm(people, desc="room simulation", unit="clip", leave=False, disable=None):
            clip = read_audio(row.path).double().numpy()
            for name in _names_in_rooms(row.path.relative_to(an4 / "wav"), ROOMS[row.split]):
                reverberant = simulate_room(draw_room(seed, name.as_posix()), clip)
                write_clip(wav / "an4_room" / name, torch.from_numpy(reverberant))
                utterances.append(replace(row, path=wav / "an4_room" / name, kind="an4_room"))
        utterances.sort(key=lambda row: SPLITS.index(row.split))
        write_manifest(partial / "asr.csv", utterances)
    report(_summary(utterances))
    return out / "asr.csv"


def _names_in_rooms(name: Path, rooms: int) -> list[Path]:
    """The names of a clip in each of its rooms: `ada/one.wav`, `ada/one_room2.wav` and so on."""
    return [name, *(name.with_stem(f"{name.stem}_room{number}") for number in range(2, rooms + 1))]


def _rows(folder: Path, corpus: str, command: str) -> list[Utterance]:
    """All rows of a corpus that another `omni data` command has made.

    Raises:
        UserError: `folder` does not hold the complete corpus.
    """
    remedy = f"make it with '{command} --out {folder}'"
    try:
        found = json.loads((folder / STAMP).read_text(encoding="utf-8"))["corpus"]
    except (OSError, ValueError, TypeError, KeyError):
        raise UserError(f"{folder} does not hold the corpus {corpus}: {remedy}") from None
    if found != corpus:
        raise UserError(f"{folder} holds another corpus ({found}): {remedy}")
    if not (folder / "asr.csv").is_file():
        raise UserError(f"{folder / 'asr.csv'} does not exist: {remedy}")
    manifest = read_manifest(folder / "asr.csv", deal_splits=False)
    if manifest.problems:
        raise UserError(
            f"{manifest.path} {manifest.problems[0]} ({len(manifest.problems)} rows in all): remove"
            f" {folder}, and {remedy}"
        )
    return manifest.utterances


def _copied(
    rows: Sequence[Utterance], source: Path, target: Path, kind: str | None = None
) -> list[Utterance]:
    """Copy the clips, so that the corpus does not depend on its sources; return rows with the new paths."""
    copies = []
    for row in rows:
        path = target / row.path.relative_to(source)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(row.path, path)
        copies.append(replace(row, path=path, kind=kind or row.kind))
    return copies


def _fingerprint(rows: Sequence[Utterance]) -> str:
    """A hash that changes when a text, a split or the size of a clip does."""
    return sha256(
        repr([({**asdict(row), "path": row.path.name}, row.path.stat().st_size) for row in rows]).encode()
    )


def _summary(utterances: Sequence[Utterance]) -> str:
    kinds = {"an4": "of people", "an4_room": "of people in rooms"}
    counts = Counter((row.split, kinds.get(row.kind, "synthetic")) for row in utterances)
    splits = (
        f"{split} " + " + ".join(f"{n} {kind}" for (of, kind), n in counts.items() if of == split)
        for split in SPLITS
    )
    return f"{len(utterances)} utterances written: " + "; ".join(splits)
