"""One training in several processes, each with a share of every batch.

    torchrun --standalone --nproc-per-node 4 -m omni_lib.train --config configs/librispeech_100h.json --resume

starts four processes, "ranks" 0 to 3, on one machine: one a graphics card where there are as many, else on
the processor. They hold the same weights and take the same steps, those that one process would take with the
same settings: `batch_size` counts the utterances of all ranks together. Per step, the ranks add up the
characters and the statistics of each batch norm on the way forward, and the gradients on the way back
(torch's DistributedDataParallel). Rank 0 alone writes: lines, log and checkpoints.

Everything here is a no-op in a single process.
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

PATIENCE = datetime.timedelta(
    hours=1
)  # one rank may read a large corpus while the others wait; one that died is noticed at once


def world_size() -> int:
    """How many processes train together; 1 outside `session`."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Which of them this one is, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_launched() -> bool:
    """Whether torchrun, or a program that sets the same variables, started several processes for one run."""
    return {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys() and int(
        os.environ["WORLD_SIZE"]
    ) > 1


def is_writer() -> bool:
    """Whether this process is the one that speaks and writes: rank 0, before and after `session` too."""
    return not is_launched() or int(os.environ["RANK"]) == 0


def local_rank() -> int:
    """Which of the processes on this machine this one is, hence which graphics card is its own."""
    return int(os.environ.get("LOCAL_RANK", 0))


@contextlib.contextmanager
def session() -> Iterator[None]:
    """Join the other processes that torchrun has started, if it has.

    Tensors on the processor travel by gloo, those on graphics cards by NCCL.

    What a user can mend is said by the first rank that meets it; the others end in silence, with the same
    exit status.

    Raises:
        UserError: another process has ended, so that this one cannot go on.
        SystemExit: another process has said why all end.
    """
    if not is_launched() or dist.is_initialized():
        yield
        return
    backends = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
    store, here, world = _meeting_point(), int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
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
            f"another process of this training has ended, and rank {here} with it: the same command with "
            f"--resume goes on from the last "
            "checkpoint ('torchrun --max-restarts' gives it again by itself)"
        ) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _meeting_point() -> Store:
    """The store of the ranks: torchrun's, or one that rank 0 keeps if another program started them.

    torchrun keeps the same one over its restarts, so each attempt has keys of its own there: else it would
    call the dead.
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
    """Return if no other rank has reported an error in this attempt; else wait for its report and exit."""
    try:
        others = store.add("has spoken", 1) - 1
    except RuntimeError:  # whoever kept the store is gone
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

    The longest first, each to whoever has least so far (Graham 1969: within a third of the best deal). Where
    there are fewer rows than ranks, some get none.

    Returns:
        the places in `frames` of each rank's rows, in the order of the batch.
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
    """The sum of a tensor over all ranks. Every loss depends on every summand: gradients are summed too."""

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
    """The sum of the ranks' tensors (of one shape), differentiable; every rank must call it."""
    return _SumOverRanks.apply(summand) if world_size() > 1 else summand


def mean_over_ranks(count: int) -> float:
    """The mean of the ranks' counts.

    DistributedDataParallel averages gradients over the ranks. A loss that is summed over a rank's rows and
    divided by the mean count of a rank therefore gives the gradient of the sum over all rows divided by the
    count of all: each character weighs the same, whichever rank has it.
    """
    if world_size() == 1:
        return count
    total = torch.tensor(count)
    dist.all_reduce(total)
    return total.item() / world_size()


def gathered(value: T) -> list[T]:
    """What each rank gave, by rank; every rank must call it."""
    if world_size() == 1:
        return [value]
    values: list[Any] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def anywhere(flag: bool) -> bool:
    """Whether `flag` is true on any rank: all ranks get the same answer."""
    if world_size() == 1:
        return flag
    answer = torch.tensor(int(flag))
    dist.all_reduce(answer, dist.ReduceOp.MAX)
    return bool(answer)


def agree(value: Any, refusal: str) -> None:
    """Raises UserError(refusal) where the ranks' values differ."""
    if any(other != value for other in gathered(value)):
        raise UserError(refusal)


def data_parallel(model: nn.Module) -> nn.Module:
    """`model`, whose gradients are averaged over the ranks as they are computed; in a single process itself.

    It begins with the weights of rank 0. Buffers need no broadcast: batch norms sum their statistics over the
    ranks.
    """
    if world_size() == 1:
        return model
    warnings.filterwarnings(
        "ignore", "Grad strides do not match bucket view"
    )  # of kernels over a single channel: as good
    return DistributedDataParallel(model, forward_sync_buffers=False)
