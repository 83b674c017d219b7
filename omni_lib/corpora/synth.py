"""The embedded default corpus: `omni data synth` generates it with espeak-ng, without a download.

    sentences.py → the texts        voices.py → the speakers        acoustics.py → the room and the noise
    espeak_processes.py starts processes, in each of which espeak_worker.py speaks some of the sentences

This module plans the corpus, has it spoken and moves the result into place.

The sentences, their splits and their speakers are frozen (`TEXTS_SHA256`); data/README.md describes the
earlier versions. The samples are identical on every run on one machine. They may differ between machines,
because espeak-ng and the processor may round differently.
"""

from __future__ import annotations

import importlib.util
import os
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from omni_lib.corpora.acoustics import NOISES
from omni_lib.corpora.building import building, is_built
from omni_lib.corpora.espeak_processes import speak_shards
from omni_lib.corpora.espeak_worker import REMEDY, Take
from omni_lib.corpora.sentences import CHAPTER_SAMPLES, DEFAULT_COUNTS, Line, first_version_lines, write_lines
from omni_lib.corpora.voices import Voice, cast_voices, drawn_voice, named_voices
from omni_lib.errors import UserError
from omni_lib.machine.files import sha256
from omni_lib.manifest import SPLITS, Utterance, write_manifest

VERSION = 3  # of the corpus: increased with any change of the audio or of the files
# of seed 0 and the default counts
TEXTS_SHA256 = "7155535e7688411982f42e751aa8da4c66f58162c9ae9162de4788c88380eead"

# The number of fresh processes for each of the three groups of takes in `_shards`. It does not depend on the
# number of workers: espeak-ng's samples depend on what the same process has spoken before, so the same corpus
# needs the same shards on every machine.
SHARDS = 16

GRAIN = 800  # samples (50 ms): the length of a varied take is a multiple of it
# The number of the first drawn voice of the frozen utterances. Those of the additional ones begin at 0.
FIRST_FROZEN_VOICE = 1_000_000
_MOST = FIRST_FROZEN_VOICE  # utterances of a split: each may have a voice of its own

_QUESTION_WORDS = tuple(
    f"{word} " for word in "how where when why who which is are do can could would have".split()
)


def synthesise(
    out: str | Path,
    seed: int = 0,
    counts: Mapping[str, int] | None = None,
    workers: int | None = None,
    progress: bool = True,
    texts: int | None = None,
    voices: int | None = None,
) -> Path:
    """Write `out/asr.csv` and `out/wav/*.wav` (16 kHz mono PCM16, 1-10 s), and return the path of the CSV
    file.

    The files are made in a folder beside `out` and moved into place when all are done, `asr.csv` last: an
    interrupted run leaves nothing half-written. A folder that already holds this corpus is left as it is.

    Args:
        out: the folder to write.
        seed: of all random draws.
        counts: number of utterances in each split; a split that is not named is empty. Default:
            `DEFAULT_COUNTS`.
        workers: number of processes at a time; it does not change the result. Default: one per processor
            core.
        progress: show a progress bar on stderr.
        texts: number of different texts in the training utterances after the frozen 1000. Default: every
            utterance has its own.
        voices: number of voices drawn at random that speak these training utterances after the frozen 1000,
            beside the named ones. Default: a new one each time.

    Raises:
        UserError: an argument is out of range, the folder holds something else, or espeak-ng is not
            installed.
    """
    out = Path(out)
    counts = _checked_counts(DEFAULT_COUNTS if counts is None else counts)
    if seed < 0:
        raise UserError(f"seed is {seed}: it must be 0 or more")
    if workers is not None and workers < 1:
        raise UserError(f"workers is {workers}: it must be 1 or more")
    if texts is not None and texts < 1:
        raise UserError(f"texts is {texts}: it must be 1 or more")
    if voices is not None and voices < 0:
        raise UserError(f"voices is {voices}: it must be 0 or more")
    utterances, takes = plan(seed, counts, texts, voices)
    stamp = {
        "corpus": "omni_lib synth",
        "version": VERSION,
        "seed": seed,
        "counts": counts,
        "texts_sha256": texts_sha256(utterances),
    }
    if is_built(out, stamp):
        return out / "asr.csv"
    if importlib.util.find_spec("espeakng_loader") is None:
        raise UserError(f"the package espeakng_loader, which speaks the corpus, is missing: {REMEDY}")
    with building(out, stamp) as partial:
        with tqdm(total=len(takes), desc="speaking", unit="utterance", disable=not progress) as bar:
            folder = partial.resolve()
            shards = [
                [replace(take, path=take.path and str(folder / take.path)) for take in shard]
                for shard in _shards(seed, takes)
            ]
            speak_shards(shards, workers or os.cpu_count() or 1, bar.update)
        write_manifest(
            partial / "asr.csv",
            [replace(utterance, path=partial / utterance.path) for utterance in utterances],
        )
    return out / "asr.csv"


