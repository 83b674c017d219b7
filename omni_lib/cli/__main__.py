"""`python -m omni_lib.cli …` is the same as `omni …`."""

from __future__ import annotations

import sys

from omni_lib.cli import main

if __name__ == "__main__":  # a process that is spawned from here imports this module again
    sys.exit(main())
