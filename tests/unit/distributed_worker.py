"""A training in double precision, in one process or in several under torchrun, for test_distributed.py.

    python distributed_worker.py CONFIG.json STEPS OUT_FOLDER

It goes on from the newest checkpoint of the run, if there is one.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch

from omni_lib.config import load_config
from omni_lib.machine.distributed import process_group, rank, world_size
from omni_lib.trainer import Trainer
from omni_lib.training.batching import Batch
from omni_lib.training.checkpoint import periodic_checkpoints
from omni_lib.training.objective import Loss
from omni_lib.weights import load_checkpoint


class ExactTrainer(Trainer):
    """The features that it is given are in single precision; from there on all is double."""

    def train_step(self, batch: Batch) -> Loss:
        self.shares.append(
            {
                row.path.name: length
                for row, length in zip(batch.utterances, batch.lengths.tolist(), strict=True)
            }
        )
        return super().train_step(replace(batch, mel=batch.mel.double()))


def main(config_path: str, steps: int, out: Path) -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    config = load_config(config_path)
    folder = Path(config.save_dir)
    with process_group():
        trainer = ExactTrainer(config, folder, report=print)
        trainer.shares = []
        if paths := periodic_checkpoints(folder):
            trainer.restore(load_checkpoint(paths[-1]))
        trainer.run(max_steps=steps)
        torch.save(
            {"state": trainer.state(), "shares": trainer.shares}, out / f"rank_{rank()}_of_{world_size()}.pt"
        )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
