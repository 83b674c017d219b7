"""Many learners on one machine: folders of their own, and corpora that several may build at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from omni_lib.corpora.building import is_built
from omni_lib.corpora.synth import synthesise
from omni_lib.weights import load_checkpoint

STAMP = {"corpus": "of this test", "version": 1}

# Builds a corpus of 40 files as soon as the file `go` is there, and prints how it ended. It does not need
# torch.
BUILDER = """
import sys, time
from pathlib import Path
from omni_lib.corpora.building import building
out, go, mine = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
print("ready", flush=True)
while not go.exists():
    time.sleep(0.001)
with building(out, {"corpus": "of this test", "version": 1}) as partial:
    for number in range(40):
        (partial / "wav" / f"{number}.wav").write_text(mine)
    lines = "".join(f"wav/{n}.wav,yes\\n" for n in range(40))
    (partial / "asr.csv").write_text("audio_path,transcription\\n" + lines)
print("done")
"""


def started(program: str, *arguments: str | Path) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.mark.parametrize("there", ["nothing", "an older one"])
def test_several_processes_that_build_one_corpus_end_with_one_good_corpus(tmp_path, there):
    """Six at once, three times: all succeed, and all files come from the same process."""
    out = tmp_path / "corpus"
    for attempt in range(3):
        if there == "an older one":
            (out / "wav").mkdir(parents=True, exist_ok=True)
            (out / "asr.csv").unlink(missing_ok=True)
            (out / "corpus.json").write_text(json.dumps({"corpus": "of this test", "version": 0}))
        else:
            out = tmp_path / f"corpus {attempt}"
        go = tmp_path / f"go {attempt}"
        builders = [started(BUILDER, out, go, number) for number in range(6)]
        for builder in builders:
            assert builder.stdout.readline() == "ready\n"
        go.touch()
        assert [builder.communicate(timeout=120)[0] for builder in builders] == ["done\n"] * 6
        assert is_built(out, STAMP)
        files = list((out / "wav").iterdir())
        assert len(files) == 40 and len({path.read_text() for path in files}) == 1
        assert len((out / "asr.csv").read_text().splitlines()) == 41
        assert not list(tmp_path.glob(".*.partial-*/")), "nothing half-made stays"


SYNTHESISER = """
import sys
from omni_lib.corpora.synth import synthesise
synthesise(sys.argv[1], counts={"train": 12}, workers=2, progress=False)
print("done")
"""


def test_two_processes_that_synthesise_one_corpus(tmp_path):
    """They end with the corpus that one alone would have made, byte by byte."""
    both = [started(SYNTHESISER, tmp_path / "shared") for _ in range(2)]
    assert [one.communicate(timeout=300)[0] for one in both] == ["done\n"] * 2
    alone = synthesise(tmp_path / "alone", counts={"train": 12}, progress=False).parent
    files = sorted(path.relative_to(alone) for path in alone.rglob("*") if path.is_file())
    assert files == sorted(
        path.relative_to(tmp_path / "shared") for path in (tmp_path / "shared").rglob("*") if path.is_file()
    )
    assert all((alone / name).read_bytes() == (tmp_path / "shared" / name).read_bytes() for name in files)


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send SIGKILL")
def test_a_build_that_is_killed_leaves_no_lock_behind(tmp_path):
    go = tmp_path / "go"
    killed = started(BUILDER, tmp_path / "corpus", go, 1)
    killed.stdout.readline()
    go.touch()
    time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert started(BUILDER, tmp_path / "corpus", go, 2).communicate(timeout=120)[0] == "ready\ndone\n"
    assert is_built(tmp_path / "corpus", STAMP)


def test_a_second_training_into_one_folder_is_refused_and_the_first_is_unharmed(
    victims, make_tiny_config, tmp_path
):
    """The refusal names the first process; when that is killed, the folder is free at once."""
    (tmp_path / "config.json").write_text(
        json.dumps(make_tiny_config(tmp_path / "run", num_epochs=300).to_dict())
    )
    command = ["train", "--config", str(tmp_path / "config.json"), "--resume"]
    first = victims.start(command, tmp_path)
    while not (tmp_path / "run" / "training_log.json").exists():
        time.sleep(0.005)
    (tmp_path / "second").mkdir()
    assert victims.run(command, tmp_path / "second") == 2
    (line,) = (tmp_path / "second" / "error.txt").read_text().splitlines()
    assert f"process {first} on " in line and "is training into" in line and "choose another save_dir" in line
    os.kill(first, signal.SIGKILL)
    assert victims.wait(first) == -signal.SIGKILL
    assert victims.run([*command, "--max-steps", "40"], tmp_path) == 0


def test_learners_share_a_corpus_that_they_cannot_write_and_nothing_else(
    victims, make_tiny_config, tones_csv, tmp_path
):
    """Three at once, each in a folder with a difficult name: nothing is written beside the corpus."""
    before = sorted(tones_csv.parent.rglob("*"))
    pids = {}
    for name in ("Zoë & co", "名前", "x" * 120):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(make_tiny_config(folder / "run").to_dict()))
        pids[folder] = victims.start(["train", "--config", "config.json"], folder)
    assert [victims.wait(pid) for pid in pids.values()] == [0, 0, 0], [
        (folder / "error.txt").read_text() for folder in pids
    ]
    steps = [load_checkpoint(folder / "run" / "audio_enc_step_18.pt")["step"] for folder in pids]
    assert steps == [18, 18, 18]
    assert sorted(tones_csv.parent.rglob("*")) == before


def test_progress_is_kept_by_learner(tmp_path, monkeypatch):
    from omni_lib.course.exercises.progress import Progress

    for name, right in (("a", True), ("b", False)):
        monkeypatch.setenv("OMNI_HOME", str(tmp_path / name))
        Progress.mine().add_try("01.x", right=right)
    found = {}
    for name in ("a", "b"):
        monkeypatch.setenv("OMNI_HOME", str(tmp_path / name))
        found[name] = Progress.mine().read()["01.x"]["right"]
    assert found == {"a": True, "b": False}
