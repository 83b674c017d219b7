"""What is missing on this machine or does not match the project, and the remedy.

    omni doctor         one line per finding; exit 0 if the project can run, 2 if something must be fixed

    ok    torch 2.14.1
    note  GPU: none found, none needed
    miss  soundfile: not installed; python -m pip install -c constraints.txt -e .[dev]

Nothing that may be broken is imported here: torch and espeak-ng are tried in processes of their own, so that
a crash of one of them is reported and does not end this program.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from omni_lib.machine.clone import INSTALL, ROOT
from omni_lib.machine.files import refused_write

if TYPE_CHECKING:
    from packaging.requirements import Requirement

GIGABYTE = 10**9
DISK_TO_INSTALL = 6 * GIGABYTE  # torch and the CUDA libraries that its Linux wheel brings along
DISK_TO_WORK = 1 * GIGABYTE  # the embedded corpus, its features, and the checkpoints of a few trainings
MEMORY = 5 * GIGABYTE  # a training of configs/audio_enc_tiny.json takes 4.3 at its peak
PATIENCE = 120.0  # seconds for a probe: the first import of torch from a cold disk is slow


@dataclass(frozen=True)
class Finding:
    """The result of one check. `miss` and `odds` must be fixed; `ok` and `note` need not."""

    state: Literal["ok", "note", "miss", "odds"]
    what: str
    detail: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        between = " " if self.state == "ok" else ": "
        text = between.join(part for part in (self.what, self.detail) if part)
        return f"{self.state:<5} {text}{'; ' + self.remedy if self.remedy else ''}"


def examine(root: Path = ROOT) -> list[Finding]:
    """Look at everything; takes a few seconds, most of them the import of torch."""
    torch = _probe(TORCH_PROBE)
    return [
        *_python(root),
        *_packages(root),
        *_torch(torch),
        *_espeak(),
        *_libsndfile(),
        *_machine(root),
        *_load(torch),
        *_folders(root),
        *_corpus(root),
    ]


def report(findings: Sequence[Finding]) -> int:
    """Print the findings and a verdict; 0 if all is right, 2 if something must be fixed."""
    for finding in findings:
        print(finding)
    wrong = sum(finding.state in ("miss", "odds") for finding in findings)
    print(f"{wrong} to mend" if wrong else "all right")
    return 2 if wrong else 0


def _project(root: Path) -> dict[str, Any]:
    """The [project] table of pyproject.toml, or {} outside a clone."""
    file = root / "pyproject.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))["project"] if file.is_file() else {}


def _python(root: Path) -> Iterator[Finding]:
    version = platform.python_version()
    wanted = _project(root).get("requires-python", "")
    try:
        from packaging.specifiers import SpecifierSet
    except ImportError:  # _packages reports that it is missing
        fits = True
    else:
        fits = SpecifierSet(wanted).contains(version, prereleases=True)
    if fits:
        yield Finding("ok", "Python", version)
    else:
        yield Finding(
            "odds",
            "Python",
            f"{version}, the project needs {wanted}",
            "install such a version, then run `make setup PYTHON=python3.11`",
        )


def _packages(root: Path) -> Iterator[Finding]:
    """Every dependency is there, and everything that is there has the version of constraints.txt."""
    try:
        from packaging.requirements import Requirement
        from packaging.utils import canonicalize_name
    except ImportError:
        yield Finding("miss", "packaging", "not installed, so no other package was looked at", INSTALL)
        return
    project = _project(root)
    if not project:
        yield Finding(
            "odds",
            "omni-lib",
            f"not a clone: {root} has no pyproject.toml",
            "clone the project and install it in place",
        )
        return
    if _installed("omni-lib") is None:
        yield Finding("miss", "omni-lib", "runs from the folder but is not installed", INSTALL)

    pins = {canonicalize_name(pin.name): pin for pin in _pins(root)}
    optional = project["optional-dependencies"]
    for required, lines in (
        (True, project["dependencies"]),
        (False, optional["dev"]),
        (False, optional["beam"]),
    ):
        for line in lines:
            requirement = Requirement(line)
            if requirement.name == "omni-lib":
                continue
            yield _package(requirement, pins.pop(canonicalize_name(requirement.name), None), required)

    # Packages that only the dependencies need get a line only if a version differs.
    others = [(pin, _installed(pin.name)) for pin in pins.values()]
    strays = [
        f"{pin.name} {version}"
        for pin, version in others
        if version and not pin.specifier.contains(version, prereleases=True)
    ]
    if strays:
        yield Finding("odds", "versions", f"not as in constraints.txt: {', '.join(strays)}", INSTALL)
    else:
        yield Finding(
            "ok",
            f"{sum(version is not None for _, version in others)} further packages",
            "as in constraints.txt",
        )


def _package(requirement: Requirement, pin: Requirement | None, required: bool) -> Finding:
    name, version = requirement.name, _installed(requirement.name)
    if version is None:
        if name == "flashlight-text":
            usable = requirement.marker is None or requirement.marker.evaluate()
            why = "not installed" if usable else "has no build for this Python"
            return Finding(
                "note",
                name,
                f"{why}, the slower, readable beam search is used instead",
                INSTALL if usable else "",
            )
        if required:
            return Finding("miss", name, "not installed", INSTALL)
        return Finding("note", name, "not installed, only tests need it", INSTALL)
    wanted = pin.specifier if pin is not None else requirement.specifier
    if not wanted.contains(version, prereleases=True):
        return Finding(
            "odds", name, f"{version}, constraints.txt has {str(wanted).removeprefix('==')}", INSTALL
        )
    return Finding("ok", name, version)


def _pins(root: Path) -> list[Requirement]:
    from packaging.requirements import Requirement

    file = root / "constraints.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


TORCH_PROBE = """
import json, torch, torchaudio
log_probs = torch.zeros(1, 2, 2).log_softmax(-1)
# the compiled half of torchaudio
torchaudio.functional.forced_align(log_probs, torch.tensor([[1]], dtype=torch.int32))
mps = "Apple MPS" if torch.backends.mps.is_available() else ""
gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else mps
print(json.dumps({"threads": torch.get_num_threads(), "gpu": gpu}))
"""


def _torch(answer: dict[str, Any] | str) -> Iterator[Finding]:
    """The findings from the output of `TORCH_PROBE`."""
    if isinstance(answer, str):
        yield Finding("odds", "torch and torchaudio together", answer, f"they must match: {INSTALL}")
        return
    yield Finding("ok", "torch and torchaudio", "work together")
    threads, cores = answer["threads"], _cores()
    if threads > cores:
        yield Finding(
            "note",
            "torch threads",
            f"{threads} on {cores} cores slows training down",
            f"set OMP_NUM_THREADS={cores}",
        )
    else:
        yield Finding("ok", "torch threads", f"{threads} on {cores} cores")
    yield (
        Finding("ok", "GPU", answer["gpu"])
        if answer["gpu"]
        else Finding("note", "GPU", "none found, none needed")
    )


ESPEAK_PROBE = """
import ctypes, json, os, espeakng_loader
espeak = ctypes.CDLL(espeakng_loader.get_library_path())
data = espeakng_loader.get_data_path()
retrieve, do_not_exit = 1, 0x8000  # without the second, espeak-ng ends the process when it finds no voices
rate = espeak.espeak_Initialize(retrieve, 0, os.fsencode(data), do_not_exit)
assert rate > 0, "no voices in " + data
espeak.espeak_Info.restype = ctypes.c_char_p
print(json.dumps({"version": espeak.espeak_Info(None).decode(), "rate": rate}))
"""


def _espeak() -> Iterator[Finding]:
    answer = _probe(ESPEAK_PROBE)
    if isinstance(answer, str):
        remedy = (
            f"{INSTALL}; if it is installed, the path of its folder may be too long for it: "
            "move the project to a shorter one"
        )
        yield Finding("odds", "espeak-ng", f"does not start ({answer})", remedy)
    else:
        yield Finding("ok", "espeak-ng", f"{answer['version'].split()[0]}, {answer['rate']} Hz")


def _probe(program: str) -> dict[str, Any] | str:
    """What the program printed as JSON, or why it failed. It runs apart, because a library that does not fit
    may crash.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            errors="replace",  # a library may complain in another encoding
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return _first_line(error)
    if done.returncode == 0:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer
    last = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return last[-1] if last and done.returncode > 0 else f"crashed with exit code {done.returncode}"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _libsndfile() -> Iterator[Finding]:
    try:
        soundfile = importlib.import_module("soundfile")
        readable = soundfile.available_formats()
    except (ImportError, OSError) as error:
        yield Finding(
            "odds",
            "libsndfile",
            f"does not load ({_first_line(error)})",
            f"{INSTALL}; Debian: apt-get install libsndfile1",
        )
        return
    wanted = ("WAV", "FLAC", "NIST", "OGG", "MP3")
    lacking = [name for name in wanted if name not in readable]
    version = soundfile.__libsndfile_version__
    if lacking:
        yield Finding(
            "note", "libsndfile", f"{version} cannot read {', '.join(lacking)}", "convert such files to WAV"
        )
    else:
        yield Finding("ok", "libsndfile", f"{version} reads {', '.join(wanted)}")


