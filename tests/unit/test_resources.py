"""The memory that a process may still take in a container."""

from collections import namedtuple

import psutil
import pytest

from omni_lib.machine import resources

GIGABYTE = 1_000_000_000


def test_the_peak_is_found_whatever_the_process_is_called(tmp_path, monkeypatch):
    """Linux cuts the name of a process off after 15 bytes, perhaps within a letter."""
    (tmp_path / "status").write_bytes("Name:\tentraînement €".encode()[:-1] + b"\nVmHWM:\t    5 kB\n")
    monkeypatch.setattr(resources, "STATUS", tmp_path / "status")
    assert resources.peak_memory() == 5 * 1024


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 16),
        ({"max": "max", "current": str(2 * GIGABYTE)}, 16),
        ({"max": str(8 * GIGABYTE), "current": str(2 * GIGABYTE)}, 6),
        # of what a container has used, the kernel gives up cached files first
        (
            {
                "max": str(8 * GIGABYTE),
                "current": str(7 * GIGABYTE),
                "stat": f"anon 1\ninactive_file {5 * GIGABYTE}\n",
            },
            6,
        ),
        ({"max": str(64 * GIGABYTE), "current": "0"}, 16),
        ({"max": str(GIGABYTE), "current": str(2 * GIGABYTE)}, 0),
    ],
)
def test_the_free_memory_is_that_of_the_container(tmp_path, monkeypatch, files, free):
    for name, contents in files.items():
        (tmp_path / f"memory.{name}").write_text(contents)
    monkeypatch.setattr(resources, "CONTAINER", tmp_path)
    machine = namedtuple("machine", "available")(16 * GIGABYTE)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)
    assert resources.free_memory() == free * GIGABYTE
