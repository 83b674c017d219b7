"""Batches: every row once, the same ones again after a restart, padded little, masked when asked."""

import random

import pytest
import torch

from omni_lib.batching import FeatureCache, TrainingBatches, collate, evaluation_batches, length_buckets, padding_share, spec_augment
from omni_lib.manifest import read_manifest

FILL = torch.arange(128) - 500.0  # nothing that a log-mel holds


@pytest.fixture(scope="module")
def cache(tones_csv) -> FeatureCache:
    return FeatureCache(read_manifest(tones_csv).split("train"), speeds=(0.9, 1.0, 1.1))


def same(left, right) -> bool:
    return torch.equal(left.mel, right.mel) and torch.equal(left.lengths, right.lengths) and left.targets == right.targets


def test_collate_pads_with_zeros_and_keeps_lengths(cache):
    batch = collate(cache, [4, 2], [torch.ones(3, 128), torch.ones(5, 128)])
    assert batch.mel.shape == (2, 5, 128)
    assert batch.lengths.tolist() == [3, 5]
    assert torch.all(batch.mel[0, 3:] == 0) and torch.all(batch.mel[0, :3] == 1)
    assert batch.targets == [cache.targets[4], cache.targets[2]]
    assert batch.utterances == [cache.utterances[4], cache.utterances[2]]
    assert padding_share([batch]) == pytest.approx(0.2)


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 100])
def test_buckets_hold_every_row_once(rows):
    batches = length_buckets([100 + 7 * row % 50 for row in range(rows)], 8, random.Random(0))
    assert sorted(row for batch in batches for row in batch) == list(range(rows))
    assert all(1 <= len(batch) <= 8 for batch in batches) and len(batches) == -(-rows // 8)


def test_buckets_waste_little_and_differ_between_draws():
    rng = random.Random(1)
    frames = [rng.randint(100, 1000) for _ in range(400)]

    def waste(batches):
        return 1 - sum(frames) / sum(len(batch) * max(frames[row] for row in batch) for batch in batches)

    bucketed, again = length_buckets(frames, 8, random.Random(2)), length_buckets(frames, 8, random.Random(3))
    shuffled = random.Random(4).sample(range(400), 400)
    assert waste(bucketed) < 0.3 * waste([shuffled[start : start + 8] for start in range(0, 400, 8)])
    assert {frozenset(batch) for batch in bucketed} != {frozenset(batch) for batch in again}, "neighbours change"
    longest = [max(frames[row] for row in batch) for batch in bucketed]
    assert longest != sorted(longest), "batches come in random order"


def test_an_epoch_is_the_same_whenever_it_is_asked_for_and_unlike_the_others(cache):
    first, again = TrainingBatches(cache, 4, 0, 1, FILL), TrainingBatches(cache, 4, 0, 1, FILL)
    list(again.epoch(7))  # whatever was drawn before
    assert all(same(a, b) for a, b in zip(first.epoch(2), again.epoch(2), strict=True))
    assert first.plan(1) != first.plan(2)
    assert first.plan(1) != TrainingBatches(cache, 4, 1, 1, FILL).plan(1)


def test_an_epoch_entered_in_its_middle_goes_on_as_it_would_have(cache):
    batches = TrainingBatches(cache, 4, 0, 1, FILL)
    whole = list(batches.epoch(3))
    assert len(whole) == len(batches) == 6
    assert all(same(a, b) for a, b in zip(whole[4:], batches.epoch(3, start=4), strict=True))


def test_all_speeds_are_heard(cache):
    batches = TrainingBatches(cache, 4, 0, None, FILL)
    assert {speed for epoch in (1, 2) for speed in batches.plan(epoch)[1]} == {0.9, 1.0, 1.1}
    assert len(cache.features(0, 1.1)) < len(cache.features(0)) < len(cache.features(0, 0.9))


@pytest.mark.parametrize(("from_epoch", "masked"), [(None, [False] * 3), (1, [True] * 3), (3, [False, False, True])])
def test_masks_begin_with_the_epoch_asked_for(cache, from_epoch, masked):
    batches = TrainingBatches(cache, 4, 0, from_epoch, FILL)
    assert [any((batch.mel < -400).any().item() for batch in batches.epoch(epoch)) for epoch in (1, 2, 3)] == masked


@pytest.mark.parametrize("frames", [0, 1, 4, 49, 51, 100, 1000])
def test_masks_hold_the_fill_and_spare_the_rest(frames):
    mel = torch.randn(frames, 128)
    before = mel.clone()
    shares = []
    for seed in range(40):
        masked = spec_augment(mel, random.Random(seed), FILL)
        changed = masked != mel
        assert torch.equal(masked[changed], FILL.expand(frames, -1)[changed])
        shares.append(changed.float().mean().item() if frames else 0.0)
    assert torch.equal(mel, before), "the cache is not written to"
    assert frames == 0 or 0.05 < sum(shares) / len(shares) < 0.6


def test_evaluation_hears_every_row_once_unaltered_and_sorted(cache):
    batches = evaluation_batches(cache, 5)
    rows = [row for batch in batches for row in batch.utterances]
    assert sorted(row.line for row in rows) == sorted(row.line for row in cache.utterances)
    lengths = [length for batch in batches for length in batch.lengths.tolist()]
    assert lengths == sorted(lengths)
    first = batches[0]
    number = cache.utterances.index(first.utterances[0])
    assert torch.equal(first.mel[0, : first.lengths[0]], cache.features(number))
    assert first.targets[0] == cache.targets[number]
