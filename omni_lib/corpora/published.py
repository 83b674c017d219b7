"""Shared by the published corpora: unpacking archives, and a manifest of sound files that are not copied.

Their sound is not converted. libsndfile reads FLAC, MP3 and WAV of any rate, LibriSpeech as 16 kHz WAV would
need 115 GB beside its 60 GB of FLAC, and each log-mel is computed only once (`feature_cache.py`). So
`asr.csv` names the original files: by absolute paths if the source is a folder, by relative paths below
`out/audio/` if an archive was unpacked.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock, Timeout

from omni_lib.corpora.archive import refuse_foreign, unpack
from omni_lib.corpora.building import building, is_built
from omni_lib.corpora.download import archive_name, download, is_address
from omni_lib.corpora.transcripts import spoken
from omni_lib.errors import UserError, one_line
from omni_lib.machine.files import sha256, write_atomically
from omni_lib.machine.tables import SOUND_ENDINGS, is_litter
from omni_lib.manifest import SPLITS, Utterance, shared_speakers, words_in, write_manifest

# Limits of one unpacked archive, above the largest of Common Voice:
LARGEST = 250 * 10**9  # bytes
MOST_FILES = 5_000_000
SHOWN = 10  # problems that are printed; all are in left_out.txt
LEFT_OUT = "left_out.txt"
_ORIGIN = ".archive.json"  # in an unpacked folder: names its archive


@dataclass
class Rows:
    """The rows of a corpus that can be used, what is wrong with the others, and the sounds of the former
    whose ending is not that of the published ones.
    """

    utterances: list[Utterance] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    converted: list[str] = field(default_factory=list)

    def add(
        self,
        where: str,
        path: Path,
        transcript: str,
        speaker: str,
        split: str,
        kind: str = "",
        accent: str = "",
    ) -> None:
        """Add one published row; `where` (a list and a line) names it in the message if it is left out."""
        try:
            found = _existing(path)
            text = words_in(transcript, spoken)
        except UserError as error:
            self.problems.append(f"{where}: {error}")
            return
        if found.suffix.lower() != path.suffix.lower():
            self.converted.append(found.name)
        self.utterances.append(Utterance(found, text, speaker, split, kind, accent))


def _existing(sound: Path) -> Path:
    """The sound of a row, or the one of its name with another ending, into which somebody converted it.

    Raises:
        UserError: the file is missing or empty, or no file can have that name.
    """
    endings = (*SOUND_ENDINGS, sound.suffix.upper())
    try:
        for path in (sound, *(sound.with_name(sound.stem + ending) for ending in endings)):
            if path.is_file() and path.stat().st_size > 0:
                return path
    except OSError as error:  # a name longer than the file system allows
        raise UserError(f"its sound {sound.name[:80]} cannot be read: {error.strerror}") from None
    raise UserError(f"its sound {sound.name} is missing or empty")


def roots(sources: Iterable[str | Path], out: Path, report: Callable[[str], None]) -> list[Path]:
    """The folders of `sources`; archives are unpacked below `out/audio/`, addresses are downloaded first.

    Archives that an earlier call has fetched or unpacked are used again.

    Raises:
        UserError: a source does not exist, cannot be fetched, or is not a safe archive.
    """
    found = []
    for source in map(str, sources):
        if is_address(source):
            folder = _unpacked_folder(out, archive_name(source))
            if not _origin(folder):
                archive = download(source, out / "downloads", report)
                _unpack_once(archive, folder, report)
                archive.unlink()  # it would only take up disk space
            found.append(folder)
        elif Path(source).is_dir():
            found.append(Path(source).resolve())
        elif Path(source).is_file():
            found.append(_unpack_once(Path(source), _unpacked_folder(out, Path(source).name), report))
        else:
            raise UserError(f"{source} does not exist: name a folder, an archive or an address (http…)")
    return found


def write(corpus: str, version: int, rows: Rows, out: Path, report: Callable[[str], None]) -> Path:
    """Write `out/asr.csv`, and `out/left_out.txt` where rows are left out; return the path of the CSV file.

    Raises:
        UserError: no row can be used, or `out` holds something else.
    """
    if not rows.utterances:
        raise UserError(
            f"no row of {corpus} can be used; the first problem:"
            f" {rows.problems[0] if rows.problems else 'no list of utterances is there; fetch it again'}"
        )
    for problem in rows.problems[:SHOWN]:
        report(f"left out, {problem}")
    if len(rows.problems) > SHOWN:
        report(f"left out, {len(rows.problems) - SHOWN} more: {out / LEFT_OUT}")
    ordered = sorted(rows.utterances, key=lambda row: (SPLITS.index(row.split), str(row.path)))
    stamp = {
        "corpus": corpus,
        "version": version,
        "rows_sha256": sha256("".join(f"{row}\n" for row in ordered).encode()),
    }
    is_built(out, stamp)  # refuses a folder that holds something else before anything is written
    base = out.resolve()
    with building(out, stamp) as partial:
        inside = (row.path.is_relative_to(base) for row in ordered)
        moved = [
            replace(row, path=partial / row.path.relative_to(base)) if here else row
            for row, here in zip(ordered, inside, strict=True)
        ]
        write_manifest(partial / "asr.csv", moved)
    if rows.problems:
        write_atomically(out / LEFT_OUT, "".join(f"{problem}\n" for problem in rows.problems).encode())
    else:
        (out / LEFT_OUT).unlink(missing_ok=True)
    if rows.converted:
        report(
            f"note: sounds with another ending than those that are published: {len(rows.converted)}, such as"
            f" {rows.converted[0]}"
        )
    if shared := shared_speakers(rows.utterances):
        report(one_line(f"note: {shared}"))
    report(_summary(corpus, rows))
    return out / "asr.csv"


def _summary(corpus: str, rows: Rows) -> str:
    utterances = f"{len(rows.utterances)} utterances ({by_split(rows.utterances)})"
    return f"{corpus}: {utterances}, {len(rows.problems)} left out"


def by_split(utterances: Sequence[Utterance]) -> str:
    """How many utterances and speakers each split has, in words."""
    counts = Counter(row.split for row in utterances)
    speakers = Counter(split for split, _ in {(row.split, row.speaker) for row in utterances})
    return ", ".join(
        f"{split} {counts[split]} of {speakers[split]} speakers" for split in SPLITS if counts[split]
    )


def read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a published list that are not blank, with their 1-based numbers.

    Raises:
        UserError: it cannot be read as UTF-8 text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 at byte {error.start}: fetch the corpus again") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): fetch the corpus again") from None
    return [(number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def only_file(folder: Path, patterns: Sequence[str]) -> Path | None:
    """The file below `folder` that matches the first pattern with a match; None if no pattern matches.

    Raises:
        UserError: several files match.
    """
    for pattern in patterns:
        matches = sorted(path for path in folder.glob(pattern) if not is_litter(path))
        if len(matches) > 1:
            raise UserError(
                f"{folder} holds several: {', '.join(str(m.relative_to(folder)) for m in matches[:3])}: name"
                " the folder of one corpus"
            )
        if matches:
            return matches[0]
    return None


def archives_in(folder: Path) -> str:
    """What to say of a folder that holds archives, and not what is in them; "" where there are none."""
    packed = sorted(path for ending in ("tar*", "tgz", "zip") for path in folder.glob(f"*.{ending}"))
    return f"it holds the archive {packed[0].name}: name that" if packed else ""


def _unpacked_folder(out: Path, archive: str) -> Path:
    stem = archive
    for suffix in (".gz", ".tgz", ".bz2", ".tar"):
        stem = stem.removesuffix(suffix)
    return (out / "audio" / stem).resolve()


def _origin(folder: Path) -> dict[str, object]:
    """Name and size of the archive from which a folder was completely unpacked; empty if it was not."""
    try:
        found = json.loads((folder / _ORIGIN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _unpack_once(archive: Path, folder: Path, report: Callable[[str], None]) -> Path:
    """Unpack `archive` into `folder`, completely or not at all, and return the folder."""
    refuse_foreign(archive)  # before any folder is made
    origin = {"archive": archive.name, "bytes": archive.stat().st_size}
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock", timeout=0):
            if _origin(folder) == origin:
                return folder
            free = shutil.disk_usage(folder.parent).free
            # sound is compressed already: unpacked, an archive of it is a little larger, never smaller
            if free < archive.stat().st_size:
                raise UserError(
                    f"{folder.parent} has {free:,} bytes left, too few to unpack {archive}: free some space"
                )
            report(f"unpacking {archive}")
            partial = folder.with_name(f".{folder.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)  # of a call that was killed
            try:
                unpack(archive, partial, LARGEST, MOST_FILES)
                (partial / _ORIGIN).write_text(json.dumps(origin) + "\n", encoding="utf-8")
                shutil.rmtree(folder, ignore_errors=True)
                partial.replace(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except Timeout:
        raise UserError(f"another process is unpacking into {folder}: wait until it has ended") from None
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror or error}") from None
    return folder
