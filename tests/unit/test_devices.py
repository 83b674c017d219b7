"""Which device trains, and that it trains the same there. What needs a graphics processor skips, and says so.

Tests run on the CPU (conftest.py sees to that); to run these on a graphics processor:

    OMNI_TEST_GPU=1 python -m pytest tests/unit/test_devices.py tests/unit/test_prefetch.py
"""

import copy
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import FakeTensorMode

from omni_lib.config import Config
from omni_lib.ctc import ctc_loss, entropic_ctc_loss
from omni_lib.encoder import MaskedBatchNorm, Subsampler
from omni_lib.errors import UserError
from omni_lib.machine import hardware
from omni_lib.machine.hardware import choose_device, compile_blocks
from omni_lib.recogniser import Recogniser
from omni_lib.session import train
from omni_lib.trainer import Trainer
from omni_lib.training.objective import Objective, letter_losses
from omni_lib.training.optimizer import Muon, orthogonalise

THERE = {
    "cuda": torch.cuda.is_available(),
    "mps": torch.backends.mps.is_available() and bool(os.environ.get("OMNI_TEST_GPU")),
}
GPU = next((kind for kind, there in THERE.items() if there), None)
needs_gpu = pytest.mark.skipif(
    GPU is None, reason="no graphics processor: training on CUDA or MPS is NOT tested here"
)


def quiet(line: str) -> None:
    """Receives what training reports, and drops it."""


@pytest.fixture
def machine(monkeypatch):
    """`machine(cards, mps=…, ranks=…, place=…)`: a pretended one; place is this process' number on it."""

    def pretend(cards: int, mps: bool = False, ranks: int = 1, place: int = 0) -> list[int]:
        chosen: list[int] = []
        monkeypatch.delenv("OMNI_DEVICE", raising=False)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
        monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(hardware, "world_size", lambda: ranks)
        monkeypatch.setattr(hardware, "local_rank", lambda: place)
        return chosen

    return pretend


@pytest.mark.parametrize(("wanted", "pretended", "expected"), [
    ("auto", {"cards": 2, "mps": True}, "cuda:0"),
    ("auto", {"cards": 0, "mps": True}, "cpu"),
    ("cpu", {"cards": 2, "mps": True}, "cpu"),
    ("mps", {"cards": 2, "mps": True}, "mps"),
    ("auto", {"cards": 4, "ranks": 4, "place": 3}, "cuda:3"),
    ("auto", {"cards": 0, "mps": True, "ranks": 2, "place": 1}, "cpu"),
])  # fmt: skip
def test_the_first_device_that_there_is_unless_another_is_asked_for(machine, wanted, pretended, expected):
    chosen = machine(**pretended)
    assert choose_device(wanted) == torch.device(expected)
    assert chosen == ([pretended.get("place", 0)] if expected.startswith("cuda") else [])


@pytest.mark.parametrize(("wanted", "pretended", "words"), [
    ("cuda", {"cards": 0}, "device is cuda, and torch finds none here"),
    ("mps", {"cards": 1}, "device is mps, and torch finds none here"),
    ("mps", {"cards": 0, "mps": True, "ranks": 2}, "processes that train together cannot use it"),
    ("auto", {"cards": 2, "ranks": 4, "place": 2},
     "more processes on this machine than its 2 GPUs"),
])  # fmt: skip
def test_a_device_that_is_not_there_is_refused(machine, wanted, pretended, words):
    machine(**pretended)
    with pytest.raises(UserError, match=words):
        choose_device(wanted)


def test_the_environment_variable_counts_for_auto_only(machine, monkeypatch):
    machine(cards=1)
    monkeypatch.setenv("OMNI_DEVICE", "cpu")
    assert choose_device("auto") == torch.device("cpu") and choose_device("cuda") == torch.device("cuda:0")
    monkeypatch.setenv("OMNI_DEVICE", "gpu")
    with pytest.raises(UserError, match="OMNI_DEVICE is 'gpu': it must be auto, cuda, mps or cpu"):
        choose_device("auto")


