"""Fixtures of all tests: one thread, no GPU, and a corpus of tones that an encoder learns in seconds.

In the corpus each letter is a tone of its own pitch and each space a pause. A model can learn to transcribe
such clips, and no synthesiser is needed.
"""

import os

if not os.environ.get("OMNI_TEST_GPU"):  # bit-exact resume is promised on the CPU
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["OMNI_DEVICE"] = "cpu"

# The processes that the tests start run beside each other: one thread each, and glibc keeps freed memory
# (see omni_lib.machine.hardware.keep_freed_memory): a quarter of their processor time went into fetching it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(32 << 20))
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(1 << 30))
os.environ.setdefault("MALLOC_TOP_PAD_", str(64 << 20))

import atexit
import math
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).with_name("startup")))  # see startup/without_compiler.py
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [sys.path[0], os.environ.get("PYTHONPATH")]))

import psutil
import pytest
import soundfile
import torch
import without_compiler  # noqa: F401
from filelock import FileLock
from hypothesis import HealthCheck, settings

from omni_lib.config import Config
from omni_lib.course import materials
from omni_lib.machine.hardware import keep_freed_memory
from omni_lib.manifest import Utterance, write_manifest
from omni_lib.session import TrainingResult, train

torch.set_num_threads(1)
keep_freed_memory()

os.environ["OMNI_CACHE"] = tempfile.mkdtemp(
    prefix="omni-cache-"
)  # what is remembered between runs must not be between tests
atexit.register(shutil.rmtree, os.environ["OMNI_CACHE"], ignore_errors=True)

# Every run tries the same examples, so that a failure can be repeated. HYPOTHESIS_PROFILE=nightly tries more.
_SLOW_IS_NO_ERROR = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile(
    "everywhere", deadline=None, max_examples=50, derandomize=True, suppress_health_check=_SLOW_IS_NO_ERROR
)
settings.register_profile(
    "nightly", deadline=None, max_examples=2000, suppress_health_check=_SLOW_IS_NO_ERROR
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "everywhere"))

LONGEST_FILE = "test_kills.py"
_TRAINING_FIXTURES = {"trained", "tiny_config", "make_tiny_config", "bench"}  # bench: test_experiments.py


