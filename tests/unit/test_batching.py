"""Batches: every row once, the same ones again after a restart, padded little, masked when asked."""

import random

import pytest
import torch

from omni_lib.config import Config
from omni_lib.manifest import read_manifest
from omni_lib.training.batching import (
    FeatureCache,
    TrainingBatches,
    collate,
    evaluation_batches,
    length_buckets,
    padding_share,
)

FILL = torch.arange(128) - 500.0  # nothing that a log-mel holds


def batches_of(cache: FeatureCache, **settings) -> TrainingBatches:
    """Batches of 4, all augmentation on unless said otherwise."""
    everything = {"spec_augment": True, "tempo_perturb": 0.1, "vocal_tract_perturb": 0.05, "batch_size": 4}
    return TrainingBatches(cache, Config(**everything | settings), FILL)


@pytest.fixture(scope="module")
def cache(tones_csv) -> FeatureCache:
    return FeatureCache(read_manifest(tones_csv).split("train"), speeds=(0.9, 1.0, 1.1))


def same(left, right) -> bool:
    return (
        torch.equal(left.mel, right.mel)
        and torch.equal(left.lengths, right.lengths)
        and left.targets == right.targets
    )


def test_where_the_tempo_is_free_clips_are_stretched_to_the_longest_of_their_batch(
    make_tiny_config, tmp_path, cache
):
    config = make_tiny_config(tmp_path, tempo_perturb=0.1, spec_augment=False)
    batches = TrainingBatches(cache, config, torch.zeros(128))
    free = 0
    for planned, batch in zip(batches.plan(1), batches.epoch(1), strict=True):
        assert batch.lengths.tolist() == [rendition.frames for rendition in planned]
        assert batch.mel.shape[1] % 16 == 0 and batch.lengths.max() <= batch.mel.shape[1]
        for rendition in planned:
            own = len(cache.features(rendition.row, rendition.speed))
            assert 0.9 * own - 1 <= rendition.frames <= 1.1 * 1.1 * own + 1, (
                "never faster than audited, and not far slower"
            )
        free += padding_share([batch]) == 0
    assert free, "most batches need no padding"


@pytest.mark.parametrize(("longest", "padded"), [(0, 0), (1, 16), (16, 16), (17, 32), (500, 512)])
def test_batches_come_in_few_shapes(cache, longest, padded):
    assert collate(cache, [0], [torch.ones(longest, 128)]).mel.shape == (1, padded, 128)


def test_collate_pads_with_zeros_and_keeps_lengths(cache):
    batch = collate(cache, [4, 2], [torch.ones(3, 128), torch.ones(5, 128)])
    assert batch.mel.shape == (2, 16, 128), "the longest, rounded up"
    assert batch.lengths.tolist() == [3, 5]
    assert torch.all(batch.mel[0, 3:] == 0) and torch.all(batch.mel[0, :3] == 1)
    assert batch.targets == [cache.targets[4], cache.targets[2]]
    assert batch.utterances == [cache.utterances[4], cache.utterances[2]]
    assert padding_share([batch]) == pytest.approx(1 - (3 + 5) / 32)


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
    assert {frozenset(batch) for batch in bucketed} != {frozenset(batch) for batch in again}, (
        "neighbours change"
    )
    longest = [max(frames[row] for row in batch) for batch in bucketed]
    assert longest != sorted(longest), "batches come in random order"


def test_an_epoch_is_always_the_same_and_unlike_other_epochs(cache):
    first, again = batches_of(cache), batches_of(cache)
    list(again.epoch(7))  # whatever was drawn before
    assert all(same(a, b) for a, b in zip(first.epoch(2), again.epoch(2), strict=True))
    assert first.plan(1) != first.plan(2)
    assert first.plan(1) != batches_of(cache, seed=1).plan(1)


def test_an_epoch_that_starts_in_the_middle_has_the_same_batches(cache):
    batches = batches_of(cache)
    whole = list(batches.epoch(3))
    assert len(whole) == len(batches) == 6
    assert all(same(a, b) for a, b in zip(whole[4:], batches.epoch(3, start=4), strict=True))


def test_all_speeds_occur(cache):
    batches = batches_of(cache)
    renditions = [rendition for epoch in (1, 2) for batch in batches.plan(epoch) for rendition in batch]
    assert {rendition.speed for rendition in renditions} == {0.9, 1.0, 1.1}
    assert len(cache.features(0, 1.1)) < len(cache.features(0)) < len(cache.features(0, 0.9))


def test_every_rendition_is_within_bounds_and_has_the_planned_length(cache):
    batches = batches_of(cache)
    for epoch in (1, 2):
        plan = batches.plan(epoch)
        for renditions, batch in zip(plan, batches.epoch(epoch), strict=True):
            assert batch.lengths.tolist() == [rendition.frames for rendition in renditions]
            assert all(0.9 <= r.stretch <= 1.1 * 1.1 and 0.95 <= r.warp <= 1.05 for r in renditions)
    stretches = {rendition.stretch for batch in plan for rendition in batch}
    assert len(stretches) > 0.8 * len(cache), (
        "nearly each its own: clips of one length in one batch share theirs"
    )


