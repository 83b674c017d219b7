"""The embedded corpus on the disk: what is written, that it is never incomplete, and what is refused."""

import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from omni_lib.cli import main
from omni_lib.corpora import espeak_processes, synth
from omni_lib.corpora.acoustics import PEAK
from omni_lib.corpora.espeak_worker import LONGEST, SHORTEST
from omni_lib.corpora.sentences import DEFAULT_COUNTS
from omni_lib.corpora.synth import plan, synthesise, texts_sha256
from omni_lib.course import materials
from omni_lib.errors import UserError
from omni_lib.manifest import read_manifest

pytestmark = pytest.mark.slow

ROOT = Path(synth.__file__).parents[2]
# Dev and test would take longer: their processes speak the whole corpus (see synth._shards).
SMALL = {"train": 24}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return synthesise(tmp_path_factory.mktemp("corpus") / "audio", counts=SMALL, progress=False)


def folder_sha256(folder: Path) -> str:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return hashlib.sha256(
        b"".join(file.relative_to(folder).as_posix().encode() + file.read_bytes() for file in files)
    ).hexdigest()


# --- what is on disk ---


def test_files_are_what_the_manifest_says(embedded_corpus):
    manifest = read_manifest(embedded_corpus)
    assert not manifest.problems
    assert Counter(u.split for u in manifest.utterances) == DEFAULT_COUNTS
    assert {path.name for path in (embedded_corpus.parent / "wav").iterdir()} == {
        u.path.name for u in manifest.utterances
    }
    assert [u.path.name for u in manifest.utterances[:3]] == ["sample1.wav", "sample2.wav", "sample3.wav"]
    assert all(u.speaker and u.kind and u.accent for u in manifest.utterances)


def test_the_stamp_says_which_corpus_it_is(corpus):
    stamp = json.loads((corpus.parent / "corpus.json").read_text())
    manifest = hashlib.sha256(corpus.read_bytes()).hexdigest()
    assert (stamp["version"], stamp["seed"], stamp["asr_csv_sha256"]) == (synth.VERSION, 0, manifest)
    assert stamp["counts"] == {**SMALL, "dev": 0, "test": 0}
    assert stamp["texts_sha256"] == texts_sha256(plan(0, SMALL)[0])


def test_recordings_are_16_khz_mono_pcm16_of_1_to_10_s_neither_silent_nor_clipped(embedded_corpus):
    seconds = []
    for utterance in read_manifest(embedded_corpus).utterances:
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


def test_a_corpus_that_is_there_is_not_made_again(corpus, monkeypatch):
    monkeypatch.setattr(synth, "speak_shards", lambda *_: pytest.fail("it spoke again"))
    assert synthesise(corpus.parent, counts=SMALL) == corpus


def test_a_corpus_of_an_earlier_version_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "CORPUS", tmp_path / "audio" / "asr.csv")
    monkeypatch.setattr(synth, "VERSION", synth.VERSION - 1)
    synthesise(tmp_path / "audio", counts={"train": 4}, progress=False)
    monkeypatch.undo()
    monkeypatch.setattr(materials, "CORPUS", tmp_path / "audio" / "asr.csv")
    monkeypatch.setattr(synth, "DEFAULT_COUNTS", {"train": 4, "dev": 0, "test": 0})
    assert materials.corpus() == tmp_path / "audio" / "asr.csv"
    stamp = json.loads((tmp_path / "audio" / "corpus.json").read_text())
    assert stamp["version"] == synth.VERSION and stamp["counts"] == {"train": 4, "dev": 0, "test": 0}


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

    monkeypatch.setattr(synth, "speak_shards", stop)
    with pytest.raises(stopped_by):
        synthesise(tmp_path / "audio", counts=SMALL, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_it_speaks_ends_with_130_and_leaves_nothing(tmp_path):
    command = [sys.executable, "-m", "omni_lib.cli", "data", "synth", "--out", str(tmp_path / "audio")]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while not list(tmp_path.rglob("*.wav")) and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it spoke"
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    complaint = process.communicate(timeout=300)[1]
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
        (
            {"counts": {"train": 99_999_999_999}},
            "99999999999 utterances of train: it must be 1000000 or fewer",
        ),
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


def test_what_a_worker_that_fails_at_once_has_said_is_reported(monkeypatch):
    """Its pipe is closed before it has been given its sentences, which are more than the pipe holds."""
    takes = plan(0, {"train": 1})[1] * 1000
    code = "import os, sys; os.close(0); sys.exit('numpy is missing' + ' !' * 100_000)"
    monkeypatch.setattr(espeak_processes, "WORKER", [sys.executable, "-c", code])
    with pytest.raises(RuntimeError, match="exit code 1:\\nnumpy is missing"):
        espeak_processes.speak_shards([takes], 1, lambda _: None)


def test_a_worker_that_starts_while_all_are_ended_is_ended_too(monkeypatch):
    both_start, all_are_ended = threading.Barrier(2), threading.Event()
    started, number, popen = [], itertools.count(), subprocess.Popen

    class Pool(ThreadPoolExecutor):
        def __exit__(self, *exception):
            all_are_ended.set()
            return super().__exit__(*exception)

    def start(command, **options):
        first = next(number) == 0
        both_start.wait()
        if first:
            raise UserError("the first fails")
        all_are_ended.wait()
        started.append(popen([sys.executable, "-c", "import time; time.sleep(600)"], **options))
        return started[0]

    monkeypatch.setattr(espeak_processes, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(subprocess, "Popen", start)
    take = plan(0, {"train": 1})[1]
    with pytest.raises(UserError, match="the first fails"):
        espeak_processes.speak_shards([take, take], 2, lambda _: None)
    assert started[0].returncode not in (0, None)


def test_an_unknown_voice_is_refused_by_the_worker():
    take = {**vars(plan(0, {"train": 1})[1][0]), "voice": "en-us+nobody"}
    worker = [sys.executable, "-m", "omni_lib.corpora.espeak_worker"]
    result = subprocess.run(worker, input=json.dumps([take]), capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 2 and "en-us+nobody" in result.stderr


@pytest.mark.parametrize("module", ["espeak_processes", "espeak_worker", "synth"])
def test_speaking_never_imports_torch(module):
    code = f"import sys, omni_lib.corpora.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=dict(os.environ)).returncode == 0
