"""How the threads of a training wait for each other: awake or asleep. Needs no torch.

torch computes with one thread per core, by OpenMP. After each parallel piece of work the threads wait for
the slowest of them. By default they wait awake, in a loop that looks again and again ("spinning"). That is
fastest while each thread has a core of its own. When another program keeps one of the cores busy, spinning
threads use up the time that the delayed thread needs, and a step takes several times as long. With
OMP_WAIT_POLICY=PASSIVE the threads sleep instead. On an idle machine that is slower, because a sleeping
thread must be woken. So the choice depends on the load when the training starts. It changes no result:
rounding depends on the number of threads, which stays the same.

The OpenMP runtimes of GNU, LLVM, Intel and Microsoft read this variable once, when they are loaded. It must
therefore be set before torch is imported. `tests/benchmarks/neighbour.py` measures what it does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psutil

POLICY = "OMP_WAIT_POLICY"
WAYS_TO_SET_IT = (POLICY, "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
BUSY = 0.5  # cores: so much is used by another program that computes, rarely by a browser that is only open


@dataclass(frozen=True)
class Waiting:
    """Whether the threads sleep while they wait, and why."""

    asleep: bool
    reason: str

    def __str__(self) -> str:
        return f"threads wait {'asleep' if self.asleep else 'awake'}: {self.reason}"


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


def plan_waiting(environment: Mapping[str, str], cores: int, measure: Callable[[], float]) -> Waiting:
    """How the threads should wait on `cores` cores. What the user has set in `environment` stays.

    Args:
        measure: returns how many of the cores other programs use; called only if the answer depends on it.
    """
    for name in WAYS_TO_SET_IT:
        if value := environment.get(name):
            return Waiting(value.upper() in ("PASSIVE", "0"), f"{name} is set to {value}")
    threads = environment.get("OMP_NUM_THREADS") or str(cores)
    if threads == "1":
        return Waiting(False, "there is only one thread")
    if (busy := measure()) >= BUSY:
        return Waiting(True, f"other programs use {busy:.1f} of the {cores} cores")
    return Waiting(False, f"the {cores} cores are free")


def choose_waiting() -> Waiting:
    """Measure the load, and set OMP_WAIT_POLICY for this process and its children if it must be set."""
    if "torch" in sys.modules:
        return Waiting(False, "torch was imported before this could be chosen")
    chosen = plan_waiting(os.environ, len(own_cores()), busy_cores)
    if chosen.asleep:
        os.environ.setdefault(POLICY, "PASSIVE")
    return chosen
