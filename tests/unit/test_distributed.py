"""Several processes train as one would: the same weights, the same log, the same error rates.

In double precision, without dropout and augmentation, nothing is left that could differ but the order of
sums. So whatever is scaled, counted or normalised by rank instead of over all of them shows, and shows at
once.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st

from omni_lib.errors import UserError
from omni_lib.machine.distributed import (
    agree,
    anywhere,
    data_parallel,
    gathered,
    is_writer,
    mean_over_ranks,
    my_share,
    process_group,
    rank,
    shares,
    sum_over_ranks,
    world_size,
)
from omni_lib.weights import load_checkpoint

WORKER = Path(__file__).with_name("distributed_worker.py")
STEPS, SAVED = 12, 6
needs_gloo = pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available() and hasattr(os, "fork")),
    reason="no gloo, or a system where torchrun was not tried (Windows)",
)


# How a batch is split among the ranks


@given(st.lists(st.integers(1, 3000), max_size=40), st.integers(1, 9))
def test_each_row_has_one_rank_and_the_ranks_have_about_the_same_to_do(frames, ranks):
    dealt = shares(frames, ranks)
    assert len(dealt) == ranks
    assert sorted(place for places in dealt for place in places) == list(range(len(frames)))
    assert all(places == sorted(places) for places in dealt)
    loads = [sum(frames[place] for place in places) for places in dealt]
    assert max(loads) - min(loads) <= max(frames, default=0)
    assert [] not in dealt or len(frames) < ranks, "nobody is idle where there is enough for all"


def test_long_rows_are_spread_out():
    frames = [9, 8, 1, 1, 1, 7]
    assert [sum(frames[place] for place in places) for places in shares(frames, 2)] == [12, 15]


# One process


def test_a_single_process_trains_without_communication(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    summand, model = torch.ones(2, requires_grad=True), torch.nn.Linear(1, 1)
    with process_group():
        assert not dist.is_initialized()
        assert (world_size(), rank(), is_writer()) == (1, 0, True)
        assert my_share(["a", "b"], [1, 2]) == ["a", "b"]
        assert sum_over_ranks(summand) is summand and data_parallel(model) is model
        assert mean_over_ranks(7) == 7 and isinstance(mean_over_ranks(7), int)
        assert gathered("x") == ["x"] and anywhere(True) and not anywhere(False)
        agree(3, "one process agrees with itself")


def test_only_rank_0_writes(monkeypatch):
    monkeypatch.setenv("RANK", "2")
    assert is_writer(), "a variable that something else has set"
    for name, value in {"WORLD_SIZE": "4", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    assert not is_writer()


def test_ranks_that_differ_are_refused(monkeypatch):
    monkeypatch.setattr("omni_lib.machine.distributed.gathered", lambda value: [value, 5])
    with pytest.raises(UserError, match="share a folder"):
        agree(4, "share a folder")


# Several


@dataclass
class Run:
    """The result of a training: each rank's state and shares, and the log."""

    ranks: list[dict]
    folder: Path

    @property
    def log(self) -> list[dict]:
        entries = json.loads((self.folder / "run" / "training_log.json").read_text(encoding="utf-8"))[
            "entries"
        ]
        return [{key: value for key, value in entry.items() if "seconds" not in key} for entry in entries]


