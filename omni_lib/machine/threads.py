"""How many threads torch computes with: in a run, and in a notebook beside other programs.

The number of threads decides in which order sums are added, and so how they round. A run keeps the number
that it began with, in its checkpoints, so that a resumed run ends with the weights of an unbroken one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from omni_lib.machine.distributed import world_size
from omni_lib.machine.thread_plan import (
    WAYS_TO_SET_THREADS,
    ThreadPlan,
    busy_cores,
    own_cores,
    plan_threads,
    plural,
    set_by_user,
)

MOST_THREADS = 1024  # in a checkpoint; a larger number is taken for damage


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Compute with `number` threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def beside_other_programs() -> Iterator[None]:
    """Compute with as many threads as other programs leave cores for now; it takes half a second to see."""
    plan = plan_threads(os.environ, len(own_cores()), busy_cores)
    with threads(plan.threads(torch.get_num_threads())):
        yield


def threads_of_run(plan: ThreadPlan | None, began_with: int | None) -> tuple[int, str]:
    """The number of threads for a run that starts or goes on, and a line that says why.

    What the user has set comes first, then the number that the run began with, then the plan. Several
    processes that train together keep the number that each of them has; then the line is empty.

    Args:
        plan: by the load; None where the number should stay as it is.
        began_with: the number in the checkpoint of a run that goes on, if there is one.
    """
    now = torch.get_num_threads()
    if world_size() > 1:
        return now, ""
    user = set_by_user(os.environ, WAYS_TO_SET_THREADS)
    if began_with is None or (user and began_with == now):
        return (plan.threads(now), f"Using {plan.describe(now)}") if plan else (now, "")
    if user:
        return now, (
            f"! {user}, but the run had {plural(began_with)} so far: with {plural(now)} it will round "
            "differently, and end with slightly other weights than without a break"
        )
    line = f"Using {plural(began_with)}, as before the break"
    if plan:
        line += plan.sleep(began_with)
        if began_with > plan.cores:
            line += f": that is slow on {plan.cores} core{'s' if plan.cores > 1 else ''}, but rounds the same"
    return began_with, line
