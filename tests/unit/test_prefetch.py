"""Batches on their way to the device: in order, prepared meanwhile, and nothing left running."""

import threading
from pathlib import Path

import pytest
import torch

from omni_lib.errors import UserError
from omni_lib.manifest import Utterance
from omni_lib.training.batching import Batch
from omni_lib.training.prefetch import on_device

ELSEWHERE = torch.device("meta")  # stands for a device that is not the CPU: tensors without memory


def batch(frames: int) -> Batch:
    return Batch(
        torch.randn(1, frames, 128), torch.tensor([frames]), [[1, 2]], [Utterance(Path("a.wav"), "ab")]
    )


def test_on_the_cpu_batches_are_unchanged_and_made_when_needed():
    made = []

    def make():
        for frames in (16, 32, 48):
            made.append(batch(frames))
            yield made[-1]

    for count, given in enumerate(on_device(make(), torch.device("cpu")), start=1):
        assert given is made[-1] and len(made) == count


def test_elsewhere_batches_come_in_order_with_their_tensors_on_the_device():
    batches = [batch(frames) for frames in (16, 32, 48, 64)]
    given = list(on_device(batches, ELSEWHERE))
    assert [each.mel.shape for each in given] == [each.mel.shape for each in batches]
    assert all(each.mel.device == each.lengths.device == ELSEWHERE for each in given)
    assert [each.utterances for each in given] == [each.utterances for each in batches]
    assert list(on_device([], ELSEWHERE)) == []


def test_the_next_batch_is_made_while_this_one_is_computed():
    second = threading.Event()

    def make():
        yield batch(16)
        second.set()
        yield batch(32)

    given = on_device(make(), ELSEWHERE)
    next(given)
    assert second.wait(timeout=120), "nobody asked for it yet"
    given.close()


def test_an_early_end_leaves_no_thread_running():
    before = set(threading.enumerate())
    for _ in on_device((batch(16) for _ in range(100)), ELSEWHERE):
        break
    for thread in set(threading.enumerate()) - before:
        thread.join(120)
        assert not thread.is_alive()


def test_an_error_in_the_thread_is_raised_where_the_batches_are_used():
    def make():
        yield batch(16)
        raise UserError("clip.wav cannot be read")

    given = on_device(make(), ELSEWHERE)
    next(given)
    with pytest.raises(UserError, match=r"clip\.wav"):
        next(given)


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device: pinned and overlapped copies are NOT tested here"
)
def test_a_gpu_gets_the_prepared_batches():
    batches = [batch(frames) for frames in (160, 320, 480)]
    for given, expected in zip(on_device(batches, torch.device("cuda")), batches, strict=True):
        assert given.mel.is_cuda and torch.equal(given.mel.cpu(), expected.mel)
        assert torch.equal(given.lengths.cpu(), expected.lengths)
