"""Who speaks which sentence in the embedded corpus, and how a larger corpus goes on from the frozen one."""

import hashlib
import json
import re
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib.corpora import synth
from omni_lib.corpora.acoustics import NOISES, SAMPLE_RATE
from omni_lib.corpora.espeak_worker import LONGEST, Espeak
from omni_lib.corpora.sentences import DEFAULT_COUNTS, write_lines
from omni_lib.corpora.synth import GRAIN, TEXTS_SHA256, plan, synthesise, texts_sha256
from omni_lib.corpora.voices import ACCENTS, EXCLUDED, FAMILIES, cast_voices, drawn_voice, named_voices
from omni_lib.manifest import read_manifest

pytestmark = pytest.mark.slow


# --- who speaks ---


def test_the_texts_are_the_frozen_ones():
    assert texts_sha256(plan(0, DEFAULT_COUNTS)[0]) == TEXTS_SHA256


def test_every_split_has_its_voices_and_accents():
    utterances, _ = plan(0, DEFAULT_COUNTS)
    speakers = {split: {u.speaker for u in utterances if u.split == split} for split in DEFAULT_COUNTS}
    assert {split: len(names) for split, names in speakers.items()} == {"train": 929, "dev": 10, "test": 16}
    assert len(set(ACCENTS)) == 6
    for split in DEFAULT_COUNTS:
        assert {u.accent for u in utterances if u.split == split} == set(ACCENTS)


@pytest.mark.parametrize("seed", range(20))
def test_no_variant_or_sibling_of_it_is_in_two_splits(seed):
    cast = cast_voices(seed)
    split_of = {voice.variant: split for split, voices in cast.items() for voice in voices}
    assert sum(len({voice.variant for voice in voices}) for voices in cast.values()) == len(split_of)
    assert all(len({split_of[variant] for variant in family}) == 1 for family in FAMILIES)
    assert len(cast["dev"]) == 10 and len(cast["test"]) == 16


@pytest.mark.parametrize("seed", range(20))
def test_nobody_is_cast_who_is_hard_to_understand(seed):
    variants = {voice.variant for voices in cast_voices(seed).values() for voice in voices}
    assert variants == {variant for family in FAMILIES for variant in family}  # and nobody is forgotten
    assert not variants & EXCLUDED
    assert not [
        variant for variant in variants if re.search("whisper|robo|demon|croak", variant, re.IGNORECASE)
    ]


def test_every_variant_of_espeak_is_either_cast_or_excluded():
    loader = pytest.importorskip("espeakng_loader")
    installed = {file.name for file in (Path(loader.get_data_path()) / "voices" / "!v").iterdir()}
    cast = [variant for family in FAMILIES for variant in family]
    assert sorted([*cast, *EXCLUDED]) == sorted(installed)


def test_circumstances_are_spread_over_their_ranges():
    _, takes = plan(0, DEFAULT_COUNTS)
    ratios, levels = [take.snr_db for take in takes], [take.level_db for take in takes]
    assert 5 <= min(ratios) < 6 and 29 < max(ratios) <= 30 and 16.5 < np.mean(ratios) < 18.5
    assert -35 <= min(levels) < -34 and -13 < max(levels) <= -12
    assert set(Counter(take.noise for take in takes)) == set(NOISES)
    assert 0.4 < np.mean([take.rt60 > 0 for take in takes]) < 0.6


def test_every_sentence_is_spoken_as_one_and_questions_rise():
    utterances, takes = plan(0, DEFAULT_COUNTS)
    lines = write_lines(DEFAULT_COUNTS, 0)
    for line, take in zip(lines, takes, strict=True):
        if line.kind != "spelling":
            assert tuple(re.findall(r"([^.?]+)[.?](?: |$)", take.spoken)) == line.sentences
            assert re.sub("[.?]", "", take.spoken) == line.text
    spoken = {utterance.text: take.spoken for utterance, take in zip(utterances, takes, strict=True)}
    assert spoken["how are you"] == "how are you?" and spoken["hello world"] == "hello world."
    assert not [text for text in spoken.values() if re.search(r"(^|[.?] )do not [^.]*\?", text)]


def test_the_letter_a_is_not_spoken_as_the_article():
    utterances, takes = plan(0, DEFAULT_COUNTS)
    spoken = {utterance.text: take.spoken for utterance, take in zip(utterances, takes, strict=True)}
    spelled = next(u.text for u in utterances if u.kind == "spelling" and "a" in u.text)
    assert " a" not in spoken[spelled] and "[['eI]]" in spoken[spelled]


