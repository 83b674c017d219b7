"""Every `omni …` and `make …` that a README, a notebook, a docstring or a message advises exists.

Commands are found in backticks and single quotes, in blocks of code, and after a colon. Each is given to the
parser of the command line, with its options; only arguments may be missing, as in "what `omni export` made".
"""

import argparse
import ast
import dataclasses
import itertools
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from omni_lib import cli
from omni_lib.config import Config

ROOT = Path(__file__).resolve().parents[2]
MARKDOWN = sorted(path for path in ROOT.rglob("*.md") if not {".venv", ".venv-peers", "my"} & set(path.parts))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MODULES = sorted((ROOT / "omni_lib").rglob("*.py")) + sorted((ROOT / "tests" / "benchmarks").glob("*.py"))
OTHERS = [
    ROOT / "Makefile",
    ROOT / "environment.yml",
    ROOT / ".ci" / "run",
    *sorted((ROOT / "configs").glob("*.json")),
]

SETTINGS = {field.name for field in dataclasses.fields(Config)}
_QUOTED = re.compile(r"`((?:omni|make) [^`\n]+)`|'((?:omni|make) [a-z]+[^'\n]*)'")
# In a block of code, after its mark of a comment, its folder and what stands before && or two spaces.
_IN_CODE = re.compile(r"(?:\S*[\\/])?(omni [a-z][^\n]*|make [a-z]+(?: [A-Z]+=\S+)?)")
_AFTER_COLON = re.compile(r": (omni [^\n:]+)$", re.MULTILINE)


def commands(text: str) -> set[str]:
    """The commands that a text advises, with their arguments."""
    text = re.sub(r" *\\\n *", " ", text)  # a command that goes on in the next line
    found = {backticks or quotes for backticks, quotes in _QUOTED.findall(text)}
    found |= set(_AFTER_COLON.findall(text))
    for line in text.splitlines():
        if line.startswith(("  ", "\t", "#", "//")):
            pieces = re.split(r"&&|, |  +| #", line.strip().lstrip("#/").strip())
            found |= {match[1] for piece in pieces if (match := _IN_CODE.fullmatch(piece.strip()))}
    return found


def strings(tree: ast.AST) -> Iterator[str]:
    """The texts of a module, docstrings too, with X for what an f-string fills in."""
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


def texts_of(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from strings(ast.parse(text))
    elif path.suffix == ".ipynb":
        for cell in json.loads(text)["cells"]:
            yield "".join(cell["source"])
            for output in cell.get("outputs", []):
                yield "".join(output.get("text", []))
    else:
        yield text


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers below a parser, by name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def what_is_wrong(command: str, targets: set[str]) -> str:
    """Why a command cannot be given as it is printed, or ""."""
    program, *words = [word.rstrip(",.;:)") or word for word in shlex.split(command) if word != "|"]
    if program == "make":
        return " ".join(word for word in words if "=" not in word and word not in targets)
    return refusal(cli._parser(), words)


class Refused(Exception):
    """What argparse would print before it ends the process."""


def refuse(message: str) -> None:
    raise Refused(message)


def refusal(parser: argparse.ArgumentParser, words: list[str]) -> str:
    """What a parser has against these words, but for arguments that are missing."""
    below = subcommands(parser)
    if below and words:
        if set(words) <= below.keys():  # a list of them: omni data | train | …
            return ""
        if words[0] == "…":  # any of them
            return min((refusal(each, words[1:]) for each in below.values()), key=len)
        return refusal(below[words[0]], words[1:]) if words[0] in below else f"no such command: {words[0]}"
    errors = [
        f"no such option: {w}" for w in words if w[:2] == "--" and w not in parser._option_string_actions
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parser, "error", refuse)
        try:
            parser.parse_args([word.rstrip("…") for word in words if word != "…"])
        except Refused as refused:
            if not re.search("arguments are required|expected one argument", str(refused)):
                errors.append(str(refused))
    settings = [
        after for word, after in itertools.pairwise(words) if word == "--set" and after != "KEY=VALUE"
    ]
    errors += [f"no such setting: {each}" for each in settings if each.partition("=")[0] not in SETTINGS]
    errors += [
        f"no such file: {word}"
        for word in words
        if word.startswith("configs/") and not (ROOT / word).exists()
    ]
    return "; ".join(errors)


@pytest.fixture(scope="module")
def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize(
    "path", [*MARKDOWN, *NOTEBOOKS, *MODULES, *OTHERS], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_every_command_that_is_printed_exists(path: Path, targets: set[str]):
    found = {command for text in texts_of(path) for command in commands(text)}
    wrong = {command: fault for command in found if (fault := what_is_wrong(command, targets))}
    assert not wrong


def test_that_test_finds_what_it_is_for(targets: set[str]):
    assert commands("run `omni lab --workspace DIR`, or 'make lab'") == {
        "omni lab --workspace DIR",
        "make lab",
    }
    assert commands("    omni data synth     makes it\n    .venv/bin/omni lab # here") == {
        "omni data synth",
        "omni lab",
    }
    assert commands("the remedy: omni data synth --out data/audio") == {"omni data synth --out data/audio"}
    assert not what_is_wrong("omni evaluate --checkpoint PT --data CSV --decoder prefix", targets)
    assert "--werkspace" in what_is_wrong("omni lab --werkspace DIR", targets)
    assert "moo" in what_is_wrong("omni data moo", targets) and "moo" in what_is_wrong("make moo", targets)
    assert not what_is_wrong("omni data … --out DIR", targets) and what_is_wrong(
        "omni data … --uot DIR", targets
    )
    assert "lerning_rate" in what_is_wrong("omni train --config JSON --set lerning_rate=1", targets)
    assert "configs/an5.json" in what_is_wrong("omni train --config configs/an5.json", targets)
    assert "invalid choice" in what_is_wrong(
        "omni evaluate --checkpoint PT --data CSV --decoder wide", targets
    )
    everything = {c for path in [*MARKDOWN, *MODULES] for text in texts_of(path) for c in commands(text)}
    assert len(everything) > 50


def help_pages() -> list[tuple[str, ...]]:
    """The words of every `omni` command."""
    pages: list[tuple[str, ...]] = []

    def collect(parser: argparse.ArgumentParser, words: tuple[str, ...]) -> None:
        pages.append(words)
        for name, below in subcommands(parser).items():
            collect(below, (*words, name))

    collect(cli._parser(), ())
    return pages


@pytest.mark.parametrize("words", help_pages(), ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(" ".join(("usage: omni", *words)))


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
def test_make_accepts_each_of_its_targets(targets: set[str]):
    assert {"train", "test", "check", "lab", "notebooks", "faults", "doctor"} <= targets
    done = subprocess.run(
        ["make", "--dry-run", *sorted(targets)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
