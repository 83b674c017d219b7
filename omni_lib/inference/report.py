"""The text that is printed at the end of a training or an evaluation."""

from __future__ import annotations

from pathlib import Path

from omni_lib.config import Config
from omni_lib.inference.arpa import write_arpa
from omni_lib.inference.beam_search import make_decoder
from omni_lib.inference.evaluation import Evaluation, evaluate_each
from omni_lib.inference.language_model import estimate
from omni_lib.machine.resources import peak_memory
from omni_lib.manifest import read_manifest
from omni_lib.recogniser import load_recogniser
from omni_lib.runs.status import REPORTED
from omni_lib.training.audit import readable
from omni_lib.training.feature_cache import FeatureCache


def error_rates(result: Evaluation) -> str:
    """WER with its interval, CER, and the WER of each kind of sentence if the manifest has several kinds."""
    low, high = result.interval()
    words = sum(count.reference for count in result.words)
    lines = [
        f"WER {result.wer:.1%} (95% interval {low:.1%} to {high:.1%}, by {result.resampled_by}), "
        f"CER {result.cer:.1%}, {len(result.utterances)} utterances, {words} words"
    ]
    kinds = result.by("kind")
    if len(kinds) > 1:
        lines.append(
            "by kind: " + ", ".join(f"{kind or 'unnamed'} {count.rate:.1%}" for kind, count in kinds.items())
        )
    return "\n".join(lines)


def final_report(checkpoint: Path, config: Config, seconds: float, examples: int = 3) -> str:
    """Error rates of a finished run on test (or dev if there is no test), some transcripts, and its file."""
    recogniser, _ = load_recogniser(checkpoint)
    manifest = read_manifest(config.data_path)
    split = "test" if any(row.split == "test" for row in manifest.utterances) else "dev"
    lines: list[str] = []
    rows = FeatureCache(readable(manifest, config, split, report=lines.append), title=f"{split} features")
    arpa = checkpoint.parent / "train_3gram.arpa"
    write_arpa(estimate(row.text for row in manifest.split("train")), arpa)
    decoders = [recogniser.greedy, recogniser.prefix_search, make_decoder(arpa, recogniser.vocabulary)]
    greedy, prefix, beam = evaluate_each(recogniser, rows, decoders)
    lines.append(f"Training complete! {split}, greedy: {error_rates(greedy)}")
    for name, result in (
        ("prefix search, without a language model", prefix),
        ("beam search with a 3-gram of the training transcripts", beam),
    ):
        lines.append(f"{split}, {name}: {error_rates(result).splitlines()[0]}")
    pairs = list(zip(greedy.utterances, greedy.hypotheses, strict=True))
    for row, hypothesis in pairs[:: max(1, len(pairs) // examples)][:examples]:
        lines += [f"  said:    {row.text}", f"  written: {hypothesis}"]
    minutes, left_over = divmod(round(seconds), 60)
    memory = peak_memory()
    memory_note = f" Peak memory: {memory / 1e9:.1f} GB." if memory else ""
    lines.append(f"Time: {minutes} min {left_over:02d} s.{memory_note} Checkpoint: {checkpoint}")
    lines.append(REPORTED)
    return "\n".join(lines)
