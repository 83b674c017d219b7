"""Experiments before a long training (try learning rates, overfit one batch), and the logs of the course.

The steps are those of the training loop (`omni_lib.trainer.Trainer`). Nothing is saved.
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
from omni_lib.course.palette import BLUE, INK
from omni_lib.machine.clone import ROOT
from omni_lib.runs.log import read_log
from omni_lib.trainer import Trainer
from omni_lib.training.batching import Batch

LOGS = ROOT / "data" / "lessons" / "logs"


def settings(path: str | Path, **changes: Any) -> Config:
    """The settings of a file, with an absolute path of the corpus, so that a notebook in any folder finds it.

    Args:
        path: relative to the working directory or to the project.
        changes: settings that differ from the file.

    Raises:
        UserError: the file is missing, or a setting is wrong.
    """
    path = Path(path) if Path(path).exists() else ROOT / path
    config = load_config(path)
    return replace(config, data_path=str(ROOT / config.data_path), **changes)


def workbench(config: Config) -> Trainer:
    """An untrained model with its batches and optimisers, before its first step.

    It prints and writes nothing.
    """
    return Trainer(config, Path("nowhere"), report=lambda line: None)


def range_test(trainer: Trainer, batch: Batch, rates: Sequence[float]) -> list[float]:
    """Learning rate range test (Smith 2017): the loss (nats per character) before a step at each rate.

    The model cannot be used afterwards: the last steps have destroyed its weights.

    Args:
        rates: of AdamW. Muon's rate changes in proportion.
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
    """Loss and greedy transcripts of one batch at one step."""

    step: int
    loss: float  # nats per utterance
    decoded: list[str]


def overfit(trainer: Trainer, batch: Batch, steps: int, every: int = 10) -> list[Snapshot]:
    """Train on one batch again and again, with a snapshot every `every` steps."""
    snapshots = []
    for step in range(steps + 1):
        loss = trainer.train_step(batch)
        if step % every == 0:
            decoded = trainer.recogniser.greedy(loss.log_probs, loss.lengths)
            snapshots.append(Snapshot(step, loss.per_utterance.mean().item(), decoded))
    return snapshots


def settings_table(**configs: Config) -> Note:
    """A table of all settings: name, value in each of `configs`, and meaning.

    The meaning is the comment beside the setting in `config.py`. Values that differ are in bold.
    """
    meanings = _comments(Config)
    lines = [
        "| setting | " + " | ".join(name.replace("_", " ") for name in configs) + " | meaning |",
        "|---" * (len(configs) + 2) + "|",
    ]
    for name in (field.name for field in fields(Config)):
        if name in ("data_path", "save_dir"):
            continue
        values = [_formatted(getattr(config, name)) for config in configs.values()]
        bold = "**" if len(set(values)) > 1 else ""
        lines.append(f"| {bold}`{name}`{bold} | {' | '.join(values)} | {meanings.get(name, '')} |")
    return Note("\n".join(lines))


def _formatted(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _comments(thing: type) -> dict[str, str]:
    """The comment beside each annotated name in the body of a class: on its line, else directly above it."""
    source = inspect.getsource(thing)
    lines, found = source.splitlines(), {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            end = node.end_lineno or node.lineno
            _, _, comment = lines[end - 1][node.end_col_offset :].partition("#")
            above = lines[node.lineno - 2].strip()
            if not comment and above.startswith("#"):
                comment = above[1:]
            found[node.target.id] = comment.strip()
    return found


def log_of(name: str) -> list[dict[str, Any]]:
    """The entries of one of the training logs of the course: "healthy", "log_1", "log_2" or "log_3"."""
    entries: list[dict[str, Any]] = read_log(LOGS / f"{name}.json")["entries"]
    return entries


def range_curve(rates: Sequence[float], losses: Sequence[float], chosen: float) -> Figure:
    """Loss against learning rate, with a line at the rate `chosen` in the settings."""
    with page_style():
        figure, axes = subplots(figsize=(6.4, 3.2), layout="constrained")
        axes.plot(rates, losses, color=BLUE, marker="o", markersize=3)
        axes.axvline(chosen, color=INK, linestyle=":")
        place: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "ha": "right", "va": "top"}
        axes.text(chosen, 0.97, "the settings' peak ", **place)
        axes.set(
            xscale="log",
            xlabel="learning rate of the step",
            ylabel="loss (nats per character)",
            title="Rate range test",
        )
        axes.set_ylim(0, 1.3 * max(losses[0], min(losses)))
    return figure
