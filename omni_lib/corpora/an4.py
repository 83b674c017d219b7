"""CMU AN4, recorded about 1991: 84 people spell names, addresses and numbers, or speak control words.

The command is `omni data an4`. These files are read:

    an4/etc/an4_train.fileids        an4_clstk/fash/an251-fash-b              path of the sound below wav/
    an4/etc/an4_train.transcription  <s> YES </s> (an251-fash-b)              its transcription
    an4/wav/an4_clstk/fash/an251-fash-b.wav (or .sph, or .raw)

The official test part (an4_test.*, wav/an4test_clstk) becomes the split test if the source has it. The
split dev is 10 fixed speakers of the training part.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy
import soundfile
import torch
from torch import Tensor
from tqdm import tqdm

from omni_lib.audio import SAMPLE_RATE, read_audio
from omni_lib.corpora.archive import unpack
from omni_lib.corpora.building import building, is_built
from omni_lib.corpora.clips import write_clip
from omni_lib.corpora.published import by_split
from omni_lib.errors import UserError
from omni_lib.machine.files import file_sha256, sha256
from omni_lib.machine.tables import is_litter
from omni_lib.manifest import Utterance, write_manifest
from omni_lib.text import normalise

WHERE = """\
CMU AN4, also called the census or alphanumeric database: 948 training and 130 test utterances of 84 speakers,
16 kHz.
Published by Carnegie Mellon University, in the databases section of its speech group:
  http://www.speech.cs.cmu.edu/databases/an4/
