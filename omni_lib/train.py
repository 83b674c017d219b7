"""`python -m omni_lib.train --config configs/audio_enc_tiny.json` is the same as `omni train`.

The training loop is in `omni_lib.trainer`. `Trainer`, `TrainingResult` and `train` can also be imported from
here.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":  # first, because `omni train` has something to set before torch is imported
    from omni_lib.cli import main

    sys.exit(main(["train", *sys.argv[1:]]))

from omni_lib.trainer import Trainer, TrainingResult, train

__all__ = ["Trainer", "TrainingResult", "train"]