# --- more utterances than the frozen ones ---


@pytest.fixture
def few_frozen(monkeypatch) -> None:
    """A corpus of which only 20 utterances are frozen, so that a test can synthesise more than these.

    At most six processes instead of 48 speak it.
    """
    monkeypatch.setattr(synth, "SHARDS", 2)
    for split, count in {"train": 12, "dev": 4, "test": 4}.items():
        monkeypatch.setitem(DEFAULT_COUNTS, split, count)


def test_dev_test_and_the_training_utterances_after_the_frozen_ones_are_those_of_the_pretrained_model():
    utterances, _ = plan(0, {"train": 24_000, "dev": 100, "test": 200})
    same_in_version_1 = utterances[DEFAULT_COUNTS["train"] :]
    assert (
        texts_sha256(same_in_version_1) == "29a1128e6ee5254d09ff5cb6189f421f2b3c18b04b499382cfc20ac52f557a62"
    )


@pytest.mark.parametrize(
    "counts", [{"train": 5000, "dev": 100, "test": 200}, {"train": 9, "dev": 120, "test": 3}]
)
def test_the_plan_of_every_corpus_starts_with_the_frozen_utterances(counts):
    utterances, takes = plan(0, counts)
    frozen, frozen_takes = plan(0, DEFAULT_COUNTS)
    for split, count in counts.items():
        kept = min(count, DEFAULT_COUNTS[split])
        assert [u for u in utterances if u.split == split][:kept] == [u for u in frozen if u.split == split][
            :kept
        ]
        assert [take for take in takes if f"/{split}_" in take.path][: kept - 3] == [
            take for take in frozen_takes if f"/{split}_" in take.path
        ][: kept - 3]
    assert len({take.path for take in takes}) == len(takes) == sum(counts.values())


def test_training_never_contains_a_sentence_or_a_voice_of_dev_and_test():
    counts = {"train": 12_000, "dev": 150, "test": 250}
    lines, (utterances, takes) = write_lines(counts, 0), plan(0, counts)
    held_out = {sentence for line in lines if line.split != "train" for sentence in line.sentences}
    assert not [line for line in lines if line.split == "train" and held_out & set(line.sentences)]
    variants = {
        split: {
            take.voice.split("+")[1].lower()
            for u, take in zip(utterances, takes, strict=True)
            if u.split == split
        }
        for split in counts
    }
    assert len(variants["dev"]) == 10 and len(variants["test"]) == 16
    assert not variants["train"] & (variants["dev"] | variants["test"])
    drawn = {take.settings for take in takes} - {""}
    assert len(drawn) == 599 + 6600  # three of five, each another
    espeak_variants = {variant.lower() for family in FAMILIES for variant in family}
    assert not [name for name in variants["train"] - espeak_variants if not re.fullmatch("drawn[0-9]+", name)]
    assert not any(take.settings for u, take in zip(utterances, takes, strict=True) if u.split != "train")


def test_named_voices_are_the_train_variants_in_every_accent():
    train = {voice.variant for voice in cast_voices(0)["train"]}
    voices = named_voices(0)
    assert len(set(voices)) == len(voices) == 6 * 55
    assert {voice.variant for voice in voices} == train and {voice.accent for voice in voices} == set(ACCENTS)


def test_drawn_voices_differ_and_a_quarter_use_a_klatt_synthesiser():
    voices = [drawn_voice(0, number) for number in range(400)]
    assert voices == [drawn_voice(0, number) for number in range(400)]
    assert len({voice.settings for voice in voices}) == len({voice.speaker for voice in voices}) == 400
    assert {voice.accent for voice in voices} == set(ACCENTS)
    assert sum("klatt" in voice.settings for voice in voices) / 400 == pytest.approx(0.25, abs=0.06)
    for setting in ("pitch", "flutter", "roughness", "voicing", "consonants", "breath", "tone", "formant 8"):
        assert any(f"\n{setting} " in "\n" + voice.settings for voice in voices)
    assert drawn_voice(1, 0) != drawn_voice(0, 0)