def test_a_run_may_be_resumed_on_another_device(make_tiny_config, tmp_path):
    """The device does not change what is learned."""
    train(make_tiny_config(tmp_path / "run", device="auto"), max_steps=1, report=quiet)
    assert (
        train(make_tiny_config(tmp_path / "run", device="cpu"), resume=True, max_steps=2, report=quiet).step
        == 2
    )


def test_double_precision_is_kept_where_bfloat16_is_fast(monkeypatch):
    computed = []

    def watched(matrices):
        computed.append(matrices.dtype)
        return orthogonalise(matrices)

    monkeypatch.setattr("omni_lib.training.optimizer.fast_type", lambda device: torch.bfloat16)
    monkeypatch.setattr("omni_lib.training.optimizer.orthogonalise", watched)
    for dtype, expected in ((torch.float64, torch.float64), (torch.float32, torch.bfloat16)):
        weight = torch.nn.Parameter(torch.randn(3, 4, dtype=dtype))
        weight.grad = torch.randn(3, 4, dtype=dtype)
        Muon([weight], lr=0.1).step()
        assert computed.pop() is expected and weight.dtype is dtype


def test_a_share_without_rows_has_no_loss_and_a_gradient_of_zero_everywhere():
    """A rank without rows: torch's DistributedDataParallel waits for every gradient."""
    config = Config(d_model=16, n_layers=2, n_heads=2, d_ff=32, intermediate_ctc=0.3, word_ctc=1.0)
    recogniser, objective = Recogniser(config), Objective(config, 29, ["a", "b"])
    states = recogniser.encoder.hidden_states(torch.zeros(0, 16, 128), torch.zeros(0, dtype=torch.long))
    heads = (objective.letters(*states[0]), recogniser.head(*recogniser.encoder.embed(*states[-1])))
    loss = sum(ctc_loss(*said, []).sum() for said in heads) + objective.words.loss(*states[0], [])
    loss.backward()
    assert loss == 0
    reached = [
        parameter
        for name, parameter in recogniser.named_parameters()
        if ".norms." not in name and "norm.weight" not in name
    ]
    assert sum(parameter.grad is not None for parameter in reached) > 0.8 * len(reached)
    assert all(
        not parameter.grad.any()
        for parameter in [*recogniser.parameters(), *objective.parameters()]
        if parameter.grad is not None
    )
    assert all(parameter.grad is not None for parameter in objective.parameters())


@pytest.mark.parametrize("computed_on", ["the graphics processor", "the CPU"])
def test_every_loss_is_where_the_model_is_wherever_ctc_is_computed(monkeypatch, computed_on):
    """With tensors that have a shape and a device but no memory: sums over two devices would fail."""
    if computed_on == "the CPU":  # as for MPS
        monkeypatch.setattr("omni_lib.ctc.ON_THE_CPU", ("cuda",))
    devices = []

    def on_one_device(log_probs, flat, lengths, target_lengths, **_):
        found = {each.device.type for each in (log_probs, flat, lengths, target_lengths)}
        devices.extend(found)
        return log_probs.sum(dim=(0, 2))

    monkeypatch.setattr(F, "ctc_loss", on_one_device)
    config = Config(d_model=16, n_layers=2, n_heads=2, d_ff=32)
    with FakeTensorMode(), torch.device("cuda"):
        recogniser = Recogniser(config)
        lengths = torch.full((2,), 6)
        outputs = recogniser.head(torch.zeros(2, 6, 16), lengths)
        losses = [
            ctc_loss(*outputs, [[2], [3]]),
            entropic_ctc_loss(*outputs, [[2], [3]], weight=0.5),
            *letter_losses([outputs, outputs], [[2], [3]]),
            ctc_loss(torch.zeros(0, 6, 29), torch.zeros(0, dtype=torch.long), []),
        ]
    assert {loss.device.type for loss in losses} == {"cuda"}
    assert set(devices) == {"cpu" if computed_on == "the CPU" else "cuda"}


