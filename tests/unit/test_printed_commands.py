"""Every `omni …` and `make …` command that a README or a message names exists, with each of its options."""

import argparse
import re

import pytest

from omni_lib.cli.options import parser as parser_of_omni
from omni_lib.machine.clone import ROOT

DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / name / "README.md" for name in ("data", "notebooks", "tests", "tests/benchmarks")),
    ROOT / "omni_lib" / "course" / "README.md",
]
SOURCES = sorted((ROOT / "omni_lib").rglob("*.py"))
# A command is in backticks or quotes, follows a colon, or begins an indented line.
# In quotes, "make" is often a verb.
COMMAND = re.compile(
    r"""(?:[`'"]|: |^ {4,}(?:\$ )?)(omni +[a-z-][^`'"\n#|]*)|(?:`|^ {4,}(?:\$ )?)(make +[a-z-][^`'"\n#|]*)""",
    re.MULTILINE,
)


def commands() -> list[str]:
    """Each command once, as it is printed."""
    texts = [path.read_text(encoding="utf-8") for path in (*DOCUMENTS, *SOURCES) if path.is_file()]
    return sorted(
        {" ".join(found.split()) for text in texts for found in map("".join, COMMAND.findall(text))}
    )


def unknown_word(words: list[str]) -> str | None:
    """The first subcommand or option of `omni` that does not exist."""
    parser: argparse.ArgumentParser = parser_of_omni()
    for word in words:
        groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if word.startswith("--"):
            if word.split("=")[0].rstrip(".,;:)") not in parser._option_string_actions:
                return word
        elif groups:
            name = word.rstrip(".,;:)")
            if not re.fullmatch("[a-z0-9]+", name):  # a placeholder, as in `omni data …`
                return None
            if name not in groups[0].choices:
                return word
            parser = groups[0].choices[name]
    return None


def test_the_documents_and_messages_name_commands():
    found = commands()
    assert len(found) > 20
    assert any("lab --workspace" in command for command in found)
    assert any(command.startswith("make ") for command in found)


@pytest.mark.parametrize("command", [command for command in commands() if command.startswith("omni ")])
def test_an_omni_command_that_is_printed_exists(command):
    assert unknown_word(command.split()[1:]) is None


@pytest.mark.parametrize("command", [command for command in commands() if command.startswith("make ")])
def test_a_make_target_that_is_printed_exists(command):
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    target = command.split()[1].rstrip(".,;:)")
    assert re.search(rf"^{re.escape(target)}:", rules, re.MULTILINE)


@pytest.mark.parametrize("command", ["lab --nowhere FOLDER", "data nothing", "lm build --order=3 --none"])
def test_a_command_that_does_not_exist_is_noticed(command):
    assert unknown_word(command.split()) is not None
