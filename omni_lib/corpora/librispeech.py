"""LibriSpeech (Panayotov et al. 2015): about 1000 hours of audio books. `omni data librispeech SOURCE…`

    LibriSpeech/dev-clean/84/121123/84-121123.trans.txt      84-121123-0000 GO DO YOU HEAR
    LibriSpeech/dev-clean/84/121123/84-121123-0000.flac      subset / speaker / chapter

The official subsets are kept: train-… becomes the split train, dev-… dev and test-… test. The column `kind`
holds the name of the subset, so that `omni evaluate` reports clean and other separately.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from omni_lib.corpora.published import Rows, archives_in, read_lines, roots, write
from omni_lib.errors import UserError
from omni_lib.machine.tables import SOUND_ENDINGS, is_litter

WHERE = """\
LibriSpeech: about 1000 hours of read English audio books, 16 kHz FLAC, 2484 speakers.
Published at https://www.openslr.org/12/
Each subset is an archive of its own:
  dev-clean 337 MB, dev-other 314 MB, test-clean 346 MB, test-other 328 MB
  train-clean-100 6.3 GB, train-clean-360 23 GB, train-other-500 30 GB
Licence: CC BY 4.0; the recordings are of LibriVox, in the public domain.
Name all the folders and archives that you have in one command. If you name an address, it is downloaded:
  omni data librispeech https://www.openslr.org/resources/12/dev-clean.tar.gz
If the download is interrupted, the same command continues it."""

SUBSETS = (
    "train-clean-100",
    "train-clean-360",
    "train-other-500",
    "dev-clean",
    "dev-other",
    "test-clean",
    "test-other",
    "train-clean-5",  # these two are Mini LibriSpeech, https://www.openslr.org/31/
    "dev-clean-2",
)
VERSION = 4  # of the output


def prepare(sources: Sequence[str | Path], out: Path, report: Callable[[str], None] = print) -> Path:
    """Write `out/asr.csv` of the subsets in `sources`, and return its path. The FLAC files are not copied.

    Every utterance of the lists is either written or named, with the reason, by `report(line)` and in
    `left_out.txt`.

    Args:
        sources: folders, archives or addresses of LibriSpeech or of some of its subsets.
        out: the folder to write.

    Raises:
        UserError: a source is not one of these, or `out` holds something else.
    """
    rows = Rows()
    subsets: dict[str, Path] = {}
    for root in roots(sources, out, report):
        found = _subsets(root)
        if not found:
            lacking = f"it holds none of the folders {', '.join(SUBSETS)}: name the folder or archive of one"
            raise UserError(f"{root} is not LibriSpeech: {archives_in(root) or lacking}")
        for subset in found:
            if subset.name in subsets and subsets[subset.name] != subset:
                raise UserError(f"{subset.name} is given twice: {subsets[subset.name]} and {subset}")
            subsets[subset.name] = subset
    for name, folder in subsets.items():
        _read_subset(folder, name, rows)
    if remark := _repeated(rows):
        report(f"note: {remark}")
    return write("LibriSpeech", VERSION, rows, out, report)


def _subsets(root: Path) -> list[Path]:
    inside = [
        parent / name
        for parent in (root, root / "LibriSpeech")
        for name in SUBSETS
        if (parent / name).is_dir()
    ]
    for below in ("*", "*/*"):  # as unpacked into a folder of its own
        inside = inside or [
            path
            for name in SUBSETS
            for path in sorted(root.glob(f"{below}/{name}"))
            if path.is_dir() and not is_litter(path)
        ]
    return [root] if root.name in SUBSETS and not inside else inside


def _repeated(rows: Rows) -> str:
    """A note on utterances that are in several subsets, as Mini LibriSpeech repeats others; "" without any.

    They count twice, or they are tested on after they were learned.
    """
    first: dict[str, str] = {}
    twice = [row for row in rows.utterances if first.setdefault(row.path.stem, row.kind) != row.kind]
    if not twice:
        return ""
    name = twice[0].path.stem
    return (
        f"{len(twice)} utterances are in two subsets, such as {name} in {first[name]} and {twice[0].kind}:"
        " name only one of these subsets"
    )


def _read_subset(folder: Path, subset: str, rows: Rows) -> None:
    tables = sorted(path for path in folder.glob("*/*/*.trans.txt") if not is_litter(path))
    seen_in: dict[
        Path, set[str]
    ] = {}  # by chapter: a list may be there twice, as x.trans.txt and x (1).trans.txt
    for table in tqdm(tables, desc=subset, unit="chapter", leave=False, disable=None):
        speaker, seen = table.parent.parent.name, seen_in.setdefault(table.parent, set())
        for line, content in read_lines(table):
            where = f"{subset} {table.name} line {line}"
            name, transcript = [*content.split(maxsplit=1), ""][:2]
            if name in seen or Path(name).name != name:
                rows.problems.append(f"{where}: {name!r} is listed twice or is not the name of an utterance")
                continue
            seen.add(name)
            rows.add(
                where,
                table.parent / f"{name}.flac",
                transcript,
                speaker,
                subset.partition("-")[0],
                kind=subset,
            )
    for chapter, seen in seen_in.items():
        for path in sorted(filter(_is_sound, chapter.iterdir())):
            if path.stem not in seen:
                rows.problems.append(f"{subset} {path.name}: its .trans.txt does not say what is said in it")
    chapters = {path.parent for path in folder.glob("*/*/*.*") if _is_sound(path)}
    for chapter in sorted(chapters - seen_in.keys()):
        where = f"{subset} {chapter.relative_to(folder).as_posix()}"
        rows.problems.append(f"{where}: no list .trans.txt says what is said in its recordings")


def _is_sound(path: Path) -> bool:
    return path.suffix.lower() in SOUND_ENDINGS and not is_litter(path)