def test_pauses_surround_the_speech_and_do_not_change_it(cache):
    plain = {"spec_augment": False, "vocal_tract_perturb": 0.0, "tempo_perturb": 0.0}
    batches, pauses = batches_of(cache, pause_perturb=2.0, **plain), []
    for epoch in range(1, 20):
        for renditions, batch in zip(batches.plan(epoch), batches.epoch(epoch), strict=True):
            assert batch.lengths.tolist() == [rendition.frames for rendition in renditions]
            for mel, rendition in zip(batch.mel, renditions, strict=True):
                if rendition.speechless:
                    continue
                own = cache.features(rendition.row, rendition.speed)
                assert torch.equal(mel[rendition.before : rendition.frames - rendition.after], own)
                pauses += [rendition.before, rendition.after]
    assert max(pauses) <= 200 and max(pauses) > 150
    assert 0.1 < sum(pause > 0 for pause in pauses) / len(pauses) < 0.25, "one in six"


def test_the_given_share_of_clips_gets_noise_and_the_others_are_unchanged(cache):
    plain = {"spec_augment": False, "vocal_tract_perturb": 0.0, "tempo_perturb": 0.0}
    batches, noisy = batches_of(cache, noise_perturb=0.25, **plain), []
    for epoch in range(1, 30):
        for renditions, batch in zip(batches.plan(epoch), batches.epoch(epoch), strict=True):
            for mel, rendition in zip(batch.mel, renditions, strict=True):
                own = cache.features(rendition.row, rendition.speed)
                assert (mel[: rendition.frames] >= own).all(), "noise adds power"
                noisy.append(not torch.equal(mel[: rendition.frames], own))
    assert 0.2 < sum(noisy) / len(noisy) < 0.3


def test_some_clips_become_a_pause_with_an_empty_target(cache):
    batches, speechless, total = batches_of(cache, pause_perturb=2.0, spec_augment=False), 0, 0
    for epoch in range(1, 40):
        for renditions, batch in zip(batches.plan(epoch), batches.epoch(epoch), strict=True):
            for place, rendition in enumerate(renditions):
                known, heard = cache.utterances[rendition.row], batch.utterances[place]
                assert heard.path == known.path and heard.speaker == known.speaker
                total += 1
                if not rendition.speechless:
                    assert heard == known and batch.targets[place] == cache.targets[rendition.row] != []
                    continue
                speechless += 1
                assert heard.text == "" and batch.targets[place] == []
                loudest = batch.mel[place, : rendition.frames].mean(dim=1).max()
                own = cache.features(rendition.row, rendition.speed)
                assert loudest < own.mean(dim=1).quantile(0.2) + 1, (
                    "of the quietest tenth, warped and stretched"
                )
    assert 1 / 60 < speechless / total < 1 / 18, "one in thirty-two"
    assert all(row.text for row in cache.utterances), "the cache is not written to"


def test_of_a_clip_with_pauses_only_the_speech_is_stretched(cache):
    batches = batches_of(cache, pause_perturb=1.0)
    for epoch in range(1, 20):
        for renditions, batch in zip(batches.plan(epoch), batches.epoch(epoch), strict=True):
            assert batch.lengths.tolist() == [rendition.frames for rendition in renditions]
            for rendition in renditions:
                spoken = rendition.frames - rendition.before - rendition.after
                own = cache.frames(rendition.row, rendition.speed)
                assert 0.9 * own - 1 <= spoken <= 1.1 * (1.1 * own + 1), "to the frame, as without pauses"


def test_without_augmentation_batches_hold_the_cached_features(cache):
    settings = {"spec_augment": False, "tempo_perturb": 0.0, "vocal_tract_perturb": 0.0}
    batches = batches_of(cache, **settings)
    for renditions, batch in zip(batches.plan(1), batches.epoch(1), strict=True):
        for number, rendition in enumerate(renditions):
            heard = batch.mel[number, : batch.lengths[number]]
            assert torch.equal(heard, cache.features(rendition.row, rendition.speed))


@pytest.mark.parametrize(("settings", "masked"), [
    ({"spec_augment": False}, [False] * 3),
    ({}, [True] * 3),
    ({"spec_augment_from_epoch": 3}, [False, False, True]),
])  # fmt: skip
def test_masks_begin_with_the_given_epoch(cache, settings, masked):
    batches = batches_of(cache, **settings)
    assert [
        any((batch.mel < -400).any().item() for batch in batches.epoch(epoch)) for epoch in (1, 2, 3)
    ] == masked


def test_evaluation_batches_hold_every_row_once_unaltered_and_sorted(cache):
    batches = list(evaluation_batches(cache, 5))
    rows = [row for batch in batches for row in batch.utterances]
    assert sorted(row.line for row in rows) == sorted(row.line for row in cache.utterances)
    lengths = [length for batch in batches for length in batch.lengths.tolist()]
    assert lengths == sorted(lengths)
    first = batches[0]
    number = cache.utterances.index(first.utterances[0])
    assert torch.equal(first.mel[0, : first.lengths[0]], cache.features(number))
    assert first.targets[0] == cache.targets[number]
