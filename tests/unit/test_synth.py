"""The embedded corpus: its voices and acoustics, and that a folder never holds an incomplete one."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib.cli import main
from omni_lib.corpora import synth
from omni_lib.corpora.acoustics import NOISES, PEAK, SAMPLE_RATE, noise, record, resample, reverberate
from omni_lib.corpora.espeak_worker import LONGEST, SHORTEST, Espeak
from omni_lib.corpora.sentences import DEFAULT_COUNTS, write_lines
from omni_lib.corpora.synth import GRAIN, TEXTS_SHA256, plan, synthesise, texts_sha256
from omni_lib.corpora.voices import ACCENTS, EXCLUDED, FAMILIES, cast_voices, drawn_voice, named_voices
from omni_lib.errors import UserError
from omni_lib.manifest import read_manifest

pytestmark = pytest.mark.slow

ROOT = Path(synth.__file__).parents[2]
SMALL = {"train": 24, "dev": 4, "test": 4}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return synthesise(tmp_path_factory.mktemp("corpus") / "audio", counts=SMALL, progress=False)


def folder_sha256(folder: Path) -> str:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return hashlib.sha256(
        b"".join(file.relative_to(folder).as_posix().encode() + file.read_bytes() for file in files)
    ).hexdigest()


# --- who speaks ---


def test_the_texts_are_the_frozen_ones():
    assert texts_sha256(plan(0, DEFAULT_COUNTS)[0]) == TEXTS_SHA256


def test_every_split_has_its_voices_and_accents():
    utterances, _ = plan(0, DEFAULT_COUNTS)
    speakers = {split: {u.speaker for u in utterances if u.split == split} for split in DEFAULT_COUNTS}
    assert len(speakers["train"]) >= 75 and len(speakers["dev"]) >= 10 and len(speakers["test"]) >= 15
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

    Four processes instead of 32 speak it.
    """
    monkeypatch.setattr(synth, "SHARDS", 2)
    for split, count in {"train": 12, "dev": 4, "test": 4}.items():
        monkeypatch.setitem(DEFAULT_COUNTS, split, count)


def test_the_16306_training_texts_are_those_of_the_pretrained_model():
    utterances, _ = plan(0, {"train": 16_306, "dev": 100, "test": 200})
    assert texts_sha256(utterances) == "6d3b2c4df743e5dc4acd93047e893ff46adeef6c9944aa74bdada1b876a2eab2"


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
    assert len(drawn) == 6600  # three of five, each another
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
    assert len({take.settings for take in takes} - {""}) == drawn
    assert not any(take.settings for take in takes[:1000])


def test_additional_takes_vary_more_in_speed_and_pitch():
    takes = plan(0, {"train": 3000})[1]
    frozen, more = takes[:1000], takes[1000:]
    assert max(take.rate for take in more) > 1.1 * max(take.rate for take in frozen)
    assert {take.pitch for take in frozen} == set(range(35, 66))
    assert {take.pitch for take in more} == set(range(25, 76))


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


# --- what is on disk ---


def test_files_are_what_the_manifest_says(corpus):
    manifest = read_manifest(corpus)
    assert not manifest.problems
    assert Counter(u.split for u in manifest.utterances) == SMALL
    assert {path.name for path in (corpus.parent / "wav").iterdir()} == {
        u.path.name for u in manifest.utterances
    }
    assert [u.path.name for u in manifest.utterances[:3]] == ["sample1.wav", "sample2.wav", "sample3.wav"]
    assert all(u.speaker and u.kind and u.accent for u in manifest.utterances)


def test_the_stamp_says_which_corpus_it_is(corpus):
    stamp = json.loads((corpus.parent / "corpus.json").read_text())
    manifest = hashlib.sha256(corpus.read_bytes()).hexdigest()
    assert (stamp["version"], stamp["seed"], stamp["counts"], stamp["asr_csv_sha256"]) == (
        synth.VERSION,
        0,
        SMALL,
        manifest,
    )
    assert stamp["texts_sha256"] == texts_sha256(plan(0, SMALL)[0])


def test_recordings_are_16_khz_mono_pcm16_of_1_to_10_s_neither_silent_nor_clipped(corpus):
    seconds = []
    for utterance in read_manifest(corpus).utterances:
        described = soundfile.info(utterance.path)
        assert (described.samplerate, described.channels, described.subtype) == (16000, 1, "PCM_16")
        waveform, _ = soundfile.read(utterance.path)
        seconds.append(len(waveform) / 16000)
        assert 1.0 <= SHORTEST - 0.001 <= seconds[-1] <= LONGEST + 0.001 <= 10.0
        assert np.abs(waveform).max() <= PEAK + 0.001
        assert -36 < 10 * np.log10(np.mean(waveform**2)) < -11
    assert min(seconds) < 2 and max(seconds) > 6


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_workers(corpus, tmp_path):
    again = synthesise(tmp_path / "audio", counts=SMALL, workers=1, progress=False)
    assert folder_sha256(again.parent) == folder_sha256(corpus.parent)


