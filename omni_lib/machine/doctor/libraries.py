"""The compiled libraries: do torch, espeak-ng and libsndfile work here?

torch and espeak-ng are tried in processes of their own, so that a crash of one of them is reported and does
not end this program.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from omni_lib.machine.clone import INSTALL
from omni_lib.machine.doctor import computer
from omni_lib.machine.doctor.finding import Finding

PATIENCE = 120.0  # seconds for a probe: the first import of torch from a cold disk is slow

TORCH_PROBE = """
import json, torch, torchaudio
log_probs = torch.zeros(1, 2, 2).log_softmax(-1)
# the compiled half of torchaudio
torchaudio.functional.forced_align(log_probs, torch.tensor([[1]], dtype=torch.int32))
mps = "Apple MPS" if torch.backends.mps.is_available() else ""
gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else mps
print(json.dumps({"threads": torch.get_num_threads(), "gpu": gpu}))
"""


def torch_and_torchaudio(answer: dict[str, Any] | str) -> Iterator[Finding]:
    """The findings from the output of `TORCH_PROBE`."""
    if isinstance(answer, str):
        yield Finding("wrong", "torch and torchaudio together", answer, f"they must match: {INSTALL}")
        return
    yield Finding("ok", "torch and torchaudio", "work together")
    threads, cores = answer["threads"], computer.usable_cores()
    if threads > cores:
        yield Finding(
            "note",
            "torch threads",
            f"{threads} threads on {cores} cores slow training down",
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


def espeak() -> Iterator[Finding]:
    """Whether espeak-ng starts and finds its voices."""
    answer = probe(ESPEAK_PROBE)
    if isinstance(answer, str):
        remedy = (
            f"{INSTALL}; if it is installed, the path of its folder may be too long: "
            "move the project to a folder with a shorter path"
        )
        yield Finding("wrong", "espeak-ng", f"does not start ({answer})", remedy)
    else:
        yield Finding("ok", "espeak-ng", f"{answer['version'].split()[0]}, {answer['rate']} Hz")


def probe(program: str) -> dict[str, Any] | str:
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


def libsndfile() -> Iterator[Finding]:
    """Whether libsndfile loads, and which formats it can read."""
    try:
        soundfile = importlib.import_module("soundfile")
        readable = soundfile.available_formats()
    except (ImportError, OSError) as error:
        yield Finding(
            "wrong",
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
