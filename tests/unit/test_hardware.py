"""Speed that the machine offers, taken where it is offered and nowhere else."""

import ctypes
import subprocess
import sys

import pytest
import torch

from omni_lib.machine import hardware
from omni_lib.machine.hardware import autocast, fast_type, keep_freed_memory, remember_kernels
from omni_lib.machine.resources import peak_memory


@pytest.mark.parametrize(("capabilities", "expected"), [
    ({"avx2": True}, None),
    ({"avx512_bf16": False, "amx_bf16": False}, None),
    ({"avx512_bf16": True}, torch.bfloat16),
    ({"amx_bf16": True}, torch.bfloat16),
])  # fmt: skip
def test_bfloat16_only_where_the_processor_multiplies_it(monkeypatch, capabilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert fast_type(torch.device("cpu")) is expected


def test_other_devices_are_left_alone():
    assert fast_type(torch.device("meta")) is None


@pytest.mark.parametrize(("wanted", "native", "expected"), [
    (True, True, torch.bfloat16),
    (True, False, torch.float32),
    (False, True, torch.float32),
])  # fmt: skip
def test_products_are_rounded_where_it_is_wanted_and_native(monkeypatch, wanted, native, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": native})
    with autocast(torch.device("cpu"), wanted):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == expected


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no resource module")
def test_peak_memory_counts_what_was_held_and_let_go():
    """In a process of its own, which is small: the memory of this one has grown with the tests before."""
    program = (
        "from omni_lib.machine.resources import peak_memory\n"
        "before = peak_memory()\n"
        "held = b'x' * (before + 2**27)  # written to, so that the system has to find it\n"
        "del held\n"
        "print(before, peak_memory())"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    before, after = map(int, printed.stdout.split())
    assert before + 2**27 <= after < 8 * before + 2**31


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_glibc_takes_the_settings():
    assert keep_freed_memory()


@pytest.mark.parametrize("failure", [OSError("no such library"), AttributeError("mallopt")])
def test_another_c_library_is_not_an_error(monkeypatch, failure):
    def refuse(name):
        raise failure

    monkeypatch.setattr(hardware.sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert keep_freed_memory() is False


def test_another_system_is_not_asked(monkeypatch):
    monkeypatch.setattr(hardware.sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("asked"))
    assert keep_freed_memory() is False


def test_a_cache_size_that_was_asked_for_stays(monkeypatch):
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    monkeypatch.setenv(name, "7")
    remember_kernels()
    assert hardware.os.environ[name] == "7"
    monkeypatch.delenv(name)
    remember_kernels()
    assert int(hardware.os.environ[name]) > 1024


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system counts a process by itself")
def test_peak_memory_is_not_that_of_the_process_that_started_this_one():
    held = b"x" * 1_000_000_000
    program = "from omni_lib.machine.resources import peak_memory; print(peak_memory())"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(child.stdout) < len(held) < peak_memory()