def plan(
    seed: int, counts: Mapping[str, int], texts: int | None = None, voices: int | None = None
) -> tuple[list[Utterance], list[Take]]:
    """Assign a voice and recording conditions to each sentence.

    Returns the rows of `asr.csv` and, in the same order, the takes. Paths are relative to the corpus folder.
    The first `DEFAULT_COUNTS[split]` utterances of a split are the frozen ones, whatever the counts.
    """
    cast, named = cast_voices(seed), named_voices(seed)
    utterances, takes = [], []
    for line, turn, path in _named_lines(write_lines(counts, seed, texts)):
        frozen = DEFAULT_COUNTS[line.split]
        if turn >= frozen:
            voice = cast[line.split][turn % len(cast[line.split])]
            if line.split == "train":
                voice = _training_voice(turn - frozen, seed, named, voices)
            rng = random.Random(f"take {seed} {line.split} {turn}")
            take = _varied_take(path, line, voice, rng)
        elif line.split == "train" and turn >= len(CHAPTER_SAMPLES):
            voice = _training_voice(turn, seed, named, first=FIRST_FROZEN_VOICE)
            take = _varied_take(path, line, voice, random.Random(f"take {seed} train v3 {turn}"))
        else:
            voice, take = _first_version(path, line, turn, seed, cast)
        utterances.append(
            Utterance(Path(path), line.text, voice.speaker, line.split, line.kind, voice.accent)
        )
        takes.append(take)
    return utterances, takes


def _named_lines(lines: Iterable[Line]) -> Iterator[tuple[Line, int, str]]:
    """Each sentence, its place within its split, and the path of its recording."""
    turns = dict.fromkeys(SPLITS, 0)
    for line in lines:
        turn = turns[line.split]
        turns[line.split] += 1
        is_sample = line.split == "train" and turn < len(CHAPTER_SAMPLES)
        name = f"sample{turn + 1}" if is_sample else f"{line.split}_{turn + 1:04}_{line.kind}"
        yield line, turn, f"wav/{name}.wav"


def _first_version(
    path: str, line: Line, turn: int, seed: int, cast: Mapping[str, Sequence[Voice]]
) -> tuple[Voice, Take]:
    """Voice and take of a frozen utterance in version 1.

    Those of dev, of test and of the samples have not changed since.
    """
    splits = list(DEFAULT_COUNTS)
    before = sum(DEFAULT_COUNTS[split] for split in splits[: splits.index(line.split)])
    voice = cast[line.split][turn % len(cast[line.split])]
    return voice, _take(path, line, voice, random.Random(f"take {seed} {before + turn}"))


def _training_voice(
    turn: int, seed: int, named: Sequence[Voice], drawn: int | None = None, first: int = 0
) -> Voice:
    """The voice of a training utterance: two of five are named, the others drawn, from number `first` on."""
    if drawn == 0:
        return named[turn % len(named)]
    group, place = divmod(turn, 5)
    if place < 2:
        return named[(2 * group + place) % len(named)]
    number = 3 * group + place - 2
    return drawn_voice(seed, first + (number if drawn is None else number % drawn))


