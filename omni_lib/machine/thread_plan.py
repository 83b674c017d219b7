"""How many threads a new training uses, and how they wait for each other. Needs no torch.

torch computes with one thread per core, by OpenMP. After each parallel piece of work the threads wait for
the slowest of them. By default they wait awake, in a loop that looks again and again ("spinning"). That is
fastest while each thread has a core of its own. When another program keeps one of the cores busy, spinning
threads use up the time that the delayed thread needs, and a step takes several times as long.

So a new training uses as many threads as other programs leave cores for, at least one. If it still uses more
than one, they sleep while they wait (OMP_WAIT_POLICY=PASSIVE), because the load may grow. On an idle machine
all threads are used, and they wait awake.

How they wait changes no result, but their number does: sums are then added in another order and round
differently. So the load decides only where a run begins. Its checkpoints hold the number, and a resumed run
uses that one (`threads.py`).

The OpenMP runtimes of GNU, LLVM, Intel and Microsoft read OMP_WAIT_POLICY once, when they are loaded. It must
therefore be set before torch is imported. `tests/benchmarks/neighbour.py` measures what all this does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import psutil

POLICY = "OMP_WAIT_POLICY"
WAYS_TO_SET_IT = (POLICY, "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
WAYS_TO_SET_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")  # torch heeds the first before the second
BUSY = 0.5  # cores: so much is used by another program that computes, rarely by a browser that is only open


@dataclass(frozen=True)
class ThreadPlan:
    """How many threads a training that begins now uses, whether they sleep while they wait, and why."""

    asleep: bool
    cores: int  # on which this process may run
    taken: int  # how many of them other programs use; 0 where the user has set the number of threads
    reason: str

    def threads(self, at_most: int) -> int:
        """The number of threads, at least one.

        Args:
            at_most: torch's own choice: the physical cores, which may be fewer than `cores`.
        """
        return max(1, at_most * (self.cores - self.taken) // self.cores)

    def describe(self, at_most: int) -> str:
        """`threads` in words, with the reason."""
        number = self.threads(at_most)
        count = f"{number} of {at_most} threads" if number < at_most else plural(number)
        return f"{count}{self.sleep(number)}: {self.reason}"

    def sleep(self, number: int) -> str:
        """A clause that says that `number` threads sleep while they wait, or nothing if they do not."""
        return ", which sleep while they wait" if self.asleep and number > 1 else ""


def plural(number: int) -> str:
    """A number of threads in words."""
    return "1 thread" if number == 1 else f"{number} threads"


def own_cores() -> list[int]:
    """The numbers of the cores on which this process may run."""
    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):  # not on macOS
        return list(process.cpu_affinity())
    return list(range(psutil.cpu_count() or 1))


def busy_cores(seconds: float = 0.5) -> float:
    """How many of this process's cores are in use, measured over `seconds` while this process sleeps."""
    shares = psutil.cpu_percent(interval=seconds, percpu=True)
    return sum(shares[core] for core in own_cores() if core < len(shares)) / 100


def set_by_user(environment: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    """The first of the environment variables `names` that is set, in words; None if none is."""
    return next((f"{name} is set to {environment[name]}" for name in names if environment.get(name)), None)


def plan_threads(environment: Mapping[str, str], cores: int, measure: Callable[[], float]) -> ThreadPlan:
    """The plan for a training on `cores` cores. What the user has set in `environment` stays.

    Args:
        measure: returns how many of the cores other programs use; called only if the plan depends on it.
    """
    number = set_by_user(environment, WAYS_TO_SET_THREADS)
    waiting = set_by_user(environment, WAYS_TO_SET_IT)
    reasons = [reason for reason in (number, waiting) if reason]
    asleep = waiting is not None and waiting.rpartition(" ")[2].upper() in ("PASSIVE", "0")
    if cores == 1:
        return ThreadPlan(asleep, cores, 0, ", and ".join([*reasons, "there is only one core"]))
    if number and (waiting or number.endswith(" 1")):
        return ThreadPlan(asleep, cores, 0, ", and ".join(reasons))
    busy = measure()
    if busy < BUSY:
        return ThreadPlan(asleep, cores, 0, ", and ".join([*reasons, f"the {cores} cores are free"]))
    reasons.append(f"other programs use {busy:.1f} of the {cores} cores")
    taken = 0 if number else min(cores, int(busy + 0.5))
    return ThreadPlan(asleep or waiting is None, cores, taken, ", and ".join(reasons))


@cache
def choose_threads() -> ThreadPlan:
    """Measure the load when a process begins to train, and set OMP_WAIT_POLICY if it must be set.

    The variable holds for this process and its children. A second call returns the plan of the first.
    """
    plan = plan_threads(os.environ, len(own_cores()), busy_cores)
    if "torch" in sys.modules:  # too late to choose how its threads wait
        return replace(plan, asleep=False)
    if plan.asleep:
        os.environ.setdefault(POLICY, "PASSIVE")
    return plan
