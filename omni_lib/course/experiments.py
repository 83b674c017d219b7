"""Experiments of lesson 05: before a training (learning rates, one batch), and with one setting changed.

The steps are those of the training loop (`omni_lib.trainer.Trainer`). Nothing is saved, except by a training
with one change, which is a run like any other. The logs of the course are here too, and the chapter's.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.pyplot import subplots
from torch import nn

from omni_lib.config import Config, load_config
from omni_lib.course.exercises.verdict import Note
from omni_lib.course.figures import of_type, page_style
from omni_lib.course.palette import BLUE, INK
from omni_lib.course.training_run import TrainingRun
from omni_lib.errors import UserError
from omni_lib.machine.clone import ROOT
from omni_lib.machine.threads import beside_other_programs
from omni_lib.runs.command import overrides
from omni_lib.runs.discovery import locate
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


@beside_other_programs()
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


@beside_other_programs()
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
    """The entries of a training log of the course: "healthy", "chapter", "log_1", "log_2" or "log_3"."""
    entries: list[dict[str, Any]] = read_log(LOGS / f"{name}.json")["entries"]
    return entries


def beside_the_chapter(
    entries: Sequence[dict[str, Any]], listing: Mapping[str, tuple[float, str, str, str]]
) -> Note:
    """A table: the chapter's listing, and a run when the same share of its steps was over.

    Args:
        entries: of the run's log, the last of them at its last step.
        listing: place → share of the training that is over, loss, WER and transcript.
    """
    steps, epochs = of_type(entries, "step"), of_type(entries, "epoch")
    total = max((entry["step"] for entry in entries), default=0)
    lines = [
        "| the chapter | its loss | its WER | its transcript "
        "| this run | loss, nats | WER on dev | transcript |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for place, (share, loss, wer, transcript) in listing.items():
        mine = ["–"] * 4
        if share and steps and epochs:
            at, after = (
                min(found, key=lambda entry: (abs(entry["step"] - share * total), entry["step"]))
                for found in (steps, epochs)
            )
            heard = [pair["heard"] for pair in after.get("transcripts", [])[:1]]
            mine = [
                f"step {at['step']}",
                f"{at['ctc_loss']:.3g}",
                f"{after['dev_wer']:.1%}",
                _beginning(heard[0]) if heard else "–",
            ]
        lines.append(f"| {' | '.join([place, loss, wer, transcript, *mine])} |")
    return Note("\n".join(lines))


def _beginning(text: str, words: int = 5) -> str:
    """The first words of a transcript."""
    found = text.split()
    return " ".join(found[:words]) + (" …" if len(found) > words else "") if found else "(nothing)"


def with_one_change(config: str | Path, **change: Any) -> TrainingRun:
    """Train with one setting changed, in a process of its own, into a folder named after the change.

    A run with the same change that is going on or finished is found again.

    Args:
        config: a file of settings, relative to the working directory or to the project.
        change: one setting and its value, as in `muon_rate=0`.

    Raises:
        UserError: not one setting is given; it is as it was; or as `TrainingRun.start`.
    """
    if len(change) != 1:
        raise UserError(
            f"{len(change)} settings are given: change exactly one, so that you know what made the difference"
        )
    ((name, value),) = change.items()
    path, directory = locate(config)
    before = load_config(directory / path)
    after = load_config(directory / path, overrides(change, None))
    if before == after:
        raise UserError(f"{name} is {value!r} already in {path.name}: choose another value")
    folder = Path(before.save_dir)
    called = re.sub(r"[^\w.+-]+", "_", f"{folder.name}_{name}_{value}")
    return TrainingRun.start_or_attach(config, set=change, folder=directory / folder.with_name(called))


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
