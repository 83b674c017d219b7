"""pyproject.toml, constraints.txt, environment.yml, Makefile and .ci/run agree, and the set-up works."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from omni_lib.cli import main
from omni_lib.machine.clone import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
SUPPORTED = ("3.11", "3.12", "3.13")


def required() -> list[Requirement]:
    lines = [
        *PYPROJECT["build-system"]["requires"],
        *PROJECT["dependencies"],
        *(line for extra in EXTRAS.values() for line in extra),
    ]
    return [requirement for requirement in map(Requirement, lines) if requirement.name != PROJECT["name"]]


def pins() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    assert len({canonicalize_name(pin.name) for pin in found}) == len(found), "a package is pinned twice"
    return {canonicalize_name(pin.name): pin for pin in found}


def pinned(name: str) -> str:
    (specifier,) = pins()[canonicalize_name(name)].specifier
    return specifier.version


# --- the three files that name what is installed -----------------------------------------------------------


def test_constraints_are_exact():
    for name, pin in pins().items():
        (specifier,) = pin.specifier
        assert specifier.operator == "==" and "*" not in specifier.version, name
        assert not pin.url and not pin.extras, name


@pytest.mark.parametrize("requirement", required(), ids=str)
def test_each_requirement_has_a_pin_within_its_range(requirement: Requirement):
    assert requirement.specifier.contains(pinned(requirement.name), prereleases=True)
    if requirement not in map(Requirement, PYPROJECT["build-system"]["requires"]):
        operators = {specifier.operator for specifier in requirement.specifier}
        assert {">=", "<"} <= operators, "a range needs both ends"


@pytest.mark.parametrize("name", ["torch", "torchaudio"])
def test_the_pinned_pair_is_what_these_tests_run_with(name: str):
    assert Version(importlib.metadata.version(name)).public == pinned(name)


def test_every_pin_installs_on_the_oldest_python():
    """Debian 12 has Python 3.11.2: a pin that asks for a later 3.11 could not be installed there."""
    oldest = "3.11.0"
    installed = {canonicalize_name(each.name): each for each in importlib.metadata.distributions()}
    wanted = {name: installed[name].metadata["Requires-Python"] for name in pins() if name in installed}
    assert len(wanted) > 100, "nearly all of them are installed here"
    unfit = {name: wants for name, wants in wanted.items() if wants and oldest not in SpecifierSet(wants)}
    assert unfit == {}


def test_dev_installs_everything():
    dev = {Requirement(line).name for line in EXTRAS["dev"]}
    assert {"pytest", "pytest-xdist", "hypothesis", "nbval", "nbclient", "nbformat", "ruff", "pyyaml"} <= dev
    others = set(EXTRAS) - {"dev", "book"}  # `make book` installs its own
    assert {f"omni-lib[{extra}]" for extra in others} <= set(EXTRAS["dev"])


def test_beam_is_left_out_where_it_has_no_wheel():
    (beam,) = (Requirement(line) for line in EXTRAS["beam"])
    assert [version for version in SUPPORTED if beam.marker.evaluate({"python_version": version})] == [
        "3.11",
        "3.12",
    ]


def test_python_versions_agree():
    wanted = SpecifierSet(PROJECT["requires-python"])
    assert [minor for minor in range(8, 20) if f"3.{minor}.1" in wanted] == [
        int(version.split(".")[1]) for version in SUPPORTED
    ]
    (python,) = (
        line for line in conda()["dependencies"] if isinstance(line, str) and line.startswith("python=")
    )
    assert python.removeprefix("python=") in SUPPORTED
    for file in ("Makefile", ".ci/run"):
        assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in (ROOT / file).read_text(encoding="utf-8"), file
    assert PYPROJECT["tool"]["ruff"]["target-version"] == "py311"


def conda() -> dict:
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def test_conda_installs_what_make_installs():
    assert conda()["channels"] == ["conda-forge", "nodefaults"], (
        "no pytorch channel: torch comes from pip alone"
    )
    *packages, pip = conda()["dependencies"]
    assert [re.split("[=<>]", package)[0] for package in packages] == ["python", "pip"]
    assert pip == {"pip": ["-c constraints.txt", "-e .[dev]"]}
    assert "install -c constraints.txt -e '.[dev$(EXTRA:%=,%)]'" in (ROOT / "Makefile").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    "name", ["pyproject.toml", "constraints.txt", "environment.yml", "Makefile", ".ci/run"]
)
def test_no_registry_and_no_hash_is_named(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"index-url|find-links|trusted-host|--hash|https?://", text)


def test_what_is_installed_is_in_the_notice():
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8").lower()
    assert not [str(requirement) for requirement in required()[1:] if requirement.name not in notice]
    assert re.search(r"espeak-ng, gpl-3.0-or-later", notice)
    assert PROJECT["license"] == "MIT" and "The omni-lib authors" in (ROOT / "LICENSE").read_text(
        encoding="utf-8"
    )


def test_the_command_omni_is_the_command_line():
    (command,) = importlib.metadata.entry_points(group="console_scripts", name="omni")
    assert command.load() is main


# --- code that must not be written -------------------------------------------------------------------------


def test_torch_load_runs_no_code():
    for file in (ROOT / "omni_lib").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                safe = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}.get(
                    "weights_only"
                )
                assert safe == "True", f"{file}:{node.lineno}"


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("exec('1')", "S102"),
        ("import pickle\n\npickle.loads(b'')", "S301"),
        ("import marshal\n\nmarshal.loads(b'')", "S302"),
        ("eval('1')", "S307"),
        ("import subprocess\n\nsubprocess.run('ls', shell=True)", "S602"),
        ("import os\n\nos.system('ls')", "S605"),
        ("import tarfile\n\ntarfile.open('a.tar').extractall()", "S202"),
    ],
)
def test_ruff_refuses_code_that_runs_a_stranger_s_bytes(code: str, rule: str):
    """Each rule is tried on code that breaks it, under the settings that hold for omni_lib."""
    command = [sys.executable, "-m", "ruff", "check", "--output-format=concise"]
    command += ["--stdin-filename", "omni_lib/tried.py", "-"]
    done = subprocess.run(command, input=code + "\n", cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and f" {rule} " in done.stdout


# --- the Makefile, with stand-ins for the interpreter ------------------------------------------------------

# A stand-in for Python: it answers the set-up and copies itself into .venv; calls.txt lists its calls.
PRETENDER = """#!/bin/sh
case "$*" in
    *"sys.exit(not"*) exit {fits} ;;
    *print*) echo {version} ;;
    *ensurepip*) exit {ensurepip} ;;
    *"-m venv"*) echo venv >> calls.txt; rm -rf .venv; mkdir -p .venv/bin
        for name in python omni lint-imports; do cp "$0" ".venv/bin/$name"; done ;;
    *"pip --version"*) exit 0 ;;
    *"install "*"[dev]") echo install >> calls.txt; exit {pip} ;;
    *"install "*) for what; do :; done; echo "install $what" >> calls.txt; exit {pip} ;;
    *) echo "$*" >> calls.txt ;;
