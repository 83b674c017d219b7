"""Values that are not finite, and steps that would not fit into memory: refused before harm is done."""

import gc
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import soundfile
import torch

from omni_lib.config import Config
from omni_lib.errors import UserError
from omni_lib.recogniser import Recogniser
from omni_lib.runs.log import read_log
from omni_lib.session import train
from omni_lib.trainer import Trainer
from omni_lib.training.checkpoint import periodic_checkpoints
from omni_lib.training.memory import bytes_per_frame
from omni_lib.training.objective import ModelWithLoss, Objective
from omni_lib.weights import load_checkpoint


def quiet(line: str) -> None:
    """Receives what training reports, and drops it."""


@pytest.fixture
def broken_run(make_tiny_config, tmp_path, monkeypatch):
    """`broken_run(spoil, where)`: train, and call `spoil(trainer, loss)` in step 8 before it is taken.

    Returns the refusal and the file names of that step's batch.
    """

    def run(spoil, where: str) -> tuple[str, list[str]]:
        config = make_tiny_config(tmp_path / "run")
        trainer = Trainer(config, tmp_path / "run", quiet)
        step = list(trainer.batches.epoch(2))[1]  # step 8 of 6 an epoch
        names = [row.path.name for row in step.utterances]
        if where == "loss":
            true_forward = trainer.parallel.forward

            def forward(*arguments):
                loss = true_forward(*arguments)
                return replace(loss, objective=spoil(loss.objective)) if trainer.step == 7 else loss

            monkeypatch.setattr(trainer.parallel, "forward", forward)
        elif where == "gradient":
            weight = trainer.recogniser.head.linear.weight
            weight.register_hook(lambda gradient: spoil(gradient) if trainer.step == 7 else gradient)
        else:
            true_step = trainer.optimizers.step

            def step_and_spoil(share: float) -> None:
                true_step(share)
                if trainer.step == 7:
                    with torch.no_grad():
                        trainer.recogniser.head.linear.weight[3, 3] = spoil(
                            trainer.recogniser.head.linear.weight[3, 3]
                        )

            monkeypatch.setattr(trainer.optimizers, "step", step_and_spoil)
        with pytest.raises(UserError) as refusal:
            trainer.run()
        return str(refusal.value), names

    return run


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["loss", "gradient", "weights"])
def test_a_value_that_is_not_finite_stops_the_run_before_it_is_saved(broken_run, tmp_path, where, value):
    """It names the utterances of the batch, and the last good checkpoint."""
    message, names = broken_run(lambda number: number * 0 + value, where)
    assert "at step 8" in message and where in message and all(name in message for name in names)
    assert (
        f"the last good checkpoint is {tmp_path / 'run' / 'audio_enc_step_5.pt'}" in message
        and "lower learning_rate" in message
    )
    assert [path.name for path in periodic_checkpoints(tmp_path / "run")] == ["audio_enc_step_5.pt"], (
        "nothing was saved after it"
    )
    for path in (tmp_path / "run").glob("*.pt"):
        assert all(
            value.isfinite().all()
            for value in load_checkpoint(path)["enc"].values()
            if value.is_floating_point()
        )
    read_log(tmp_path / "run" / "training_log.json")


def test_a_learning_rate_far_too_high_is_refused_or_warned_of(make_tiny_config, tmp_path):
    """A run that diverges by itself: the message advises a lower learning rate."""
    lines = []
    # It learns during warm-up and diverges at the full learning rate.
    wild = {
        "learning_rate": 1.0,
        "muon_rate": 1.0,
        "warmup_steps": 400,
        "gradient_clip": 1e9,
        "num_epochs": 40,
        "log_every": 10,
    }
    config = make_tiny_config(tmp_path / "run", **wild)
    try:
        train(config, report=lines.append)
    except UserError as refusal:
        lines.append(str(refusal))
    assert any("lower learning_rate" in line for line in lines), lines


def test_a_run_on_the_blank_plateau_is_warned_with_the_remedy(make_tiny_config, tmp_path):
    """With too low a learning rate, the run only learns to predict blanks."""
    lines = []
    config = make_tiny_config(
        tmp_path / "run",
        learning_rate=1e-9,
        muon_rate=0.0,
        num_epochs=4,
        intermediate_ctc=0.0,
        average_decay=0.0,
    )
    trainer = Trainer(config, Path(config.save_dir), lines.append)
    with torch.no_grad():
        trainer.recogniser.head.linear.bias.view(2, -1)[:, 0] = 20.0  # blank, whatever the input
    trainer.run()
    said = [line for line in lines if "blank plateau" in line]
    assert said and all(
        "a higher learning_rate after a warm-up" in line and line.startswith("! Step ") for line in said
    )


