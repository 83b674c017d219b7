"""Prepare the next batch while the GPU computes this one.

Not tested on a GPU. Tests cover what does not need one: order, errors, an early end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch

from omni_lib.training.batching import Batch


def on_device(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """`batches` with their tensors on `device`.

    On the CPU each batch is made when it is needed, because a thread would only take cores from the step. For
    any other device a thread makes the next batch in the meantime (features, augmentation, padding) and
    copies it. For CUDA it copies from pinned memory and on a stream of its own, so that the copy runs in
    parallel with the step too.
    """
    if device.type == "cpu":
        yield from batches
        return
    waiting = iter(batches)
    copies: torch.cuda.Stream | None = None
    if device.type == "cuda":
        copies = torch.cuda.Stream(device)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(_take, waiting, device, copies)
        while (batch := coming.result()) is not None:
            if copies is not None:
                computing = torch.cuda.current_stream(device)
                computing.wait_stream(copies)
                for tensor in (batch.mel, batch.lengths):
                    tensor.record_stream(computing)  # do not reuse its memory before the step has ended
            coming = pool.submit(_take, waiting, device, copies)
            yield batch


def _take(waiting: Iterator[Batch], device: torch.device, copies: torch.cuda.Stream | None) -> Batch | None:
    batch = next(waiting, None)
    if batch is None:
        return None
    if copies is None:
        return replace(batch, mel=batch.mel.to(device), lengths=batch.lengths.to(device))
    with torch.cuda.stream(copies):
        mel, lengths = (
            tensor.pin_memory().to(device, non_blocking=True) for tensor in (batch.mel, batch.lengths)
        )
    return replace(batch, mel=mel, lengths=lengths)