def test_another_seed_gives_another_corpus(corpus, tmp_path):
    other = synthesise(tmp_path / "audio", seed=1, counts={"train": 4}, progress=False)
    assert {u.text for u in read_manifest(other).utterances[3:]}.isdisjoint(
        u.text for u in read_manifest(corpus).utterances
    )


def test_a_corpus_that_is_there_is_not_made_again(corpus, capsys, monkeypatch):
    monkeypatch.setattr(synth, "_speak", lambda *_: pytest.fail("it spoke again"))
    assert synthesise(corpus.parent, counts=SMALL) == corpus
    assert "already there" in capsys.readouterr().err


def test_a_corpus_with_other_settings_replaces_ours(tmp_path):
    synthesise(tmp_path / "audio", counts={"train": 5}, progress=False)
    replaced = synthesise(tmp_path / "audio", counts={"train": 4}, progress=False)
    assert len(read_manifest(replaced).utterances) == len(list((tmp_path / "audio" / "wav").iterdir())) == 4


def test_a_lost_recording_is_made_again(tmp_path):
    csv = synthesise(tmp_path / "audio", counts={"train": 4}, progress=False)
    (csv.parent / "wav" / "sample1.wav").unlink()
    assert not read_manifest(synthesise(csv.parent, counts={"train": 4}, progress=False)).problems


@pytest.mark.parametrize("stopped_by", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch, stopped_by):
    def stop(shards, workers, done):
        Path(shards[0][0].path).write_bytes(b"half")
        raise stopped_by

    monkeypatch.setattr(synth, "_speak", stop)
    with pytest.raises(stopped_by):
        synthesise(tmp_path / "audio", counts=SMALL, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_it_speaks_ends_with_130_and_leaves_nothing(tmp_path):
    command = [sys.executable, "-m", "omni_lib.cli", "data", "synth", "--out", str(tmp_path / "audio")]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob("*.wav")) and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it spoke"
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    complaint = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and "interrupted" in complaint and "Traceback" not in complaint
    assert list(tmp_path.iterdir()) == []


def test_a_run_stopped_between_the_moves_is_mended_by_the_next(tmp_path):
    csv = synthesise(tmp_path / "audio", counts={"train": 4}, progress=False)
    csv.unlink()
    assert len(read_manifest(synthesise(csv.parent, counts={"train": 4}, progress=False)).utterances) == 4


# --- what is refused ---


def test_a_folder_of_the_users_own_is_refused_and_left_alone(tmp_path):
    (tmp_path / "asr.csv").write_text("audio_path,transcription\n")
    with pytest.raises(UserError, match="asr.csv was not made by this command"):
        synthesise(tmp_path, counts=SMALL)
    (tmp_path / "asr.csv").unlink()
    (tmp_path / "wav").mkdir()
    (tmp_path / "wav" / "mine.wav").write_bytes(b"mine")
    with pytest.raises(UserError, match="wav was not made by this command"):
        synthesise(tmp_path, counts=SMALL)
    assert (tmp_path / "wav" / "mine.wav").read_bytes() == b"mine"


def test_a_manifest_changed_by_hand_is_refused(tmp_path):
    csv = synthesise(tmp_path / "audio", counts={"train": 4}, progress=False)
    csv.write_text(csv.read_text().replace("world", "word"))
    with pytest.raises(UserError, match="changed since"):
        synthesise(csv.parent, counts={"train": 4})


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"counts": {"validation": 3}}, "validation"),
        ({"counts": {"train": -1}}, "-1 utterances of train"),
        ({"counts": {}}, "no utterance"),
        ({"seed": -1}, "seed is -1"),
        ({"workers": 0}, "workers is 0"),
        ({"texts": 0}, "texts is 0"),
        ({"voices": -1}, "voices is -1"),
    ],
)
def test_bad_arguments_are_named_in_one_line(tmp_path, arguments, complaint):
    with pytest.raises(UserError, match=complaint) as caught:
        synthesise(tmp_path / "audio", **arguments)
    assert "\n" not in str(caught.value) and not (tmp_path / "audio").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--train", "-1"], "-1 utterances of train: it must be 0 or more"),
        (["--train", "0", "--dev", "0", "--test", "0"], "no utterance at all"),
        (["--texts", "0"], "texts is 0: it must be 1 or more"),
        (["--voices", "-1"], "voices is -1: it must be 0 or more"),
    ],
)
def test_bad_counts_on_the_command_line_end_in_one_line(tmp_path, capsys, options, complaint):
    assert main(["data", "synth", "--out", str(tmp_path / "audio"), *options]) == 2
    assert complaint in capsys.readouterr().err and not (tmp_path / "audio").exists()


