"""What the pretrained encoder heard in the dev and test utterances of the embedded corpus: a file, hence the same everywhere.

    python -m omni_lib.course.hypotheses        # transcribes the corpus anew and rewrites data/lessons/hypotheses.json

Another processor may hear a letter otherwise, and the numbers of lesson 04 shall not depend on that.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from omni_lib.course.materials import corpus, pretrained
from omni_lib.errors import UserError
from omni_lib.inference.arpa import write_arpa
from omni_lib.inference.beam_search import make_decoder
from omni_lib.inference.evaluation import evaluate_each
from omni_lib.inference.language_model import estimate
from omni_lib.machine.clone import ROOT
from omni_lib.machine.files import write_atomically
from omni_lib.manifest import read_manifest

HYPOTHESES = ROOT / "data" / "lessons" / "hypotheses.json"


@dataclass(frozen=True)
class DecodedUtterance:
    """One utterance: what was said, by whom, and what three decoders of the same encoder wrote."""

    name: str  # of the sound file
    split: str  # dev or test
    speaker: str
    accent: str
    kind: str  # free, digits, date, command, spelling
    reference: str
    hypothesis: str  # greedy
    likeliest: str  # prefix search, without a language model
    with_language_model: str  # prefix beam search with a 3-gram of the train texts


def hypotheses(split: str | None = None, path: Path = HYPOTHESES) -> list[DecodedUtterance]:
    """The utterances of the file, all or those of one split, in the order of the corpus.

    Raises:
        UserError: the file is missing or damaged, or has no such split.
    """
    try:
        rows = [DecodedUtterance(**row) for row in json.loads(path.read_text(encoding="utf-8"))["utterances"]]
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}): it comes with the course, fetch it again"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"{path} is damaged: fetch it again, or make it anew with 'python -m omni_lib.course.hypotheses'"
        ) from None
    chosen = [row for row in rows if split in (None, row.split)]
    if not chosen:
        raise UserError(
            f"{path} has no utterance of split '{split}' (it has: {', '.join(sorted({row.split for row in rows}))})"
        )
    return chosen


def decode_corpus() -> list[DecodedUtterance]:
    """Transcribe dev and test with the pretrained encoder, greedily, by prefix and by beam search; some minutes of processor time."""
    manifest, (recogniser, _) = read_manifest(corpus()), pretrained()
    with tempfile.TemporaryDirectory() as folder:
        arpa = Path(folder) / "train.arpa"
        write_arpa(estimate(row.text for row in manifest.split("train")), arpa)
        beam = make_decoder(arpa, recogniser.vocabulary)
        found = {}
        for split in ("dev", "test"):
            utterances = manifest.split(split)
            heard = evaluate_each(recogniser, utterances, [recogniser.greedy, recogniser.prefix_search, beam])
            texts = zip(*(each.hypotheses for each in heard), strict=True)
            for row, (first, second, third) in zip(heard[0].utterances, texts, strict=True):
                found[row.path] = DecodedUtterance(
                    row.path.stem, split, row.speaker, row.accent, row.kind, row.text, first, second, third
                )
    return [found[row.path] for row in manifest.utterances if row.path in found]


def write(rows: Iterable[DecodedUtterance], path: Path = HYPOTHESES) -> None:
    """Write the file as a whole or not at all."""
    contents = {"utterances": [asdict(row) for row in rows]}
    write_atomically(path, json.dumps(contents, indent=0).encode() + b"\n")


def main() -> int:
    """Make the file anew; exit status."""
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