def _machine(root: Path) -> Iterator[Finding]:
    needed = DISK_TO_WORK if _installed("torch") else DISK_TO_INSTALL
    free = shutil.disk_usage(root).free
    if free < needed:
        yield Finding(
            "odds",
            "disk",
            f"{_size(free)} free, {_size(needed)} needed",
            "free some, or move the project to another disk",
        )
    else:
        yield Finding("ok", "disk", f"{_size(free)} free")

    memory = _memory()
    if memory is not None:
        if memory < MEMORY:
            yield Finding(
                "odds", "memory", f"{_size(memory)} available, {_size(MEMORY)} needed", "close other programs"
            )
        else:
            yield Finding("ok", "memory", f"{_size(memory)} available")


def _load(torch: dict[str, Any] | str) -> Iterator[Finding]:
    """How many threads a training would use beside the other programs that run now."""
    try:
        from omni_lib.machine.waiting import busy_cores, plan_threads
    except ImportError:  # psutil is missing, which is reported elsewhere
        return
    cores, busy = _cores(), busy_cores()
    plan = plan_threads(os.environ, cores, lambda: busy)
    if not isinstance(torch, str):
        yield Finding("ok", "a training that begins now uses", plan.describe(torch["threads"]))
    if busy > cores / 2:
        detail = f"other programs use {busy:.1f} of {cores} cores; a training beside them takes longer"
        yield Finding("note", "busy", detail, "let the other work end first")


