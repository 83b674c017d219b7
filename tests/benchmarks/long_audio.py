"""The effect of limited attention on single clips and on concatenated clips: the choice of `streaming.REACH`.

    python tests/benchmarks/long_audio.py [--seconds 30 60] [--recordings 12] [--clips 80]

WER of the pretrained model of the embedded corpus on test clips, single and concatenated, by reach; `whole`
is unlimited attention.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence

import torch
from record import RESULTS, add_row, provenance

from omni_lib.audio import LogMel, read_audio
from omni_lib.ctc import collapse
from omni_lib.inference.streaming import greedy_path
from omni_lib.manifest import Utterance, read_manifest
from omni_lib.metrics import total, word_errors
from omni_lib.recogniser import Recogniser, load_recogniser

REACHES = (None, 100, 150, 200, 250, 300, 400, 500)  # frames of 10 ms


def word_error_rate(
    recogniser: Recogniser, recordings: Sequence[tuple[torch.Tensor, str]], reach: int | None
) -> float:
    """Over recordings of (log-mel, what is said)."""
    errors = []
    for mel, said in recordings:
        heard = recogniser.vocabulary.decode(collapse(greedy_path(mel, recogniser, reach).tolist()))
        errors.append(word_errors(said, " ".join(heard.split())))
    return total(errors).rate


def end_to_end(rows: Sequence[Utterance], seconds: float, recordings: int) -> list[tuple[torch.Tensor, str]]:
    """Recordings of at least `seconds`, made of whole clips in the order of `rows`."""
    log_mel, clips, made = LogMel(), iter(rows * (1 + int(seconds * recordings))), []
    for _ in range(recordings):
        sound, said = [], []
        while sum(map(len, sound)) < seconds * 16_000:
            row = next(clips)
            sound.append(read_audio(row.path))
            said.append(row.text)
        made.append((log_mel(torch.cat(sound)), " ".join(said)))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", default="data/pretrained/audio_enc_tiny.pt")
    parser.add_argument("--data", default="data/audio/asr.csv")
    parser.add_argument("--seconds", type=float, nargs="+", default=[30.0, 60.0])
    parser.add_argument("--recordings", type=int, default=12, help="of each length")
    parser.add_argument("--clips", type=int, default=80)
    options = parser.parse_args()
    recogniser, _ = load_recogniser(options.checkpoint)
    rows = read_manifest(options.data).split("test")
    random.Random(0).shuffle(rows)
    sets = {"clips": end_to_end(rows[: options.clips], 0.01, options.clips)}
    sets |= {f"{seconds:.0f} s": end_to_end(rows, seconds, options.recordings) for seconds in options.seconds}
    for reach in REACHES:
        rates = {name: word_error_rate(recogniser, recordings, reach) for name, recordings in sets.items()}
        add_row(RESULTS / "long_audio.json", {"reach_frames": reach, "wer": rates, **provenance()})
        print(
            f"{'whole' if reach is None else f'{reach / 100:.1f} s':>6}  "
            + "  ".join(f"{n} {r:.1%}" for n, r in rates.items()),
            flush=True,
        )


if __name__ == "__main__":
    main()