def run_worker(folder: Path, settings: dict, ranks: int, steps: int = STEPS) -> Run:
    (folder / "config.json").write_text(json.dumps(settings | {"save_dir": str(folder / "run")}))
    launcher = (
        ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)] if ranks > 1 else []
    )
    subprocess.run(
        [sys.executable, *launcher, str(WORKER), str(folder / "config.json"), str(steps), str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        check=True,
        timeout=300,
    )
    return Run(
        [torch.load(folder / f"rank_{number}_of_{ranks}.pt", weights_only=True) for number in range(ranks)],
        folder,
    )


@pytest.fixture(scope="module")
def settings(tones_csv) -> dict:
    """All parts of the loss, 24 clips of many lengths in batches of 7, so that the last of an epoch has 3."""
    return {
        "d_model": 16,
        "n_layers": 4,
        "n_heads": 2,
        "d_ff": 32,
        "dropout": 0.0,
        "data_path": str(tones_csv),
        "batch_size": 7,
        "num_epochs": 4,
        "learning_rate": 3e-3,
        "muon_rate": 0.02,
        "weight_decay": 0.01,
        "warmup_steps": 2,
        "schedule": "cosine",
        "checkpoint_freq": SAVED,
        "ctc_frames_per_embedding": 2,
        "alignment_entropy": 0.6,
        "intermediate_ctc": 0.3,
        "word_ctc": 1.0,
        "average_decay": 0.9,
        "log_every": 5,
    }


@pytest.fixture(scope="module")
def alone(settings, tmp_path_factory) -> Run:
    return run_worker(tmp_path_factory.mktemp("alone"), settings, 1)


@pytest.fixture(scope="module")
def of_two(settings, tmp_path_factory) -> Run:
    return run_worker(tmp_path_factory.mktemp("two"), settings, 2)


@pytest.fixture(scope="module")
def of_four(settings, tmp_path_factory) -> Run:
    return run_worker(tmp_path_factory.mktemp("four"), settings, 4)


def largest_difference(left, right) -> float:
    """Between the numbers of two states of one structure: weights, statistics, averages and moments."""
    if isinstance(left, torch.Tensor):
        assert left.shape == right.shape
        return (left.double() - right.double()).abs().max().item() if left.numel() else 0.0
    if isinstance(left, dict):
        assert left.keys() == right.keys()
        return max((largest_difference(left[key], right[key]) for key in left), default=0.0)
    if isinstance(left, list | tuple):
        return max((largest_difference(*pair) for pair in zip(left, right, strict=True)), default=0.0)
    return 0.0


@needs_gloo
@pytest.mark.slow
@pytest.mark.parametrize("together", ["of_two", "of_four"])
def test_the_weights_are_those_of_one_process(alone, together, request):
    """After 12 steps, with batch norms, averages and optimiser moments; all ranks are bit-identical."""
    run = request.getfixturevalue(together)
    (expected,) = [rank["state"] for rank in alone.ranks]
    assert expected["enc"]["norm.weight"].dtype == torch.float64
    assert {"exp_avg", "momentum"} <= {
        name
        for member in expected["resume"]["optimizers"]
        for state in member["state"].values()
        for name in state
    }
    for rank_state in (each["state"] for each in run.ranks):
        assert rank_state["step"] == STEPS
        assert largest_difference(rank_state["enc"], expected["enc"]) < 1e-8
        assert largest_difference(rank_state["resume"], expected["resume"]) < 1e-8
        assert (
            largest_difference(rank_state["resume"]["model"], run.ranks[0]["state"]["resume"]["model"]) == 0
        )


@needs_gloo
@pytest.mark.slow
def test_the_weights_have_moved_far_more_than_the_difference_that_is_allowed(alone):
    early = load_checkpoint(alone.folder / "run" / f"audio_enc_step_{SAVED}.pt")
    assert largest_difference(alone.ranks[0]["state"]["enc"], early["enc"]) > 1e-3


@needs_gloo
@pytest.mark.slow
@pytest.mark.parametrize("together", ["of_two", "of_four"])
def test_the_log_and_the_error_rates_are_those_of_one_process(alone, together, request):
    run = request.getfixturevalue(together)
    assert [entry["type"] for entry in run.log] == [entry["type"] for entry in alone.log]
    for entry, expected in zip(run.log, alone.log, strict=True):
        for key, value in expected.items():
            assert entry[key] == (pytest.approx(value, rel=1e-6) if isinstance(value, float) else value), key


@needs_gloo
@pytest.mark.slow
def test_every_utterance_is_computed_once_and_shares_may_be_empty(alone, of_two, of_four):
    for run in (of_two, of_four):
        for whole, *parts in zip(
            alone.ranks[0]["shares"], *(each["shares"] for each in run.ranks), strict=True
        ):
            assert sorted(whole.items()) == sorted(item for part in parts for item in part.items())
    assert any(not share for each in of_four.ranks for share in each["shares"])
    first = [max(each["shares"][0].values()) for each in of_two.ranks]
    assert first[0] != first[1], "the ranks pad to different lengths"


@needs_gloo
@pytest.mark.slow
def test_a_process_that_never_gets_an_utterance_trains_too(settings, tmp_path):
    """There are more processes than utterances in a batch; then some of them have nothing in any batch."""
    run = run_worker(tmp_path, settings | {"batch_size": 1}, 2, steps=3)
    assert not any(run.ranks[1]["shares"])
    assert largest_difference(run.ranks[0]["state"]["resume"], run.ranks[1]["state"]["resume"]) == 0


@needs_gloo
@pytest.mark.slow
def test_a_run_of_two_goes_on_in_one_process(alone, of_two, settings, tmp_path):
    """From its checkpoint at step 6, to the weights that it would have reached itself."""
    (tmp_path / "run").mkdir()
    for name in (f"audio_enc_step_{SAVED}.pt", "training_log.json"):
        shutil.copy(of_two.folder / "run" / name, tmp_path / "run")
    resumed = run_worker(tmp_path, settings, 1)
    assert len(resumed.ranks[0]["shares"]) == STEPS - SAVED
    assert largest_difference(resumed.ranks[0]["state"]["resume"], alone.ranks[0]["state"]["resume"]) < 1e-8
    assert [entry["step"] for entry in resumed.log] == [entry["step"] for entry in alone.log]
