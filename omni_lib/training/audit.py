"""The contents of a corpus, and the rows that training cannot use: `omni data check` and start of training.

Every command judges the content of a clip in the same way (`machine/sound/content.py`). A row whose clip is
silent or constant is left out by name, like one that cannot be read. A note on a clip is printed, and its row
is used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tqdm import tqdm

from omni_lib.audio import HOP_LENGTH, SAMPLE_RATE, samples_at_speed
from omni_lib.config import Config
from omni_lib.corpora.sound_lengths import Sound, SoundCache
from omni_lib.corpora.speaker_checks import note_names
from omni_lib.corpora.text_lengths import lengths_note
from omni_lib.ctc import frames_needed
from omni_lib.errors import UserError
from omni_lib.manifest import Manifest, Problem, Utterance, read_manifest, several_texts
from omni_lib.subsampling import embedding_lengths
from omni_lib.text import Vocabulary
from omni_lib.training.augmentation import stretched


@dataclass
class Audit:
    """The readable rows of a manifest, and the others with their reasons."""

    readable: list[Utterance] = field(default_factory=list)
    unreadable: list[Problem] = field(default_factory=list)
    soundless: list[Problem] = field(default_factory=list)  # read, but silent or constant
    impossible: list[Problem] = field(default_factory=list)  # readable, but with no CTC path
    # on rows that are used: clipped, channels that cancel …
    notes: list[Problem] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)  # of sound, by split
    sample_rates: Counter[int] = field(default_factory=Counter)  # files by rate in Hz
    samples: dict[Utterance, int] = field(default_factory=dict)  # at 16 kHz


def fastest(config: Config) -> float:
    """The largest factor by which training speeds an utterance up."""
    return max(config.speeds) / (1 - config.tempo_perturb)


def ctc_frames(samples: int, config: Config) -> int:
    """CTC frames that `samples` (16 kHz) become at the fastest speed of training."""
    frames = stretched(samples_at_speed(samples, max(config.speeds)) // HOP_LENGTH, 1 - config.tempo_perturb)
    return embedding_lengths(frames, config.downsample_time) * config.ctc_frames_per_embedding


def audit(manifest: Manifest, config: Config, splits: Sequence[str] | None = None) -> Audit:
    """Read every file of the manifest (or of some splits): its content, and its length against its text."""
    chosen = [utterance for utterance in manifest.utterances if splits is None or utterance.split in splits]
    result = Audit(unreadable=list(manifest.problems))
    vocabulary = Vocabulary()
    with SoundCache() as cache:
        sounds = [
            _sound(cache, utterance)
            for utterance in tqdm(chosen, desc="reading audio", unit="clip", leave=False, disable=None)
        ]
    for utterance, sound in zip(chosen, sounds, strict=True):
        if isinstance(sound, UserError):
            result.unreadable.append(Problem(utterance.line, str(sound)))
            continue
        if sound.fault:
            result.soundless.append(Problem(utterance.line, sound.fault))
            continue
        result.notes += [Problem(utterance.line, note) for note in sound.notes]
        result.sample_rates[sound.rate] += 1
        result.readable.append(utterance)
        result.samples[utterance] = sound.samples
        seconds = sound.samples / SAMPLE_RATE
        result.seconds[utterance.split] = result.seconds.get(utterance.split, 0.0) + seconds
        available = ctc_frames(sound.samples, config)
        needed = frames_needed(vocabulary.encode(utterance.text))
        if available < needed:
            counts = f"{available} CTC frames and its text needs {needed}"
            reason = f"{utterance.path.name} has {counts}: no path, the loss is infinite"
            result.impossible.append(Problem(utterance.line, reason))
    return result


def _sound(cache: SoundCache, utterance: Utterance) -> Sound | UserError:
    try:
        return cache.sound(utterance.path)
    except UserError as error:
        return error


def mending_frames_per_embedding(result: Audit, config: Config) -> int | None:
    """The smallest `ctc_frames_per_embedding`, up to 8, that leaves at most `max_impossible` without a path.

    None where no value helps.
    """
    vocabulary = Vocabulary()
    for k in range(config.ctc_frames_per_embedding + 1, 9):
        wider = replace(config, ctc_frames_per_embedding=k)
        lost = sum(
            ctc_frames(result.samples[row], wider) < frames_needed(vocabulary.encode(row.text))
            for row in result.readable
        )
        if lost <= config.max_impossible * len(result.readable):
            return k
    return None


def trainable(manifest: Manifest, config: Config, report: Callable[[str], None]) -> list[Utterance]:
    """The training rows that can be learned from; the others are listed through `report(line)`.

    Raises:
        UserError: more than `max_impossible` of the rows have no CTC path, or no row can be used.
    """
    result = audit(manifest, config, ("train",))
    share = len(result.impossible) / max(len(result.readable), 1)
    speed = f" at speed {fastest(config):.2f}" if fastest(config) > 1 else ""
    if share > config.max_impossible:
        mend = mending_frames_per_embedding(result, config)
        remedy = (
            f"set ctc_frames_per_embedding to {mend}"
            if mend
            else "check that texts and files belong together"
        )
        rows = f"{len(result.impossible)} of {len(result.readable)} training utterances ({share:.1%})"
        raise UserError(
            f"{rows} need more CTC frames than they have{speed}, so their loss is infinite: {remedy} "
            f"(or raise max_impossible, now {config.max_impossible}, to leave them out; "
            f"first: {result.impossible[0]})"
        )
    for title, problems in (
        ("that cannot be read", result.unreadable),
        ("without sound", result.soundless),
        ("without a CTC path" + speed, result.impossible),
    ):
        if problems:
            report(f"left out, rows {title}: {len(problems)}")
            for problem in problems:
                report(f"  {problem}")
    for note in [*map(str, result.notes), *filter(None, [_lengths(result)])]:
        report(f"note, {note}")
    lost = {problem.line for problem in result.impossible}
    kept = [utterance for utterance in result.readable if utterance.line not in lost]
    if not kept:
        raise UserError(f"{manifest.path} has no training utterance that can be used{_first_problem(result)}")
    return kept


def readable(
    manifest: Manifest, config: Config, split: str | None, report: Callable[[str], None]
) -> list[Utterance]:
    """The rows of a split (of all, when None) that can be read; the others are listed through `report(line)`.

    Raises:
        UserError: `split` has no row, or no row can be read.
    """
    if split is not None:
        manifest.split(split)  # raises if it is empty
    result = audit(manifest, config, None if split is None else (split,))
    for problem in result.unreadable + result.soundless:
        report(f"left out, {problem}")
    for note in result.notes:
        report(f"note, {note}")
    if not result.readable:
        raise UserError(
            f"{manifest.path} has no row{f' of split {split!r}' if split else ''} that can be read"
            + _first_problem(result)
        )
    return result.readable


def _first_problem(result: Audit) -> str:
    problems = result.unreadable + result.soundless + result.impossible
    return f"; the first problem is at {problems[0]}" if problems else ""


def rows_to_evaluate(
    path: str | Path, split: str | None, config: Config, report: Callable[[str], None]
) -> list[Utterance]:
    """The readable rows of `split`; without one, those of test, or all where no row names a split.

    Raises:
        UserError: no row can be read, or the split is empty.
    """
    manifest = read_manifest(path, deal_splits=False)
    named = any(utterance.split for utterance in manifest.utterances)
    if split and not named:
        raise UserError(f"{manifest.path} has no row with a split: leave out --split to use every row")
    return readable(manifest, config, split or ("test" if named else None), report)


def _lengths(result: Audit) -> str:
    """A note on the lengths of all texts and recordings; "" if they may belong together."""
    texts = [utterance.text for utterance in result.readable]
    seconds = [result.samples[utterance] / SAMPLE_RATE for utterance in result.readable]
    return lengths_note(texts, seconds)


def describe(manifest: Manifest, result: Audit, config: Config) -> str:
    """The audit in words."""
    rows = len(manifest.utterances) + len(manifest.problems)
    speakers = {utterance.speaker for utterance in result.readable if utterance.speaker}
    share = len(result.impossible) / max(len(result.readable), 1)
    lines = [
        f"{manifest.path}: {rows} rows, {len(result.readable)} readable, "
        f"{len(result.unreadable) + len(result.soundless)} not readable",
        f"{sum(result.seconds.values()) / 3600:.2f} hours, {len(speakers) or 'unnamed'} speakers",
    ]
    lines += [_split_line(result, split) for split in sorted(result.seconds)]
    rates = ", ".join(f"{count} at {rate} Hz" for rate, count in sorted(result.sample_rates.items()))
    lines.append(
        f"sample rates: {rates}"
        + ("" if set(result.sample_rates) <= {SAMPLE_RATE} else " (resampled to 16000 Hz when read)")
    )
    lines += [f"cannot be read, {problem}" for problem in result.unreadable]
    lines += [f"holds no sound, {problem}" for problem in result.soundless]
    names = note_names([utterance.speaker for utterance in result.readable])
    lines += [f"note, {note}" for note in [*result.notes, *filter(None, [_lengths(result)]), *names]]
    for path, texts in several_texts(result.readable).items():
        lines.append(
            f"note, {path} has {len(texts)} different texts, such as {next(iter(texts))[:40]!r}: if each"
            " belongs to a part of the recording, 'omni data folder' cuts the parts out by their"
            " start and end"
        )
    for title, names in duplicates_across_splits(result.readable).items():
        if names:
            lines.append(f"in more than one split: {len(names)} x {title}, such as {names[0]!r}")
    lines.append(
        f"rows without a CTC path: {len(result.impossible)} ({share:.1%}), "
        f"with ctc_frames_per_embedding {config.ctc_frames_per_embedding} and speed {fastest(config):.2f}"
    )
    if share > config.max_impossible and (mend := mending_frames_per_embedding(result, config)):
        lines.append(f"training would refuse these: set ctc_frames_per_embedding to {mend}")
    return "\n".join(lines)


def _split_line(result: Audit, split: str) -> str:
    """The size of one split in words."""
    chosen = [utterance for utterance in result.readable if utterance.split == split]
    longest = max(result.samples[utterance] for utterance in chosen) / SAMPLE_RATE
    voices = len({utterance.speaker for utterance in chosen if utterance.speaker})
    return (
        f"  {split}: {len(chosen)} rows, {result.seconds[split] / 60:.1f} minutes, {voices} speakers, "
        f"longest {longest:.1f} s"
    )


def duplicates_across_splits(utterances: Sequence[Utterance]) -> dict[str, list[str]]:
    """What is in more than one split: `speaker`, `transcription` and `audio file` → their names."""
    found: dict[str, list[str]] = {}
    for title, key in (("speaker", "speaker"), ("transcription", "text"), ("audio file", "path")):
        splits: dict[object, set[str]] = {}
        for utterance in utterances:
            splits.setdefault(getattr(utterance, key), set()).add(utterance.split)
        found[title] = sorted(str(name) for name, where in splits.items() if len(where) > 1 and name != "")
    return found
