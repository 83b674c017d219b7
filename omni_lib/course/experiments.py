"""What one does before a long training: look at one batch, try rates, learn a few clips by heart; and read the log of a long one after it.

The steps are those of the training loop (`omni_lib.trainer.Trainer`); nothing here is saved.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.pyplot import subplots
from torch import nn

from omni_lib.config import Config, load_config
from omni_lib.course.exercises.verdict import Note
from omni_lib.course.figures import page_style
from omni_lib.course.palette import BLUE, GREEN, INK, ORANGE
from omni_lib.machine.clone import ROOT
from omni_lib.runs.log import read_log
from omni_lib.trainer import Trainer
from omni_lib.training.batching import Batch

LOGS = ROOT / "data" / "lessons" / "logs"


def settings(path: str | Path, **changes: Any) -> Config:
    """The settings of a file, relative to the working directory or to the project, with the corpus found wherever the notebook runs.

    Args:
        changes: settings that differ from the file.
    """
    path = Path(path) if Path(path).exists() else ROOT / path
    config = load_config(path)
    return replace(config, data_path=str(ROOT / config.data_path), **changes)


def workbench(config: Config) -> Trainer:
    """An untrained model with its batches and optimisers, ready for its first step; silent, and nothing is written."""
    return Trainer(config, Path("nowhere"), report=lambda line: None)


def range_test(trainer: Trainer, batch: Batch, rates: Sequence[float]) -> list[float]:
    """The loss (nats per character) before a step at each of `rates` in turn (Smith 2017); the weights are worth nothing afterwards.

    Args:
        rates: of AdamW; Muon's keeps its ratio to it.
    """
    losses = []
    for rate in rates:
        torch.manual_seed(0)
        trainer.model.train()
        loss = trainer.model(batch).objective
        trainer.optimizers.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trainer.model.parameters(), trainer.config.gradient_clip)
        trainer.optimizers.step(rate / trainer.config.learning_rate)
        losses.append(loss.item())
    return losses


@dataclass(frozen=True)
class Snapshot:
    """What a model says of a batch at one step."""

    step: int
    loss: float  # nats per utterance
    decoded: list[str]


def overfit(trainer: Trainer, batch: Batch, steps: int, every: int = 10) -> list[Snapshot]:
    """Train on one batch, over and over, and listen every so many steps."""
    snapshots = []
    for step in range(steps + 1):
        loss = trainer.train_step(batch)
        if step % every == 0:
            decoded = trainer.recogniser.greedy(loss.log_probs, loss.lengths)
            snapshots.append(Snapshot(step, loss.per_utterance.mean().item(), decoded))
    return snapshots


def settings_table(**configs: Config) -> Note:
    """Every setting with its meaning, which is the comment behind it in `config.py`, and its value in each of `configs`."""
    meanings = _comments(Config)
    lines = [
        "| setting | " + " | ".join(name.replace("_", " ") for name in configs) + " | meaning |",
        "|---" * (len(configs) + 2) + "|",
    ]
    for field in fields(Config):
        values = [_formatted(getattr(config, field.name)) for config in configs.values()]
        differs = "**" if len(set(values)) > 1 else ""
        if field.name not in ("data_path", "save_dir"):
            lines.append(
                f"| {differs}`{field.name}`{differs} | "
                + " | ".join(values)
                + f" | {meanings.get(field.name, '')} |"
            )
    return Note("\n".join(lines))


def _formatted(value: Any) -> str:
    return (
        f"{value:g}"
        if isinstance(value, float)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )


def _comments(thing: type) -> dict[str, str]:
    """The comment behind each annotated name in the body of a class."""
    source = inspect.getsource(thing)
    lines, found = source.splitlines(), {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            _, separator, comment = lines[node.end_lineno - 1][node.end_col_offset :].partition("#")
            found[node.target.id] = comment.strip() if separator else ""
    return found


def log_of(name: str) -> list[dict[str, Any]]:
    """The entries of one of the course's logs: "healthy", "log_1", "log_2", "log_3"."""
    return read_log(LOGS / f"{name}.json")["entries"]


def range_curve(rates: Sequence[float], losses: Sequence[float], chosen: float) -> Figure:
    """Loss against rate, and the rate that the settings have."""
    with page_style():
        figure, axes = subplots(figsize=(6.4, 3.2), layout="constrained")
        axes.plot(rates, losses, color=BLUE, marker="o", markersize=3)
        axes.axvline(chosen, color=INK, linestyle=":")
        axes.text(
            chosen, 0.97, "the settings' peak ", transform=axes.get_xaxis_transform(), ha="right", va="top"
        )
        axes.set(
            xscale="log",
            xlabel="learning rate of the step",
            ylabel="loss (nats per character)",
            title="Rate range test",
        )
        axes.set_ylim(0, 1.3 * max(losses[0], min(losses)))
    return figure


def log_curves(entries: Sequence[dict[str, Any]], title: str = "") -> Figure:
    """A log at a glance: loss, share of blanks, and word error rates, against the step."""
    steps = [entry for entry in entries if entry["type"] == "step"]
    epochs = [entry for entry in entries if entry["type"] == "epoch"]
    at = [entry["step"] for entry in steps]
    with page_style():
        figure, (loss, blanks, wer) = subplots(1, 3, figsize=(10, 2.8), layout="constrained")
        loss.plot(at, [entry["ctc_loss"] for entry in steps], color=BLUE, marker="o", markersize=3)
        loss.set(xlabel="step", ylabel="nats per utterance", title="CTC loss, training", ylim=(0, None))
        blanks.plot(at, [100 * entry["blank_rate"] for entry in steps], color=GREEN, marker="o", markersize=3)
        blanks.set(xlabel="step", ylabel="% of the frames", title="Frames that say blank", ylim=(-3, 103))
        wer.plot(at, [100 * entry["wer"] for entry in steps], color=ORANGE, linestyle="--", label="training")
        wer.plot(
            [e["step"] for e in epochs],
            [100 * e["dev_wer"] for e in epochs],
            color=BLUE,
            marker="o",
            markersize=3,
            label="dev",
        )
        wer.set(xlabel="step", ylabel="%", title="Word error rate", ylim=(0, None))
        wer.legend()
        figure.suptitle(title)
    return figure