esac
"""

needs_make = pytest.mark.skipif(os.name != "posix" or shutil.which("make") is None, reason="no make here")


class House:
    """A copy of the Makefile in a folder with a space in its name, and what happens there."""

    def __init__(self, folder: Path):
        self.folder = folder / "my house (1)"
        self.folder.mkdir()
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.folder)

    def interpreter(
        self,
        name: str = "python3",
        *,
        version: str = "3.11",
        fits: bool = True,
        ensurepip: bool = True,
        pip: int = 0,
    ) -> None:
        file = self.folder.parent / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(
            PRETENDER.format(version=version, fits=int(not fits), ensurepip=int(not ensurepip), pip=pip)
        )
        file.chmod(0o755)

    def command(self, *arguments: str) -> dict:
        # Only these tools are on the path, so that no real interpreter is found.
        tools = self.folder.parent / "bin"
        tools.mkdir(exist_ok=True)
        for tool in ("sh", "cat", "cksum", "cp", "mkdir", "rm", "ln", "readlink", "sed", "sleep", "basename"):
            if not (tools / tool).exists():
                (tools / tool).symlink_to(shutil.which(tool))
        environment = {"PATH": str(tools), "HOME": str(self.folder)}
        return {
            "args": [shutil.which("make"), *arguments],
            "cwd": self.folder,
            "env": environment,
            "text": True,
        }

    def make(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(**self.command(*arguments), capture_output=True, timeout=300, check=False)

    def calls(self) -> list[str]:
        """The calls since the last time this was called."""
        file = self.folder / "calls.txt"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@needs_make
def test_setup_installs_once(house: House):
    house.interpreter()
    assert house.make("setup").returncode == 0
    assert house.calls() == ["venv", "install"]
    (house.folder / "pyproject.toml").touch()  # a checkout touches files; only their content counts
    done = house.make("setup")
    assert (done.returncode, done.stdout, house.calls()) == (0, "", [])


@needs_make
def test_each_command_does_its_own_setup(house: House):
    house.interpreter()
    train = ["data synth --out data/audio", "train --config configs/audio_enc_tiny.json --resume"]
    assert house.make().returncode == 0, "make alone is make train"
    assert house.calls() == ["venv", "install", *train]
    house.make("test")
    lint = ["-m ruff check .", "-m ruff format --check .", "-m mypy", "--no-logo"]
    calls = house.calls()  # the checks of the code run beside the tests
    assert sorted(calls) == sorted([*lint, "-m pytest --numprocesses auto --dist worksteal"])
    assert [call for call in calls if call in lint] == lint
    house.make("check")
    checked = house.calls()
    assert checked[:-1] == lint and checked[-1].startswith("-m pytest") and "not training" in checked[-1]
    house.make("lab")
    assert house.calls() == ["data synth --out data/audio", "lab"]
    shutil.rmtree(house.folder / ".venv")
    house.make("test")
    assert house.calls()[:2] == ["venv", "install"]


@needs_make
def test_the_book_installs_its_extra_once(house: House):
    house.interpreter()
    house.make("setup")
    house.calls()
    built = "-m omni_lib.course.book"
    assert house.make("book").returncode == 0
    assert house.calls() == ["install .[dev,book]", built]
    house.make("book")
    house.make("setup")
    assert house.calls() == [built], "the extra includes what every other target needs"
    shutil.rmtree(house.folder / ".venv")
    house.make("book")
    assert house.calls() == ["venv", "install .[dev,book]", built]


@needs_make
@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_setup_follows_a_changed_file(house: House, name: str):
    house.interpreter()
    house.make("setup")
    house.calls()
    with (house.folder / name).open("a") as file:
        file.write("# changed\n")
    house.make("setup")
    assert house.calls() == ["install"]


@needs_make
def test_an_installation_cut_short_is_done_again(house: House):
    house.interpreter()
    house.make("setup")
    house.calls()
    (house.folder / ".venv" / "ready").unlink()
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    (house.folder / ".venv-installing").symlink_to(str(finished.pid))  # what a killed set-up leaves behind
    done = house.make("setup")
    assert done.returncode == 0 and "cut short" in done.stdout
    assert house.calls() == ["venv", "install"]
    assert not (house.folder / ".venv-installing").is_symlink()


@needs_make
def test_a_failed_installation_is_repeated(house: House):
    house.interpreter(pip=1)
    done = house.make("setup")
    assert done.returncode != 0 and "run make again" in done.stderr
    house.interpreter()
    house.make("setup")
    assert house.calls()[-2:] == ["venv", "install"]


@needs_make
def test_two_at_once_install_once(house: House):
    house.interpreter()
    house.make("setup")
    house.calls()
    ready = (house.folder / ".venv" / "ready").read_text()
    (house.folder / ".venv" / "ready").unlink()
    (house.folder / ".venv-installing").symlink_to(str(os.getpid()))  # this process plays the other make
    waiting = subprocess.Popen(**house.command("setup"), stdout=subprocess.PIPE)
    assert f"process {os.getpid()} is installing" in waiting.stdout.readline()
    (house.folder / ".venv" / "ready").write_text(ready)
    (house.folder / ".venv-installing").unlink()
    waiting.communicate(timeout=300)
    assert (waiting.returncode, house.calls()) == (0, [])


@needs_make
def test_a_moved_project_gets_a_venv_of_its_own(house: House):
    house.interpreter()
    house.make("setup")
    house.calls()
    house.folder = house.folder.rename(house.folder.parent / "elsewhere")
    assert "moved" in house.make("setup").stdout
    assert house.calls() == ["venv", "install"]


@needs_make
@pytest.mark.parametrize("version", ["3.10", "3.14", None])
def test_an_unfit_python_is_refused_in_one_line(house: House, version: str | None):
    if version:
        house.interpreter(version=version, fits=False)
    done = house.make("train")
    (line, _) = done.stderr.splitlines()  # the other is make's own
    assert done.returncode != 0 and "3.11, 3.12 or 3.13" in line and "make train PYTHON=python3.11" in line
    assert (version or "not to be found") in line


@needs_make
def test_another_python_that_fits_is_found(house: House):
    house.interpreter("python3", version="3.9", fits=False)
    house.interpreter("python3.12", version="3.12")
    assert "Python 3.12" in house.make("setup").stdout


@needs_make
def test_a_python_that_was_asked_for_is_used_or_refused(house: House):
    house.interpreter("python3", version="3.11")
    house.make("setup")
    house.calls()
    house.interpreter("python3.13", version="3.13")
    assert "python3.13 was asked for" in house.make("setup", "PYTHON=python3.13").stdout
    assert house.calls() == ["venv", "install"]
    assert house.make("setup").stdout == "", "once it is there, it stays"
    assert "python3.12 is not to be found" in house.make("setup", "PYTHON=python3.12").stderr


@needs_make
def test_debian_without_venv_names_the_package(house: House):
    house.interpreter("python3.12", version="3.12", ensurepip=False)
    done = house.make("setup")
    (line, _) = done.stderr.splitlines()
    assert done.returncode != 0 and "sudo apt-get install python3.12-venv" in line


def test_the_makefile_suits_old_make():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert not re.search(r"ONESHELL|\$\(file |::=|define \w+ =", text), "macOS has GNU make 3.81"


@pytest.mark.skipif(os.name != "posix", reason="a script for Debian and Ubuntu")
def test_ci_run_is_a_sound_script_that_ends_with_make_test():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = script.read_text(encoding="utf-8").splitlines()
    assert (
        lines[0] == "#!/usr/bin/env bash" and "set -euo pipefail" in lines and lines[-1] == "exec make test"
    )
    assert subprocess.run(["bash", "-n", script], capture_output=True, check=False).returncode == 0
