"""The dev and test utterances of the embedded corpus as three decoders transcribe them, kept in a file.

    python -m omni_lib.course.hypotheses    # decodes the corpus again, writes data/lessons/hypotheses.json

The file makes the numbers of lesson 04 the same on every computer: rounding differs between processors, and
now and then that changes a letter.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from omni_lib.course.materials import corpus, pretrained, reading
from omni_lib.course.tables import Table
from omni_lib.errors import UserError
from omni_lib.inference.arpa import write_arpa
from omni_lib.inference.beam_search import make_decoder
from omni_lib.inference.evaluation import evaluate_each
from omni_lib.inference.language_model import estimate
from omni_lib.machine.clone import ROOT
from omni_lib.machine.files import write_atomically
from omni_lib.manifest import read_manifest
from omni_lib.metrics import ErrorCount, bootstrap_interval, total

HYPOTHESES = ROOT / "data" / "lessons" / "hypotheses.json"


@dataclass(frozen=True)
class DecodedUtterance:
    """One utterance: its text, its speaker, and the output of three decoders of the same encoder."""

    name: str  # of the sound file
    split: str  # dev or test
    speaker: str
    accent: str
    kind: str  # free, digits, date, command, spelling
    reference: str
    hypothesis: str  # greedy
    likeliest: str  # prefix search without a language model
    with_language_model: str  # prefix beam search with a 3-gram of the train texts


def hypotheses(split: str | None = None, path: Path = HYPOTHESES) -> list[DecodedUtterance]:
    """The utterances of the file, all or those of one split, in the order of the corpus.

    Raises:
        UserError: the file is missing or damaged, or has no such split.
    """
    with reading(path, "restore it, or write it again with 'python -m omni_lib.course.hypotheses'"):
        rows = [DecodedUtterance(**row) for row in json.loads(path.read_text(encoding="utf-8"))["utterances"]]
    chosen = [row for row in rows if split in (None, row.split)]
    if not chosen:
        splits = ", ".join(sorted({row.split for row in rows}))
        raise UserError(f"{path} has no utterance of split '{split}' (it has: {splits})")
    return chosen


class GroupRate(NamedTuple):
    """The error rate of a group of utterances with its 95% interval, as fractions, and the group's size."""

    rate: float
    low: float
    high: float
    utterances: int
    speakers: int


def rates_by(
    attribute: str, rows: Sequence[DecodedUtterance], counts: Sequence[ErrorCount]
) -> dict[str, GroupRate]:
    """Corpus error rate of each group of utterances.

    The intervals are percentile bootstrap intervals (`metrics.bootstrap_interval`) that draw whole speakers,
    or utterances where each group is a single speaker.

    Args:
        attribute: "accent", "kind" or "speaker": utterances with the same value are a group.
        rows: the utterances.
        counts: the errors of each of them, in the same order.

    Returns:
        Value of the attribute → its rate, in the order of first appearance.
    """
    groups: dict[str, list[tuple[DecodedUtterance, ErrorCount]]] = {}
    for row, count in zip(rows, counts, strict=True):
        groups.setdefault(getattr(row, attribute), []).append((row, count))
    drawn = "name" if attribute == "speaker" else "speaker"
    rates = {}
    for value, members in groups.items():
        errors = [count for _, count in members]
        low, high = bootstrap_interval(errors, [getattr(row, drawn) for row, _ in members])
        speakers = len({row.speaker for row, _ in members})
        rates[value] = GroupRate(total(errors).rate, low, high, len(members), speakers)
    return rates


def rate_table(
    attribute: str,
    rates: Mapping[str, GroupRate],
    others: Mapping[str, Mapping[str, GroupRate]] | None = None,
) -> Table:
    """The groups from the lowest rate to the highest, with their intervals.

    Args:
        attribute: the head of the first column.
        rates: as `rates_by` gives them.
        others: name of a further decoder -> its rates of the same groups.
    """
    others = others or {}
    head = (attribute, "utterances", "speakers", "WER", "95% interval", *others)
    rows = [
        (
            name,
            str(found.utterances),
            str(found.speakers),
            f"{found.rate:.1%}",
            f"{found.low:.1%} to {found.high:.1%}",
            *(f"{other[name].rate:.1%}" for other in others.values()),
        )
        for name, found in sorted(rates.items(), key=lambda item: item[1].rate)
    ]
    return Table(head, rows)


def decode_corpus() -> list[DecodedUtterance]:
    """Decode dev and test with the pretrained encoder: greedy, prefix search, beam search.

    Takes some minutes.
    """
    manifest, (recogniser, _) = read_manifest(corpus()), pretrained()
    with tempfile.TemporaryDirectory() as folder:
        arpa = Path(folder) / "train.arpa"
        write_arpa(estimate(row.text for row in manifest.split("train")), arpa)
        beam = make_decoder(arpa, recogniser.vocabulary)
        found = {}
        for split in ("dev", "test"):
            utterances = manifest.split(split)
            decoders = [recogniser.greedy, recogniser.prefix_search, beam]
            evaluations = evaluate_each(recogniser, utterances, decoders)
            texts = zip(*(each.hypotheses for each in evaluations), strict=True)
            for row, decoded in zip(evaluations[0].utterances, texts, strict=True):
                spoken = (row.path.stem, split, row.speaker, row.accent, row.kind, row.text)
                found[row.path] = DecodedUtterance(*spoken, *decoded)
    return [found[row.path] for row in manifest.utterances if row.path in found]


def write(rows: Iterable[DecodedUtterance], path: Path = HYPOTHESES) -> None:
    """Write the file as a whole or not at all."""
    contents = {"utterances": [asdict(row) for row in rows]}
    write_atomically(path, json.dumps(contents, indent=0).encode() + b"\n")


def main() -> int:
    """Write the file again and return the exit status."""
    try:
        rows = decode_corpus()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    write(rows)
    print(f"{HYPOTHESES.relative_to(ROOT).as_posix()}: {len(rows)} utterances")
    return 0


if __name__ == "__main__":
    sys.exit(main())
