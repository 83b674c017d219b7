"""The training loop: from a manifest to an encoder that transcribes.

    python -m omni_lib.train --config configs/audio_enc_tiny.json

is `omni train`; the notebook, the command line and the tests all run the `train` of this file.

A run is a pure function of its settings, its data and the machine: batches, masks and dropout are drawn from (seed, epoch,
row) or (seed, step), never from a stream that a restart would lose. A run that is stopped at any step and resumed ends
with the same weights as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from omni_lib.audio import feature_statistics
from omni_lib.config import Config
from omni_lib.encoder import MaskedBatchNorm, count_parameters
from omni_lib.errors import UserError
from omni_lib.inference.evaluation import evaluate
from omni_lib.machine.distributed import (
    agree,
    anywhere,
    data_parallel,
    gathered,
    is_writer,
    my_share,
    on_writer,
    rank,
    session,
)
from omni_lib.machine.hardware import choose_device, compile_blocks, keep_freed_memory, remember_kernels
from omni_lib.manifest import read_manifest
from omni_lib.recogniser import Recogniser
from omni_lib.runs.interruption import StopRequest, heard_or_not
from omni_lib.runs.lock import RunLock
from omni_lib.runs.log import FILE_NAME, TrainingLog
from omni_lib.runs.log_window import Window
from omni_lib.runs.tensorboard import TensorBoard
from omni_lib.training.audit import readable, trainable
from omni_lib.training.batching import Batch, FeatureCache, TrainingBatches
from omni_lib.training.checkpoint import (
    BEST,
    delete_old_checkpoints,
    load_to_resume,
    periodic_checkpoints,
    save_checkpoint,
)
from omni_lib.training.diagnosis import diagnose
from omni_lib.training.memory import refuse_what_does_not_fit
from omni_lib.training.objective import Learner, Loss, Objective
from omni_lib.training.optimizer import Optimizers, schedule
from omni_lib.training.prefetch import on_device
from omni_lib.weights import load_weights

TRANSCRIPTS = 3  # dev utterances of which the log keeps what was heard after each epoch


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended."""

    folder: Path
    checkpoint: Path  # the last one saved
    step: int
    total_steps: int
    interrupted: bool  # by Ctrl-C, a polite kill, the stop file or max_steps
    seconds: float  # of this session, data and evaluation included


def train(
    config: Config,
    *,
    resume: bool = False,
    max_steps: int | None = None,
    report: Callable[[str], None] = tqdm.write,
) -> TrainingResult:
    """Train to the end of the schedule, or to the global step `max_steps`, or until interrupted.

    Args:
        resume: go on from the newest checkpoint of `config.save_dir`; start anew where there is none.
        report: called with each line that a person should see.

    Raises:
        UserError: another process trains into the folder, it holds a run and `resume` is false, its newest checkpoint is damaged, the
            data cannot be trained on, a step would not fit into the memory, the disk is full, or the loss is no number.
    """
    began = time.monotonic()
    folder = Path(config.save_dir)
    with session(), on_writer(RunLock(folder)):
        saved = _newest_checkpoint(folder, config, resume)
        agree(
            saved and saved["step"],
            f"not all processes see the same checkpoints in {folder}: choose a save_dir that all machines share",
        )
        if saved and saved["resume"].get("total_steps") == saved["step"]:
            path = periodic_checkpoints(folder)[-1]
            return TrainingResult(folder, path, saved["step"], saved["step"], False, time.monotonic() - began)
        trainer = Trainer(config, folder, report)
        if saved:
            trainer.restore(saved)
            trainer.report(f"Resuming at step {trainer.step}/{trainer.total_steps}")
        interrupted = trainer.run(max_steps)
    path = folder / f"audio_enc_step_{trainer.step}.pt"
    return TrainingResult(
        folder, path, trainer.step, trainer.total_steps, interrupted, time.monotonic() - began
    )


