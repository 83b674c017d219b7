"""Starts `espeak_worker.py` in several processes at a time, and ends all of them if one fails."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from typing import IO

from omni_lib.corpora.espeak_worker import Take
from omni_lib.errors import UserError
from omni_lib.machine.clone import ROOT

WORKER = (sys.executable, "-m", "omni_lib.corpora.espeak_worker")


def speak_shards(shards: Sequence[Sequence[Take]], workers: int, done: Callable[[int], object]) -> None:
    """Synthesise each shard in its own process.

    Args:
        shards: the takes of each process, in the order in which it speaks them.
        workers: number of processes at a time.
        done: called with 1 after each take that is kept.

    Raises:
        UserError: espeak-ng is missing or does not work.
        RuntimeError: a process has failed in another way.
    """
    running: set[subprocess.Popen[str]] = set()
    stop = threading.Event()

    def speak(shard: Sequence[Take]) -> None:
        if not stop.is_set():
            _speak_shard(shard, done, running, stop)

    with ThreadPoolExecutor(workers) as pool:
        spoken = [pool.submit(speak, shard) for shard in shards]
        try:
            for shard in as_completed(spoken):
                shard.result()
        except BaseException:  # also Ctrl-C: the processes must not go on
            stop.set()
            for process in list(running):
                process.kill()
            raise


def _speak_shard(
    shard: Sequence[Take],
    done: Callable[[int], object],
    running: set[subprocess.Popen[str]],
    stop: threading.Event,
) -> None:
    """`speak_shards` for one shard; its process is in `running` while it lasts, and ends early at `stop`."""
    # a file, because a pipe that nobody reads meanwhile would stop the process once it is full
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        process = subprocess.Popen(
            WORKER,
            cwd=ROOT,  # holds omni_lib, so that the import works without an installation
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            encoding="utf-8",
        )
        running.add(process)
        if stop.is_set():  # meanwhile, so that this process was not among those that were ended
            process.kill()
        with process:
            assert process.stdin and process.stdout  # pipes, both
            _send(process.stdin, json.dumps([asdict(take) for take in shard]))
            for _ in process.stdout:
                done(1)
        running.discard(process)
        complaints.seek(0)
        complaint = complaints.read().strip()
    if process.returncode == 2:
        raise UserError(complaint.splitlines()[-1] if complaint else "espeak-ng cannot speak")
    if process.returncode != 0 and not stop.is_set():
        raise RuntimeError(f"the espeak process ended with exit code {process.returncode}:\n{complaint}")


def _send(pipe: IO[str], job: str) -> None:
    """Write the job and close the pipe. If the process has ended, its exit code and complaint say why."""
    with contextlib.suppress(OSError):
        pipe.write(job)
    with contextlib.suppress(OSError):
        pipe.close()
