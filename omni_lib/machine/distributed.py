"""One training in several processes, each of which computes a part of every batch.

    torchrun --standalone --nproc-per-node 4 -m omni_lib.train --config configs/librispeech_100h.json --resume

starts four processes, called ranks 0 to 3, on one machine: one per GPU if there are enough GPUs, else all on
the CPU. They hold the same weights and take the same steps. These are the steps that a single process would
take with the same settings: `batch_size` counts the utterances of all ranks together. In each step, the ranks
sum the number of characters and the statistics of each batch norm in the forward pass, and average the
gradients in the backward pass (torch's DistributedDataParallel). Only rank 0 writes output, log and
checkpoints.

In a single process, these functions communicate nothing.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.nn.parallel import DistributedDataParallel

from omni_lib.errors import UserError

T = TypeVar("T")

# One rank may read a large corpus while the others wait. The end of a process is noticed at once.
PATIENCE = datetime.timedelta(hours=1)


def world_size() -> int:
    """The number of processes that train together; 1 outside `process_group`."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this process among them, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_launched() -> bool:
    """Whether torchrun, or a program that sets the same variables, started several processes for the run."""
    return {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys() and int(
        os.environ["WORLD_SIZE"]
    ) > 1


def is_writer() -> bool:
    """Whether this process prints and writes files: rank 0 does, also before and after `process_group`."""
    return not is_launched() or int(os.environ["RANK"]) == 0


def local_rank() -> int:
    """The number of this process among those on this machine, and so the number of its GPU."""
    return int(os.environ.get("LOCAL_RANK", 0))


@contextlib.contextmanager
def process_group() -> Iterator[None]:
    """Connect to the other processes, if torchrun has started several.

    Tensors on the CPU are sent by gloo, those on GPUs by NCCL.

    An error that the user can fix is reported only by the first rank that finds it. The others exit with the
    same status and without a message.

    Raises:
        UserError: another process has ended, so this one cannot continue.
        SystemExit: another process has reported the error.
    """
    if not is_launched() or dist.is_initialized():
        yield
        return
    backends = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
    store, here, world = _shared_store(), int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    try:
        dist.init_process_group(backends, store=store, rank=here, world_size=world, timeout=PATIENCE)
        yield
    except UserError:
        _exit_unless_first_to_report(store)
        raise
    except RuntimeError as error:
        if not _is_lost_connection(error):
            raise
        _exit_unless_first_to_report(store)
        raise UserError(
            f"another process of this training has ended, so rank {here} ends too: to continue from the last "
            "checkpoint, run the same command with --resume ('torchrun --max-restarts' does so automatically)"
        ) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _shared_store() -> Store:
    """The key-value store of all ranks: torchrun's, or one in rank 0 if another program started them.

    torchrun keeps the same store when it restarts the processes. So the keys of each attempt have their own
    prefix; otherwise an attempt would find the addresses of processes that have ended.
    """
    kept_by_rank_0 = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    host, port, world = (
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        int(os.environ["WORLD_SIZE"]),
    )
    # torch's stubs do not export the class
    store = dist.TCPStore(  # type: ignore[attr-defined]
        host, port, world, is_master=kept_by_rank_0 and is_writer(), timeout=PATIENCE
    )
    return PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)


def _exit_unless_first_to_report(store: Store) -> None:
    """Return if no other rank has reported an error in this attempt; otherwise wait for that and exit."""
    try:
        others = store.add("ranks that reported an error", 1) - 1
    except RuntimeError:  # the process that held the store has ended
        return
    if others:
        time.sleep(1)  # torchrun ends all processes as soon as one has ended
        raise SystemExit(2)


def _is_lost_connection(error: RuntimeError) -> bool:
    """Whether a collective failed; gloo's errors have no type of their own."""
    return (
        isinstance(error, dist.DistError)
        or re.search(r"gloo|Connection (closed|reset|refused)|NCCL", str(error)) is not None
    )


def on_writer(context: contextlib.AbstractContextManager) -> contextlib.AbstractContextManager:
    """`context` on rank 0, and nothing on the others."""
    return context if is_writer() else contextlib.nullcontext()


def shares(frames: Sequence[int], ranks: int) -> list[list[int]]:
    """Distribute the rows of a batch over `ranks` so that all have about the same number of frames.

    Rows are assigned from the longest to the shortest, each to the rank with the fewest frames so far. The
    largest sum is at most 4/3 of the smallest possible one (Graham 1969). If there are fewer rows than ranks,
    some ranks get none.

    Returns:
        For each rank, the indices of its rows in `frames`, in ascending order.
    """
    dealt: list[list[int]] = [[] for _ in range(ranks)]
    load = [0] * ranks
    for place in sorted(range(len(frames)), key=frames.__getitem__, reverse=True):
        lightest = load.index(min(load))
        dealt[lightest].append(place)
        load[lightest] += frames[place]
    return [sorted(places) for places in dealt]


def my_share(rows: Sequence[T], frames: Sequence[int]) -> list[T]:
    """The rows of a batch that this rank computes."""
    return [rows[place] for place in shares(frames, world_size())[rank()]]


class _SumOverRanks(torch.autograd.Function):
    """The sum of a tensor over all ranks. The gradients are summed too: each loss depends on each summand."""

    @staticmethod
    def forward(context: Any, summand: Tensor) -> Tensor:
        total = summand.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        total: Tensor = _SumOverRanks.apply(gradient)
        return total


def sum_over_ranks(summand: Tensor) -> Tensor:
    """The differentiable sum of the ranks' tensors, all of the same shape. Every rank must call it."""
    return _SumOverRanks.apply(summand) if world_size() > 1 else summand


def mean_over_ranks(count: int) -> float:
    """The mean of the ranks' counts. Every rank must call it.

    DistributedDataParallel averages the gradients over the ranks. So if each rank sums its loss over its rows
    and divides it by the mean count, the averaged gradient is that of the sum over all rows divided by the
    total count. Each character then has the same weight in every rank.
    """
    if world_size() == 1:
        return count
    total = torch.tensor(count)
    dist.all_reduce(total)
    return total.item() / world_size()


def gathered(value: T) -> list[T]:
    """The values of all ranks, in the order of the ranks. Every rank must call it."""
    if world_size() == 1:
        return [value]
    values: list[Any] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def anywhere(flag: bool) -> bool:
    """Whether `flag` is true in any rank. Every rank must call it, and all get the same result."""
    if world_size() == 1:
        return flag
    answer = torch.tensor(int(flag))
    dist.all_reduce(answer, dist.ReduceOp.MAX)
    return bool(answer)


def agree(value: Any, refusal: str) -> None:
    """Raise UserError(refusal) if the ranks' values differ. Every rank must call it."""
    if any(other != value for other in gathered(value)):
        raise UserError(refusal)


def data_parallel(model: nn.Module) -> nn.Module:
    """`model` with gradients that are averaged over the ranks; in a single process, `model` unchanged.

    All ranks start with the weights of rank 0. Buffers are not broadcast, because batch norms already sum
    their statistics over the ranks.
    """
    if world_size() == 1:
        return model
    # harmless: it concerns kernels with a single channel
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view")
    return DistributedDataParallel(model, forward_sync_buffers=False)
