"""Python and the packages: is everything there, in the version of constraints.txt?"""

from __future__ import annotations

import importlib.metadata
import platform
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omni_lib.machine.clone import INSTALL
from omni_lib.machine.doctor.finding import Finding

if TYPE_CHECKING:
    from packaging.requirements import Requirement


def _project(root: Path) -> dict[str, Any]:
    """The [project] table of pyproject.toml, or {} outside a clone."""
    file = root / "pyproject.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))["project"] if file.is_file() else {}


def python_version(root: Path) -> Iterator[Finding]:
    """Whether this Python is one that the project supports."""
    version = platform.python_version()
    wanted = _project(root).get("requires-python", "")
    try:
        from packaging.specifiers import SpecifierSet
    except ImportError:  # `packages_found` reports that it is missing
        fits = True
    else:
        fits = SpecifierSet(wanted).contains(version, prereleases=True)
    if fits:
        yield Finding("ok", "Python", version)
    else:
        yield Finding(
            "wrong",
            "Python",
            f"{version}, but the project needs {wanted}",
            "install Python 3.11, then run `make setup PYTHON=python3.11`",
        )


def packages_found(root: Path) -> Iterator[Finding]:
    """Every dependency is there, and everything that is there has the version of constraints.txt."""
    try:
        from packaging.requirements import Requirement
        from packaging.utils import canonicalize_name
    except ImportError:
        yield Finding("miss", "packaging", "not installed, so the other packages were not checked", INSTALL)
        return
    project = _project(root)
    if not project:
        yield Finding(
            "wrong",
            "omni-lib",
            f"not a clone: {root} has no pyproject.toml",
            "clone the project, and run `make setup` in its folder",
        )
        return
    if installed("omni-lib") is None:
        yield Finding("miss", "omni-lib", "not installed", INSTALL)

    pins = {canonicalize_name(pin.name): pin for pin in _pins(root)}
    optional = project["optional-dependencies"]
    for required, lines in (
        (True, project["dependencies"]),
        (False, optional["dev"]),
        (False, optional["beam"]),
    ):
        for line in lines:
            requirement = Requirement(line)
            if requirement.name == "omni-lib":
                continue
            yield _package(requirement, pins.pop(canonicalize_name(requirement.name), None), required)

    yield _further_packages(list(pins.values()))


def _further_packages(pins: Sequence[Requirement]) -> Finding:
    """The packages that only the dependencies need: one line, with the versions that differ."""
    others = [(pin, installed(pin.name)) for pin in pins]
    strays = [
        f"{pin.name} {version}"
        for pin, version in others
        if version and not pin.specifier.contains(version, prereleases=True)
    ]
    if strays:
        return Finding("wrong", "versions", f"not as in constraints.txt: {', '.join(strays)}", INSTALL)
    count = sum(version is not None for _, version in others)
    return Finding("ok", f"{count} further packages", "as in constraints.txt")


def _package(requirement: Requirement, pin: Requirement | None, required: bool) -> Finding:
    name, version = requirement.name, installed(requirement.name)
    if version is None:
        if name == "flashlight-text":
            usable = requirement.marker is None or requirement.marker.evaluate()
            why = "not installed" if usable else "has no build for this Python"
            return Finding(
                "note",
                name,
                f"{why}, so the project's readable, slower beam search is used",
                INSTALL if usable else "",
            )
        if required:
            return Finding("miss", name, "not installed", INSTALL)
        return Finding("note", name, "not installed, but only tests need it", INSTALL)
    wanted = pin.specifier if pin is not None else requirement.specifier
    if not wanted.contains(version, prereleases=True):
        return Finding(
            "wrong", name, f"{version}, but constraints.txt has {str(wanted).removeprefix('==')}", INSTALL
        )
    return Finding("ok", name, version)


def _pins(root: Path) -> list[Requirement]:
    from packaging.requirements import Requirement

    file = root / "constraints.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]


def installed(name: str) -> str | None:
    """The version of an installed package; None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
