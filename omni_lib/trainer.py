"""The training loop: from a manifest to an encoder that transcribes.

`Trainer.run` is the loop, and `Trainer.train_step` is one step of it. `session.py` makes the trainer of a run
and calls `run`.

The settings, the data and the machine determine a run. The random numbers for batches, masks and dropout are
seeded with (seed, epoch, row) or (seed, step), never drawn from a generator whose state a restart would lose.
A run also keeps its number of threads, by which sums round. So a run that was stopped at any step and resumed
ends with the same weights as one that was not stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from omni_lib.config import Config
from omni_lib.encoder import count_parameters
from omni_lib.errors import UserError
from omni_lib.inference.evaluation import evaluate
from omni_lib.machine import distributed
from omni_lib.machine.hardware import choose_device, compile_blocks, keep_freed_memory, remember_kernels
from omni_lib.recogniser import Recogniser
from omni_lib.runs.interruption import StopRequest
from omni_lib.runs.journal import Journal
from omni_lib.runs.log_window import Window
from omni_lib.runs.progress import ProgressFile, StepBar
from omni_lib.subsampling import MaskedBatchNorm
from omni_lib.training.batching import Batch
from omni_lib.training.checkpoint import (
    BEST,
    checkpoint_path,
    delete_old_checkpoints,
    periodic_checkpoints,
    save_checkpoint,
)
from omni_lib.training.data import RunData
from omni_lib.training.memory import refuse_what_does_not_fit
from omni_lib.training.objective import Loss, ModelWithLoss, Objective, repeated_words
from omni_lib.training.optimizer import Optimizers, averaged_copy, schedule
from omni_lib.training.outlook import Outlook, never_reached
from omni_lib.training.prefetch import on_device
from omni_lib.training.resumption import Resumption
from omni_lib.weights import load_weights

TRANSCRIPTS = 3  # dev utterances whose transcripts the log keeps after each epoch


class Trainer:
    """The data, model and optimisers of one run, and the number of steps done."""

    def __init__(
        self, config: Config, folder: Path, report: Callable[[str], None], earlier: Resumption | None = None
    ) -> None:
        """
        Args:
            report: called with each line that the user should see.
            earlier: the checkpoint to continue from, or None for a new run.

        Raises:
            UserError: the data cannot be used for training, or has changed since `earlier`; a step would not
                fit into memory; or `earlier` is not the state of such a run.
        """
        self.config, self.folder = config, folder
        self.journal = Journal(folder, config, report)
        self.report = self.journal.report
        self.progress = ProgressFile(folder)
        remember_kernels()
        keep_freed_memory()
        self.device = choose_device(config.device)

        # what changes from step to step, besides the model and the optimisers
        self.step = 0
        self.window = Window()  # the steps that the next log line summarises
        self.best_wer = math.inf
        self.metrics: dict[str, float] = {}  # of the last dev evaluation
        self.newest_checkpoint: Path | None = None  # the last one that was saved or resumed from

        self.data = RunData.load(config, earlier, self.report, self.progress.computing)
        self.batches = self.data.batches
        self.total_steps = len(self.batches) * config.num_epochs
        for note in never_reached(config, self.total_steps):
            self.report(f"note, {note}")

        # the model and its optimisers, as they were at the checkpoint if there is one
        self._build_model(earlier)
        self.optimizers = Optimizers(self.recogniser.encoder.blocks, self.model, config)
        if earlier:
            earlier.refuse_other_length(self.total_steps, config)
            self.restore(earlier.contents)
            if earlier.data and earlier.data.dev != self.data.fingerprint.dev:
                self.best_wer = math.inf  # error rates on two dev sets cannot be compared
            self.report(f"Resuming at step {self.step}/{self.total_steps}")

    def _build_model(self, earlier: Resumption | None) -> None:
        """Build the encoder, heads and losses on the run's device, and the moving average of the weights."""
        torch.manual_seed(self.config.seed)
        self.recogniser = Recogniser(self.config)
        self.recogniser.encoder.feature_mean.copy_(self.data.feature_mean)
        self.recogniser.encoder.feature_deviation.copy_(self.data.feature_deviation)
        texts = [row.text for row in self.data.rows]
        words = earlier.words_of(texts) if earlier else repeated_words(texts)
        self.objective = Objective(self.config, len(self.recogniser.vocabulary), words)
        self.model = ModelWithLoss(self.recogniser, self.objective).to(self.device)

        # refuse a batch size whose largest batch does not fit into memory
        refuse_what_does_not_fit(self.model, self.batches.plan(1), self.data.rows, self.device)

        # the tensors that must stay finite, the model wrapped for several processes, and the averaged copy
        self.floats = [value for value in self.model.state_dict().values() if value.is_floating_point()]
        self.parallel = distributed.data_parallel(self.model)
        self.averaged = averaged_copy(self.recogniser, self.config.average_decay)
        if self.config.compile:  # after the averaged copy was made, because that one is not compiled
            compile_blocks(self.recogniser.encoder.blocks, MaskedBatchNorm)
        parameters = count_parameters(self.recogniser.encoder) / 1e6
        self.report(f"Initializing Audio Encoder ({parameters:.2f}M parameters)...")
        self.report(f"Using device: {self.device}")

    @property
    def averaged_recogniser(self) -> Recogniser:
        """The recogniser with the averaged weights: the one that is evaluated and saved for use."""
        recogniser = self.averaged.module
        assert isinstance(recogniser, Recogniser)
        return recogniser

    def run(self, max_steps: int | None = None) -> bool:
        """Train to the end of the schedule or to `max_steps`; true if it stopped before the end."""
        last = self.total_steps if max_steps is None else min(max_steps, self.total_steps)
        per_epoch = len(self.batches)
        bar = StepBar(self.progress, self.step, Outlook.of(self.batches), self.config)
        with StopRequest(self.folder) as stop, bar:
            stopped = distributed.anywhere(stop.requested)
            while self.step < last and not stopped:
                epoch, start = self.step // per_epoch + 1, self.step % per_epoch
                if start == 0:
                    self.report(f"Epoch {epoch}/{self.config.num_epochs}:")
                for batch in on_device(self.batches.epoch(epoch, start), self.device):
                    # one step of the optimisers
                    loss = self.train_step(batch)
                    one = Window.of_step(loss, batch, self.recogniser.greedy(loss.log_probs, loss.lengths))
                    self.window += one
                    bar.update(one)
                    self._mend_folder()

                    # write a log line
                    if self.step % self.config.log_every == 0 or self.step == self.total_steps:
                        self._log_window(epoch, bar.pace())
                        self.window = Window()

                    # evaluate on the dev set at the end of the epoch
                    if self.step % per_epoch == 0:
                        with bar.evaluation():
                            self._evaluate_epoch(epoch)

                    # save a checkpoint
                    if self.step % self.config.checkpoint_freq == 0 and self.step < last:
                        self.save()

                    # stop on request, in all processes at the same step
                    stopped = distributed.anywhere(stop.requested)
                    if self.step >= last or stopped:
                        break
        self.save()
        return self.step < self.total_steps

    def train_step(self, batch: Batch) -> Loss:
        """One batch forward and backward, and one step of the optimisers.

        Raises:
            UserError: the loss, its gradient or a weight is not finite.
        """
        # seed the dropout of this step and this process, independently of everything that ran before
        torch.manual_seed(self.config.seed * 1_000_003 + self.step + (distributed.rank() << 48))
        self.model.train()
        mel, lengths = batch.mel.to(self.device), batch.lengths.to(self.device)
        batch = Batch(mel, lengths, batch.targets, batch.utterances)

        # forward and backward
        share = schedule(self.step, self.total_steps, self.config)  # fraction of the peak learning rates
        loss: Loss = self.parallel(batch, share)
        self.optimizers.zero_grad()
        loss.objective.backward()

        # clip the gradient
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip)
        self._refuse_non_finite(
            "loss or its gradient", torch.stack([loss.objective.detach(), norm]), loss, batch
        )

        # update the weights and their moving average
        self.optimizers.step(share)
        self._refuse_non_finite(
            "norm of the weights", torch.stack(torch._foreach_norm(self.floats)), loss, batch
        )
        self.averaged.update_parameters(self.recogniser)
        self.step += 1
        return loss

    def _refuse_non_finite(self, what: str, values: Tensor, loss: Loss, batch: Batch) -> None:
        """Raise UserError if a value is not finite, before it is saved; all processes raise together."""
        if distributed.anywhere(not bool(torch.isfinite(values).all())):
            batches = distributed.gathered(batch.utterances)
            names = ", ".join(row.path.name for utterances in batches for row in utterances)
            good = (
                f"the last good checkpoint is {self.newest_checkpoint}"
                if self.newest_checkpoint
                else "no checkpoint was saved before"
            )
            raise UserError(
                f"the {what} is not finite at step {self.step + 1} (loss {loss.objective.item():.3g}; "
                f"batch: {names}): lower learning_rate and train into another save_dir; {good}"
            )

    def _mend_folder(self) -> None:
        """Save the run again if its folder was deleted, moved or emptied; its whole state is in memory."""
        if distributed.is_writer() and self.newest_checkpoint and not self.newest_checkpoint.exists():
            self.report(f"! {self.newest_checkpoint} was removed while the run goes on: saving it again")
            if not (self.folder / BEST).exists():
                self.best_wer = math.inf  # so that the next epoch saves a new best
            self.save()
            self.journal.log.write()

    def _log_window(self, epoch: int, seconds_per_step: float) -> None:
        """Report and log the steps since the last log line."""
        if not distributed.is_writer():
            return
        rate = self.config.learning_rate * schedule(self.step - 1, self.total_steps, self.config)
        self.journal.add_steps(
            self.window,
            step=self.step,
            epoch=epoch,
            learning_rate=rate,
            seconds_per_step=seconds_per_step,
            total_steps=self.total_steps,
        )

    def _evaluate_epoch(self, epoch: int) -> None:
        """Compute the error rates on the dev set, and save a checkpoint if the WER is the best so far."""
        result = evaluate(self.averaged_recogniser, self.data.dev)
        if not distributed.is_writer():
            return
        self.metrics = {"dev_wer": result.wer, "dev_cer": result.cer}
        heard = dict(zip((row.path for row in result.utterances), result.hypotheses, strict=True))
        transcripts = [
            {"said": row.text, "heard": heard[row.path]} for row in self.data.dev.utterances[:TRANSCRIPTS]
        ]
        self.journal.add_epoch(self.metrics, transcripts, step=self.step, epoch=epoch)
        if result.wer < self.best_wer:
            self.best_wer = result.wer
            save_checkpoint(self.folder / BEST, self.state())

    def state(self) -> dict[str, Any]:
        """The contents of a checkpoint; `enc` and `head` are the averaged weights, the ones to use."""
        best = self.averaged_recogniser
        encoder = best.encoder.state_dict()
        words = self.objective.words
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
                "data": self.data.fingerprint.state_dict(),
                "words": words.words if words else [],
                "threads": torch.get_num_threads() if distributed.world_size() == 1 else None,
            },
        }

    def save(self) -> None:
        """Write the periodic checkpoint of this step, and delete the oldest one."""
        if not distributed.is_writer():
            return
        path = checkpoint_path(self.folder, self.step)
        save_checkpoint(path, self.state())
        self.newest_checkpoint = path
        delete_old_checkpoints(self.folder)
        self.report(f"✓ Saved checkpoint: {path.name}")

    def restore(self, saved: dict[str, Any]) -> None:
        """Restore the run from the contents of a checkpoint (`state()`).

        Raises:
            UserError: `saved` is not the state of a run with this model.
        """
        try:
            resume = saved["resume"]
            load_weights(self.model, resume["model"], self.folder)
            load_weights(self.averaged, resume["averaged"], self.folder)
            self.optimizers.load_state_dict(resume["optimizers"])
            self.step, self.metrics = saved["step"], dict(saved["metrics"])
            self.best_wer = float(resume["best_wer"])
            self.window = Window.from_state_dict(resume["window"])
            self.journal.go_on_from(self.step)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
            reason = f"{type(error).__name__}: {error}"[:200]
            raise UserError(
                f"the checkpoint in {self.folder} cannot be resumed by this version ({reason}): "
                "train into another save_dir"
            ) from None
        self.newest_checkpoint = periodic_checkpoints(self.folder)[-1]
