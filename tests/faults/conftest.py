"""What the tests of faults share: how many faults to make, processes to kill, and the form of a refusal.

pytest tests/faults                     10 runs killed, 5,000 inputs
make faults                             100 runs killed, 100,000 inputs

The environment variables FAULTS_RUNS and FAULTS_INPUTS set other numbers.
"""

import contextlib
import faulthandler
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from omni_lib.cli import main
from omni_lib.errors import UserError

RUNS = int(os.environ.get("FAULTS_RUNS", "10"))
INPUTS = int(os.environ.get("FAULTS_INPUTS", "5000"))
MADE: dict[tuple[str, str], int] = {}  # how many inputs each test made, by its file and name
PATIENCE = (
    120  # seconds for one input; after that it counts as hanging: the test process ends with a traceback
)
LONGEST_LINE = 2000  # characters: the longest message that counts as one line


class Victims:
    """Processes that run `omni` commands, forked by one server that has already imported everything."""

    def __init__(self) -> None:
        self.server = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("victim_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        )
        self._answer()

    def _ask(self, **request) -> dict:
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        line = self.server.stdout.readline()
        assert line, "the server has died"
        return json.loads(line)

    def start(
        self, arguments: list[str], folder: Path, strike: dict | None = None, ignored: Sequence[str] = ()
    ) -> int:
        """Start `omni ARGUMENTS` in `folder`, with out.txt and error.txt there; return its process id.

        Args:
            strike: where the process kills itself; see victim_server.py.
            ignored: names of signals that it ignores, as `nohup` has it.
        """
        texts = {"out": str(folder / "out.txt"), "error": str(folder / "error.txt")}
        return self._ask(start=arguments, strike=strike, ignored=list(ignored), folder=str(folder), **texts)[
            "pid"
        ]

    def wait(self, pid: int) -> int:
        """The exit status of a process that was started, negative where a signal ended it."""
        return self._ask(wait=pid)["status"]

    def run(self, arguments: list[str], folder: Path, strike: dict | None = None) -> int:
        return self.wait(self.start(arguments, folder, strike))

    def kill_after(self, seconds: float, number: int, arguments: list[str], folder: Path) -> int:
        """Start a command, send it the signal `number` after a delay, and return its exit status."""
        pid = self.start(arguments, folder)
        time.sleep(seconds)
        os.kill(
            pid, number
        )  # until it is waited for, the process id is taken, even where the process has ended
        return self.wait(pid)

    def close(self) -> None:
        self.server.stdin.close()
        self.server.wait(timeout=60)
        self.server.stdout.close()


@pytest.fixture(scope="session")
def victims() -> Iterator[Victims]:
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork: the kills are tested on Linux and macOS")
    made = Victims()
    yield made
    made.close()


@pytest.fixture(scope="session")
def runs() -> int:
    """How many runs to kill."""
    return RUNS


@pytest.fixture
def inputs(request) -> Callable[[float], int]:
    """`inputs(share)`: how many inputs a test that makes this share of them all should make."""

    def share_of_all(share: float) -> int:
        MADE[request.path.name, request.node.name] = round(INPUTS * share)
        return round(INPUTS * share)

    return share_of_all


def pytest_terminal_summary(terminalreporter) -> None:
    """Print how many inputs each file of tests made: the figures of the table in tests/README.md."""
    made: dict[str, int] = {}
    for (file, _), count in MADE.items():
        made[file] = made.get(file, 0) + count
    if made:
        said = ", ".join(f"{file} {count:,}" for file, count in made.items())
        terminalreporter.write_line(f"damaged inputs: {sum(made.values()):,} ({said})")


def assert_one_line(message: str) -> None:
    """Check that a message is one line, not empty, and free of terminal control characters."""
    assert message.strip() and len(message) <= LONGEST_LINE, message[:LONGEST_LINE]
    assert message.isprintable(), repr(message)


@pytest.fixture
def judged() -> Iterator[Callable[..., Any]]:
    """`judged(function, *arguments)`: its result, or the UserError of one line. Other errors fail."""

    def call(function: Callable[..., Any], *arguments: Any) -> Any:
        faulthandler.dump_traceback_later(PATIENCE, exit=True, file=sys.__stderr__)
        try:
            return function(*arguments)
        except UserError as refusal:
            assert_one_line(str(refusal))
            return refusal

    yield call
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def omni(judged) -> Callable[[list[str]], tuple[int, str, str]]:
    """`omni(["data", "check", "asr.csv"])`: exit status, stdout, stderr. Status 2: one line on stderr."""

    def run(arguments: list[str]) -> tuple[int, str, str]:
        out, error = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            status = judged(main, arguments)
        assert status in (0, 2), error.getvalue()
        if status == 2:
            *_, last = error.getvalue().splitlines()
            assert last.startswith("omni: ") and "Traceback" not in error.getvalue()
            assert_one_line(last)
        return status, out.getvalue(), error.getvalue()

    return run


@pytest.fixture(scope="session")
def unlike() -> Callable[..., list[str]]:
    """`unlike(left, right)`: where two nested structures differ, to the bit; `save_dir` may."""
    import torch

    def compare(left, right, where: str = "") -> list[str]:
        if type(left) is not type(right):
            return [f"{where}: {type(left).__name__} and {type(right).__name__}"]
        if isinstance(left, dict):
            if left.keys() != right.keys():
                return [f"{where}: other keys"]
            return [
                found
                for key in left
                if key != "save_dir"
                for found in compare(left[key], right[key], f"{where}.{key}")
            ]
        if isinstance(left, list | tuple):
            if len(left) != len(right):
                return [f"{where}: {len(left)} and {len(right)} entries"]
            return [
                found
                for index, pair in enumerate(zip(left, right, strict=True))
                for found in compare(*pair, f"{where}[{index}]")
            ]
        same = torch.equal(left, right) if isinstance(left, torch.Tensor) else left == right
        return [] if same else [where]

    return compare
