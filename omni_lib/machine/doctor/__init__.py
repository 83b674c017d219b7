"""What is missing on this machine or does not match the project, and the remedy.

    omni doctor         one line per finding; exit 0 if the project can run, 2 if something must be fixed

    ok    torch 2.14.1
    note  GPU: none found, none needed
    miss  soundfile: not installed; python -m pip install -c constraints.txt -e .[dev]

Nothing that may be broken is imported here: `libraries.py` tries torch and espeak-ng in other processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omni_lib.machine.clone import ROOT
from omni_lib.machine.doctor.computer import corpus, disk_and_memory, folders, threads_and_load
from omni_lib.machine.doctor.finding import Finding
from omni_lib.machine.doctor.libraries import TORCH_PROBE, espeak, libsndfile, probe, torch_and_torchaudio
from omni_lib.machine.doctor.packages import packages_found, python_version


def examine(root: Path = ROOT) -> list[Finding]:
    """Look at everything; takes a few seconds, most of them the import of torch."""
    torch = probe(TORCH_PROBE)
    return [
        *python_version(root),
        *packages_found(root),
        *torch_and_torchaudio(torch),
        *espeak(),
        *libsndfile(),
        *disk_and_memory(root),
        *threads_and_load(torch),
        *folders(root),
        *corpus(root),
    ]


def report(findings: Sequence[Finding]) -> int:
    """Print the findings and a verdict; 0 if all is right, 2 if something must be fixed."""
    for finding in findings:
        print(finding)
    wrong = sum(finding.state in ("miss", "wrong") for finding in findings)
    print(f"{wrong} to fix" if wrong else "all right")
    return 2 if wrong else 0
