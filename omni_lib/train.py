"""`python -m omni_lib.train --config configs/audio_enc_tiny.json` is the same as `omni train`.

The training loop is in `omni_lib.trainer`. `Trainer`, `TrainingResult` and `train` can also be imported from
here.
"""

from __future__ import annotations

import sys

from omni_lib.trainer import Trainer, TrainingResult, train

__all__ = ["Trainer", "TrainingResult", "train"]

if __name__ == "__main__":
    from omni_lib.cli import main

    sys.exit(main(["train", *sys.argv[1:]]))
