"""Word error rate and number of errors of each voice of a test set, greedy, the worst voice first.

    python tests/benchmarks/voices.py [--checkpoint PT] [--data CSV] [--split test]

A voice is a speaker of the manifest. The defaults are the encoder of `make train` and its corpus.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

from omni_lib.inference.evaluation import evaluate
from omni_lib.manifest import read_manifest
from omni_lib.metrics import ErrorCount, total, word_errors
from omni_lib.recogniser import load_recogniser


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", default="checkpoints/audio_enc_tiny/audio_enc_step_2000.pt")
    parser.add_argument("--data", default="data/audio/asr.csv")
    parser.add_argument("--split", default="test")
    options = parser.parse_args()
    recogniser, _ = load_recogniser(options.checkpoint)
    result = evaluate(recogniser, read_manifest(options.data).split(options.split))
    voices: dict[str, list[ErrorCount]] = defaultdict(list)
    for row, heard in zip(result.utterances, result.hypotheses, strict=True):
        voices[row.speaker].append(word_errors(row.text, heard))
    sums = {voice: total(counts) for voice, counts in voices.items()}
    for voice, count in sorted(sums.items(), key=lambda each: -each[1].rate):
        print(f"{count.rate:6.1%}  {count.errors:4} errors  {voice}")


if __name__ == "__main__":
    main()