def _shards(seed: int, takes: Sequence[Take]) -> list[list[Take]]:
    """The takes of each process.

    Three groups follow one another: the frozen takes as they were in version 1, the frozen takes that later
    versions changed, and the additional takes. The sound of dev and test depends on what the same process has
    spoken before. So the training takes of version 1 are still spoken, but not kept. The same holds for a
    take that the corpus does not contain, if one that it does contain follows.
    """
    wanted = {take.path for take in takes}
    frozen = {take.path: take for take in plan(seed, DEFAULT_COUNTS)[1]}
    cast = cast_voices(seed)
    first_version = [
        _first_version(path, line, turn, seed, cast)[1]
        for line, turn, path in _named_lines(first_version_lines(seed))
    ]
    unchanged = [
        take if take.path in wanted and take == frozen[take.path] else replace(take, path="")
        for take in first_version
    ]
    changed = [
        take if take.path in wanted else replace(take, path="")
        for take in frozen.values()
        if take not in first_version
    ]
    additional = [take for take in takes if take.path not in frozen]
    shards = [group[first::SHARDS] for group in (unchanged, changed, additional) for first in range(SHARDS)]
    for shard in shards:
        while shard and not shard[-1].path:
            shard.pop()
    return [shard for shard in shards if shard]


def texts_sha256(utterances: Sequence[Utterance]) -> str:
    """The SHA-256 of the split, kind, speaker and text of all utterances."""
    rows = [f"{u.split}\t{u.kind}\t{u.speaker}\t{u.text}\n" for u in utterances]
    return sha256("".join(rows).encode())


def _take(path: str, line: Line, voice: Voice, rng: random.Random) -> Take:
    """Draw the conditions of one recording at random."""
    return Take(
        path=path,
        spoken=_spoken(line),
        voice=voice.espeak_name,
        rate=rng.randint(135, 185) * 3 // (4 if line.kind == "spelling" else 3),  # people spell more slowly
        pitch=rng.randint(35, 65),
        rt60=rng.uniform(0.1, 0.4) if rng.random() < 0.5 else 0.0,
        direct_db=rng.uniform(3.0, 15.0),
        noise=rng.choice(NOISES),
        snr_db=rng.uniform(5.0, 30.0),
        level_db=rng.uniform(-35.0, -12.0),
        lead=rng.uniform(0.05, 0.3),
        tail=rng.uniform(0.05, 0.3),
        seed=rng.getrandbits(31),
        settings=voice.settings,
    )


def _varied_take(path: str, line: Line, voice: Voice, rng: random.Random) -> Take:
    """A recording with wider ranges of speed and pitch."""
    take = _take(path, line, voice, rng)
    return replace(
        take, rate=round(take.rate * rng.uniform(0.88, 1.15)), pitch=rng.randint(25, 75), grain=GRAIN
    )


def _spoken(line: Line) -> str:
    """The text given to espeak-ng.

    Each sentence ends in a full stop or a question mark, which gives a pause and the right intonation. A
    spelled letter a is written as its phoneme, because espeak-ng would pronounce it as the article.
    """
    if line.kind == "spelling":
        return line.text.replace("a", "[['eI]]")
    return " ".join(sentence + ("?" if _asks(sentence) else ".") for sentence in line.sentences)


def _asks(sentence: str) -> bool:
    return sentence.startswith(_QUESTION_WORDS) and not sentence.startswith("do not ")


def _checked_counts(counts: Mapping[str, int]) -> dict[str, int]:
    for split, count in counts.items():
        if split not in SPLITS:
            raise UserError(f"counts names the split '{split}': it must be one of {', '.join(SPLITS)}")
        if count < 0:
            raise UserError(f"counts asks for {count} utterances of {split}: it must be 0 or more")
        if count > _MOST:
            raise UserError(f"counts asks for {count} utterances of {split}: it must be {_MOST} or fewer")
    if not any(counts.values()):
        raise UserError("the corpus would have no utterance at all: ask for at least one")
    # in this order, whatever the order of the argument
    return {split: counts.get(split, 0) for split in SPLITS}