Size: 64 MB (an4_sphere.tar.gz). You can use any archive of it (NIST sphere, raw, or WAV), packed or unpacked.
Licence: (c) 1991-2005 Carnegie Mellon University; free for any purpose, commercial or otherwise; whoever
passes the data on must keep the copyright notice, the conditions and the disclaimer with them; without
warranty.
When you have the archive: omni data an4 SOURCE --out data/an4"""

# The 74 speakers of the training part, sorted, shuffled by random.Random(0): the first ten, then the next
# ten, each sorted.
DEV_SPEAKERS = ("fnsv", "mcel", "mcfl", "mjbh", "mmdg", "mrcb", "mrjc2", "msrb", "mtos", "mtxj")
# A second dev set, for one evaluation after all choices have been made on the first.
CONFIRMATION_SPEAKERS = ("fbbh", "fjmd", "flmm2", "flrp", "fplp", "mdmc", "mema", "mrab", "mtje", "mwhw")

VERSION = 1  # of the output: a change rebuilds existing corpora
_SUFFIXES = (".wav", ".sph", ".raw")
_FILE_ID = re.compile(r"[\w-]+(/[\w-]+)*/(?P<speaker>[\w-]+)/(?P<name>[\w-]+)", re.ASCII)
_TRANSCRIPT = re.compile(r"(?P<text>.*)\((?P<name>[^()\s]+)\)\s*")
# <s>, <sil>; ++NOISE++; the (2) of a second pronunciation
_MARKUP = re.compile(r"<[^<>]*>|\+\+[^+\s]*\+\+|(?<=\w)\(\d+\)")


@dataclass(frozen=True)
class _Row:
    """One utterance of the lists."""

    file_id: str  # an4_clstk/fash/an251-fash-b
    speaker: str
    name: str
    text: str  # normalised
    split: str


def prepare(
    source: Path, out: Path, report: Callable[[str], None] = print, dev_speakers: Sequence[str] = DEV_SPEAKERS
) -> Path:
    """Write `out/asr.csv` and `out/wav/<speaker>/<name>.wav` (16 kHz mono PCM16), and return the path of the
    CSV file.

    Every utterance of the lists is either written or reported through `report(line)` with the reason.

    Args:
        source: the folder an4, its parent folder, or a .tar.gz of it.
        out: the folder to write; if it already holds the same corpus, nothing is changed.
        report: called with a line for each row that is left out, and with a summary.
        dev_speakers: the speakers of the training part that become dev.

    Raises:
        UserError: `source` is not AN4, or `out` holds something else.
    """
    source, out = Path(source), Path(out)
    if not source.exists():
        raise UserError(
            f"{source} does not exist; 'omni data an4' without a source says where AN4 is published"
        )
    stamp = {
        "corpus": "CMU AN4",
        "version": VERSION,
        "dev_speakers": sorted(dev_speakers),
        "source_sha256": _fingerprint(source),
    }
    if is_built(out, stamp):
        report(f"{out / 'asr.csv'} is already there, made from the same source")
        return out / "asr.csv"
    with building(out, stamp) as partial:
        if source.is_file():
            unpack(source, partial / "unpacked")
        root = _find_root(partial / "unpacked" if source.is_file() else source, source)
        rows, problems = _read_lists(root, dev_speakers, report)
        utterances = []
        for row in tqdm(rows, desc="reading AN4", unit="clip", leave=False, disable=None):
            target = partial / "wav" / row.speaker / f"{row.name}.wav"
            try:
                write_clip(target, _read_sound(root / "wav", row.file_id))
            except UserError as error:
                problems.append(f"{row.file_id}: {_below(error, root)}")
                continue
            utterances.append(Utterance(target, row.text, row.speaker, row.split))
        for problem in problems:
            report(f"left out, {problem}")
        if not utterances:
            raise UserError(f"{source} has no utterance of AN4 that can be used")
        written = f"{len(utterances)} utterances written ({by_split(utterances)})"
        report(f"AN4: {written}, {len(problems)} left out")
        write_manifest(partial / "asr.csv", utterances)
    return out / "asr.csv"


def _read_lists(
    root: Path, dev_speakers: Sequence[str], report: Callable[[str], None]
) -> tuple[list[_Row], list[str]]:
    """The utterances that are in both lists of etc/, and the problems of the others."""
    rows, problems = _read_part(root / "etc", "train")
    absent = sorted(set(dev_speakers) - {row.speaker for row in rows})
    if absent:
        report(f"dev speakers without an utterance in the training part: {', '.join(absent)}")
    rows = [replace(row, split="dev" if row.speaker in dev_speakers else "train") for row in rows]
    if not (root / "etc" / "an4_test.fileids").is_file():
        report(
            "the list of the official test part (etc/an4_test.fileids) is not there: no row has the split"
            " test"
        )
        return rows, problems
    tested, test_problems = _read_part(root / "etc", "test")
    names, speakers = {row.name for row in rows}, {row.speaker for row in rows}
    problems += test_problems + [
        f"{row.file_id}: {row.name} is in the training part too" for row in tested if row.name in names
    ]
    shared = sorted({row.speaker for row in tested} & speakers)
    if shared:
        report(f"careful: speakers of the test part speak in the training part too: {', '.join(shared)}")
    return rows + [row for row in tested if row.name not in names], problems


def _read_part(folder: Path, part: str) -> tuple[list[_Row], list[str]]:
    """Pair the lines of an4_<part>.fileids and an4_<part>.transcription by the name of the utterance."""
    id_list, text_list = folder / f"an4_{part}.fileids", folder / f"an4_{part}.transcription"
    rows: dict[str, _Row] = {}
    problems: list[str] = []
    texts: dict[str, tuple[int, str]] = {}
    for line, content in _lines(text_list):
        match = _TRANSCRIPT.fullmatch(content)
        if match is None or match["name"] in texts:
            reason = (
                "does not end in the (name) of its utterance"
                if match is None
                else f"{match['name']} is listed twice"
            )
            problems.append(f"{text_list.name} line {line}: {reason}")
        else:
            texts[match["name"]] = (line, match["text"])
    listed = set()
    for line, file_id in _lines(id_list):
        where, match = f"{id_list.name} line {line}", _FILE_ID.fullmatch(file_id)
        if match is None:
            problems.append(f"{where}: {file_id!r} is not of the form an4_clstk/speaker/name")
            continue
        name = match["name"]
        if name in listed:
            problems.append(f"{where}: {name} is listed twice")
            continue
        listed.add(name)
        if name not in texts:
            problems.append(f"{where}: {name} has no line in {text_list.name}")
            continue
        try:
            text = normalise(_MARKUP.sub(" ", texts[name][1]))
        except UserError as error:
            problems.append(f"{text_list.name} line {texts[name][0]}: {error}")
            continue
        if not text:
            problems.append(f"{text_list.name} line {texts[name][0]}: the transcription holds no word")
            continue
        rows[name] = _Row(file_id, match["speaker"], name, text, part)
    for name, (line, _) in texts.items():
        if name not in listed:
            problems.append(f"{text_list.name} line {line}: {name} is not in {id_list.name}")
    return list(rows.values()), problems


def _lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a list that are not blank, with their 1-based numbers."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text: fetch AN4 again") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): fetch AN4 again") from None
    return [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _read_sound(folder: Path, file_id: str) -> Tensor:
    """waveform (samples,) of one utterance, from the first of `_SUFFIXES` that exists.

    Raises:
        UserError: it is missing or unreadable.
    """
    for path in (folder / f"{file_id}{suffix}" for suffix in _SUFFIXES):
        if path.is_file():
            return _read_raw(path) if path.suffix == ".raw" else read_audio(path)
    raise UserError(f"no sound file wav/{file_id}{{{','.join(_SUFFIXES)}}}")


def _read_raw(path: Path) -> Tensor:
    """waveform (samples,) of headerless 16-bit samples at 16 kHz, with the byte order found automatically.

    AN4 is published in either byte order, without a mark. In the wrong order, neighbouring samples differ by
    large jumps, so the order with the smaller differences is used.

    Raises:
        UserError: the file is empty or cannot be read.
    """
    orders = []
    for endian in ("BIG", "LITTLE"):
        try:
            samples, _ = soundfile.read(
                path,
                dtype="float32",
                samplerate=SAMPLE_RATE,
                channels=1,
                format="RAW",
                subtype="PCM_16",
                endian=endian,
            )
        except (soundfile.SoundFileError, OSError) as error:
            raise UserError(f"{path} cannot be read: {error}") from None
        orders.append(samples)
    if len(orders[0]) == 0:
        raise UserError(f"{path} is empty: fetch AN4 again")
    return torch.from_numpy(min(orders, key=lambda samples: numpy.abs(numpy.diff(samples)).sum()))


def _find_root(folder: Path, source: Path) -> Path:
    for root in (folder, folder / "an4"):
        if (root / "etc" / "an4_train.fileids").is_file():
            return root
    raise UserError(
        f"{source} is not AN4: it holds neither etc/an4_train.fileids nor an4/etc/an4_train.fileids"
    )


def _fingerprint(source: Path) -> str:
    """A hash of the source: of an archive's bytes, or of a folder's lists and the sizes of its files."""
    if source.is_file():
        return file_sha256(source)
    root = _find_root(source, source)
    lists = [
        sha256(path.read_bytes()) for path in sorted((root / "etc").glob("an4_t*")) if not is_litter(path)
    ]
    files = sorted(
        (path.relative_to(root).as_posix(), path.stat().st_size)
        for path in (root / "wav").rglob("*")
        if path.is_file() and not is_litter(path)
    )
    return sha256(repr((lists, files)).encode())


def _below(error: UserError, root: Path) -> str:
    """The message with paths relative to the corpus, because an unpacked archive is in a temporary folder."""
    return str(error).replace(f"{root}{os.sep}", "")