def _memory() -> int | None:
    """Bytes that a new process may take; None where psutil is missing."""
    try:
        from omni_lib.machine.resources import free_memory
    except ImportError:
        return None
    return free_memory()


def _cores() -> int:
    """Cores this process may use, which in a container or a class are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _size(count: int) -> str:
    return f"{count / GIGABYTE:.1f} GB"


def _folders(root: Path) -> Iterator[Finding]:
    remedies = {
        "data": "give `omni data … --out` a folder of yours",
        "checkpoints": "train with `--set save_dir=FOLDER`",
        "notebooks/my": "use `omni lab --workspace FOLDER`",
    }
    refused = [name for name in remedies if refused_write(root / name)]
    for name in refused:
        yield Finding("odds", name, "cannot be written", remedies[name])
    if not refused:
        yield Finding("ok", "folders", f"{', '.join(remedies)} can be written")


def _corpus(root: Path) -> Iterator[Finding]:
    corpus = Path("data") / "audio" / "asr.csv"
    if (root / corpus).is_file():
        with (root / corpus).open("rb") as file:
            rows = max(0, sum(1 for _ in file) - 1)
        yield Finding("ok", "corpus", f"{corpus.as_posix()}, {rows} rows")
    else:
        yield Finding(
            "note",
            "corpus",
            f"no {corpus.as_posix()} yet",
            "make it in under a minute: omni data synth --out data/audio",
        )