def pytest_xdist_auto_num_workers() -> int:
    """More than two workers a core, because tests often wait for a browser or a process; 4 GB for each."""
    return max(1, min(2 * (os.cpu_count() or 1) + 1, psutil.virtual_memory().total // (4 << 30)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that train, so that `make check` can leave them out; start the longest file first.

    No other worker can help with one long test: at the end of a run, all would wait for it.
    """
    items.sort(key=lambda item: item.path.name != LONGEST_FILE)  # a stable sort: the others keep their order
    for item in items:
        if _TRAINING_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.training)


RATE = 16_000
WORDS = ("abe", "bad", "bee", "cab", "dad", "ebb")
PITCHES = {letter: 300.0 * 1.6**index for index, letter in enumerate("abcde")}  # Hz
LETTER_SECONDS = 0.12


def tones(text: str, seed: int) -> torch.Tensor:
    """A waveform in which `text` is played letter by letter, somewhat out of tune, over faint noise."""
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    voice, pieces = rng.uniform(0.98, 1.02), []
    for symbol in f" {text} ":
        samples = int(RATE * LETTER_SECONDS * rng.uniform(0.9, 1.1))
        time = torch.arange(samples) / RATE
        envelope = torch.hann_window(samples)
        pitch = PITCHES.get(symbol)
        pieces.append(
            0.3 * envelope * torch.sin(2 * math.pi * pitch * voice * time) if pitch else torch.zeros(samples)
        )
    waveform = torch.cat(pieces)
    return waveform + 0.003 * torch.randn(len(waveform), generator=generator)


def make_corpus(folder: Path, sizes: dict[str, int]) -> Path:
    """Write clips of tones and their `asr.csv`; speakers are disjoint between the splits."""
    rng, rows = random.Random(5), []
    for split, size in sizes.items():
        for number in range(size):
            text = " ".join(rng.choices(WORDS, k=rng.choice((2, 3))))
            path = folder / "wav" / f"{split}_{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, tones(text, seed=len(rows)).numpy(), RATE, subtype="PCM_16")
            rows.append(Utterance(path, text, f"{split}{number % 4}", split))
    write_manifest(folder / "asr.csv", rows)
    return folder / "asr.csv"


@pytest.fixture(scope="session", autouse=True)
def hang_up_ends_a_process() -> Iterator[None]:
    """Restore SIGHUP: under `nohup` the processes that the tests start would inherit that it is ignored."""
    if not hasattr(signal, "SIGHUP"):
        yield
        return
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, inherited)


@pytest.fixture(scope="session")
def embedded_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of the embedded corpus. In a fresh clone one worker synthesises it; the others wait."""
    with FileLock(tmp_path_factory.getbasetemp().parent / "embedded_corpus.lock"):
        return materials.corpus()


@pytest.fixture(scope="session")
def tones_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of the corpus of tones: 24 train, 6 dev and 8 test clips of 1 to 2 s."""
    return make_corpus(tmp_path_factory.mktemp("tones"), {"train": 24, "dev": 6, "test": 8})


@pytest.fixture(scope="session")
def make_tiny_config(tones_csv: Path) -> Callable[..., Config]:
    """`make_tiny_config(folder, **changes)`: a run of 18 steps, 6 an epoch, with every feature on."""

    def make(folder: Path, **changes) -> Config:
        settings_of_a_small_run = {
            "d_model": 32,
            "n_layers": 2,
            "n_heads": 2,
            "d_ff": 64,
            "data_path": str(tones_csv),
            "batch_size": 4,
            "num_epochs": 3,
            "learning_rate": 3e-3,
            "checkpoint_freq": 5,
            "save_dir": str(folder),
            "ctc_frames_per_embedding": 2,
            "warmup_steps": 4,
            "schedule": "cosine",
            "muon_rate": 0.02,
            "weight_decay": 0.01,
            "alignment_entropy": 0.6,
            "intermediate_ctc": 0.3,
            "average_decay": 0.9,
            "speed_perturb": True,
            "tempo_perturb": 0.1,
            "vocal_tract_perturb": 0.02,
            "spec_augment": True,
            "spec_augment_from_epoch": 2,
            "log_every": 4,
        }
        return Config(**{**settings_of_a_small_run, **changes})

    return make


@pytest.fixture
def tiny_config(make_tiny_config: Callable[..., Config], tmp_path: Path) -> Config:
    """A small run of its own for each test."""
    return make_tiny_config(tmp_path / "run")


@pytest.fixture(scope="session")
def trained(tones_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingResult, Config]:
    """A run on the tones that went on until it had learned them, and its settings."""
    config = Config(
        d_model=48,
        n_layers=2,
        n_heads=2,
        d_ff=96,
        dropout=0.0,
        data_path=str(tones_csv),
        batch_size=4,
        num_epochs=20,
        learning_rate=3e-3,
        save_dir=str(tmp_path_factory.mktemp("trained") / "run"),
        ctc_frames_per_embedding=2,
        warmup_steps=10,
        schedule="cosine",
        average_decay=0.9,
        log_every=6,
    )
    return train(config, report=lambda line: None), config


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., Path]:
    """`write_rows([("text said", "text written", "train"), …])` writes clips of tones and their manifest."""

    def write(rows: list[tuple[str, str, str]], folder: str = "rows") -> Path:
        utterances = []
        for number, (said, written, split) in enumerate(rows):
            path = tmp_path / folder / f"clip_{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, tones(said, seed=number).numpy(), RATE, subtype="PCM_16")
            utterances.append(Utterance(path, written, f"speaker{number % 3}", split))
        write_manifest(tmp_path / folder / "asr.csv", utterances)
        return tmp_path / folder / "asr.csv"

    return write