# Memory


@pytest.fixture
def little_memory(monkeypatch):
    """`little_memory(bytes)`: the free memory that is reported from now on."""

    def leave(free: int) -> None:
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free))

    return leave


def test_a_long_utterance_or_a_huge_batch_is_refused_before_the_first_step(
    make_tiny_config, tmp_path, write_rows, little_memory
):
    rows = write_rows([("bad cab", "bad cab", "train")] * 7 + [("abe", "abe", "dev")])
    (samples, rate), path = soundfile.read(rows.parent / "clip_0.wav"), rows.parent / "clip_3.wav"
    soundfile.write(path, list(samples) * (60 * rate // len(samples)), rate)
    config = make_tiny_config(tmp_path / "run", data_path=str(rows), batch_size=8)
    little_memory(500_000_000)
    with pytest.raises(UserError) as refusal:
        train(config, report=quiet)
    message = str(refusal.value)
    assert (
        "a batch of 7 utterances of up to 6" in message
        and "clip_3.wav" in message
        and "0.5 GB are free: set batch_size to " in message
    )
    fits = int(message.split("set batch_size to ")[1].split(",")[0])
    assert not (tmp_path / "run").exists(), "nothing was begun"
    assert train(replace(config, batch_size=fits), max_steps=1, report=quiet).step == 1, (
        "what it advises is not refused"
    )
    little_memory(40_000_000)
    with pytest.raises(UserError, match="are free: cut the longest clips at pauses"):
        train(replace(config, save_dir=str(tmp_path / "other"), batch_size=1), report=quiet)


STEP = """
import sys, torch
from pathlib import Path
from omni_lib.training.batching import Batch
from omni_lib.config import Config
from omni_lib.machine.resources import peak_memory
from omni_lib.manifest import Utterance
from omni_lib.training.memory import bytes_per_frame
from omni_lib.training.objective import ModelWithLoss, Objective
from omni_lib.recogniser import Recogniser
torch.set_num_threads(1)
size, frames = map(int, sys.argv[1:])
config = Config(intermediate_ctc=0.3, word_ctc=0.3)
recogniser = Recogniser(config)
model = ModelWithLoss(recogniser, Objective(config, 29, ["one", "two"]))
estimate = bytes_per_frame(model, torch.device("cpu")) * size * frames
row = Utterance(Path("a"), "one two")
before = peak_memory()
mel, lengths = torch.randn(size, frames, 128), torch.full((size,), frames)
batch = Batch(mel, lengths, [[2, 3, 4] * 20] * size, [row] * size)
model.train()(batch).objective.backward()
print(estimate, peak_memory() - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not say the peak of a process")
@pytest.mark.parametrize(("size", "frames"), [(2, 6000), (12, 1000)])
def test_the_estimate_of_a_step_is_near_what_it_takes(size, frames):
    """A real step of the default encoder takes between half of the estimate and all of it."""
    run = subprocess.run(
        [sys.executable, "-c", STEP, str(size), str(frames)], capture_output=True, text=True, check=True
    )
    estimate, taken = map(float, run.stdout.split())
    assert 0.5 * estimate < taken < 1.05 * estimate, (estimate, taken)


def test_the_estimate_does_not_change_the_model():
    config = Config(d_model=16, n_heads=2, n_layers=2, d_ff=32)
    recogniser = Recogniser(config)
    model = ModelWithLoss(recogniser, Objective(config, 29, []))
    before, stream = (
        {name: value.clone() for name, value in model.state_dict().items()},
        torch.random.get_rng_state(),
    )
    assert bytes_per_frame(model, torch.device("cpu")) > 0
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), stream)


def test_the_estimate_leaves_no_tensor_behind():
    """In a notebook many trainings start in one process; each would keep tens of megabytes for good."""
    config = Config(d_model=16, n_heads=2, n_layers=2, d_ff=32)
    model = ModelWithLoss(Recogniser(config), Objective(config, 29, []))

    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())

    bytes_per_frame(model, torch.device("cpu"))
    after_one = tensors()
    bytes_per_frame(model, torch.device("cpu"))
    assert tensors() <= after_one  # some of another test may go


def test_the_estimate_on_the_cpu_leaves_the_graphics_cards_alone(monkeypatch):
    """Each process would take memory on every card, only to look at the state of its random numbers."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: pytest.fail(f"asked {device}"))
    config = Config(d_model=16, n_heads=2, n_layers=2, d_ff=32)
    model = ModelWithLoss(Recogniser(config), Objective(config, 29, []))
    assert bytes_per_frame(model, torch.device("cpu")) > 0