class Trainer:
    """Data, model and optimiser of one run, and the step that has been reached."""

    def __init__(self, config: Config, folder: Path, report: Callable[[str], None]) -> None:
        self.config, self.folder = config, folder
        self.report = report = heard_or_not(report) if is_writer() else lambda line: None
        remember_kernels()
        keep_freed_memory()
        self.device = choose_device(config.device)
        self.board = TensorBoard(folder) if config.tensorboard and is_writer() else None

        report(f"Loading audio data from {config.data_path}...")
        manifest = read_manifest(config.data_path)
        rows = trainable(manifest, config, report)
        features = FeatureCache(rows, config.speeds, "training features")
        self.dev = FeatureCache(readable(manifest, config, "dev", report), title="dev features")
        report(f"Found {len(rows)} audio samples to train on, {len(self.dev)} to develop on")
        mean, deviation = feature_statistics([features.features(row) for row in range(len(features))])
        self.batches = TrainingBatches(features, config, mean.float())
        self.total_steps = len(self.batches) * config.num_epochs

        torch.manual_seed(config.seed)
        self.recogniser = Recogniser(config)
        self.recogniser.encoder.feature_mean.copy_(mean)
        self.recogniser.encoder.feature_deviation.copy_(deviation)
        self.objective = Objective(config, len(self.recogniser.vocabulary), [row.text for row in rows])
        self.model = Learner(self.recogniser, self.objective).to(self.device)
        shares = [my_share(batch, [one.frames for one in batch]) for batch in self.batches.plan(1)]
        refuse_what_does_not_fit(
            self.model, [share for share in shares if share], features.utterances, self.device
        )
        self.numbers = [value for value in self.model.state_dict().values() if value.is_floating_point()]
        self.parallel = data_parallel(self.model)
        self.averaged = AveragedModel(self.recogniser, multi_avg_fn=self._average, use_buffers=True)
        if config.compile:  # after the copy for the average, which stays as it is
            compile_blocks(self.recogniser.encoder.blocks, MaskedBatchNorm)
        self.optimizers = Optimizers(self.recogniser.encoder.blocks, self.model, config)
        parameters = count_parameters(self.recogniser.encoder) / 1e6
        report(f"Initializing Audio Encoder ({parameters:.2f}M parameters)...\nUsing device: {self.device}")

        self.step = 0
        self.window = Window()
        self.best_wer = math.inf
        self.metrics: dict[str, float] = {}  # of the last dev evaluation
        self.log = TrainingLog(folder, config.to_dict())
        self.newest: Path | None = None  # the last periodic checkpoint that was saved or resumed from

    def run(self, max_steps: int | None = None) -> bool:
        """Train on; true when it ended before the schedule did."""
        last = self.total_steps if max_steps is None else min(max_steps, self.total_steps)
        per_epoch = len(self.batches)
        no_bar = None if is_writer() else True  # None: only in a terminal
        with (
            StopRequest(self.folder) as stop,
            tqdm(total=self.total_steps, initial=self.step, unit="step", disable=no_bar) as bar,
        ):
            window_began, stopped = time.monotonic(), anywhere(stop.requested)
            while self.step < last and not stopped:
                epoch, start = self.step // per_epoch + 1, self.step % per_epoch
                if start == 0:
                    self.report(f"Epoch {epoch}/{self.config.num_epochs}:")
                for batch in on_device(self.batches.epoch(epoch, start), self.device):
                    loss = self.train_step(batch)
                    self.window.add(loss, batch, self.recogniser.greedy(loss.log_probs, loss.lengths))
                    bar.update()
                    self._mend_folder()
                    if self.step % self.config.log_every == 0 or self.step == self.total_steps:
                        self._log_window(epoch, (time.monotonic() - window_began) / self.window.steps)
                        self.window, window_began = Window(), time.monotonic()
                    if self.step % per_epoch == 0:
                        paused = time.monotonic()
                        self._evaluate_epoch(epoch)
                        window_began += time.monotonic() - paused
                    if self.step % self.config.checkpoint_freq == 0 and self.step < last:
                        self.save()
                    stopped = anywhere(stop.requested)
                    if self.step >= last or stopped:
                        break
        self.save()
        return self.step < self.total_steps

    def train_step(self, batch: Batch) -> Loss:
        """One batch forward, backward, and one step of the optimiser."""
        # dropout of this step, whatever ran before it, and of this rank
        torch.manual_seed(self.config.seed * 1_000_003 + self.step + (rank() << 48))
        self.model.train()
        batch = Batch(
            batch.mel.to(self.device), batch.lengths.to(self.device), batch.targets, batch.utterances
        )
        share = schedule(self.step, self.total_steps, self.config)
        loss = self.parallel(batch, share)
        self.optimizers.zero_grad()
        loss.objective.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip)
        self._refuse_no_number(
            "loss or its gradient", torch.stack([loss.objective.detach(), norm]), loss, batch
        )
        self.optimizers.step(share)
        self._refuse_no_number(
            "norm of the weights", torch.stack(torch._foreach_norm(self.numbers)), loss, batch
        )
        self.averaged.update_parameters(self.recogniser)
        self.step += 1
        return loss

    def _refuse_no_number(self, what: str, values: Tensor, loss: Loss, batch: Batch) -> None:
        """Stop before anything that is no number is saved; all ranks stop together."""
        if anywhere(not bool(torch.isfinite(values).all())):
            names = ", ".join(
                row.path.name for utterances in gathered(batch.utterances) for row in utterances
            )
            good = (
                f"the last good checkpoint is {self.newest}"
                if self.newest
                else "no checkpoint was saved before"
            )
            raise UserError(
                f"the {what} is no finite number at step {self.step + 1} (loss {loss.objective.item():.3g}; batch: {names}): "
                f"lower learning_rate and train into another save_dir; {good}"
            )

    def _mend_folder(self) -> None:
        """A folder that was deleted, moved away or emptied under a run is made again at once: the run itself is in memory."""
        if is_writer() and self.newest and not self.newest.exists():
            self.report(f"! {self.newest} was removed while the run goes on: saving it again")
            self.best_wer = (
                math.inf if not (self.folder / BEST).exists() else self.best_wer
            )  # the next epoch begins a new best
            self.save()
            self.log.write()

    @torch.no_grad()
    def _average(self, averaged: list[Tensor], current: list[Tensor], updates: Tensor) -> None:
        """Exponential moving average whose memory grows with the run, so that it soon forgets the random start."""
        decay = min(self.config.average_decay, (1 + int(updates)) / (10 + int(updates)))
        torch._foreach_lerp_(averaged, current, 1 - decay)

    def _log_window(self, epoch: int, seconds_per_step: float) -> None:
        if not is_writer():
            return
        figures = self.window.figures()
        said = f"ctc_loss={figures['ctc_loss']:.2f} wer={figures['wer']:.1%} | {seconds_per_step:.2f}s/step"
        self.report(f"[Step {self.step}/{self.total_steps}] {said}")
        self._write_down(
            type="step",
            step=self.step,
            epoch=epoch,
            **figures,
            learning_rate=self.config.learning_rate * schedule(self.step - 1, self.total_steps, self.config),
            seconds_per_step=seconds_per_step,
            total_steps=self.total_steps,
        )
        if warning := diagnose([entry for entry in self.log.entries if entry["type"] == "step"]):
            self.report(f"! Step {self.step}: {warning}")

    def _write_down(self, **entry: Any) -> None:
        self.log.add(**entry)
        if self.board:
            self.board.add(entry)

    def _evaluate_epoch(self, epoch: int) -> None:
        result = evaluate(self.averaged.module, self.dev)
        if not is_writer():
            return
        self.metrics = {"dev_wer": result.wer, "dev_cer": result.cer}
        self.report(f"Epoch {epoch}/{self.config.num_epochs} dev: wer={result.wer:.1%} cer={result.cer:.1%}")
        heard = dict(zip((row.path for row in result.utterances), result.hypotheses, strict=True))
        transcripts = [
            {"said": row.text, "heard": heard[row.path]} for row in self.dev.utterances[:TRANSCRIPTS]
        ]
        self._write_down(type="epoch", step=self.step, epoch=epoch, **self.metrics, transcripts=transcripts)
        if result.wer < self.best_wer:
            self.best_wer = result.wer
            save_checkpoint(self.folder / BEST, self.state())

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds; `enc` and `head` are the averaged weights, the ones to use."""
        best = self.averaged.module
        encoder = best.encoder.state_dict()
        return {
            "enc": encoder,
            "head": best.head.state_dict(),
            "config": self.config.to_dict(),
            "vocabulary": list(best.vocabulary.symbols),
            "feature_stats": {"mean": encoder["feature_mean"], "deviation": encoder["feature_deviation"]},
            "step": self.step,
            "metrics": dict(self.metrics),
            "resume": {
                "model": self.model.state_dict(),
                "averaged": self.averaged.state_dict(),
                "optimizers": self.optimizers.state_dict(),
                "total_steps": self.total_steps,
                "best_wer": self.best_wer,
                "window": self.window.state_dict(),
            },
        }

    def save(self) -> None:
        if not is_writer():
            return
        name = f"audio_enc_step_{self.step}.pt"
        save_checkpoint(self.folder / name, self.state())
        self.newest = self.folder / name
        delete_old_checkpoints(self.folder)
        self.report(f"✓ Saved checkpoint: {name}")

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from `state()`.

        Raises:
            UserError: the data has changed since, so that the schedule would be another; or it is no state of such a run.
        """
        try:
            self._restore(saved, saved["resume"])
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
            reason = f"{type(error).__name__}: {error}"[:200]
            raise UserError(
                f"the checkpoint in {self.folder} cannot be resumed by this version ({reason}): train into another save_dir"
            ) from None
        self.newest = periodic_checkpoints(self.folder)[-1]

    def _restore(self, saved: dict[str, Any], resume: dict[str, Any]) -> None:
        if resume["total_steps"] != self.total_steps:
            raise UserError(
                f"the run in {self.folder} has {resume['total_steps']} steps, this data makes {self.total_steps}: "
                "restore the data it was begun with, or train into another save_dir"
            )
        load_weights(self.model, resume["model"], self.folder)
        load_weights(self.averaged, resume["averaged"], self.folder)
        self.optimizers.load_state_dict(resume["optimizers"])
        self.step, self.best_wer, self.metrics = (
            saved["step"],
            float(resume["best_wer"]),
            dict(saved["metrics"]),
        )
        self.window = Window.of_state_dict(resume["window"])
        self.log = TrainingLog.resumed(self.folder, self.config.to_dict(), self.step)


def _newest_checkpoint(folder: Path, config: Config, resume: bool) -> dict[str, Any] | None:
    """The checkpoint to go on from, if there is one and it may be used."""
    if not resume and (periodic_checkpoints(folder) or (folder / FILE_NAME).exists()):
        raise UserError(
            f"{folder} holds a run already: add --resume to go on with it, or choose another save_dir"
        )
    saved = load_to_resume(folder, config)
    delete_old_checkpoints(folder)  # a kill may have come before that
    return saved