def test_the_command_line_makes_the_corpus_asked_for(tmp_path, capsys):
    counts = {"train": 5, "dev": 0, "test": 0}
    options = [word for split, count in counts.items() for word in (f"--{split}", str(count))]
    assert main(["data", "synth", "--out", str(tmp_path / "audio"), *options]) == 0
    assert Counter(u.split for u in read_manifest(tmp_path / "audio" / "asr.csv").utterances) == {"train": 5}
    assert str(tmp_path / "audio" / "asr.csv") in capsys.readouterr().out


def test_a_file_as_folder_is_refused(tmp_path):
    (tmp_path / "audio").write_text("")
    with pytest.raises(UserError, match="is a file"):
        synthesise(tmp_path / "audio", counts=SMALL)


def test_a_missing_espeak_is_reported_with_its_remedy(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(UserError, match="pip install espeakng-loader"):
        synthesise(tmp_path / "audio", counts=SMALL)


def test_a_library_that_does_not_load_is_reported_with_its_remedy(tmp_path, monkeypatch):
    package = tmp_path / "broken" / "espeakng_loader"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "def get_library_path(): return 'nowhere/libespeak-ng.so'\ndef get_data_path(): return 'nowhere'\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    with pytest.raises(UserError, match="does not load.*reinstall"):
        synthesise(tmp_path / "audio", counts=SMALL, progress=False)
    assert not (tmp_path / "audio").exists()


def test_an_unknown_voice_is_refused_by_the_worker():
    take = {**vars(plan(0, {"train": 1})[1][0]), "voice": "en-us+nobody"}
    worker = [sys.executable, "-m", "omni_lib.corpora.espeak_worker"]
    result = subprocess.run(worker, input=json.dumps([take]), capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 2 and "en-us+nobody" in result.stderr


@pytest.mark.parametrize("module", ["espeak_worker", "synth"])
def test_speaking_never_imports_torch(module):
    code = f"import sys, omni_lib.corpora.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=dict(os.environ)).returncode == 0


# --- acoustics ---


def test_resampling_keeps_what_the_rate_can_carry_and_nothing_else():
    time = np.arange(22050) / 22050
    kept = resample(np.sin(2 * np.pi * 1000 * time), 22050)[:SAMPLE_RATE]
    expected = np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    assert np.abs(kept - expected)[1000:-1000].max() < 0.01
    assert (
        np.abs(resample(np.sin(2 * np.pi * 9500 * time), 22050)[1000:15000]).max() < 0.01
    )  # would fold to 6500 Hz


@pytest.mark.parametrize("colour", NOISES)
def test_noise_has_unit_power(colour):
    samples = noise(colour, 16000, np.random.default_rng(0))
    assert samples.shape == (16000,) and np.mean(samples**2) == pytest.approx(1)


@pytest.mark.parametrize("snr_db", [5.0, 17.5, 30.0])
@pytest.mark.parametrize("colour", NOISES)
def test_the_signal_to_noise_ratio_is_the_one_asked_for(snr_db, colour):
    speech = np.sin(2 * np.pi * 300 * np.arange(24000) / SAMPLE_RATE)

    def take(ratio: float) -> np.ndarray:
        return record(speech, 0.1, 0.2, 1.0, ratio, colour, -30.0, np.random.default_rng(0))

    clean, noisy = take(300.0), take(snr_db)
    background = noisy - clean * (noisy @ clean) / (clean @ clean)
    power_of_speech = np.mean(noisy**2) - np.mean(background**2)
    measured = 10 * np.log10(power_of_speech * len(noisy) / len(speech) / np.mean(background**2))
    assert measured == pytest.approx(snr_db, abs=0.5)
    assert 10 * np.log10(np.mean(noisy**2)) == pytest.approx(-30.0)


def test_a_loud_recording_is_turned_down_instead_of_clipped_and_a_short_one_padded():
    click = np.zeros(1600)
    click[800] = 1.0
    recording = record(click, 0.1, 0.1, 1.02, 30.0, "white", -12.0, np.random.default_rng(0))
    assert len(recording) == int(1.02 * SAMPLE_RATE) and np.abs(recording).max() == pytest.approx(PEAK)


def test_reverberation_decays_by_60_db_in_rt60():
    click = np.zeros(10)
    click[0] = 1.0
    response = reverberate(click, 0.4, 3.0, np.random.default_rng(0))
    first, last = response[160:1760], response[4800:6400]  # 0.01 and 0.3 s: 0.29 / 0.4 of 60 dB apart
    assert 10 * np.log10(np.mean(first**2) / np.mean(last**2)) == pytest.approx(43.5, abs=2)
    assert np.sum(response[1:] ** 2) == pytest.approx(10**-0.3, rel=0.01)
