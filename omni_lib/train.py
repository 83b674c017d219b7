"""`python -m omni_lib.train --config configs/audio_enc_tiny.json` is the same as `omni train`.

`train` and `TrainingResult` (from `omni_lib.session`) and `Trainer` (from `omni_lib.trainer`, the training
loop) can also be imported from here.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":  # first, because `omni train` has something to set before torch is imported
    from omni_lib.cli import main

    sys.exit(main(["train", *sys.argv[1:]]))

from omni_lib.session import TrainingResult, train
from omni_lib.trainer import Trainer

__all__ = ["Trainer", "TrainingResult", "train"]
