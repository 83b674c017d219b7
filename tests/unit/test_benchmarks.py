"""The parts of the benchmarks that decide what a result file holds. Measurements are run by hand."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import ablate
import neighbour
import peer_systems
import peers
import peers_figure
import profile_step
import record

from omni_lib.config import Config
from omni_lib.manifest import read_manifest
from omni_lib.training.batching import FeatureCache, collate


def test_rows_are_added_and_never_lost(tmp_path):
    path = tmp_path / "results" / "rows.json"
    assert record.read_rows(path) == []
    record.add_row(path, {"a": 1})
    record.add_row(path, {"b": 2})
    assert record.read_rows(path) == [{"a": 1}, {"b": 2}]


def test_a_result_says_where_it_comes_from():
    found = record.provenance()
    assert set(found) == {"command", "commit", "machine"}
    assert found["machine"]["torch"] == torch.__version__
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(("cores", "rows"), [
    (1, ["by load, by load", "1, –"]),
    (2, ["by load, by load", "1, –", "2, awake", "2, asleep"]),
    (8, ["by load, by load", "1, –", "2, awake", "2, asleep", "4, awake", "4, asleep", "8, awake",
         "8, asleep"]),
])  # fmt: skip
def test_the_neighbour_is_measured_with_each_number_of_threads(cores, rows):
    found = neighbour.rows_to_measure(cores)
    assert [f"{threads}, {waiting}" for threads, waiting, _ in found] == rows
    assert not found[0][2]  # the choice is left to the training
    assert all(settings["OMP_NUM_THREADS"] == threads for threads, _, settings in found[1:])


def test_the_first_moment_at_or_below_the_headline_counts():
    assert ablate.first_below(0.123, [0.9, 0.123, 0.5, 0.1], [10.0, 20.0, 30.0, 40.0]) == 20.0
    assert ablate.first_below(0.123, [0.9, 0.2], [10.0, 20.0]) is None


def run_row(wer: float, reached: float | None) -> dict:
    return {"seed": 0, "wer": wer, "seconds_to_headline": reached, "seconds_per_step": 0.2}


def test_a_row_holds_mean_and_deviation_and_the_table_shows_what_was_not_reached():
    row = ablate.summary("configs/an4.json", ["muon_rate=0"], [run_row(0.10, 60.0), run_row(0.14, None)])
    assert row["wer_mean"] == pytest.approx(0.12) and row["wer_sd"] == pytest.approx(0.0283, abs=1e-4)
    assert "| an4 | muon_rate=0 | 2 | 12.0% ± 2.8% | 0.20 | not reached by every seed |" in ablate.table(
        [row]
    )
    alone = ablate.summary("configs/an4.json", [], [run_row(0.10, 60.0)])
    assert "| an4 | – | 1 | 10.0% | 0.20 | 60 |" in ablate.table([alone])


def test_a_whole_training_makes_a_row(make_tiny_config, tmp_path):
    config = make_tiny_config(tmp_path / "unused")
    row = ablate.measure(config, seed=1)
    assert row["seed"] == 1 and row["wer"] >= 0 and row["seconds_per_step"] > 0
    assert not (tmp_path / "unused").exists()


def test_an_inner_part_is_taken_out_of_the_outer_one(monkeypatch):
    seconds = iter([0.0, 1.0, 3.0, 7.0])  # outer begins, inner begins, inner ends, outer ends
    monkeypatch.setattr(profile_step, "time", SimpleNamespace(perf_counter=lambda: next(seconds)))
    watch = profile_step.Stopwatch()
    watch.begin_step()
    with watch.part("outer"):
        with watch.part("inner"):
            pass
    assert watch.medians() == {"inner": 2.0, "outer": 5.0}


def test_a_profile_names_every_part_and_leaves_torch_as_it_was(make_tiny_config, tmp_path, monkeypatch):
    monkeypatch.setattr(profile_step, "best_product_rate", lambda kind: 1e11)
    backward = torch.Tensor.backward
    result = profile_step.profile(make_tiny_config(tmp_path / "run", muon_rate=0.02), steps=2)
    assert torch.Tensor.backward is backward
    assert {
        "making the batch (waiting)",
        "subsampler, forward",
        "backward",
        "Muon",
        "AdamW",
        "weight averaging",
    } <= set(result["parts"])
    assert result["gflop_per_step"] > 0 and 0 <= result["padding_share"] < 1
    assert "GFLOP/s" in profile_step.table(result)


@pytest.mark.parametrize("name", ["ours", "torchaudio_conformer"])
def test_a_system_takes_a_real_step_and_can_be_judged(name, tones_csv):
    cache = FeatureCache(read_manifest(tones_csv).split("train")[:3])
    config = Config(
        dropout=0.0,
        ctc_frames_per_embedding=3,
        muon_rate=0.02,
        average_decay=0.9,
        intermediate_ctc=0.3,
        word_ctc=0.5,
    )
    system = peer_systems.SYSTEMS[name](
        config, peer_systems.Corpus(cache, cache, torch.zeros(128), torch.ones(128)), 1e-3
    )
    assert 1.9e6 < system.parameters < 2.6e6
    before = torch.nn.utils.parameters_to_vector(system.model.parameters()).detach().clone()
    batch = collate(cache, [0, 1, 2], [cache.features(row) for row in range(3)])
    system.step(batch, 0, 10)
    after = torch.nn.utils.parameters_to_vector(system.model.parameters()).detach()
    assert not torch.equal(before, after) and peer_systems.is_finite(system.model)
    log_probs, lengths = system.evaluated.eval()(batch.mel, batch.lengths)
    assert log_probs.shape[2] == 29 and log_probs.shape[1] == lengths.max()
    assert len(system.evaluated.greedy(log_probs, lengths)) == 3


def test_a_text_without_a_path_does_not_take_a_peer_down(tones_csv):
    rows = read_manifest(tones_csv).split("train")[:2]
    cache = FeatureCache(
        [rows[0], replace(rows[1], text="a text of far more letters than there can be frames " * 20)]
    )
    system = peer_systems.SYSTEMS["torchaudio_conformer"](
        Config(), peer_systems.Corpus(cache, cache, torch.zeros(128), torch.ones(128)), 1e-3
    )
    before = torch.nn.utils.parameters_to_vector(system.model.parameters()).detach().clone()
    system.step(collate(cache, [0, 1], [cache.features(row) for row in range(2)]), 0, 10)
    assert peer_systems.is_finite(system.model)
    assert not torch.equal(before, torch.nn.utils.parameters_to_vector(system.model.parameters()).detach())


def test_a_budget_is_known_for_its_config_alone_and_a_rate_is_tried_once():
    done = [
        peers.identity("screening", "parakeet_4x", 1e-3, 180.0, "an4") | {"wer": 0.4},
        peers.identity("budget", "ours", None, 300.0, "an4") | {"wer": 0.1},
    ]
    assert peers.known(done, peers.identity("budget", "ours", None, 300.0, "an4"))["wer"] == 0.1
    assert peers.known(done, peers.identity("budget", "ours", None, 300.0, "an4_long")) is None
    assert peers.known(done, peers.identity("budget", "ours", None, 600.0, "an4")) is None
    assert (
        peers.known(done, peers.identity("screening", "parakeet_4x", 1e-3, 180.0, "an4_long"))["wer"] == 0.4
    )


def test_the_figure_is_drawn_from_the_rows_alone(tmp_path):
    row = {"stage": "budget", "system": "ours", "seconds": 290.0, "wer": 0.1, "wer_ci95": [0.08, 0.12]}
    for config in ("an4", "an4_long"):
        row |= {"config": config, "budget_seconds": 300, "curve": [[100.0, 0.5], [290.0, 0.1]]}
        record.add_row(tmp_path / "peers.json", row)
    drawn = peers_figure.draw(tmp_path / "peers.json")
    assert drawn.suffix == ".svg" and "<svg" in drawn.read_text()
    legend = peers_figure.figure_of(record.read_rows(tmp_path / "peers.json")).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["ours", "ours, an4_long.json"]
