"""torch's own settings, for a check or a training in a notebook that has changed them.

A learner may call `torch.set_grad_enabled(False)` or `torch.set_default_dtype(torch.float64)` in any cell.
What a judge computes, and with it the verdict, must not depend on that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def settings_of_torch() -> Iterator[None]:
    """Inside: float32, the CPU, gradients, no inference mode, no autocast. Afterwards: as it was before.

    Whatever is set inside does not last either, such as the default dtype in a learner's function.
    """
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with (
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.autocast("cpu", enabled=False),
            torch.device("cpu"),
        ):
            yield
    finally:
        torch.set_default_dtype(dtype)
