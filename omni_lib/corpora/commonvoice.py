"""Common Voice (Ardila et al. 2020): volunteers read sentences at their own microphones.

The command is `omni data commonvoice SOURCE`.

    cv-corpus-…/en/train.tsv  dev.tsv  test.tsv      client_id  path  …  sentence  …  accents  …
    cv-corpus-…/en/clips/common_voice_en_1.mp3

The official splits are kept: train.tsv, dev.tsv and test.tsv share no speaker. validated.tsv holds more
rows and is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from tqdm import tqdm

from omni_lib.corpora.published import Rows, archives_in, only_file, read_lines, roots, write
from omni_lib.errors import UserError, one_line
from omni_lib.machine.tables import is_litter
from omni_lib.manifest import SPLITS

WHERE = """\
Common Voice, English: sentences read by volunteers at their own microphones, MP3. Published by Mozilla, a
new version every few months, at https://commonvoice.mozilla.org/ (datasets). A version of English is an
archive of tens of gigabytes; the delta segments between versions are small, but have no official splits.
Licence: CC0 (public domain). On the site, you must agree not to try to find out who the speakers are. It then
gives you an address for your download alone, so no command can download the corpus.
When you have the archive, run omni data commonvoice cv-corpus-….tar.gz, or name its folder."""

VERSION = 4  # of the output
_SPEAKER = 16  # of the 128 hexadecimal digits of a client_id, which tell a million people apart as a rule


def prepare(sources: Sequence[str | Path], out: Path, report: Callable[[str], None] = print) -> Path:
    """Write `out/asr.csv`, and return its path. The MP3 files stay where they are.

    Every line of the three tables is either written or named, with the reason, by `report(line)` and in
    `left_out.txt`.

    Raises:
        UserError: the source is not English Common Voice, or `out` holds something else.
    """
    if len(sources) != 1:
        raise UserError("Common Voice is one folder or one archive: name only that one")
    (root,) = roots(sources, out, report)
    first = next((found for split in SPLITS if (found := _table(root, split))), None)
    if first is None or not (first.parent / "clips").is_dir():
        raise UserError(_lacking(root, first))
    rows = Rows()
    people, listed, again = dict[str, str](), dict[str, str](), dict[str, str]()
    for split in SPLITS:
        if (first.parent / f"{split}.tsv").is_file():
            _read_split(first.parent, split, rows, people, listed, again)
        else:
            report(f"{split}.tsv is not there: no row has the split {split}")
    if again:
        name, tables = next(iter(again.items()))
        report(
            one_line(
                f"note: {len(again)} clips are in several tables, such as {name[:80]} in {tables}: keep each"
                " in one, or the error rate will be too low"
            )
        )
    return write("Common Voice", VERSION, rows, out, report)


def _table(root: Path, name: str) -> Path | None:
    """One of the tables of English, in `root` or in folders below it."""
    return only_file(root, [f"{place}{name}.tsv" for place in ("", "en/", "*/en/", "*/*/en/")])


def _lacking(root: Path, table: Path | None) -> str:
    """Why a folder, of which at most one table was found, cannot be used, and the remedy."""
    if table is not None:
        packed = sorted(path.name for path in table.parent.glob("clips*.*"))
        remedy = f"unpack {packed[0]} there" if packed else "unpack the whole archive again"
        return f"{table.parent} has no folder clips beside its tables: {remedy}"
    if validated := _table(root, "validated"):
        return (
            f"{validated.parent} has validated.tsv, and none of train.tsv, dev.tsv and test.tsv, which hold"
            " the official splits: fetch a whole version"
        )
    found = [path for place in ("*", "*/*") for path in sorted(root.glob(f"{place}/train.tsv"))]
    if others := [path.relative_to(root).as_posix() for path in found if not is_litter(path)]:
        return (
            f"{root} holds {others[0]} and no en/train.tsv: the rules for transcripts are for English; if its"
            " texts are English, name its folder"
        )
    lacking = "it holds no en/train.tsv with a folder clips beside it: name the folder that does"
    return f"{root} is not English Common Voice: {archives_in(root) or lacking}"


def _read_split(
    folder: Path,
    split: str,
    rows: Rows,
    people: dict[str, str],
    listed: dict[str, str],
    again: dict[str, str],
) -> None:
    """Add the rows of one table.

    Args:
        folder: where the tables and the folder clips are.
        split: the name of the table, and of the split.
        rows: to which its rows and problems are added.
        people: each name of a speaker so far, and its client_id; completed here.
        listed: each clip so far, and the last table that lists it; completed here.
        again: each clip that is in several tables, and two of them in words; completed here.
    """
    table = folder / f"{split}.tsv"
    (_, first), *lines = read_lines(table) or [(1, "")]
    header = first.split("\t")  # not CSV: a quotation mark is part of the text
    missing = [column for column in ("client_id", "path", "sentence") if column not in header]
    if missing:
        lacking = f"column{'s' * (len(missing) > 1)} {' and '.join(missing)}"
        raise UserError(f"{table} lacks the {lacking}: fetch Common Voice again")
    torn = _torn(lines, len(header))
    needed = 1 + max(header.index(column) for column in ("client_id", "path", "sentence"))
    for line, content in tqdm(lines, desc=f"{split}.tsv", unit="row", leave=False, disable=None):
        where, cells = f"{table.name} line {line}", content.split("\t")
        if line in torn:
            rows.problems.append(f"{where}: its sentence goes on in the next line: write it in one line")
            continue
        if needed <= len(cells) < len(header):  # empty cells at the end were omitted
            cells += [""] * (len(header) - len(cells))
        if len(cells) != len(header):
            rows.problems.append(f"{where}: {len(cells)} cells instead of {len(header)}")
            continue
        row = dict(zip(header, cells, strict=True))
        name, locale = row["path"].removeprefix("clips/"), row.get("locale") or "en"
        if name and "." not in name:
            name += ".mp3"  # the first versions left it out
        if listed.get(name, "") == split or not name or Path(name).name != name:
            rows.problems.append(
                f"{where}: the path {name[:80]!r} is listed twice, is empty or leads elsewhere"
            )
        elif locale.partition("-")[0] != "en":
            rows.problems.append(
                f"{where}: its language is {locale!r}, and the rules for transcripts are for English"
            )
        else:
            accent = row.get("accents", row.get("accent", ""))
            rows.add(
                where,
                folder / "clips" / name,
                row["sentence"],
                _speaker(row["client_id"], people),
                split,
                accent=accent,
            )
        if listed.setdefault(name, split) != split:
            again[name] = f"{listed[name]}.tsv and {split}.tsv"
            listed[name] = split


def _torn(lines: Sequence[tuple[int, str]], width: int) -> set[int]:
    """The lines of a row whose sentence was written in two: together they have the cells of one row."""
    torn = set()
    for (first, content), (second, behind) in pairwise(lines):
        cells = content.count("\t") + 1, behind.count("\t") + 1
        if max(cells) < width and sum(cells) == width + 1:
            torn |= {first, second}
    return torn


def _speaker(client: str, people: dict[str, str]) -> str:
    """The short name of a speaker; the whole client_id where another one begins like it."""
    short = client[:_SPEAKER]
    return short if people.setdefault(short, client) == client else client
