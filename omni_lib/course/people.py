"""How two encoders transcribe recordings of people: one trained on synthetic voices only, one on people too.

    python -m omni_lib.course.people data/an4/asr.csv     # writes data/lessons/people.json

The recordings are the dev speakers of CMU AN4 (`omni data an4`). Neither encoder was trained on them. The
file holds error counts of all utterances and the texts of a few commands; it holds no sound.
"""

from __future__ import annotations

import html
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from omni_lib.course.edits import marked
from omni_lib.course.materials import PRETRAINED, VOICE, reading
from omni_lib.errors import UserError
from omni_lib.inference.evaluation import evaluate
from omni_lib.machine.clone import ROOT
from omni_lib.machine.files import write_atomically
from omni_lib.manifest import Utterance, read_manifest
from omni_lib.recogniser import load_recogniser

PEOPLE = ROOT / "data" / "lessons" / "people.json"
ENCODERS = {"synthetic voices only": PRETRAINED, "people too": VOICE}  # what each was trained on
COMMANDS = set("enter erase go help repeat rubout start stop".split())  # the first word of an example


@dataclass(frozen=True)
class Example:
    """One command, by one speaker."""

    speaker: str
    said: str
    written: dict[str, str]  # what the encoder was trained on -> its transcript


@dataclass(frozen=True)
class People:
    """The error rates of both encoders, and examples. A notebook shows a table."""

    utterances: int
    speakers: int
    rates: dict[str, tuple[float, float, float]]  # encoder -> WER and its 95% interval, by speaker; fractions
    examples: tuple[Example, ...]

    def __repr__(self) -> str:
        lines = [f"{self.utterances} utterances of {self.speakers} people"]
        lines += [f"trained on {name}: WER {_spoken(rate)}" for name, rate in self.rates.items()]
        for each in self.examples:
            lines.append(f"said: {each.said}")
            lines += [f"  {name}: {text}" for name, text in each.written.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        left = 'style="text-align: left; vertical-align: top"'
        heads = "".join(
            f"<th {left}>written by the encoder trained on {name}<br>WER {_spoken(rate)}</th>"
            for name, rate in self.rates.items()
        )
        rows = "".join(
            f"<tr><td {left}>{html.escape(each.said)}</td>"
            + "".join(f"<td {left}>{marked(each.said, text)}</td>" for text in each.written.values())
            + "</tr>"
            for each in self.examples
        )
        return f"<table><thead><tr><th {left}>said</th>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _spoken(rate: tuple[float, float, float]) -> str:
    return f"{rate[0]:.1%} ({100 * rate[1]:.1f}–{100 * rate[2]:.1f})"


def people(path: Path = PEOPLE) -> People:
    """The contents of the file.

    Raises:
        UserError: it is missing or damaged.
    """
    with reading(path):
        contents = json.loads(path.read_text(encoding="utf-8"))
        rates = {name: (rate, low, high) for name, (rate, low, high) in contents["rates"].items()}
        examples = tuple(Example(**each) for each in contents["examples"])
        return People(contents["utterances"], contents["speakers"], rates, examples)


def listen(manifest: Path) -> People:
    """Transcribe the dev part of a corpus with both encoders, greedily.

    An example is the first command of a speaker, and only that one.

    Raises:
        UserError: the manifest cannot be read, or has no dev part.
    """
    dev = read_manifest(manifest).split("dev")
    written: dict[str, dict[Path, str]] = {}
    rates = {}
    for name, checkpoint in ENCODERS.items():
        recogniser, _ = load_recogniser(checkpoint)
        result = evaluate(recogniser, dev)
        written[name] = {
            row.path: text for row, text in zip(result.utterances, result.hypotheses, strict=True)
        }
        rates[name] = (result.wer, *result.interval())
    first: dict[str, Utterance] = {}
    for row in dev:
        if row.text.split()[0] in COMMANDS and len(row.text.split()) > 1:
            first.setdefault(row.speaker, row)
    examples = tuple(
        Example(row.speaker, row.text, {name: written[name][row.path] for name in ENCODERS})
        for row in first.values()
    )
    return People(len(dev), len({row.speaker for row in dev}), rates, examples)


def main(arguments: Sequence[str]) -> int:
    """Write the file again and return the exit status."""
    try:
        if len(arguments) != 1:
            raise UserError("name the manifest of CMU AN4, such as data/an4/asr.csv")
        found = listen(Path(arguments[0]))
        write_atomically(PEOPLE, json.dumps(asdict(found), indent=1).encode() + b"\n")
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    name = PEOPLE.relative_to(ROOT).as_posix()
    print(f"{name}: {found.utterances} utterances, {len(found.examples)} examples")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
