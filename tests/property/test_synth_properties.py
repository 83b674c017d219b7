"""Whatever the number of utterances: the frozen ones stay, and training has nothing of dev and test."""

from hypothesis import given, settings
from hypothesis import strategies as st

from omni_lib.corpora.sentences import DEFAULT_COUNTS, write_lines
from omni_lib.corpora.synth import plan
from omni_lib.corpora.voices import drawn_voice

counts = st.fixed_dictionaries(
    {}, optional={"train": st.integers(0, 1600), "dev": st.integers(0, 130), "test": st.integers(0, 230)}
)


@settings(max_examples=15, deadline=None)
@given(counts, st.integers(0, 5), st.none() | st.integers(1, 400))
def test_training_has_no_sentence_of_the_frozen_dev_and_test_utterances(counts, seed, texts):
    frozen = write_lines(DEFAULT_COUNTS, seed)
    held_out = {sentence for line in frozen if line.split != "train" for sentence in line.sentences}
    written = write_lines(counts, seed, texts)
    for split, count in counts.items():
        of_split = [line for line in written if line.split == split]
        assert len(of_split) == count
        known = [line for line in frozen if line.split == split]
        assert of_split[: len(known)] == known[:count]
        if split == "train":
            assert not held_out & {sentence for line in of_split for sentence in line.sentences}


@settings(max_examples=15, deadline=None)
@given(counts, st.integers(0, 5), st.none() | st.integers(0, 50))
def test_no_variant_speaks_in_two_splits(counts, seed, voices):
    utterances, takes = plan(seed, counts, voices=voices)
    assert len({take.path for take in takes}) == len(takes) == sum(counts.values())
    split_of: dict[str, str] = {}
    for utterance, take in zip(utterances, takes, strict=True):
        variant = take.voice.split("+")[1]
        assert split_of.setdefault(variant, utterance.split) == utterance.split
        assert not take.settings or utterance.split == "train"


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_file_of_a_drawn_voice_is_made_of_settings_that_espeak_ng_knows(seed, number):
    lines = drawn_voice(seed, number).settings.splitlines()
    known = "pitch klatt formant flutter roughness voicing consonants breath tone echo intonation".split()
    assert {line.split()[0] for line in lines} <= set(known)
    assert all(value.isdigit() for line in lines for value in line.split()[1:])
    assert [line.split()[1] for line in lines if line.startswith("formant")] == list("012345678")