@pytest.mark.parametrize(("voices", "drawn"), [(None, 120), (7, 7), (0, 0)])
def test_the_number_of_drawn_voices_is_the_one_asked_for(voices, drawn):
    takes = plan(0, {"train": 1200}, voices=voices)[1]
    frozen, more = ({take.settings for take in part} - {""} for part in (takes[:1000], takes[1000:]))
    assert len(more) == drawn and len(frozen) == 599 and not frozen & more


def test_training_takes_vary_more_in_speed_and_pitch():
    takes = plan(0, {"train": 3000, "dev": 100, "test": 200})[1]
    frozen, more, held_out = takes[3:1000], takes[1000:3000], takes[3000:]
    for part in (frozen, more):
        assert max(take.rate for take in part) > 1.1 * max(take.rate for take in held_out)
        assert {take.pitch for take in part} == set(range(25, 76))
    assert {take.pitch for take in held_out} == set(range(35, 66))


def test_samples_dev_and_test_are_those_of_version_1():
    utterances, takes = plan(0, DEFAULT_COUNTS)
    kept = [u for u in utterances if u.split != "train" or u.path.stem.startswith("sample")]
    assert len(kept) == 303
    assert texts_sha256(kept) == "777311d8db833b733e047ae38b904227f770f3b77201dda8388861cdb0bf1c61"


def test_the_processes_that_speak_samples_dev_and_test_say_the_same_as_in_version_1():
    utterances, takes = plan(0, DEFAULT_COUNTS)
    shards = synth._shards(0, takes)[: synth.SHARDS]
    said = [[asdict(replace(take, path="")) for take in shard] for shard in shards]
    assert (
        hashlib.sha256(json.dumps(said).encode()).hexdigest()
        == "8a5802946fd370fc7321d3b8e605724104887b895ff57bd2fc4e5b410a05ab2f"
    )
    heard = {take.path for shard in shards for take in shard} - {""}
    assert len(heard) == 303 and not [path for path in heard if path.startswith("wav/train_")]


def test_more_training_utterances_leave_the_frozen_files_as_they_are(few_frozen, tmp_path):
    counts = {"train": 12, "dev": 4, "test": 4}
    frozen = synthesise(tmp_path / "frozen", counts=counts, progress=False).parent / "wav"
    more = synthesise(tmp_path / "more", counts={**counts, "train": 40}, progress=False).parent / "wav"
    fewer = synthesise(tmp_path / "fewer", counts={"dev": 4, "test": 1}, progress=False).parent / "wav"
    names = {path.name for path in frozen.iterdir()}
    assert len(names) == 20 and len(list(more.iterdir())) == 48 and len(list(fewer.iterdir())) == 5
    assert {path.name for path in more.iterdir()} > names > {path.name for path in fewer.iterdir()}
    for folder in (more, fewer):
        for name in names & {path.name for path in folder.iterdir()}:
            assert (folder / name).read_bytes() == (frozen / name).read_bytes()


def test_additional_recordings_are_within_the_limits_and_of_whole_grains(few_frozen, tmp_path):
    csv = synthesise(tmp_path / "audio", counts={"train": 60}, progress=False)
    drawn = [u for u in read_manifest(csv).utterances if "drawn" in u.speaker]
    assert len(drawn) > 20
    for utterance in drawn:
        waveform, _ = soundfile.read(utterance.path)
        assert len(waveform) % GRAIN == 0 and 1.0 < len(waveform) / SAMPLE_RATE <= LONGEST
        assert -36 < 10 * np.log10(np.mean(waveform**2)) < -11


def test_a_drawn_voice_sounds_as_its_settings_say(tmp_path):
    espeak = Espeak(tmp_path)

    def say(name: str, settings: str) -> np.ndarray:
        return espeak.say("we heard the old man in the garden.", f"en-us+{name}", 160, 50, 0, settings)

    def share_above_2_khz(waveform: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(waveform)) ** 2
        return float(power[len(power) * 2000 // (espeak.rate // 2) :].sum() / power.sum())

    low = say("low", "pitch 80 100\nformant 1 80 100 100\nformant 2 80 100 100\nformant 3 80 100 100\n")
    high = say("high", "pitch 80 100\nformant 1 120 100 100\nformant 2 120 100 100\nformant 3 120 100 100\n")
    assert share_above_2_khz(high) > 1.5 * share_above_2_khz(low)
    assert sorted(
        path.name for path in (tmp_path / "voices" / "!v").iterdir() if path.name in ("low", "high")
    )
