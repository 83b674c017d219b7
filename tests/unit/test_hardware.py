"""Speed that the machine offers, taken where it is offered and nowhere else."""

import ctypes
import sys

import pytest
import torch

from omni_lib import hardware
from omni_lib.hardware import fast_type, keep_freed_memory, remember_kernels


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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_glibc_takes_the_settings():
    assert keep_freed_memory()


@pytest.mark.parametrize("failure", [OSError("no such library"), AttributeError("mallopt")])
def test_another_c_library_is_no_error(monkeypatch, failure):
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
