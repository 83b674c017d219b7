"""Log-mels in memory and on the disk: the same numbers, computed once by any number of processes."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from omni_lib import cli
from omni_lib.config import Config
from omni_lib.corpora.sound_lengths import SoundCache
from omni_lib.errors import UserError
from omni_lib.machine.cache import clear
from omni_lib.manifest import read_manifest
from omni_lib.session import train
from omni_lib.training import feature_cache, feature_files, features
from omni_lib.training.audit import audit
from omni_lib.training.feature_cache import FeatureCache
from omni_lib.weights import load_checkpoint

SPEEDS = (0.9, 1.0, 1.1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own, and shards of 5 utterances."""
    monkeypatch.setenv("OMNI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(feature_files, "SHARD_ROWS", 5)
    return tmp_path / "cache" / "features"


@pytest.fixture
def rows(tones_csv: Path, tmp_path: Path) -> list:
    """Twelve clips that a test may change."""
    copies = []
    for row in read_manifest(tones_csv).split("train")[:12]:
        shutil.copy2(row.path, tmp_path / row.path.name)
        copies.append(replace(row, path=tmp_path / row.path.name))
    return copies


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose samples are read."""
    paths: list[Path] = []
    original = features.read_audio
    monkeypatch.setattr(features, "read_audio", lambda path: paths.append(path) or original(path))
    return paths


def on_disk(rows, speeds=SPEEDS) -> FeatureCache:
    cache = FeatureCache(rows, speeds, memory_budget=0)
    assert cache.on_disk
    return cache


def same(one: FeatureCache, other: FeatureCache) -> bool:
    return all(
        torch.equal(one.features(row, speed), other.features(row, speed))
        and one.frames(row, speed) == len(other.features(row, speed))
        for row in range(len(one))
        for speed in one.speeds
    )


def test_the_disk_and_the_memory_hold_the_same(folder, rows):
    memory = FeatureCache(rows, SPEEDS)
    disk = on_disk(rows)
    assert (
        not memory.on_disk
        and len(disk) == 12
        and disk.targets == memory.targets
        and disk.utterances == memory.utterances
    )
    assert same(memory, disk)
    assert len(list(folder.glob("*.f32"))) == 3 and not list(folder.glob("*.partial"))


def test_features_are_computed_once(folder, rows, read):
    on_disk(rows)
    assert len(read) == 12
    again = on_disk(rows)
    assert len(read) == 12 and same(again, FeatureCache(rows, SPEEDS))
    on_disk(rows[:7])
    assert len(read) == 12 + 12 + 2, "the first shard is known, the second is another one"


def test_the_memory_is_budgeted(folder, rows, monkeypatch):
    needed = sum(
        len(FeatureCache(rows, SPEEDS).features(row, speed)) * 512 for row in range(12) for speed in SPEEDS
    )
    assert FeatureCache(rows, SPEEDS, memory_budget=needed // 2).on_disk
    assert not FeatureCache(rows, SPEEDS, memory_budget=needed * 2).on_disk
    for gigabytes, disk in ((needed / 2e9, True), (needed * 2e-9, False)):
        monkeypatch.setenv("OMNI_FEATURE_MEMORY", str(gigabytes))
        assert FeatureCache(rows, SPEEDS).on_disk == disk
    for wish in ("much", "nan", "inf"):
        monkeypatch.setenv("OMNI_FEATURE_MEMORY", wish)
        with pytest.raises(UserError, match="OMNI_FEATURE_MEMORY is"):
            FeatureCache(rows, SPEEDS)


@pytest.mark.parametrize("change", ["samples", "speeds", "settings", "short", "no index", "half an index"])
def test_only_what_changed_is_computed_again(folder, rows, read, monkeypatch, change):
    on_disk(rows)
    read.clear()
    speeds, expected = SPEEDS, 5
    if change == "samples":
        shutil.copy2(rows[1].path, rows[0].path)
        os.utime(rows[0].path, (1, 1))
    elif change == "speeds":
        speeds, expected = (1.0,), 12
    elif change == "settings":
        monkeypatch.setattr(feature_files, "LOG_FLOOR", 1e-5)
        expected = 12
    else:
        first = feature_files._Shard(folder, tuple(rows[:5]), SPEEDS)
        if change == "short":
            first.data.write_bytes(first.data.read_bytes()[:-512])
        elif change == "no index":
            first.index.unlink()
        else:
            first.index.write_bytes(first.index.read_bytes()[:-8])
    cache = on_disk(rows, speeds)
    assert len(read) == expected and same(cache, FeatureCache(rows, speeds))


def test_writing_to_the_features_does_not_change_a_file(folder, rows):
    on_disk(rows).features(0, 1.0).zero_()
    assert same(on_disk(rows), FeatureCache(rows, SPEEDS))


def test_a_full_disk_is_reported_before_anything_is_computed(folder, rows, read, monkeypatch):
    monkeypatch.setattr(feature_files.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    with pytest.raises(UserError, match="has no room for the 0.0 GB of log-mels.*OMNI_CACHE") as refusal:
        on_disk(rows)
    assert "\n" not in str(refusal.value) and not read


def test_a_disk_that_becomes_full_leaves_nothing_half_written(folder, rows, monkeypatch):
    def full(path, array):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(feature_files.np, "save", full)
    with pytest.raises(UserError, match="has no room for log-mels"):
        on_disk(rows)
    assert not list(folder.glob("*.npy")) and not list(folder.glob("*.partial"))


def test_a_clip_that_cannot_be_read_is_named(folder, rows):
    rows[3].path.write_bytes(b"RIFF")
    with pytest.raises(UserError, match=rows[3].path.name):
        on_disk(rows)


WORKER = """
import os, sys, time
from omni_lib.training import feature_cache, feature_files, features
from omni_lib.manifest import read_manifest
feature_files.SHARD_ROWS = 2
original = features.read_audio
def slowly(path):
    print(path, flush=True)
    while not os.path.exists(sys.argv[2]):
        time.sleep(0.01)
    return original(path)
features.read_audio = slowly
feature_cache.FeatureCache(read_manifest(sys.argv[1]).split("train"), memory_budget=0)
"""


def start(csv: Path, go: Path) -> subprocess.Popen[str]:
    """A process that makes the features of `csv`. It stops in its first clip until there is a file `go`."""
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(csv), str(go)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
def test_processes_share_the_work_and_a_killed_one_does_not_block_the_others(folder, tones_csv, tmp_path):
    killed = start(tones_csv, tmp_path / "never")
    killed.stdout.readline()  # it holds the lock of the first shard
    workers = [start(tones_csv, tmp_path / "go") for _ in range(2)]
    read = [worker.stdout.readline().strip() for worker in workers]  # they have begun with what is free
    (tmp_path / "go").touch()
    killed.kill()
    killed.wait()
    killed.stdout.close()
    for worker in workers:
        read += (
            worker.stdout.read().split()
        )  # not communicate(), which would miss what readline() has buffered
        worker.stdout.close()
        assert worker.wait(timeout=120) == 0
    assert sorted(read) == sorted(str(row.path) for row in read_manifest(tones_csv).split("train")), (
        "each clip by one of the two, once"
    )


def test_a_training_from_the_disk_ends_with_the_same_weights(folder, make_tiny_config, tmp_path, monkeypatch):
    weights = []
    for name, budget in (("memory", 10**9), ("disk", 0), ("disk again", 0)):
        monkeypatch.setattr(feature_cache, "_default_budget", lambda budget=budget: budget)
        result = train(make_tiny_config(tmp_path / name), max_steps=8, report=lambda line: None)
        weights.append(load_checkpoint(result.checkpoint)["enc"])
    assert list(folder.glob("*.f32"))
    assert all(torch.equal(weights[0][key], other[key]) for other in weights[1:] for key in weights[0])


def test_an_audit_reads_each_file_once(tmp_path, rows, monkeypatch):
    monkeypatch.setenv("OMNI_CACHE", str(tmp_path / "cache"))
    from omni_lib.corpora import sound_lengths as known_sound

    paths: list[Path] = []
    original = known_sound.examine_audio
    monkeypatch.setattr(known_sound, "examine_audio", lambda path: paths.append(path) or original(path))

    def audited():
        paths.clear()
        found = audit(type("Manifest", (), {"utterances": rows, "problems": []})(), Config())
        return (
            list(found.samples.values()),
            found.sample_rates,
            [str(problem) for problem in found.unreadable],
        )

    first = audited()
    assert len(paths) == 12
    assert audited() == first and not paths
    rows[2].path.write_bytes(rows[2].path.read_bytes()[:-100])
    assert "truncated" in audited()[2][0] and paths == [rows[2].path]
    assert "truncated" in audited()[2][0], "what cannot be read is never known"
    shutil.copy2(rows[1].path, rows[2].path)
    os.utime(rows[2].path, (5, 5))
    assert len(audited()[2]) == 0 and paths == [rows[2].path]


@pytest.mark.parametrize("damage", ["no database", "no folder"])
def test_without_the_database_every_file_is_read_and_nothing_is_lost(tmp_path, rows, monkeypatch, damage):
    monkeypatch.setenv("OMNI_CACHE", str(tmp_path / "cache"))
    if damage == "no folder":
        (tmp_path / "cache").write_text("a file")
    else:
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / "sound.sqlite").write_bytes(b"no database" * 1000)
    for _ in range(2):
        with SoundCache() as cache:
            assert cache.sound(rows[0].path).rate == 16_000


def test_a_training_that_reads_from_the_disk_goes_on_after_the_cache_was_cleared(folder, rows, capsys):
    cache = on_disk(rows)
    before = [cache.features(row).clone() for row in range(len(rows))]
    assert cli.main(["data", "cache", "--clear"]) == 0 and not list(folder.parent.rglob("*.f32"))
    assert all(torch.equal(cache.features(row), before[row]) for row in range(len(rows)))
    fresh = on_disk(rows)
    assert cli.main(["data", "cache", "--clear"]) == 0
    assert torch.equal(fresh.features(0), before[0]), "also a file that was not read before"


def test_the_command_lists_the_cache_and_clears_it(folder, rows, capsys):
    on_disk(rows)
    assert cli.main(["data", "cache"]) == 0
    told = capsys.readouterr().out
    assert str(folder.parent) in told and "MB" in told
    assert cli.main(["data", "cache", "--clear"]) == 0
    assert not list(folder.parent.rglob("*.f32"))


def test_clearing_the_cache_counts_what_is_removed_and_leaves_what_is_in_use(tmp_path, monkeypatch):
    """Windows deletes no file that is open."""
    monkeypatch.setenv("OMNI_CACHE", str(tmp_path))
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "a.f32").write_bytes(b"1" * 300)
    (tmp_path / "open").write_bytes(b"1" * 20)
    (tmp_path / "shut").write_bytes(b"1" * 1)
    unlink = Path.unlink

    def refused(path, missing_ok=False):
        if path.name == "open":
            raise PermissionError(13, "used by another process")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    assert clear() == 301 and [path.name for path in tmp_path.iterdir()] == ["open"]
