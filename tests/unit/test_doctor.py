"""The doctor's findings: each kind of problem is found, and named in one line with its remedy."""

import shutil
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest

from omni_lib.machine import doctor, thread_plan
from omni_lib.machine.doctor import computer, libraries, packages, report
from omni_lib.machine.doctor.computer import GIGABYTE
from omni_lib.machine.doctor.finding import Finding


def only(findings, what: str) -> Finding:
    (finding,) = [finding for finding in findings if finding.what == what]
    return finding


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A clone with small files of its own."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "omni-lib"\nrequires-python = ">=3.11,<3.14"\n'
        'dependencies = ["numpy>=2", "No_Such.Package>=1"]\n'
        "[project.optional-dependencies]\n"
        'beam = [\'flashlight-text>=0.0.7; python_version < "3.13"\']\ndev = ["omni-lib[beam]", "pytest"]\n'
    )
    (tmp_path / "constraints.txt").write_text(
        "# exact\nnumpy==2.1.0\nno-such-package==1.5\npytest==9.0\ncertifi==2026.1\ntqdm==4.0\n"
    )
    return tmp_path


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The versions that appear to be installed: at first all that `root` pins."""
    versions = {
        "omni-lib": "0.1.0",
        "numpy": "2.1.0",
        "No_Such.Package": "1.5",
        "pytest": "9.0",
        "certifi": "2026.1",
        "flashlight-text": "0.0.7",
        "torch": "2.14.1",
    }
    monkeypatch.setattr(packages, "installed", versions.get)
    return versions


# --- the report ---------------------------------------------------------------------------------------------


def test_all_right(capsys: pytest.CaptureFixture):
    assert report([Finding("ok", "torch", "2.14.1"), Finding("note", "GPU", "none found, none needed")]) == 0
    assert capsys.readouterr().out == "ok    torch 2.14.1\nnote  GPU: none found, none needed\nall right\n"


@pytest.mark.parametrize("state", ["miss", "wrong"])
def test_a_problem_is_reported_and_the_status_is_2(state, capsys: pytest.CaptureFixture):
    assert (
        report([Finding("ok", "numpy", "2.1.0"), Finding(state, "torch", "not installed", "pip install it")])
        == 2
    )
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"{state:<5} torch: not installed; pip install it",
        "1 to fix",
    ]


# --- Python and packages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "state"), [("3.10.12", "wrong"), ("3.11.0", "ok"), ("3.13.9", "ok"), ("3.14.0", "wrong")]
)
def test_python_version(root: Path, monkeypatch: pytest.MonkeyPatch, version: str, state: str):
    monkeypatch.setattr(packages.platform, "python_version", lambda: version)
    (finding,) = packages.python_version(root)
    assert finding.state == state and version in str(finding)


def test_packages_as_they_should_be(root: Path, installed: dict[str, str]):
    findings = list(packages.packages_found(root))
    assert {finding.state for finding in findings} == {"ok"}
    assert str(findings[0]) == "ok    numpy 2.1.0"
    assert str(findings[-1]) == "ok    1 further packages as in constraints.txt", (
        "tqdm is pinned but not installed, which is acceptable"
    )


def test_a_local_build_counts_as_its_version(root: Path, installed: dict[str, str]):
    installed["numpy"] = "2.1.0+local"
    assert only(packages.packages_found(root), "numpy").state == "ok"


def test_a_package_that_is_missing(root: Path, installed: dict[str, str]):
    del installed["numpy"]
    finding = only(packages.packages_found(root), "numpy")
    assert finding.state == "miss" and "pip install -c constraints.txt" in finding.remedy


def test_a_package_at_odds_with_its_pin(root: Path, installed: dict[str, str]):
    installed |= {"numpy": "2.2.0", "certifi": "2025.1"}
    findings = list(packages.packages_found(root))
    assert str(only(findings, "numpy")).startswith(
        "wrong numpy: 2.2.0, but constraints.txt has 2.1.0; python -m pip"
    )
    assert "certifi 2025.1" in only(findings, "versions").detail


def test_tools_for_tests_are_optional(root: Path, installed: dict[str, str]):
    del installed["pytest"]
    assert only(packages.packages_found(root), "pytest").state == "note"


@pytest.mark.parametrize(
    ("python", "says"), [("3.12", "not installed"), ("3.13", "no build for this Python")]
)
def test_without_flashlight_the_readable_decoder_is_named(
    root: Path, installed: dict[str, str], python: str, says: str, monkeypatch
):
    from packaging import markers

    del installed["flashlight-text"]
    environment = {**markers.default_environment(), "python_version": python}
    monkeypatch.setattr(markers, "default_environment", lambda: environment)
    finding = only(packages.packages_found(root), "flashlight-text")
    assert finding.state == "note" and says in finding.detail and "readable" in finding.detail
    assert bool(finding.remedy) == (python == "3.12")


def test_omni_lib_itself_not_installed(root: Path, installed: dict[str, str]):
    del installed["omni-lib"]
    assert only(packages.packages_found(root), "omni-lib").state == "miss"


def test_outside_a_clone(tmp_path: Path):
    (finding,) = packages.packages_found(tmp_path)
    assert finding.state == "wrong" and "clone" in finding.remedy


def test_a_missing_packaging_is_reported(root: Path, monkeypatch: pytest.MonkeyPatch):
    for module in ("packaging", "packaging.requirements", "packaging.specifiers", "packaging.utils"):
        monkeypatch.setitem(sys.modules, module, None)
    (finding,) = packages.packages_found(root)
    assert finding.state == "miss" and finding.what == "packaging"
    assert [finding.state for finding in packages.python_version(root)] == ["ok"]


# --- checks that may crash run in a process of their own -----------------------------------------------


def test_a_probe_answers():
    assert libraries.probe("print('a warning'); print('{\"rate\": 22050}')") == {"rate": 22050}


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import sys\nraise OSError('undefined symbol: _ZN3c10')", "OSError: undefined symbol: _ZN3c10"),
        ("import os; os.abort()", "crashed with exit code"),
        ("raise SystemExit(4)", "crashed with exit code 4"),
    ],
)
def test_a_probe_that_fails_is_one_line(program: str, why: str):
    answer = libraries.probe(program)
    assert isinstance(answer, str) and why in answer and "\n" not in answer


def test_a_probe_whose_library_complains_in_another_encoding_is_one_line():
    program = "import sys; sys.stderr.buffer.write(b'caf\\xe9 is broken\\n'); sys.exit(1)"
    assert libraries.probe(program).endswith("is broken")


def test_a_probe_that_hangs_times_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(libraries, "PATIENCE", 0.5)
    assert "timed out" in libraries.probe("import time; time.sleep(60)")


def test_torch_and_torchaudio_that_do_not_match(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        libraries, "probe", lambda program: "OSError: libcudart.so.13: cannot open shared object file"
    )
    (finding,) = libraries.torch_and_torchaudio(libraries.probe(libraries.TORCH_PROBE))
    assert finding.state == "wrong" and "libcudart" in finding.detail and "must match" in finding.remedy


@pytest.mark.parametrize(
    ("threads", "gpu", "states"), [(2, "", ["ok", "ok", "note"]), (8, "A100", ["ok", "note", "ok"])]
)
def test_threads_and_gpu_are_reported(
    monkeypatch: pytest.MonkeyPatch, threads: int, gpu: str, states: list[str]
):
    monkeypatch.setattr(libraries, "probe", lambda program: {"threads": threads, "gpu": gpu})
    monkeypatch.setattr(computer, "usable_cores", lambda: 2)
    assert [
        finding.state for finding in libraries.torch_and_torchaudio(libraries.probe(libraries.TORCH_PROBE))
    ] == states


def test_espeak_that_does_not_start(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        libraries, "probe", lambda program: "ModuleNotFoundError: No module named 'espeakng_loader'"
    )
    (finding,) = libraries.espeak()
    assert finding.state == "wrong" and "espeakng_loader" in finding.detail and finding.remedy


def test_libsndfile_that_does_not_load(monkeypatch: pytest.MonkeyPatch):
    def fail(name: str) -> None:
        raise OSError("sndfile library not found")

    monkeypatch.setattr(libraries.importlib, "import_module", fail)
    (finding,) = libraries.libsndfile()
    assert finding.state == "wrong" and "sndfile library not found" in finding.detail


def test_libsndfile_without_mp3(monkeypatch: pytest.MonkeyPatch):
    import soundfile

    formats = {name: text for name, text in soundfile.available_formats().items() if name != "MP3"}
    monkeypatch.setattr(soundfile, "available_formats", lambda: formats)
    (finding,) = libraries.libsndfile()
    assert finding.state == "note" and "cannot read MP3" in finding.detail


# --- the machine and the folders ----------------------------------------------------------------------------

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("torch", "free", "state"), [(True, 0.5, "wrong"), (True, 2, "ok"), (False, 2, "wrong"), (False, 7, "ok")]
)
def test_disk(tmp_path: Path, installed: dict[str, str], monkeypatch, torch: bool, free: float, state: str):
    if not torch:
        del installed["torch"]
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(0, 0, int(free * GIGABYTE)))
    assert only(computer.disk_and_memory(tmp_path), "disk").state == state


@pytest.mark.parametrize(("available", "states"), [(4, ["wrong"]), (6, ["ok"]), (None, [])])
def test_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, available: float | None, states: list[str]):
    monkeypatch.setattr(computer, "_memory", lambda: available and int(available * GIGABYTE))
    assert [
        finding.state for finding in computer.disk_and_memory(tmp_path) if finding.what == "memory"
    ] == states


@pytest.mark.parametrize(("set_by_user", "busy", "notes", "threads"), [
    (None, 0.1, 0, "2 threads: the 2 cores are free"),
    (None, 0.8, 0, "1 of 2 threads: other programs use 0.8 of the 2 cores"),
    (None, 1.9, 1, "1 of 2 threads: other programs use 1.9 of the 2 cores"),
    ("2", 0.8, 0, "2 threads, which sleep while they wait: OMP_NUM_THREADS is set to 2, "
                  "and other programs use 0.8 of the 2 cores"),
])  # fmt: skip
def test_a_busy_machine_is_reported_and_how_many_threads_a_training_uses(
    monkeypatch: pytest.MonkeyPatch, set_by_user: str | None, busy: float, notes: int, threads: str
):
    for name in (*thread_plan.WAYS_TO_SET_IT, *thread_plan.WAYS_TO_SET_THREADS):
        monkeypatch.delenv(name, raising=False)
    if set_by_user:
        monkeypatch.setenv("OMP_NUM_THREADS", set_by_user)
    monkeypatch.setattr(thread_plan, "busy_cores", lambda: busy)
    monkeypatch.setattr(computer, "usable_cores", lambda: 2)
    findings = list(computer.threads_and_load({"threads": 2}))
    assert len([finding for finding in findings if finding.what == "busy"]) == notes
    assert only(findings, "a training that begins now uses").detail == threads


def test_without_torch_only_the_load_is_reported(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(thread_plan, "busy_cores", lambda: 1.9)
    monkeypatch.setattr(computer, "usable_cores", lambda: 2)
    assert [finding.what for finding in computer.threads_and_load("ModuleNotFoundError: torch")] == ["busy"]


def test_folders_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert [finding.state for finding in computer.folders(tmp_path)] == ["ok"]

    def refuse(dir: Path) -> None:
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    findings = list(computer.folders(tmp_path))
    assert [finding.what for finding in findings] == ["data", "checkpoints", "notebooks/my"]
    assert all(finding.state == "wrong" and finding.remedy for finding in findings)


def test_looking_leaves_nothing_behind(tmp_path: Path):
    list(computer.folders(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_corpus(tmp_path: Path):
    (finding,) = computer.corpus(tmp_path)
    assert finding.state == "note" and "omni data synth --out data/audio" in finding.remedy
    (tmp_path / "data" / "audio").mkdir(parents=True)
    (tmp_path / "data" / "audio" / "asr.csv").write_text("audio_path,transcription\nwav/1.wav,hello world\n")
    (finding,) = computer.corpus(tmp_path)
    assert str(finding) == "ok    corpus data/audio/asr.csv, 1 rows"


# --- this machine ----------------------------------------------------------------------------------------


def test_this_machine_passes_but_for_what_a_test_machine_may_lack():
    """Where `make test` runs, everything that was installed works."""
    findings = doctor.examine()
    wrong = {finding.what for finding in findings if finding.state in ("miss", "wrong")}
    assert wrong <= {
        "omni-lib",
        "memory",
        "disk",
        *(name for name in ("data", "checkpoints", "notebooks/my")),
    }, wrong
    assert all(
        "\n" not in str(finding) and finding.remedy
        for finding in findings
        if finding.state in ("miss", "wrong")
    )
    for module in (doctor, computer, libraries, packages):
        assert "torch" not in module.__dict__, "the doctor imports nothing that may be broken"
