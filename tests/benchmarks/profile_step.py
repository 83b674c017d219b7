"""Where the time of a training step goes, and how close its arithmetic comes to the peak of the cores.

    python tests/benchmarks/profile_step.py [--config configs/audio_enc_tiny.json] [--steps 60]

The parts are timed from outside, by wrapping the calls of a real `Trainer` on its real data; the library
contains no timers. Multiplications and additions are counted by torch's FlopCounterMode on the same batches
(Muon's products included). They are compared with the fastest matrix product measured in the same run, in the
data type of the settings.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parent))
from record import RESULTS, provenance

from omni_lib import trainer as training
from omni_lib.config import Config, load_config
from omni_lib.machine.hardware import fast_type
from omni_lib.runs.log_window import Window
from omni_lib.training.batching import Batch, padding_share

WARM_UP = (
    100  # steps before the clock counts: kernels are compiled and memory is fetched for every new length
)


class Stopwatch:
    """Seconds spent in named parts, one list entry a step; a part inside another is taken out of it."""

    def __init__(self) -> None:
        self.steps: list[dict[str, float]] = []
        self._open: list[float] = []  # seconds spent in the inner parts of each part that is running

    def begin_step(self) -> None:
        self.steps.append({})

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self._open.append(0.0)
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - began
            inner = self._open.pop()
            if self._open:
                self._open[-1] += spent
            if self.steps:
                self.steps[-1][name] = self.steps[-1].get(name, 0.0) + spent - inner

    def wrap(self, holder: Any, attribute: str, name: str) -> None:
        """Count every call of `holder.attribute` as part `name`."""
        original: Callable[..., Any] = getattr(holder, attribute)

        def timed(*arguments: Any, **options: Any) -> Any:
            with self.part(name):
                return original(*arguments, **options)

        setattr(holder, attribute, timed)

    def medians(self) -> dict[str, float]:
        """Median seconds of each part, in the order in which they first ran."""
        names = list(dict.fromkeys(name for step in self.steps for name in step))
        return {name: statistics.median(step.get(name, 0.0) for step in self.steps) for name in names}


def instrument(trainer: training.Trainer, watch: Stopwatch) -> None:
    """Hang the stopwatch on the parts of a trainer's step."""
    encoder = trainer.recogniser.encoder
    watch.wrap(
        trainer.objective, "forward", "head and CTC, forward"
    )  # less what is inside it, and named here
    watch.wrap(encoder, "hidden_states", "encoder, between its parts")
    watch.wrap(encoder.subsampler, "forward", "subsampler, forward")
    for block in encoder.blocks:
        watch.wrap(block, "forward", "blocks, forward")
    watch.wrap(torch.Tensor, "backward", "backward")
    watch.wrap(nn.utils, "clip_grad_norm_", "clipping")
    for member in trainer.optimizers.members:
        watch.wrap(member, "step", type(member).__name__)
    watch.wrap(trainer.averaged, "update_parameters", "weight averaging")


def run(
    trainer: training.Trainer, batches: Iterator[Batch], watch: Stopwatch, steps: int
) -> tuple[float, list[Batch]]:
    """Train for `steps`; median seconds of a whole step, and the batches seen."""
    seconds, seen = [], []
    for number in range(steps + WARM_UP):
        if number == WARM_UP:
            watch.steps.clear()
            seconds.clear()
        watch.begin_step()
        began = time.perf_counter()
        with watch.part("making the batch (waiting)"):
            batch = next(batches)
        with watch.part("the rest of the step"):
            loss = trainer.train_step(batch)
        with watch.part("counting errors for the log"):
            trainer.window += Window.of_step(
                loss, batch, trainer.recogniser.greedy(loss.log_probs, loss.lengths)
            )
        seconds.append(time.perf_counter() - began)
        seen.append(batch)
    return statistics.median(seconds), seen[WARM_UP:]


def arithmetic(trainer: training.Trainer, batches: list[Batch]) -> float:
    """Mean floating-point operations per step over `batches`: matrix products, convolutions and attention."""
    counter = FlopCounterMode(display=False)
    with counter:
        for batch in batches:
            trainer.train_step(batch)
    return counter.get_total_flops() / len(batches)


def best_product_rate(
    kind: torch.dtype, sizes: tuple[int, ...] = (256, 512, 768, 1024, 1536, 2048), seconds: float = 0.5
) -> float:
    """The best operations per second of a square matrix product in `kind` on this machine, now."""
    best = 0.0
    for size in sizes:
        left, right = torch.randn(2, size, size).to(kind)
        left @ right
        began, products = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            left @ right
            products += 1
        best = max(best, products * 2 * size**3 / (time.perf_counter() - began))
    return best


def profile(config: Config, steps: int) -> dict[str, Any]:
    """All figures of one profile."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = training.Trainer(
            Config(**{**config.to_dict(), "save_dir": folder}), Path(folder), lambda line: None
        )
        epoch = (batch for number in range(1, steps + WARM_UP + 2) for batch in trainer.batches.epoch(number))
        counted = list(islice(epoch, min(10, steps)))
        operations = arithmetic(trainer, counted)
        watch = Stopwatch()
        backward, clip = torch.Tensor.backward, nn.utils.clip_grad_norm_
        instrument(trainer, watch)
        try:
            step, _ = run(trainer, epoch, watch, steps)
        finally:
            torch.Tensor.backward, nn.utils.clip_grad_norm_ = backward, clip
        waste = padding_share(trainer.batches.epoch(1))
    kind = (fast_type(trainer.device) if config.mixed_precision else None) or torch.float32
    rate = best_product_rate(kind)
    return {
        "config": Path(config.save_dir).name,
        "steps": steps,
        "seconds_per_step": step,
        "parts": watch.medians(),
        "gflop_per_step": operations / 1e9,
        "gflops_reached": operations / step / 1e9,
        "gflops_best_product": rate / 1e9,
        "product_type": str(kind).removeprefix("torch."),
        "share_of_best": operations / step / rate,
        "padding_share": waste,
    } | provenance()


def table(result: dict[str, Any]) -> str:
    """The figures as markdown."""
    lines = ["| part | ms | share |", "|---|---|---|"]
    total = sum(result["parts"].values())
    lines += [
        f"| {name} | {1000 * seconds:.1f} | {seconds / total:.0%} |"
        for name, seconds in result["parts"].items()
    ]
    lines += [
        f"| **a step** (median of {result['steps']}) | **{1000 * result['seconds_per_step']:.1f}** | |",
        "",
        f"{result['gflop_per_step']:.1f} GFLOP a step, {result['gflops_reached']:.0f} GFLOP/s: "
        f"{result['share_of_best']:.0%} of the best "
        f"{result['product_type']} matrix product here ({result['gflops_best_product']:.0f} GFLOP/s). "
        f"Padding: {result['padding_share']:.1%} of the frames.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="configs/audio_enc_tiny.json")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--out", type=Path, default=RESULTS / "profile.json")
    options = parser.parse_args()
    result = profile(load_config(options.config, options.set), options.steps)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))


if __name__ == "__main__":
    main()