@pytest.mark.slow
def test_compiled_blocks_compute_the_same_and_one_program_serves_every_shape():
    """With the backend "aot_eager", which traces the program as for a GPU but does not generate code."""
    torch.manual_seed(0)
    config = Config(d_model=16, n_layers=1, n_heads=2, d_ff=32, dropout=0.0)
    plain = Recogniser(config).train()
    compiled = copy.deepcopy(plain)
    compile_blocks(compiled.encoder.blocks, MaskedBatchNorm, backend="aot_eager")
    assert compiled.state_dict().keys() == plain.state_dict().keys()
    programs = []
    for rows, frames in ((4, 160), (4, 176), (3, 192), (2, 320)):
        mel, lengths = torch.randn(rows, frames, 128), torch.tensor([frames] + [frames - 40] * (rows - 1))
        outputs = [each(mel, lengths)[0] for each in (plain, compiled)]
        torch.testing.assert_close(*outputs)
        for output in outputs:
            output.square().sum().backward()
        programs.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    assert programs[0] > 0 and programs == [programs[0]] * 4
    for ours, theirs in zip(compiled.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_a_subsampler_can_be_exported_for_any_number_of_clips_and_frames():
    """`torch.export` refuses shapes that depend on the lengths. The whole encoder would take minutes."""
    torch.manual_seed(0)
    subsampler = Subsampler(16, channels=2).eval()
    clips, frames = torch.export.Dim("clips"), torch.export.Dim("frames", min=3, max=1000)
    program = torch.export.export(
        subsampler,
        (torch.randn(3, 160, 128), torch.tensor([160, 61, 0])),
        dynamic_shapes={"x": {0: clips, 1: 4 * frames}, "lengths": {0: clips}},
    ).module()
    for most, each in ((64, [61, 64]), (400, [400, 9, 200, 0])):
        mel, lengths = torch.randn(len(each), most, 128), torch.tensor(each)
        for found, expected in zip(program(mel, lengths), subsampler(mel, lengths), strict=True):
            torch.testing.assert_close(found, expected)


def test_the_setting_compiles_what_is_trained_and_not_its_average(make_tiny_config, tmp_path, monkeypatch):
    compiled = []
    monkeypatch.setattr("omni_lib.trainer.compile_blocks", lambda blocks, left_alone: compiled.append(blocks))
    trainers = [
        Trainer(make_tiny_config(tmp_path / "run", compile=wanted), tmp_path / "run", quiet)
        for wanted in (False, True)
    ]
    (blocks,) = compiled
    assert (
        blocks is trainers[1].recogniser.encoder.blocks
        and blocks is not trainers[1].averaged.module.encoder.blocks
    )


@needs_gpu
def test_a_step_on_the_graphics_processor_is_that_of_the_cpu_but_for_rounding(make_tiny_config, tmp_path):
    config = make_tiny_config(tmp_path / "run", dropout=0.0)
    losses = []
    for device in ("cpu", GPU):
        trainer = Trainer(
            replace(config, device=device, save_dir=str(tmp_path / device)), Path(tmp_path / device), quiet
        )
        losses.append(
            [trainer.train_step(batch).per_utterance.mean().item() for batch in trainer.batches.epoch(1)]
        )
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


@needs_gpu
@pytest.mark.parametrize("mixed_precision", [False, True])
def test_it_learns_and_resumes_on_the_graphics_processor(make_tiny_config, tmp_path, mixed_precision):
    config = make_tiny_config(tmp_path / "run", device=GPU, mixed_precision=mixed_precision, log_every=1)
    train(config, max_steps=9, report=quiet)
    result = train(replace(config, device="cpu"), resume=True, max_steps=12, report=quiet)
    assert result.step == 12 and math.isfinite(
        torch.load(result.checkpoint, weights_only=True)["enc"]["norm.weight"].sum()
    )
