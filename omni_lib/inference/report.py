"""Results in words: what a person reads at the end of a training or an evaluation."""

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
from omni_lib.training.audit import readable
from omni_lib.training.batching import FeatureCache


def error_rates(result: Evaluation) -> str:
    """WER with its interval, CER, and WER by kind of sentence where the manifest names kinds."""
    low, high = result.interval()
    words = sum(count.reference for count in result.words)
    lines = [
        f"WER {result.wer:.1%} (95% interval {low:.1%} to {high:.1%}, by speaker), CER {result.cer:.1%}, "
        f"{len(result.utterances)} utterances, {words} words"
    ]
    kinds = result.by("kind")
    if len(kinds) > 1:
        lines.append(
            "by kind: " + ", ".join(f"{kind or 'unnamed'} {count.rate:.1%}" for kind, count in kinds.items())
        )
    return "\n".join(lines)


def final_report(checkpoint: Path, config: Config, seconds: float, examples: int = 3) -> str:
    """What a finished run can do: error rates on the test split (dev where there is none), a few transcripts, the file."""
    recogniser, _ = load_recogniser(checkpoint)
    manifest = read_manifest(config.data_path)
    split = "test" if any(row.split == "test" for row in manifest.utterances) else "dev"
    lines: list[str] = []
    heard_rows = FeatureCache(
        readable(manifest, config, split, report=lines.append), title=f"{split} features"
    )
    arpa = checkpoint.parent / "train_3gram.arpa"
    write_arpa(estimate(row.text for row in manifest.split("train")), arpa)
    decoders = [recogniser.greedy, recogniser.prefix_search, make_decoder(arpa, recogniser.vocabulary)]
    result, likeliest, with_words = evaluate_each(recogniser, heard_rows, decoders)
    lines.append(f"Training complete! {split}, greedy: {error_rates(result)}")
    lines.append(
        f"{split}, prefix search, without a language model: {error_rates(likeliest).splitlines()[0]}"
    )
    lines.append(
        f"{split}, beam search with a 3-gram of the training transcripts: {error_rates(with_words).splitlines()[0]}"
    )
    pairs = list(zip(result.utterances, result.hypotheses, strict=True))
    for row, heard in pairs[:: max(1, len(pairs) // examples)][:examples]:
        lines += [f"  said:  {row.text}", f"  heard: {heard}"]
    minutes, seconds = divmod(round(seconds), 60)
    memory = peak_memory()
    held = f" Peak memory: {memory / 1e9:.1f} GB." if memory else ""
    lines.append(f"This session: {minutes} min {seconds:02d} s.{held} Checkpoint: {checkpoint}")
    lines.append("Ready for Stage E!")
    return "\n".join(lines)
