"""LJ Speech (Ito & Johnson 2017): one reader, 24 hours of non-fiction. `omni data ljspeech SOURCE`

    LJSpeech-1.1/metadata.csv              LJ001-0001|as printed|with numbers written out
    LJSpeech-1.1/wavs/LJ001-0001.wav       22.05 kHz

There is no official split. Neighbouring clips continue one another, so whole sections are held out: those
whose number ends in 0 (LJ010, LJ020, …) are test, those whose number ends in 5 are dev, and the others are
train. All splits have the same speaker, so a word error rate here does not predict that of other speakers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from omni_lib.corpora.ljspeech_form import unlike
from omni_lib.corpora.published import Rows, only_file, read_lines, roots, write
from omni_lib.errors import UserError
from omni_lib.machine.tables import is_litter

WHERE = """\
LJ Speech 1.1: 13,100 clips, 24 hours of one woman reading seven non-fiction books, 22.05 kHz WAV.
Published at https://keithito.com/LJ-Speech-Dataset/ as LJSpeech-1.1.tar.bz2, 2.6 GB. Licence: public domain.
Name the folder or the archive. If you name its address, it is downloaded:
  omni data ljspeech https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2
If the download is interrupted, the same command continues it."""

VERSION = 4  # of the output
SPEAKER = "lj"
_NAME = re.compile(r"LJ(?P<section>\d{3})-\d{4}", re.ASCII)


def prepare(sources: Sequence[str | Path], out: Path, report: Callable[[str], None] = print) -> Path:
    """Write `out/asr.csv`, and return its path. The WAV files stay where they are.

    Every line of metadata.csv is either written or named, with the reason, by `report(line)` and in
    `left_out.txt`.

    Raises:
        UserError: the source is not LJ Speech, or `out` holds something else.
    """
    if len(sources) != 1:
        raise UserError("LJ Speech is one folder or one archive: name only that one")
    (root,) = roots(sources, out, report)
    table = only_file(root, ("metadata.csv", "*/metadata.csv"))
    if table is None or not (table.parent / "wavs").is_dir():
        raise UserError(f"{root} is not LJ Speech: it holds no metadata.csv with a folder wavs beside it")
    rows, seen, lines = Rows(), set(), read_lines(table)
    texts = [(cells[1], cells[2]) for _, content in lines if len(cells := content.split("|")) == 3]
    if other := unlike(texts):
        raise UserError(
            f"{table} has {other[1][:40]!r} behind {other[0][:40]!r}, where LJ Speech has the same text with"
            " numbers written out: fetch it again, or read your own corpus with 'omni data folder'"
        )
    for line, content in lines:
        # not CSV: a quotation mark is part of the text
        where, cells = f"{table.name} line {line}", content.split("|")
        match = _NAME.fullmatch(cells[0])
        if match is None or len(cells) != 3 or cells[0] in seen:
            rows.problems.append(
                f"{where}: {cells[0][:20]!r} is listed twice, or the line is not of the form"
                " LJ001-0001|text|text"
            )
            continue
        seen.add(cells[0])
        split = {"0": "test", "5": "dev"}.get(match["section"][-1], "train")
        rows.add(where, table.parent / "wavs" / f"{cells[0]}.wav", cells[2], SPEAKER, split)
    rows.problems += [
        f"wavs/{path.name}: {table.name} does not name it"
        for path in sorted((table.parent / "wavs").glob("*.wav"))
        if path.stem not in seen and not is_litter(path)
    ]
    return write("LJSpeech", VERSION, rows, out, report)
