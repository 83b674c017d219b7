"""Error rates of a model on recordings of people as they are, and with their sound changed.

    python tests/benchmarks/changed_sound.py [--checkpoint data/pretrained/audio_enc_voice.pt]

The recordings are the dev speakers of the voice corpus (`omni data voice`). "1.25 times" and "0.8 times" as
fast are by resampling, which changes the pitch too.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import soundfile
from record import RESULTS, add_row, provenance
from torch import Tensor
from torchaudio.functional import resample

from omni_lib.audio import SAMPLE_RATE, read_audio
from omni_lib.inference.evaluation import evaluate
from omni_lib.manifest import Utterance, read_manifest
from omni_lib.recogniser import load_recogniser

CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "8 kHz": lambda x: resample(resample(x, SAMPLE_RATE, 8000), 8000, SAMPLE_RATE),
    "1.25 times": lambda x: resample(x, 20_000, SAMPLE_RATE),
    "0.8 times": lambda x: resample(x, 12_800, SAMPLE_RATE),
    "30 dB softer": lambda x: x * 10 ** (-30 / 20),
}


def changed(rows: Sequence[Utterance], change: Callable[[Tensor], Tensor], folder: Path) -> list[Utterance]:
    """The rows, with changed copies of their sound in `folder`."""
    copies = []
    for number, row in enumerate(rows):
        path = folder / f"{number}.wav"
        soundfile.write(path, change(read_audio(row.path)).numpy(), SAMPLE_RATE, subtype="PCM_16")
        copies.append(replace(row, path=path))
    return copies


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", default="data/pretrained/audio_enc_voice.pt")
    parser.add_argument("--data", default="data/voice/asr.csv")
    options = parser.parse_args()
    recogniser, _ = load_recogniser(options.checkpoint)
    dev = read_manifest(options.data).split("dev")
    people = [row for row in dev if row.kind == "an4"]
    rates = {
        "AN4 dev": evaluate(recogniser, people).wer,
        "in rooms": evaluate(recogniser, [row for row in dev if row.kind == "an4_room"]).wer,
    }
    for name, change in CHANGES.items():
        with tempfile.TemporaryDirectory() as folder:
            rates[name] = evaluate(recogniser, changed(people, change, Path(folder))).wer
    add_row(RESULTS / "changed_sound.json", {"checkpoint": options.checkpoint, "wer": rates, **provenance()})
    print("  ".join(f"{name} {rate:.1%}" for name, rate in rates.items()))


if __name__ == "__main__":
    main()
